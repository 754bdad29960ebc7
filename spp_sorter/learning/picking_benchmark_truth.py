"""A detector that knows the truth and errs by as much as it is told: it parts the tracker's errors from the network's.

Letters: N detections.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spp_sorter.geometry.camera import Camera
from spp_sorter.learning.picking_benchmark_belts import START_NS, BeltItem, BeltPlan, SeenItems, motion_of, stamp_of
from spp_sorter.values import LABELS, Detections, FloatArray, Grasps, IntArray

MIN_VISIBLE = 0.3
"""Items of which less is visible are not found, as in training."""


@dataclass(frozen=True, slots=True)
class TruthNoise:
    """How far the detector is off.

    Attributes:
        box_px: standard deviation of each side of a box.
        grasp_px: of each coordinate of the pick point, anew in every frame.
        bias_px: of each coordinate of the pick point, the same in all frames of an item.
        yaw_rad: of the long axis, anew in every frame.
        size: relative, of length and width.
        missed: share of the items that are not found, anew in every frame.
        certainty: parameters of the beta distribution of the true label's probability.
    """

    box_px: float = 1.5
    grasp_px: float = 1.5
    bias_px: float = 1.0
    yaw_rad: float = 0.06
    size: float = 0.05
    missed: float = 0.03
    certainty: tuple[float, float] = (8.0, 2.0)


def truth_detections(
    plan: BeltPlan, items: tuple[BeltItem, ...], seen: tuple[SeenItems, ...], noise: TruthNoise
) -> tuple[Detections, ...]:
    """What the detector says about every frame of a belt."""
    config = plan.world_config()
    camera = Camera(config.camera, config.camera_in_belt)
    by_id = {item.id: item for item in items}
    rng = np.random.default_rng([plan.seed, 23])
    bias = {item.id: rng.normal(0.0, 1.0, 2) * noise.bias_px for item in items}
    motion = motion_of(plan)
    found = []
    for frame, each in enumerate(seen):
        known = np.array([number in by_id for number in each.ids.tolist()], bool)
        visible = known & (each.visible >= MIN_VISIBLE) & (rng.random(len(each.ids)) >= noise.missed)
        rows = np.flatnonzero(visible)
        shown = [by_id[int(each.ids[row])] for row in rows]
        moved = motion.position_m(stamp_of(frame) - START_NS)
        shift = np.array([bias[item.id] for item in shown]).reshape(-1, 2)
        found.append(_detections(shown, each, rows, shift, moved, camera, noise, rng))
    return tuple(found)


def _detections(
    items: list[BeltItem],
    seen: SeenItems,
    rows: IntArray,
    bias_px: FloatArray,
    moved_m: float,
    camera: Camera,
    noise: TruthNoise,
    rng: np.random.Generator,
) -> Detections:
    num = len(items)
    if not num:
        return Detections.empty()
    tops = np.array([(item.s_m + moved_m, item.y_m, item.z_m) for item in items])
    yaws = np.array([item.yaw_rad for item in items])
    along = np.stack([np.cos(yaws), np.sin(yaws), np.zeros(num)], axis=1)
    tip = camera.project(tops + 0.01 * along) - camera.project(tops)
    scale = np.linalg.norm(tip, axis=1) / 0.01
    turn = np.arctan2(tip[:, 1], tip[:, 0]) + rng.normal(0.0, noise.yaw_rad, num)
    turn = np.pi / 2 - (np.pi / 2 - turn) % np.pi
    boxes = seen.boxes_xyxy[rows] + rng.normal(0.0, 1.0, (num, 4)) * noise.box_px
    height, width = camera.intrinsics.size_hw
    boxes = np.clip(boxes, 0.0, np.array([width, height, width, height], np.float64))
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1.0)
    points = seen.grasps_xy[rows] + bias_px + rng.normal(0.0, 1.0, (num, 2)) * noise.grasp_px
    points = np.clip(points, boxes[:, :2], boxes[:, 2:])
    sizes = np.array([item.size_m[:2] for item in items]) * scale[:, None]
    sizes *= np.exp(rng.normal(0.0, noise.size, (num, 2)))
    sure = np.clip(rng.beta(*noise.certainty, num), 0.02, 0.98)
    labels = np.array([LABELS.index(item.label) for item in items])
    probs = np.where((labels == 0)[:, None], np.stack([sure, 1 - sure], 1), np.stack([1 - sure, sure], 1))
    order = np.argsort(-probs.max(1), kind="stable")
    return Detections(
        boxes[order].astype(np.float32),
        probs[order].max(1).astype(np.float32),
        probs[order].argmax(1),
        probs[order].astype(np.float32),
        LABELS,
        Grasps(*(values[order].astype(np.float32) for values in (points, turn, sizes))),
    )

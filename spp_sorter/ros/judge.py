"""Judges a run of the simulated cell: what was seen and picked, against the truth of the belt.

Rules. Detections: COCO's average precision at IoU 0.5 over every processed frame, each box once per label it may have;
items of which less than 30 % is visible (hidden by others, or cut by the image's edge) are ignored: neither to be found
nor wrong to find. Picks: the gripper takes the item whose pick point is nearest to it when it closes; that item's label
decides whether the pick was right, and the distance in the belt's plane is the error. Farther than 10 cm from every
pick point it took nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spp_sorter.evaluation.measure import LOWEST_SCORE
from spp_sorter.evaluation.metrics import ANY_LABEL, GroundTruth, Prediction, average_precision_at
from spp_sorter.ros.cell import CellStart
from spp_sorter.ros.truth_messages import TrueBox
from spp_sorter.simulation.belt_world import BeltWorld
from spp_sorter.values import LABELS, Detections, PickTarget

MIN_VISIBLE = 0.3
"""Items of which less is visible are ignored, as in training and evaluation."""

MAX_GRASP_DISTANCE_M = 0.1

MIN_ASPECT = 1.5
"""Length over width from which an item's yaw is judged."""


@dataclass(frozen=True, slots=True)
class JudgedPick:
    """One closing of the gripper.

    Attributes:
        track_id: what the arm was told.
        stamp_ns: when it closed.
        item_id: the item that it took, None when it took nothing.
        label: that item's true label, empty when it took nothing.
        error_mm: distance from the gripper to that item's pick point in the belt's plane; to the nearest one when it
            took nothing, NaN when the belt was empty.
        yaw_error_deg: angle between the gripper's and the item's long axis, 0 to 90; NaN for an item that is less than
            1.5 times as long as wide, which has no long axis to speak of.
        right: whether it took an item with the label that it was sent for.
    """

    track_id: int
    stamp_ns: int
    item_id: int | None
    label: str
    error_mm: float
    yaw_error_deg: float
    right: bool


def judge_detections(
    truths: Mapping[int, Sequence[TrueBox]], found: Mapping[int, Detections], label_names: Sequence[str] = LABELS
) -> tuple[float, dict[str, float]]:
    """Average precision at IoU 0.5 over the processed frames.

    Args:
        truths: true boxes by the frame's stamp.
        found: detections by the frame's stamp; their ``label_names`` are ``label_names``.
        label_names: the label map.

    Returns:
        The mean over labels (NaN when nothing was to be found), and each label's.
    """
    stamps = [stamp for stamp in found if stamp in truths]
    ground_truths = [_ground_truth(truths[stamp], label_names) for stamp in stamps]
    predictions = [Prediction.of_every_label(found[stamp], LOWEST_SCORE) for stamp in stamps]
    each = average_precision_at(ground_truths, predictions, len(label_names), 0.5)
    known = each[~np.isnan(each)]
    return float(known.mean()) if len(known) else float("nan"), dict(zip(label_names, each.tolist(), strict=True))


def _ground_truth(boxes: Sequence[TrueBox], label_names: Sequence[str]) -> GroundTruth:
    ignore = np.array([box.visible_fraction < MIN_VISIBLE for box in boxes], bool)
    labels = np.array([label_names.index(box.label) for box in boxes], np.int64)
    corners = np.array([box.box_xyxy for box in boxes], np.float64).reshape(-1, 4)
    return GroundTruth(corners, np.where(ignore, ANY_LABEL, labels), ignore)


class PickJudge:
    """Knows where every item was at any stamp.

    Args:
        start: the cell's settings and first moment, as its camera published them.
    """

    def __init__(self, start: CellStart) -> None:
        self._start = start
        self._world = BeltWorld(start.settings.world_config())

    def judge(self, pick: PickTarget) -> JudgedPick:
        """Judge one executed pick: ``stamp_ns`` and ``point_belt`` are those of the grasp."""
        x, y = float(pick.point_belt[0]), float(pick.point_belt[1])
        items = self._world.true_items_at(pick.stamp_ns - self._start.start_ns, x - 0.5, x + 0.5)
        if not items:
            return JudgedPick(pick.track_id, pick.stamp_ns, None, "", float("nan"), float("nan"), False)
        distances = [float(np.hypot(item.point_belt[0] - x, item.point_belt[1] - y)) for item in items]
        nearest, distance_m = items[int(np.argmin(distances))], min(distances)
        turn = (pick.yaw_rad - nearest.yaw_rad + np.pi / 2) % np.pi - np.pi / 2
        length_m, width_m = float(nearest.size_m[0]), float(nearest.size_m[1])
        taken = distance_m <= MAX_GRASP_DISTANCE_M
        return JudgedPick(
            track_id=pick.track_id,
            stamp_ns=pick.stamp_ns,
            item_id=nearest.id if taken else None,
            label=nearest.label if taken else "",
            error_mm=distance_m * 1e3,
            yaw_error_deg=abs(float(np.degrees(turn))) if length_m >= MIN_ASPECT * width_m else float("nan"),
            right=taken and nearest.label == pick.label,
        )

    def crossed(
        self, labels: Iterable[str], from_ns: int, to_ns: int, line_x_m: float, reach: tuple[float, float]
    ) -> int:
        """Number of items with one of ``labels`` whose pick point crosses the pick line within reach.

        Args:
            labels: labels that count.
            from_ns: stamp of the beginning.
            to_ns: stamp of the end.
            line_x_m: x of the pick line in ``belt``.
            reach: smallest and greatest y.
        """
        start_ns = self._start.start_ns
        moved_m = self._world.belt_position_m(to_ns - start_ns) - self._world.belt_position_m(from_ns - start_ns)
        ends = sorted((line_x_m, line_x_m + moved_m))
        wanted = set(labels)
        items = self._world.true_items_at(to_ns - start_ns, ends[0], ends[1])
        return sum(item.label in wanted and reach[0] <= float(item.point_belt[1]) <= reach[1] for item in items)

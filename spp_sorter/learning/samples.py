"""Pictures with truth to learn from: rendered scenes, or a data set of the user's own.

Letters: G items of one picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import cv2
import numpy as np

from spp_sorter.evaluation.matching import ANY_LABEL
from spp_sorter.evaluation.records import Dataset, ImageRecord
from spp_sorter.geometry.camera import Camera
from spp_sorter.learning.pick_points import point_in_view
from spp_sorter.simulation.belt_world import BeltWorld
from spp_sorter.simulation.scene_config import random_world_config
from spp_sorter.values import FloatArray, ImageArray, IntArray, TrueItem

MIN_VISIBLE = 0.3
"""Items of which less is visible are ignored: neither item nor background."""

MIN_GRASP_VISIBLE = 0.5
"""Grasps are learned from items of which at least this much is visible."""

DENSITY_MIX = {"sparse": 0.35, "touching": 0.4, "bed": 0.25}
"""How often each density is trained on."""


@dataclass(frozen=True)
class TrainingSample:
    """One picture and what is in it, in its own pixels.

    Attributes:
        image_bgr: [H, W, 3] uint8.
        boxes_xyxy: [G, 4] float32.
        labels: [G] int64; any number where ``ignore``.
        ignore: [G] bool.
        grasps: [G, 5] float32 point x, y, yaw, length, width; NaN where unknown.
    """

    image_bgr: ImageArray
    boxes_xyxy: FloatArray
    labels: IntArray
    ignore: np.ndarray
    grasps: FloatArray


class SampleSource(Protocol):
    """Anything that training can draw from."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> TrainingSample: ...


def density_of(seed: int) -> str:
    """The density of the scene that ``render_scene`` makes of a seed."""
    return str(np.random.default_rng([seed, 7]).choice(list(DENSITY_MIX), p=list(DENSITY_MIX.values())))


def render_scene(seed: int, label_names: Sequence[str], split: Literal["train", "test", "all"]) -> TrainingSample:
    """One scene of the simulated belt, everything in it drawn from its seed.

    Args:
        seed: of the scene.
        label_names: order of the labels.
        split: sprites to show.
    """
    world = BeltWorld(random_world_config(seed, density_of(seed), split))
    frame = world.render(0)
    assert frame.truth is not None  # truth is rendered by default
    camera = Camera(world.intrinsics, world.camera_in_belt)
    items = [item for item in frame.truth.items if np.isfinite(item.box_xyxy).all()]
    grasps = np.array([grasp_in_image(item, camera) for item in items], np.float32).reshape(-1, 5)
    for item, grasp in zip(items, grasps, strict=True):
        if np.isfinite(grasp).all():
            grasp[:2] = point_in_view(frame.truth.masks_id, item.id, item.box_xyxy, grasp[:2])
    return TrainingSample(
        frame.image_bgr,
        np.array([item.box_xyxy for item in items], np.float32).reshape(-1, 4),
        np.array([label_names.index(item.label) for item in items], np.int64),
        np.array([item.visible_fraction < MIN_VISIBLE for item in items], bool),
        grasps,
    )


class DatasetSamples:
    """Pictures of a data set; grasps come from the masks where there are any."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> TrainingSample:
        record = self.dataset.records[index]
        return TrainingSample(
            record.read_image(),
            record.boxes_xyxy.astype(np.float32),
            np.maximum(record.labels, 0),
            record.ignore | (record.labels == ANY_LABEL),
            _mask_grasps(record),
        )


def grasp_in_image(item: TrueItem, camera: Camera) -> FloatArray:
    """[5] pick point, yaw, length and width as the camera sees them at the height of the item's top, pixels.

    NaN for an item of which so little is visible that nobody could tell.
    """
    height, width = camera.intrinsics.size_hw
    inside = (item.grasp_xy >= 0).all() and (item.grasp_xy <= (width, height)).all()
    if not inside or item.visible_fraction < MIN_GRASP_VISIBLE:
        return np.full(5, np.nan, np.float32)
    point = item.point_belt
    along = np.array([np.cos(item.yaw_rad), np.sin(item.yaw_rad), 0.0])
    across = np.array([-along[1], along[0], 0.0])
    ends = np.stack(
        [along * item.size_m[0], -along * item.size_m[0], across * item.size_m[1], -across * item.size_m[1]]
    )
    pixels = camera.project(point + ends / 2)
    axis = pixels[0] - pixels[1]
    yaw = np.arctan2(axis[1], axis[0])
    yaw = (yaw + np.pi / 2) % np.pi - np.pi / 2
    size = np.linalg.norm(axis), np.linalg.norm(pixels[2] - pixels[3])
    return np.array([*item.grasp_xy, yaw, *size], np.float32)


def mask_grasp(mask: np.ndarray) -> FloatArray:
    """[5] pick point, yaw, length and width of a [H, W] bool mask; NaN for an empty one.

    The point is the mask's centroid, or the nearest place on the mask that has room; the rest is its rectangle of
    least area.
    """
    y, x = np.nonzero(mask)
    if len(x) == 0:
        return np.full(5, np.nan, np.float32)
    box = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])
    point = point_in_view(mask, True, box, np.array([x.mean() + 0.5, y.mean() + 0.5]))
    _, (width, height), degrees = cv2.minAreaRect(np.stack([x, y], axis=1).astype(np.float32))
    yaw = np.radians(degrees if width >= height else degrees + 90)
    yaw = (yaw + np.pi / 2) % np.pi - np.pi / 2
    return np.array([*point, yaw, max(width, height) + 1, min(width, height) + 1], np.float32)


def _mask_grasps(record: ImageRecord) -> FloatArray:
    unknown = np.full(5, np.nan, np.float32)
    rows = [unknown if mask is None else mask_grasp(mask.decode()) for mask in record.masks]
    return np.array(rows, np.float32).reshape(-1, 5)

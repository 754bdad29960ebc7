"""Where tracks are expected in the frame that comes next.

Letters: T tracks, A of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spp_sorter.geometry.belt import BeltPosition
from spp_sorter.geometry.camera import Camera
from spp_sorter.picking.grasp import BEYOND_PX, EDGE_PX
from spp_sorter.picking.repeats import Sights
from spp_sorter.picking.track_table import points_at
from spp_sorter.values import FloatArray, IntArray

_BEYOND = np.array([-BEYOND_PX, -BEYOND_PX, BEYOND_PX, BEYOND_PX])
_OUTWARD = np.sign(_BEYOND)
_NOWHERE = (-1e6, -1e6, -1e6 + 1.0, -1e6 + 1.0)  # the box of an item out of view
_SIGHT_MARGIN_PX = 30.0  # an item whose pick point is this far inside the image ought to be detected


@dataclass(frozen=True, slots=True)
class Predicted:
    """Tracks moved to the frame's stamp.

    Attributes:
        ground_xy: [T, 2] where the line of sight of the pick point meets the belt.
        boxes_xyxy: [T, 4] boxes in camera pixels, within ``BEYOND_PX`` of the image.
        in_view: [T] bool, some of the box is within ``BEYOND_PX`` of the image.
        in_sight: [T] bool, well inside the image.
        cut: [T] bool, the box touches the image's edge.
    """

    ground_xy: FloatArray
    boxes_xyxy: FloatArray
    in_view: npt.NDArray[np.bool_]
    in_sight: npt.NDArray[np.bool_]
    cut: npt.NDArray[np.bool_]


def predict(table: npt.NDArray[Any], belt: BeltPosition, camera: Camera) -> Predicted:
    """Move all tracks of a table to the belt's position."""
    points = points_at(table, belt)
    origin = camera.camera_in_belt.translation
    share = points[:, 2:] / origin[2]
    ground = (points[:, :2] - origin[:2] * share) / (1.0 - share)
    pixels = camera.project(points)
    height, width = camera.intrinsics.size_hw
    edges = np.array([-0.5, -0.5, width - 0.5, height - 0.5])
    boxes = table["box"] + np.concatenate([pixels, pixels], axis=1)
    margin = np.minimum(0.5 * (boxes[:, 2:] - boxes[:, :2]), _SIGHT_MARGIN_PX)
    beyond = edges + _BEYOND
    # A side that was cut may show more of the item now: it reaches the edge until seen otherwise.
    boxes = np.where(table["cut_sides"], beyond, boxes)
    np.maximum(boxes[:, :2], beyond[:2], out=boxes[:, :2])
    np.minimum(boxes[:, 2:], beyond[2:], out=boxes[:, 2:])
    with np.errstate(invalid="ignore"):
        inside = (pixels > edges[:2] + margin) & (pixels < edges[2:] - margin)
        at_edge = (boxes - edges) * _OUTWARD > -EDGE_PX
        spread = boxes[:, 2:] > boxes[:, :2]
    in_sight, in_view = inside[:, 0] & inside[:, 1], spread[:, 0] & spread[:, 1]
    boxes[~in_view] = _NOWHERE
    return Predicted(ground, boxes, in_view, in_sight, at_edge.any(1))


def sights_of(table: npt.NDArray[Any], rows: IntArray, predicted: Predicted) -> Sights:
    """Where tracks [A] of before this frame should be seen in it."""
    angles = 0.5 * np.arctan2(table["axis"][rows, 1], table["axis"][rows, 0])
    axes = np.empty((len(rows), 2))
    np.cos(angles, out=axes[:, 0])
    np.sin(angles, out=axes[:, 1])
    return Sights(predicted.boxes_xyxy[rows], predicted.ground_xy[rows], axes, table["size"][rows])

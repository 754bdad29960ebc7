"""How good predicted grasps are, judged by the items' masks and their true axes.

Angles are those of an axis: 10 degrees and 190 degrees are the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

MIN_ASPECT = 1.5
"""Items rounder than this have no long axis to speak of: their yaw is not judged."""


@dataclass(frozen=True, slots=True)
class AxisBox:
    """The true axis and size of an item in a picture.

    Attributes:
        yaw_rad: its long side from +x towards +y of the image, in (-pi/2, pi/2].
        length_px: its long side.
        width_px: its short side.
    """

    yaw_rad: float
    length_px: float
    width_px: float


@dataclass(frozen=True, slots=True)
class GraspError:
    """One grasp against one item.

    Attributes:
        object: the name of the item's object.
        inside: whether the pick point lies on the item's mask.
        yaw_deg: error of the long axis in degrees, NaN for an item that is round or not seen whole.
        size: relative errors of length and width, NaN for an item that is not seen whole.
    """

    object: str
    inside: bool
    yaw_deg: float
    size: tuple[float, float]


def axis_box(mask: npt.NDArray) -> AxisBox | None:
    """The smallest rectangle around a [H, W] mask, or None when it is empty."""
    points = np.argwhere(mask)[:, ::-1]
    if len(points) == 0:
        return None
    corners = cv2.boxPoints(cv2.minAreaRect(points.astype(np.float32)))
    first, second = corners[1] - corners[0], corners[2] - corners[1]
    # The rectangle runs through pixel centres; half a pixel more on each side reaches the pixels' edges.
    sides = float(np.hypot(*first)) + 1.0, float(np.hypot(*second)) + 1.0
    axis = first if sides[0] >= sides[1] else second
    if not axis.any():
        axis = np.array([1.0, 0.0])
    return AxisBox(fold(math.atan2(float(axis[1]), float(axis[0]))), max(sides), min(sides))


def fold(yaw_rad: float) -> float:
    """The same axis in (-pi/2, pi/2]."""
    folded = math.remainder(yaw_rad, math.pi)
    return math.pi / 2 if folded <= -math.pi / 2 else folded


def grasp_error(
    mask: npt.NDArray,
    axis: AxisBox | None,
    point_xy: npt.NDArray,
    yaw_rad: float,
    size_px: npt.NDArray,
    name: str = "",
) -> GraspError:
    """Judge one grasp.

    Args:
        mask: [H, W] bool, the item's visible pixels.
        axis: its true axis and size; None where they are not seen, then only the pick point is judged.
        point_xy: [2] pick point, pixels on pixel edges.
        yaw_rad: long axis from +x towards +y of the image.
        size_px: [2] length and width, pixels.
        name: of the item's object.
    """
    column, row = math.floor(point_xy[0]), math.floor(point_xy[1])
    inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1] and bool(mask[row, column])
    if axis is None:
        return GraspError(name, inside, math.nan, (math.nan, math.nan))
    long_enough = axis.length_px >= MIN_ASPECT * axis.width_px
    yaw_deg = abs(math.degrees(fold(float(yaw_rad) - axis.yaw_rad))) if long_enough else math.nan
    length, width = (float(value) for value in size_px)
    errors = abs(length - axis.length_px) / axis.length_px, abs(width - axis.width_px) / axis.width_px
    return GraspError(name, inside, yaw_deg, errors)

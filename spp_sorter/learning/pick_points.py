"""Where training wants an item to be picked: on what is seen of it, and not at its very edge.

The centroid of a ring, a fork or a bent rope lies beside it, and the pixel of it that is nearest to the centroid on its
rim, where the least error misses it. An item's own centroid may also lie under another item, which an arm would take
in its place.
"""

from __future__ import annotations

import cv2
import numpy as np

from spp_sorter.values import FloatArray

CLEARANCE_PX = 3.0
"""How far inside the visible part a pick point lies, where there is room."""

ROOM = 0.75
"""On a part too thin for that: this share of the largest clearance that it has."""


def point_with_room(visible: np.ndarray, point_xy: FloatArray) -> FloatArray:
    """The point itself where it has room on the mask, else the centre of the nearest pixel that has.

    Args:
        visible: [H, W] bool or uint8, not 0 where the item is seen; what lies outside is not the item.
        point_xy: [2] pixels on pixel edges, inside the mask's frame or not.

    Returns:
        [2] float64; ``point_xy`` where nothing of the item is seen.
    """
    solid = np.pad(np.asarray(visible, np.uint8), 1)
    clearance = cv2.distanceTransform(solid, cv2.DIST_L2, 5)[1:-1, 1:-1]  # to the nearest pixel that is not the item
    wanted = min(CLEARANCE_PX, ROOM * float(clearance.max(initial=0.0)))
    x, y = float(point_xy[0]), float(point_xy[1])
    column, row = int(np.floor(x)), int(np.floor(y))
    height, width = clearance.shape
    here = 0 <= row < height and 0 <= column < width and clearance[row, column] >= wanted
    if here or wanted <= 0:
        return np.array([x, y])
    rows, columns = np.nonzero(clearance >= wanted)
    nearest = int(np.argmin((columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2))
    return np.array([columns[nearest] + 0.5, rows[nearest] + 0.5])


def point_in_view(ids: np.ndarray, item: int, box_xyxy: FloatArray, point_xy: FloatArray) -> FloatArray:
    """``point_with_room`` of one of the items of a picture.

    Args:
        ids: [H, W] integers, the item that is seen in every pixel.
        item: its number.
        box_xyxy: [4] box of its visible pixels.
        point_xy: [2] where it would be picked were it seen whole.
    """
    left, top = (max(int(np.floor(value)), 0) for value in box_xyxy[:2])
    right, bottom = (int(np.ceil(value)) for value in box_xyxy[2:])
    corner = np.array([left, top], np.float64)
    return point_with_room(ids[top:bottom, left:right] == item, point_xy - corner) + corner

"""A piece of strip and how one item is laid on it: colour, height and item id in belt-fixed coordinates.

Row 0 is the greatest y, column 0 the smallest s: a strip looks as the default camera sees it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from spp_sorter.simulation.placement import PlacedItem
from spp_sorter.values import FloatArray, ImageArray, IntArray


@dataclass
class Canvas:
    """A piece of strip under construction, or finished.

    Attributes:
        left_m: belt-fixed s of its left edge.
        top_m: y of its upper edge.
        metres_per_px: its resolution.
        top_bgr: [H, W, 3] uint8 what a camera straight above sees.
        ground_bgr: [H, W, 3] uint8 the bare belt under it.
        heights: [H, W, 2] uint8 upper and lower surface of what lies there, mm; 0, 0 where nothing lies.
        ids: [H, W] int32 item ids, 0 for belt and bed.
    """

    left_m: float
    top_m: float
    metres_per_px: float
    top_bgr: ImageArray
    ground_bgr: ImageArray
    heights: ImageArray
    ids: IntArray


def draw_item(canvas: Canvas, item: PlacedItem, shade: FloatArray, item_id: int) -> None:
    """Lay one item on the canvas: it shows wherever it rises above what lies there already.

    Args:
        canvas: changed in place.
        item: the item.
        shade: [h, w] float32 brightness of the shape's pixels.
        item_id: number to write into ``ids``.
    """
    affine = item.affine_to_pixels(canvas.left_m, canvas.top_m, canvas.metres_per_px)
    height, width = item.shape.size_px
    corners = affine @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
    rows, columns = canvas.ids.shape
    left, right = max(math.floor(corners[0].min()), 0), min(math.ceil(corners[0].max()) + 1, columns)
    top, bottom = max(math.floor(corners[1].min()), 0), min(math.ceil(corners[1].max()) + 1, rows)
    if right - left < 1 or bottom - top < 1:
        return
    affine[:, 2] -= (left, top)
    size_wh = (right - left, bottom - top)
    here = (slice(top, bottom), slice(left, right))
    colors = cv2.transform(item.shape.bgr, item.color.astype(np.float32))
    lit = cv2.multiply(colors, cv2.merge([shade] * 3), dtype=cv2.CV_8U)
    source = cv2.warpAffine(lit, affine, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    masks = cv2.warpAffine(cv2.merge([item.shape.solid, item.shape.alpha]), affine, size_wh, flags=cv2.INTER_LINEAR)
    surfaces = cv2.warpAffine(item.shape.surfaces, affine, size_wh, flags=cv2.INTER_LINEAR)
    old = canvas.heights[here]
    upper = np.clip(surfaces[..., 0] * item.scale + (item.base_mm + 0.5), 1, 255).astype(np.uint8)
    wins = (masks[..., 0] >= 128) & (upper > old[..., 0])
    occupied = old[..., 0] > 0
    lower = np.clip(surfaces[..., 1] * item.scale + item.base_mm, 0, 255).astype(np.uint8)
    # a column that holds several things is filled from the lowest of them
    lower = np.where(occupied, np.minimum(lower, old[..., 1]), lower)
    old[..., 0][wins] = upper[wins]
    old[..., 1][wins] = lower[wins]
    canvas.ids[here][wins] = item_id
    visible = wins | ((masks[..., 0] < 128) & ~occupied)
    weight = np.where(visible, masks[..., 1], 0).astype(np.float32) / 255.0
    target = canvas.top_bgr[here]
    target[...] = cv2.blendLinear(source, np.ascontiguousarray(target), weight, 1.0 - weight)

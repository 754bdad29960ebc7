"""A piece of strip and how one item is laid on it: colour, height and item id in belt-fixed coordinates.

Row 0 is the greatest y, column 0 the smallest s: a strip looks as the default camera sees it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spp_sorter.simulation.look import UNIT_GAIN
from spp_sorter.simulation.placed_item import PlacedItem
from spp_sorter.simulation.untyped import cv2
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


def patch_of(canvas: Canvas, affine: FloatArray, size_px: tuple[int, int]) -> tuple[slice, slice] | None:
    """Rows and columns of the canvas that an image of ``size_px`` (h, w) mapped by ``affine`` [2, 3] reaches."""
    height, width = size_px
    corners = affine @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
    rows, columns = canvas.ids.shape
    left, right = max(math.floor(corners[0].min()), 0), min(math.ceil(corners[0].max()) + 1, columns)
    top, bottom = max(math.floor(corners[1].min()), 0), min(math.ceil(corners[1].max()) + 1, rows)
    return (slice(top, bottom), slice(left, right)) if right > left and bottom > top else None


def draw_item(canvas: Canvas, item: PlacedItem, gain: ImageArray, item_id: int, pressed: bool = False) -> None:
    """Lay one item on the canvas: it shows wherever it rises above what lies there already.

    Args:
        canvas: changed in place.
        item: the item.
        gain: [h, w] uint8 brightness of the shape's pixels, ``UNIT_GAIN`` is 1.
        item_id: number to write into ``ids``.
        pressed: it shows everywhere, because it has pressed down what is under it.
    """
    affine = item.affine_to_pixels(canvas.left_m, canvas.top_m, canvas.metres_per_px)
    here = patch_of(canvas, affine, item.shape.size_px)
    if here is None:
        return
    affine[:, 2] -= (here[1].start, here[0].start)
    size_wh = (here[1].stop - here[1].start, here[0].stop - here[0].start)
    albedo = cv2.warpAffine(item.shape.bgr, affine, size_wh, borderMode=cv2.BORDER_REPLICATE)
    masks = cv2.warpAffine(cv2.merge([item.shape.solid, item.shape.alpha, gain]), affine, size_wh)
    surfaces = cv2.warpAffine(item.shape.surfaces, affine, size_wh)
    solid, alpha, shade = cv2.split(masks)
    colors = cv2.transform(albedo, item.color.astype(np.float32))
    source = cv2.multiply(colors, cv2.merge([shade] * 3), scale=1.0 / UNIT_GAIN)
    old_top, old_bottom = canvas.heights[here][..., 0], canvas.heights[here][..., 1]
    upper = np.clip(surfaces[..., 0] * np.float32(item.scale) + np.float32(item.base_mm + 0.5), 1, 255).astype(np.uint8)
    lower = np.clip(surfaces[..., 1] * np.float32(item.scale) + np.float32(item.base_mm), 0, 255).astype(np.uint8)
    inside = solid >= 128
    wins = inside if pressed else inside & (upper > old_top)
    # the soft rim blends with what is beside the item; a column of several things is filled from the lowest of them
    occupied = old_top > 0
    alpha[~(wins | ~(inside | occupied))] = 0
    np.minimum(lower, old_bottom, out=lower, where=occupied)
    np.copyto(old_top, upper, where=wins)
    np.copyto(old_bottom, lower, where=wins)
    np.copyto(canvas.ids[here], np.int32(item_id), where=wins)
    target = canvas.top_bgr[here]
    weight = alpha.astype(np.float32) * np.float32(1.0 / 255.0)
    target[...] = cv2.blendLinear(source, np.ascontiguousarray(target), weight, 1.0 - weight)

"""The truth about the items: silhouettes projected one by one, visible pixels counted in the id mask."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spp_sorter.geometry.camera import Camera
from spp_sorter.simulation.placed_item import PlacedItem
from spp_sorter.simulation.untyped import cv2
from spp_sorter.values import FloatArray, IntArray, TrueItem

_SUPERSAMPLING = 2


@dataclass(frozen=True)
class Silhouette:
    """One item as the camera would see it with nothing else on the belt.

    Attributes:
        item: the item.
        outlines_xy: [P, 2] outlines of its shape's cuts, image pixels (centre of the first is 0, 0).
        box_xyxy: [4] tight box, pixel edges, not clipped.
        point_belt: [3] its pick point.
        grasp_xy: [2] the pick point's pixel, pixel edges.
    """

    item: PlacedItem
    outlines_xy: FloatArray
    box_xyxy: FloatArray
    point_belt: FloatArray
    grasp_xy: FloatArray

    def shows_in(self, size_hw: tuple[int, int]) -> bool:
        """Whether its box meets the image."""
        left, top, right, bottom = self.box_xyxy
        return bool(left < size_hw[1] and right > 0 and top < size_hw[0] and bottom > 0)

    def num_pixels(self) -> float:
        """Area of the silhouette, pixels, whatever the image's borders."""
        corner = self.box_xyxy[:2] - 2.0
        size = np.ceil((self.box_xyxy[2:] - self.box_xyxy[:2] + 4.0) * _SUPERSAMPLING).astype(int)
        mask = np.zeros((int(size[1]), int(size[0])), np.uint8)
        lattice = np.round((self.outlines_xy - corner) * _SUPERSAMPLING).astype(np.int32)
        starts = self.item.shape.slices.starts
        for start, stop in zip(starts, (*starts[1:], len(lattice)), strict=True):
            cv2.fillPoly(mask, [lattice[start:stop]], 1)
        # Pick's theorem: a filled lattice polygon holds half its border's pixels too many
        inner = cv2.erode(mask, np.ones((3, 3), np.uint8))
        filled = float(cv2.countNonZero(mask))
        area: float = (filled + cv2.countNonZero(inner)) / 2 / _SUPERSAMPLING**2
        return max(area, 1.0)


def silhouettes(items: tuple[PlacedItem, ...], belt_position_m: float, camera: Camera) -> list[Silhouette]:
    """Project every item alone.

    Args:
        items: the items.
        belt_position_m: how far the belt has moved.
        camera: the camera.
    """
    if not items:
        return []
    everything = np.concatenate([points for item in items for points in (item.outlines_m, item.point_m[None])])
    everything[:, 0] += belt_position_m
    pixels = camera.project(everything)
    stops = np.cumsum([len(item.outlines_m) + 1 for item in items])
    starts = np.concatenate([[0], stops[:-1]])
    # the pick point lies inside the silhouette: it does not change the box
    lows = np.minimum.reduceat(pixels, starts, axis=0) + 0.5
    highs = np.maximum.reduceat(pixels, starts, axis=0) + 0.5
    boxes = np.concatenate([lows, highs], axis=1)  # [items, 4]
    return [
        Silhouette(item, pixels[start : stop - 1], box, everything[stop - 1], pixels[stop - 1] + 0.5)
        for item, start, stop, box in zip(items, starts, stops, boxes, strict=True)
        if np.isfinite(box).all()
    ]


def true_items(seen: list[Silhouette], ids: IntArray) -> tuple[TrueItem, ...]:
    """The truth about all items whose silhouette meets the image.

    Args:
        seen: silhouettes.
        ids: [H, W] int32 id of the visible item in each pixel.
    """
    height, width = ids.shape
    items = []
    for each in seen:
        if not each.shows_in((height, width)):
            continue
        left, top = max(math.floor(each.box_xyxy[0]) - 3, 0), max(math.floor(each.box_xyxy[1]) - 3, 0)
        right, bottom = math.ceil(each.box_xyxy[2]) + 3, math.ceil(each.box_xyxy[3]) + 3
        own = cv2.inRange(ids[top:bottom, left:right], each.item.id, each.item.id)
        count = cv2.countNonZero(own)
        box = np.full(4, np.nan)
        if count:
            x, y, w, h = cv2.boundingRect(own)
            box[:] = (x + left, y + top, x + left + w, y + top + h)
        items.append(_true_item(each, box, min(count / each.num_pixels(), 1.0) if count else 0.0))
    return tuple(items)


def _true_item(each: Silhouette, box_xyxy: FloatArray, visible_fraction: float) -> TrueItem:
    return TrueItem(
        id=each.item.id,
        object_name=each.item.name,
        label=each.item.label,
        box_xyxy=box_xyxy,
        full_box_xyxy=each.box_xyxy,
        visible_fraction=visible_fraction,
        grasp_xy=each.grasp_xy,
        point_belt=each.point_belt,
        yaw_rad=each.item.long_axis_rad,
        size_m=each.item.size_m,
    )


def unseen_item(each: Silhouette) -> TrueItem:
    """The truth that needs no frame: the visible box is NaN and the visible fraction 0."""
    return _true_item(each, np.full(4, np.nan), 0.0)

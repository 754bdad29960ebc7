"""A coarse grid of what already lies around one segment, to find free places and to push items together."""

from __future__ import annotations

import math

import numpy as np

from spp_sorter.simulation.placed_item import PlacedItem
from spp_sorter.simulation.scene_config import WorldConfig
from spp_sorter.simulation.untyped import cv2
from spp_sorter.values import FloatArray

_CELL_M = 0.004
_MARGIN_CELLS = 80


class Occupancy:
    """What already lies around one segment, on a coarse grid of heights."""

    def __init__(self, config: WorldConfig, start_m: float, neighbours: tuple[PlacedItem, ...]) -> None:
        self.start_m = start_m - _MARGIN_CELLS * _CELL_M
        self.y_top_m = config.belt_width_m / 2
        columns = math.ceil(config.segment_m / _CELL_M) + 2 * _MARGIN_CELLS
        rows = math.ceil(config.belt_width_m / _CELL_M)
        self.height_mm = np.zeros((rows, columns), np.float32)
        for item in neighbours:
            self.add(item)

    def footprint(self, item: PlacedItem) -> tuple[tuple[slice, slice], FloatArray]:
        """Region of the grid and, in it, the item's own height (0 outside its outline)."""
        affine = item.affine_to_pixels(self.start_m, self.y_top_m, _CELL_M)
        corners = item.to_strip(item.shape.footprint.corners_m)
        rows, columns = self.height_mm.shape
        left = max(math.floor((corners[:, 0].min() - self.start_m) / _CELL_M) - 1, 0)
        right = min(math.ceil((corners[:, 0].max() - self.start_m) / _CELL_M) + 1, columns)
        top = max(math.floor((self.y_top_m - corners[:, 1].max()) / _CELL_M) - 1, 0)
        bottom = min(math.ceil((self.y_top_m - corners[:, 1].min()) / _CELL_M) + 1, rows)
        if right <= left or bottom <= top:
            return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), np.float32)
        affine[:, 2] -= (left, top)
        size_wh = (right - left, bottom - top)
        solid = cv2.warpAffine(item.shape.solid, affine, size_wh, flags=cv2.INTER_NEAREST)
        own = cv2.warpAffine(item.shape.top_mm, affine, size_wh, flags=cv2.INTER_NEAREST) * item.scale
        return (slice(top, bottom), slice(left, right)), np.where(solid > 0, own, 0.0).astype(np.float32)

    def add(self, item: PlacedItem) -> None:
        """Lay the item down."""
        region, own = self.footprint(item)
        under = self.height_mm[region]
        np.maximum(under, np.where(own > 0, own + item.base_mm, 0.0), out=under)

    def is_free(self, item: PlacedItem, gap_m: float) -> bool:
        """Whether nothing lies within ``gap_m`` of the item."""
        region, own = self.footprint(item)
        reach = math.ceil(gap_m / _CELL_M)
        rows, columns = region
        wide = (
            slice(max(rows.start - reach, 0), min(rows.stop + reach, self.height_mm.shape[0])),
            slice(max(columns.start - reach, 0), min(columns.stop + reach, self.height_mm.shape[1])),
        )
        around = (self.height_mm[wide] > 0).astype(np.uint8)
        if not around.any():
            return True
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        blocked = cv2.dilate(around, kernel)
        inner = blocked[rows.start - wide[0].start :, columns.start - wide[1].start :]
        return not bool(np.any((inner[: own.shape[0], : own.shape[1]] > 0) & (own > 0)))

    def settle(
        self, item: PlacedItem, azimuth_rad: float, distance_m: float, most_over: float
    ) -> tuple[float, float, float] | None:
        """Push an item from ``distance_m`` away along ``azimuth_rad`` towards where it is, until it touches.

        Args:
            item: where it would end if nothing stopped it.
            azimuth_rad: direction that it comes from.
            distance_m: how far away it starts.
            most_over: it goes on while no more than this share of it lies over other things.

        Returns:
            how far it has still to go (m), the share of it that lies over other things and their median height there
            (mm); None when it met nothing, or went too deep in one step.
        """
        region, own = self.footprint(item)
        inside = own > 0
        total = int(np.count_nonzero(inside))
        best: tuple[float, float, FloatArray] | None = None
        for distance in np.arange(distance_m, 0.0, -_CELL_M):
            top = region[0].start - round(distance * math.sin(azimuth_rad) / _CELL_M)
            left = region[1].start + round(distance * math.cos(azimuth_rad) / _CELL_M)
            under = self.height_mm[max(top, 0) : top + own.shape[0], max(left, 0) : left + own.shape[1]]
            if under.shape != own.shape or not under.any():
                continue
            over = under * inside
            share = int(np.count_nonzero(over)) / max(total, 1)
            if share > most_over:
                break
            if share > 0.0:
                best = (float(distance), share, over)
        return None if best is None else (best[0], best[1], float(np.median(best[2][best[2] > 0])))

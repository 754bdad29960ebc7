"""The belt with everything on it as a strip of colour, height and item id in belt-fixed coordinates.

Nothing moves against the belt, so each segment is composed once, when it first comes into view. Row 0 of a strip is
its greatest y, column 0 its smallest s.
"""

from __future__ import annotations

import math
from collections import OrderedDict

import numpy as np

from spp_sorter.simulation.bed import Bed
from spp_sorter.simulation.canvas import Canvas, draw_item
from spp_sorter.simulation.look import apply_light, belt_texture, shading
from spp_sorter.simulation.placement import PlacedItem, Placement
from spp_sorter.simulation.scene_config import WorldConfig

_MARGIN_M = 0.1
_BESIDE_M = 0.04
_TILE_M = 1.0
_LARGEST_M = 0.3
_KEPT_SEGMENTS = 12


class Strip:
    """Composes segments of belt and hands out windows of them.

    Args:
        config: the world.
        placement: what lies where.
    """

    def __init__(self, config: WorldConfig, placement: Placement) -> None:
        self._config = config
        self._placement = placement
        self._px = config.metres_per_px
        self._columns = round(config.segment_m / self._px)
        self._rows = 2 * math.ceil((config.belt_width_m / 2 + _BESIDE_M) / self._px)
        self.top_m = self._rows / 2 * self._px
        self._segments: OrderedDict[int, Canvas] = OrderedDict()
        tile_columns = self._columns * max(1, math.ceil(_TILE_M / config.segment_m))
        rng = np.random.default_rng([config.seed, 2])
        self._tile = belt_texture(rng, config.belt, (self._rows, tile_columns), self._px)
        self._bed = Bed(config, placement.library, (self._rows, tile_columns)) if config.density == "bed" else None
        self._window: tuple[int, int, Canvas] | None = None

    def items(self, start_m: float, stop_m: float) -> tuple[PlacedItem, ...]:
        """Items of which some part may lie in [start, stop) of belt-fixed s."""
        first, last = self._index(start_m - _LARGEST_M), self._index(stop_m + _LARGEST_M)
        return tuple(
            item
            for index in range(first, last + 1)
            for item in self._placement.segment(index)
            if start_m <= item.s_m + item.radius_m and item.s_m - item.radius_m <= stop_m
        )

    def window(self, start_m: float, stop_m: float) -> Canvas:
        """A finished canvas that covers at least [start, stop) of belt-fixed s; whole segments, reused."""
        first, last = self._index(start_m), self._index(stop_m)
        if not self._config.endless:
            first, last = 0, 0
        if self._window is not None and self._window[0] <= first and last <= self._window[1]:
            return self._window[2]
        pieces = [self._segment(index) for index in range(first, last + 1)]
        canvas = pieces[0]
        if len(pieces) > 1:
            canvas = Canvas(
                canvas.left_m,
                canvas.top_m,
                canvas.metres_per_px,
                *(
                    np.concatenate([getattr(piece, name) for piece in pieces], axis=1)
                    for name in ("top_bgr", "ground_bgr", "heights", "ids")
                ),
            )
        self._window = (first, last, canvas)
        return canvas

    def _index(self, s_m: float) -> int:
        return math.floor(s_m / self._config.segment_m + 0.5)

    def _segment(self, index: int) -> Canvas:
        if index not in self._segments:
            self._segments[index] = self._compose(index)
            if len(self._segments) > _KEPT_SEGMENTS:
                self._segments.popitem(last=False)
        self._segments.move_to_end(index)
        return self._segments[index]

    def _compose(self, index: int) -> Canvas:
        margin = math.ceil(_MARGIN_M / self._px)
        start = index * self._columns - self._columns // 2
        columns = np.arange(start - margin, start + self._columns + margin) % self._tile.shape[1]
        ground = np.take(self._tile, columns, axis=1)
        left_m = (index - 0.5) * self._config.segment_m - margin * self._px
        shape = ground.shape[:2]
        canvas = Canvas(
            left_m,
            self.top_m,
            self._px,
            ground.copy(),
            ground,
            np.zeros((*shape, 2), np.uint8),
            np.zeros(shape, np.int32),
        )
        around = sorted((index - 1, index, index + 1), key=lambda number: (number % 2, number))
        if self._bed is not None:
            self._bed.spread(canvas, index, columns)
        for item in (item for number in around for item in self._placement.segment(number)):
            shade = shading(item.shape.normals, self._config.light, item.yaw_rad)
            draw_item(canvas, item, shade, item.id)
            if self._bed is not None:
                self._bed.cover(canvas, item, columns)
        canvas.top_bgr, canvas.ground_bgr = apply_light(
            canvas.top_bgr,
            canvas.ground_bgr,
            np.ascontiguousarray(canvas.heights[..., 0]),
            self._config.light,
            self._px,
        )
        inner = slice(margin, margin + self._columns)
        return Canvas(
            left_m + margin * self._px,
            self.top_m,
            self._px,
            *(
                np.ascontiguousarray(each[:, inner])
                for each in (canvas.top_bgr, canvas.ground_bgr, canvas.heights, canvas.ids)
            ),
        )

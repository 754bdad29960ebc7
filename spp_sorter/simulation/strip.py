"""The belt with everything on it as a strip of colour, height and item id in belt-fixed coordinates.

Nothing moves against the belt, so each piece is composed once, when it first comes into view. Row 0 of a strip is
its greatest y, column 0 its smallest s.
"""

from __future__ import annotations

import math
from collections import OrderedDict

import numpy as np

from spp_sorter.simulation.canvas import Canvas, draw_item
from spp_sorter.simulation.look import apply_light, belt_texture, shading
from spp_sorter.simulation.placed_item import PlacedItem
from spp_sorter.simulation.placement import Placement
from spp_sorter.simulation.scene_config import WorldConfig, tile_size

_MARGIN_M = 0.1
_PIECE_M = 0.25
_LARGEST_M = 0.3
_KEPT_PIECES = 16


class Strip:
    """Composes pieces of belt and hands out windows of them.

    Args:
        config: the world.
        placement: what lies where.
    """

    def __init__(self, config: WorldConfig, placement: Placement) -> None:
        self._config = config
        self._placement = placement
        self._px = config.metres_per_px
        self._columns = round((_PIECE_M if config.endless else config.segment_m) / self._px)
        self.top_m = tile_size(config)[0] / 2 * self._px
        self._pieces: OrderedDict[int, Canvas] = OrderedDict()
        rng = np.random.default_rng([config.seed, 2])
        self._tile = belt_texture(rng, config.belt, tile_size(config), self._px)
        self._bed = placement.bed
        self._window: tuple[int, int, Canvas] | None = None
        self._ahead = 0

    def items(self, start_m: float, stop_m: float) -> tuple[PlacedItem, ...]:
        """Items of which some part may lie in [start, stop) of belt-fixed s, in the order of their laying down."""
        return tuple(
            item
            for number in self._placement.segments_in(start_m - _LARGEST_M, stop_m + _LARGEST_M)
            for item in self._placement.segment(number)
            if start_m <= item.s_m + item.radius_m and item.s_m - item.radius_m <= stop_m
        )

    def window(self, start_m: float, stop_m: float) -> Canvas:
        """A finished canvas that covers at least [start, stop) of belt-fixed s; whole pieces, reused."""
        first, last = (self._piece_at(start_m), self._piece_at(stop_m)) if self._config.endless else (0, 0)
        if self._window is not None and self._window[0] <= first and last <= self._window[1]:
            self._prepare(first, last)
            return self._window[2]
        if self._window is not None:
            self._ahead = int(np.sign(first - self._window[0]))
        pieces = [self._piece(index) for index in range(first, last + 1)]
        canvas = pieces[0]
        if len(pieces) > 1:
            layers = (
                np.concatenate([getattr(piece, name) for piece in pieces], axis=1)
                for name in ("top_bgr", "ground_bgr", "heights", "ids")
            )
            canvas = Canvas(canvas.left_m, canvas.top_m, canvas.metres_per_px, *layers)
        self._window = (first, last, canvas)
        return canvas

    def _prepare(self, first: int, last: int) -> None:
        """Get the next piece ready while there is time: its items in one call, the piece itself in a later one."""
        if not self._ahead:
            return
        index = last + 1 if self._ahead > 0 else first - 1
        if index in self._pieces:
            return
        left_m, right_m = self._reach(index)
        for number in self._placement.segments_in(left_m - _LARGEST_M, right_m + _LARGEST_M):
            if not self._placement.is_known(number):
                self._placement.segment(number)
                return
        self._piece(index)

    def _piece_at(self, s_m: float) -> int:
        return math.floor(s_m / self._px / self._columns + 0.5)

    def _reach(self, index: int) -> tuple[float, float]:
        """Belt-fixed s from where to where a piece is composed, margins included."""
        start = index * self._columns - self._columns // 2
        return start * self._px - _MARGIN_M, (start + self._columns) * self._px + _MARGIN_M

    def _piece(self, index: int) -> Canvas:
        if index not in self._pieces:
            self._pieces[index] = self._compose(index)
            if len(self._pieces) > _KEPT_PIECES:
                self._pieces.popitem(last=False)
        self._pieces.move_to_end(index)
        return self._pieces[index]

    def _compose(self, index: int) -> Canvas:
        margin = math.ceil(_MARGIN_M / self._px)
        start = index * self._columns - self._columns // 2 - margin
        columns = np.arange(start, start + self._columns + 2 * margin) % self._tile.shape[1]
        ground = np.take(self._tile, columns, axis=1)
        heights = np.zeros((*ground.shape[:2], 2), np.uint8)
        ids = np.zeros(ground.shape[:2], np.int32)
        canvas = Canvas(start * self._px, self.top_m, self._px, ground.copy(), ground, heights, ids)
        left_m, right_m = canvas.left_m, canvas.left_m + ground.shape[1] * self._px
        if self._bed is not None:
            self._bed.spread(canvas, self._placement.segments_in(left_m, right_m), columns)
        for item in self.items(left_m, right_m):
            gain = shading(item.shape.normals, self._config.light, item.yaw_rad)
            draw_item(canvas, item, gain, item.id, pressed=self._bed is not None)
            if self._bed is not None:
                self._bed.cover(canvas, item, columns)
        top_mm = np.ascontiguousarray(heights[..., 0])
        top_bgr, ground_bgr = apply_light(canvas.top_bgr, ground, top_mm, self._config.light, self._px)
        inner = (slice(None), slice(margin, margin + self._columns))
        return Canvas(
            left_m=(start + margin) * self._px,
            top_m=self.top_m,
            metres_per_px=self._px,
            top_bgr=np.ascontiguousarray(top_bgr[inner]),
            ground_bgr=np.ascontiguousarray(ground_bgr[inner]),
            heights=np.ascontiguousarray(heights[inner]),
            ids=np.ascontiguousarray(ids[inner]),
        )

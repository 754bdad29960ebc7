"""Where items lie on the belt, for each density.

Belt-fixed coordinates: s along the belt (s = x of ``belt`` at time 0), y across it. Items of a segment have their
centre in it. Odd segments are filled after both their even neighbours, so that what lies where does not depend on
which segment is asked for first.
"""

from __future__ import annotations

import dataclasses
import math
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spp_sorter.simulation.item_shapes import ItemShape, wrap_half_turn
from spp_sorter.simulation.scene_config import WorldConfig
from spp_sorter.simulation.shape_library import ShapeLibrary
from spp_sorter.simulation.untyped import cv2
from spp_sorter.values import FloatArray

_CELL_M = 0.004
_EDGE_M = 0.006
_GAP_M = {"sparse": 0.014, "bed": 0.03}
_ITEMS_PER_M = {"sparse": 9.0, "touching": 20.0, "bed": 6.0}
_MAX_STACK_MM = 110.0
_MARGIN_CELLS = 80
MAX_ITEMS_PER_SEGMENT = 256
_KEPT_SEGMENTS = 64


@dataclass(frozen=True)
class PlacedItem:
    """One item that lies on the belt for ever.

    Attributes:
        id: positive, unique in its world.
        name: the sprite object's name.
        label: its label.
        shape: its pose's shape.
        s_m: belt-fixed position of the sprite's centre along the belt.
        y_m: position across the belt.
        yaw_rad: turn of the sprite about z.
        scale: size against the sprite's.
        base_mm: how high it lies on what is under it.
        color: [3, 3] matrix that jitters its BGR colours.
        visible_target: share of it that the bed leaves open; 1 outside ``bed``.
        cover_azimuth_rad: from where the bed covers it.
    """

    id: int
    name: str
    label: str
    shape: ItemShape
    s_m: float
    y_m: float
    yaw_rad: float
    scale: float
    base_mm: float
    color: FloatArray
    visible_target: float = 1.0
    cover_azimuth_rad: float = 0.0

    @property
    def top_mm(self) -> float:
        """Height of its highest point above the belt."""
        return self.base_mm + self.shape.height_mm * self.scale

    @property
    def radius_m(self) -> float:
        """No part of it lies further from the sprite's centre."""
        height, width = self.shape.size_px
        return math.hypot(height, width) / 2 * self.shape.metres_per_px * self.scale

    def to_strip(self, points_m: FloatArray) -> FloatArray:
        """View coordinates [N, 2] to belt-fixed s, y [N, 2]."""
        cos, sin = math.cos(self.yaw_rad) * self.scale, math.sin(self.yaw_rad) * self.scale
        result: FloatArray = points_m @ np.array([[cos, sin], [-sin, cos]]) + (self.s_m, self.y_m)
        return result

    def affine_to_pixels(self, s_left_m: float, y_top_m: float, metres_per_px: float) -> FloatArray:
        """[2, 3] map from the shape's pixels to those of a strip whose upper left corner is at (s_left, y_top)."""
        size = self.shape.metres_per_px * self.scale / metres_per_px
        cos, sin = math.cos(self.yaw_rad) * size, math.sin(self.yaw_rad) * size
        height, width = self.shape.size_px
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        linear = np.array([[cos, sin], [-sin, cos]])
        target = np.array([(self.s_m - s_left_m) / metres_per_px, (y_top_m - self.y_m) / metres_per_px]) - 0.5
        return np.column_stack([linear, target - linear @ centre])

    @cached_property
    def point_m(self) -> FloatArray:
        """[3] pick point: belt-fixed s, y, and the height of the item's top there, metres."""
        flat = self.to_strip(self.shape.footprint.point_m[None])[0]
        return np.array([*flat, (self.base_mm + self.shape.footprint.height_mm * self.scale) / 1000.0])

    @cached_property
    def outlines_m(self) -> FloatArray:
        """[P, 3] belt-fixed s, y and height of the outlines of its shape's cuts, metres."""
        cuts = self.shape.slices
        return np.column_stack([
            self.to_strip(cuts.points_m), (self.base_mm + cuts.heights_mm * self.scale) / 1000.0
        ])  # fmt: skip

    @cached_property
    def size_m(self) -> FloatArray:
        """[3] length and width of the footprint's minimum-area rectangle, and greatest height above the belt."""
        length, width = self.shape.footprint.size_m
        return np.array([length * self.scale, width * self.scale, self.top_mm / 1000.0])

    @cached_property
    def long_axis_rad(self) -> float:
        """Yaw of the footprint's long axis."""
        return wrap_half_turn(self.shape.footprint.yaw_rad + self.yaw_rad)


class _Occupancy:
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


class Placement:
    """Decides what lies where.

    Args:
        config: the world.
        library: the objects of the world's split.
    """

    def __init__(self, config: WorldConfig, library: ShapeLibrary) -> None:
        self._config = config
        self.library = library
        self._segments: OrderedDict[int, tuple[PlacedItem, ...]] = OrderedDict()

    def segments_in(self, start_m: float, stop_m: float) -> list[int]:
        """Numbers of the segments that meet [start, stop] of belt-fixed s, in the order in which they are filled."""
        if not self._config.endless:
            return [0]
        length = self._config.segment_m
        numbers = range(math.floor(start_m / length + 0.5), math.floor(stop_m / length + 0.5) + 1)
        return sorted(numbers, key=lambda number: (number % 2, number))

    def segment(self, number: int) -> tuple[PlacedItem, ...]:
        """The items whose centre lies in a segment, in the order in which they were laid down."""
        if number not in self._segments:
            self._segments[number] = self._fill(number)
            if len(self._segments) > _KEPT_SEGMENTS:
                self._segments.popitem(last=False)
        self._segments.move_to_end(number)
        return self._segments[number]

    def is_known(self, number: int) -> bool:
        """Whether a segment's items are at hand."""
        return number in self._segments

    def _fill(self, index: int) -> tuple[PlacedItem, ...]:
        config = self._config
        start_m = (index - 0.5) * config.segment_m
        neighbours = self.segment(index - 1) + self.segment(index + 1) if index % 2 and config.endless else ()
        occupancy = _Occupancy(config, start_m, neighbours)
        # negative entries are not allowed in seeds: even numbers for segments ahead, odd ones for those behind
        zigzag = 2 * index if index >= 0 else -2 * index - 1
        rng = np.random.default_rng([config.seed, zigzag, 1])
        per_m = config.items_per_m if config.items_per_m is not None else _ITEMS_PER_M[config.density]
        count = min(int(rng.poisson(per_m * config.segment_m)), MAX_ITEMS_PER_SEGMENT - 1)
        items: list[PlacedItem] = []
        first_id = zigzag * MAX_ITEMS_PER_SEGMENT + 1
        while count > 0:
            group = int(rng.integers(2, 7)) if config.density == "touching" else 1
            placed = self._group(rng, occupancy, start_m, min(group, count), first_id + len(items))
            items.extend(placed)
            count -= group
        return tuple(items)

    def _group(
        self, rng: np.random.Generator, occupancy: _Occupancy, start_m: float, size: int, first_id: int
    ) -> list[PlacedItem]:
        touching = self._config.density == "touching"
        gap_m = _GAP_M.get(self._config.density, 0.0)
        placed: list[PlacedItem] = []
        for _ in range(max(size, 2) if touching else 1):
            for _attempt in range(12):
                item = self._draw(rng, start_m, first_id + len(placed))
                if touching and placed:
                    settled = self._approach(rng, occupancy, item, placed[int(rng.integers(len(placed)))], start_m)
                else:
                    settled = item if self._fits(item, start_m) and occupancy.is_free(item, gap_m) else None
                if settled is not None:
                    occupancy.add(settled)
                    placed.append(settled)
                    break
        return placed

    def _approach(
        self, rng: np.random.Generator, occupancy: _Occupancy, item: PlacedItem, other: PlacedItem, start_m: float
    ) -> PlacedItem | None:
        """Push ``item`` towards ``other`` until it touches, or lies on it by a part of its own area."""
        azimuth = float(rng.uniform(0.0, 2 * math.pi))
        allowed = float(rng.uniform(0.03, 0.08) if rng.random() < 0.7 else rng.uniform(0.08, 0.35))
        reach = (max(item.shape.footprint.size_m) * item.scale + max(other.shape.footprint.size_m) * other.scale) / 2
        aimed = _moved(item, other.s_m, other.y_m)
        stopped = occupancy.settle(aimed, azimuth, reach + 0.01, allowed)
        if stopped is None:
            return None
        distance, share, under_mm = stopped
        base = under_mm * math.sqrt(share) * 0.8 if share > 0.08 else 0.0
        base = min(base, max(_MAX_STACK_MM - item.shape.height_mm * item.scale, 0.0))
        best = _moved(
            item, other.s_m + distance * math.cos(azimuth), other.y_m + distance * math.sin(azimuth), round(base)
        )
        return best if self._fits(best, start_m) else None

    def _draw(self, rng: np.random.Generator, start_m: float, item_id: int) -> PlacedItem:
        config = self._config
        share = 1.0 if config.density == "bed" else config.contaminant_share
        label = "non_compost" if rng.random() < share else "compost"
        chosen, shape = self.library.draw(rng, label)
        look = config.items
        return PlacedItem(
            id=item_id,
            name=chosen.name,
            label=chosen.label,
            shape=shape,
            s_m=start_m + float(rng.uniform(0.0, config.segment_m)),
            y_m=float(rng.uniform(-0.5, 0.5)) * config.belt_width_m,
            yaw_rad=float(rng.uniform(-math.pi, math.pi)),
            scale=1.0 + float(rng.uniform(-look.scale, look.scale)),
            base_mm=0.0,
            color=_color_matrix(
                float(rng.uniform(-look.hue_rad, look.hue_rad)),
                1.0 + float(rng.uniform(-look.saturation, look.saturation)),
                1.0 + float(rng.uniform(-look.brightness, look.brightness)),
            ),
            visible_target=float(rng.uniform(0.42, 0.82)) if config.density == "bed" else 1.0,
            cover_azimuth_rad=float(rng.uniform(-math.pi, math.pi)),
        )

    def _fits(self, item: PlacedItem, start_m: float) -> bool:
        across = item.to_strip(item.shape.footprint.corners_m)[:, 1]
        inside = start_m <= item.s_m < start_m + self._config.segment_m
        return inside and float(np.abs(across).max()) <= self._config.belt_width_m / 2 - _EDGE_M


def _moved(item: PlacedItem, s_m: float, y_m: float, base_mm: float = 0.0) -> PlacedItem:
    return dataclasses.replace(item, s_m=s_m, y_m=y_m, base_mm=base_mm)


def _color_matrix(hue_rad: float, saturation: float, brightness: float) -> FloatArray:
    """[3, 3] on BGR: a turn about the grey axis, then saturation and brightness."""
    cos, sin = math.cos(hue_rad), math.sin(hue_rad)
    root = math.sqrt(1.0 / 3.0)
    same, after, before = cos + (1 - cos) / 3, (1 - cos) / 3 - root * sin, (1 - cos) / 3 + root * sin
    turn = np.array([[same, after, before], [before, same, after], [after, before, same]])
    grey = np.full((3, 3), 1.0 / 3.0)
    result: FloatArray = brightness * (grey + saturation * (np.eye(3) - grey)) @ turn
    return result

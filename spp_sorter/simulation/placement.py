"""Where items lie on the belt, for each density.

Belt-fixed coordinates: s along the belt (s = x of ``belt`` at time 0), y across it. Items of a segment have their
centre in it. Odd segments are filled after both their even neighbours, so that what lies where does not depend on
which segment is asked for first.
"""

from __future__ import annotations

import dataclasses
import math
from collections import OrderedDict

import numpy as np

from spp_sorter.simulation.bed import Bed
from spp_sorter.simulation.occupancy import Occupancy
from spp_sorter.simulation.placed_item import PlacedItem
from spp_sorter.simulation.scene_config import WorldConfig
from spp_sorter.simulation.shape_library import ShapeLibrary
from spp_sorter.values import FloatArray

_EDGE_M = 0.006
_GAP_M = {"sparse": 0.014, "bed": 0.03}
_ITEMS_PER_M = {"sparse": 9.0, "touching": 20.0, "bed": 6.0}
_MAX_STACK_MM = 110.0
MAX_ITEMS_PER_SEGMENT = 256
_KEPT_SEGMENTS = 64


class Placement:
    """Decides what lies where.

    Args:
        config: the world.
        library: the objects of the world's split.

    Attributes:
        bed: the organic layer of ``bed``, None in other densities.
    """

    def __init__(self, config: WorldConfig, library: ShapeLibrary) -> None:
        self._config = config
        self.bed = Bed(config, library) if config.density == "bed" else None
        self._library = library
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
        occupancy = Occupancy(config, start_m, neighbours)
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
        self, rng: np.random.Generator, occupancy: Occupancy, start_m: float, size: int, first_id: int
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
                    settled = self._laid(item) if self._fits(item, start_m) and occupancy.is_free(item, gap_m) else None
                if settled is not None:
                    occupancy.add(settled)
                    placed.append(settled)
                    break
        return placed

    def _approach(
        self, rng: np.random.Generator, occupancy: Occupancy, item: PlacedItem, other: PlacedItem, start_m: float
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

    def _laid(self, item: PlacedItem) -> PlacedItem:
        return item if self.bed is None else dataclasses.replace(item, base_mm=self.bed.rest_mm(item))

    def _draw(self, rng: np.random.Generator, start_m: float, item_id: int) -> PlacedItem:
        config = self._config
        share = 1.0 if config.density == "bed" else config.contaminant_share
        label = "non_compost" if rng.random() < share else "compost"
        chosen, shape = self._library.draw(rng, label)
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
            visible_target=float(rng.uniform(0.42, 0.72)) if config.density == "bed" else 1.0,
            cover_azimuth_rad=float(rng.uniform(-math.pi, math.pi)),
        )

    def _fits(self, item: PlacedItem, start_m: float) -> bool:
        across = item.to_strip(item.shape.footprint.corners_m)[:, 1]
        inside = start_m <= item.s_m < start_m + self._config.segment_m
        return inside and float(np.abs(across).max()) <= self._config.belt_width_m / 2 - _EDGE_M


class GivenPlacement(Placement):
    """Items exactly where they are put, for scenes that are to be compared with others.

    Args:
        config: the world.
        library: what the organic layer of ``bed`` is made from.
        items: what lies where; on overlaps the later one lies on top as far as it is higher.
    """

    def __init__(self, config: WorldConfig, library: ShapeLibrary, items: tuple[PlacedItem, ...]) -> None:
        super().__init__(config, library)
        self._items = items

    def _fill(self, index: int) -> tuple[PlacedItem, ...]:
        return tuple(item for item in self._items if self.segments_in(item.s_m, item.s_m) == [index])


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

"""One item on the belt: where it lies, and its geometry in belt-fixed coordinates.

Belt-fixed coordinates: s along the belt (s = x of ``belt`` at time 0), y across it, z up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spp_sorter.simulation.item_shapes import ItemShape, wrap_half_turn
from spp_sorter.values import FloatArray


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

"""A sprite made ready for the belt: filled colours, upper and lower surface, normals, footprint, slices.

View coordinates: metres from the sprite's centre, x to the sprite's right, y up; heights in millimetres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spp_sorter.simulation.sprites import SpriteView
from spp_sorter.simulation.untyped import cv2
from spp_sorter.values import FloatArray, ImageArray

_PAD_PX = 6
_SLICE_SHARES = (0.0, 0.25, 0.5, 0.75, 0.97)
_MAX_SLOPE = 2.5
_LEAST_THICKNESS_MM = 10.0  # more than the camera pass steps over at any scale


@dataclass(frozen=True)
class Footprint:
    """The item's outline on the belt, in view coordinates.

    Attributes:
        point_m: [2] centroid, or the interior point nearest to it.
        height_mm: of the item's top at that point.
        yaw_rad: long axis of the minimum-area rectangle, from x towards y, in (-pi/2, pi/2].
        size_m: length and width of that rectangle.
        corners_m: [M, 2] its convex hull.
    """

    point_m: FloatArray
    height_mm: float
    yaw_rad: float
    size_m: tuple[float, float]
    corners_m: FloatArray


@dataclass(frozen=True)
class Slices:
    """The outlines of horizontal cuts through an item, one after the other.

    Attributes:
        points_m: [P, 2] in view coordinates.
        heights_mm: [P] height of each point's cut.
        starts: [S] index of each outline's first point.
    """

    points_m: FloatArray
    heights_mm: FloatArray
    starts: tuple[int, ...]


class ItemShape:
    """One resting pose of one object, ready to be laid on the belt at any yaw and scale.

    The lower surface is not in the sprite. Where the item is higher than half its height it is taken as the upper
    one mirrored at that half: exact for spheres, lying cylinders and boxes, close for most food and packaging.
    Without it the camera would see a wall from an item's widest outline straight down to the belt.

    Args:
        view: the sprite.

    Attributes:
        metres_per_px: of all arrays here, which are padded by a few pixels on each side.
        bgr: [h, w, 3] uint8, filled beyond the outline so that nothing bleeds in.
        alpha: [h, w] uint8.
        solid: [h, w] uint8, 255 inside the outline.
        top_mm: [h, w] float32 upper surface, carried on beyond the outline.
        bottom_mm: [h, w] float32 lower surface, likewise.
        surfaces: [h, w, 2] float32 both.
        height_mm: greatest height.
    """

    def __init__(self, view: SpriteView) -> None:
        pad = ((_PAD_PX, _PAD_PX), (_PAD_PX, _PAD_PX))
        rgba = np.pad(view.rgba, (*pad, (0, 0)))
        height = np.pad(view.height_mm, pad)
        self.metres_per_px = view.metres_per_px
        self.alpha: ImageArray = np.ascontiguousarray(rgba[..., 3])
        inside = (self.alpha >= 128) | ((height > 0) & (self.alpha >= 32))
        self.solid: ImageArray = inside.astype(np.uint8) * 255
        self.bgr: ImageArray = _filled(rgba[..., :3], inside).round().astype(np.uint8)
        measured = inside & (height > 0)
        top = np.maximum(_filled(height[..., None], measured)[..., 0], 1.0)
        self.top_mm: FloatArray = top.astype(np.float32)
        self.height_mm = float(self.top_mm[inside].max()) if inside.any() else 1.0
        # Below half the height the sides slope outwards (a cone): solid down to the belt. Thin things lie flat on it.
        overhangs = (self.top_mm >= 0.5 * self.height_mm - 0.5) & (self.height_mm > 8.0)
        lift = np.minimum(self.height_mm - self.top_mm - 1.0, self.top_mm - _LEAST_THICKNESS_MM)
        self.bottom_mm: FloatArray = np.where(overhangs, np.clip(lift, 0.0, None), 0.0).astype(np.float32)
        self.surfaces: FloatArray = cv2.merge([self.top_mm, self.bottom_mm])

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width of the arrays."""
        return self.solid.shape[0], self.solid.shape[1]

    def prepare(self) -> None:
        """Compute now what is otherwise computed when it is first asked for."""
        _ = (self.normals, self.footprint, self.slices)

    @cached_property
    def normals(self) -> FloatArray:
        """[h, w, 3] float32 unit normals of the upper surface: x right, y up, z to the camera."""
        smooth = cv2.GaussianBlur(self.top_mm, (0, 0), 1.6)
        scale = 1.0 / (8.0 * self.metres_per_px * 1000.0)
        slope_x = np.clip(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=scale), -_MAX_SLOPE, _MAX_SLOPE)
        slope_y = np.clip(cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=scale), -_MAX_SLOPE, _MAX_SLOPE)
        normals = np.dstack([-slope_x, slope_y, np.ones_like(slope_x)])
        result: FloatArray = normals / np.sqrt((normals**2).sum(2, keepdims=True))
        return result

    @cached_property
    def footprint(self) -> Footprint:
        """The outline on the belt."""
        rows, columns = np.nonzero(self.solid)
        points_px = np.column_stack([columns, rows]).astype(np.float32)
        centroid = points_px.mean(0)
        nearest = int(np.argmin(((points_px - centroid) ** 2).sum(1)))
        column, row = round(float(centroid[0])), round(float(centroid[1]))
        if self.solid[row, column]:
            point = centroid
        else:
            point, column, row = points_px[nearest], int(columns[nearest]), int(rows[nearest])
        hull = cv2.convexHull(points_px)[:, 0]
        corners = np.concatenate([np.add(hull, (dx, dy)) for dx in (-0.5, 0.5) for dy in (-0.5, 0.5)])
        hull_m = self.to_metres(cv2.convexHull(corners.astype(np.float32))[:, 0])
        length, width, yaw = _long_axis(hull_m)
        return Footprint(self.to_metres(point[None])[0], float(self.top_mm[row, column]), yaw, (length, width), hull_m)

    @cached_property
    def slices(self) -> Slices:
        """Horizontal cuts from the belt to the top; together they span the item's silhouette from any side."""
        outlines: list[FloatArray] = []
        heights: list[float] = []
        shares = _SLICE_SHARES if self.height_mm > 30.0 else _SLICE_SHARES[:: 2 if self.height_mm > 8.0 else 4]
        for level in (share * self.height_mm for share in shares):
            cut = (self.solid > 0) & (self.top_mm >= level) & (self.bottom_mm <= level)
            # twice the resolution puts the outline a quarter pixel from the true edge
            double = np.repeat(np.repeat(cut.astype(np.uint8), 2, 0), 2, 1)
            found, _ = cv2.findContours(double, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            largest = max((len(contour) for contour in found), default=0)
            for contour in found:
                if len(contour) > max(8, 0.15 * largest):
                    outline = cv2.approxPolyDP(contour, 1.2, True)[:, 0]
                    outlines.append(self.to_metres((outline - 0.5) / 2.0))
                    heights.append(level)
        counts = [len(outline) for outline in outlines]
        starts = tuple(int(start) for start in np.cumsum([0, *counts[:-1]])) if counts else ()
        points = np.concatenate(outlines) if outlines else self.footprint.corners_m
        return Slices(points, np.repeat(heights, counts) if outlines else np.zeros(len(points)), starts or (0,))

    def to_metres(self, points_px: FloatArray) -> FloatArray:
        """Pixels [N, 2] (centre of the first is 0, 0) to view coordinates [N, 2] float64."""
        height, width = self.size_px
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        result: FloatArray = (np.asarray(points_px, np.float64) - centre) * (self.metres_per_px, -self.metres_per_px)
        return result


def _filled(values: ImageArray, known: np.ndarray) -> FloatArray:
    """``values`` [h, w, C] as float32, carried on smoothly from where they are known."""
    channels = values.shape[2]
    data = (values * known[..., None]).astype(np.float32)
    weight = known.astype(np.float32)
    result: FloatArray = data.copy()
    missing = ~known
    for size in (5, 11, 31, 91):
        spread = cv2.blur(data, (size, size)).reshape(*known.shape, channels)
        total = cv2.blur(weight, (size, size))
        reached = missing & (total > 1e-4)
        result[reached] = spread[reached] / total[reached][:, None]
        missing = missing & ~reached
    return result


def _long_axis(hull_m: FloatArray) -> tuple[float, float, float]:
    """Length, width and yaw of the minimum-area rectangle around a hull [M, 2]."""
    corners = cv2.boxPoints(cv2.minAreaRect(hull_m.astype(np.float32))).astype(np.float64)
    first, second = corners[1] - corners[0], corners[2] - corners[1]
    length, width = float(np.hypot(*first)), float(np.hypot(*second))
    along = first if length >= width else second
    return max(length, width), min(length, width), wrap_half_turn(math.atan2(along[1], along[0]))


def wrap_half_turn(angle_rad: float) -> float:
    """The same axis in (-pi/2, pi/2]."""
    wrapped = math.fmod(angle_rad, math.pi)
    if wrapped > math.pi / 2:
        return wrapped - math.pi
    return wrapped + math.pi if wrapped <= -math.pi / 2 else wrapped

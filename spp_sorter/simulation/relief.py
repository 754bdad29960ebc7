"""The camera pass: one frame from a strip of height field, exact in parallax, occlusion and distortion.

A line of sight meets the plane at height h at ``x(h) = x(0) + h * drift``: ground point and drift of every pixel are
computed once. The strip is then searched along each line for the highest surface that it meets.

H x W is the image. Pixel coordinates have the centre of the first pixel at (0, 0).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spp_sorter.geometry.camera import Camera
from spp_sorter.simulation.canvas import Canvas
from spp_sorter.simulation.rays import normalised_rays
from spp_sorter.simulation.untyped import cv2
from spp_sorter.values import FloatArray, ImageArray, IntArray

ComplexArray = npt.NDArray[np.complex64]

_STEP_DRIFT_PX = 2.5
_STEP_MM = (2, 8)
_WALL_GAIN = 0.72
_SLACK_M = 0.03


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the image that something on the belt may show in, and how high that something is.

    Attributes:
        left, top, right, bottom: pixels, right and bottom excluded.
        height_mm: nothing in it is higher.
    """

    left: int
    top: int
    right: int
    bottom: int
    height_mm: int


@dataclass(frozen=True)
class View:
    """What the camera sees of the strip.

    Attributes:
        image_bgr: [H, W, 3] uint8.
        ids: [H, W] int32, 0 for belt and bed.
        height_mm: [H, W] uint8 height of the surface in each pixel.
    """

    image_bgr: ImageArray
    ids: IntArray
    height_mm: ImageArray


@dataclass(frozen=True)
class _Met:
    """Lines of sight that meet something on the belt.

    Attributes:
        pixels: [N] index into the flattened image.
        places: [N] complex64 where, x + iy in strip pixels (edge convention).
        cells: [N] index of that pixel into the flattened strip.
        on_wall: [N] bool, a steep side rather than an upper surface.
    """

    pixels: IntArray
    places: ComplexArray
    cells: IntArray
    on_wall: npt.NDArray[np.bool_]


class ReliefCamera:
    """One camera over the belt.

    Args:
        camera: its calibration.
        belt_width_m: beyond it is no belt: ``beside`` is set there.
    """

    def __init__(self, camera: Camera, belt_width_m: float) -> None:
        height, width = camera.intrinsics.size_hw
        self.size_hw = (height, width)
        rotation, origin = camera.camera_in_belt.rotation, camera.camera_in_belt.translation
        to_belt = np.column_stack([rotation[:, :2], rotation[:, 2]]).astype(np.float32)
        x, y, down = cv2.split(cv2.transform(normalised_rays(camera), to_belt))
        # what looks to the horizon or above sees the belt's far end
        self._down: FloatArray = np.minimum(down, -0.05)
        self._camera_height_m = float(origin[2])
        self._drift_xy: tuple[FloatArray, FloatArray] = (x / self._down, y / self._down)
        self._ground_xy: tuple[FloatArray, FloatArray] = (
            np.float32(origin[0]) - np.float32(origin[2]) * self._drift_xy[0],
            np.float32(origin[1]) - np.float32(origin[2]) * self._drift_xy[1],
        )
        self.ground_y_m: FloatArray = self._ground_xy[1]
        self.beside: ImageArray = (np.abs(self.ground_y_m) > belt_width_m / 2).astype(np.uint8) * 255
        self._resolution: float | None = None
        self._layers: tuple[Canvas, ImageArray] | None = None

    def reach_x(self, highest_m: float) -> tuple[float, float]:
        """Least and greatest x of ``belt`` that the image can show of things up to ``highest_m``."""
        ground, drift = self._ground_xy[0], self._drift_xy[0]
        ends = np.concatenate([ground[::8, ::8], ground[-1:, ::8], ground[::8, -1:].T, ground[-1:, -1:]], axis=None)
        drifts = np.concatenate([drift[::8, ::8], drift[-1:, ::8], drift[::8, -1:].T, drift[-1:, -1:]], axis=None)
        both = np.concatenate([ends, ends + highest_m * drifts])
        return float(both.min()) - _SLACK_M, float(both.max()) + _SLACK_M

    def look(self, canvas: Canvas, belt_position_m: float, regions: Iterable[Region]) -> View:
        """The view of a strip that has moved by ``belt_position_m``.

        Args:
            canvas: covers all that is in view.
            belt_position_m: x of ``belt`` = s + belt_position_m.
            regions: outside them nothing rises above the belt.
        """
        self._scale_to(canvas.metres_per_px)
        px = 1.0 / canvas.metres_per_px
        ground = cv2.merge([
            self._ground_px[0] - np.float32((belt_position_m + canvas.left_m) * px),
            self._ground_px[1] + np.float32(canvas.top_m * px),
        ])  # fmt: skip
        at, level_mm = self._meet(canvas, ground, regions)
        # what meets nothing is looked up in the lower half of the layers: the bare belt
        ground[..., 1] += canvas.ids.shape[0]
        _as_complex(ground)[at.pixels] = at.places
        ground -= 0.5
        image = cv2.remap(self._stacked(canvas), ground, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        walls = at.pixels[at.on_wall]
        flat = image.reshape(-1, 3)
        flat[walls] = flat[walls] * np.float32(_WALL_GAIN)
        ids = np.zeros(self.size_hw, np.int32)
        ids.reshape(-1)[at.pixels] = canvas.ids.reshape(-1).take(at.cells, mode="clip")
        return View(image, ids, level_mm)

    def depth_m(self, height_mm: ImageArray) -> FloatArray:
        """[H, W] float32 depth along the optical axis of surfaces at these heights."""
        depth: FloatArray = (height_mm * np.float32(0.001) - np.float32(self._camera_height_m)) / self._down
        return depth

    def _scale_to(self, metres_per_px: float) -> None:
        if self._resolution != metres_per_px:
            px = np.float32(1.0 / metres_per_px)
            self._ground_px = (self._ground_xy[0] * px, self._ground_xy[1] * -px)
            per_mm = px / np.float32(1000.0)
            self._drift_px = cv2.merge([self._drift_xy[0] * per_mm, self._drift_xy[1] * -per_mm])
            self._drift_coarse = np.ascontiguousarray(self._drift_px[::2, ::2])
            self._resolution = metres_per_px

    def _meet(self, canvas: Canvas, ground: FloatArray, regions: Iterable[Region]) -> tuple[_Met, ImageArray]:
        """Where the lines of sight meet what lies on the belt, and the height image [H, W] uint8.

        Layers are searched at half the image's resolution; each pixel then tests the layers found around it.
        """
        height, width = self.size_hw
        heights = canvas.heights.view(np.uint16)[..., 0]
        coarse = np.ascontiguousarray(ground[::2, ::2])
        found = np.zeros(coarse.shape[:2], np.uint8)
        for region in self._merged(regions):
            self._search(heights, coarse, region, found)
        kernel = np.ones((3, 3), np.uint8)
        lowest = cv2.erode(np.where(found == 0, np.uint8(255), found), kernel)
        lowest[lowest == 255] = 0
        candidates = [
            np.repeat(np.repeat(each, 2, 0), 2, 1)[:height, :width].reshape(-1)
            for each in (cv2.dilate(found, kernel), found, lowest)
        ]
        everywhere = _Lines(_as_complex(ground), _as_complex(self._drift_px))
        pixels = np.flatnonzero(candidates[0])
        lines = everywhere.of(pixels)
        layer = _first_inside(lines, canvas, [candidate[pixels] for candidate in candidates])
        level: ImageArray = layer
        on_wall: npt.NDArray[np.bool_] = np.zeros(len(layer), np.bool_)
        for _ in range(2):
            top = lines.surfaces(canvas, level)[0]
            # an upper surface is at most one step above its layer; on a wall the layer is as good as any height
            on_wall = top > layer + np.uint8(_STEP_MM[1])
            level = np.where(on_wall | (layer == 0), layer, np.maximum(top, layer))
        level_mm = np.zeros(self.size_hw, np.uint8)
        level_mm.reshape(-1)[pixels] = level
        rims, rim_level = self._rims(canvas, everywhere, level_mm)
        level_mm.reshape(-1)[rims] = rim_level
        hit = np.flatnonzero(level)
        # a rim comes after the wall that was first found in its pixel, and so replaces it
        pixels = np.concatenate([pixels[hit], rims])
        level = np.concatenate([level[hit], rim_level])
        on_wall = np.concatenate([on_wall[hit], np.zeros(len(rims), np.bool_)])
        lines = everywhere.of(pixels)
        return _Met(pixels, lines.at(level), lines.cells(level, canvas), on_wall), level_mm

    def _rims(self, canvas: Canvas, everywhere: _Lines, level_mm: ImageArray) -> tuple[IntArray, ImageArray]:
        """Pixels beside what was found that see the rim of a top between two layers, and its height."""
        around = cv2.dilate(level_mm, np.ones((5, 5), np.uint8))
        next_layer = np.minimum(level_mm, 255 - _STEP_MM[1]) + np.uint8(_STEP_MM[1])
        pixels = np.flatnonzero((around > next_layer) | ((level_mm == 0) & (around > 1)))
        level = around.reshape(-1)[pixels]
        inside = everywhere.of(pixels).inside(canvas, level)
        return pixels[inside], level[inside]

    def _merged(self, regions: Iterable[Region]) -> list[Region]:
        """The regions at half the resolution; one around all where they cover much of the image."""
        height, width = self.size_hw
        halved = [
            Region(each.left // 2, each.top // 2, (each.right + 1) // 2, (each.bottom + 1) // 2, each.height_mm)
            for each in regions
        ]
        area = sum((each.right - each.left) * (each.bottom - each.top) for each in halved)
        if area * 4 <= 0.4 * height * width:
            return halved
        return [
            Region(
                min(each.left for each in halved),
                min(each.top for each in halved),
                max(each.right for each in halved),
                max(each.bottom for each in halved),
                max(each.height_mm for each in halved),
            )
        ]

    def _stacked(self, canvas: Canvas) -> ImageArray:
        """[2 H, W, 3] both layers of the canvas in one image."""
        if self._layers is None or self._layers[0] is not canvas:
            self._layers = (canvas, np.concatenate([canvas.top_bgr, canvas.ground_bgr]))
        return self._layers[1]

    def _search(self, heights: IntArray, ground: FloatArray, region: Region, best: ImageArray) -> None:
        """Raise ``best`` to the highest layer at which each line of sight is inside something."""
        here = (slice(region.top, region.bottom), slice(region.left, region.right))
        start, drift, found = ground[here], self._drift_coarse[here], best[here]
        steepest = float(np.abs(drift[:: max(1, len(drift) - 1), :: max(1, drift.shape[1] - 1)]).max())
        step = int(np.clip(_STEP_DRIFT_PX / max(steepest, 1e-6), *_STEP_MM))
        at = np.empty_like(start)
        cells = np.empty(start.shape, np.int16)
        for layer in [*range(1, region.height_mm, step), region.height_mm]:
            np.multiply(drift, np.float32(layer), out=at)
            np.add(at, start, out=at)
            np.copyto(cells, at, casting="unsafe")
            surfaces = cv2.remap(heights, cells, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)
            inside = cv2.inRange(surfaces.view(np.uint8).reshape(*surfaces.shape, 2), (layer, 0), (255, layer))
            np.maximum(found, np.minimum(inside, np.uint8(layer)), out=found)


def _as_complex(pairs: FloatArray) -> ComplexArray:
    """[H, W, 2] float32 as [H * W] complex64, the same memory."""
    return pairs.view(np.complex64).reshape(-1)


@dataclass(frozen=True, slots=True)
class _Lines:
    """N lines of sight over the strip, x + iy in strip pixels (edge convention).

    Attributes:
        start: [N] complex64 where they meet the belt.
        drift: [N] complex64 how far they move per millimetre of height.
    """

    start: ComplexArray
    drift: ComplexArray

    def of(self, chosen: IntArray) -> _Lines:
        """Some of them."""
        return _Lines(self.start[chosen], self.drift[chosen])

    def at(self, level_mm: ImageArray) -> ComplexArray:
        """[N] where they are at a height each."""
        return self.start + self.drift * level_mm.astype(np.float32)

    def cells(self, level_mm: ImageArray, canvas: Canvas) -> IntArray:
        """[N] index into the flattened strip of the pixels that they are in at a height each.

        Lines beside the strip get an index beyond its ends, where nothing lies on it.
        """
        at = self.at(level_mm)
        return at.imag.astype(np.int32) * canvas.ids.shape[1] + at.real.astype(np.int32)

    def surfaces(self, canvas: Canvas, level_mm: ImageArray) -> tuple[ImageArray, ImageArray]:
        """[N] upper and [N] lower surface of the strip, mm, where they are at a height each."""
        here = canvas.heights.view(np.uint16).reshape(-1).take(self.cells(level_mm, canvas), mode="clip")
        return (here & 0xFF).astype(np.uint8), (here >> 8).astype(np.uint8)

    def inside(self, canvas: Canvas, level_mm: ImageArray) -> npt.NDArray[np.bool_]:
        """[N] whether they are inside something at a height each; never at height 0."""
        upper, lower = self.surfaces(canvas, level_mm)
        return (upper >= level_mm) & (lower <= level_mm) & (level_mm > 0)


def _first_inside(lines: _Lines, canvas: Canvas, candidates: list[ImageArray]) -> ImageArray:
    """[N] the first of each line's candidate heights, [N] each, at which it is inside something; 0 for none."""
    inside = lines.inside(canvas, candidates[0])
    result: ImageArray = candidates[0] * inside
    pending = np.flatnonzero(~inside)
    for candidate in candidates[1:]:
        tried = candidate[pending]
        inside = lines.of(pending).inside(canvas, tried)
        result[pending[inside]] = tried[inside]
        pending = pending[~inside]
    return result

"""The camera pass: one frame from a strip of height field, exact in parallax, occlusion and distortion.

A line of sight meets the plane at height h at ``x(h) = x(0) + h * drift``: ground point and drift of every pixel are
computed once. The strip is then searched along each line for the highest surface that it meets.

H x W is the image. Pixel coordinates have the centre of the first pixel at (0, 0).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spp_sorter.geometry.camera import Camera
from spp_sorter.simulation.canvas import Canvas
from spp_sorter.simulation.untyped import cv2
from spp_sorter.values import FloatArray, ImageArray, IntArray

_BLOCK = 8
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
        cells_xy: [N, 2] float32 where, in strip pixels (edge convention).
        cells: [N] index of that pixel into the flattened strip.
        on_wall: [N] bool, a steep side rather than an upper surface.
    """

    pixels: IntArray
    cells_xy: FloatArray
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
        x, y, down = cv2.split(cv2.transform(_normalised_rays(camera), to_belt))
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
        ground.reshape(-1, 2)[at.pixels] = at.cells_xy
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
            self._drift_planes = (self._drift_xy[0] * per_mm, self._drift_xy[1] * -per_mm)
            self._drift_coarse = cv2.merge([plane[::2, ::2].copy() for plane in self._drift_planes])
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
        pixels = np.flatnonzero(candidates[0])
        lines = _Lines(*(plane.reshape(-1)[pixels] for plane in (*cv2.split(ground), *self._drift_planes)))
        surfaces = heights.reshape(-1)
        columns = canvas.ids.shape[1]
        level: ImageArray = np.zeros(len(pixels), np.uint8)
        pending = np.arange(len(pixels))
        for candidate in candidates:
            layer = candidate[pixels[pending]]
            here = surfaces.take(lines.of(pending).cells(layer, columns), mode="clip")
            inside = (here.astype(np.uint8) >= layer) & ((here >> 8).astype(np.uint8) <= layer) & (layer > 0)
            level[pending[inside]] = layer[inside]
            pending = pending[~inside]
        met = np.flatnonzero(level)
        pixels, lines, layer = pixels[met], lines.of(met), level[met]
        level = layer
        on_wall: npt.NDArray[np.bool_] = np.zeros(len(level), np.bool_)
        for _ in range(2):
            top: ImageArray = surfaces.take(lines.cells(level, columns), mode="clip").astype(np.uint8)
            # an upper surface is at most one step above its layer; on a wall the layer is as good as any height
            on_wall = top > layer + np.uint8(_STEP_MM[1])
            level = np.where(on_wall, layer, np.maximum(top, layer))
        level_mm = np.zeros(self.size_hw, np.uint8)
        level_mm.reshape(-1)[pixels] = level
        return _Met(pixels, lines.at(level), lines.cells(level, columns), on_wall), level_mm

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


def _normalised_rays(camera: Camera) -> FloatArray:
    """[H, W, 2] float32 x/z and y/z of every pixel's line of sight in the optical frame.

    The lens is inverted exactly on a grid of one point in 8 x 8 pixels; between them only the (small, smooth)
    difference to the pinhole is interpolated.
    """
    height, width = camera.intrinsics.size_hw
    k_inverse = np.linalg.inv(camera.intrinsics.k)
    grid_wh = (math.ceil(width / _BLOCK) + 2, math.ceil(height / _BLOCK) + 2)
    middle = (_BLOCK - 1) / 2 - _BLOCK
    grid_x, grid_y = np.meshgrid(np.arange(grid_wh[0]) * _BLOCK + middle, np.arange(grid_wh[1]) * _BLOCK + middle)
    pixels = np.column_stack([grid_x.ravel(), grid_y.ravel()])
    _, directions = camera.rays(pixels)
    seen = directions @ camera.camera_in_belt.rotation
    pinhole = pixels @ k_inverse[:2, :2].T + k_inverse[:2, 2]
    bend = np.nan_to_num(seen[:, :2] / seen[:, 2:] - pinhole).reshape(grid_wh[1], grid_wh[0], 2).astype(np.float32)
    fine = cv2.resize(bend, (grid_wh[0] * _BLOCK, grid_wh[1] * _BLOCK), interpolation=cv2.INTER_LINEAR)
    columns, rows = np.arange(width)[None], np.arange(height)[:, None]
    straight = [(line[0] * columns + line[1] * rows + line[2]).astype(np.float32) for line in k_inverse[:2]]
    rays: FloatArray = cv2.merge(straight) + fine[_BLOCK : _BLOCK + height, _BLOCK : _BLOCK + width]
    return rays


@dataclass(frozen=True, slots=True)
class _Lines:
    """N lines of sight over the strip: [N] float32 start and drift per millimetre, strip pixels (edge convention)."""

    x: FloatArray
    y: FloatArray
    drift_x: FloatArray
    drift_y: FloatArray

    def of(self, chosen: IntArray) -> _Lines:
        """Some of them."""
        return _Lines(self.x[chosen], self.y[chosen], self.drift_x[chosen], self.drift_y[chosen])

    def at(self, level_mm: ImageArray) -> FloatArray:
        """[N, 2] where they are at a height each."""
        return np.column_stack([self.x + self.drift_x * level_mm, self.y + self.drift_y * level_mm])

    def cells(self, level_mm: ImageArray, columns: int) -> IntArray:
        """[N] index into the flattened strip of the pixels that they are in at a height each.

        Lines beside the strip get an index beyond its ends, where nothing lies on it.
        """
        x = (self.x + self.drift_x * level_mm).astype(np.int32)
        y = (self.y + self.drift_y * level_mm).astype(np.int32)
        return y * columns + x

"""The camera pass: one frame from a strip of height field, exact in parallax, occlusion and distortion.

A line of sight meets the plane at height h at ``x(h) = x(0) + h * drift``: ground point and drift of every pixel are
computed once. The strip is then searched along each line for the highest surface that it meets.

H x W is the image. Pixel coordinates have the centre of the first pixel at (0, 0).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from spp_sorter.geometry.camera import Camera
from spp_sorter.simulation.canvas import Canvas
from spp_sorter.values import FloatArray, ImageArray, IntArray

_BLOCK = 8
_STEP_DRIFT_PX = 1.2
_STEP_MM = (2, 8)
_TILE = 80
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
        rows = canvas.ids.shape[0]
        heights = canvas.heights.view(np.uint16)[..., 0]
        best = np.zeros(self.size_hw, np.uint8)
        for region in regions:
            self._search(heights, ground, region, best)
        hit = (best > 0).view(np.uint8)
        at = self._at(ground, best)
        seen = cv2.remap(canvas.heights, at.astype(np.int16), None, cv2.INTER_NEAREST)[..., 0]
        # an upper surface is at most one step above its layer; on a wall the layer itself is as good as any height
        wall = seen > best + np.uint8(_STEP_MM[1])
        level = np.where(wall, best, np.maximum(seen, best)) * hit
        at = self._at(ground, level)
        ids = cv2.remap(canvas.ids, at.astype(np.int16), None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)
        ids *= hit
        # what hits nothing is looked up in the lower half of the layers: the bare belt
        at += cv2.merge([np.full(self.size_hw, -0.5, np.float32), cv2.LUT(best, _row_offsets(rows))])
        image = cv2.remap(self._stacked(canvas), at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cv2.copyTo(cv2.convertScaleAbs(image, alpha=_WALL_GAIN), wall.view(np.uint8) * hit, image)
        return View(image, ids, level)

    def tiles(self, canvas: Canvas, belt_position_m: float) -> list[Region]:
        """Regions for a strip that is covered all over: tiles of the image, each with its greatest height."""
        px = 1.0 / canvas.metres_per_px
        coarse = 8
        heights = canvas.heights[..., 0]
        highest = int(heights.max(initial=0))
        pooled = cv2.dilate(heights, np.ones((2 * coarse + 1, 2 * coarse + 1), np.uint8))[::coarse, ::coarse]
        regions = []
        for top in range(0, self.size_hw[0], _TILE):
            for left in range(0, self.size_hw[1], _TILE):
                bottom, right = min(top + _TILE, self.size_hw[0]), min(left + _TILE, self.size_hw[1])
                sample = (slice(top, bottom, 16), slice(left, right, 16))
                x, y = self._ground_xy[0][sample], self._ground_xy[1][sample]
                dx, dy = (drift[sample] * np.float32(highest / 1000.0) for drift in self._drift_xy)
                s = (np.concatenate([x, x + dx]) - np.float32(belt_position_m + canvas.left_m)) * px / coarse
                y = (canvas.top_m - np.concatenate([y, y + dy])) * px / coarse
                part = pooled[
                    max(int(y.min()) - 4, 0) : max(int(y.max()) + 4, 0),
                    max(int(s.min()) - 4, 0) : max(int(s.max()) + 4, 0),
                ]
                tallest = int(part.max(initial=0))
                if tallest:
                    regions.append(Region(left, top, right, bottom, tallest))
        return regions

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
            self._resolution = metres_per_px

    def _at(self, ground: FloatArray, level_mm: ImageArray) -> FloatArray:
        """[H, W, 2] float32 strip pixels (edge convention) of each line of sight at its own height."""
        level = level_mm.astype(np.float32)
        at: FloatArray = cv2.multiply(self._drift_px, cv2.merge([level, level]))
        at += ground
        return at

    def _stacked(self, canvas: Canvas) -> ImageArray:
        """[2 H, W, 3] both layers of the canvas in one image."""
        if self._layers is None or self._layers[0] is not canvas:
            self._layers = (canvas, np.concatenate([canvas.top_bgr, canvas.ground_bgr]))
        return self._layers[1]

    def _search(self, heights: IntArray, ground: FloatArray, region: Region, best: ImageArray) -> None:
        """Raise ``best`` to the highest layer at which each line of sight is inside something."""
        here = (slice(region.top, region.bottom), slice(region.left, region.right))
        start, drift, found = ground[here], self._drift_px[here], best[here]
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


def _row_offsets(rows: int) -> FloatArray:
    """[256] what to add to the row for each height: another layer for height 0."""
    offsets = np.full(256, -0.5, np.float32)
    offsets[0] += rows
    return offsets

"""The organic layer: soil and scraps that cover the belt, and that bury parts of the contaminants in them."""

from __future__ import annotations

import math

import cv2
import numpy as np

from spp_sorter.simulation.canvas import Canvas, draw_item
from spp_sorter.simulation.look import grain, light_direction, shading, value_noise
from spp_sorter.simulation.placement import PlacedItem
from spp_sorter.simulation.scene_config import WorldConfig
from spp_sorter.simulation.shape_library import ShapeLibrary
from spp_sorter.values import FloatArray, ImageArray

_SCRAPS_PER_M2 = 1500
_PIECES_PER_M2 = 130
_HEAP_M = 0.02
_PALETTE_BGR = np.array([
    (28, 42, 58), (36, 58, 82), (20, 28, 38), (40, 84, 88), (38, 96, 70), (60, 120, 96), (64, 130, 164),
    (48, 84, 124), (92, 150, 186), (40, 66, 130), (150, 190, 208), (30, 70, 50),
], np.float32)  # fmt: skip


class Bed:
    """One world's organic layer.

    Args:
        config: the world.
        library: its compost objects are strewn into the layer.
        size_hw: rows and columns of the seamless tile that the layer's soil repeats in.
    """

    def __init__(self, config: WorldConfig, library: ShapeLibrary, size_hw: tuple[int, int]) -> None:
        self._config = config
        self._library = library
        rng = np.random.default_rng([config.seed, 3])
        px_per_m = 1.0 / config.metres_per_px
        self._px_per_m = px_per_m
        coverage = float(rng.uniform(*config.bed_coverage))
        patches = value_noise(rng, size_hw, 0.16 * px_per_m) + 0.35 * value_noise(rng, size_hw, 0.03 * px_per_m)
        rows = np.abs(np.arange(size_hw[0]) + 0.5 - size_hw[0] / 2) < config.belt_width_m / 2 * px_per_m
        level = np.quantile(patches[rows][::4, ::4], 1.0 - coverage) if coverage < 0.995 else patches.min() - 1.0
        patches[~rows] = -9.0
        # crumbs rather than a smooth shore
        rim = np.clip((patches - level) * 5.0 + 0.25 * value_noise(rng, size_hw, 4.0), 0.0, 1.0)
        depth_mm = float(rng.uniform(8.0, 20.0))
        bumps = value_noise(rng, size_hw, 0.05 * px_per_m) + 0.6 * value_noise(rng, size_hw, 0.014 * px_per_m)
        crumbs = 1.6 * value_noise(rng, size_hw, 4.0 * 0.001 * px_per_m)
        height = rim * np.clip(depth_mm * (0.75 + 0.3 * bumps) + crumbs, 2.0, None)
        self._height_mm: FloatArray = np.where(rim > 0.05, np.maximum(height, 1.0), 0.0).astype(np.float32)
        picks = _PALETTE_BGR[rng.permutation(7)[:3]] * rng.uniform(0.8, 1.3)
        mix = [np.clip(value_noise(rng, size_hw, cell * px_per_m) * 1.4, 0.0, 1.0)[..., None] for cell in (0.03, 0.007)]
        color = picks[0] + mix[0] * (picks[1] - picks[0])
        color += mix[1] * (picks[2] - color)
        color *= (1.0 + 0.28 * grain(rng, size_hw) + 0.1 * crumbs)[..., None]
        self._bgr: ImageArray = np.clip(color, 3, 255).astype(np.uint8)
        self._scrap_colors = np.clip(_PALETTE_BGR * rng.uniform(0.85, 1.25, (len(_PALETTE_BGR), 1)), 0, 255)

    def spread(self, canvas: Canvas, index: int, columns: np.ndarray) -> None:
        """Cover an empty canvas with the layer.

        Args:
            canvas: changed in place.
            index: the segment that it is for; scraps of its neighbours reach into it.
            columns: [W] columns of the tile that the canvas shows.
        """
        height = np.take(self._height_mm, columns, axis=1)
        inside = height > 0
        colors = np.take(self._bgr, columns, axis=1)
        lift = np.zeros(height.shape, np.uint8)
        for number in (index - 1, index, index + 1):
            if self._config.endless or number == 0:
                self._strew(canvas, colors, lift, number)
        height = height + np.where(inside, lift, 0)
        height = cv2.GaussianBlur(height, (3, 3), 0.8) * inside
        upper = np.clip(height + 0.5, 0, 200).astype(np.uint8)
        upper[inside] = np.maximum(upper[inside], 1)
        canvas.heights[..., 0] = upper
        shaded = cv2.multiply(colors, cv2.merge([self._shade(height)] * 3), dtype=cv2.CV_8U)
        np.copyto(canvas.top_bgr, shaded, where=inside[..., None])
        for number in (index - 1, index, index + 1):
            if self._config.endless or number == 0:
                for piece in self._pieces(canvas, height, number):
                    draw_item(canvas, piece, shading(piece.shape.normals, self._config.light, piece.yaw_rad), 0)

    def _shade(self, height_mm: FloatArray) -> FloatArray:
        direction = light_direction(self._config.light)
        scale = self._px_per_m / 8000.0
        slope_x = cv2.Sobel(height_mm, cv2.CV_32F, 1, 0, scale=scale)
        slope_y = cv2.Sobel(height_mm, cv2.CV_32F, 0, 1, scale=scale)
        lamp = 1.0 + (slope_y * float(direction[1]) - slope_x * float(direction[0])) / float(direction[2])
        ambient = self._config.light.ambient
        return np.clip(ambient + (1.0 - ambient) * lamp, 0.45, 1.5).astype(np.float32)

    def _random(self, number: int, part: int) -> np.random.Generator:
        return np.random.default_rng([self._config.seed, 2 * number if number >= 0 else -2 * number - 1, part])

    def _strew(self, canvas: Canvas, colors: ImageArray, lift: ImageArray, number: int) -> None:
        """Chips, leaves, shell bits and twigs of one segment."""
        config = self._config
        rng = self._random(number, 4)
        count = int(_SCRAPS_PER_M2 * config.segment_m * config.belt_width_m)
        at = rng.uniform((-0.5, -0.5), (0.5, 0.5), (count, 2)) * (config.segment_m, config.belt_width_m)
        along = at[:, 0] + number * config.segment_m - canvas.left_m
        self._scatter(rng, np.column_stack([along, canvas.top_m - at[:, 1]]) * self._px_per_m, colors, lift)

    def _pieces(self, canvas: Canvas, height_mm: FloatArray, number: int) -> list[PlacedItem]:
        """Cut-up compost objects of one segment, pressed into the layer."""
        config = self._config
        rng = self._random(number, 5)
        count = int(_PIECES_PER_M2 * config.segment_m * config.belt_width_m)
        pieces = []
        for _ in range(count):
            chosen, shape = self._library.draw(rng, "compost")
            largest = max(shape.footprint.size_m)
            scale = float(rng.uniform(0.02, 0.055)) / max(largest, 0.01)
            s_m = (number + float(rng.uniform(-0.5, 0.5))) * config.segment_m
            y_m = float(rng.uniform(-0.48, 0.48)) * config.belt_width_m
            yaw, tint, sunk = rng.uniform(-math.pi, math.pi), rng.uniform(0.6, 1.05), rng.uniform(0.5, 0.95)
            column = int((s_m - canvas.left_m) * self._px_per_m)
            row = int((canvas.top_m - y_m) * self._px_per_m)
            if not (0 <= column < canvas.ids.shape[1] and 0 <= row < canvas.ids.shape[0]):
                continue
            bed_mm = float(height_mm[row, column])
            if bed_mm < 1.0:
                continue
            pieces.append(
                PlacedItem(
                    id=0, name=chosen.name, label=chosen.label, shape=shape, s_m=s_m, y_m=y_m, yaw_rad=float(yaw),
                    scale=min(scale, 1.0), base_mm=round(bed_mm - sunk * shape.height_mm * min(scale, 1.0)),
                    color=np.eye(3) * tint,
                )
            )  # fmt: skip
        return pieces

    def cover(self, canvas: Canvas, item: PlacedItem, columns: np.ndarray) -> None:
        """Heap the layer over a part of an item that has just been drawn.

        Everything is decided in the item's own pixels, so that two segments that share the item agree.

        Args:
            canvas: changed in place.
            item: ``visible_target`` of it stays open, seen from straight above.
            columns: [W] columns of the tile that the canvas shows.
        """
        rng = np.random.default_rng([self._config.seed, item.id, 6])
        around = round(_HEAP_M / (item.shape.metres_per_px * item.scale))
        solid = cv2.copyMakeBorder(item.shape.solid, around, around, around, around, cv2.BORDER_CONSTANT, value=0)
        top = cv2.copyMakeBorder(item.shape.top_mm, around, around, around, around, cv2.BORDER_REPLICATE)
        covered = _covered(rng, item, solid)
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (around | 1, around | 1))
        heap = np.where(solid > 0, covered, cv2.dilate(np.where(solid > 0, covered, 0).astype(np.uint8), kernel))
        slope = cv2.blur(heap, (around | 1, around | 1)).astype(np.float32) / 255.0
        # on the item the heap has a sharp rim; beside it, it runs out on the belt
        rise = np.where(solid > 0, 1.0, slope) * (heap > 0)
        crown = (top * item.scale + item.base_mm + 2.5) * rise

        affine = item.affine_to_pixels(canvas.left_m, canvas.top_m, canvas.metres_per_px)
        affine[:, 2] -= affine[:, :2] @ (around, around)
        height, width = solid.shape
        corners = affine @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
        rows_max, columns_max = canvas.ids.shape
        left, right = max(math.floor(corners[0].min()), 0), min(math.ceil(corners[0].max()) + 1, columns_max)
        upper, lower = max(math.floor(corners[1].min()), 0), min(math.ceil(corners[1].max()) + 1, rows_max)
        if right - left < 1 or lower - upper < 1:
            return
        affine[:, 2] -= (left, upper)
        warped = cv2.warpAffine(
            cv2.merge([crown.astype(np.float32), heap.astype(np.float32)]), affine, (right - left, lower - upper)
        )
        here = (slice(upper, lower), slice(left, right))
        soil = np.take(
            np.roll(self._bgr, 71, axis=0)[upper:lower], (columns[left:right] + 143) % self._bgr.shape[1], axis=1
        )
        lift = np.zeros(soil.shape[:2], np.uint8)
        self._crumble(rng, item, np.argwhere(heap > 0), around, (left, upper), canvas, soil, lift)
        crown_mm = np.where(warped[..., 1] >= 128.0, warped[..., 0] + lift, 0.0).astype(np.float32)
        crown_mm = cv2.GaussianBlur(crown_mm, (3, 3), 0.7)
        wins = (warped[..., 1] >= 128.0) & (crown_mm > canvas.heights[here][..., 0])
        shaded = cv2.multiply(soil, cv2.merge([self._shade(crown_mm)] * 3), dtype=cv2.CV_8U)
        np.copyto(canvas.top_bgr[here], shaded, where=wins[..., None])
        canvas.heights[here][..., 0][wins] = np.clip(crown_mm[wins] + 0.5, 1, 255).astype(np.uint8)
        canvas.heights[here][..., 1][wins] = 0
        canvas.ids[here][wins] = 0

    def _crumble(
        self, rng: np.random.Generator, item: PlacedItem, heap_px: np.ndarray, around: int,
        corner: tuple[int, int], canvas: Canvas, soil: ImageArray, lift: ImageArray,
    ) -> None:  # fmt: skip
        """Scraps on the heap over an item."""
        if not len(heap_px):
            return
        area_m2 = len(heap_px) * (item.shape.metres_per_px * item.scale) ** 2
        count = max(3, int(2.0 * _SCRAPS_PER_M2 * area_m2))
        chosen = heap_px[rng.integers(len(heap_px), size=count)][:, ::-1] - around
        at = item.to_strip(item.shape.to_metres(chosen.astype(np.float64)))
        at_px = np.column_stack([at[:, 0] - canvas.left_m, canvas.top_m - at[:, 1]]) * self._px_per_m - corner
        self._scatter(rng, at_px, soil, lift)

    def _scatter(self, rng: np.random.Generator, at_px: FloatArray, colors: ImageArray, lift: ImageArray) -> None:
        """Draw one scrap at each of [N, 2] pixels."""
        count = len(at_px)
        length_px = rng.gamma(3.0, 0.0028, count) * self._px_per_m
        kinds = rng.choice(4, count, p=[0.4, 0.3, 0.15, 0.15])
        slim, turns = rng.uniform(0.35, 0.9, count), rng.uniform(0.0, 2 * math.pi, count)
        colors_bgr = self._scrap_colors[rng.integers(len(self._scrap_colors), size=count)]
        tints = colors_bgr * rng.uniform(0.7, 1.2, (count, 1))
        rises, bends = rng.integers(1, 6, count), rng.uniform(-1.0, 1.0, (count, 8))
        near = (at_px[:, 0] > -60) & (at_px[:, 0] < lift.shape[1] + 60)
        for each in np.flatnonzero(near):
            outline = _scrap_outline(int(kinds[each]), float(slim[each]), bends[each]) * (length_px[each] / 2)
            cos, sin = math.cos(turns[each]), math.sin(turns[each])
            spun = outline @ np.array([[cos, sin], [-sin, cos]])
            points = [np.round((spun + at_px[each]) * 8.0).astype(np.int32)]
            cv2.fillPoly(colors, points, tints[each].tolist(), cv2.LINE_AA, 3)
            cv2.fillPoly(lift, points, int(rises[each]), cv2.LINE_8, 3)


def _covered(rng: np.random.Generator, item: PlacedItem, solid: ImageArray) -> ImageArray:
    """[H, W] uint8, 255 where the layer lies over the item: from one side, with a ragged rim."""
    height, width = solid.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    azimuth = item.cover_azimuth_rad
    ramp = (columns - width / 2) * math.cos(azimuth) + (rows - height / 2) * math.sin(azimuth)
    ragged = value_noise(rng, solid.shape, 24.0) * 0.22 + value_noise(rng, solid.shape, 7.0) * 0.07
    field = ramp / max(min(height, width) / 2, 1.0) + ragged
    inside = solid > 0
    level = float(np.quantile(field[inside], item.visible_target)) if inside.any() else 0.0
    return np.where(field > level, 255, 0).astype(np.uint8)


def _scrap_outline(kind: int, slim: float, bends: FloatArray) -> FloatArray:
    """[n, 2] outline of length 2 along x: 0 chip, 1 leaf or peel, 2 twig, 3 crumb of shell."""
    if kind == 0:
        angles = np.linspace(0.0, 2 * math.pi, 7, endpoint=False) + 0.35 * bends[:7]
        return np.column_stack([np.cos(angles), slim * np.sin(angles)])
    if kind == 1:
        along = np.linspace(-1.0, 1.0, 7)
        width, bow = 0.55 * slim * (1.0 - along**2), 0.5 * bends[0] * (1.0 - along**2)
        return np.concatenate([np.column_stack([along, bow + width]), np.column_stack([along, bow - width])[::-1]])
    if kind == 2:
        bow = 0.3 * float(bends[0])
        return np.array([[-1.4, -0.06], [0.0, bow - 0.08], [1.4, -0.06], [1.4, 0.06], [0.0, bow + 0.08], [-1.4, 0.06]])
    angles = np.array([0.0, 1.3, 2.4, 3.8, 5.0]) + 0.4 * bends[:5]
    return np.column_stack([np.cos(angles), slim * np.sin(angles)]) * 0.7

"""The organic layer: soil and scraps that cover the belt, and that bury parts of the contaminants in them."""

from __future__ import annotations

import math

import numpy as np

from spp_sorter.simulation.canvas import Canvas, draw_item, patch_of
from spp_sorter.simulation.look import UNIT_GAIN, apply_grain, light_direction, shading, value_noise
from spp_sorter.simulation.placed_item import PlacedItem
from spp_sorter.simulation.scene_config import WorldConfig, tile_size
from spp_sorter.simulation.scraps import SCRAP_COLORS_BGR, scatter
from spp_sorter.simulation.shape_library import ShapeLibrary
from spp_sorter.simulation.untyped import cv2
from spp_sorter.values import FloatArray, ImageArray

_SCRAPS_PER_M2 = 1300
_PIECES_PER_M2 = 100
_HEAP_M = 0.02


class Bed:
    """One world's organic layer.

    Args:
        config: the world.
        library: its compost objects are strewn into the layer.
    """

    def __init__(self, config: WorldConfig, library: ShapeLibrary) -> None:
        size_hw = tile_size(config)
        self._config = config
        self._library = library
        rng = np.random.default_rng([config.seed, 3])
        px_per_m = 1.0 / config.metres_per_px
        self._px_per_m = px_per_m
        coverage = float(rng.uniform(*config.bed_coverage))
        # smooth fields at half the resolution
        half_hw, half_px = ((size_hw[0] + 1) // 2, (size_hw[1] + 1) // 2), px_per_m / 2
        patches = value_noise(rng, half_hw, 0.16 * half_px) + 0.35 * value_noise(rng, half_hw, 0.03 * half_px)
        across_m = np.abs(np.arange(half_hw[0]) + 0.5 - half_hw[0] / 2) / half_px
        rows = across_m < config.belt_width_m / 2
        level = float(np.quantile(patches[rows][::3, ::3], 1.0 - coverage)) if coverage < 0.995 else -9.0
        crumbs = value_noise(rng, half_hw, 0.004 * half_px)
        # crumbs rather than a smooth shore
        rim = np.clip((patches - level) * 5.0 + 0.25 * crumbs, 0.0, 1.0)
        rim[~rows] = 0.0
        depth_mm = float(rng.uniform(8.0, 20.0))
        bumps = value_noise(rng, half_hw, 0.05 * half_px) + 0.6 * value_noise(rng, half_hw, 0.014 * half_px)
        height = rim * np.clip(depth_mm * (0.75 + 0.3 * bumps) + 1.6 * crumbs, 2.0, None)
        height = np.where(rim > 0.05, np.maximum(height, 1.0), 0.0).astype(np.float32)
        full_wh = (half_hw[1] * 2, half_hw[0] * 2)
        crop = (slice(0, size_hw[0]), slice(0, size_hw[1]))
        self._height_mm: FloatArray = cv2.resize(height, full_wh, interpolation=cv2.INTER_LINEAR)[crop]
        tones = SCRAP_COLORS_BGR[rng.permutation(6)[:3]] * rng.uniform(0.8, 1.3)
        mixed = tones[0].astype(np.float32) + np.zeros((*half_hw, 3), np.float32)
        for tone, cell in zip(tones[1:], (0.03, 0.007), strict=True):
            share = np.clip(value_noise(rng, half_hw, cell * half_px) * 1.4, 0.0, 1.0)[..., None]
            mixed += share * (tone.astype(np.float32) - mixed)
        mixed *= (1.0 + 0.12 * crumbs)[..., None]
        color = cv2.resize(np.clip(mixed, 3, 255).astype(np.uint8), full_wh, interpolation=cv2.INTER_LINEAR)[crop]
        self._bgr: ImageArray = apply_grain(rng, color, 0.25)
        self._tones: FloatArray = np.clip(SCRAP_COLORS_BGR * rng.uniform(0.8, 1.25, (len(SCRAP_COLORS_BGR), 1)), 0, 255)

    def rest_mm(self, item: PlacedItem) -> int:
        """How high an item lies in the layer: thin things on top of it, thick ones sunk in."""
        on_belt = item.to_strip(item.shape.footprint.corners_m)
        inner = np.concatenate([on_belt, (on_belt + on_belt.mean(0)) / 2])
        columns = np.floor(inner[:, 0] * self._px_per_m).astype(int) % self._height_mm.shape[1]
        rows = np.floor(self._height_mm.shape[0] / 2 - inner[:, 1] * self._px_per_m).astype(int)
        under = self._height_mm[np.clip(rows, 0, self._height_mm.shape[0] - 1), columns]
        return max(round(float(np.quantile(under, 0.7)) + 3.0 - 0.35 * item.shape.height_mm * item.scale), 0)

    def spread(self, canvas: Canvas, numbers: list[int], columns: np.ndarray) -> None:
        """Cover an empty canvas with the layer.

        Args:
            canvas: changed in place.
            numbers: the segments that it shows parts of.
            columns: [W] columns of the tile that the canvas shows.
        """
        height = np.take(self._height_mm, columns, axis=1)
        inside = (height > 0).view(np.uint8)
        colors = np.take(self._bgr, columns, axis=1)
        lift = np.zeros(height.shape, np.uint8)
        for number in numbers:
            self._strew(canvas, colors, lift, number)
        height = cv2.GaussianBlur(height + lift * inside, (3, 3), 0.8)
        upper = np.maximum(cv2.convertScaleAbs(height), 1) * inside
        canvas.heights[..., 0] = upper
        cv2.copyTo(cv2.multiply(colors, self._gain(height), scale=1.0 / UNIT_GAIN), inside, canvas.top_bgr)
        for piece in (piece for number in numbers for piece in self._pieces(canvas, upper, number)):
            draw_item(canvas, piece, shading(piece.shape.normals, self._config.light, piece.yaw_rad), 0)

    def _gain(self, height_mm: FloatArray) -> ImageArray:
        """[H, W, 3] uint8 shading of a height field, UNIT_GAIN where it is level."""
        direction = light_direction(self._config.light)
        scale = self._px_per_m / 8000.0
        slope_x = cv2.Sobel(height_mm, cv2.CV_32F, 1, 0, scale=scale)
        slope_y = cv2.Sobel(height_mm, cv2.CV_32F, 0, 1, scale=scale)
        lamp = (1.0 - self._config.light.ambient) * UNIT_GAIN / float(direction[2])
        gain = cv2.addWeighted(slope_x, -lamp * float(direction[0]), slope_y, lamp * float(direction[1]), UNIT_GAIN)
        np.clip(gain, 0.45 * UNIT_GAIN, 1.5 * UNIT_GAIN, out=gain)
        merged: ImageArray = cv2.merge([cv2.convertScaleAbs(gain)] * 3)
        return merged

    def _random(self, number: int, part: int) -> np.random.Generator:
        return np.random.default_rng([self._config.seed, 2 * number if number >= 0 else -2 * number - 1, part])

    def _strew(self, canvas: Canvas, colors: ImageArray, lift: ImageArray, number: int) -> None:
        """Chips, leaves, shell bits and twigs of one segment."""
        config = self._config
        rng = self._random(number, 4)
        count = int(_SCRAPS_PER_M2 * config.segment_m * config.belt_width_m)
        at = rng.uniform((-0.5, -0.5), (0.5, 0.5), (count, 2)) * (config.segment_m, config.belt_width_m)
        along = at[:, 0] + number * config.segment_m - canvas.left_m
        at_px = np.column_stack([along, canvas.top_m - at[:, 1]]) * self._px_per_m
        scatter(rng, at_px, self._px_per_m, self._tones, colors, lift)

    def _pieces(self, canvas: Canvas, height_mm: ImageArray, number: int) -> list[PlacedItem]:
        """Cut-up compost objects of one segment, pressed into the layer."""
        config = self._config
        rng = self._random(number, 5)
        count = int(_PIECES_PER_M2 * config.segment_m * config.belt_width_m)
        pieces = []
        for _ in range(count):
            chosen, shape = self._library.draw(rng, "compost")
            largest = max(shape.footprint.size_m)
            scale = float(rng.uniform(0.015, 0.042)) / max(largest, 0.01)
            s_m = (number + float(rng.uniform(-0.5, 0.5))) * config.segment_m
            y_m = float(rng.uniform(-0.48, 0.48)) * config.belt_width_m
            yaw, tint, sunk = rng.uniform(-math.pi, math.pi), rng.uniform(0.6, 1.05), rng.uniform(0.5, 0.95)
            column = int((s_m - canvas.left_m) * self._px_per_m)
            row = int((canvas.top_m - y_m) * self._px_per_m)
            if not (0 <= column < canvas.ids.shape[1] and 0 <= row < canvas.ids.shape[0]):
                continue
            bed_mm = float(height_mm[row, column])
            if bed_mm < 5.0:
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
        # half of the sprite's resolution is fine enough for a heap
        around = round(_HEAP_M / (2.0 * item.shape.metres_per_px * item.scale))
        border = (around, around, around, around)
        solid = cv2.copyMakeBorder(item.shape.solid[::2, ::2], *border, cv2.BORDER_CONSTANT, value=0)
        top = cv2.copyMakeBorder(item.shape.top_mm[::2, ::2], *border, cv2.BORDER_REPLICATE)
        covered = _covered(rng, item, solid)
        slope = cv2.blur(np.where(solid > 0, covered, np.uint8(0)), (around | 1, around | 1))
        # on the item the heap has a sharp rim; beside it, it runs out on the belt
        heap = np.where(solid > 0, covered, np.where(slope > 8, np.uint8(255), np.uint8(0)))
        rise = np.where(solid > 0, np.float32(1.0), slope * np.float32(1.0 / 255.0)) * (heap > 0)
        crown = (top * item.scale + item.base_mm + 2.5) * rise

        affine = item.affine_to_pixels(canvas.left_m, canvas.top_m, canvas.metres_per_px)
        affine[:, :2] *= 2.0
        affine[:, 2] -= affine[:, :2] @ (around, around)
        here = patch_of(canvas, affine, solid.shape)
        if here is None:
            return
        upper, left = here[0].start, here[1].start
        affine[:, 2] -= (left, upper)
        size_wh = (here[1].stop - left, here[0].stop - upper)
        warped = cv2.warpAffine(cv2.merge([crown.astype(np.float32), heap.astype(np.float32)]), affine, size_wh)
        tile_columns = (columns[here[1]] + 143) % self._bgr.shape[1]
        soil = np.take(
            np.take(self._bgr, np.arange(upper + 71, here[0].stop + 71) % self._bgr.shape[0], axis=0),
            tile_columns,
            axis=1,
        )
        lift = np.zeros(soil.shape[:2], np.uint8)
        self._crumble(rng, item, np.argwhere(heap > 0), around, (left, upper), canvas, soil, lift)
        crown_mm = np.where(warped[..., 1] >= 128.0, warped[..., 0] + lift, 0.0).astype(np.float32)
        crown_mm = cv2.GaussianBlur(crown_mm, (3, 3), 0.7)
        wins = (warped[..., 1] >= 128.0) & (crown_mm > canvas.heights[here][..., 0])
        shaded = cv2.multiply(soil, self._gain(crown_mm), scale=1.0 / UNIT_GAIN)
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
        area_m2 = 4.0 * len(heap_px) * (item.shape.metres_per_px * item.scale) ** 2
        count = max(3, int(2.0 * _SCRAPS_PER_M2 * area_m2))
        chosen = heap_px[rng.integers(len(heap_px), size=count)][:, ::-1] * 2.0 - 2.0 * around
        at = item.to_strip(item.shape.to_metres(chosen.astype(np.float64)))
        at_px = np.column_stack([at[:, 0] - canvas.left_m, canvas.top_m - at[:, 1]]) * self._px_per_m - corner
        scatter(rng, at_px, self._px_per_m, self._tones, soil, lift)


def _covered(rng: np.random.Generator, item: PlacedItem, solid: ImageArray) -> ImageArray:
    """[H, W] uint8, 255 where the layer lies over the item: from one side, with a ragged rim."""
    height, width = solid.shape
    across = np.arange(width, dtype=np.float32)[None] - width / 2
    down = np.arange(height, dtype=np.float32)[:, None] - height / 2
    ramp = across * math.cos(item.cover_azimuth_rad) + down * math.sin(item.cover_azimuth_rad)
    ragged = np.float32(0.22) * value_noise(rng, (height, width), 12.0)
    ragged += np.float32(0.07) * value_noise(rng, (height, width), 3.5)
    field = ramp / max(min(height, width) / 2, 1.0) + ragged
    inside = solid > 0
    level = float(np.quantile(field[inside], item.visible_target)) if inside.any() else 0.0
    return np.where(field > level, 255, 0).astype(np.uint8)

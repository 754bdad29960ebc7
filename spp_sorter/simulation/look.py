"""What the belt's rubber looks like, and how light falls on the strip: shading, cast shadows, contact shadows."""

from __future__ import annotations

import math

import cv2
import numpy as np

from spp_sorter.simulation.scene_config import BeltLook, LightLook
from spp_sorter.values import FloatArray, ImageArray

_UNIT = 128  # gain images hold 1.0 as this number
_STRIDE_MM = 4.0


def value_noise(rng: np.random.Generator, size_hw: tuple[int, int], cell_px: float) -> FloatArray:
    """[H, W] float32 smooth noise in about [-1, 1] with bumps of ``cell_px``, seamless from right to left."""
    height, width = size_hw
    columns = max(2, round(width / cell_px))
    rows = math.ceil(height / cell_px) + 4
    grid = rng.random((rows, columns), np.float32) * 2 - 1
    grid = np.concatenate([grid[:, -2:], grid, grid[:, :2]], axis=1)
    step = width / columns
    scaled = cv2.resize(grid, (round((columns + 4) * step), round(rows * cell_px)), interpolation=cv2.INTER_CUBIC)
    left, top = round(2 * step), round(2 * cell_px)
    noise: FloatArray = scaled[top : top + height, left : left + width]
    return noise


def grain(rng: np.random.Generator, size_hw: tuple[int, int]) -> FloatArray:
    """[H, W] float32 independent noise in about [-1, 1] in every pixel."""
    raw = np.frombuffer(rng.bytes(size_hw[0] * size_hw[1]), np.uint8).reshape(size_hw)
    return cv2.GaussianBlur(raw, (3, 3), 0.5).astype(np.float32) / 64.0 - 2.0


def belt_texture(
    rng: np.random.Generator, look: BeltLook, size_hw: tuple[int, int], metres_per_px: float
) -> ImageArray:
    """[H, W, 3] uint8 rubber under even light; it repeats seamlessly along x."""
    height, width = size_hw
    px_per_m = 1.0 / metres_per_px
    shade = 0.05 * value_noise(rng, size_hw, 0.12 * px_per_m) + 0.05 * value_noise(rng, size_hw, 0.02 * px_per_m)
    # wear runs along the belt
    wear = value_noise(rng, (height, 4), 0.012 * px_per_m)[:, :1]
    shade += look.texture * (0.10 * wear + 0.06 * value_noise(rng, size_hw, 3.0) + 0.10 * grain(rng, size_hw))
    shade += _marks(rng, look, size_hw, px_per_m)
    dirt = value_noise(rng, size_hw, 0.05 * px_per_m) + 0.5 * value_noise(rng, size_hw, 0.012 * px_per_m)
    dirt = np.clip((dirt - 1.0 + 0.9 * look.dirt) * 1.2, 0.0, 1.0) * (0.6 * look.dirt)
    soil = np.array(rng.uniform((20, 30, 40), (70, 95, 120)), np.float32)
    # soil is lifted or sunk towards the rubber's own brightness so that it stains rather than paints
    color = np.array(look.color_bgr, np.float32)
    soil = 0.5 * soil + 0.5 * color * rng.uniform(0.5, 1.1)
    gain = 1.0 + shade
    planes = [gain * (color[c] + dirt * (soil[c] - color[c])) for c in range(3)]
    return np.clip(cv2.merge(planes), 0, 255).astype(np.uint8)


def _marks(rng: np.random.Generator, look: BeltLook, size_hw: tuple[int, int], px_per_m: float) -> FloatArray:
    """Scratches, seam and ribs as an addition to the brightness."""
    height, width = size_hw
    marks = np.full(size_hw, 128, np.uint8)
    for _ in range(int(look.scratches * width / px_per_m)):
        start = rng.integers((width, height))
        reach = rng.normal(0.0, (0.06, 0.012)) * px_per_m
        end = (int(start[0] + reach[0]), int(start[1] + reach[1]))
        cv2.line(marks, (int(start[0]), int(start[1])), end, 128 + int(rng.integers(-22, 34)), 1, cv2.LINE_AA)
    if look.seam:
        at, slant = int(rng.integers(width // 4, 3 * width // 4)), int(0.06 * height * rng.uniform(-1, 1))
        cv2.line(marks, (at, 0), (at + slant, height), 105, 3, cv2.LINE_AA)
        cv2.line(marks, (at + 3, 0), (at + slant + 3, height), 150, 1, cv2.LINE_AA)
    if look.cleat_pitch_m > 0:
        count = max(1, round(width / px_per_m / look.cleat_pitch_m))
        for index in range(count):
            at = int((index + 0.5) * width / count)
            marks[:, at : at + 4] = 160
            marks[:, at + 4 : at + 7] = 95
    return (marks.astype(np.float32) - 128.0) / 160.0


def light_direction(light: LightLook, yaw_rad: float = 0.0) -> FloatArray:
    """[3] float32 unit vector to the lamp, as seen by something turned by ``yaw_rad`` about z."""
    azimuth = light.azimuth_rad - yaw_rad
    flat = math.cos(light.elevation_rad)
    return np.array([flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(light.elevation_rad)], np.float32)


def shading(normals: FloatArray, light: LightLook, yaw_rad: float) -> FloatArray:
    """[H, W] float32 brightness of a surface, 1 for one that lies flat.

    Args:
        normals: [H, W, 3] float32 unit normals of the surface before it was turned by ``yaw_rad``.
        light: the light.
        yaw_rad: turn of the surface about z.
    """
    direction = light_direction(light, yaw_rad)
    lamp = np.clip(normals @ (direction / direction[2]), 0.0, 1.7)
    shade: FloatArray = light.ambient * (0.6 + 0.4 * normals[..., 2]) + (1.0 - light.ambient) * lamp
    return shade


def apply_light(
    top_bgr: ImageArray, ground_bgr: ImageArray, height_mm: ImageArray, light: LightLook, metres_per_px: float
) -> tuple[ImageArray, ImageArray]:
    """Cast shadows, contact shadows, colour and strength of the light on both layers of a strip.

    Args:
        top_bgr: [H, W, 3] uint8 items, shaded, unshadowed.
        ground_bgr: [H, W, 3] uint8 bare belt.
        height_mm: [H, W] uint8 height field; x to the right, y up.
        light: the light.
        metres_per_px: resolution of the strip.

    Returns:
        the two layers as the lamp and the surroundings light them.
    """
    height, width = height_mm.shape
    half_wh = ((width + 1) // 2, (height + 1) // 2)
    low = cv2.resize(height_mm, half_wh, interpolation=cv2.INTER_AREA)
    cast = _shadow_volume(low, light, 2 * metres_per_px)
    soft = max(light.softness_mm, 1.0)
    lamp = 1.0 - light.ambient
    blur = 2 * max(1, round(soft / 2 / (metres_per_px * 2000.0))) + 1
    under = cv2.min(cast.astype(np.float32) / soft, 1.0)
    # the sky is hidden close to tall things
    hidden = cv2.blur(low, (0x15, 0x15)).astype(np.float32) / 60.0
    ground_gain = 1.0 - lamp * cv2.GaussianBlur(under, (blur, blur), 0) - light.ambient * 0.45 * cv2.min(hidden, 1.0)
    over = cv2.min(cv2.subtract(cast, cv2.add(low, 2)).astype(np.float32) / soft, 1.0)
    top_gain = 1.0 - lamp * cv2.GaussianBlur(over, (blur, blur), 0)
    gains = np.array(light.color_bgr) * light.exposure
    return (
        _times(top_bgr, top_gain, gains, (width, height)),
        _times(ground_bgr, ground_gain, gains, (width, height)),
    )


def _shadow_volume(height_mm: ImageArray, light: LightLook, metres_per_px: float) -> ImageArray:
    """[H, W] uint8 millimetres above the belt up to which the lamp is hidden."""
    tallest = int(height_mm.max(initial=0))
    cast = height_mm.copy()
    if tallest == 0:
        return cast
    rows, columns = height_mm.shape
    slope = math.tan(light.elevation_rad)
    for step in range(1, int(tallest / slope / _STRIDE_MM) + 2):
        distance_px = step * _STRIDE_MM / (metres_per_px * 1000.0)
        dx = round(distance_px * math.cos(light.azimuth_rad))
        dy = -round(distance_px * math.sin(light.azimuth_rad))
        to = (slice(max(-dy, 0), rows - max(dy, 0)), slice(max(-dx, 0), columns - max(dx, 0)))
        source = (slice(max(dy, 0), rows - max(-dy, 0)), slice(max(dx, 0), columns - max(-dx, 0)))
        lowered = cv2.subtract(np.ascontiguousarray(height_mm[source]), round(step * _STRIDE_MM * slope))
        cast[to] = cv2.max(np.ascontiguousarray(cast[to]), lowered)
    return cast


def _times(image_bgr: ImageArray, gain: FloatArray, gains_bgr: FloatArray, size_wh: tuple[int, int]) -> ImageArray:
    full = cv2.resize(gain, size_wh, interpolation=cv2.INTER_LINEAR)
    planes = [cv2.convertScaleAbs(full, alpha=float(_UNIT * each)) for each in gains_bgr]
    result: ImageArray = cv2.multiply(image_bgr, cv2.merge(planes), scale=1.0 / _UNIT)
    return result

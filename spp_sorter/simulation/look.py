"""What the belt's rubber looks like, and how light falls on the strip: shading, cast shadows, contact shadows."""

from __future__ import annotations

import math

import numpy as np

from spp_sorter.simulation.looks import BeltLook, LightLook
from spp_sorter.simulation.untyped import cv2
from spp_sorter.values import FloatArray, ImageArray

UNIT_GAIN = 128
"""Gain images hold 1.0 as this number."""
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


def apply_grain(rng: np.random.Generator, image_bgr: ImageArray, strength: float) -> ImageArray:
    """The image [H, W, 3] with every pixel made brighter or darker by about ``strength`` (0 to 0.5)."""
    height, width = image_bgr.shape[:2]
    raw = np.frombuffer(rng.bytes(height * width), np.uint8).reshape(height, width)
    gain = cv2.GaussianBlur(raw, (3, 3), 0.5)
    table = np.clip(UNIT_GAIN * (1.0 + strength * (np.arange(256) - 127.5) / 40.0), 0, 255).astype(np.uint8)
    gain = cv2.LUT(gain, table)
    result: ImageArray = cv2.multiply(image_bgr, cv2.merge([gain] * 3), scale=1.0 / UNIT_GAIN)
    return result


def belt_texture(
    rng: np.random.Generator, look: BeltLook, size_hw: tuple[int, int], metres_per_px: float
) -> ImageArray:
    """[H, W, 3] uint8 rubber under even light; it repeats seamlessly along x."""
    height, width = size_hw
    # everything but marks and grain is smooth: half the resolution will do
    half_hw = ((height + 1) // 2, (width + 1) // 2)
    px_per_m = 0.5 / metres_per_px
    shade = 0.05 * value_noise(rng, half_hw, 0.12 * px_per_m) + 0.05 * value_noise(rng, half_hw, 0.02 * px_per_m)
    # wear runs along the belt
    wear = value_noise(rng, (half_hw[0], 4), 0.012 * px_per_m)[:, :1]
    shade += look.texture * (0.10 * wear + 0.07 * value_noise(rng, half_hw, 2.0))
    dirt = value_noise(rng, half_hw, 0.05 * px_per_m) + 0.5 * value_noise(rng, half_hw, 0.012 * px_per_m)
    dirt = np.clip((dirt - 1.0 + 0.9 * look.dirt) * 1.2, 0.0, 1.0) * (0.6 * look.dirt)
    color = np.array(look.color_bgr, np.float32)
    # soil is mixed with the rubber's own colour so that it stains rather than paints
    soil = 0.5 * rng.uniform((20, 30, 40), (70, 95, 120)) + 0.5 * color * rng.uniform(0.5, 1.1)
    planes = [(1.0 + shade) * (color[c] + dirt * (np.float32(soil[c]) - color[c])) for c in range(3)]
    smooth = np.clip(cv2.merge(planes), 0, 255).astype(np.uint8)
    rubber = cv2.resize(smooth, (half_hw[1] * 2, half_hw[0] * 2), interpolation=cv2.INTER_LINEAR)[:height, :width]
    marks = _marks(rng, look, size_hw, 1.0 / metres_per_px)
    rubber = cv2.multiply(rubber, cv2.merge([marks] * 3), scale=1.0 / UNIT_GAIN)
    return apply_grain(rng, rubber, 0.06 * look.texture)


def _marks(rng: np.random.Generator, look: BeltLook, size_hw: tuple[int, int], px_per_m: float) -> ImageArray:
    """[H, W] uint8 gain of scratches, seam and ribs."""
    height, width = size_hw
    marks = np.full(size_hw, UNIT_GAIN, np.uint8)
    for _ in range(int(look.scratches * width / px_per_m)):
        start = rng.integers((width, height))
        reach = rng.normal(0.0, (0.06, 0.012)) * px_per_m
        end = (int(start[0] + reach[0]), int(start[1] + reach[1]))
        cv2.line(marks, (int(start[0]), int(start[1])), end, UNIT_GAIN + int(rng.integers(-18, 28)), 1, cv2.LINE_AA)
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
    return marks


def light_direction(light: LightLook, yaw_rad: float = 0.0) -> FloatArray:
    """[3] float32 unit vector to the lamp, as seen by something turned by ``yaw_rad`` about z."""
    azimuth = light.azimuth_rad - yaw_rad
    flat = math.cos(light.elevation_rad)
    return np.array([flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(light.elevation_rad)], np.float32)


def shading(normals: FloatArray, light: LightLook, yaw_rad: float) -> ImageArray:
    """[H, W] uint8 gain of a surface, ``UNIT_GAIN`` for one that lies flat.

    Args:
        normals: [H, W, 3] float32 unit normals of the surface before it was turned by ``yaw_rad``.
        light: the light.
        yaw_rad: turn of the surface about z.
    """
    direction = light_direction(light, yaw_rad)
    lamp = cv2.transform(normals, (direction / direction[2])[None])
    up = cv2.extractChannel(normals, 2)
    ambient, strength = light.ambient * UNIT_GAIN, (1.0 - light.ambient) * UNIT_GAIN
    shade = np.maximum(lamp, 0.0) * np.float32(strength) + up * np.float32(0.4 * ambient) + np.float32(0.6 * ambient)
    result: ImageArray = cv2.convertScaleAbs(shade)
    return result


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
    under = cv2.blur(cv2.convertScaleAbs(cast, alpha=255.0 / soft), (blur, blur))
    # the sky is hidden close to tall things
    hidden = cv2.convertScaleAbs(cv2.blur(low, (21, 21)), alpha=255.0 / 60.0)
    ground_gain = cv2.addWeighted(under, -lamp / 255.0, hidden, -0.45 * light.ambient / 255.0, 1.0, dtype=cv2.CV_32F)
    over = cv2.convertScaleAbs(cv2.subtract(cast, np.maximum(low, 2)), alpha=255.0 / soft)
    top_gain = cv2.blur(over, (blur, blur)).astype(np.float32) * np.float32(-lamp / 255.0) + np.float32(1.0)
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
        drop = np.uint8(min(round(step * _STRIDE_MM * slope), 255))
        lowered = np.maximum(height_mm[source], drop) - drop
        np.maximum(cast[to], lowered, out=cast[to])
    return cast


def _times(image_bgr: ImageArray, gain: FloatArray, gains_bgr: FloatArray, size_wh: tuple[int, int]) -> ImageArray:
    full = cv2.resize(gain, size_wh, interpolation=cv2.INTER_LINEAR)
    planes = [cv2.convertScaleAbs(full, alpha=float(UNIT_GAIN * each)) for each in gains_bgr]
    result: ImageArray = cv2.multiply(image_bgr, cv2.merge(planes), scale=1.0 / UNIT_GAIN)
    return result

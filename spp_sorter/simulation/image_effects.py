"""What lens and sensor add to a frame, and what lies beside the belt and never moves."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from spp_sorter.simulation.look import apply_grain, value_noise
from spp_sorter.simulation.looks import BeltLook, ImageLook, LightLook
from spp_sorter.simulation.untyped import cv2
from spp_sorter.values import FloatArray, ImageArray

_RAIL_M = 0.03
_POOL_EXTRA = 96


class ImageEffects:
    """Vignetting, blur, noise and compression, the same for every frame but the noise.

    Args:
        look: how strong.
        size_hw: image size.
        along_xy: [2] direction of the belt's motion in the image, for the motion blur.
        seed: of the noise.
    """

    def __init__(self, look: ImageLook, size_hw: tuple[int, int], along_xy: FloatArray, seed: int) -> None:
        self._look = look
        self._size_hw = size_hw
        self._seed = seed
        height, width = size_hw
        rng = np.random.default_rng([seed, 8])
        self._vignette: ImageArray | None = None
        if look.vignetting > 0:
            rows = (np.arange(height, dtype=np.float32)[:, None] - height / 2) / math.hypot(height / 2, width / 2)
            columns = (np.arange(width, dtype=np.float32)[None] - width / 2) / math.hypot(height / 2, width / 2)
            gain = 1.0 - look.vignetting * (rows**2 + columns**2)
            self._vignette = cv2.merge([np.round(gain * 255).astype(np.uint8)] * 3)
        self._kernel = _blur_kernel(look, along_xy)
        self._pools: tuple[ImageArray, ImageArray] | None = None
        if look.noise > 0:
            pool_hw = (height + _POOL_EXTRA, width + _POOL_EXTRA)
            raw = np.frombuffer(rng.bytes(pool_hw[0] * pool_hw[1] * 3), np.uint8).reshape(*pool_hw, 3)
            # each byte stands for one of 256 equally likely slices of a normal distribution
            normal = np.array([NormalDist(0.0, look.noise).inv_cdf((level + 0.5) / 256.0) for level in range(256)])
            more, less = np.clip(normal, 0, 255).round(), np.clip(-normal, 0, 255).round()
            self._pools = (cv2.LUT(raw, more.astype(np.uint8)), cv2.LUT(raw, less.astype(np.uint8)))

    def apply(self, image_bgr: ImageArray, stamp_ns: int) -> ImageArray:
        """The image as the sensor gives it at ``stamp_ns``; ``image_bgr`` may be changed."""
        image = image_bgr
        if self._vignette is not None:
            image = cv2.multiply(image, self._vignette, scale=1.0 / 255.0)
        if self._kernel is not None:
            image = cv2.filter2D(image, -1, self._kernel, borderType=cv2.BORDER_REPLICATE)
        elif self._look.defocus_px > 0.2:
            size = 2 * math.ceil(1.5 * self._look.defocus_px) + 1
            image = cv2.GaussianBlur(image, (size, size), self._look.defocus_px, borderType=cv2.BORDER_REPLICATE)
        if self._pools is not None:
            height, width = self._size_hw
            zigzag = 2 * stamp_ns if stamp_ns >= 0 else -2 * stamp_ns - 1
            top, left = np.random.default_rng([self._seed, 9, zigzag]).integers(_POOL_EXTRA, size=2)
            here = (slice(top, top + height), slice(left, left + width))
            image = cv2.subtract(cv2.add(image, self._pools[0][here]), self._pools[1][here])
        if self._look.jpeg_quality:
            _, code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self._look.jpeg_quality])
            image = cv2.imdecode(code, cv2.IMREAD_COLOR)
        return image


def _blur_kernel(look: ImageLook, along_xy: FloatArray) -> FloatArray | None:
    """Motion blur (and defocus with it), or None when nothing moves."""
    if look.motion_px <= 1.0:
        return None
    size = 2 * math.ceil(look.motion_px / 2 + look.defocus_px) + 1
    fine = np.zeros((size * 8, size * 8), np.uint8)
    middle = size * 4
    reach = along_xy / max(float(np.hypot(*along_xy)), 1e-9) * look.motion_px * 4
    start, end = (middle - reach).round().astype(int), (middle + reach).round().astype(int)
    cv2.line(fine, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 255, 8)
    kernel = cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    if look.defocus_px > 0.2:
        kernel = cv2.GaussianBlur(kernel, (0, 0), look.defocus_px)
    result: FloatArray = kernel / kernel.sum()
    return result


def surroundings(
    ground_y_m: FloatArray, belt: BeltLook, belt_width_m: float, light: LightLook, seed: int
) -> ImageArray:
    """[H, W, 3] uint8 rails and floor where the belt is not.

    Args:
        ground_y_m: [H, W] y of the belt's plane in each pixel.
        belt: the look.
        belt_width_m: rails begin beyond half of it.
        light: colour and strength of the light.
        seed: of the textures.
    """
    rng = np.random.default_rng([seed, 10])
    size_hw = (ground_y_m.shape[0], ground_y_m.shape[1])
    outside = np.abs(ground_y_m) - belt_width_m / 2
    rail = outside < _RAIL_M
    # a metal profile: bright lip at the belt, a groove, and a dark gap before the floor
    profile = np.interp(
        outside, [0.0, 0.002, 0.006, 0.014, 0.016, 0.027, _RAIL_M], [0.35, 0.5, 1.15, 1.0, 0.8, 1.05, 0.5]
    )
    blotches = value_noise(rng, size_hw, 60.0) * 0.12 + value_noise(rng, size_hw, 9.0) * 0.05
    floor = np.clip(0.35 + (outside - _RAIL_M) * 9.0, 0.35, 1.0) * (1.0 + blotches)
    shade = np.where(rail, profile * (1.0 + 0.2 * blotches), floor).astype(np.float32)
    gains = np.array(light.color_bgr) * light.exposure
    planes = [shade * np.where(rail, belt.rail_bgr[c], belt.floor_bgr[c]) * gains[c] for c in range(3)]
    return apply_grain(rng, np.clip(np.dstack(planes), 0, 255).astype(np.uint8), 0.04)

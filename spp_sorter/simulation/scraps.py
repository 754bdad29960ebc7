"""Small organic scraps: chips, leaves, twigs and bits of shell, strewn by the thousand."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from spp_sorter.simulation.untyped import cv2
from spp_sorter.values import FloatArray, ImageArray

_CORNERS = 8
_OUTLINES = 64
_FAR_PX = 60
_SUBPIXEL_BITS = 3

SCRAP_COLORS_BGR = np.array([
    (28, 42, 58), (36, 58, 82), (20, 28, 38), (40, 78, 84), (42, 80, 66), (60, 104, 92), (60, 112, 142),
    (48, 84, 124), (92, 150, 186), (46, 70, 118), (150, 190, 208), (34, 60, 52),
], np.float64)  # fmt: skip
"""[12, 3] earth, bark, coffee, leaves fresh and dry, straw, peel, shell."""


@lru_cache(maxsize=1)
def _outlines() -> FloatArray:
    """[64, 8, 2] outlines of length 2 along x."""
    rng = np.random.default_rng(20)
    outlines = [_outline(int(kind), rng) for kind in rng.choice(4, _OUTLINES, p=[0.4, 0.3, 0.15, 0.15])]
    return np.stack(outlines)


def _outline(kind: int, rng: np.random.Generator) -> FloatArray:
    """[8, 2]: 0 chip, 1 leaf or peel, 2 twig, 3 crumb."""
    slim, bends = rng.uniform(0.35, 0.9), rng.uniform(-1.0, 1.0, _CORNERS)
    if kind in (0, 3):
        angles = np.linspace(0.0, 2 * math.pi, _CORNERS, endpoint=False) + 0.35 * bends
        ragged = 1.0 + 0.2 * bends[::-1]
        return np.column_stack([ragged * np.cos(angles), slim * ragged * np.sin(angles)]) * (1.0 if kind == 0 else 0.6)
    if kind == 1:
        along = np.array([-1.0, -0.4, 0.2, 0.7, 1.0, 0.7, 0.2, -0.4])
        side = np.array([0.0, 1.0, 1.0, 0.6, 0.0, -0.6, -1.0, -1.0])
        return np.column_stack([along, 0.5 * bends[0] * (1.0 - along**2) + 0.5 * slim * side])
    along = np.array([-1.4, -0.5, 0.5, 1.4, 1.4, 0.5, -0.5, -1.4])
    side = np.array([0.06, 0.08, 0.08, 0.05, -0.05, -0.08, -0.08, -0.06])
    return np.column_stack([along, 0.25 * bends[0] * (1.0 - along**2) + side])


def scatter(
    rng: np.random.Generator,
    at_px: FloatArray,
    px_per_m: float,
    tones_bgr: FloatArray,
    colors: ImageArray,
    lift: ImageArray,
) -> None:
    """Draw one scrap at each of N places.

    Args:
        rng: decides shape, size, colour and thickness.
        at_px: [N, 2] places in pixels of the images; those outside draw nothing but keep the order of chance.
        px_per_m: resolution.
        tones_bgr: [K, 3] colours to choose from.
        colors: [H, W, 3] uint8, changed in place.
        lift: [H, W] uint8 thickness, mm, changed in place.
    """
    count = len(at_px)
    length_px = np.clip(rng.gamma(3.0, 0.0028, count), 0.002, 0.03) * px_per_m
    shapes = _outlines()[rng.integers(_OUTLINES, size=count)]  # [N, 8, 2]
    turns = rng.uniform(0.0, 2 * math.pi, count)
    tints = tones_bgr[rng.integers(len(tones_bgr), size=count)] * rng.uniform(0.7, 1.2, (count, 1))
    rises = rng.integers(1, 6, count)
    cos, sin = np.cos(turns) * length_px / 2, np.sin(turns) * length_px / 2
    x = shapes[..., 0] * cos[:, None] - shapes[..., 1] * sin[:, None] + at_px[:, :1]
    y = shapes[..., 0] * sin[:, None] + shapes[..., 1] * cos[:, None] + at_px[:, 1:]
    corners = np.round(np.stack([x, y], -1) * 2**_SUBPIXEL_BITS).astype(np.int32)
    near = (np.abs(at_px[:, 0] - lift.shape[1] / 2) < lift.shape[1] / 2 + _FAR_PX) & (
        np.abs(at_px[:, 1] - lift.shape[0] / 2) < lift.shape[0] / 2 + _FAR_PX
    )
    for each in np.flatnonzero(near):
        cv2.fillConvexPoly(lift, corners[each], int(rises[each]), cv2.LINE_8, _SUBPIXEL_BITS)
        cv2.fillConvexPoly(colors, corners[each], tints[each].tolist(), cv2.LINE_AA, _SUBPIXEL_BITS)

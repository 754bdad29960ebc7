"""Cuts one item out of its photograph, the same way whatever collection it comes from.

h, w: height and width of the patch that comes out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from spp_sorter.learning.pack import Asset, Pack
from spp_sorter.values import FloatArray, ImageArray

MAX_ENLARGE = 3.0
"""Pictures are enlarged by at most so much: an item never shows less detail than this allows."""

_MIN_PIECE_PX = 250
_IDENTITY = np.eye(3)
_GREY = np.tile(np.array([0.114, 0.587, 0.299]), (3, 1))


@dataclass(frozen=True, eq=False)
class Patch:
    """An item ready to be laid down.

    Attributes:
        image_bgr: [h, w, 3] uint8.
        alpha: [h, w] uint8.
        asset: what it was cut from.
        piece: whether it is a piece of it rather than the whole.
    """

    image_bgr: ImageArray
    alpha: ImageArray
    asset: Asset
    piece: bool


def cut(
    pack: Pack, asset: Asset, rng: np.random.Generator, size_px: float, piece: bool, turn: bool = True
) -> Patch | None:
    """Cut an item out, turned, mirrored, slightly skewed, at another size, in other colours.

    Args:
        pack: where the asset lies.
        asset: what to cut.
        rng: dice.
        size_px: long side that the item shall have.
        piece: cut an irregular piece out of it instead of the whole.
        turn: by any angle; False for a few degrees.

    Returns:
        The patch, or None where no piece of a usable size was found.
    """
    mask = pack.mask(asset.mask)
    if piece:
        mask = _piece_of(mask, asset, rng)
    if piece and cv2.countNonZero(mask) < _MIN_PIECE_PX:
        return None
    x, y, width, height = cv2.boundingRect(mask) if piece else _sides(asset)
    scale = min(size_px / max(width, height), MAX_ENLARGE)
    # Whatever its source, an item keeps a random share of the detail that its size could show.
    detail = float(rng.uniform(0.45, 1.0)) if rng.random() < 0.5 else 1.0
    fine = max(scale * detail, 14.0 / max(width, height))
    reduce = 4 if fine < 0.2 else 2 if fine < 0.42 else 1
    picture = pack.picture(asset.picture, reduce)
    matrix, size_wh = _turned((x, y, width, height), fine, rng, turn)
    half = matrix.copy()
    half[:, :2] *= reduce
    half[:, 2] += matrix[:, :2] @ np.full(2, (reduce - 1) / 2)
    image = cv2.warpAffine(picture, half, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    flags = cv2.INTER_AREA if fine < 0.6 else cv2.INTER_LINEAR
    alpha = cv2.warpAffine(mask, matrix, size_wh, flags=flags)
    if fine < 0.98 * scale:
        grown = tuple(max(round(side * scale / fine), 2) for side in size_wh)
        image = cv2.resize(image, grown, interpolation=cv2.INTER_LINEAR)
        alpha = cv2.resize(alpha, grown, interpolation=cv2.INTER_LINEAR)
    alpha = _feathered(np.asarray(alpha, np.uint8), rng)
    return Patch(_colored(np.asarray(image, np.uint8), rng), alpha, asset, piece)


def color_matrix(rng: np.random.Generator, strength: float) -> FloatArray:
    """[3, 4] float32 change of colours: brightness, contrast, saturation, white balance."""
    balance = np.exp(rng.normal(0, 0.09 * strength, 3)) * np.exp(rng.normal(-0.03, 0.2 * strength))
    saturation = float(np.clip(rng.normal(1.0, 0.22 * strength), 0.4, 1.5))
    matrix = (saturation * _IDENTITY + (1 - saturation) * _GREY) * balance[:, None]
    contrast = float(np.clip(rng.normal(1.0, 0.12 * strength), 0.6, 1.4))
    offset = (1 - contrast) * 115.0 + rng.normal(0, 5.0 * strength)
    return np.column_stack([matrix * contrast, np.full(3, offset)]).astype(np.float32)


def _colored(image_bgr: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Other colours, and light that comes from one side."""
    image = cv2.transform(image_bgr, color_matrix(rng, 1.0))
    height, width = image.shape[:2]
    angle, strength = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.28)
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32) * math.cos(angle) * strength
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32) * math.sin(angle) * strength
    gain = ((1.0 + across[None] + down[:, None]) * 128).astype(np.uint8)
    return np.asarray(cv2.multiply(image, cv2.merge([gain] * 3), scale=1 / 128), np.uint8)


def _feathered(alpha: ImageArray, rng: np.random.Generator) -> ImageArray:
    """The same soft edge for all, about a pixel inside the outline: masks stray by a pixel or two."""
    low = float(rng.uniform(105, 170))
    high = low + float(rng.uniform(45, 80))
    table = np.clip((np.arange(256) - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(cv2.GaussianBlur(alpha, (0, 0), float(rng.uniform(0.8, 1.5))), table), np.uint8)


def _sides(asset: Asset) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = asset.box
    return x0, y0, x1 - x0, y1 - y0


def _turned(
    box: tuple[int, int, int, int], scale: float, rng: np.random.Generator, turn: bool
) -> tuple[FloatArray, tuple[int, int]]:
    """The map from picture to patch, [2, 3] between pixel centres, and the patch's width and height."""
    x, y, width, height = box
    angle = (
        float(rng.uniform(0, 2 * math.pi)) if turn else float(rng.normal(0, 0.12)) + math.pi * float(rng.integers(2))
    )
    cos, sin = math.cos(angle), math.sin(angle)
    stretch = np.diag(np.exp(rng.normal(0, 0.07, 2))) * scale
    stretch[0, 1] = rng.normal(0, 0.06) * scale
    linear = np.array([[cos, -sin], [sin, cos]]) @ stretch
    if rng.random() < 0.5:
        linear[:, 0] *= -1
    corners = np.array([[x, y], [x + width, y], [x, y + height], [x + width, y + height]], float) @ linear.T
    low = corners.min(axis=0) - 3
    size = np.ceil(corners.max(axis=0) + 3 - low).astype(int)
    offset = linear @ np.array([0.5, 0.5]) - low - 0.5
    return np.column_stack([linear, offset]), (int(size[0]), int(size[1]))


def _piece_of(mask: ImageArray, asset: Asset, rng: np.random.Generator) -> ImageArray:
    """An irregular piece of a mask: a wobbly blob around a point of it."""
    x0, y0, x1, y1 = asset.box
    inside = np.flatnonzero(mask[y0:y1, x0:x1])
    at = int(inside[rng.integers(len(inside))])
    centre = np.array([x0 + at % (x1 - x0), y0 + at // (x1 - x0)], float)
    reach = max(x1 - x0, y1 - y0) if asset.kind == "item" else min(x1 - x0, y1 - y0, 150)
    radius = max(float(rng.uniform(0.16, 0.42)) * reach, 13.0)
    angles = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    wobble = np.ones(40)
    for wave in range(2, 8):
        wobble += float(rng.normal(0, 0.5 / wave)) * np.cos(wave * angles + rng.uniform(0, 2 * math.pi))
    aspect = math.exp(float(rng.normal(0, 0.3)))
    rim = (
        np.column_stack([np.cos(angles) * aspect, np.sin(angles) / aspect])
        * (radius * np.clip(wobble, 0.35, 1.7))[:, None]
    )
    tilt = float(rng.uniform(0, math.pi))
    rim = rim @ np.array([[math.cos(tilt), -math.sin(tilt)], [math.sin(tilt), math.cos(tilt)]])
    blob = np.zeros_like(mask)
    cv2.fillPoly(blob, [np.round((centre + rim) * 8).astype(np.int32)], 255, cv2.LINE_8, 3)
    blob = np.asarray(cv2.bitwise_and(blob, mask), np.uint8)
    contours, _ = cv2.findContours(blob, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    single = np.zeros_like(mask)
    if contours:
        cv2.drawContours(single, [max(contours, key=cv2.contourArea)], -1, 255, cv2.FILLED)
    return np.asarray(cv2.bitwise_and(single, mask), np.uint8)

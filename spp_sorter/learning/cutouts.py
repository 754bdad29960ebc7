"""Masks of single items photographed on a plain background, and the tests that a mask has to pass.

H, W: height and width of a picture, pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from spp_sorter.values import FloatArray, ImageArray

MIN_AREA = 0.012
MAX_AREA = 0.80
MIN_SOLIDITY = 0.6
MIN_CONTRAST = 7.0
MAX_SPREAD = 14.0
"""A background that varies by more than this (Lab units, smooth light taken off) is not plain."""

_FRAME = 16
_SIDES = ("left", "top", "right", "bottom")
DARK = 0.42
"""Darker than this share of the ground is no shadow."""

WHITE = 247.0
"""Ground of this lightness (of 255) is a product shot's."""

STRICTNESS = (0.45, 0.65, 0.9, 1.3)
MIN_AGREEMENT = 0.8
SURE_AGREEMENT = 0.93
"""Outlines at two thresholds, one next to the other, overlap by at least so much."""

MAIN_PIECE = 0.7
"""The largest piece must hold this share of all that was found."""


class BadMask(ValueError):
    """No good mask can be had of a picture; the text says why."""


@dataclass(frozen=True, eq=False)
class Outline:
    """Where an item is in its picture.

    Attributes:
        mask: [H, W] uint8, 255 on the item and 0 elsewhere.
        cut_sides: sides of the picture (``left``, ``top``, ``right``, ``bottom``) that cut the item off.
        sure: its box hardly depends on how strict the threshold is.
    """

    mask: ImageArray
    cut_sides: tuple[str, ...]
    sure: bool = True


def outline_on_plain(image_bgr: ImageArray, convex: bool = False) -> Outline:
    """Find the one item on a plain background.

    The light on the background is a smooth surface fitted to what lies along the borders. The item is where the picture
    has another hue, is brighter, is much darker, or has texture; a soft shadow is none of these: it has the ground's
    hue, is a little darker, and smooth. Holes are filled: glass and foil keep what shines through.

    Args:
        image_bgr: [H, W, 3] uint8.
        convex: the item is known to be convex, such as a carton: take the hull, for faces as white as the ground.

    Raises:
        BadMask: the background is not plain, or the mask fails a test of ``check_outline``.
    """
    lab = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2LAB).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(lab, (0, 0), 1.2), np.float32)
    ground, spread = fit_ground(smooth)
    if spread > MAX_SPREAD:
        raise BadMask(f"the background is not plain (it varies by {spread:.1f}, allowed: {MAX_SPREAD:.0f})")
    difference = smooth - ground
    # On pale paper a shadow shifts the hue a little too, the more the darker it is.
    hue = np.sqrt((difference[..., 1:] ** 2).sum(axis=2)) - 0.06 * np.maximum(-difference[..., 0], 0)
    light = smooth[..., 0] / np.maximum(ground[..., 0], 1)
    slope = cv2.magnitude(cv2.Sobel(smooth[..., 0], cv2.CV_32F, 1, 0), cv2.Sobel(smooth[..., 0], cv2.CV_32F, 0, 1)) / 8
    limit = max(3.0, 2.0 * spread)
    white = float(ground[..., 0].mean()) > WHITE

    def found(strictness: float) -> ImageArray:
        at = limit * strictness
        item = (hue > at + 2) | (light > 1.0 + 2 * at / 100) | (light < DARK) | (slope > at)
        if white:
            item |= np.abs(difference).max(axis=2) > 5 * strictness
        return _largest_filled(item.astype(np.uint8), convex)

    if convex:
        mask = found(1.0)
        return Outline(mask, cut_sides(mask), True)
    best, agree = _steadiest(found)
    if agree < MIN_AGREEMENT:
        raise BadMask(
            f"the outline depends on how strict the threshold is (overlap {agree:.0%}; allowed: {MIN_AGREEMENT:.0%})"
        )
    outline = check_outline(image_bgr, best)
    return Outline(best, outline.cut_sides, agree >= SURE_AGREEMENT)


def _steadiest(found: Callable[[float], ImageArray]) -> tuple[ImageArray, float]:
    """The mask that changes least from one strictness to the next, and the overlap of the two."""
    masks: list[ImageArray] = []
    reason = "nothing stands out from the background"
    for strictness in STRICTNESS:
        try:
            masks.append(found(strictness))
        except BadMask as error:  # noqa: PERF203 -- four rounds
            reason = str(error)
    if len(masks) < 2:
        raise BadMask(reason)
    overlaps = [_agreement(a > 0, b > 0) for a, b in pairwise(masks)]
    best = int(np.argmax(overlaps))
    return masks[best + 1], overlaps[best]


def outline_of_alpha(bgra: ImageArray) -> Outline:
    """The outline that a picture's own alpha draws.

    Args:
        bgra: [H, W, 4] uint8.

    Raises:
        BadMask: alpha draws nothing, or next to nothing.
    """
    mask = np.where(bgra[..., 3] > 127, np.uint8(255), np.uint8(0))
    if (mask > 0).sum() < 60:
        raise BadMask("its alpha channel shows next to nothing")
    return Outline(mask, ())


def fit_ground(lab: FloatArray) -> tuple[FloatArray, float]:
    """The smooth light on a plain background, from the picture's borders.

    Args:
        lab: [H, W, 3] float32.

    Returns:
        The background's colour everywhere [H, W, 3] float32, and how far the border strays from it, Lab units
        (median of what fits).
    """
    height, width = lab.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = y / height - 0.5, x / width - 0.5
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    rim = np.zeros((height, width), bool)
    band_y, band_x = max(3, height // 12), max(3, width // 12)
    rim[:band_y], rim[-band_y:], rim[:, :band_x], rim[:, -band_x:] = True, True, True, True
    a, b = terms[rim], lab[rim]
    # The border's most usual colour first: an item that leaves the picture covers part of the border.
    mode = np.array([_usual(channel) for channel in b.T], np.float32)
    if mode[0] > WHITE:  # a product shot: shadows and light have been taken out of it
        error = np.abs(b - mode).max(axis=1)
        return np.broadcast_to(mode, lab.shape), float(np.median(error[error < 10]))
    keep = np.abs(b - mode).max(axis=1) < 30
    error = np.zeros(len(b), np.float32)
    solution = np.zeros((6, 3), np.float32)
    for limit in (30.0, 16.0, 10.0):
        if keep.sum() < 50:
            break
        solution = np.linalg.lstsq(a[keep], b[keep], rcond=None)[0].astype(np.float32)
        error = np.abs(b - a @ solution).max(axis=1)
        keep = error < limit
    share = float(keep.mean())
    spread = float(np.median(error[keep])) if keep.any() else 99.0
    return terms @ solution, spread if share > 0.3 else 99.0


def _usual(values: FloatArray) -> float:
    """The median of the narrow range that holds most of the values, which are 0 to 255."""
    counts = np.bincount(np.clip(values, 0, 255).astype(int), minlength=256)
    peak = int(np.argmax(np.convolve(counts, np.ones(13), "same")))
    return float(np.median(values[np.abs(values - peak) <= 7]))


def check_outline(image_bgr: ImageArray, mask: ImageArray) -> Outline:
    """Let a mask through, or say what is wrong with it.

    Args:
        image_bgr: [H, W, 3] uint8.
        mask: [H, W] uint8, 255 on the item.

    Raises:
        BadMask: too small or large, ragged, cut by three or more sides or along most of one, or without an edge in
            the picture where the mask ends.
    """
    share = float((mask > 0).mean())
    if not MIN_AREA <= share <= MAX_AREA:
        raise BadMask(f"the item covers {share:.1%} of the picture; allowed: {MIN_AREA:.1%} to {MAX_AREA:.0%}")
    cut = cut_sides(mask)
    if len(cut) > 2:
        raise BadMask(f"the picture's border cuts the item on {len(cut)} sides")
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea)
    hull = cv2.contourArea(cv2.convexHull(contour))
    solidity = cv2.contourArea(contour) / max(hull, 1.0)
    if solidity < MIN_SOLIDITY:
        raise BadMask(f"the mask is ragged: it fills {solidity:.0%} of its hull; allowed: {MIN_SOLIDITY:.0%} and more")
    contrast = _contrast(image_bgr, mask)
    if contrast < MIN_CONTRAST:
        raise BadMask(f"no edge where the mask ends (contrast {contrast:.1f}; allowed: {MIN_CONTRAST:.0f} and more)")
    return Outline(np.asarray(mask, np.uint8), cut)


def cut_sides(mask: ImageArray) -> tuple[str, ...]:
    """Sides of the picture that a mask [H, W] ends at, over at least a fiftieth of their length."""
    ends = [mask[:, :2], mask[:2].T, mask[:, -2:], mask[-2:].T]
    return tuple(s for s, end in zip(_SIDES, ends, strict=True) if (end > 0).all(axis=1).mean() > 0.02)


def _agreement(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two masks [H, W] bool."""
    return float((a & b).sum() / max((a | b).sum(), 1))


def _contrast(image_bgr: ImageArray, mask: ImageArray) -> float:
    """How strongly colour changes across the mask's edge, Lab units: lower quarter along the edge, borders left out."""
    lab = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2LAB).astype(np.float32)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    low, high = cv2.erode(lab, kernel), cv2.dilate(lab, kernel)
    step = (high - low).sum(axis=2)
    edge = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    edge[:4], edge[-4:], edge[:, :4], edge[:, -4:] = False, False, False, False
    return float(np.percentile(step[edge], 25)) if edge.any() else 0.0


def _largest_filled(found: ImageArray, convex: bool) -> ImageArray:
    """The largest piece, smoothed, its holes filled; where the item is convex, the hull of all that is not a speck."""
    # A frame around the picture lets an item that leaves it close along the border.
    framed = cv2.copyMakeBorder(found, _FRAME, _FRAME, _FRAME, _FRAME, cv2.BORDER_REPLICATE)
    smooth = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15)))
    contours, _ = cv2.findContours(smooth, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(framed)
    cv2.drawContours(filled, contours, -1, 255, cv2.FILLED)
    filled = cv2.morphologyEx(filled, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))
    contours, _ = cv2.findContours(filled[_FRAME:-_FRAME, _FRAME:-_FRAME], cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(contour) for contour in contours]
    if not areas or max(areas) == 0:
        raise BadMask("nothing stands out from the background")
    if not convex and max(areas) < MAIN_PIECE * sum(areas):
        raise BadMask(f"the mask falls into {len(contours)} pieces; the largest is {max(areas) / sum(areas):.0%} of it")
    chosen = contours[int(np.argmax(areas))]
    if convex:
        main = [contour for contour, area in zip(contours, areas, strict=True) if area > 0.03 * max(areas)]
        chosen = cv2.convexHull(np.concatenate(main))
    mask = np.zeros(found.shape, np.uint8)
    cv2.drawContours(mask, [chosen], -1, 255, cv2.FILLED)
    # The slope's response and the smoothing reach a pixel or two over the edge.
    return np.asarray(cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=255), np.uint8)

"""Items and stuff in photographs of shop shelves: produce in piles, single round fruit, cartons in the hand.

The product shot of each kind, on white, says what it looks like: by its colours for produce, by its print for cartons.
"""

from __future__ import annotations

import cv2
import numpy as np

from spp_sorter.learning.cutouts import BadMask
from spp_sorter.values import FloatArray, ImageArray

ROUND = frozenset(
    (
        "Anjou", "Beef-Tomato", "Cantaloupe", "Galia-Melon", "Golden-Delicious", "Granny-Smith", "Mango", "Nectarine",
        "Orange", "Peach", "Pink-Lady", "Pomegranate", "Red-Delicious", "Red-Grapefruit", "Royal-Gala", "Satsumas",
    )
)  # fmt: skip
"""Kinds whose single fruits look like discs in a pile."""

MIN_STUFF = 0.10
MIN_MATCHES = 14
MIN_LIKENESS = 0.3
"""Correlation of a print with the photograph that it was found in."""

_MAX_CIRCLES = 3


def stuff_mask(image_bgr: ImageArray, shot_bgr: ImageArray, shot_mask: ImageArray) -> ImageArray:
    """Where a photograph shows nothing but the produce of a product shot: [H, W] uint8, 0 or 255.

    Args:
        image_bgr: [H, W, 3] uint8 photograph.
        shot_bgr: product shot.
        shot_mask: its outline.

    Raises:
        BadMask: too little of the photograph has the produce's colours.
    """
    likely = _colors_of(image_bgr, shot_bgr, shot_mask)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    closed = cv2.morphologyEx(likely, cv2.MORPH_CLOSE, disc)
    pure = cv2.erode(
        cv2.morphologyEx(closed, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15))), disc
    )
    pure[:3], pure[-3:], pure[:, :3], pure[:, -3:] = 0, 0, 0, 0
    count, labels, stats, _ = cv2.connectedComponentsWithStats(pure)
    if count < 2:
        raise BadMask("none of it has the colours of the product shot")
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    share = float(stats[largest, cv2.CC_STAT_AREA]) / pure.size
    if share < MIN_STUFF:
        raise BadMask(f"{share:.0%} of it has the colours of the product shot; allowed: {MIN_STUFF:.0%} and more")
    return np.where(labels == largest, np.uint8(255), np.uint8(0))


def is_whole(mask: ImageArray) -> bool:
    """A patch of one kind that is itself one fruit: compact, smooth, away from the border."""
    contour = max(cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=cv2.contourArea)
    area = cv2.contourArea(contour)
    x, y, width, height = cv2.boundingRect(contour)
    inside = min(x, y) > 4 and x + width < mask.shape[1] - 4 and y + height < mask.shape[0] - 4
    return bool(inside and 0.03 < area / mask.size < 0.5 and area > 0.93 * cv2.contourArea(cv2.convexHull(contour)))


def round_items(image_bgr: ImageArray, shot_bgr: ImageArray, shot_mask: ImageArray) -> list[ImageArray]:
    """Single round fruits in a pile: masks [H, W] uint8 of circles that an edge runs along and that hold one kind."""
    height, width = image_bgr.shape[:2]
    grey = cv2.GaussianBlur(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY), (0, 0), 1.2)
    found = cv2.HoughCircles(grey, cv2.HOUGH_GRADIENT, 1.2, 24, param1=90, param2=32, minRadius=15, maxRadius=62)
    if found is None:
        return []
    likely = _colors_of(image_bgr, shot_bgr, shot_mask)
    lab = np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2LAB), np.float32)
    slope = cv2.magnitude(cv2.Sobel(lab[..., 0], cv2.CV_32F, 1, 0), cv2.Sobel(lab[..., 0], cv2.CV_32F, 0, 1)) / 4
    masks: list[ImageArray] = []
    for x, y, radius in found[0][:25]:
        if x - radius < 2 or y - radius < 2 or x + radius > width - 2 or y + radius > height - 2:
            continue
        mask = np.zeros((height, width), np.uint8)
        cv2.circle(mask, (round(x), round(y)), round(radius * 0.94), 255, cv2.FILLED)
        if (likely[mask > 0] > 0).mean() < 0.85 or _edge_share(lab, float(x), float(y), float(radius)) < 0.8:
            continue
        core = cv2.erode(mask, np.ones((9, 9), np.uint8)) > 0
        if np.percentile(slope[core], 90) > 14:  # gaps between several small fruits
            continue
        masks.append(mask)
    masks.sort(key=lambda mask: -int((mask > 0).sum()))
    return masks[:_MAX_CIRCLES]


def carton_mask(image_bgr: ImageArray, shot_bgr: ImageArray, shot_mask: ImageArray) -> ImageArray:
    """A carton's printed face in a photograph, found by its print: [H, W] uint8, 0 or 255.

    What lies in front of it, such as fingers, is left out where it differs from the print.

    Raises:
        BadMask: the print is not found, or hardly any of it is to be seen.
    """
    height, width = image_bgr.shape[:2]
    sift = cv2.SIFT_create(900)  # type: ignore[attr-defined]
    zoomed = cv2.resize(image_bgr, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    points_a, features_a = sift.detectAndCompute(cv2.cvtColor(shot_bgr, cv2.COLOR_BGR2GRAY), shot_mask)
    points_b, features_b = sift.detectAndCompute(cv2.cvtColor(zoomed, cv2.COLOR_BGR2GRAY), None)
    if features_a is None or features_b is None or len(features_b) < 2:
        raise BadMask("the carton's print was not found")
    pairs = cv2.BFMatcher().knnMatch(features_a, features_b, k=2)
    good = [first for first, second in (p for p in pairs if len(p) == 2) if first.distance < 0.78 * second.distance]
    if len(good) < MIN_MATCHES:
        raise BadMask(f"the carton's print was not found ({len(good)} matches; allowed: {MIN_MATCHES} and more)")
    source = np.array([points_a[m.queryIdx].pt for m in good], np.float32)
    target = np.array([points_b[m.trainIdx].pt for m in good], np.float32) / 2
    matrix, inliers = cv2.findHomography(source, target, cv2.RANSAC, 2.5)
    if matrix is None or int(inliers.sum()) < MIN_MATCHES:
        raise BadMask("the carton's print was not found")
    mask = np.asarray(cv2.warpPerspective(shot_mask, matrix, (width, height), flags=cv2.INTER_NEAREST), np.uint8)
    print_bgr = np.asarray(cv2.warpPerspective(shot_bgr, matrix, (width, height), flags=cv2.INTER_AREA), np.uint8)
    if (mask > 0).mean() < 0.05:
        raise BadMask("hardly any of the carton is to be seen")
    contour = max(cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=cv2.contourArea)
    if cv2.contourArea(contour) < 0.85 * cv2.contourArea(cv2.convexHull(contour)):
        raise BadMask("the carton's print was found twisted")
    if _likeness(image_bgr, print_bgr, mask) < MIN_LIKENESS:
        raise BadMask("the carton's print was found where it is not")
    differs = _skin_like(image_bgr) & ~_skin_like(print_bgr)
    hidden = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    mask[cv2.dilate(hidden, np.ones((7, 7), np.uint8)) > 0] = 0
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        raise BadMask("hardly any of the carton is to be seen")
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    if stats[largest, cv2.CC_STAT_AREA] < 0.04 * mask.size:
        raise BadMask("hardly any of the carton is to be seen")
    face = np.where(labels == largest, np.uint8(255), np.uint8(0))
    return np.asarray(cv2.erode(face, np.ones((3, 3), np.uint8)), np.uint8)


def _likeness(image_bgr: ImageArray, print_bgr: ImageArray, mask: ImageArray) -> float:
    """Correlation of the lightness of a photograph and of the print laid over it, inside a mask; -1 to 1."""
    inside = cv2.erode(mask, np.ones((5, 5), np.uint8)) > 0
    if np.count_nonzero(inside) < 50:
        return 0.0
    a, b = (
        cv2.GaussianBlur(cv2.cvtColor(each, cv2.COLOR_BGR2GRAY), (0, 0), 1.5)[inside].astype(np.float32)
        for each in (image_bgr, print_bgr)
    )
    return float(np.corrcoef(a, b)[0, 1])


def _colors_of(image_bgr: ImageArray, shot_bgr: ImageArray, shot_mask: ImageArray) -> ImageArray:
    """[H, W] uint8, 1 where the colour is among the product shot's, whatever the lightness; dark gaps are not."""
    shot, image = (cv2.cvtColor(each, cv2.COLOR_BGR2LAB) for each in (shot_bgr, image_bgr))
    inner = cv2.erode(shot_mask, np.ones((7, 7), np.uint8))
    counts = cv2.calcHist([shot], [1, 2], inner, [42, 42], [0, 252, 0, 252])
    counts = cv2.GaussianBlur(counts, (0, 0), 1.3)
    counts = counts * (255.0 / max(float(counts.max()), 1e-6))
    share = cv2.calcBackProject([image], [1, 2], counts, [0, 252, 0, 252], 1.0)
    smooth = cv2.GaussianBlur(share, (0, 0), 1.5)
    return ((smooth > 18) & (image[..., 0] > 38)).astype(np.uint8)


def _edge_share(lab: FloatArray, x: float, y: float, radius: float) -> float:
    """Share of a circle along which colour changes from inside to outside."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    rim = np.column_stack([np.cos(angles), np.sin(angles)])

    def at(factor: float) -> FloatArray:
        xy = np.array([x, y]) + rim * radius * factor
        column = np.clip(xy[:, 0].round().astype(int), 0, lab.shape[1] - 1)
        row = np.clip(xy[:, 1].round().astype(int), 0, lab.shape[0] - 1)
        return np.asarray(lab[row, column], np.float32)

    step = np.abs(at(0.86) - at(1.12)).sum(axis=1)
    return float((step > 22).mean())


def _skin_like(image_bgr: ImageArray) -> np.ndarray:
    ycrcb = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2YCrCb)
    red, blue = ycrcb[..., 1], ycrcb[..., 2]
    return np.asarray((red > 138) & (red < 172) & (blue > 85) & (blue < 125) & (ycrcb[..., 0] > 50))

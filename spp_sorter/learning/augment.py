"""Training pictures made different every time they are seen: zoom, place, mirror, turn, light, blur, noise."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from spp_sorter.learning.appearance import photograph
from spp_sorter.learning.samples import MIN_VISIBLE, TrainingSample
from spp_sorter.values import FloatArray, ImageArray

GREY = (127, 127, 127)
"""What the detector fills its input up with."""

MAX_ZOOM = 8.0


def augment(sample: TrainingSample, size_hw: tuple[int, int], rng: np.random.Generator) -> TrainingSample:
    """A new view of a picture in an input of ``size_hw``.

    Mirroring, quarter turns and zoom keep boxes exact, which a turn by any angle would not: boxes have no outline to
    turn. Items that the view cuts to less than ``MIN_VISIBLE`` are ignored, and grasps whose point leaves the view are
    unknown.
    """
    # Half turns are as likely as none; quarter turns fill an oblong input badly and come less often.
    quarters = int(rng.choice(4, p=(0.4, 0.1, 0.4, 0.1)))
    sample = _turn(sample, quarters, bool(rng.integers(2)))
    sample = _view(sample, size_hw, rng)
    image = sample.image_bgr
    if rng.random() < 0.15:
        image = _cover_parts(image, sample.boxes_xyxy, rng)
    return dataclasses.replace(sample, image_bgr=photograph(image, rng))


def _turn(sample: TrainingSample, quarters: int, mirror: bool) -> TrainingSample:
    """Mirror left to right, then turn anticlockwise by quarters."""
    image, boxes, grasps = sample.image_bgr, sample.boxes_xyxy.copy(), sample.grasps.copy()
    if mirror:
        width = image.shape[1]
        image = image[:, ::-1]
        boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
        grasps[:, 0] = width - grasps[:, 0]
        grasps[:, 2] = -grasps[:, 2]
    for _ in range(quarters):
        width = image.shape[1]
        image = np.rot90(image)
        boxes = np.stack([boxes[:, 1], width - boxes[:, 2], boxes[:, 3], width - boxes[:, 0]], axis=1)
        grasps = np.stack([grasps[:, 1], width - grasps[:, 0], grasps[:, 2] + np.pi / 2, *grasps[:, 3:].T], axis=1)
    grasps[:, 2] = (grasps[:, 2] + np.pi / 2) % np.pi - np.pi / 2
    return TrainingSample(np.ascontiguousarray(image), boxes, sample.labels, sample.ignore, grasps.astype(np.float32))


def _view(sample: TrainingSample, size_hw: tuple[int, int], rng: np.random.Generator) -> TrainingSample:
    """Zoom and shift into the input; what lies outside the picture is grey."""
    height, width = sample.image_bgr.shape[:2]
    scale, shift = _choose_view((height, width), sample.boxes_xyxy, size_hw, rng)
    # Pixel edges map by scale and shift; warpAffine maps pixel centres, half a pixel off at each end.
    offset = shift + 0.5 * scale - 0.5
    matrix = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
    source = sample.image_bgr
    if scale < 0.6:  # warpAffine takes single pixels: what shrinks that far is blurred first, or it would glitter
        source = np.asarray(cv2.blur(source, (round(1 / scale),) * 2), np.uint8)
    border = GREY if rng.random() < 0.5 else tuple(int(value) for value in rng.integers(0, 256, size=3))
    image = cv2.warpAffine(source, matrix, size_hw[::-1], flags=cv2.INTER_LINEAR, borderValue=border)
    boxes = sample.boxes_xyxy * scale + np.tile(shift, 2)
    grasps = sample.grasps.copy()
    grasps[:, :2] = grasps[:, :2] * scale + shift
    grasps[:, 3:] *= scale
    limit = np.array([size_hw[1], size_hw[0]] * 2)
    clipped = np.clip(boxes, 0, limit)
    kept = _area(clipped) / np.maximum(_area(boxes), 1e-6)
    gone = (kept <= 0) | (np.min(clipped[:, 2:] - clipped[:, :2], axis=1, initial=np.inf) < 2)
    outside = ((grasps[:, :2] < 0) | (grasps[:, :2] > limit[:2])).any(axis=1) | (kept < 0.7)
    grasps[outside] = np.nan
    stay = ~gone
    return TrainingSample(
        np.asarray(image, np.uint8),
        clipped[stay].astype(np.float32),
        sample.labels[stay],
        (sample.ignore | (kept < MIN_VISIBLE))[stay],
        grasps[stay].astype(np.float32),
    )


def _choose_view(
    source_hw: tuple[int, int], boxes_xyxy: FloatArray, size_hw: tuple[int, int], rng: np.random.Generator
) -> tuple[float, FloatArray]:
    """Scale and [2] shift of a view: the whole picture, a part of it, an item that fills the view, or from far off."""
    height, width = source_hw
    fit = min(size_hw[0] / height, size_hw[1] / width)
    kind = rng.random()
    box = boxes_xyxy[rng.integers(len(boxes_xyxy))] if len(boxes_xyxy) else None
    if kind < 0.45 or (box is None and kind < 0.85):
        zoom = np.exp(rng.uniform(np.log(0.85), np.log(1.25)))
    elif kind < 0.7:
        zoom = np.exp(rng.uniform(np.log(1.25), np.log(3.0)))
    elif kind < 0.85 and box is not None:
        # So close that the item takes this share of the view along its tighter side.
        filled = rng.uniform(0.3, 0.97)
        sides = np.maximum(box[2:] - box[:2], 1)
        zoom = min(filled * min(size_hw[1] / sides[0], size_hw[0] / sides[1]) / fit, MAX_ZOOM)
    else:
        zoom = rng.uniform(0.45, 0.85)
    scale = float(fit * zoom)
    free = np.array([size_hw[1] - width * scale, size_hw[0] - height * scale])
    shift = free * rng.uniform(size=2)
    if zoom > 1.25 and box is not None:  # close-ups are of items, not of bare belt
        centre = (box[:2] + box[2:]) / 2 * scale
        half = np.minimum((box[2:] - box[:2]) / 2 * scale / (size_hw[1], size_hw[0]), 0.5)
        middle = np.array([size_hw[1], size_hw[0]]) * rng.uniform(np.minimum(0.35, half), np.maximum(0.65, 1 - half))
        shift = np.clip(middle - centre, np.minimum(free, 0), np.maximum(free, 0))
    return scale, shift


def _cover_parts(image_bgr: ImageArray, boxes_xyxy: FloatArray, rng: np.random.Generator) -> ImageArray:
    """Hide a small part inside some items behind a piece of the picture: their boxes stay exact."""
    image = image_bgr.copy()
    for box in boxes_xyxy[rng.random(len(boxes_xyxy)) < 0.4]:
        sides = box[2:] - box[:2]
        if not sides.min() >= 16:  # not a number neither
            continue
        size = (sides * rng.uniform(0.15, 0.4, size=2)).astype(int)
        low = box[:2] + 0.15 * sides
        x, y = (low + (0.7 * sides - size) * rng.uniform(size=2)).astype(int)
        left, top = (int(rng.integers(0, limit)) for limit in np.array(image.shape[1::-1]) - size + 1)
        image[y : y + size[1], x : x + size[0]] = image_bgr[top : top + size[1], left : left + size[0]]
    return image


def _area(boxes_xyxy: FloatArray) -> FloatArray:
    return np.asarray(np.maximum(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0).prod(axis=1))

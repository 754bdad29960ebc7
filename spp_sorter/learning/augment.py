"""Training pictures made different every time they are seen: zoom, place, mirror, turn, light, blur, noise."""

from __future__ import annotations

import cv2
import numpy as np

from spp_sorter.learning.samples import MIN_VISIBLE, TrainingSample
from spp_sorter.values import FloatArray, ImageArray

GREY = (127, 127, 127)


def augment(sample: TrainingSample, size_hw: tuple[int, int], rng: np.random.Generator) -> TrainingSample:
    """A new view of a picture in an input of ``size_hw``.

    Mirroring, quarter turns and zoom keep boxes exact; items that the view cuts to less than ``MIN_VISIBLE`` are
    ignored, and grasps whose point leaves the view are unknown.
    """
    sample = _turn(sample, int(rng.integers(4)), bool(rng.integers(2)))
    sample = _view(sample, size_hw, rng)
    return TrainingSample(
        _photograph(sample.image_bgr, rng), sample.boxes_xyxy, sample.labels, sample.ignore, sample.grasps
    )


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
    fit = min(size_hw[0] / height, size_hw[1] / width)
    kind = rng.random()
    if kind < 0.5:
        zoom = np.exp(rng.uniform(np.log(0.85), np.log(1.25)))
    elif kind < 0.85:
        zoom = np.exp(rng.uniform(np.log(1.25), np.log(3.0)))
    else:
        zoom = rng.uniform(0.6, 0.85)
    scale = fit * zoom
    free = np.array([size_hw[1] - width * scale, size_hw[0] - height * scale])
    shift = free * rng.uniform(size=2)
    if zoom > 1.25 and len(sample.boxes_xyxy):  # close-ups are of items, not of bare belt
        box = sample.boxes_xyxy[rng.integers(len(sample.boxes_xyxy))]
        centre = np.array([box[0] + box[2], box[1] + box[3]]) / 2 * scale
        middle = np.array([size_hw[1], size_hw[0]]) * rng.uniform(0.3, 0.7, size=2)
        shift = np.clip(middle - centre, np.minimum(free, 0), np.maximum(free, 0))
    # Pixel edges map by scale and shift; warpAffine maps pixel centres, half a pixel off at each end.
    offset = shift + 0.5 * scale - 0.5
    matrix = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
    flags = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
    image = cv2.warpAffine(sample.image_bgr, matrix, size_hw[::-1], flags=flags, borderValue=GREY)
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


def _photograph(image_bgr: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Another light, lens and sensor."""
    image = image_bgr.astype(np.float32)
    gain = rng.uniform(0.7, 1.35) * np.exp(rng.normal(0, 0.06, size=3))
    mean = image.mean()
    image = ((image - mean) * rng.uniform(0.75, 1.25) + mean) * gain.astype(np.float32)
    grey = image.mean(axis=2, keepdims=True)
    image = grey + (image - grey) * rng.uniform(0.6, 1.4)
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6))
    if rng.random() < 0.4:
        noise = np.empty(image.shape, np.float32)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, np.zeros(3), np.full(3, rng.uniform(1, 9)))
        image = image + noise
    photograph = np.clip(image, 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        _, encoded = cv2.imencode(".jpg", photograph, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 90))])
        return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(photograph)


def _area(boxes_xyxy: FloatArray) -> FloatArray:
    return np.asarray(np.maximum(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0).prod(axis=1))

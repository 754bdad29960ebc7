"""The worst mistakes of a detector, kept as small pictures while it is measured."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field

import cv2
import numpy as np

from spp_sorter.evaluation.matching import match_coco
from spp_sorter.evaluation.measure import MATCH_IOU, OPERATING_SCORE, Sample
from spp_sorter.evaluation.truth import F64, Prediction, pairwise_iou
from spp_sorter.values import Detections, ImageArray

KINDS = ("wrong label", "missed", "wrong box", "nothing there")
"""Called by another's name; not called at all; called, but the box is off or a second one; called where nothing is."""

NEAR_IOU = 0.1
"""A call that matches no truth is about the one it overlaps this much."""

_CROP_PX = 200
_TRUE_BGR, _CALLED_BGR = (80, 200, 60), (40, 60, 230)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake.

    Attributes:
        kind: one of ``KINDS``.
        weight: how bad: the score of a wrong call, the share of the picture that a missed item covers.
        caption: what was there and what was said.
        jpeg: a crop of the picture around it, the truth green and the call red.
    """

    kind: str
    weight: float
    caption: str
    jpeg: bytes


@dataclass(slots=True)
class Gallery:
    """Keeps the worst of each kind; show it every sample as it is measured.

    Attributes:
        per_kind: how many of each kind are kept.
    """

    per_kind: int = 12
    _heaps: dict[str, list[tuple[float, int, Mistake]]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    _order: itertools.count = field(default_factory=itertools.count)

    def look(self, sample: Sample, detections: Detections) -> None:
        """Take the mistakes of one picture."""
        prediction = Prediction.of(detections).above(OPERATING_SCORE)
        matches = match_coco([sample.truth], [prediction], None, (MATCH_IOU,))
        names, truth = detections.label_names, sample.truth
        missed = truth.to_find
        columns = zip(matches.indices, matches.truths[:, 0, 0], matches.ignored[:, 0, 0], strict=True)
        for index, found, ignored in columns:
            called, score, box = names[prediction.labels[index]], prediction.scores[index], prediction.boxes_xyxy[index]
            if ignored:
                continue
            if found < 0:
                overlaps = pairwise_iou(box, truth.boxes_xyxy)
                best = overlaps.max(initial=0.0)
                near = truth.boxes_xyxy[overlaps.argmax()] if best >= NEAR_IOU else None
                kind, more = ("nothing there", "") if near is None else ("wrong box", f", IoU {best:.2f}")
                self._keep(kind, score, f"{called} {score:.2f}{more}", sample, near, box)
                continue
            missed[found] = False
            if truth.labels[found] != prediction.labels[index]:
                caption = f"{names[truth.labels[found]]} called {called} {score:.2f}"
                self._keep("wrong label", score, caption, sample, truth.boxes_xyxy[found], box)
        for found in np.flatnonzero(missed):
            box = truth.boxes_xyxy[found]
            share = float(np.prod(box[2:] - box[:2])) / (sample.image_bgr.shape[0] * sample.image_bgr.shape[1])
            self._keep("missed", share, names[truth.labels[found]], sample, box, None)

    def worst(self, kind: str) -> tuple[Mistake, ...]:
        """The kept mistakes of a kind, worst first."""
        return tuple(entry[2] for entry in sorted(self._heaps[kind], reverse=True))

    def _keep(
        self, kind: str, weight: float, caption: str, sample: Sample, true_box: F64 | None, called_box: F64 | None
    ) -> None:
        heap = self._heaps[kind]
        if len(heap) >= self.per_kind and weight <= heap[0][0]:
            return
        jpeg = _crop(sample.image_bgr, true_box, called_box)
        mistake = Mistake(kind, float(weight), f"{caption} ({sample.name})", jpeg)
        # Earlier pictures win ties, and mistakes themselves are never compared.
        heapq.heappush(heap, (float(weight), -next(self._order), mistake))
        if len(heap) > self.per_kind:
            heapq.heappop(heap)


def _crop(image_bgr: ImageArray, true_box: F64 | None, called_box: F64 | None) -> bytes:
    boxes = np.array([box for box in (true_box, called_box) if box is not None])
    low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    centre, side = (low + high) / 2, max(float((high - low).max()) * 1.6, 48.0)
    scale = _CROP_PX / side
    shift = _CROP_PX / 2 - centre * scale
    matrix = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    crop = cv2.warpAffine(image_bgr, matrix, (_CROP_PX, _CROP_PX), flags=interpolation, borderValue=(230, 230, 230))
    for box, color in ((true_box, _TRUE_BGR), (called_box, _CALLED_BGR)):
        if box is not None:
            corners = np.round(box.reshape(2, 2) * scale + shift).astype(int)
            cv2.rectangle(crop, tuple(corners[0].tolist()), tuple(corners[1].tolist()), color, 2)
    return cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()

"""Average precision as COCO and Pascal VOC (2007 and 2010) define it.

Letters: D detections, T IoU thresholds, R recall points, C labels, A ranges of area.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spp_sorter.evaluation.matching import ALL_AREAS, Matches, match_coco, match_voc
from spp_sorter.evaluation.truth import F64, GroundTruth, Prediction

COCO_IOU_THRESHS = tuple(float(t) for t in np.linspace(0.5, 0.95, 10))
"""0.50:0.05:0.95."""

COCO_AREAS = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""Square pixels, both ends included."""

RECALL_POINTS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True)
class CocoMetrics:
    """COCO's figures. NaN stands where no truth is to be found.

    Attributes:
        average_precision: [T, C, A] mean precision over the 101 points of recall.
        recall: [T, C, A] recall with all detections.
        iou_threshs: T thresholds.
        areas: A names of ranges of area.
    """

    average_precision: F64
    recall: F64
    iou_threshs: tuple[float, ...] = COCO_IOU_THRESHS
    areas: tuple[str, ...] = tuple(COCO_AREAS)

    def ap(self, iou_thresh: float | None = None, label: int | None = None, area: str = "all") -> float:
        """Average precision, a mean over whatever is not named; labels without a truth are left out."""
        return self._mean(self.average_precision, iou_thresh, label, area)

    def ar(self, iou_thresh: float | None = None, label: int | None = None, area: str = "all") -> float:
        """Average recall, a mean over whatever is not named; labels without a truth are left out."""
        return self._mean(self.recall, iou_thresh, label, area)

    def _mean(self, values: F64, iou_thresh: float | None, label: int | None, area: str) -> float:
        values = values[:, :, self.areas.index(area)]
        if iou_thresh is not None:
            near = np.isclose(self.iou_threshs, iou_thresh)
            if not near.any():
                raise ValueError(f"iou_thresh is {iou_thresh}; allowed: one of {self.iou_threshs}")
            values = values[near]
        if label is not None:
            values = values[:, [label]]
        return nan_mean(values)


def coco_metrics(
    ground_truths: Sequence[GroundTruth],
    predictions: Sequence[Prediction],
    num_labels: int,
    max_detections: int = 100,
) -> CocoMetrics:
    """COCO's average precision and recall, equal to pycocotools.

    Args:
        ground_truths: one per image.
        predictions: one per image, in the same order.
        num_labels: C.
        max_detections: the best so many of each image and label count.

    Returns:
        Figures for each threshold, label and range of area.

    Raises:
        ValueError: different numbers of images.
    """
    shape = (len(COCO_IOU_THRESHS), num_labels, len(COCO_AREAS))
    average, recall = np.full(shape, np.nan), np.full(shape, np.nan)
    for label in range(num_labels):
        matches = match_coco(
            ground_truths, predictions, label, COCO_IOU_THRESHS, tuple(COCO_AREAS.values()), max_detections
        )
        average[:, label], recall[:, label] = average_precision_101(matches)
    return CocoMetrics(average, recall)


def average_precision_101(
    matches: Matches, weights: F64 | None = None, num_truths: F64 | None = None
) -> tuple[F64, F64]:
    """Mean precision over 101 points of recall, and the final recall.

    Args:
        matches: of one label.
        weights: [D] how often each detection counts, None for once (the bootstrap gives others).
        num_truths: [A] weighted number of truths; None for ``matches.num_truths``.

    Returns:
        [T, A] average precision and [T, A] recall, NaN where no truth is to be found.
    """
    wanted = np.asarray(matches.num_truths if num_truths is None else num_truths, np.float64)
    count = np.ones(len(matches.scores)) if weights is None else weights
    right = np.cumsum(matches.true_positive * count[:, None, None], axis=0)  # [D, T, A]
    wrong = np.cumsum(matches.false_positive * count[:, None, None], axis=0)
    _, num_threshs, num_ranges = right.shape
    average, final = np.full((num_threshs, num_ranges), np.nan), np.full((num_threshs, num_ranges), np.nan)
    counted = right + wrong
    precision = np.divide(right, counted, out=np.zeros_like(right, dtype=np.float64), where=counted > 0)
    precision = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    for a in np.flatnonzero(wanted > 0):
        for t in range(num_threshs):
            recall = right[:, t, a] / wanted[a]
            final[t, a] = recall[-1] if len(recall) else 0.0
            at = np.searchsorted(recall, RECALL_POINTS, side="left")
            average[t, a] = precision[at[at < len(recall)], t, a].sum() / len(RECALL_POINTS)
    return average, final


def voc_average_precision(
    ground_truths: Sequence[GroundTruth],
    predictions: Sequence[Prediction],
    num_labels: int,
    iou_thresh: float = 0.5,
    points: int | None = None,
) -> F64:
    """Pascal VOC's average precision of each label, with the development kit's own matching.

    Args:
        ground_truths: one per image; ignored truths are VOC's "difficult" ones.
        predictions: one per image, in the same order.
        num_labels: C.
        iou_thresh: smallest IoU of a match.
        points: 11 for VOC 2007; None for the area under the whole envelope (VOC 2010 and later).

    Returns:
        [C] float64, NaN for a label without a truth.

    Raises:
        ValueError: different numbers of images, or ``points`` below 2.
    """
    if points is not None and points < 2:
        raise ValueError(f"points is {points}; allowed: 2 and above (11 for VOC 2007), or None for the whole area")
    result = np.full(num_labels, np.nan)
    for label in range(num_labels):
        matches = match_voc(ground_truths, predictions, label, iou_thresh)
        wanted = int(matches.num_truths[0])
        if wanted == 0:
            continue
        right = np.cumsum(matches.true_positive[:, 0, 0])
        wrong = np.cumsum(matches.false_positive[:, 0, 0])
        precision = right / np.maximum(right + wrong, 1)
        envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
        if points is None:
            result[label] = np.sum(np.diff(right, prepend=0) * envelope[:-1]) / wanted
        else:
            # Whole numbers, because a recall of 3/10 must reach the point 0.3.
            at = np.searchsorted(right * (points - 1), np.arange(points) * wanted, side="left")
            result[label] = envelope[at].mean()
    return result


def average_precision_at(
    ground_truths: Sequence[GroundTruth],
    predictions: Sequence[Prediction],
    num_labels: int,
    iou_thresh: float = 0.5,
    max_detections: int = 100,
) -> F64:
    """COCO's 101-point average precision of each label at one IoU threshold: [C], NaN for a label without a truth."""
    result = np.full(num_labels, np.nan)
    for label in range(num_labels):
        matches = match_coco(ground_truths, predictions, label, (iou_thresh,), ALL_AREAS, max_detections)
        result[label] = average_precision_101(matches)[0][0, 0]
    return result


def nan_mean(values: F64) -> float:
    """Mean of what is not NaN; NaN, with no warning, when nothing is left."""
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else float("nan")

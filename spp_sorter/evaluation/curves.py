"""Precision against recall, the score threshold for a wanted precision, and what is taken for what.

Letters: K distinct scores, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spp_sorter.evaluation.matching import Matches, match_coco
from spp_sorter.evaluation.truth import F64, I64, GroundTruth, Prediction


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """The curve of one label, from the strictest threshold to the loosest.

    Attributes:
        thresholds: [K] distinct scores, falling; a detection counts when its score is at least the threshold.
        precision: [K] of the detections that count, the right ones.
        recall: [K] of the truths, the found ones; NaN when there is no truth.
    """

    thresholds: F64
    precision: F64
    recall: F64


def precision_recall(matches: Matches) -> PrecisionRecall:
    """The curve at the first IoU threshold and range of area of ``matches``; ignored detections are left out."""
    counted = ~matches.ignored[:, 0, 0]
    scores = matches.scores[counted]
    right = np.cumsum(matches.true_positive[counted, 0, 0])
    last_of_tie = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if len(scores) else np.zeros(0, np.int64)
    wanted = int(matches.num_truths[0])
    found = right[last_of_tie].astype(np.float64)
    recall = found / wanted if wanted else np.full(len(found), np.nan)
    return PrecisionRecall(scores[last_of_tie], found / (last_of_tie + 1), recall)


def score_for_precision(curve: PrecisionRecall, wanted: float) -> float | None:
    """The lowest score threshold whose detections are right in at least ``wanted`` of all cases.

    Returns:
        The threshold, or None when no threshold reaches ``wanted``.

    Raises:
        ValueError: ``wanted`` outside (0, 1].
    """
    if not 0.0 < wanted <= 1.0:
        raise ValueError(f"wanted precision is {wanted}; allowed: above 0, at most 1")
    reached = np.flatnonzero(curve.precision >= wanted)
    return float(curve.thresholds[reached[-1]]) if len(reached) else None


def confusion_matrix(
    ground_truths: Sequence[GroundTruth],
    predictions: Sequence[Prediction],
    num_labels: int,
    iou_thresh: float = 0.5,
    score_thresh: float = 0.5,
) -> I64:
    """What every truth was called, and what was called without a truth.

    Boxes are matched whatever their labels, best score first; ignored truths and what they excuse are left out.

    Args:
        ground_truths: one per image.
        predictions: one per image, in the same order.
        num_labels: C.
        iou_thresh: smallest IoU of a match.
        score_thresh: smallest score that counts.

    Returns:
        [C + 1, C + 1] counts: row true label, last row "nothing there"; column called label, last column "missed".

    Raises:
        ValueError: different numbers of images.
    """
    kept = [prediction.above(score_thresh) for prediction in predictions]
    most = max((len(prediction) for prediction in kept), default=0)
    matches = match_coco(ground_truths, kept, None, (iou_thresh,), max_detections=most)
    matrix = np.zeros((num_labels + 1, num_labels + 1), np.int64)
    missed = [truth.to_find for truth in ground_truths]
    columns = zip(matches.images, matches.indices, matches.truths[:, 0, 0], matches.ignored[:, 0, 0], strict=True)
    for image, index, truth, ignored in columns:
        if ignored:
            continue
        row = num_labels
        if truth >= 0:
            row = ground_truths[image].labels[truth]
            missed[image][truth] = False
        matrix[row, kept[image].labels[index]] += 1
    for ground_truth, rest in zip(ground_truths, missed, strict=True):
        matrix[:, num_labels] += np.bincount(ground_truth.labels[rest], minlength=num_labels + 1)
    return matrix

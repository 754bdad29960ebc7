"""The detection metrics in one place: what ``learning``, ``lecture`` and the demo measure with."""

from __future__ import annotations

from collections.abc import Sequence

from spp_sorter.evaluation.average_precision import (
    CocoMetrics,
    average_precision_at,
    coco_metrics,
    nan_mean,
    voc_average_precision,
)
from spp_sorter.evaluation.truth import ANY_LABEL, GroundTruth, Prediction

__all__ = [
    "ANY_LABEL",
    "CocoMetrics",
    "GroundTruth",
    "Prediction",
    "average_precision_at",
    "coco_metrics",
    "mean_average_precision",
    "voc_average_precision",
]


def mean_average_precision(
    ground_truths: Sequence[GroundTruth],
    predictions: Sequence[Prediction],
    num_labels: int,
    iou_thresh: float = 0.5,
) -> float:
    """COCO's average precision at one IoU threshold, meaned over the labels that have a truth.

    Args:
        ground_truths: one per image.
        predictions: one per image, in the same order.
        num_labels: C.
        iou_thresh: smallest IoU of a match, in (0, 1].

    Returns:
        A number in [0, 1]; NaN when there is no truth at all.

    Raises:
        ValueError: different numbers of images.
    """
    return nan_mean(average_precision_at(ground_truths, predictions, num_labels, iou_thresh))

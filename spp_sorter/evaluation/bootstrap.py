"""Intervals by drawing OBJECTS again, not images or detections: pictures of one object are not independent.

Efron and Tibshirani 1993, the percentile interval. Letters: N values, D detections, G groups, R replicates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from spp_sorter.evaluation.average_precision import COCO_IOU_THRESHS, average_precision_101, nan_mean
from spp_sorter.evaluation.matching import Matches, match_coco
from spp_sorter.evaluation.truth import F64, I64, GroundTruth, Prediction, pairwise_iou

Interval = tuple[float, float]

REPLICATES = 1000
CONFIDENCE = 0.95


def bootstrap(
    statistic: Callable[[F64], float],
    groups: Sequence[str],
    replicates: int = REPLICATES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval | None:
    """The interval of a statistic when whole groups are drawn again.

    Args:
        statistic: from [N] float64 weights (0, 1, 2... how often each value was drawn) to a number; NaN is left out.
        groups: N names, such as the object of each value.
        replicates: how many times to draw.
        confidence: share of the replicates inside the interval.
        seed: of the draws.

    Returns:
        Its low and high end, or None with fewer than two groups or no number at all.
    """
    names, members = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < 2:
        return None
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=replicates)  # [R, G]
    return percentile_interval([statistic(draw[members].astype(np.float64)) for draw in draws], confidence)


def percentile_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """The middle ``confidence`` of the values that are numbers, or None when there are none."""
    numbers = np.asarray(values, np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return None
    low, high = np.quantile(numbers, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def weighted_mean(values: F64, weights: F64) -> float:
    """Mean of values drawn ``weights`` times; NaN when none was."""
    return float(np.average(values, weights=weights)) if weights.sum() > 0 else float("nan")


def weighted_median(values: F64, weights: F64) -> float:
    """Median of values drawn ``weights`` times; NaN when none was."""
    if not weights.sum() > 0:
        return float("nan")
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) >= 0.5 * weights.sum()
    return float(values[order][np.argmax(reached)])


def bootstrap_average_precision(
    ground_truths: Sequence[GroundTruth],
    predictions: Sequence[Prediction],
    objects: Sequence[Sequence[str]],
    num_labels: int,
    replicates: int = REPLICATES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> dict[str, Interval | None]:
    """Intervals of mAP at IoU 0.5 and of AP (.50:.95).

    A detection goes with the object it overlaps most, right or wrong. Those that touch no object are drawn by image.

    Args:
        ground_truths: one per image.
        predictions: one per image, in the same order.
        objects: for each image the names of the objects of its truths; an empty name is an object of its own.
        num_labels: C.
        replicates: how many times to draw.
        confidence: share of the replicates inside the interval.
        seed: of the draws.

    Returns:
        ``map50`` and ``ap``, each an interval, or None with fewer than two objects.
    """
    groups, num_objects = object_groups(objects)
    num_images = len(ground_truths)
    if num_objects < 2:
        return {"map50": None, "ap": None}
    labels = []
    for label in range(num_labels):
        matches = match_coco(ground_truths, predictions, label, COCO_IOU_THRESHS)
        wanted = [g[(t.labels == label) & t.to_find] for g, t in zip(groups, ground_truths, strict=True)]
        detections = detection_groups(matches, ground_truths, predictions, groups, num_objects)
        labels.append((matches, detections, np.concatenate([np.zeros(0, np.int64), *wanted])))
    rng = np.random.default_rng(seed)
    map50, ap = [], []
    for _ in range(replicates):
        drawn = [rng.multinomial(count, np.full(count, 1.0 / count)) for count in (num_objects, num_images)]
        weights = np.concatenate(drawn).astype(np.float64)
        averages = []
        for matches, found, wanted_groups in labels:
            wanted_weight = np.array([weights[wanted_groups].sum()])
            averages.append(average_precision_101(matches, weights[found], wanted_weight)[0][:, 0])
        stacked = np.array(averages)  # [C, T]
        map50.append(nan_mean(stacked[:, 0]))
        ap.append(nan_mean(stacked))
    return {"map50": percentile_interval(map50, confidence), "ap": percentile_interval(ap, confidence)}


def object_groups(objects: Sequence[Sequence[str]]) -> tuple[list[I64], int]:
    """Numbers for names of objects.

    Args:
        objects: for each image the names of the objects of its truths; an empty name is an object of its own.

    Returns:
        For each image the numbers of its truths, and how many objects there are.
    """
    names = [[name or f"\0{image}:{index}" for index, name in enumerate(row)] for image, row in enumerate(objects)]
    numbers = {name: number for number, name in enumerate(sorted({name for row in names for name in row}))}
    return [np.array([numbers[name] for name in row], np.int64) for row in names], len(numbers)


def detection_groups(
    matches: Matches,
    ground_truths: Sequence[GroundTruth],
    predictions: Sequence[Prediction],
    groups: Sequence[I64],
    num_objects: int,
) -> I64:
    """[D] number of the object that each detection overlaps most; ``num_objects`` + image for those that touch none.

    Args:
        matches: of the detections, at one IoU threshold or more.
        ground_truths: one per image.
        predictions: one per image.
        groups: numbers of the truths' objects, from ``object_groups``.
        num_objects: how many objects there are.
    """
    result = num_objects + matches.images
    for row, (image, index) in enumerate(zip(matches.images, matches.indices, strict=True)):
        matched = matches.truths[row, 0, 0]
        if matched < 0 and len(groups[image]):
            overlap = pairwise_iou(predictions[image].boxes_xyxy[index], ground_truths[image].boxes_xyxy)
            matched = int(overlap.argmax()) if overlap.max() > 0 else -1
        if matched >= 0:
            result[row] = groups[image][matched]
    return result

"""The figures of a measurement as plain numbers, for a table or a json. NaN stands where nothing was to measure."""

from __future__ import annotations

from typing import Any

import numpy as np

from spp_sorter.evaluation.bootstrap import (
    Interval,
    bootstrap,
    bootstrap_average_precision,
    detection_groups,
    object_groups,
    weighted_mean,
    weighted_median,
)
from spp_sorter.evaluation.calibration import expected_calibration_error, reliability
from spp_sorter.evaluation.curves import confusion_matrix, precision_recall, score_for_precision
from spp_sorter.evaluation.matching import match_coco
from spp_sorter.evaluation.measure import MATCH_IOU, OPERATING_SCORE, Measured
from spp_sorter.evaluation.metrics import coco_metrics, voc_average_precision
from spp_sorter.evaluation.truth import F64, I64, Bools

CALIBRATION_SCORE = 0.3
"""Detections from this score count for the calibration error: far more weak ones would hide the ones that matter."""

WANTED_PRECISIONS = (0.9, 0.95, 0.98, 0.99)

Summary = dict[str, Any]


def summarise_detection(measured: Measured, seed: int = 0, precisions: tuple[float, ...] = ()) -> Summary:
    """Average precision, overall, by label and by size, with intervals over objects.

    Args:
        measured: pictures with truth and detections.
        seed: of the bootstrap.
        precisions: to find the scores of, beside ``WANTED_PRECISIONS``.

    Returns:
        ``map50``, ``ap`` and ``ap75``; ``interval`` of the first two; ``ap_small``, ``ap_medium``, ``ap_large``;
        ``voc2007`` and ``voc2010`` (VOC's own mAP at 0.5); ``per_class`` with ``ap50``, ``ap``, ``recall`` and
        ``score_for_precision``; counts of ``images``, ``items``, ``ignored`` and ``objects``.
    """
    truths, predictions, names = measured.truths, measured.predictions, measured.label_names
    metrics = coco_metrics(truths, predictions, len(names))
    summary: Summary = {"map50": metrics.ap(0.5), "ap": metrics.ap(), "ap75": metrics.ap(0.75)}
    summary["interval"] = bootstrap_average_precision(truths, predictions, measured.objects, len(names), seed=seed)
    summary.update({f"ap_{size}": metrics.ap(area=size) for size in ("small", "medium", "large")})
    for name, points in (("voc2007", 11), ("voc2010", None)):
        values = voc_average_precision(truths, predictions, len(names), points=points)
        summary[name] = float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
    per_class: Summary = {}
    for label, name in enumerate(names):
        curve = precision_recall(match_coco(truths, predictions, label, (MATCH_IOU,)))
        at = np.flatnonzero(curve.thresholds >= OPERATING_SCORE)
        per_class[name] = {
            "ap50": metrics.ap(0.5, label),
            "ap": metrics.ap(label=label),
            "items": sum(int(np.sum((truth.labels == label) & truth.to_find)) for truth in truths),
            "precision": float(curve.precision[at[-1]]) if len(at) else float("nan"),
            "recall": float(curve.recall[at[-1]]) if len(at) else 0.0,
            "score_for_precision": {
                f"{p:g}": score_for_precision(curve, p) for p in sorted({*WANTED_PRECISIONS, *precisions})
            },
        }
    summary["per_class"] = per_class
    known = {name for row in measured.objects for name in row if name}
    counts = [truth.to_find for truth in truths]
    summary["images"] = len(truths)
    summary["items"] = sum(int(found.sum()) for found in counts)
    summary["ignored"] = sum(int((~found).sum()) for found in counts)
    summary["objects"] = len(known)
    return summary


def summarise_confusion(measured: Measured) -> Summary:
    """What every item was called at the operating score: ``{true label: {called: count}}``."""
    names = measured.label_names
    matrix = confusion_matrix(measured.truths, measured.predictions, len(names), MATCH_IOU, OPERATING_SCORE)
    rows, columns = (*names, "background"), (*names, "missed")
    counts = {row: dict(zip(columns, matrix[i].tolist(), strict=True)) for i, row in enumerate(rows)}
    del counts["background"]["missed"]
    return {"score_thresh": OPERATING_SCORE, "iou_thresh": MATCH_IOU, "counts": counts}


def calibration_scores(measured: Measured) -> tuple[F64, Bools, I64]:
    """Scores from ``CALIBRATION_SCORE``, whether each is right, and the number of the object it is about."""
    groups, num_objects = object_groups(measured.objects)
    columns: list[tuple[F64, Bools, I64]] = []
    for label in range(len(measured.label_names)):
        matches = match_coco(measured.truths, measured.predictions, label, (MATCH_IOU,))
        owners = detection_groups(matches, measured.truths, measured.predictions, groups, num_objects)
        kept = (matches.scores >= CALIBRATION_SCORE) & ~matches.ignored[:, 0, 0]
        columns.append((matches.scores[kept], matches.true_positive[kept, 0, 0], owners[kept]))
    scores, correct, objects = (np.concatenate(column) for column in zip(*columns, strict=True))
    return scores, correct, objects


def summarise_calibration(measured: Measured, seed: int = 0) -> tuple[float, Interval | None]:
    """The expected calibration error of scores from ``CALIBRATION_SCORE``, and its interval over objects."""
    scores, correct, objects = calibration_scores(measured)
    interval = bootstrap(
        lambda weights: reliability(scores, correct, weights=weights).error, objects.astype(str).tolist(), seed=seed
    )
    return expected_calibration_error(scores, correct), interval


def summarise_grasps(measured: Measured, seed: int = 0) -> Summary:
    """Grasps of the items found at the operating score.

    Returns:
        ``items``; ``point_inside`` with ``interval.point_inside`` beside it; ``yaw_error_deg`` (items at least 1.5
        times as long as wide) and ``size_error`` (relative, length and width), each with ``p50``, ``p90``, ``items``
        and ``interval.p50``. All NaN when no grasp was to judge.
    """
    grasps = measured.grasps
    objects = [grasp.object or f"\0{index}" for index, grasp in enumerate(grasps)]
    inside = np.array([grasp.inside for grasp in grasps], np.float64)
    summary: Summary = {"items": len(grasps), "point_inside": weighted_mean(inside, np.ones(len(grasps)))}
    summary["interval"] = {"point_inside": bootstrap(lambda w: weighted_mean(inside, w), objects, seed=seed)}
    yaws = np.array([grasp.yaw_deg for grasp in grasps])
    sizes = np.array([grasp.size for grasp in grasps]).reshape(-1, 2).T.ravel()  # all lengths, then all widths
    for name, values, names in (("yaw_error_deg", yaws, objects), ("size_error", sizes, objects * 2)):
        summary[name] = _percentiles(values, names, seed)
    return summary


def _percentiles(values: np.ndarray, names: list[str], seed: int) -> Summary:
    kept = np.isfinite(values)
    numbers, groups = values[kept], [name for name, keep in zip(names, kept, strict=True) if keep]
    if not len(numbers):
        return {"p50": float("nan"), "p90": float("nan"), "items": 0, "interval": {"p50": None}}
    interval = bootstrap(lambda weights: weighted_median(numbers, weights), groups, seed=seed)
    p50, p90 = np.quantile(numbers, [0.5, 0.9])
    return {"p50": float(p50), "p90": float(p90), "items": len(numbers), "interval": {"p50": interval}}

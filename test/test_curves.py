"""Precision against recall, thresholds, confusion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spp_sorter.evaluation.curves import confusion_matrix, precision_recall, score_for_precision
from spp_sorter.evaluation.matching import match_coco
from spp_sorter.evaluation.truth import ANY_LABEL, GroundTruth, Prediction

PLACES = np.array([[x, 0.0, x + 10.0, 10.0] for x in range(0, 200, 20)])


def one_label(scores: list[float], right: list[bool], num_truths: int = 10) -> tuple[GroundTruth, Prediction]:
    """Detections on a truth of their own, or on nothing."""
    boxes = np.array([PLACES[i] if ok else PLACES[i] + [0, 500, 0, 500] for i, ok in enumerate(right)]).reshape(-1, 4)
    truth = GroundTruth(PLACES[:num_truths], np.zeros(num_truths, np.int64))
    return truth, Prediction(boxes, np.array(scores), np.zeros(len(scores), np.int64))


def curve(scores: list[float], right: list[bool], num_truths: int = 10) -> object:
    truth, prediction = one_label(scores, right, num_truths)
    return precision_recall(match_coco([truth], [prediction], 0, (0.5,)))


def test_curve_of_a_hand_made_case() -> None:
    result = curve([0.9, 0.8, 0.8, 0.5], [True, False, True, True])
    assert result.thresholds.tolist() == [0.9, 0.8, 0.5]
    assert result.precision.tolist() == [1.0, 2 / 3, 3 / 4]
    assert result.recall.tolist() == [0.1, 0.2, 0.3]


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=10))
def test_curve_counts_what_each_threshold_lets_through(rows: list[tuple[int, bool]]) -> None:
    scores, right = np.array([s / 5 for s, _ in rows]), np.array([ok for _, ok in rows], bool)
    result = curve(scores.tolist(), right.tolist())
    assert result.thresholds.tolist() == sorted(set(scores.tolist()), reverse=True)
    for thresh, precision, recall in zip(result.thresholds, result.precision, result.recall, strict=True):
        kept = right[scores >= thresh]
        assert precision == pytest.approx(kept.mean())
        assert recall == pytest.approx(kept.sum() / 10)
    for wanted in (0.5, 0.9, 1.0):
        enough = [t for t in result.thresholds if right[scores >= t].mean() >= wanted]
        assert score_for_precision(result, wanted) == (min(enough) if enough else None)


@pytest.mark.parametrize("wanted", [0.0, 1.1, float("nan")])
def test_a_precision_that_cannot_be_is_refused(wanted: float) -> None:
    with pytest.raises(ValueError, match="allowed"):
        score_for_precision(curve([], []), wanted)


def test_confusion_names_wrong_labels_missed_items_and_ghosts() -> None:
    truth = GroundTruth(
        PLACES[:6], np.array([0, 0, 0, 1, 1, ANY_LABEL]), np.array([False, False, False, False, False, True])
    )
    boxes = np.concatenate([PLACES[[0, 1, 3, 5, 5]], PLACES[:1] + np.array([0, 500, 0, 500]), PLACES[2:3]])
    scores = np.array([0.9, 0.9, 0.9, 0.9, 0.8, 0.7, 0.4])
    labels = np.array([0, 1, 1, 0, 1, 1, 0])
    matrix = confusion_matrix([truth], [Prediction(boxes, scores, labels)], 2)
    assert matrix.tolist() == [[1, 1, 1], [0, 1, 1], [0, 1, 0]]
    assert confusion_matrix([], [], 2).tolist() == [[0, 0, 0]] * 3

"""Whether a score of 0.8 is right in 80 % of all cases, and the temperature that makes it so.

Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks" (arXiv 1706.04599).
Letters: N detections, K classes (background included), B bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spp_sorter.evaluation.truth import F64, I64, Bools

_SMALLEST = 1e-12
_COLDEST, _HOTTEST = 0.05, 20.0


@dataclass(frozen=True, slots=True)
class Reliability:
    """Scores against truth in bins of equal width.

    Attributes:
        counts: [B] detections.
        confidence: [B] their mean score, NaN in an empty bin.
        accuracy: [B] share of them that is right, NaN in an empty bin.
    """

    counts: I64
    confidence: F64
    accuracy: F64

    @property
    def error(self) -> float:
        """Expected calibration error: mean of |confidence - accuracy| over all detections; NaN without any."""
        filled = self.counts > 0
        gap = np.abs(self.confidence[filled] - self.accuracy[filled])
        return float(np.average(gap, weights=self.counts[filled])) if filled.any() else float("nan")


def reliability(scores: F64, correct: Bools, num_bins: int = 15, weights: F64 | None = None) -> Reliability:
    """Sort detections into bins of score.

    Args:
        scores: [N] in [0, 1].
        correct: [N] whether each is right.
        num_bins: B.
        weights: [N] how often each counts, None for once.

    Raises:
        ValueError: a score outside [0, 1].
    """
    scores = np.asarray(scores, np.float64)
    if scores.size and not (scores.min() >= 0.0 and scores.max() <= 1.0):
        raise ValueError(f"scores run from {scores.min():g} to {scores.max():g}; allowed: 0 to 1")
    bins = np.minimum((scores * num_bins).astype(np.int64), num_bins - 1)
    times = np.ones(len(scores)) if weights is None else weights
    counts = np.bincount(bins, times, num_bins)
    sums = [np.bincount(bins, times * values, num_bins) for values in (scores, np.asarray(correct, np.float64))]
    empty = np.full(num_bins, np.nan)
    confidence, accuracy = (np.divide(total, counts, out=empty.copy(), where=counts > 0) for total in sums)
    return Reliability(counts.astype(np.int64), confidence, accuracy)


def expected_calibration_error(scores: F64, correct: Bools, num_bins: int = 15) -> float:
    """``reliability(...).error``."""
    return reliability(scores, correct, num_bins).error


def apply_temperature(probs: F64, temperature: float) -> F64:
    """Probabilities after dividing the logits by ``temperature``.

    Args:
        probs: [N, K] that sum to 1, background included.
        temperature: above 0; more than 1 makes them less sure.

    Raises:
        ValueError: a temperature that is not above 0.
    """
    if not temperature > 0.0:
        raise ValueError(f"temperature is {temperature}; allowed: above 0")
    logits = np.log(np.maximum(probs, _SMALLEST)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)


def fit_temperature(probs: F64, targets: I64) -> float:
    """The temperature with the greatest likelihood of the true classes.

    Args:
        probs: [N, K] that sum to 1, background included.
        targets: [N] true class in 0..K-1.

    Returns:
        A temperature in [0.05, 20].

    Raises:
        ValueError: nothing to fit.
    """
    if len(probs) == 0:
        raise ValueError("0 detections to fit a temperature to; allowed: at least one")
    logits = np.log(np.maximum(np.asarray(probs, np.float64), _SMALLEST))
    truth = logits[np.arange(len(targets)), targets]
    # The loss is convex in 1 / temperature, so its slope is bisected.
    low, high = 1.0 / _HOTTEST, 1.0 / _COLDEST
    for _ in range(60):
        middle = 0.5 * (low + high)
        expected = (apply_temperature(probs, 1.0 / middle) * logits).sum(axis=1)
        if np.mean(expected - truth) < 0.0:
            low = middle
        else:
            high = middle
    return 1.0 / (0.5 * (low + high))

"""Figures of several systems on the same pictures, with intervals of the figures and of their differences.

Letters: N pictures or photographs, D detections of one label, R replicates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spp_sorter.evaluation.average_precision import average_precision_101, nan_mean
from spp_sorter.evaluation.bootstrap import Interval, percentile_interval
from spp_sorter.evaluation.matching import Matches, match_coco, match_voc
from spp_sorter.evaluation.truth import F64, GroundTruth, Prediction
from spp_sorter.values import LABELS

REPLICATES = 1000
SMALL_AREA = (0.0, 32.0**2)
"""COCO's small items, visible pixels."""


class JudgedPictures:
    """What one system said about N pictures, matched with the truth once, weighed as often as wanted.

    Args:
        truths: N.
        predictions: N.
    """

    def __init__(self, truths: Sequence[GroundTruth], predictions: Sequence[Prediction]) -> None:
        self._voc: list[tuple[Matches, F64]] = []
        self._small: list[tuple[Matches, F64]] = []
        for label in range(len(LABELS)):
            counts = [float(np.sum((t.labels == label) & t.to_find)) for t in truths]
            self._voc.append((match_voc(truths, predictions, label), np.array(counts)))
            matches = match_coco(truths, predictions, label, (0.5,), (SMALL_AREA,))
            small = [
                float(np.sum((t.labels == label) & t.to_find & (np.asarray(t.areas) <= SMALL_AREA[1]))) for t in truths
            ]
            self._small.append((matches, np.array(small)))

    def mean_ap(self, weights: F64) -> float:
        """VOC 2007's mAP (11 points, IoU 0.5) where picture i counts ``weights[i]`` times; [N] float64."""
        return nan_mean(np.array([_eleven_points(matches, counts, weights) for matches, counts in self._voc]))

    def small_ap(self, weights: F64) -> float:
        """COCO's AP at IoU 0.5 of small items, mean of the labels."""
        values = [
            float(average_precision_101(matches, weights[matches.images], np.array([counts @ weights]))[0][0, 0])
            for matches, counts in self._small
        ]
        return nan_mean(np.array(values))

    @property
    def num_small(self) -> int:
        """Small items to be found."""
        return int(sum(counts.sum() for _, counts in self._small))


def _eleven_points(matches: Matches, counts: F64, weights: F64) -> float:
    wanted = float(counts @ weights)
    if wanted <= 0:
        return float("nan")
    count = weights[matches.images]
    right = np.cumsum(matches.true_positive[:, 0, 0] * count)
    wrong = np.cumsum(matches.false_positive[:, 0, 0] * count)
    precision = right / np.maximum(right + wrong, 1e-9)
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    # In tenths: a recall of 3/10 must reach the point 0.3.
    at = np.searchsorted(right * 10, np.arange(11) * wanted, side="left")
    return float(envelope[at].mean())


def draws(count: int, seed: int = 0, replicates: int = REPLICATES) -> F64:
    """[R, N] how often each of N is drawn: the same draws for every system make intervals of differences paired."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(count, np.full(count, 1 / count), size=replicates).astype(np.float64)


def interval_of(values: Sequence[float]) -> Interval | None:
    """The middle 95 % of replicates; None when there is none."""
    return percentile_interval(values)


def paired_accuracy(right_a: F64, right_b: F64, seed: int = 0) -> tuple[float, Interval | None]:
    """Difference of two accuracies on the same photographs, a - b, and its interval.

    Args:
        right_a: [N] 1 where right, 0 where wrong.
        right_b: [N].
        seed: of the draws.
    """
    difference = np.asarray(right_a, np.float64) - np.asarray(right_b, np.float64)
    weights = draws(len(difference), seed)
    return float(difference.mean()), interval_of((weights @ difference / len(difference)).tolist())

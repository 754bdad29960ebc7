"""Intervals: they hold the truth as often as they say, and objects are drawn whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spp_sorter.evaluation.average_precision import average_precision_101
from spp_sorter.evaluation.bootstrap import (
    bootstrap,
    bootstrap_average_precision,
    detection_groups,
    object_groups,
    weighted_mean,
    weighted_median,
)
from spp_sorter.evaluation.matching import match_coco
from spp_sorter.evaluation.metrics import mean_average_precision
from spp_sorter.evaluation.truth import GroundTruth, Prediction


def detections(num_images: int, objects: list[str], share: dict[str, float], seed: int = 0) -> tuple:
    """Each image shows every object once; each is found with its own probability."""
    rng = np.random.default_rng(seed)
    boxes = np.array([[40.0 * i, 0, 40.0 * i + 20, 20] for i in range(len(objects))])
    labels = np.zeros(len(objects), np.int64)
    truths, predictions = [], []
    for _ in range(num_images):
        found = np.array([rng.random() < share[name] for name in objects])
        truths.append(GroundTruth(boxes, labels))
        predictions.append(Prediction(boxes[found], rng.uniform(0.5, 1, found.sum()), labels[found]))
    return truths, predictions, [objects] * num_images


def test_interval_of_a_mean_holds_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        means = rng.normal(0, 1, 40)
        values = (means[:, None] + rng.normal(0, 0.1, (40, 5))).ravel()
        groups = [str(g) for g in np.repeat(np.arange(40), 5)]
        interval = bootstrap(lambda w, v=values: weighted_mean(v, w), groups, replicates=200, seed=trial)
        assert interval is not None
        hits += interval[0] <= 0.0 <= interval[1]
    assert 175 <= hits <= 199


def test_values_of_one_object_are_not_independent() -> None:
    values = np.repeat([0.0, 1.0], 500)
    together = bootstrap(lambda w: weighted_mean(values, w), ["a"] * 500 + ["b"] * 500)
    apart = bootstrap(lambda w: weighted_mean(values, w), [str(i) for i in range(1000)])
    assert together == (0.0, 1.0)
    assert apart is not None and apart[1] - apart[0] < 0.1


def test_intervals_of_average_precision_hold_it_and_shrink_with_more_objects() -> None:
    widths = []
    for count in (6, 60):
        objects = [f"object {i}" for i in range(count)]
        share = {name: (0.9 if i % 2 else 0.4) for i, name in enumerate(objects)}
        truths, predictions, names = detections(300 // count, objects, share)
        interval = bootstrap_average_precision(truths, predictions, names, 1, replicates=200)["map50"]
        assert interval is not None
        assert interval[0] <= mean_average_precision(truths, predictions, 1) <= interval[1]
        widths.append(interval[1] - interval[0])
    assert widths[1] < 0.6 * widths[0]


def test_nothing_to_draw_is_none_and_seeds_repeat() -> None:
    assert bootstrap(lambda w: weighted_mean(np.ones(3), w), ["a"] * 3) is None
    assert bootstrap(lambda _: float("nan"), ["a", "b"]) is None
    truths, predictions, names = detections(4, ["one"], {"one": 1.0})
    assert bootstrap_average_precision(truths, predictions, names, 1) == {"map50": None, "ap": None}
    truths, predictions, names = detections(4, ["one", "two"], {"one": 0.5, "two": 0.8})
    first, again = (bootstrap_average_precision(truths, predictions, names, 1, 50, seed=3) for _ in range(2))
    assert first == again


def test_weights_of_average_precision_are_repetitions() -> None:
    """Counting an object twice is the same as showing it in twice as many images."""
    truths, predictions, names = detections(5, ["a", "b"], {"a": 0.9, "b": 0.3}, seed=4)
    groups, count = object_groups(names)
    matches = match_coco(truths, predictions, 0, (0.5,))
    owner = detection_groups(matches, truths, predictions, groups, count)
    weights = np.array([2.0, 1.0])
    weighted = average_precision_101(matches, weights[owner], np.array([5 * 3.0]))[0][0, 0]
    only_a = [
        Prediction(p.boxes_xyxy[o], p.scores[o], p.labels[o]) for p in predictions for o in [p.boxes_xyxy[:, 0] == 0]
    ]
    truth_a = [GroundTruth(t.boxes_xyxy[:1], t.labels[:1]) for t in truths]
    repeated = mean_average_precision([*truths, *truth_a], [*predictions, *only_a], 1)
    assert weighted == pytest.approx(repeated)


def test_a_detection_goes_with_the_object_it_touches_most() -> None:
    truth = GroundTruth(np.array([[0.0, 0, 20, 20], [30, 0, 50, 20]]), np.array([0, 0]))
    boxes = np.array([[0.0, 0, 20, 20], [0, 0, 9, 20], [25, 0, 34, 20], [200, 0, 220, 20]])
    prediction = Prediction(boxes, np.array([0.9, 0.8, 0.7, 0.6]), np.zeros(4, np.int64))
    groups, count = object_groups([["peel", ""]])
    assert count == 2
    matches = match_coco([truth], [prediction], 0, (0.5,))
    owner = detection_groups(matches, [truth], [prediction], groups, count)
    peel, nameless = groups[0]
    assert owner.tolist() == [peel, peel, nameless, count + 0]


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 3)), min_size=1, max_size=20))
def test_weighted_median_is_a_median_of_the_repeated_values(rows: list[tuple[int, int]]) -> None:
    values, weights = np.array([float(v) for v, _ in rows]), np.array([float(w) for _, w in rows])
    repeated = np.sort(np.repeat(values, weights.astype(int)))
    median = weighted_median(values, weights)
    if not len(repeated):
        assert np.isnan(median)
    else:
        assert median == repeated[(len(repeated) - 1) // 2]

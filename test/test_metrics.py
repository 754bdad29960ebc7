"""The metrics against pycocotools and against slow, independent references."""

from __future__ import annotations

import contextlib
import io
import math
import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from spp_sorter.evaluation.metrics import (
    ANY_LABEL,
    GroundTruth,
    Prediction,
    coco_metrics,
    mean_average_precision,
    voc_average_precision,
)

NUM_LABELS = 3
# Eighths of a pixel are exact in binary, so that both sides see the very same IoU where it meets a threshold.
PLACE = st.integers(0, 8 * 12).map(lambda n: n / 8)
SIDE = st.sampled_from([0.0, 1.0, 7.5, 8.0, 16.0, 32.0, 33.0, 96.0, 100.125])
SCORE = st.integers(0, 4).map(lambda n: n / 8)
AREA = st.sampled_from([0.0, 50.5, 1024.0, 1024.5, 9216.0, 1e4])


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[GroundTruth], list[Prediction]]:
    """Few places, sides and scores, so that ties, equal boxes and IoUs on a threshold are common."""

    def numbers(strategy: st.SearchStrategy, count: int) -> list:
        return draw(st.lists(strategy, min_size=count, max_size=count))

    truths, predictions = [], []
    for _ in range(draw(st.integers(1, 4))):
        count, own, copied = draw(st.integers(0, 6)), draw(st.integers(0, 5)), draw(st.integers(0, 5))
        corners = np.array(numbers(st.tuples(PLACE, PLACE, SIDE, SIDE), count + own)).reshape(-1, 4)
        boxes = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1)
        copies = boxes[numbers(st.integers(0, max(count + own - 1, 0)), copied if count + own else 0)]
        pred_boxes = np.concatenate([boxes[count:], copies.reshape(-1, 4)])
        labels = st.integers(0, NUM_LABELS - 1)
        truths.append(
            GroundTruth(
                boxes[:count],
                np.array(numbers(labels, count), np.int64),
                np.array(numbers(st.booleans(), count), bool),
                np.array(numbers(AREA, count)),
            )
        )
        scores, pred_labels = numbers(SCORE, len(pred_boxes)), numbers(labels, len(pred_boxes))
        predictions.append(Prediction(pred_boxes, np.array(scores), np.array(pred_labels, np.int64)))
    return truths, predictions


def random_scenes(
    seed: int, num_images: int, num_boxes: int, digits: int | None
) -> tuple[list[GroundTruth], list[Prediction]]:
    rng = np.random.default_rng(seed)
    truths, predictions = [], []
    for _ in range(num_images):
        corners, sides = rng.uniform(0, 600, (num_boxes, 2)), rng.uniform(4, 150, (num_boxes, 2))
        boxes = np.concatenate([corners, corners + sides], axis=1)
        moved = boxes + rng.normal(0, 4, boxes.shape)
        moved[:, 2:] = np.maximum(moved[:, :2], moved[:, 2:])
        labels = rng.integers(0, 2, num_boxes)
        wrong = rng.random(num_boxes) < 0.2
        scores = rng.random(num_boxes)
        truths.append(GroundTruth(boxes, labels, rng.random(num_boxes) < 0.1))
        scores = scores if digits is None else scores.round(digits)
        predictions.append(Prediction(moved, scores, np.where(wrong, 1 - labels, labels)))
    return truths, predictions


def pycocotools_stats(truths: list[GroundTruth], predictions: list[Prediction], num_labels: int) -> np.ndarray:
    def rows(index: int, item: GroundTruth | Prediction) -> list[dict]:
        corners = item.boxes_xyxy[:, :2]
        xywh = np.concatenate([corners, item.boxes_xyxy[:, 2:] - corners], axis=1).tolist()
        return [
            {"image_id": index, "category_id": int(label), "bbox": box}
            for box, label in zip(xywh, item.labels, strict=True)
        ]

    annotations = []
    for index, truth in enumerate(truths):
        for row, ignore, area in zip(rows(index, truth), truth.ignore, truth.areas, strict=True):
            annotations.append({**row, "id": len(annotations) + 1, "iscrowd": int(ignore), "area": float(area)})
    results = [
        {**row, "score": float(score)}
        for index, prediction in enumerate(predictions)
        for row, score in zip(rows(index, prediction), prediction.scores, strict=True)
    ]
    coco = COCO()
    coco.dataset = {
        "images": [{"id": index} for index in range(len(truths))],
        "annotations": annotations,
        "categories": [{"id": index, "name": str(index)} for index in range(num_labels)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        found = COCO()
        found.dataset = {**coco.dataset, "annotations": []}
        found.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results) if results else found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


def our_stats(truths: list[GroundTruth], predictions: list[Prediction], num_labels: int) -> np.ndarray:
    metrics = coco_metrics(truths, predictions, num_labels)
    sizes = ("small", "medium", "large")
    stats = [metrics.ap(), metrics.ap(0.5), metrics.ap(0.75), *(metrics.ap(area=size) for size in sizes)]
    return np.array([*stats, metrics.ar(), *(metrics.ar(area=size) for size in sizes)])


def assert_equal_to_pycocotools(truths: list[GroundTruth], predictions: list[Prediction], num_labels: int) -> None:
    theirs = pycocotools_stats(truths, predictions, num_labels)[[0, 1, 2, 3, 4, 5, 8, 9, 10, 11]]
    ours = our_stats(truths, predictions, num_labels)
    np.testing.assert_allclose(np.nan_to_num(ours, nan=-1.0), theirs, atol=1e-9)


@settings(max_examples=300, deadline=None)
@given(scenes())
def test_coco_equals_pycocotools_on_adversarial_scenes(scene: tuple[list[GroundTruth], list[Prediction]]) -> None:
    assert_equal_to_pycocotools(*scene, NUM_LABELS)


@pytest.mark.parametrize("digits", [None, 1])
def test_coco_equals_pycocotools_on_random_scenes(digits: int | None) -> None:
    truths, predictions = random_scenes(3, 40, 25, digits)
    assert coco_metrics(truths, predictions, 2).ap(0.5) > 0.2
    assert_equal_to_pycocotools(truths, predictions, 2)


def test_coco_counts_the_best_hundred_detections_of_an_image_and_label() -> None:
    truths, predictions = random_scenes(5, 2, 150, 2)
    one_label = [Prediction(p.boxes_xyxy, p.scores, np.zeros_like(p.labels)) for p in predictions]
    truth = [GroundTruth(t.boxes_xyxy, np.zeros_like(t.labels)) for t in truths]
    assert_equal_to_pycocotools(truth, one_label, 1)
    assert coco_metrics(truth, one_label, 1, 300).ar() > coco_metrics(truth, one_label, 1).ar()


def test_no_truth_is_nan_and_no_detection_is_zero() -> None:
    box = np.array([[0.0, 0.0, 10.0, 10.0]])
    empty = GroundTruth(np.zeros((0, 4)), np.zeros(0, np.int64))
    nothing = Prediction(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    something = Prediction(box, np.array([0.9]), np.array([0]))
    one = GroundTruth(box, np.array([0]))
    assert math.isnan(mean_average_precision([empty], [something], 2))
    assert math.isnan(mean_average_precision([], [], 2))
    assert mean_average_precision([one], [nothing], 2) == 0.0
    assert mean_average_precision([one], [something], 2) == 1.0
    assert mean_average_precision([one, empty], [something, nothing], 2) == 1.0


def test_mean_average_precision_is_coco_at_one_threshold() -> None:
    truths, predictions = random_scenes(9, 20, 12, 1)
    metrics = coco_metrics(truths, predictions, 2)
    for thresh in (0.5, 0.75):
        assert mean_average_precision(truths, predictions, 2, thresh) == pytest.approx(metrics.ap(thresh), abs=1e-12)


def test_ignored_truth_of_any_label_excuses_detections_of_every_label() -> None:
    here, far = [0.0, 0.0, 20.0, 20.0], [100.0, 100.0, 120.0, 120.0]
    predictions = [Prediction(np.array([here, here, far]), np.array([0.9, 0.8, 0.7]), np.array([0, 1, 1]))]
    truth = [GroundTruth(np.array([far, here]), np.array([1, ANY_LABEL]), np.array([False, True]))]
    assert mean_average_precision(truth, predictions, 2) == 1.0
    one_label = [GroundTruth(np.array([far, here]), np.array([1, 0]), np.array([False, True]))]
    assert mean_average_precision(one_label, predictions, 2) == pytest.approx(0.5, abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(scenes())
def test_voc_equals_a_slow_reference(scene: tuple[list[GroundTruth], list[Prediction]]) -> None:
    truths, predictions = scene
    for points in (None, 11):
        ours = voc_average_precision(truths, predictions, NUM_LABELS, 0.5, points)
        for label in range(NUM_LABELS):
            expected = slow_voc(truths, predictions, label, points)
            if expected is None:
                assert math.isnan(ours[label])
            else:
                assert ours[label] == pytest.approx(float(expected), abs=1e-9)


def slow_voc(
    truths: list[GroundTruth], predictions: list[Prediction], label: int, points: int | None
) -> Fraction | None:
    """The development kit's rules in whole fractions, one detection at a time."""
    wanted = sum(int(np.sum((t.labels == label) & ~t.ignore)) for t in truths)
    if wanted == 0:
        return None
    ranked = [
        (-score, image, box)
        for image, p in enumerate(predictions)
        for box, score, its_label in zip(p.boxes_xyxy, p.scores, p.labels, strict=True)
        if its_label == label
    ]
    ranked.sort(key=lambda row: row[0])
    taken: set[tuple[int, int]] = set()
    right = wrong = 0
    curve = []
    for _, image, box in ranked:
        best, best_index = Fraction(0), -1
        for index, gt in enumerate(truths[image].boxes_xyxy):
            overlap = exact_iou(box, gt)
            if truths[image].labels[index] == label and overlap > best:
                best, best_index = overlap, index
        if best >= Fraction(1, 2) and truths[image].ignore[best_index]:
            pass
        elif best >= Fraction(1, 2) and (image, best_index) not in taken:
            taken.add((image, best_index))
            right += 1
        else:
            wrong += 1
        curve.append((Fraction(right, wanted), Fraction(right, max(right + wrong, 1))))
    if points is not None:
        at = [Fraction(n, points - 1) for n in range(points)]
        return sum(max((p for r, p in curve if r >= point), default=Fraction(0)) for point in at) / points
    area, last = Fraction(0), Fraction(0)
    for recall in sorted({r for r, _ in curve}):
        area += (recall - last) * max(p for r, p in curve if r >= recall)
        last = recall
    return area


def exact_iou(a: np.ndarray, b: np.ndarray) -> Fraction:
    ax1, ay1, ax2, ay2 = (Fraction(float(v)) for v in a)
    bx1, by1, bx2, by2 = (Fraction(float(v)) for v in b)
    overlap = max(min(ax2, bx2) - max(ax1, bx1), 0) * max(min(ay2, by2) - max(ay1, by1), 0)
    union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - overlap
    return overlap / union if overlap else Fraction(0)


def test_voc_recall_on_a_point_counts() -> None:
    """3 of 10 found reach the point 0.3, although 3 / 10 is less than 0.1 * 3 in floating point."""
    corners = np.arange(10.0)[:, None] * 100 + np.zeros(2)
    boxes = np.concatenate([corners, corners + 10], axis=1)
    truth = [GroundTruth(boxes, np.zeros(10, np.int64))]
    found = [Prediction(boxes[:3], np.array([0.9, 0.8, 0.7]), np.zeros(3, np.int64))]
    assert voc_average_precision(truth, found, 1, points=11)[0] == pytest.approx(4 / 11)
    assert voc_average_precision(truth, found, 1)[0] == pytest.approx(0.3)


def test_a_thousand_images_take_less_than_two_seconds() -> None:
    truths, predictions = random_scenes(0, 1000, 30, 2)
    started = time.process_time()
    coco_metrics(truths, predictions, 2)
    voc_average_precision(truths, predictions, 2, points=11)
    voc_average_precision(truths, predictions, 2)
    assert time.process_time() - started < 2.0


@pytest.mark.parametrize(
    "make",
    [
        lambda: GroundTruth(np.zeros((2, 4)), np.zeros(1, np.int64)),
        lambda: GroundTruth(np.zeros((1, 5)), np.zeros(1, np.int64)),
        lambda: GroundTruth(np.zeros((1, 4)), np.array([ANY_LABEL])),
        lambda: GroundTruth(np.array([[5.0, 0, 4, 1]]), np.zeros(1, np.int64)),
        lambda: Prediction(np.zeros((1, 4)), np.array([np.nan]), np.zeros(1, np.int64)),
        lambda: Prediction(np.full((1, 4), np.inf), np.ones(1), np.zeros(1, np.int64)),
        lambda: mean_average_precision([GroundTruth(np.zeros((0, 4)), np.zeros(0, np.int64))], [], 1),
        lambda: voc_average_precision([], [], 1, points=1),
        lambda: coco_metrics([], [], 1).ap(0.53),
    ],
)
def test_misuse_is_named(make: object) -> None:
    with pytest.raises(ValueError, match="allowed"):
        make()

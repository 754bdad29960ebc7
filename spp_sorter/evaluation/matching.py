"""Detections set against ground truth: who found what, under the rules of COCO and of Pascal VOC.

Letters: D detections and G truths of one label over all images, P pairs of them, K candidates of one detection,
T IoU thresholds, A ranges of area. Boxes are ``xyxy`` on pixel edges, so a box is ``x2 - x1`` wide.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spp_sorter.evaluation.truth import (
    ANY_LABEL,
    F64,
    I64,
    Bools,
    GroundTruth,
    Prediction,
    box_areas,
    pairwise_iou,
)

__all__ = ["ALL_AREAS", "ANY_LABEL", "Matches", "match_coco", "match_voc"]

ALL_AREAS = ((0.0, 1e10),)
"""The one range of area that every box is in, square pixels."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Every detection of one label over all images, best score first, ties in the order of the images.

    Attributes:
        images: [D] which image.
        indices: [D] which detection of that image's ``Prediction``.
        scores: [D] float64.
        truths: [D, T, A] index into the truths of the image, -1 where none was matched.
        ignored: [D, T, A] neither right nor wrong: matched an ignored truth, or unmatched and out of the range of area.
        num_truths: [A] truths to be found.
    """

    images: I64
    indices: I64
    scores: F64
    truths: I64
    ignored: Bools
    num_truths: I64

    @property
    def true_positive(self) -> Bools:
        """[D, T, A] right."""
        return (self.truths >= 0) & ~self.ignored

    @property
    def false_positive(self) -> Bools:
        """[D, T, A] wrong."""
        return (self.truths < 0) & ~self.ignored


def match_coco(
    ground_truths: Sequence[GroundTruth],
    predictions: Sequence[Prediction],
    label: int | None,
    iou_threshs: Sequence[float],
    area_ranges: Sequence[tuple[float, float]] = ALL_AREAS,
    max_detections: int = 100,
) -> Matches:
    """Match as pycocotools does: greedily by score, each detection to the free truth with the greatest IoU.

    Args:
        ground_truths: one per image.
        predictions: one per image, in the same order.
        label: the label to match; None matches whatever the labels.
        iou_threshs: T thresholds in (0, 1].
        area_ranges: A ranges in square pixels, both ends included; truths outside are ignored.
        max_detections: the best so many of each image are kept.

    Returns:
        The matches of all images together.

    Raises:
        ValueError: different numbers of images.
    """
    detections, truths = _flatten(ground_truths, predictions, label)
    rank = _rank_in_image(detections.images)
    detections, rank = detections.select(rank < max_detections), rank[rank < max_detections]
    threshs = np.minimum(np.asarray(iou_threshs, np.float64), 1 - 1e-10)
    low, high = np.asarray(area_ranges, np.float64).T
    truth_ignored = truths.ignore[:, None] | (truths.areas[:, None] < low) | (truths.areas[:, None] > high)  # [G, A]
    matched = _greedy(detections, truths, rank, threshs, truth_ignored)

    areas = box_areas(detections.boxes)[:, None]
    outside = ((areas < low) | (areas > high))[:, None, :]  # [D, 1, A]
    ignored_or_dummy = np.concatenate([truth_ignored, np.zeros((1, len(low)), bool)])
    hit_ignored = np.take_along_axis(ignored_or_dummy, matched.reshape(-1, len(low)), axis=0).reshape(matched.shape)
    ignored = np.where(matched >= 0, hit_ignored, outside)
    local = np.append(truths.indices, -1)[matched]
    order = np.argsort(-detections.scores, kind="mergesort")
    return Matches(
        images=detections.images[order],
        indices=detections.indices[order],
        scores=detections.scores[order],
        truths=local[order],
        ignored=ignored[order],
        num_truths=np.asarray((~truth_ignored).sum(0), np.int64),
    )


def match_voc(
    ground_truths: Sequence[GroundTruth], predictions: Sequence[Prediction], label: int, iou_thresh: float = 0.5
) -> Matches:
    """Match as the Pascal VOC development kit does: each detection to its best truth, taken or not.

    A second detection of one truth is wrong. Ignored truths are VOC's "difficult" ones, judged by plain IoU.

    Args:
        ground_truths: one per image.
        predictions: one per image, in the same order.
        label: the label to match.
        iou_thresh: smallest IoU of a match.

    Returns:
        The matches with T = A = 1.

    Raises:
        ValueError: different numbers of images.
    """
    detections, truths = _flatten(ground_truths, predictions, label)
    detections = detections.select(np.argsort(-detections.scores, kind="mergesort"))
    pair_d, pair_g = _pairs(detections.images, truths.images)
    iou = pairwise_iou(detections.boxes[pair_d], truths.boxes[pair_g])
    best: npt.NDArray = np.full(len(detections.scores), -1)
    order = np.lexsort((pair_g, -iou, pair_d))
    order = order[iou[order] >= iou_thresh]
    found, first = np.unique(pair_d[order], return_index=True)
    best[found] = pair_g[order][first]
    ignored = np.append(truths.ignore, False)[best]
    again = np.ones(len(best), bool)
    again[np.unique(best, return_index=True)[1]] = False
    best = np.where(again & ~ignored, -1, best)
    return Matches(
        images=detections.images,
        indices=detections.indices,
        scores=detections.scores,
        truths=np.append(truths.indices, -1)[best][:, None, None],
        ignored=ignored[:, None, None],
        num_truths=np.array([np.count_nonzero(~truths.ignore)], np.int64),
    )


@dataclass(frozen=True, slots=True)
class _Boxes:
    images: I64
    indices: I64
    boxes: F64
    scores: F64
    ignore: Bools
    areas: F64

    def select(self, which: npt.NDArray) -> _Boxes:
        return _Boxes(*(getattr(self, name)[which] for name in self.__slots__))


def _flatten(
    ground_truths: Sequence[GroundTruth], predictions: Sequence[Prediction], label: int | None
) -> tuple[_Boxes, _Boxes]:
    """All boxes of one label: detections by image and falling score, truths by image."""
    if len(ground_truths) != len(predictions):
        raise ValueError(
            f"{len(predictions)} predictions for {len(ground_truths)} ground truths; allowed: one per image"
        )
    flat = []
    for items in (predictions, ground_truths):
        counts = np.array([len(item.labels) for item in items], np.int64)
        total = int(counts.sum())
        images = np.repeat(np.arange(len(counts)), counts)
        indices = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
        flat.append((images, indices, _joined(items, "boxes_xyxy", (0, 4)), _joined(items, "labels", (0,))))
    (images, indices, boxes, labels), (gt_images, gt_indices, gt_boxes, gt_labels) = flat
    scores = _joined(predictions, "scores", (0,))
    detections = _Boxes(images, indices, boxes, scores, np.zeros(len(images), bool), np.zeros(len(images)))
    ignore, areas = _joined(ground_truths, "ignore", (0,)).astype(bool), _joined(ground_truths, "areas", (0,))
    truths = _Boxes(gt_images, gt_indices, gt_boxes, np.zeros(len(gt_images)), ignore, areas)
    if label is not None:
        detections = detections.select(labels == label)
        truths = truths.select((gt_labels == label) | (gt_labels == ANY_LABEL))
    return detections.select(np.lexsort((-detections.scores, detections.images))), truths


def _joined(items: Sequence[object], name: str, empty_shape: tuple[int, ...]) -> npt.NDArray:
    return np.concatenate([np.zeros(empty_shape), *(getattr(item, name) for item in items)])


def _rank_in_image(images: I64) -> I64:
    """[D] 0 for the first box of its image, 1 for the second; ``images`` is sorted."""
    return np.arange(len(images)) - np.searchsorted(images, images, side="left")


def _pairs(images: I64, truth_images: I64) -> tuple[I64, I64]:
    """Every pair of a detection and a truth of one image: [P], [P]; ``truth_images`` is sorted."""
    start = np.searchsorted(truth_images, images, side="left")
    counts = np.searchsorted(truth_images, images, side="right") - start
    pair_d = np.repeat(np.arange(len(images)), counts)
    within = np.arange(len(pair_d)) - np.repeat(np.cumsum(counts) - counts, counts)
    return pair_d, within + start[pair_d]


def _greedy(detections: _Boxes, truths: _Boxes, rank: I64, threshs: F64, truth_ignored: Bools) -> I64:
    """[D, T, A] row of the matched truth, -1 for none.

    Images do not touch one another, so all detections of one rank are matched at once, and only pairs that reach the
    smallest threshold are looked at.
    """
    num_truths, num_ranges = truth_ignored.shape
    matched = np.full((len(rank), len(threshs), num_ranges), -1, np.int64)
    pair_d, pair_g = _pairs(detections.images, truths.images)
    iou = pairwise_iou(detections.boxes[pair_d], truths.boxes[pair_g], truths.ignore[pair_g])
    near = iou >= threshs.min()
    pair_d, pair_g, iou = pair_d[near], pair_g[near], iou[near]
    order = np.argsort(rank[pair_d], kind="stable")
    pair_d, pair_g, iou = pair_d[order], pair_g[order], iou[order]
    cuts = np.searchsorted(rank[pair_d], np.arange(rank.max(initial=-1) + 2))
    # One row more than there are truths: the row that padding points to, never free.
    free = np.ones((num_truths + 1, len(threshs), num_ranges), bool)
    free[num_truths] = False
    skip = np.concatenate([truth_ignored, np.zeros((1, num_ranges), bool)])
    crowd = np.append(truths.ignore, False)
    for begin, end in itertools.pairwise(cuts):
        rows, start, counts = np.unique(pair_d[begin:end], return_index=True, return_counts=True)
        if len(rows) == 0:
            continue
        # Candidates run backwards, so that argmax gives the LAST of several equal ones, as pycocotools takes it.
        column = counts[:, None] - 1 - np.arange(counts.max())
        source = begin + start[:, None] + np.maximum(column, 0)
        candidate = np.where(column >= 0, pair_g[source], num_truths)  # [N, K]
        value = iou[source][:, :, None, None]  # [N, K, 1, 1]
        fits = (free[candidate] | crowd[candidate][:, :, None, None]) & (value >= threshs[:, None])  # [N, K, T, A]
        fits &= (column >= 0)[:, :, None, None]
        out = skip[candidate][:, :, None, :]  # [N, K, 1, A]
        choice: npt.NDArray = np.full((len(rows), len(threshs), num_ranges), -1)
        for allowed in (fits & out, fits & ~out):  # a truth to be found comes before an ignored one
            best = np.where(allowed, value, -1.0).argmax(1)  # [N, T, A]
            hit = np.take_along_axis(candidate[:, :, None, None], best[:, None], 1)[:, 0]
            choice = np.where(allowed.any(1), hit, choice)
        matched[rows] = choice
        row, t, a = np.nonzero(choice >= 0)
        free[choice[row, t, a], t, a] = False
    return matched

"""What a view adds to its track: place and height, box, label, axis and size.

Letters: M tracks, each with the detection that is its view.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from spp_sorter.geometry.belt import BeltPosition
from spp_sorter.picking import point_filter
from spp_sorter.picking.grasp import Views
from spp_sorter.picking.track_table import among, put_rows, take_rows
from spp_sorter.values import FloatArray, IntArray

CONFIRMED_VIEWS = 3
"""Views after which a track is believed: it outlives missed detections, and what proved it is not taken back."""

HIT, MISS = 1.0, -0.7
EXISTENCE_RANGE = (-3.0, 6.0)

_FRESH_TRAVEL_M = 0.008  # travel after which the errors of two views count as independent
_OLD_VIEW_WEIGHT = 0.05  # what a view from the same place is worth
_HUBER = 2.5  # views further off than this many standard deviations count less
_SLID = 4.0  # further off than this, several times in a row: the item moved on the belt
_SLID_VIEWS = 4
_SMALLEST_PROB = 0.01
_CUT_EVIDENCE = 0.3  # what the label of a cut view is worth
_NOISE_RANGE = (0.25, 9.0)


class Fusion:
    """Adds views to tracks, and learns on the way how noisy views are.

    Args:
        max_height_m: tallest item on the belt.
    """

    def __init__(self, max_height_m: float) -> None:
        self.max_height_m = max_height_m
        self.noise_factor = 1.0
        """Variance of a view in units of the assumed one, learnt from the innovations."""

    def take_views(
        self,
        table: npt.NDArray[Any],
        rows: IntArray,
        columns: IntArray,
        views: Views,
        belt: BeltPosition,
        stamp_ns: int,
    ) -> None:
        """Add the views ``columns`` [M] to the tracks in ``rows`` [M] of the table."""
        t = take_rows(table, rows)
        t["seen"] = True
        t["seen_ns"] = stamp_ns
        t["views"] += 1
        t["existence"] = np.minimum(t["existence"] + HIT, EXISTENCE_RANGE[1])
        _count_together(t)
        fresh = np.abs(belt.metres - t["viewed_m"]) / _FRESH_TRAVEL_M
        fresh = np.minimum(np.maximum(fresh, _OLD_VIEW_WEIGHT), 1.0)
        t["viewed_m"] = belt.metres
        cut = views.cut[columns]
        # A box that noise keeps off the edge for once looks whole; only some whole views in a row prove an item whole.
        t["whole_views"][cut & (t["whole_views"] < CONFIRMED_VIEWS)] = 0
        # Until an item has been seen whole its centre wanders: every view starts its place anew.
        partial = t["whole_views"] == 0
        if partial.any():
            fresh[partial] = 1.0
            _restart(t, partial, belt)
        uncut = np.where(cut, 0.0, fresh)
        self._take_places(t, columns, views, belt, np.where(partial, 1.0, uncut), partial)
        _take_boxes(t, columns, views, partial | ~cut)
        _take_labels(t, columns, views, fresh, cut)
        _take_shapes(t, columns, views, uncut)
        t["whole_views"] += ~cut
        put_rows(table, rows, t)

    def _take_places(
        self,
        t: npt.NDArray[Any],
        columns: IntArray,
        views: Views,
        belt: BeltPosition,
        weights: FloatArray,
        partial: npt.NDArray[np.bool_],
    ) -> None:
        moved = belt.metres - t["start_m"]
        matrix = point_filter.observation(views.lever_xy[columns], moved)
        measured = views.ground_xy[columns]
        measured[:, 0] -= moved
        noise = views.noise_m2[columns] * self.noise_factor
        noise[:, 0, 0] += belt.std_m**2
        doubt = np.where(views.cut[columns], 0.25 * (views.sizes_m[columns] ** 2).sum(1), 0.0)
        noise[:, 0, 0] += doubt
        noise[:, 1, 1] += doubt
        if not partial.all():
            distance = point_filter.innovation_distances(t["mean"], t["covariance"], matrix, measured, noise)
            distance[partial | (weights == 0.0)] = 0.0
            self._learn_noise(distance[weights * ~partial >= 1.0])
            t["outliers"] = np.where(distance > _SLID, t["outliers"] + 1, 0)
            weights = weights * np.minimum(1.0, _HUBER / np.maximum(distance, 1e-9))
            slid = t["outliers"] >= _SLID_VIEWS
            if slid.any():
                _restart(t, slid, belt)
                measured[slid, 0] += moved[slid]
                matrix[slid, 0, 3] = 0.0
                weights[slid] = 1.0
        information, vector = point_filter.view_information(matrix, measured, noise, weights)
        t["information"] += information
        t["vector"] += vector
        deep = np.isfinite(views.heights_m[columns]) & (weights > 0.0) & ~views.cut[columns]
        if deep.any():
            certainty = weights[deep] / views.height_stds_m[columns][deep] ** 2
            height = np.clip(views.heights_m[columns][deep], 0.0, self.max_height_m)
            before = point_filter.depth_information(t["depth"][deep])
            t["depth"][deep] += np.column_stack((certainty, certainty * height))
            gained = point_filter.depth_information(t["depth"][deep]) - before
            t["information"][deep, 2, 2] += gained[:, 0]
            t["vector"][deep, 2] += gained[:, 1]
        t["mean"], t["covariance"] = point_filter.solve(t["information"], t["vector"], self.max_height_m)

    def _learn_noise(self, distances: FloatArray) -> None:
        """Scale the assumed noise of a view until the innovations are as wide as they should be."""
        if len(distances):
            # The mean of min(r^2, 9) of two-dimensional noise that is exactly as wide as assumed.
            expected = 2.0 - 2.0 * math.exp(-4.5)
            excess = float(np.minimum(distances * distances, 9.0).sum()) / (len(distances) * expected) - 1.0
            gain = min(0.004 * len(distances), 0.05)
            factor = self.noise_factor * math.exp(gain * excess)
            self.noise_factor = min(max(factor, _NOISE_RANGE[0]), _NOISE_RANGE[1])


def _count_together(t: npt.NDArray[Any]) -> None:
    """Count the frames in which a track was seen beside the older one in whose place it began."""
    (rows,) = np.nonzero(t["rival"] > 0)
    if len(rows):
        t["together"][rows] += among(t["rival"][rows], t["id"])


def _restart(t: npt.NDArray[Any], which: npt.NDArray[np.bool_], belt: BeltPosition) -> None:
    t["information"][which], t["vector"][which] = point_filter.prior(belt.scale_std)
    t["start_m"][which] = belt.metres
    t["drift_m2"][which] = belt.drift_m2
    t["depth"][which] = 0.0
    t["outliers"][which] = 0


def _take_boxes(t: npt.NDArray[Any], columns: IntArray, views: Views, which: npt.NDArray[np.bool_]) -> None:
    """Remember each box about its pick point; a whole item's box is not replaced by what the edge leaves of it."""
    boxes = views.boxes_xyxy[columns]
    boxes[:, :2] -= views.pixels_xy[columns]
    boxes[:, 2:] -= views.pixels_xy[columns]
    t["box"] = np.where(which[:, None], boxes, t["box"])
    t["cut_sides"] = np.where(which[:, None], views.cut_sides[columns], t["cut_sides"])


def _take_labels(
    t: npt.NDArray[Any], columns: IntArray, views: Views, fresh: FloatArray, cut: npt.NDArray[np.bool_]
) -> None:
    weight = np.where(cut, _CUT_EVIDENCE * fresh, fresh)
    t["evidence"] += weight[:, None] * np.log(np.maximum(views.probs[columns], _SMALLEST_PROB))
    t["evidence_weight"] += weight
    t["evidence_views"] += fresh


def _take_shapes(t: npt.NDArray[Any], columns: IntArray, views: Views, weights: FloatArray) -> None:
    axes = views.axes_xy[columns]
    x, y = axes[:, 0], axes[:, 1]
    elongation = views.elongation[columns]
    weight = weights * (elongation * elongation + 1e-4)
    t["axis"][:, 0] += weight * (x * x - y * y)
    t["axis"][:, 1] += weight * 2.0 * x * y
    t["axis_weight"] += weight
    t["axis_views"] += weights
    total = t["size_weight"] + weights
    # While nothing whole has been seen, the newest view is the best guess.
    share = np.where(total > 0.0, weights / np.maximum(total, 1e-9), 1.0)
    t["size"] += share[:, None] * (views.sizes_m[columns] - t["size"])
    t["size_weight"] = total

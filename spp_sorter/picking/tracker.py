"""Items followed along the belt: stable numbers, place, height, axis, size and label from all views together.

Letters: T tracks, D detections, M matched pairs, C labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spp_sorter.geometry.belt import BeltPosition
from spp_sorter.geometry.camera import Camera
from spp_sorter.picking import point_filter
from spp_sorter.picking.association import associate, overlaps
from spp_sorter.picking.grasp import EDGE_PX, Views
from spp_sorter.values import FloatArray, IntArray, Track

CONFIRMED_VIEWS = 3
"""Views after which a track outlives any number of missed detections until it has left."""

WHOLE_VIEWS = 2
"""Views in a row, none cut by the image's edge, after which an item counts as seen whole."""

_MAX_TRACKS = 500
_TENTATIVE_MISSES_S = 0.35  # a track of fewer views dies after this long unseen
_GONE_S = 60.0
_FRESH_TRAVEL_M = 0.008  # travel after which the errors of two views count as independent
_OLD_VIEW_WEIGHT = 0.05  # what a view from the same place is worth
_HUBER = 2.5  # views further off than this many standard deviations count less
_SLID = 4.0  # further off than this, several times in a row: the item moved on the belt
_SLID_VIEWS = 4
_BIAS_M, _BIAS_SHARE = 0.0008, 0.012  # error that all views of an item share: constant, and of its length
_NOISE_RANGE = (0.25, 9.0)
_EVIDENCE_CORRELATION = 0.3  # between the label evidence of two views of one item
_SMALLEST_PROB = 0.01
_AXIS_STD_RAD = 0.15  # of one view of a long item, before the views themselves say
_AXIS_FLOOR_RAD = 0.035
_EXISTENCE = (-3.0, 6.0)
_HIT, _MISS = 1.0, -0.7


@dataclass(frozen=True, slots=True)
class Tracking:
    """What the tracker says about one frame.

    Attributes:
        track_ids: [D] int64, the track of each detection, 0 for none.
        tracks: all living tracks at the frame's stamp, oldest first.
        blocked: tracks that must not be picked, and why: ``lost`` (missed where it should be seen) or ``duplicate``
            (stands in for an older track that was missed).
    """

    track_ids: IntArray
    tracks: tuple[Track, ...]
    blocked: dict[int, str]


def _table(num_labels: int) -> np.dtype:
    return np.dtype(
        [
            ("id", "i8"),
            ("start_m", "f8"),
            ("drift_m2", "f8"),
            ("scale_std", "f8"),
            ("information", "f8", (4, 4)),
            ("vector", "f8", (4,)),
            ("mean", "f8", (4,)),
            ("covariance", "f8", (4, 4)),
            ("box", "f8", (4,)),
            ("cut_sides", "?", (4,)),
            ("views", "i8"),
            ("whole_views", "i8"),
            ("seen", "?"),
            ("seen_ns", "i8"),
            ("viewed_m", "f8"),
            ("existence", "f8"),
            ("evidence", "f8", (num_labels,)),
            ("evidence_weight", "f8"),
            ("evidence_views", "f8"),
            ("axis", "f8", (2,)),
            ("axis_weight", "f8"),
            ("axis_views", "f8"),
            ("size", "f8", (2,)),
            ("size_weight", "f8"),
            ("rival", "i8"),
            ("together", "i8"),
            ("outliers", "i8"),
        ]
    )


class Tracker:
    """Follows items; call ``update`` with growing stamps.

    Args:
        label_names: C names.
        max_height_m: tallest item on the belt.
    """

    def __init__(self, label_names: tuple[str, ...], max_height_m: float) -> None:
        self.label_names = label_names
        self.max_height_m = max_height_m
        self._next_id = 1
        self._noise_factor = 1.0
        self._camera_height_m = math.inf
        self.reset()

    def reset(self) -> None:
        """Drop all tracks; numbers go on, so that none is used twice."""
        self._table: npt.NDArray[Any] = np.zeros(0, _table(len(self.label_names)))
        self._stamp_ns: int | None = None

    def __len__(self) -> int:
        return len(self._table)

    def update(
        self, stamp_ns: int, views: Views, belt: BeltPosition, camera: Camera, exit_x: float, direction: float
    ) -> Tracking:
        """Take the views of one frame.

        Args:
            stamp_ns: the frame's stamp, greater than that of the last call.
            views: D detections on the belt plane.
            belt: the belt's position at the stamp.
            camera: the camera of the views.
            exit_x: metres; an item out of sight beyond this x has left.
            direction: sign of the belt's velocity, 0 when it stands.

        Raises:
            ValueError: the stamp does not grow.
        """
        if self._stamp_ns is not None and stamp_ns <= self._stamp_ns:
            raise ValueError(
                f"stamp_ns is {stamp_ns}; allowed: greater than the last frame's {self._stamp_ns}. Call reset() first"
            )
        self._stamp_ns = stamp_ns
        self._camera_height_m = views.camera_height_m
        self._let_drift(belt)
        predicted = self._predict(belt, camera)
        rows, columns = self._match(predicted, views, belt)
        self._count_misses(predicted, rows)
        self._take_views(rows, columns, views, belt, stamp_ns)
        born = self._begin(columns, views, belt, stamp_ns, predicted)
        track_ids = np.zeros(len(views), np.int64)
        track_ids[columns] = self._table["id"][rows]
        track_ids[born] = self._table["id"][len(self._table) - len(born) :]
        self._drop_gone(stamp_ns, belt, predicted, exit_x, direction)
        return Tracking(track_ids, self._tracks(stamp_ns, belt), self._blocked())

    def _let_drift(self, belt: BeltPosition) -> None:
        """Widen the place along the belt by what the belt's position has drifted since it was last accounted for."""
        grown = belt.drift_m2 - self._table["drift_m2"]
        rows = np.flatnonzero(grown > 2.5e-7)
        if len(rows):
            covariance = self._table["covariance"][rows]
            covariance[:, 0, 0] += grown[rows]
            self._table["information"][rows] = np.linalg.inv(covariance)
            self._table["vector"][rows] = np.einsum(
                "nij,nj->ni", self._table["information"][rows], self._table["mean"][rows]
            )
            self._table["covariance"][rows] = covariance
            self._table["drift_m2"][rows] = belt.drift_m2

    def _predict(self, belt: BeltPosition, camera: Camera) -> _Predicted:
        table = self._table
        moved = belt.metres - table["start_m"]
        mean = table["mean"]
        points = np.stack([mean[:, 0] + (1.0 + mean[:, 3]) * moved, mean[:, 1], mean[:, 2]], axis=1)
        origin = camera.camera_in_belt.translation
        share = (points[:, 2] / origin[2])[:, None]
        ground = (points[:, :2] - origin[:2] * share) / (1.0 - share)
        pixels = camera.project(points)
        height, width = camera.intrinsics.size_hw
        low, high = np.full(2, -0.5), np.array([width - 0.5, height - 0.5])
        boxes = np.concatenate([pixels + table["box"][:, :2], pixels + table["box"][:, 2:]], axis=1)
        # A side that was cut may show more of the item now: it reaches the edge until seen otherwise.
        edges = np.concatenate([low, high])
        boxes = np.where(table["cut_sides"], edges, boxes)
        size = boxes[:, 2:] - boxes[:, :2]
        clipped = np.concatenate([np.clip(boxes[:, :2], low, high), np.clip(boxes[:, 2:], low, high)], axis=1)
        margin = 0.5 * size
        with np.errstate(invalid="ignore"):
            inside = ((pixels > low + np.minimum(margin, 30.0)) & (pixels < high - np.minimum(margin, 30.0))).all(1)
            cut = ((clipped[:, :2] <= low + EDGE_PX) | (clipped[:, 2:] >= high - EDGE_PX)).any(1)
        return _Predicted(moved, ground, np.nan_to_num(clipped, nan=-1.0), inside, cut, points)

    def _match(self, predicted: _Predicted, views: Views, belt: BeltPosition) -> tuple[IntArray, IntArray]:
        table = self._table
        variance = table["covariance"][:, 0, 0] + table["covariance"][:, 1, 1]
        lever_share = (table["covariance"][:, 2, 2] * 0.01) ** 0.5
        gates = (
            0.01
            + 0.25 * np.sqrt(np.maximum(table["size"].prod(1), 1e-6))
            + 3.0 * np.minimum(np.sqrt(variance), 0.02)
            + lever_share
            + 3.0 * belt.std_m
        )
        return associate(
            predicted.ground_xy,
            predicted.boxes_xyxy,
            gates,
            predicted.cut,
            views.ground_xy,
            views.boxes_xyxy,
            views.cut,
        )

    def _count_misses(self, predicted: _Predicted, rows: IntArray) -> None:
        table = self._table
        table["seen"] = False
        missed = predicted.inside.copy()
        missed[rows] = False
        table["existence"][missed] = np.maximum(table["existence"][missed] + _MISS, _EXISTENCE[0])

    def _take_views(self, rows: IntArray, columns: IntArray, views: Views, belt: BeltPosition, stamp_ns: int) -> None:
        table = self._table
        table["seen"][rows] = True
        table["seen_ns"][rows] = stamp_ns
        table["existence"][rows] = np.minimum(table["existence"][rows] + _HIT, _EXISTENCE[1])
        table["views"][rows] += 1
        ids = set(table["id"][rows].tolist())
        for row in rows[table["rival"][rows] > 0]:
            table["together"][row] += int(table["rival"][row]) in ids
        fresh = np.clip(np.abs(belt.metres - table["viewed_m"][rows]) / _FRESH_TRAVEL_M, _OLD_VIEW_WEIGHT, 1.0)
        table["viewed_m"][rows] = belt.metres
        self._take_labels(rows, columns, views, fresh)

        cut = views.cut[columns]
        # A box that noise keeps off the edge for once looks whole; only some whole views in a row prove an item whole.
        table["whole_views"][rows[cut & (table["whole_views"][rows] < CONFIRMED_VIEWS)]] = 0
        whole = table["whole_views"][rows] > 0
        # Until an item has been seen whole its centre wanders: every view starts its place anew.
        restart = ~whole
        self._restart(rows[restart], belt)
        fresh[restart] = 1.0
        use = ~(cut & whole)
        self._take_boxes(rows[use], columns[use], views)
        self._take_points(rows[use], columns[use], views, belt, fresh[use])
        shape = ~cut
        self._take_shapes(rows[shape], columns[shape], views, fresh[shape])
        table["whole_views"][rows[shape]] += 1

    def _take_boxes(self, rows: IntArray, columns: IntArray, views: Views) -> None:
        """Remember each box about its pick point; a whole item's box is not replaced by what the edge leaves of it."""
        boxes, pixels = views.boxes_xyxy[columns], views.pixels_xy[columns]
        self._table["box"][rows] = boxes - np.concatenate([pixels, pixels], axis=1)
        self._table["cut_sides"][rows] = views.cut_sides[columns]

    def _take_labels(self, rows: IntArray, columns: IntArray, views: Views, fresh: FloatArray) -> None:
        table = self._table
        weight = fresh * np.where(views.cut[columns], 0.3, 1.0)
        table["evidence"][rows] += weight[:, None] * np.log(np.maximum(views.probs[columns], _SMALLEST_PROB))
        table["evidence_weight"][rows] += weight
        table["evidence_views"][rows] += fresh

    def _restart(self, rows: IntArray, belt: BeltPosition) -> None:
        table = self._table
        table["information"][rows], table["vector"][rows] = point_filter.prior(len(rows), belt.scale_std)
        table["start_m"][rows] = belt.metres
        table["drift_m2"][rows] = belt.drift_m2
        table["outliers"][rows] = 0

    def _take_points(
        self, rows: IntArray, columns: IntArray, views: Views, belt: BeltPosition, fresh: FloatArray
    ) -> None:
        table = self._table
        moved = belt.metres - table["start_m"][rows]
        matrix = point_filter.observation(views.lever_xy[columns], moved)
        measured = views.ground_xy[columns].copy()
        measured[:, 0] -= moved
        noise = views.noise_m2[columns] * self._noise_factor
        noise[:, 0, 0] += belt.std_m**2
        visible_part = 0.25 * (views.sizes_m[columns] ** 2).sum(1)
        noise[:, [0, 1], [0, 1]] += np.where(views.cut[columns], visible_part, 0.0)[:, None]
        weights = fresh.copy()
        known = table["whole_views"][rows] > 0
        if known.any():
            distance = point_filter.innovation_distances(
                table["mean"][rows], table["covariance"][rows], matrix, measured, noise
            )
            distance = np.where(known, distance, 0.0)
            weights *= np.minimum(1.0, _HUBER / np.maximum(distance, 1e-9))
            self._learn_noise(distance[known & (fresh >= 1.0)])
            outliers = np.where(distance > _SLID, table["outliers"][rows] + 1, 0)
            table["outliers"][rows] = outliers
            slid = outliers >= _SLID_VIEWS
            self._restart(rows[slid], belt)
            measured[slid, 0] += moved[slid]
            matrix[slid, 0, 3] = 0.0
            weights[slid] = 1.0
        information, vector = point_filter.view_information(matrix, measured, noise, weights)
        table["information"][rows] += information
        table["vector"][rows] += vector
        deep = np.flatnonzero(np.isfinite(views.heights_m[columns]) & ~views.cut[columns])
        if len(deep):
            certainty = weights[deep] / views.height_stds_m[columns][deep] ** 2
            table["information"][rows[deep], 2, 2] += certainty
            table["vector"][rows[deep], 2] += certainty * views.heights_m[columns][deep]
        table["mean"][rows], table["covariance"][rows] = point_filter.solve(
            table["information"][rows], table["vector"][rows], self.max_height_m
        )

    def _learn_noise(self, distances: FloatArray) -> None:
        """Scale the assumed noise of a view until the innovations are as wide as they should be."""
        if len(distances):
            # The mean of min(r^2, 9) of two-dimensional noise that is exactly as wide as assumed.
            expected = 2.0 - 2.0 * math.exp(-4.5)
            excess = float(np.minimum(distances**2, 9.0).mean()) / expected - 1.0
            gain = min(0.004 * len(distances), 0.05)
            self._noise_factor = float(np.clip(self._noise_factor * math.exp(gain * excess), *_NOISE_RANGE))

    def _take_shapes(self, rows: IntArray, columns: IntArray, views: Views, fresh: FloatArray) -> None:
        table = self._table
        axes = views.axes_xy[columns]
        doubled = np.stack([axes[:, 0] ** 2 - axes[:, 1] ** 2, 2.0 * axes[:, 0] * axes[:, 1]], axis=1)
        weight = fresh * (views.elongation[columns] ** 2 + 1e-4)
        table["axis"][rows] += weight[:, None] * doubled
        table["axis_weight"][rows] += weight
        table["axis_views"][rows] += fresh
        total = table["size_weight"][rows] + fresh
        share = (fresh / total)[:, None]
        table["size"][rows] += share * (views.sizes_m[columns] - table["size"][rows])
        table["size_weight"][rows] = total

    def _begin(
        self, taken: IntArray, views: Views, belt: BeltPosition, stamp_ns: int, predicted: _Predicted
    ) -> IntArray:
        """Start a track for every detection that is left; returns their columns."""
        left: npt.NDArray[np.bool_] = np.array(np.isfinite(views.ground_xy).all(1))
        left[taken] = False
        columns = np.flatnonzero(left)[: max(_MAX_TRACKS - len(self._table), 0)]
        if not len(columns):
            return columns
        rivals = self._rivals(columns, views, predicted)
        new: npt.NDArray[Any] = np.zeros(len(columns), self._table.dtype)
        new["id"] = np.arange(self._next_id, self._next_id + len(columns))
        new["rival"] = rivals
        new["size"] = views.sizes_m[columns]
        new["viewed_m"] = belt.metres
        self._next_id += len(columns)
        first = len(self._table)
        self._table = np.concatenate([self._table, new])
        rows = np.arange(first, len(self._table))
        self._take_views(rows, columns, views, belt, stamp_ns)
        return columns

    def _rivals(self, columns: IntArray, views: Views, predicted: _Predicted) -> IntArray:
        """The older, missed track in whose place each new detection lies, 0 for none."""
        table = self._table
        rivals = np.zeros(len(columns), np.int64)
        older = np.flatnonzero(~table["seen"] & (table["views"] >= CONFIRMED_VIEWS))
        if not len(older):
            return rivals
        overlap, contained = overlaps(predicted.boxes_xyxy[older], views.boxes_xyxy[columns])
        offset = predicted.ground_xy[older][:, None] - views.ground_xy[columns][None]
        reach = 0.5 * np.maximum(table["size"][older].min(1)[:, None], views.sizes_m[columns].min(1)[None])
        close = (overlap > 0.3) | (contained > 0.6) | ((offset * offset).sum(2) < reach**2)
        score = np.where(close, overlap + 1e-3, 0.0)
        best = score.argmax(0)
        found = score[best, np.arange(len(columns))] > 0.0
        rivals[found] = table["id"][older[best[found]]]
        return rivals

    def _drop_gone(
        self, stamp_ns: int, belt: BeltPosition, predicted: _Predicted, exit_x: float, direction: float
    ) -> None:
        table = self._table
        num_old = len(predicted.moved_m)
        inside = np.ones(len(table), bool)
        inside[:num_old] = predicted.inside
        x = table["mean"][:, 0] + (belt.metres - table["start_m"])
        unseen_s = (stamp_ns - table["seen_ns"]) * 1e-9
        tentative = (table["views"] < CONFIRMED_VIEWS) & (unseen_s > _TENTATIVE_MISSES_S)
        passed = ~inside & ~table["seen"] & ((x - exit_x) * (direction if direction else 1.0) > 0.0)
        gone = tentative | passed | ((unseen_s > _GONE_S) & ~inside)
        if gone.any():
            self._table = table[~gone]

    def _blocked(self) -> dict[int, str]:
        table = self._table
        alive = set(table["id"].tolist())
        blocked = {int(i): "lost" for i in table["id"][table["existence"] < 0.0]}
        rivals = np.flatnonzero((table["rival"] > 0) & (table["together"] < CONFIRMED_VIEWS))
        for row in rivals:
            if int(table["rival"][row]) in alive:
                blocked[int(table["id"][row])] = "duplicate"
        return blocked

    def _tracks(self, stamp_ns: int, belt: BeltPosition) -> tuple[Track, ...]:
        table = self._table
        num = len(table)
        if not num:
            return ()
        mean, covariance = table["mean"], table["covariance"]
        moved = belt.metres - table["start_m"]
        heights = np.clip(mean[:, 2], 0.0, self.max_height_m)
        points = np.stack([mean[:, 0] + (1.0 + mean[:, 3]) * moved, mean[:, 1], heights], axis=1)
        place = covariance[:, :2, :2].copy()
        place[:, 0, 0] += 2.0 * moved * covariance[:, 0, 3] + moved**2 * covariance[:, 3, 3] + belt.std_m**2
        place[:, 0, 1] += moved * covariance[:, 1, 3]
        place[:, 1, 0] = place[:, 0, 1]
        sizes = table["size"] * (1.0 - heights / self._camera_height_m)[:, None]
        place[:, [0, 1], [0, 1]] += ((_BIAS_M + _BIAS_SHARE * sizes[:, 0]) ** 2)[:, None]
        height_stds = np.sqrt(covariance[:, 2, 2])
        yaws, yaw_stds = self._yaws()
        probs = self._probs()
        rows = zip(
            table["id"].tolist(), heights.tolist(), height_stds.tolist(), yaws.tolist(), yaw_stds.tolist(),
            table["views"].tolist(), table["seen"].tolist(), (table["whole_views"] >= WHOLE_VIEWS).tolist(), strict=True,
        )  # fmt: skip
        return tuple(
            Track(
                id=number,
                stamp_ns=stamp_ns,
                point_belt=points[i],
                covariance_belt=place[i],
                height_m=height,
                height_std_m=height_std,
                yaw_rad=yaw,
                yaw_std_rad=yaw_std,
                size_m=sizes[i],
                label_probs=probs[i],
                label_names=self.label_names,
                num_views=num_views,
                seen=seen,
                whole=whole,
            )
            for i, (number, height, height_std, yaw, yaw_std, num_views, seen, whole) in enumerate(rows)
        )

    def _yaws(self) -> tuple[FloatArray, FloatArray]:
        """Mean long axis [T] in (-pi/2, pi/2] and its standard deviation, by doubled angles (Mardia and Jupp 2000)."""
        table = self._table
        axis, weight = table["axis"], np.maximum(table["axis_weight"], 1e-12)
        yaws = 0.5 * np.arctan2(axis[:, 1], axis[:, 0])
        yaws = np.where(yaws <= -np.pi / 2, np.pi / 2, yaws)
        resultant = np.clip(np.sqrt((axis * axis).sum(1)) / weight, 1e-6, 1.0)
        views = table["axis_views"]
        elongation = np.sqrt(np.maximum(weight / np.maximum(views, 1e-9), 1e-4))
        single = _AXIS_STD_RAD * np.maximum(0.3 / elongation, 1.0)
        spread = -2.0 * np.log(resultant) / 4.0
        variance = (views * spread + 2.0 * single**2) / (views + 2.0)
        effective = views / (1.0 + np.maximum(views - 1.0, 0.0) * _EVIDENCE_CORRELATION)
        stds = np.sqrt(variance / np.maximum(effective, 1.0) + _AXIS_FLOOR_RAD**2)
        return yaws, np.minimum(stds, np.pi / np.sqrt(12.0))

    def _probs(self) -> FloatArray:
        """Label probabilities [T, C] of all views: mean log probability, counted as often as views are independent."""
        table = self._table
        views = np.maximum(table["evidence_views"], 1.0)
        effective = views / (1.0 + (views - 1.0) * _EVIDENCE_CORRELATION)
        evidence = table["evidence"] / np.maximum(table["evidence_weight"], 1e-9)[:, None] * effective[:, None]
        evidence = np.exp(evidence - evidence.max(1, keepdims=True))
        return np.asarray(evidence / evidence.sum(1, keepdims=True))


@dataclass(frozen=True, slots=True)
class _Predicted:
    """Tracks moved to the frame's stamp: displacement [T], ground point [T, 2], clipped box [T, 4], in view, cut."""

    moved_m: FloatArray
    ground_xy: FloatArray
    boxes_xyxy: FloatArray
    inside: npt.NDArray[np.bool_]
    cut: npt.NDArray[np.bool_]
    points: FloatArray

"""Items followed along the belt: stable numbers, and place, height, axis, size and label from all views together.

Letters: T tracks, D detections.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spp_sorter.geometry.belt import BeltPosition
from spp_sorter.geometry.camera import Camera
from spp_sorter.picking.association import associate, common_areas, touch
from spp_sorter.picking.fusion import CONFIRMED_VIEWS, EXISTENCE_RANGE, MISS, Fusion
from spp_sorter.picking.grasp import Views
from spp_sorter.picking.prediction import Predicted, predict, sights_of
from spp_sorter.picking.probation import decide, doubt
from spp_sorter.picking.repeats import Sights, are_pairs
from spp_sorter.picking.slips import slips
from spp_sorter.picking.track_table import WHOLE_VIEWS, among, append_rows, new_table, put_rows, take_rows, tracks_of
from spp_sorter.values import IntArray, Track

_MAX_TRACKS = 500
_NO_ID = 0  # of a row that another one stands for; it is dropped in the same frame
_DOUBT_AT = (WHOLE_VIEWS, 5, 10, 20)  # whole views at which a track is compared with its neighbours
_TENTATIVE_S = 0.35  # a track that is not confirmed dies after this long unseen
_TENTATIVE_LOOKS = 1.5  # and not before it was missed twice, where the camera looks rarely
_CARRIED_M = 0.05  # an item that was carried less far since its last view may come back into sight
_GONE_S = 60.0  # any track dies after this long unseen and out of view
_DRIFT_STEP_M2 = 2.5e-7


@dataclass(frozen=True, slots=True)
class Tracking:
    """What the tracker says about one frame.

    Attributes:
        track_ids: [D] int64, the track of each detection, 0 for none.
        tracks: all living tracks at the frame's stamp, oldest first.
        blocked: tracks that must not be picked, and why: ``lost`` (missed where it should be seen) or ``duplicate``
            (stands in for an older track that was missed).
        slipping: whether an item that is known was seen where the belt would not have carried it.
    """

    track_ids: IntArray
    tracks: tuple[Track, ...]
    blocked: dict[int, str]
    slipping: bool = False


class Tracker:
    """Follows items; call ``update`` with growing stamps.

    Args:
        label_names: names of the labels.
        max_height_m: tallest item on the belt.
    """

    def __init__(self, label_names: tuple[str, ...], max_height_m: float) -> None:
        self.label_names = label_names
        self._fusion = Fusion(max_height_m)
        self._next_id = 1
        self.reset()

    def reset(self) -> None:
        """Drop all tracks; numbers go on, so that none is used twice."""
        self._table = new_table(0, len(self.label_names))
        self._stamp_ns: int | None = None
        self._interval_s, self._belt_m = 0.0, 0.0

    @property
    def max_height_m(self) -> float:
        """Tallest item on the belt; may be changed at any time."""
        return self._fusion.max_height_m

    @max_height_m.setter
    def max_height_m(self, value: float) -> None:
        self._fusion.max_height_m = value

    def __len__(self) -> int:
        return len(self._table)

    def update(self, stamp_ns: int, views: Views, belt: BeltPosition, camera: Camera, exit_x: float) -> Tracking:
        """Take the views of one frame.

        Args:
            stamp_ns: the frame's stamp, greater than that of the last call.
            views: D detections on the belt plane.
            belt: the belt's position at the stamp.
            camera: the camera of the views.
            exit_x: metres; an item that the belt has carried out of sight and beyond this x has left.

        Raises:
            ValueError: the stamp does not grow.
        """
        if self._stamp_ns is not None and stamp_ns <= self._stamp_ns:
            raise ValueError(
                f"stamp_ns is {stamp_ns}; allowed: greater than the last frame's {self._stamp_ns}. Call reset() first"
            )
        self._interval_s = 0.0 if self._stamp_ns is None else (stamp_ns - self._stamp_ns) * 1e-9
        self._stamp_ns = stamp_ns
        self._let_drift(belt)
        predicted = predict(self._table, belt, camera)
        rows, columns = self._match(predicted, views, belt)
        self._miss(predicted, rows)
        num_old = len(self._table)
        born = self._begin(rows, columns, views, predicted)
        rows = np.concatenate([rows, np.arange(num_old, len(self._table))])
        columns = np.concatenate([columns, born])
        if len(rows):
            self._fusion.take_views(self._table, rows, columns, views, belt, stamp_ns)
        travel_m, self._belt_m = abs(belt.metres - self._belt_m), belt.metres
        slipping = slips(self._table, predicted.in_sight, belt, travel_m)
        self._hand_over()
        self._doubt_young(predicted)
        self._end_probations(travel_m)
        track_ids = np.zeros(len(views), np.int64)
        track_ids[columns] = np.where(self._table["doubted"][rows], 0, self._table["id"][rows])
        self._drop_gone(stamp_ns, belt, predicted, exit_x)
        tracks = tracks_of(self._table, stamp_ns, belt, views.camera_height_m, self.label_names)
        return Tracking(track_ids, tracks, self._blocked(), slipping)

    def foretell(self, stamp_ns: int, belt: BeltPosition, camera: Camera) -> Tracking:
        """The tracks as the belt has carried them to a frame that nobody looked at.

        Args:
            stamp_ns: the frame's stamp.
            belt: the belt's position at the stamp.
            camera: the camera that did not look.
        """
        self._let_drift(belt)
        height_m = float(camera.camera_in_belt.translation[2])
        tracks = tracks_of(self._table, stamp_ns, belt, height_m, self.label_names)
        return Tracking(np.zeros(0, np.int64), tracks, self._blocked())

    def _let_drift(self, belt: BeltPosition) -> None:
        """Widen the place along the belt by what the belt's position has drifted since it was last accounted for."""
        which = belt.drift_m2 - self._table["drift_m2"] > _DRIFT_STEP_M2
        if which.any():
            t = take_rows(self._table, which)
            t["covariance"][:, 0, 0] += belt.drift_m2 - t["drift_m2"]
            t["information"] = np.linalg.inv(t["covariance"])
            t["vector"] = (t["information"] @ t["mean"][:, :, None])[:, :, 0]
            t["drift_m2"] = belt.drift_m2
            put_rows(self._table, which, t)

    def _match(self, predicted: Predicted, views: Views, belt: BeltPosition) -> tuple[IntArray, IntArray]:
        (near,) = np.nonzero(predicted.in_view)
        table = take_rows(self._table, near)
        variance = table["covariance"].diagonal(axis1=1, axis2=2)
        gates = (
            0.01
            + 0.25 * np.sqrt(table["size"][:, 0] * table["size"][:, 1])
            + 3.0 * np.minimum(np.sqrt(variance[:, 0] + variance[:, 1]), 0.02)
            + 0.1 * np.sqrt(variance[:, 2])
            + 3.0 * belt.std_m
        )
        rows, columns = associate(
            predicted.ground_xy[near],
            predicted.boxes_xyxy[near],
            gates,
            table["cut_sides"],
            predicted.cut[near],
            views.ground_xy,
            views.boxes_xyxy,
            views.reaching_xyxy,
            views.cut,
        )
        return near[rows], columns

    def _miss(self, predicted: Predicted, rows: IntArray) -> None:
        """Count against every track that ought to have been seen and was not."""
        table = self._table
        table["seen"] = False
        missed = predicted.in_sight.copy()
        missed[rows] = False
        if missed.any():
            table["existence"][missed] = np.maximum(table["existence"][missed] + MISS, EXISTENCE_RANGE[0])

    def _begin(self, matched: IntArray, taken: IntArray, views: Views, predicted: Predicted) -> IntArray:
        """Append an empty track for every detection that is left; returns their columns."""
        left = np.isfinite(views.ground_xy[:, 0])
        left[taken] = False
        columns = np.flatnonzero(left)[: max(_MAX_TRACKS - len(self._table), 0)]
        if len(columns):
            new = new_table(len(columns), len(self.label_names))
            new["id"] = np.arange(self._next_id, self._next_id + len(columns))
            new["rival"] = self._rivals(columns, views, predicted, matched)
            self._next_id += len(columns)
            ids = np.zeros(len(views), np.int64)
            ids[taken], ids[columns] = self._table["id"][matched], new["id"]
            rivals = np.where(views.repeats[columns] >= 0, ids[views.repeats[columns]], 0)
            rivals = np.where(rivals > 0, rivals, self._part_of(columns, views, predicted))
            doubted = np.flatnonzero(rivals)
            doubt(new, doubted, rivals[doubted])
            self._table = append_rows(self._table, new)
        return columns

    def _part_of(self, columns: IntArray, views: Views, predicted: Predicted) -> IntArray:
        """The well known track where each of the detections [A] lies anyway, 0 for none."""
        known = (self._table["whole_views"] >= CONFIRMED_VIEWS) & (self._table["existence"] > 0.0)
        rows = np.flatnonzero(known & ~self._table["doubted"] & predicted.in_view)
        seen = Sights(views.boxes_xyxy, views.ground_xy, views.axes_xy, views.sizes_m).at(columns)
        return self._first_alike(rows, np.ones((len(rows), len(columns)), bool), seen, predicted)

    def _first_alike(
        self, rows: IntArray, allowed: npt.NDArray[np.bool_], seen: Sights, predicted: Predicted
    ) -> IntArray:
        """For each of the sights [A] the number of the first of the tracks ``rows`` [K] whose item it shows.

        Args:
            rows: of tracks.
            allowed: [K, A] bool, what may be the same.
            seen: the sights.
            predicted: where the tracks should be seen.

        Returns:
            [A] int64, 0 for none.
        """
        touching = touch(predicted.boxes_xyxy[rows].T[:, :, None], seen.boxes_xyxy.T[:, None])
        pairs, columns = np.nonzero(touching & allowed)
        numbers = np.zeros(allowed.shape[1], np.int64)
        if len(pairs):
            same = are_pairs(sights_of(self._table, rows[pairs], predicted), seen.at(columns))
            # Of values for the same place numpy keeps the last.
            numbers[columns[same][::-1]] = self._table["id"][rows[pairs[same]]][::-1]
        return numbers

    def _doubt_young(self, predicted: Predicted) -> None:
        """Put a young track on probation that turns out to lie where an older one lies.

        Before it has been offered, the place decides; later only where the two are never seen beside each other.
        """
        table = self._table[: len(predicted.in_sight)]
        fit = ~table["doubted"] & ~table["proven"]
        young = np.flatnonzero(fit & table["seen"] & among(table["whole_views"], _DOUBT_AT))
        if not len(young):
            return
        fresh = table["whole_views"][young] == WHOLE_VIEWS
        is_known = (table["whole_views"] >= CONFIRMED_VIEWS) & (table["existence"] > 0.0)
        is_known &= ~table["doubted"] & predicted.in_view
        if not fresh.any():
            is_known &= ~table["seen"]
        known = np.flatnonzero(is_known)
        older = table["views"][known][:, None] > table["views"][young]
        older &= ~table["seen"][known][:, None] | fresh
        if older.any():
            rivals = self._first_alike(known, older, sights_of(self._table, young, predicted), predicted)
            doubt(self._table, young[rivals > 0], rivals[rivals > 0])

    def _end_probations(self, travel_m: float) -> None:
        """Drop doubted tracks of which time has told that they show another's item."""
        table = self._table
        worse, better = decide(table, travel_m)
        table["id"][worse] = _NO_ID
        for heir, old in better:
            if table["id"][old] != _NO_ID:
                self._inherit(heir, old)

    def _rivals(self, columns: IntArray, views: Views, predicted: Predicted, matched: IntArray) -> IntArray:
        """The older, missed track, seen whole before, in whose place each new detection lies; 0 for none."""
        table = self._table
        missed = table["whole_views"] >= WHOLE_VIEWS
        missed[matched] = False
        older = np.flatnonzero(missed)
        rivals = np.zeros(len(columns), np.int64)
        if not len(older):
            return rivals
        boxes, reaching = predicted.boxes_xyxy[older].T[:, :, None], views.reaching_xyxy[columns].T[:, None]
        offset = predicted.ground_xy[older][:, None] - views.ground_xy[columns][None]
        reach = 0.5 * np.maximum(table["size"][older].min(1)[:, None], views.sizes_m[columns].min(1)[None])
        close = (offset * offset).sum(2) < reach**2
        if not (close | touch(boxes, reaching)).any():
            return rivals
        common, area_a, area_b = common_areas(boxes, reaching)
        overlap, contained = common / (area_a + area_b - common), common / np.minimum(area_a, area_b)
        close |= (overlap > 0.3) | (contained > 0.6)
        score = np.where(close, overlap + 1e-3, 0.0)
        best = score.argmax(0)
        found = score[best, np.arange(len(columns))] > 0.0
        rivals[found] = table["id"][older[best[found]]]
        return rivals

    def _hand_over(self) -> None:
        """Give a lost track's number to the one that was begun in its place: the item moved on the belt."""
        table = self._table
        lost = (table["existence"] < 0.0) & ~table["seen"]
        if not lost.any():
            return
        heirs = table["seen"] & (table["rival"] > 0) & (table["together"] == 0) & (table["views"] >= CONFIRMED_VIEWS)
        for heir in np.flatnonzero(heirs):
            (old,) = np.nonzero(lost & (table["id"] == table["rival"][heir]))
            if len(old):
                self._inherit(int(heir), int(old[0]))
                lost[old[0]] = False

    def _inherit(self, heir: int, old: int) -> None:
        """One track takes the number of another one, and what it knows about the label."""
        table = self._table
        for name in ("id", "rival", "together", "doubted", "proven", "own", "chances"):
            table[name][heir] = table[name][old]
        for name in ("evidence", "evidence_weight", "evidence_views", "views"):
            table[name][heir] += table[name][old]
        table["id"][old] = _NO_ID

    def _drop_gone(self, stamp_ns: int, belt: BeltPosition, predicted: Predicted, exit_x: float) -> None:
        table = self._table
        out_of_sight = np.zeros(len(table), bool)
        out_of_sight[: len(predicted.in_sight)] = ~predicted.in_sight
        out_of_sight &= ~table["seen"]
        x = table["mean"][:, 0] + (belt.metres - table["start_m"])
        unseen_s = (stamp_ns - table["seen_ns"]) * 1e-9
        patience_s = max(_TENTATIVE_S, _TENTATIVE_LOOKS * self._interval_s)
        gone = (table["views"] < CONFIRMED_VIEWS) & (unseen_s > patience_s)
        gone |= table["id"] == _NO_ID
        # By what carried it out, not by the belt's velocity: a belt that stops may roll back a little.
        carried_m = belt.metres - table["viewed_m"]
        left = (np.abs(carried_m) > _CARRIED_M) & ((x - exit_x) * carried_m > 0.0)
        gone |= out_of_sight & (left | (unseen_s > _GONE_S))
        if gone.any():
            self._table = take_rows(table, ~gone)

    def _blocked(self) -> dict[int, str]:
        table = self._table
        blocked = dict.fromkeys(table["id"][table["existence"] < 0.0].tolist(), "lost")
        rivals = np.flatnonzero((table["rival"] > 0) & (table["together"] < CONFIRMED_VIEWS))
        if len(rivals):
            alive = rivals[among(table["rival"][rivals], table["id"])]
            blocked.update(dict.fromkeys(table["id"][alive].tolist(), "duplicate"))
        return blocked

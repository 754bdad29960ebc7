"""Judges a run of the sorter by the truth of its belt.

Who counts: every item to pick of at least 20 mm whose pick point crosses the pick line within reach, and of which at
least half is visible in at least 5 of the camera's frames, processed or not.

What counts: for each of them the last list that was sent at least 150 ms before it crosses. A track belongs to the item
with whose visible box its detections overlapped most in most frames (IoU of 0.3 and more). The error of a pick is the
distance in the belt's plane between its point and the item's own at the pick's stamp.

Letters: N detections, I items in a frame.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from spp_sorter.config import PickingConfig
from spp_sorter.learning.picking_benchmark_belts import (
    START_NS,
    BeltItem,
    ObservedBelt,
    SeenItems,
    motion_of,
    stamp_of,
)
from spp_sorter.learning.picking_benchmark_run import SentList
from spp_sorter.simulation.speed import SpeedProfile
from spp_sorter.values import FloatArray, IntArray, PickTarget

MIN_SIZE_M = 0.02
MIN_VISIBLE = 0.5
MIN_FRAMES = 5
LEAD_NS = 150_000_000
OWNER_IOU = 0.3
MATCH_IOU = 0.5
"""Overlap at which a detection counts as an item's when changes of its number are counted (as in CLEAR MOT), while at
least ``MIN_VISIBLE`` of the item is visible."""

MIN_ASPECT = 1.5
"""Length over width from which an item's yaw is judged."""

ELLIPSE_95 = 5.991464547107979
"""Squared Mahalanobis distance that 95 % of a two-dimensional normal distribution lie within."""

LONG_M = 0.11
"""Items longer than this are reported by themselves too: their middle is harder to tell."""

STANDING_MPS = 0.01
_SETTLED_NS = 100_000_000  # a belt that came to rest this long ago stands
_RAMP_NS = 300_000_000  # a pick whose belt has changed its speed since this long before its list is one in a ramp


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """One item that counts.

    Attributes:
        id: the item.
        length_m: its length.
        offered: whether the list that counts holds it.
        in_ramp: whether the belt's speed changes from shortly before that list to the crossing.
        error_mm: position error, NaN when it is not offered.
        along_mm: its part along the belt, positive when the pick lies downstream of the item.
        height_mm: error of the height.
        yaw_deg: error of the long axis, NaN for items that are not long.
        inside: whether the true place lies in the stated 95 % ellipse.
        track_id: the track that was offered, 0 for none.
    """

    id: int
    length_m: float
    offered: bool
    in_ramp: bool
    error_mm: float = float("nan")
    along_mm: float = float("nan")
    height_mm: float = float("nan")
    yaw_deg: float = float("nan")
    inside: bool = False
    track_id: int = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """One run.

    Attributes:
        items: the items that count.
        num_final: tracks that were offered to the last, whoever they belong to.
        wrong: those of them that are no item with the label they were offered for, as track and reason.
        twice: items that were offered under more than one number.
        num_followed: items whose numbers were watched.
        switches: how often one of these changed its number.
        lists_standing: lists that were made while the belt stood.
        offers_standing: those of them that were not empty.
        impossible: items left out, because the belt stood when the list that counts was made.
        work_ms: processor time of tracker and planner in every frame.
        looks: frames that the network saw.
    """

    items: list[JudgedItem] = field(default_factory=list)
    num_final: int = 0
    wrong: list[tuple[int, str]] = field(default_factory=list)
    twice: list[int] = field(default_factory=list)
    num_followed: int = 0
    switches: int = 0
    lists_standing: int = 0
    offers_standing: int = 0
    impossible: int = 0
    work_ms: list[float] = field(default_factory=list)
    looks: int = 0


def judge_run(belt: ObservedBelt, lists: list[SentList], config: PickingConfig) -> Judgement:
    """Judge one run.

    Args:
        belt: the belt and its truth.
        lists: what was sent, in order.
        config: pick line, reach and labels.
    """
    owners, switches, followed = _follow(belt, lists)
    return _Run(belt, lists, config, owners).judgement(switches, followed)


class _Run:
    """A run under judgement."""

    def __init__(
        self, belt: ObservedBelt, lists: list[SentList], config: PickingConfig, owners: dict[int, int]
    ) -> None:
        self._motion = motion_of(belt.plan)
        self._lists, self._config, self._owners = lists, config, owners
        self._sent_ns = np.array([each.sent_ns for each in lists], np.int64)
        self._items = {item.id: item for item in belt.items}
        self._end_ns = START_NS + round(belt.plan.seconds * 1e9)
        self._visible = _visible_frames(belt.seen)
        self._crossings = _crossings(belt.items, self._motion, config.pick_line, belt.plan.seconds)

    def judgement(self, switches: int, followed: int) -> Judgement:
        judged, impossible = [], 0
        for number, crossing_ns in self._crossings.items():
            if not self._counts(number):
                continue
            last = self._last_list(crossing_ns)
            if last is None:
                continue
            if self._motion.speed_mps(last.stamp_ns - START_NS) < STANDING_MPS:
                impossible += 1
                continue
            judged.append(self._judge_item(self._items[number], crossing_ns, last))
        finals, wrong = self._finals()
        standing = [each for each in self._lists if self._stands(each.stamp_ns)]
        offered: dict[int, set[int]] = defaultdict(set)
        for each in self._lists:
            for pick in each.picks:
                offered[self._owners.get(pick.track_id, 0)].add(pick.track_id)
        return Judgement(
            judged,
            finals,
            wrong,
            sorted(item for item, tracks in offered.items() if item and len(tracks) > 1),
            followed,
            switches,
            len(standing),
            sum(bool(each.picks) for each in standing),
            impossible,
            [each.work_ms for each in self._lists],
            sum(each.looked for each in self._lists),
        )

    def _counts(self, number: int) -> bool:
        item, config = self._items[number], self._config
        return (
            item.label in config.labels
            and item.size_m[0] >= MIN_SIZE_M
            and config.reach_min <= item.y_m <= config.reach_max
            and self._visible[number] >= MIN_FRAMES
        )

    def _last_list(self, crossing_ns: int) -> SentList | None:
        index = int(np.searchsorted(self._sent_ns, crossing_ns - LEAD_NS, side="right")) - 1
        return self._lists[index] if index >= 0 else None

    def _stands(self, stamp_ns: int) -> bool:
        times = (stamp_ns - _SETTLED_NS - START_NS, stamp_ns - START_NS)
        return all(self._motion.speed_mps(time) < STANDING_MPS for time in times)

    def _judge_item(self, item: BeltItem, crossing_ns: int, last: SentList) -> JudgedItem:
        times = np.linspace(last.stamp_ns - _RAMP_NS, crossing_ns, 20).astype(np.int64) - START_NS
        speeds = [self._motion.speed_mps(int(time)) for time in times]
        in_ramp = max(speeds) - min(speeds) > 1e-9
        mine = [pick for pick in last.picks if self._owners.get(pick.track_id) == item.id]
        if not mine:
            return JudgedItem(item.id, item.size_m[0], False, in_ramp)
        # Where one item is offered as two, the worse offer counts.
        return max((self._judge_pick(item, pick, in_ramp) for pick in mine), key=lambda judged: judged.error_mm)

    def _judge_pick(self, item: BeltItem, pick: PickTarget, in_ramp: bool) -> JudgedItem:
        true = (item.s_m + self._motion.position_m(pick.stamp_ns - START_NS), item.y_m)
        error = np.asarray(pick.point_belt[:2], np.float64) - true
        spread = np.asarray(pick.covariance, np.float64)[:2, :2]
        turn = (pick.yaw_rad - item.yaw_rad + np.pi / 2) % np.pi - np.pi / 2
        is_long = item.size_m[0] >= MIN_ASPECT * item.size_m[1]
        return JudgedItem(
            item.id,
            item.size_m[0],
            True,
            in_ramp,
            float(np.hypot(*error)) * 1e3,
            float(error[0]) * 1e3,
            (float(pick.point_belt[2]) - item.z_m) * 1e3,
            abs(float(np.degrees(turn))) if is_long else float("nan"),
            bool(error @ np.linalg.solve(spread, error) <= ELLIPSE_95),
            pick.track_id,
        )

    def _finals(self) -> tuple[int, list[tuple[int, str]]]:
        """Tracks that were offered to the last, and those of them that are wrong."""
        newest: dict[int, PickTarget] = {}
        for each in self._lists:
            for pick in each.picks:
                newest[pick.track_id] = pick
        number, wrong = 0, []
        for track_id, pick in sorted(newest.items()):
            owner = self._items.get(self._owners.get(track_id, 0))
            crossing_ns = pick.stamp_ns if owner is None else self._crossings.get(owner.id, pick.stamp_ns)
            last = self._last_list(crossing_ns)
            if crossing_ns > self._end_ns or last is None:
                continue
            final = [each for each in last.picks if each.track_id == track_id]
            if not final:
                continue
            number += 1
            if owner is None:
                wrong.append((track_id, "nothing"))
            elif owner.label != final[0].label:
                wrong.append((track_id, owner.label))
        return number, wrong


def _crossings(items: tuple[BeltItem, ...], motion: SpeedProfile, pick_line_x: float, seconds: float) -> dict[int, int]:
    """When each item that comes into view during the run crosses the pick line, by its number."""
    times_ns = np.arange(0, round(seconds * 1e9), 1_000_000)
    travel = np.array([motion.position_m(int(time)) for time in times_ns])
    # On a belt that stands, travel repeats: the first moment counts.
    keep = np.concatenate([[True], np.diff(travel) > 0.0])
    crossings = {}
    for item in items:
        to_go = pick_line_x - item.s_m
        if item.s_m < -0.65 and to_go <= travel[-1]:
            crossings[item.id] = START_NS + round(float(np.interp(to_go, travel[keep], times_ns[keep])))
    return crossings


def _visible_frames(seen: tuple[SeenItems, ...]) -> Counter[int]:
    counts: Counter[int] = Counter()
    for each in seen:
        counts.update(each.ids[each.visible >= MIN_VISIBLE].tolist())
    return counts


def _follow(belt: ObservedBelt, lists: list[SentList]) -> tuple[dict[int, int], int, int]:
    """Owner of each track, changes of number, and number of items whose numbers were watched."""
    frames = {stamp_of(frame): seen for frame, seen in enumerate(belt.seen)}
    visible = _visible_frames(belt.seen)
    watched = {item.id for item in belt.items if item.size_m[0] >= MIN_SIZE_M and visible[item.id] >= MIN_FRAMES}
    votes: dict[int, Counter[int]] = defaultdict(Counter)
    numbers: dict[int, int] = {}  # item -> its number so far
    switches = 0
    for each in lists:
        seen = frames[each.stamp_ns]
        rows = np.flatnonzero(each.track_ids > 0)
        if not len(rows) or not len(seen.ids):
            continue
        tracks = each.track_ids[rows]
        overlap = iou(each.boxes_xyxy[rows].astype(np.float64), seen.boxes_xyxy)  # [N, I]
        best = overlap.argmax(1)
        for track, column, row in zip(tracks.tolist(), best.tolist(), range(len(rows)), strict=True):
            if overlap[row, column] >= OWNER_IOU:
                votes[track][int(seen.ids[column])] += 1
        in_the_open = watched.intersection(seen.ids[seen.visible >= MIN_VISIBLE].tolist())
        # What is largely hidden has tracks too, which must not be taken for those of what lies on it.
        for item, track in _matches(tracks, seen.ids, overlap, numbers):
            if item in in_the_open:
                switches += item in numbers and numbers[item] != track
                numbers[item] = track
    owners = {track: min(items, key=lambda item: (-items[item], item)) for track, items in votes.items()}
    return owners, switches, len(numbers)


def _matches(tracks: IntArray, items: IntArray, overlap: FloatArray, numbers: dict[int, int]) -> list[tuple[int, int]]:
    """Items and the tracks that follow them in one frame: those of the frame before as long as they overlap."""
    left = np.where(overlap >= MATCH_IOU, overlap, 0.0)
    columns = {int(item): column for column, item in enumerate(items)}
    rows = {int(track): row for row, track in enumerate(tracks)}
    found = []
    for item, track in numbers.items():
        if item in columns and track in rows and left[rows[track], columns[item]] > 0.0:
            found.append((item, track))
    for item, track in found:
        left[rows[track], :] = 0.0
        left[:, columns[item]] = 0.0
    for row, column in zip(*linear_sum_assignment(-left), strict=True):
        if left[row, column] > 0.0:
            found.append((int(items[column]), int(tracks[row])))
    return found


def iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union [A, B] of boxes [A, 4] and [B, 4]; 0 for a box that is NaN."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0.0), axis=2)
    areas_a, areas_b = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b))
    union = areas_a[:, None] + areas_b[None] - common
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nan_to_num(common / union))


def figures(judgements: list[Judgement]) -> dict[str, object]:
    """The figures of some runs together, under the keys of the benchmark."""
    items = [item for judgement in judgements for item in judgement.items]
    steady = [item for item in items if item.offered and not item.in_ramp]
    ramps = [item for item in items if item.offered and item.in_ramp]
    final, wrong = sum(j.num_final for j in judgements), [w for j in judgements for w in j.wrong]
    followed = sum(j.num_followed for j in judgements)
    offered = [*steady, *ramps]
    work = [value for judgement in judgements for value in judgement.work_ms]
    return {
        "items": len(items),
        "picks": final,
        "position_error_mm": _spread([item.error_mm for item in offered]),
        "position_error_steady_mm": _spread([item.error_mm for item in steady]),
        "position_error_ramps_mm": _spread([item.error_mm for item in ramps]),
        "short": _by_length([item for item in items if item.length_m <= LONG_M]),
        "long": _by_length([item for item in items if item.length_m > LONG_M]),
        "height_error_mm": _spread([abs(item.height_mm) for item in offered]),
        "yaw_error_deg": _spread([item.yaw_deg for item in offered]),
        "offered_in_time": _share(sum(item.offered for item in items), len(items)),
        "offered_twice": sum(len(j.twice) for j in judgements),
        "wrong_class": _share(len(wrong), final),
        "wrong": {
            "other_label": sum(reason != "nothing" for _, reason in wrong),
            "nothing": sum(reason == "nothing" for _, reason in wrong),
        },
        "id_switches": sum(j.switches for j in judgements),
        "id_switches_per_200": _share(200 * sum(j.switches for j in judgements), followed),
        "items_followed": followed,
        "covariance_coverage": _share(sum(item.inside for item in offered), len(offered)),
        "standing": {
            "lists": sum(j.lists_standing for j in judgements),
            "with_offers": sum(j.offers_standing for j in judgements),
            "items_left_out": sum(j.impossible for j in judgements),
        },
        "frames": len(work),
        "frames_looked_at": _share(sum(j.looks for j in judgements), len(work)),
        "track_and_plan_ms": {**_spread(work), "mean": _share(sum(work), len(work))},
    }


def _by_length(items: list[JudgedItem]) -> dict[str, object]:
    offered = [item for item in items if item.offered]
    return {
        "items": len(items),
        "position_error_mm": _spread([item.error_mm for item in offered]),
        "offered_in_time": _share(len(offered), len(items)),
    }


def _spread(values: list[float]) -> dict[str, float | None]:
    known = np.array([value for value in values if np.isfinite(value)])
    if not len(known):
        return {"p50": None, "p95": None}
    p50, p95 = np.percentile(known, [50, 95])
    return {"p50": float(p50), "p95": float(p95)}


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None

"""Recompute the figures of ``spp_sorter benchmark picking --record DIR`` from its bags and truth, without spp_sorter.

Needs numpy, scipy and rosbags only: the types of the messages come from the bags themselves.

    python tools/recompute_picks.py DIR            # the figures of every condition
    python tools/recompute_picks.py DIR --check    # and compare them with DIR/picking.json
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from scipy.optimize import linear_sum_assignment

LEAD_NS = 150_000_000
CELLS = [0, 1, 6, 7]  # of x and y in a row by row 6 x 6 covariance


def stamp(message_time):
    """Nanoseconds of a builtin_interfaces/Time."""
    return message_time.sec * 10**9 + message_time.nanosec


def read_bag(path):
    """Lists [(stamp, sent, [pick])] and sights [(stamp, boxes, tracks)] of a bag, in the order of sending."""
    store = get_typestore(Stores.EMPTY)
    lists, sights = [], []
    with Reader(path) as bag:
        for connection in bag.connections:
            store.register(get_types_from_msg(connection.msgdef.data, connection.msgtype))
        for connection, sent_ns, data in bag.messages():
            message = store.deserialize_cdr(data, connection.msgtype)
            image_ns = stamp(message.header.stamp)
            if connection.topic.endswith("pick_targets"):
                lists.append((image_ns, sent_ns, [read_pick(item) for item in message.detections]))
            else:
                rows = [
                    (
                        item.bbox.center.position.x - item.bbox.size_x / 2,
                        item.bbox.center.position.y - item.bbox.size_y / 2,
                        item.bbox.center.position.x + item.bbox.size_x / 2,
                        item.bbox.center.position.y + item.bbox.size_y / 2,
                    )
                    for item in message.detections
                ]
                numbers = np.array([int(item.id or 0) for item in message.detections])
                sights.append((image_ns, np.array(rows).reshape(-1, 4), numbers))
    return lists, sights


def read_pick(item):
    """One pick target of a list."""
    pose = item.results[0].pose
    turn = pose.pose.orientation
    return {
        "track": int(item.id),
        "label": item.results[0].hypothesis.class_id,
        "at_ns": stamp(item.header.stamp),
        "xy": np.array([pose.pose.position.x, pose.pose.position.y]),
        "yaw": 2.0 * math.atan2(turn.z, turn.w),
        "covariance": np.array(pose.covariance)[CELLS].reshape(2, 2),
    }


class Truth:
    """What lay on the belt, and how it moved."""

    def __init__(self, path):
        self.frames, self.items = {}, {}
        with path.open(encoding="utf-8") as file:
            for line in map(json.loads, file):
                if line["kind"] == "run":
                    self.run = line
                elif line["kind"] == "item":
                    self.items[line["id"]] = line
                else:
                    self.frames[line["stamp_ns"]] = line["items"]
        self.times, self.speeds = np.array(self.run["speed_knots"], float).T
        steps = np.diff(self.times) * (self.speeds[1:] + self.speeds[:-1]) / 2.0
        self.places = np.concatenate([[0.0], np.cumsum(steps)])
        self.num_visible = Counter(
            item["id"] for items in self.frames.values() for item in items if item["visible"] >= 0.5
        )

    def speed(self, at_ns):
        """Speed at a stamp."""
        return float(np.interp((at_ns - self.run["start_ns"]) * 1e-9, self.times, self.speeds))

    def travel(self, at_ns):
        """How far the belt has come at a stamp: the area under the speed."""
        seconds = (at_ns - self.run["start_ns"]) * 1e-9
        knot = int(np.clip(np.searchsorted(self.times, seconds, side="right") - 1, 0, None))
        since = seconds - self.times[knot]
        return self.places[knot] + since * (self.speeds[knot] + self.speed(at_ns)) / 2.0

    def crossings(self):
        """When each item that comes into view crosses the pick line: bisection on the travel."""
        found = {}
        for number, item in self.items.items():
            to_go = self.run["pick_line"] - item["s_m"]
            low, high = self.run["start_ns"], self.run["end_ns"] - 1_000_000
            if item["s_m"] >= -0.65 or self.travel(high) < to_go:
                continue
            while high - low > 1000:
                middle = (low + high) // 2
                low, high = (middle, high) if self.travel(middle) < to_go else (low, middle)
            found[number] = high
        return found

    def counts(self, item):
        """Whether an item is one that ought to be picked."""
        low, high = self.run["reach"]
        return (
            item["label"] in self.run["labels"]
            and item["size_m"][0] >= 0.02
            and low <= item["y_m"] <= high
            and self.num_visible[item["id"]] >= 5
        )


def overlaps(boxes, items):
    """IoU of each box with each item's visible box."""
    table = np.zeros((len(boxes), len(items)))
    for column, item in enumerate(items):
        other = item["box_xyxy"]
        if other is None:
            continue
        width = np.minimum(boxes[:, 2], other[2]) - np.maximum(boxes[:, 0], other[0])
        height = np.minimum(boxes[:, 3], other[3]) - np.maximum(boxes[:, 1], other[1])
        common = np.maximum(width, 0.0) * np.maximum(height, 0.0)
        own = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        table[:, column] = common / (own + (other[2] - other[0]) * (other[3] - other[1]) - common)
    return table


def follow(truth, sights):
    """The item of each track, how often an item changed its number, and how many items were followed."""
    watched = {n for n, item in truth.items.items() if item["size_m"][0] >= 0.02 and truth.num_visible[n] >= 5}
    votes, current, switches = defaultdict(Counter), {}, 0
    for image_ns, boxes, tracks in sights:
        items = truth.frames[image_ns]
        boxes, tracks = boxes[tracks > 0], tracks[tracks > 0]
        if not len(boxes) or not items:
            continue
        table = overlaps(boxes, items)
        for row, track in enumerate(tracks.tolist()):
            best = int(table[row].argmax())
            if table[row, best] >= 0.3:
                votes[track][items[best]["id"]] += 1
        table[table < 0.5] = 0.0
        in_the_open = watched & {item["id"] for item in items if item["visible"] >= 0.5}
        rows = {track: row for row, track in enumerate(tracks.tolist())}
        columns = {item["id"]: column for column, item in enumerate(items)}
        pairs = [
            (number, track)
            for number, track in current.items()
            if number in columns and track in rows and table[rows[track], columns[number]] > 0.0
        ]
        for number, track in pairs:
            table[rows[track]] = 0.0
            table[:, columns[number]] = 0.0
        for row, column in zip(*linear_sum_assignment(table, maximize=True), strict=True):
            if table[row, column] > 0.0:
                pairs.append((items[column]["id"], int(tracks[row])))
        for number, track in pairs:
            if number in in_the_open:
                switches += current.get(number, track) != track
                current[number] = track
    owners = {track: min(found, key=lambda n: (-found[n], n)) for track, found in votes.items()}
    return owners, switches, len(current)


def judge(truth, lists, sights):
    """Everything that is counted in one run."""
    owners, switches, followed = follow(truth, sights)
    crossings = truth.crossings()
    sent = [sent_ns for _, sent_ns, _ in lists]

    def last_before(crossing_ns):
        index = int(np.searchsorted(sent, crossing_ns - LEAD_NS, side="right")) - 1
        return lists[index] if index >= 0 else None

    found = {
        "errors": [],
        "lengths": [],
        "all_lengths": [],
        "yaws": [],
        "inside": [],
        "items": 0,
        "offered": 0,
        "final": 0,
        "wrong": 0,
    }
    for number, crossing_ns in crossings.items():
        item, last = truth.items[number], last_before(crossing_ns)
        if not truth.counts(item) or last is None or truth.speed(last[0]) < 0.01:
            continue
        found["items"] += 1
        found["all_lengths"].append(item["size_m"][0])
        mine = [pick for pick in last[2] if owners.get(pick["track"]) == number]
        if mine:
            found["offered"] += 1
            worst = max((measure(truth, item, pick) for pick in mine), key=lambda row: row[0])
            found["errors"].append(worst[0])
            found["lengths"].append(item["size_m"][0])
            found["yaws"].append(worst[1])
            found["inside"].append(worst[2])
    newest = {pick["track"]: pick for _, _, picks in lists for pick in picks}
    for track, pick in newest.items():
        owner = truth.items.get(owners.get(track, 0))
        crossing_ns = pick["at_ns"] if owner is None else crossings.get(owner["id"], pick["at_ns"])
        last = last_before(crossing_ns)
        if crossing_ns > truth.run["end_ns"] or last is None:
            continue
        final = [pick for pick in last[2] if pick["track"] == track]
        if final:
            found["final"] += 1
            found["wrong"] += owner is None or owner["label"] != final[0]["label"]
    offers = defaultdict(set)
    for _, _, picks in lists:
        for pick in picks:
            offers[owners.get(pick["track"], 0)].add(pick["track"])
    found["twice"] = sum(number != 0 and len(tracks) > 1 for number, tracks in offers.items())
    found["switches"], found["followed"] = switches, followed
    return found


def measure(truth, item, pick):
    """Position error in mm, yaw error in degrees (NaN for items that are not long), inside the ellipse or not."""
    error = pick["xy"] - (item["s_m"] + truth.travel(pick["at_ns"]), item["y_m"])
    turn = abs(math.remainder(pick["yaw"] - item["yaw_rad"], math.pi))
    yaw = math.degrees(turn) if item["size_m"][0] >= 1.5 * item["size_m"][1] else math.nan
    distance2 = error @ np.linalg.inv(pick["covariance"]) @ error
    return 1e3 * float(np.hypot(*error)), yaw, bool(distance2 <= -2.0 * math.log(0.05))


def figures(runs):
    """The benchmark's keys over some runs."""

    def total(key):
        return sum(run[key] for run in runs)

    def joined(key):
        return [value for run in runs for value in run[key]]

    def by_length(is_wanted):
        kept = [error for error, length in zip(joined("errors"), joined("lengths"), strict=True) if is_wanted(length)]
        items = sum(map(is_wanted, joined("all_lengths")))
        spread = {"p50": percentile(kept, 50), "p95": percentile(kept, 95)}
        return {"items": items, "position_error_mm": spread, "offered_in_time": ratio(len(kept), items)}

    errors, yaws = joined("errors"), [yaw for yaw in joined("yaws") if not math.isnan(yaw)]
    return {
        "position_error_mm": {"p50": percentile(errors, 50), "p95": percentile(errors, 95)},
        "short": by_length(lambda metres: metres <= 0.11),
        "long": by_length(lambda metres: metres > 0.11),
        "yaw_error_deg": {"p95": percentile(yaws, 95)},
        "offered_in_time": ratio(total("offered"), total("items")),
        "offered_twice": int(total("twice")),
        "wrong_class": ratio(total("wrong"), total("final")),
        "id_switches_per_200": ratio(200 * total("switches"), total("followed")),
        "covariance_coverage": ratio(sum(joined("inside")), len(errors)),
    }


def percentile(values, share):
    """A percentile, None of nothing."""
    return float(np.percentile(values, share)) if values else None


def ratio(part, whole):
    """A share, None of nothing."""
    return float(part / whole) if whole else None


def differences(mine, theirs, name):
    """Lines that say where two trees of figures differ."""
    if isinstance(mine, dict):
        return [line for key in mine for line in differences(mine[key], theirs[key], f"{name}.{key}")]
    same = mine == theirs if mine is None or theirs is None else math.isclose(mine, theirs, rel_tol=1e-3, abs_tol=1e-3)
    return [] if same else [f"{name}: recomputed {mine}, reported {theirs}"]


def main():
    """Recompute, print, and compare when asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="what --record wrote")
    parser.add_argument("--check", action="store_true", help="compare with picking.json; exit 1 where they differ")
    args = parser.parse_args()
    runs = defaultdict(list)
    for path in sorted(args.folder.glob("*.truth.jsonl")):
        truth = Truth(path)
        lists, sights = read_bag(args.folder / path.name.replace(".truth.jsonl", ".mcap"))
        runs[truth.run["condition"]["name"]].append(judge(truth, lists, sights))
    found = {name: figures(each) for name, each in runs.items()}
    print(json.dumps(found, indent=2))
    if not args.check:
        return 0
    report = json.loads((args.folder / "picking.json").read_text(encoding="utf-8"))
    lines = []
    for name, mine in found.items():
        lines += differences(mine, report if name == "base" else report["conditions"][name], name)
    print("\n".join(lines) or "the same as reported")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())

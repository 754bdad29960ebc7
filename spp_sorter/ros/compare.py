"""What a new model changed: two replays of one bag, frame by frame."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spp_sorter.evaluation.truth import pairwise_iou
from spp_sorter.ros import messages
from spp_sorter.ros.bags import BagError, BagReader
from spp_sorter.values import Detections, PickTarget

MATCH_IOU = 0.5

SAME_PICK_NS, SAME_PICK_M = 150_000_000, 0.05
"""Picks of two replays are of one item when they cross this near to each other; track numbers differ between runs."""

SHOWN_FRAMES = 10


@dataclass(slots=True)
class Results:
    """The results in a replay's bag: detections by stamp, and the last offer of every item."""

    detections: dict[int, Detections] = field(default_factory=dict)
    picks: dict[int, PickTarget] = field(default_factory=dict)


@dataclass(slots=True)
class Change:
    """What differs in one frame.

    Attributes:
        stamp_ns: the frame.
        same: boxes in both, with one label.
        relabelled: boxes in both with another label, as (old, new).
        gone: labels of boxes that only the old replay has.
        new: labels of boxes that only the new one has.
        score_shift: sum of the differences in score of the boxes in both.
    """

    stamp_ns: int
    same: int = 0
    relabelled: list[tuple[str, str]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    score_shift: float = 0.0

    @property
    def size(self) -> int:
        """How many boxes differ."""
        return len(self.relabelled) + len(self.gone) + len(self.new)


def read_results(path: Path) -> Results:
    """The results of a replay.

    Raises:
        BagError: no bag, or none with a sorter's results.
    """
    results = Results()
    with BagReader(path) as bag:
        named = {
            name.rpartition("/")[2]: name for name in bag.topics if name.endswith(("/detections", "/pick_targets"))
        }
        if len(named) != 2:
            raise BagError(f"'{path}' has no detections and pick_targets; give the bag that a replay wrote")
        for message in bag.messages(named.values()):
            content = message.decode()
            if message.topic == named["detections"]:
                found, _ = messages.detections_from_msg(content)
                results.detections[messages.stamp_to_ns(content.header.stamp)] = found
            else:
                results.picks.update({pick.track_id: pick for pick in messages.pick_targets_from_msg(content)})
    return results


def compare_frame(stamp_ns: int, old: Detections, new: Detections) -> Change:
    """Match the boxes of one frame, the best overlap first."""
    change = Change(stamp_ns)
    overlaps = pairwise_iou(_boxes(old)[:, None], _boxes(new)[None])  # [old, new]
    free_old, free_new = set(range(len(old))), set(range(len(new)))
    for flat in np.argsort(-overlaps, axis=None, kind="stable"):
        i, j = divmod(int(flat), len(new))
        if overlaps[i, j] < MATCH_IOU:
            break
        if i not in free_old or j not in free_new:
            continue
        free_old.remove(i)
        free_new.remove(j)
        before, after = _label(old, i), _label(new, j)
        change.score_shift += float(new.scores[j] - old.scores[i])
        if before == after:
            change.same += 1
        else:
            change.relabelled.append((before, after))
    change.gone = [_label(old, i) for i in sorted(free_old)]
    change.new = [_label(new, j) for j in sorted(free_new)]
    return change


def compare(old: Results, new: Results) -> dict[str, Any]:
    """All differences of two replays of one bag.

    Raises:
        BagError: they have no frame in common.
    """
    stamps = sorted(set(old.detections) & set(new.detections))
    if not stamps:
        raise BagError("the two replays have no frame in common; compare replays of one bag")
    changes = [compare_frame(stamp, old.detections[stamp], new.detections[stamp]) for stamp in stamps]
    matched = sum(change.same + len(change.relabelled) for change in changes)
    paired: dict[int, int] = {}
    for a in old.picks.values():
        free = [b.track_id for b in new.picks.values() if b.track_id not in paired.values() and _one_item(a, b)]
        if free:
            paired[a.track_id] = free[0]
    return {
        "frames": len(stamps),
        "frames_only_in_old": len(set(old.detections) - set(new.detections)),
        "frames_only_in_new": len(set(new.detections) - set(old.detections)),
        "frames_changed": sum(change.size > 0 for change in changes),
        "boxes_same": sum(change.same for change in changes),
        "boxes_relabelled": _counted(f"{a} -> {b}" for change in changes for a, b in change.relabelled),
        "boxes_gone": _counted(label for change in changes for label in change.gone),
        "boxes_new": _counted(label for change in changes for label in change.new),
        "score_shift_mean": round(sum(change.score_shift for change in changes) / matched, 4) if matched else None,
        "picks_in_both": len(paired),
        "picks_only_in_old": len(set(old.picks) - set(paired)),
        "picks_only_in_new": len(set(new.picks) - set(paired.values())),
        "most_changed": [
            {"stamp_ns": change.stamp_ns, "gone": change.gone, "new": change.new, "relabelled": change.relabelled}
            for change in sorted(changes, key=lambda change: -change.size)[:SHOWN_FRAMES]
            if change.size
        ],
    }


def comparison_rows(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The table for people."""

    def listed(counts: dict[str, int]) -> str:
        return "   ".join(f"{name} {number}" for name, number in counts.items()) or "none"

    return [
        ("frames compared", f"{figures['frames']}, of which {figures['frames_changed']} changed"),
        ("boxes as before", f"{figures['boxes_same']}"),
        ("  with another label", listed(figures["boxes_relabelled"])),
        ("  gone", listed(figures["boxes_gone"])),
        ("  new", listed(figures["boxes_new"])),
        ("score, mean change", f"{figures['score_shift_mean']}"),
        (
            "picks",
            f"{figures['picks_in_both']} as before, {figures['picks_only_in_old']} gone, "
            f"{figures['picks_only_in_new']} new",
        ),
        *(
            (f"  {entry['stamp_ns']}", f"gone {entry['gone']}   new {entry['new']}   relabelled {entry['relabelled']}")
            for entry in figures["most_changed"]
        ),
    ]


def _one_item(a: PickTarget, b: PickTarget) -> bool:
    near = a.label == b.label and abs(float(a.point_belt[1]) - float(b.point_belt[1])) < SAME_PICK_M
    return near and abs(a.stamp_ns - b.stamp_ns) < SAME_PICK_NS


def _boxes(found: Detections) -> npt.NDArray[np.float64]:
    return np.asarray(found.boxes_xyxy, np.float64).reshape(-1, 4)


def _label(found: Detections, index: int) -> str:
    return found.label_names[int(found.labels[index])]


def _counted(names: Any) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))

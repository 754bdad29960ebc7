"""Judges a soak run: what was answered, how soon after each fault, and what an arm would have been sent to.

Rules, times on the clock of this machine. A pick target is stale when its list was published more than ``node.max_age``
(and ``TOLERANCE_S`` for a busy machine) after its image's stamp, when it was published ``ON_THE_WAY_S`` after its own
crossing, or when it stands longer than ``node.stale_after`` (and the same tolerance) without another list while the
sorter's process runs: no arm may still believe it. A fault is over when its cause is, and the node has recovered with
the first answer to a frame taken after that; where the fault touched what items are located with, with the first answer
whose items are located.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spp_sorter.config import NodeConfig
from spp_sorter.ros.cell import CellStart
from spp_sorter.ros.judge import PickJudge
from spp_sorter.ros.soak_camera import SentFrame
from spp_sorter.ros.soak_witness import Answer, PickList
from spp_sorter.values import PickTarget

TOLERANCE_S = 0.5
"""For transport, and for a machine that is busy with other things."""

ON_THE_WAY_S = 0.05
"""Between the node's look at the clock and the middleware's."""

SECOND_NS = 1_000_000_000

PAUSED = "sorter_paused"
"""The fault that stops the sorter's process: meanwhile the arm's own rule holds, no list older than 200 ms."""


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault that was injected: its name, from when to when, and whether it touched locating."""

    name: str
    from_ns: int
    to_ns: int
    located: bool


def silence_s(from_ns: int, to_ns: int, faults: Sequence[Injected]) -> float:
    """Seconds between two lists in which the sorter could speak: a process that is stopped cannot."""
    stopped = (fault for fault in faults if fault.name == PAUSED)
    lost_ns = sum(max(0, min(to_ns, fault.to_ns) - max(from_ns, fault.from_ns)) for fault in stopped)
    return (to_ns - from_ns - lost_ns) / SECOND_NS


def count_stale(
    lists: Sequence[PickList], end_ns: int, config: NodeConfig, faults: Sequence[Injected] = ()
) -> dict[str, int]:
    """Stale pick targets by reason.

    Args:
        lists: pick lists in the order of arrival.
        end_ns: when listening ended.
        config: ``max_age`` and ``stale_after``.
        faults: what was injected.

    Returns:
        ``old_list``, ``past_crossing`` and ``not_withdrawn``.
    """
    counts = {"old_list": 0, "past_crossing": 0, "not_withdrawn": 0}
    ends = [*(each.published_ns for each in lists[1:]), end_ns]
    for each, next_ns in zip(lists, ends, strict=True):
        if not each.targets:
            continue
        if config.max_age and abs(each.published_ns - each.stamp_ns) > (config.max_age + TOLERANCE_S) * SECOND_NS:
            counts["old_list"] += len(each.targets)
        counts["past_crossing"] += sum(
            each.published_ns - target.stamp_ns > ON_THE_WAY_S * SECOND_NS for target in each.targets
        )
        if silence_s(each.published_ns, next_ns, faults) > config.stale_after + TOLERANCE_S:
            counts["not_withdrawn"] += len(each.targets)
    return counts


def unwithdrawn(lists: Sequence[PickList], faults: Sequence[Injected], config: NodeConfig) -> list[dict[str, Any]]:
    """The silences that ``count_stale`` calls ``not_withdrawn``: how long, after which fault, with how many targets."""
    found = []
    for each, after in itertools.pairwise(lists):
        seconds = silence_s(each.published_ns, after.published_ns, faults)
        if each.targets and seconds > config.stale_after + TOLERANCE_S:
            name = next((f.name for f in reversed(faults) if f.from_ns < after.published_ns), "no fault")
            found.append({"seconds": round(seconds, 2), "fault": name, "targets": len(each.targets)})
    return found


def recoveries_s(
    faults: Sequence[Injected], answers: Sequence[Answer], sent: Sequence[SentFrame]
) -> list[float | None]:
    """Seconds from the end of each fault to the first good answer; None where none came before the next fault.

    Args:
        faults: in order of time.
        answers: in the order of arrival.
        sent: every frame that the camera sent; its time says to which fault a stamp belongs.
    """
    taken = {frame.stamp_ns: frame.sent_ns for frame in sent}
    times = np.array([taken.get(answer.stamp_ns, 0) for answer in answers], np.int64)
    located = np.array([answer.located for answer in answers], bool)
    heard = np.array([answer.heard_ns for answer in answers], np.int64)
    found: list[float | None] = []
    for fault, after in zip(faults, [*faults[1:], None], strict=True):
        good = (times >= fault.to_ns) & (located | (not fault.located))
        if after is not None:
            good &= times < after.from_ns
        found.append(float(heard[good].min() - fault.to_ns) * 1e-9 if good.any() else None)
    return found


def account(sent: int, frames: dict[str, str], transport: dict[str, str]) -> dict[str, Any]:
    """What became of every frame that was sent, by the node's own counters."""
    dropped = {key.removeprefix("dropped."): int(value) for key, value in frames.items() if key.startswith("dropped.")}
    processed, received, lost = int(frames["processed"]), int(frames["received"]), int(transport["lost"])
    return {
        "frames_sent": sent,
        "frames_received": received,
        "frames_processed": processed,
        "dropped": dropped,
        "lost_in_transport": lost,
        "unaccounted_frames": abs(sent - received - lost) + abs(received - processed - sum(dropped.values())),
    }


def judge_picks(executed: Sequence[PickTarget], start: CellStart, faults: Sequence[Injected]) -> dict[str, Any]:
    """What the arm closed its gripper on, by the truth of the belt.

    Stamps are true ones: an arm ignores old lists, so it never acts on those of a camera whose clock is wrong.

    Args:
        executed: where and when the gripper closed.
        start: the world.
        faults: what was injected; the last one before a pick on nothing is named.
    """
    judge = PickJudge(start)
    judged = [judge.judge(pick) for pick in executed]
    errors = [pick.error_mm for pick in judged if pick.item_id is not None]
    percentiles = {f"p{p}": round(float(np.percentile(errors, p)), 2) if errors else None for p in (50, 95)}
    return {
        "picks": len(judged),
        "picks_right": sum(pick.right for pick in judged),
        "picks_on_nothing": len(judged) - len(errors),
        "on_nothing_after": [
            next((fault.name for fault in reversed(faults) if fault.from_ns < pick.stamp_ns), "no fault")
            for pick in judged
            if pick.item_id is None
        ],
        "pick_error_mm": percentiles,
    }


def growth(samples: Sequence[tuple[float, float]]) -> float:
    """How much something grew: the median of the last third over that of the first, after a quarter for warming up.

    Args:
        samples: (seconds, value), in order of time.
    """
    kept = [value for _, value in samples[len(samples) // 4 :]]
    third = len(kept) // 3
    return float(np.median(kept[-third:]) - np.median(kept[:third])) if third else 0.0


def each_minute(samples: Sequence[tuple[float, float]]) -> list[float]:
    """The median of every minute, to see by when something grew.

    Args:
        samples: (seconds, value), in order of time.
    """
    by_minute: dict[int, list[float]] = {}
    for seconds, value in samples:
        by_minute.setdefault(int(seconds // 60), []).append(value)
    return [round(float(np.median(values)), 1) for values in by_minute.values()]

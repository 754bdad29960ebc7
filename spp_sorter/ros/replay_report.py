"""What a replay counts, and how it tells it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spp_sorter.ros.bag_frames import BadInput, BagFrame
from spp_sorter.values import Level, SortResult

PERCENTILES = (50, 95, 99)


@dataclass(slots=True)
class ReplayReport:
    """Counters of one replay.

    Attributes:
        num_frames: pictures in the bag that were looked at, good and bad.
        bad: bad pictures by cause.
        bad_inputs: unusable messages beside the pictures, by topic and cause.
        detections: detections by label.
        picked: ids of tracks that were offered as pick targets.
        conditions: frames by the condition that they met.
        stages_ms: time of each stage of each frame.
        per_frame: one entry per picture, for ``--json``.
        problems: the first problem of each cause, for people.
        seconds: wall time of everything.
    """

    num_frames: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    bad_inputs: Counter[str] = field(default_factory=Counter)
    detections: Counter[str] = field(default_factory=Counter)
    picked: set[int] = field(default_factory=set)
    conditions: Counter[str] = field(default_factory=Counter)
    stages_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    per_frame: list[dict[str, Any]] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def num_processed(self) -> int:
        """Pictures that the sorter saw."""
        return self.num_frames - self.bad.total()

    @property
    def fps(self) -> float:
        """Pictures per second of wall time, reading and writing included."""
        return self.num_processed / self.seconds if self.seconds else 0.0

    def add_bad_frame(self, item: BagFrame) -> None:
        """Count a bad picture."""
        self.num_frames += 1
        self.bad[item.cause] += 1
        self.problems.setdefault(item.cause, f"{item.name or f'stamp {item.stamp_ns}'}: {item.problem}")
        self.per_frame.append({"stamp_ns": item.stamp_ns, "name": item.name, "bad": item.cause})

    def add_bad_input(self, item: BadInput) -> None:
        """Count an unusable message of another topic."""
        cause = f"{item.topic} {item.cause}"
        self.bad_inputs[cause] += 1
        self.problems.setdefault(cause, item.problem)

    def add_result(self, item: BagFrame, result: SortResult, stages_ms: Mapping[str, float]) -> None:
        """Count a frame that was sorted."""
        self.num_frames += 1
        found = result.detections
        self.detections.update(found.label_names[int(label)] for label in found.labels)
        self.picked.update(pick.track_id for pick in result.picks)
        for status in result.statuses:
            if status.level > Level.OK:
                self.conditions[status.name] += 1
                self.problems.setdefault(status.name, status.message)
        for stage, value in stages_ms.items():
            self.stages_ms[stage].append(value)
        entry: dict[str, Any] = {"stamp_ns": item.stamp_ns, "name": item.name, "detections": len(found)}
        if item.frame is not None:
            entry["size_hw"] = list(item.frame.image_bgr.shape[:2])
        if len(found):
            # Detections come best first.
            entry["best"] = {
                "label": found.label_names[int(found.labels[0])],
                "score": round(float(found.scores[0]), 4),
                "box_xyxy": [round(float(v), 1) for v in found.boxes_xyxy[0]],
            }
        self.per_frame.append(entry)

    def as_json(self, **about: Any) -> dict[str, Any]:
        """Everything as plain values; ``about`` goes first."""
        return {
            **about,
            "frames": self.num_frames,
            "processed": self.num_processed,
            "bad": dict(sorted(self.bad.items())),
            "bad_inputs": dict(sorted(self.bad_inputs.items())),
            "detections": dict(sorted(self.detections.items())),
            "picks": len(self.picked),
            "conditions": dict(sorted(self.conditions.items())),
            "seconds": round(self.seconds, 3),
            "fps": round(self.fps, 2),
            "stages_ms": {stage: percentiles(values) for stage, values in self.stages_ms.items()},
            "per_frame": self.per_frame,
        }

    def table(self) -> str:
        """For people."""
        rows = [
            ("frames", f"{self.num_frames}"),
            *((f"bad: {cause}", f"{number}   {self.problems[cause]}") for cause, number in sorted(self.bad.items())),
            *(
                (f"bad input: {cause}", f"{number}   {self.problems[cause]}")
                for cause, number in sorted(self.bad_inputs.items())
            ),
            ("detections", f"{self.detections.total()}"),
            *((f"  {label}", f"{number}") for label, number in sorted(self.detections.items())),
            ("picks offered", f"{len(self.picked)}"),
            *(
                (f"condition: {name}", f"{number} frames   {self.problems[name]}")
                for name, number in sorted(self.conditions.items())
            ),
            ("speed", f"{self.fps:.1f} frames/s"),
            *(
                (f"  {stage} ms", "   ".join(f"p{p} {v:.1f}" for p, v in zip(PERCENTILES, triple, strict=True)))
                for stage, triple in ((s, list(percentiles(v).values())) for s, v in self.stages_ms.items())
            ),
        ]
        return format_table(rows)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 of at least one value."""
    return {f"p{p}": round(float(v), 3) for p, v in zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)}


def format_table(rows: Sequence[tuple[str, str]]) -> str:
    """Two columns, the first as wide as its widest entry."""
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in rows)

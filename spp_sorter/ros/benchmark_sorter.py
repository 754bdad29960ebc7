"""The sorter of the node's benchmark: the real node, whose times of every frame are written down at its end."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from spp_sorter.ros.health import Health
from spp_sorter.ros.signals import end_on_signals
from spp_sorter.ros.sorter_node import SorterNode, run
from spp_sorter.values import Status

TIMES_FILE = "SPP_SORTER_BENCHMARK_TIMES"
"""Environment variable: the file that the times go to."""


class FrameTimes(Health):
    """Counters that keep the times of every frame since the node was made."""

    def __init__(self) -> None:
        self.stages_ms: dict[str, list[float]] = {}
        self.done_s: list[float] = []
        super().__init__()

    def processed(
        self, stages_ms: Mapping[str, float], statuses: Iterable[Status], received_ns: int = 0, started_ns: int = 0
    ) -> None:
        """Count and keep."""
        self.done_s.append(time.monotonic())
        for stage, value in stages_ms.items():
            self.stages_ms.setdefault(stage, []).append(round(value, 4))
        super().processed(stages_ms, statuses, received_ns, started_ns)

    def figures(self) -> dict[str, Any]:
        """Everything that was counted and kept."""
        counted = self.snapshot()
        return {
            "received": counted.received,
            "processed": counted.processed,
            "dropped": dict(counted.dropped),
            "lost": counted.lost,
            "overtaken": counted.overtaken,
            "done_s": self.done_s,
            "stages_ms": self.stages_ms,
        }


class TimedSorter(SorterNode):
    """The node with counters that keep everything; it writes them down when it ends."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.times = FrameTimes()
        self.times.stop()
        self.health = self.times

    def end(self) -> bool:
        """Write the times, then end as every node."""
        figures = {**self.times.figures(), "device": "" if self._pipeline is None else self._pipeline.description}
        Path(os.environ[TIMES_FILE]).write_text(json.dumps(figures), encoding="utf-8")
        return super().end()


def main() -> int:
    """Run the node until it is told to end."""
    code = run(None, end_on_signals(), TimedSorter)
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())

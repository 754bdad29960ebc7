"""The node's benchmark: a real camera process, the real node, and figures that add up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spp_sorter import cli
from spp_sorter.ros.benchmark_node import MemorySample, figures_of, table
from spp_sorter.ros.cell import CellSettings
from spp_sorter.ros.processes import ProcessError


def times_of(overheads_ms: list[float], **changes: Any) -> dict[str, Any]:
    number = len(overheads_ms)
    stages = {"detect": [20.0] * number, "overhead": overheads_ms, "capture_to_publish": [30.0] * number}
    return {
        "received": number + 1,
        "processed": number,
        "dropped": {"replaced": 1},
        "lost": 0,
        "overtaken": 0,
        "done_s": [100.0 + k / 25.0 for k in range(number)],
        "stages_ms": stages,
        "device": "CPU",
        **changes,
    }


def test_figures_are_those_of_the_frames() -> None:
    overheads = [1.0] * 98 + [5.0, 9.0]
    memory = [MemorySample(90.0 + k, 500.0 + (300.0 if k < 10 else 0.2 * k)) for k in range(110)]
    figures = figures_of(times_of(overheads), memory, 103, 2, CellSettings())
    assert figures["fps"] == pytest.approx(25.0)
    assert figures["overhead_ms"]["p50"] == 1.0
    assert figures["overhead_ms"]["p99"] == pytest.approx(np.percentile(overheads, 99), abs=1e-3)
    assert figures["drops"] == {"replaced": 1, "lost_in_transport": 2}
    # 100 samples since the first frame: medians of 10..19 and of 90..99, a step of 0.2 MB each.
    assert figures["rss_growth_mb"] == pytest.approx(0.2 * 80, abs=0.1)
    assert "25.00 frames/s" in table(figures)


def test_a_node_that_processed_nothing_has_no_figures() -> None:
    with pytest.raises(ProcessError, match="processed 1 of 9 frames"):
        figures_of(times_of([1.0]), [], 9, 0, CellSettings())


def test_it_measures_the_real_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "node.json"
    words = ["--minutes", "0.05", "--fps", "10", "--size", "160x120", "--json", str(out)]
    threads = ["--set", "model.threads=1", "--set", "node.max_age=600.0"]
    assert cli.main(["benchmark", "node", *words, *threads]) == 0
    figures = json.loads(out.read_text())
    assert figures["frames"]["sent"] + figures["frames"]["skipped_by_camera"] == 30
    assert figures["processed"] + sum(figures["drops"].values()) == figures["frames"]["sent"]
    assert figures["overtaken"] == 0
    assert {"p50", "p95", "p99"} == set(figures["overhead_ms"])
    assert {"convert", "detect", "track", "plan", "publish"} <= set(figures["stages_ms"])
    parts = sum(figures["stages_ms"][name]["p50"] for name in ("convert", "track", "plan", "publish"))
    # Medians do not add up, on a busy machine least of all: what is outside the detector is of the stages' size.
    assert 0.3 * parts <= figures["overhead_ms"]["p50"] <= 4 * parts + 5.0
    assert 0.0 < figures["fps"] < 12.0
    assert "frames/s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--minutes", "0"], "--minutes is 0"),
        (["--size", "big"], "--size is 'big'"),
        (["--set", "belt.spede=1"], "belt.spede"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["benchmark", "node", *words]) == cli.EXIT_USER_ERROR
    assert told in capsys.readouterr().err

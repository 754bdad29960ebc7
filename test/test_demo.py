"""The demo as a user runs it: real processes over DDS, a short belt, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import pytest

from spp_sorter.ros.bags import BagReader
from spp_sorter.ros.demo import BAG_NAME, JSON_NAME, VIDEO_NAME
from spp_sorter.ros.demo_report import table

ROOT = Path(__file__).resolve().parents[1]
MARK = "SPP_SORTER_TEST_MARK"


def start(out: Path, mark: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "spp_sorter.cli", "demo", "--out", str(out), *words],
        cwd=ROOT,
        env={**os.environ, MARK: mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_as_in_a_terminal,
    )


def _as_in_a_terminal() -> None:
    """A shell has its background jobs ignore SIGINT, and so would whatever they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def marked_processes(mark: str) -> list[str]:
    """Command lines of the processes that inherited the mark."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@dataclass
class Run:
    code: int
    stdout: str
    stderr: str
    out: Path
    mark: str

    @property
    def figures(self) -> dict[str, Any]:
        return json.loads((self.out / JSON_NAME).read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    out, mark = tmp_path_factory.mktemp("demo"), uuid.uuid4().hex
    process = start(out, mark, "--duration", "4", "--fps", "10", "--density", "sparse", "--seed", "1")
    stdout, stderr = process.communicate(timeout=120)
    yield Run(process.returncode, stdout, stderr, out, mark)


def test_it_works(run: Run) -> None:
    assert run.code == 0, run.stderr
    figures = run.figures
    assert figures["failures"] == []
    assert figures["detections"] > 0
    assert figures["map50"] > 0.5
    assert figures["picks"] >= 1


def test_every_frame_is_accounted_for(run: Run) -> None:
    figures = run.figures
    assert figures["frames_sent"] + figures["camera"]["skipped"] == 40
    assert figures["frames_sent"] == figures["frames_processed"] + sum(figures["dropped"].values())
    assert figures["frames_received"] == figures["frames_sent"] - figures["dropped"]["lost_in_transport"]
    assert figures["unaccounted"] == 0
    assert figures["fps"] == pytest.approx(figures["frames_processed"] / 4.0, abs=0.01)


def test_the_figures_have_the_names_that_others_read(run: Run) -> None:
    figures = run.figures
    assert {"frames_sent", "frames_received", "dropped", "fps", "latency_ms", "map50", "picks", "pick_error_mm"} <= set(
        figures
    )
    assert list(figures["latency_ms"]) == ["p50", "p95", "p99"]
    assert set(figures["pick_error_mm"]) == {"p50", "p95"}
    assert 0 < figures["latency_ms"]["p50"] <= figures["latency_ms"]["p99"] < 2000
    assert "on CPU" in figures["device"] or "NVIDIA" in figures["device"]
    assert figures["settings"]["split"] == "test"


def test_one_table_is_printed(run: Run) -> None:
    text = table(run.figures)
    assert text in run.stdout
    rows = [line.split("  ")[0] for line in text.splitlines()]
    for name in ("frames sent", "frames received", "frames dropped", "speed", "mAP@0.5", "picks", "pick error"):
        assert name in rows


def test_the_video_shows_every_processed_frame(run: Run) -> None:
    video = cv2.VideoCapture(str(run.out / VIDEO_NAME))
    number = 0
    while video.read()[0]:
        number += 1
    # A frame that the recorder missed cannot be shown.
    assert 0.8 * run.figures["frames_processed"] - 1 <= number <= run.figures["frames_processed"]
    assert (video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (640, 480)


def test_the_bag_holds_the_run_in_the_order_of_arrival(run: Run) -> None:
    with BagReader(run.out / BAG_NAME) as bag:
        counts = bag.counts
        times = [message.recorded_ns for message in bag.messages(bag.topics)]
    assert counts["/spp_sorter/detections"] == run.figures["frames_processed"]
    assert counts["/belt_camera/truth"] == run.figures["frames_sent"]
    assert counts.get("/arm/picks", 0) == run.figures["picks"]
    assert counts["/image/compressed"] >= 0.8 * run.figures["frames_sent"] - 1
    assert counts["/belt_camera/world"] == counts["/spp_sorter/label_info"] == 1
    assert times == sorted(times)


def test_nothing_is_left_over(run: Run) -> None:
    assert marked_processes(run.mark) == []
    assert sorted(path.name for path in run.out.iterdir()) == [JSON_NAME, BAG_NAME, VIDEO_NAME, "log"]


def test_a_sorter_that_cannot_start_ends_the_demo_with_the_reason(tmp_path: Path) -> None:
    mark, model = uuid.uuid4().hex, tmp_path / "weights.pt"
    model.write_bytes(b"these are no weights")
    process = start(tmp_path / "out", mark, "--model", str(model), "--duration", "1")
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "the sorter cannot start" in stderr
    assert str(model) in stderr
    assert marked_processes(mark) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_ends_its_processes(tmp_path: Path, number: signal.Signals) -> None:
    mark = uuid.uuid4().hex
    process = start(tmp_path, mark, "--duration", "600")
    try:
        end = time.monotonic() + 30.0
        while len(marked_processes(mark)) < 4 and time.monotonic() < end:
            time.sleep(0.05)
        assert len(marked_processes(mark)) >= 4
        process.send_signal(number)
        _, stderr = process.communicate(timeout=30)
    finally:
        process.kill()  # its children die with it: no test after this one shares the processor with a demo that hangs
    assert process.returncode == 130, stderr
    assert marked_processes(mark) == []
    assert not (tmp_path / ".demo.spool").exists()

"""``spp_sorter benchmark node``: the real node and a camera in another process, for minutes.

``overhead_ms`` is everything that the node spends on a frame outside the detector, from taking it to having published
its results: converting, reading the belt, tracking, planning, publishing. ``overtaken`` counts frames that were
processed although the middleware had received a newer one.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tqdm import tqdm

from spp_sorter.config import Config, ConfigError
from spp_sorter.ros import graph
from spp_sorter.ros.benchmark_sorter import TIMES_FILE
from spp_sorter.ros.cell import CellSettings
from spp_sorter.ros.parameter_files import add_set_argument, read_model, read_settings
from spp_sorter.ros.process_size import process_size
from spp_sorter.ros.processes import Child, ProcessError, Processes
from spp_sorter.ros.replay_report import format_table, percentiles
from spp_sorter.simulation.scene_config import DENSITIES

LOOP_S = 10.0
"""Belt that is rendered; it repeats. 276 MB of 640x480 frames at 30 Hz."""

WARM_SHARE = 0.1
"""Share of a run at its beginning that memory is not judged by: buffers fill, allocators settle."""

SAMPLE_S = 0.5
READY_WITHIN_S = 240.0


@dataclass(frozen=True, slots=True)
class MemorySample:
    """Memory of a process at a moment (s of the steady clock, MB)."""

    at_s: float
    rss_mb: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``spp_sorter benchmark node``."""
    cell = CellSettings()
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (default %(default)s)")
    parser.add_argument("--fps", type=float, default=cell.fps, help="frames per second (default %(default)s)")
    size = f"{cell.width}x{cell.height}"
    parser.add_argument("--size", default=size, metavar="WxH", help="image size (default %(default)s)")
    parser.add_argument(
        "--density", choices=DENSITIES, default=cell.density, help="how items lie (default %(default)s)"
    )
    parser.add_argument("--model", metavar="FILE", help="checkpoint in place of the shipped weights, or nano")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N")
    add_set_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, print a table, write ``--json``; 1 when the node did not work."""
    if args.minutes <= 0.0:
        raise ConfigError(f"--minutes is {args.minutes:g}; allowed: over 0")
    width, cross, height = args.size.lower().partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise ConfigError(f"--size is '{args.size}'; allowed: WIDTHxHEIGHT, such as 640x480")
    settings = CellSettings.from_values(
        {"density": args.density, "fps": args.fps, "width": int(width), "height": int(height)}
    )
    sorter: dict[str, object] = {"belt.speed": settings.speed}
    sorter.update(read_settings(args.set))
    if args.model is not None:
        sorter["model.checkpoint"] = read_model("--model", args.model)
    if args.device is not None:
        sorter["model.device"] = args.device
    Config.from_flat(sorter).check_together()
    try:
        figures = measure(settings, sorter, round(args.minutes * 60.0 * args.fps), sys.stderr.isatty())
    except ProcessError as error:
        print(f"spp_sorter benchmark node: {error}", file=sys.stderr)
        return 1
    print(table(figures))
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return 0


def measure(settings: CellSettings, sorter: dict[str, object], frames: int, progress: bool = False) -> dict[str, Any]:
    """Run camera and node in processes of their own.

    Args:
        settings: the belt and the camera.
        sorter: the node's parameters that differ from the defaults.
        frames: frames that the camera sends.
        progress: show a bar.

    Returns:
        The figures, as ``--json`` has them.

    Raises:
        ProcessError: a process ended, or the node was never ready.
    """
    pictures = max(1, min(frames, round(LOOP_S * settings.fps)))
    with TemporaryDirectory(prefix="spp_sorter_benchmark_") as folder:
        times = Path(folder) / "times.json"
        environment = {**graph.graph_environment(1 + os.getpid() % 100), TIMES_FILE: str(times)}
        with Processes(Path(folder), environment) as processes:
            words = [
                "--pictures",
                str(pictures),
                "--frames",
                str(frames),
                "--settings",
                json.dumps(dataclasses.asdict(settings)),
            ]
            processes.start("camera", "spp_sorter.ros.benchmark_camera", words)
            processes.start("sorter", "spp_sorter.ros.benchmark_sorter", graph.ros_arguments(sorter))
            camera, node = processes.children
            memory = _watch(processes, camera, node, frames / settings.fps, progress)
            sent, skipped = (int(word) for word in camera.log.read_text(encoding="utf-8").split()[-2:])
            processes.stop()
        return figures_of(json.loads(times.read_text(encoding="utf-8")), memory, sent, skipped, settings)


def _watch(processes: Processes, camera: Child, node: Child, seconds: float, progress: bool) -> list[MemorySample]:
    """Sample the node's memory until the camera has sent its frames."""
    memory: list[MemorySample] = []
    deadline = time.monotonic() + seconds + READY_WITHIN_S
    with tqdm(disable=not progress, desc="running", unit="s") as bar:
        while camera.process.poll() is None:
            if node.process.poll() is not None or time.monotonic() > deadline:
                processes.check()
                raise ProcessError(f"the camera did not end within {seconds + READY_WITHIN_S:.0f} s; see {camera.log}")
            memory.append(MemorySample(time.monotonic(), _rss_mb(node.process.pid)))
            bar.update(SAMPLE_S)
            time.sleep(SAMPLE_S)
    if camera.process.returncode != 0:
        processes.check()
    time.sleep(SAMPLE_S)  # the last frame may be in work
    return memory


def _rss_mb(pid: int) -> float:
    """Megabytes in memory; NaN for a process that has ended, waited for or not."""
    try:
        return process_size(pid).rss_bytes / 2**20 or math.nan
    except OSError:
        return math.nan


def figures_of(
    times: dict[str, Any], memory: list[MemorySample], sent: int, skipped: int, settings: CellSettings
) -> dict[str, Any]:
    """The figures of a run.

    Args:
        times: what the node wrote down (``benchmark_sorter``).
        memory: of the node, in the order of time.
        sent: frames that the camera sent.
        skipped: frames that it left out because it was late.
        settings: the belt and the camera.

    Raises:
        ProcessError: the node processed fewer than two frames.
    """
    done_s, stages_ms = times["done_s"], times["stages_ms"]
    if len(done_s) < 2:
        raise ProcessError(f"the node processed {len(done_s)} of {sent} frames; its causes: {times['dropped']}")
    stages = {name: percentiles(values) for name, values in stages_ms.items()}
    seconds = done_s[-1] - done_s[0]
    return {
        "fps": round((len(done_s) - 1) / seconds, 2),
        "seconds": round(seconds, 1),
        "overhead_ms": stages["overhead"],
        "detect_ms": stages.get("detect", {}),
        "latency_ms": stages["capture_to_publish"],
        "stages_ms": stages,
        "frames": {"sent": sent, "skipped_by_camera": skipped, "received": times["received"]},
        "processed": times["processed"],
        "drops": {**times["dropped"], "lost_in_transport": max(0, sent - times["received"])},
        "overtaken": times["overtaken"],
        "rss_growth_mb": _growth_mb([sample for sample in memory if sample.at_s >= done_s[0]]),
        "rss_mb": round(memory[-1].rss_mb, 1) if memory else None,
        "device": times["device"],
        "cores": os.cpu_count(),
        "camera": {
            "width": settings.width,
            "height": settings.height,
            "fps": settings.fps,
            "density": settings.density,
        },
    }


def _growth_mb(memory: list[MemorySample]) -> float | None:
    """Memory at the end less that after the warm-up, medians of a tenth of the run each; None for too short a run."""
    values = np.array([sample.rss_mb for sample in memory])
    tenth = int(len(values) * WARM_SHARE)
    if tenth < 1:
        return None
    return round(float(np.median(values[-tenth:]) - np.median(values[tenth : 2 * tenth])), 1)


def table(figures: dict[str, Any]) -> str:
    """The figures for people."""
    camera, frames = figures["camera"], figures["frames"]
    drops = ", ".join(f"{number} {cause}" for cause, number in figures["drops"].items() if number) or "none"
    growth = figures["rss_growth_mb"]
    rows = [
        ("device", f"{figures['device']}; {figures['cores']} cores"),
        ("camera", f"{camera['width']}x{camera['height']} at {camera['fps']:g} Hz, {camera['density']}"),
        ("frames sent", f"{frames['sent']}   ({frames['skipped_by_camera']} left out because the camera was late)"),
        ("frames processed", f"{figures['processed']} in {figures['seconds']:g} s"),
        ("frames dropped", drops),
        ("overtaken", f"{figures['overtaken']}   (processed although a newer one had come)"),
        ("speed", f"{figures['fps']:.2f} frames/s"),
        *((name, _spread(figures[f"{key}_ms"])) for name, key in _TIMES),
        *((f"  {name}", _spread(values)) for name, values in figures["stages_ms"].items() if name in _PARTS),
        ("memory", f"{figures['rss_mb']} MB, growth {'-' if growth is None else f'{growth:+.1f} MB'}"),
    ]
    return format_table(rows)


_TIMES = (("capture to publish", "latency"), ("detect", "detect"), ("outside the detector", "overhead"))
_PARTS = ("convert", "track", "plan", "publish")


def _spread(values: dict[str, float]) -> str:
    return "   ".join(f"{name} {value:.2f} ms" for name, value in values.items()) or "-"

"""``spp_sorter demo``: the real graph on a simulated belt of objects never trained on, measured against the truth.

The camera's frames are rendered before the run and sent at their times, for a real camera takes no processor from the
sorter either.

Counting. The camera takes its first frame when sorter and recorder listen, so nothing is left out: every frame sent is
processed, dropped by the sorter under a named cause, or lost in transport. Latency runs from a frame's stamp, which is
the moment of exposure, to the moment at which the middleware took its detections.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spp_sorter.config import Config, ConfigError
from spp_sorter.ros import graph
from spp_sorter.ros.cell import CellSettings
from spp_sorter.ros.demo_files import write_bag, write_video
from spp_sorter.ros.demo_report import judge_run, table
from spp_sorter.ros.parameter_files import add_set_argument, read_model, read_settings
from spp_sorter.ros.processes import ProcessError, Processes
from spp_sorter.simulation.scene_config import DENSITIES

BAG_NAME, VIDEO_NAME, JSON_NAME = "demo.mcap", "demo.mp4", "demo.json"

RENDER_AHEAD_BYTES = 800_000_000
"""Memory for frames that are rendered before the run: 29 s of 640x480 at 30 Hz."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What is run, and where its files go."""

    settings: CellSettings
    out: Path
    sorter: dict[str, object]
    progress: bool = False

    @property
    def config(self) -> Config:
        """The sorter's settings."""
        return Config.from_flat(self.sorter)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``spp_sorter demo``."""
    cell = CellSettings()
    parser.add_argument("--duration", type=float, default=20.0, help="seconds of belt (default %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the files (default %(default)s)")
    parser.add_argument("--fps", type=float, default=cell.fps, help="frames per second (default %(default)s)")
    parser.add_argument(
        "--density", choices=DENSITIES, default=cell.density, help="how items lie (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=cell.seed, help="another belt (default %(default)s)")
    size = f"{cell.width}x{cell.height}"
    parser.add_argument("--size", default=size, metavar="WxH", help="image size (default %(default)s)")
    parser.add_argument("--speed", type=float, default=cell.speed, help="belt speed in m/s (default %(default)s)")
    parser.add_argument("--depth", action="store_true", help="with a depth camera")
    add_set_argument(parser)
    parser.add_argument("--model", metavar="FILE", help="checkpoint in place of the shipped weights, or nano")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N")


def run(args: argparse.Namespace) -> int:
    """Run the demo and print its table; 1 with the reason when the graph did not work."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the children are ended then too
    options = options_of(args)
    print(
        f"starting camera, sorter and arm for {args.duration:g} s of belt; their logs are in {args.out / 'log'}",
        file=sys.stderr,
    )
    try:
        figures = run_demo(options)
    except (graph.GraphError, ProcessError) as error:
        print(f"spp_sorter demo: {error}", file=sys.stderr)
        return 1
    print(table(figures))
    print(f"written: {', '.join(str(options.out / name) for name in (VIDEO_NAME, BAG_NAME, JSON_NAME))}")
    for failure in figures["failures"]:
        print(f"spp_sorter demo: {failure}", file=sys.stderr)
    return 1 if figures["failures"] else 0


def options_of(args: argparse.Namespace) -> DemoOptions:
    """The options that the arguments describe.

    Raises:
        ConfigError: a value out of range.
    """
    width, cross, height = args.size.lower().partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise ConfigError(f"--size is '{args.size}'; allowed: WIDTHxHEIGHT, such as 640x480")
    if args.duration <= 0.0:
        raise ConfigError(f"--duration is {args.duration:g}; allowed: over 0 s")
    settings = CellSettings.from_values(
        {
            "duration": args.duration,
            "fps": args.fps,
            "density": args.density,
            "seed": args.seed,
            "width": int(width),
            "height": int(height),
            "speed": args.speed,
            "depth": args.depth,
            "split": "test",
        }
    )
    # Rendering must not take the processor from the sorter while it is measured.
    ahead = max(1, min(settings.num_frames or 1, RENDER_AHEAD_BYTES // settings.frame_bytes))
    settings = dataclasses.replace(settings, render_ahead=ahead)
    # Camera, recorder and arm need a processor too; threads that wait for one another on busy ones are slower than one.
    threads = max(1, (os.cpu_count() or 1) - 1)
    sorter: dict[str, object] = {"belt.speed": args.speed, "node.use_depth": args.depth, "model.threads": threads}
    sorter.update(read_settings(args.set))
    if args.model is not None:
        sorter["model.checkpoint"] = read_model("--model", args.model)
    if args.device is not None:
        sorter["model.device"] = args.device
    options = DemoOptions(settings, args.out, sorter, progress=sys.stderr.isatty())
    options.config.check_together()  # a slip costs no wait
    return options


def run_demo(options: DemoOptions) -> dict[str, Any]:
    """Run the graph, judge it, write the files.

    Returns:
        The figures of ``demo.json``; ``failures`` names what did not work.

    Raises:
        GraphError: the graph did not come up.
        ProcessError: a process ended.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    environment = graph.graph_environment(1 + os.getpid() % 100)
    # The children are started before this process has threads of its own.
    with Processes(options.out / "log", environment) as processes:
        graph.start_nodes(processes, options.settings, options.sorter)
        with graph.recording(options.settings, environment, options.out / ".demo.spool") as recorder:
            counts = graph.watch(processes, recorder, options.settings, options.progress)
            processes.stop()
            figures = judge_run(recorder, counts, options.settings, options.config)
            write_bag(recorder, options.out / BAG_NAME)
            write_video(recorder, options.out / VIDEO_NAME, options.config)
    text = json.dumps(figures, indent=1, allow_nan=False)
    (options.out / JSON_NAME).write_text(text + "\n", encoding="utf-8")
    return figures

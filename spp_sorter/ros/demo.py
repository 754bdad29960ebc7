"""``spp_sorter demo``: the real graph on a simulated belt of objects never trained on, measured against the truth.

Counting. The camera takes its first frame when sorter and recorder listen, so nothing is left out: every frame sent is
processed, dropped by the sorter under a named cause, or lost in transport. Latency runs from a frame's stamp, which is
the moment of exposure, to the moment at which the middleware took its detections.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spp_sorter.config import Config, ConfigError
from spp_sorter.geometry.camera import Camera, pose_from_quaternion
from spp_sorter.ros import graph, messages
from spp_sorter.ros.cell import CellSettings, CellStart
from spp_sorter.ros.demo_files import stamps, write_bag, write_video
from spp_sorter.ros.judge import PickJudge, judge_detections
from spp_sorter.ros.processes import ProcessError, Processes
from spp_sorter.ros.recorder import Recorder
from spp_sorter.ros.replay_report import format_table, percentiles
from spp_sorter.ros.truth_messages import truth_boxes_from_msg
from spp_sorter.simulation.scene_config import DENSITIES
from spp_sorter.values import LABELS, PickTarget

BAG_NAME, VIDEO_NAME, JSON_NAME = "demo.mcap", "demo.mp4", "demo.json"


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
    parser.add_argument("--duration", type=float, default=20.0, help="seconds of belt (default %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the files (default %(default)s)")
    parser.add_argument("--fps", type=float, default=30.0, help="frames per second (default %(default)s)")
    parser.add_argument("--density", choices=DENSITIES, default="touching", help="how items lie (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another belt (default %(default)s)")
    parser.add_argument("--size", default="640x480", metavar="WxH", help="image size (default %(default)s)")
    parser.add_argument("--speed", type=float, default=0.5, help="belt speed in m/s (default %(default)s)")
    parser.add_argument("--depth", action="store_true", help="with a depth camera")
    parser.add_argument("--model", metavar="FILE", help="checkpoint in place of the shipped weights")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N")


def run(args: argparse.Namespace) -> int:
    """Run the demo and print its table; 1 with the reason when the graph did not work."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the children are ended then too
    options = options_of(args)
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
    sorter: dict[str, object] = {"belt.speed": args.speed, "node.use_depth": args.depth}
    if args.model is not None:
        sorter["model.checkpoint"] = str(Path(args.model).resolve())
    if args.device is not None:
        sorter["model.device"] = args.device
    options = DemoOptions(settings, args.out, sorter, progress=sys.stderr.isatty())
    options.config.check_together()
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
            figures = judge_run(recorder, counts, options)
            write_bag(recorder, options.out / BAG_NAME)
            write_video(recorder, options.out / VIDEO_NAME, options.config)
    text = json.dumps(figures, indent=1, allow_nan=False)
    (options.out / JSON_NAME).write_text(text + "\n", encoding="utf-8")
    return figures


def judge_run(recorder: Recorder, counts: graph.Counts, options: DemoOptions) -> dict[str, Any]:
    """All figures of a recorded run."""
    start = CellStart.from_json(next(recorder.messages(graph.WORLD)).decode().data)
    truths = {stamp: truth_boxes_from_msg(message) for stamp, message in stamps(recorder, graph.TRUTH_BOXES)}
    found = {
        stamp: messages.detections_from_msg(message, LABELS)[0] for stamp, message in stamps(recorder, graph.DETECTIONS)
    }
    map50, ap50 = judge_detections(truths, found)
    labels = [detections.label_names[int(label)] for detections in found.values() for label in detections.labels]
    latencies_ms = [(record.published_ns - record.stamp_ns) * 1e-6 for record in recorder.records[graph.DETECTIONS]]
    sent, received = int(counts.camera["sent"]), int(counts.sorter["received"])
    processed = int(counts.sorter["processed"])
    dropped = {
        key.removeprefix("dropped."): int(value) for key, value in counts.sorter.items() if key.startswith("dropped.")
    }
    dropped["lost_in_transport"] = max(0, sent - received)
    figures: dict[str, Any] = {
        "frames_sent": sent,
        "frames_received": received,
        "frames_processed": processed,
        "dropped": dropped,
        "unaccounted": sent - processed - sum(dropped.values()),
        "camera": {"skipped": int(counts.camera["skipped"]), "late": int(counts.camera["late"])},
        "fps": round(processed / options.settings.duration, 2),
        "latency_ms": percentiles(latencies_ms) if latencies_ms else None,
        "detections": len(labels),
        "detections_by_label": {label: labels.count(label) for label in LABELS},
        "map50": _number(map50),
        "ap50": {label: _number(value) for label, value in ap50.items()},
        **_pick_figures(recorder, start, options.config),
        "arm": {key: int(value) for key, value in counts.arm.items() if value.isdigit() and key != "level"},
        "device": counts.detector.get("detector", ""),
        "settings": json.loads(start.to_json())["settings"],
    }
    figures["failures"] = _failures(figures, latencies_ms)
    return figures


def _pick_figures(recorder: Recorder, start: CellStart, config: Config) -> dict[str, Any]:
    judge = PickJudge(start)
    executed = [
        pick for _, message in stamps(recorder, graph.PICKS) for pick in messages.pick_targets_from_msg(message)
    ]
    judged = [judge.judge(pick) for pick in executed]
    taken = [pick for pick in judged if pick.item_id is not None]
    settings = start.settings
    from_ns = start.start_ns + _unseen_ns(settings, config)
    to_ns = start.start_ns + round(settings.duration * 1e9)
    reach = (config.picking.reach_min, config.picking.reach_max)
    crossed = (
        judge.crossed(config.picking.labels, from_ns, to_ns, config.picking.pick_line, reach) if to_ns > from_ns else 0
    )
    return {
        "picks": len(judged),
        "picks_right": sum(pick.right for pick in judged),
        "picks_wrong": sum(not pick.right for pick in taken),
        "picks_missed": len(judged) - len(taken),
        "picks_twice": len(taken) - len({pick.item_id for pick in taken}),
        "pick_error_mm": _two([pick.error_mm for pick in taken]),
        "pick_yaw_error_deg": _two([pick.yaw_error_deg for pick in taken]),
        "offered": len(_offered(recorder)),
        "contaminants_crossed": crossed,
    }


def _offered(recorder: Recorder) -> set[int]:
    offers: list[PickTarget] = []
    for _, message in stamps(recorder, graph.PICK_TARGETS):
        offers += messages.pick_targets_from_msg(message)
    return {offer.track_id for offer in offers}


def _unseen_ns(settings: CellSettings, config: Config) -> int:
    """How long after the start items cross the pick line that had left the view before the first frame."""
    intrinsics = settings.world_config().camera
    camera = Camera(intrinsics, pose_from_quaternion(config.camera.position, config.camera.orientation))
    height, width = intrinsics.size_hw
    edges = camera.to_plane([[0.0, height / 2.0], [width - 1.0, height / 2.0]], 0.0)[:, 0]
    if settings.speed == 0.0:
        return 0
    last_seen_x = float(edges.max() if settings.speed > 0 else edges.min())
    return max(0, round((config.picking.pick_line - last_seen_x) / settings.speed * 1e9))


def _failures(figures: dict[str, Any], latencies_ms: list[float]) -> list[str]:
    failures = []
    if not figures["frames_sent"]:
        failures.append("the camera sent no frames; see log/camera.log")
    elif not figures["frames_received"]:
        failures.append("no frame reached the sorter; check that config/fastdds.xml is used, see log/sorter.log")
    elif not figures["frames_processed"] or not latencies_ms:
        failures.append("the sorter processed no frame; see log/sorter.log")
    elif not figures["detections"]:
        failures.append("nothing was detected; check --model")
    elif not figures["picks"]:
        failures.append("nothing was picked; see `arm` and `offered` in demo.json, and run longer (--duration)")
    return failures


def _number(value: float) -> float | None:
    """For JSON, which has no NaN."""
    return round(value, 4) if np.isfinite(value) else None


def _two(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    p50, p95 = np.percentile(values, (50, 95))
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}


def table(figures: dict[str, Any]) -> str:
    """The figures for people."""
    settings, dropped = figures["settings"], figures["dropped"]
    causes = ", ".join(f"{number} {cause}" for cause, number in dropped.items() if number) or "none"
    latency, error, yaw = figures["latency_ms"], figures["pick_error_mm"], figures["pick_yaw_error_deg"]
    rows = [
        (
            "belt",
            f"{settings['density']}, objects never trained on, {settings['speed']:g} m/s, seed {settings['seed']}",
        ),
        (
            "camera",
            f"{settings['width']}x{settings['height']} at {settings['fps']:g} Hz for {settings['duration']:g} s",
        ),
        ("device", figures["device"]),
        ("frames sent", f"{figures['frames_sent']}   ({figures['camera']['skipped']} skipped by the simulation)"),
        ("frames received", f"{figures['frames_received']}"),
        ("frames processed", f"{figures['frames_processed']}"),
        ("frames dropped", causes),
        ("speed", f"{figures['fps']:.1f} frames/s"),
        ("capture to publish", _spread(latency, "ms")),
        ("detections", f"{figures['detections']}"),
        ("mAP@0.5", "-" if figures["map50"] is None else f"{figures['map50']:.3f}"),
        (
            "picks",
            f"{figures['picks']}   ({figures['picks_right']} right, {figures['picks_wrong']} wrong, "
            f"{figures['picks_missed']} missed, of {figures['contaminants_crossed']} contaminants that crossed)",
        ),
        ("pick error", _spread(error, "mm")),
        ("pick yaw error", _spread(yaw, "deg")),
    ]
    if figures["unaccounted"]:
        rows.insert(7, ("frames unaccounted for", f"{figures['unaccounted']}"))
    return format_table(rows)


def _spread(values: dict[str, float] | None, unit: str) -> str:
    return "-" if values is None else "   ".join(f"{name} {value:.1f} {unit}" for name, value in values.items())

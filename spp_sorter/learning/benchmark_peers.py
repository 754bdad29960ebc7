"""``spp_sorter benchmark peers``: other detectors on the same frames in the same run, time beside accuracy."""

from __future__ import annotations

import argparse
import html
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spp_sorter.config import DetectorConfig
from spp_sorter.detector import SHIPPED, Detector
from spp_sorter.evaluation.measure import LOWEST_SCORE, AnyDetector, Sample, measure
from spp_sorter.evaluation.summary import summarise_detection
from spp_sorter.learning.batches import BatchPlan, as_batch, make_loader
from spp_sorter.learning.benchmark_frames import belt_frames, machine, parse_size, percentiles, time_calls
from spp_sorter.learning.evaluate import write_json
from spp_sorter.learning.held_out import rendered_samples
from spp_sorter.learning.peers import BATCH, PEERS, SSDLITE, TorchvisionDetector, time_yolo
from spp_sorter.learning.streams import BeltStream

TRAINING_HW = (480, 640)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of this kind."""
    parser.add_argument("--model", nargs="*", default=[], metavar="CKPT", help="ours; the shipped ones without it")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (%(default)s)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads, 0 for all (%(default)s)")
    parser.add_argument("--size", default="640x480", metavar="WxH", help="of the camera's frames (%(default)s)")
    parser.add_argument("--frames", type=int, default=100, metavar="N", help="timed calls of each (%(default)s)")
    parser.add_argument(
        "--train-seconds", type=float, default=0, metavar="S", help=f"train {SSDLITE} on simulated scenes first; 0: no"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that make scenes (%(default)s)")
    parser.add_argument(
        "--scenes", type=int, default=0, metavar="N", help="held-out scenes to measure ours and the trained ones on"
    )
    parser.add_argument("--yolo-python", type=Path, metavar="PATH", help="interpreter that has ultralytics")
    parser.add_argument("--yolo", nargs="*", default=["yolo26n.yaml"], metavar="NAME", help="what it times")
    parser.add_argument("--page", type=Path, metavar="HTML", help="write one page of plots here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")


def run(args: argparse.Namespace) -> int:
    """Time, measure, print, and write ``--json`` and ``--page``."""
    if args.frames < 1 or args.scenes < 0 or args.train_seconds < 0:
        raise ValueError("--frames, --scenes or --train-seconds is too small; allowed: from 1, from 0, from 0")
    for kind in (np.float32, np.float64):
        np.finfo(kind).smallest_subnormal  # noqa: B018 (numpy looks for it once, and warns where there is none)
    torch.set_flush_denormal(True)  # random weights make numbers so small that they would be timed
    try:
        return _compare(args)
    finally:
        torch.set_flush_denormal(False)


def _compare(args: argparse.Namespace) -> int:
    size_hw = parse_size(args.size)
    frames = belt_frames(size_hw)
    shipped = [name for name, path in SHIPPED.items() if path.is_file()]
    loose = DetectorConfig(score_thresh=LOWEST_SCORE)
    ours = {Path(path).stem: Detector(path, args.device, threads=args.threads) for path in args.model or shipped}
    device = next(iter(ours.values())).device
    label_names = next(iter(ours.values())).label_names
    scenes = _scenes(label_names, args.scenes)
    figures: dict[str, Any] = {
        "command": shlex.join(["spp_sorter", *sys.argv[1:]]),
        "device": str(device),
        "frame_hw": list(size_hw),
        "scenes": len(scenes),
        "machine": machine(),
        "ours": {},
        "peers": {},
    }
    for name, detector in ours.items():
        latency = percentiles(time_calls(detector.detect, frames, args.frames, device))
        detector.configure(loose)
        figures["ours"][name] = {
            "latency_ms": latency,
            "map50": _map50(detector, scenes),
            "detector": detector.description,
        }
        _print(name, figures["ours"][name])
    for name in PEERS:
        peer = TorchvisionDetector(name, label_names, device)
        trained = args.train_seconds if name == SSDLITE else 0
        steps = _train(peer, trained, args.workers) if trained else 0
        latency = percentiles(time_calls(peer.detect, frames, args.frames, device, warm_up=5))
        map50 = _map50(peer, scenes) if trained else None
        row = {"latency_ms": latency, "map50": map50, "trained_s": trained, "steps": steps, "precision": "fp32"}
        _add_peer(figures, name, row)
    if args.yolo_python is not None:
        with tempfile.TemporaryDirectory() as folder:
            for weights in args.yolo:
                row = time_yolo(args.yolo_python, weights, frames, args.frames, torch.get_num_threads(), Path(folder))
                _add_peer(figures, Path(weights).stem, {**row, "map50": None})
    if args.json is not None:
        write_json(args.json, figures)
    if args.page is not None:
        args.page.write_text(page(figures), "utf-8")
    return 0


def page(figures: dict[str, Any]) -> str:
    """One page of plots: time of every detector as a bar, accuracy beside it where it was measured."""
    rows = {**figures["ours"], **figures["peers"]}
    longest = max(row["latency_ms"]["p50"] for row in rows.values())
    bars = []
    for index, (name, row) in enumerate(sorted(rows.items(), key=lambda item: item[1]["latency_ms"]["p50"])):
        y, width = 30 + 34 * index, 460 * row["latency_ms"]["p50"] / longest
        color = "#2a7" if name in figures["ours"] else "#89a"
        accuracy = f", mAP50 {row['map50']:.3f}" if row.get("map50") is not None else ""
        text = f"{name}: {row['latency_ms']['p50']:.1f} ms{accuracy}"
        bars.append(
            f'<text x="10" y="{y}">{html.escape(text)}</text>'
            f'<rect x="10" y="{y + 5}" width="{width:.1f}" height="12" fill="{color}"/>'
        )
    described = html.escape(f"{figures['device']}, frames {figures['frame_hw']}, {figures['machine']}")
    return (
        '<!doctype html><meta charset="utf-8"><title>Detectors: time and accuracy</title>'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{50 + 34 * len(rows)}" '
        f'font-family="sans-serif" font-size="14">{"".join(bars)}</svg><p>p50 of a whole detection. {described}</p>\n'
    )


def _scenes(label_names: tuple[str, ...], count: int) -> list[Sample]:
    half = (count + 1) // 2
    return [
        *rendered_samples(label_names, "sparse", half, 0),
        *rendered_samples(label_names, "touching", count - half, 0),
    ]


def _map50(detector: AnyDetector, scenes: list[Sample]) -> float | None:
    return float(summarise_detection(measure(detector, scenes), 0)["map50"]) if scenes else None


def _train(peer: TorchvisionDetector, seconds: float, workers: int) -> int:
    source = BeltStream(0, peer.label_names, fresh=0.1)
    plan = BatchPlan(len(source), BATCH, 0, 1_000_000, 0, (TRAINING_HW,), lanes=max(1, workers))

    def batches() -> Iterator[tuple[Tensor, Any]]:
        for batch in make_loader(source, plan, workers, peer.device.type == "cuda"):
            yield as_batch(batch).to(peer.device)

    return peer.train(batches(), seconds)


def _add_peer(figures: dict[str, Any], name: str, row: dict[str, Any]) -> None:
    """``ratio`` is our default's time over the peer's, ``ratio_<other>`` that of our others."""
    for index, (ours, mine) in enumerate(figures["ours"].items()):
        key = "ratio" if index == 0 else f"ratio_{ours}"
        row[key] = round(mine["latency_ms"]["p50"] / row["latency_ms"]["p50"], 3)
    figures["peers"][name] = row
    _print(name, row)


def _print(name: str, row: dict[str, Any]) -> None:
    accuracy = f"  mAP50 {row['map50']:.3f}" if row.get("map50") is not None else ""
    ratios = "".join(f"  {key} {value:.2f}" for key, value in row.items() if key.startswith("ratio"))
    print(f"{name:42} p50 {row['latency_ms']['p50']:8.2f} ms{ratios}{accuracy}", flush=True)

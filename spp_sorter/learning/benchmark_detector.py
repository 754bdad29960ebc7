"""``spp_sorter benchmark detector``: how long a whole detection takes, from a picture on the host to boxes there."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spp_sorter.config import DetectorConfig
from spp_sorter.detector import Detector
from spp_sorter.geometry.letterbox import Letterbox
from spp_sorter.learning.benchmark_frames import (
    belt_frames,
    compare,
    machine,
    parse_size,
    percentiles,
    picture_frames,
    synchronise,
    time_calls,
)
from spp_sorter.learning.evaluate import write_json
from spp_sorter.network.frame import FrameNetwork, prepare_network
from spp_sorter.network.fused import can_fuse, fuse_convolutions, input_sizes
from spp_sorter.network.suppression import FixedSuppression, GreedySuppression
from spp_sorter.values import ImageArray

LEAST_AGREEMENT = 0.9
"""Share of the detections of fp32, step by step, that the timed detector has to give too: else it is not timed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of this kind."""
    parser.add_argument("--model", default="", metavar="CKPT", help="checkpoint; the shipped weights without it")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (%(default)s)")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16", "fp16"), help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads, 0 for all (%(default)s)")
    parser.add_argument("--size", default="640x480", metavar="WxH", help="of the camera's frames (%(default)s)")
    parser.add_argument(
        "--long-side", type=int, default=0, metavar="PX", help="of the network's input; 0 for the checkpoint's"
    )
    parser.add_argument("--proposals", type=int, default=100, metavar="R", help="windows, at most (%(default)s)")
    parser.add_argument("--windows", type=int, nargs="*", default=[], metavar="R", help="time these numbers too")
    parser.add_argument("--frames", type=int, default=300, metavar="N", help="timed calls (%(default)s)")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="frames from here; simulated ones without it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")


def run(args: argparse.Namespace) -> int:
    """Check, time, print, and write ``--json``; 1 when the detector does not answer as fp32 does."""
    if args.frames < 1:
        raise ValueError(f"--frames is {args.frames}; allowed: 1 and more")
    size_hw = parse_size(args.size)
    frames = picture_frames(args.pictures, size_hw, 64) if args.pictures else belt_frames(size_hw)
    detector = _detector(args, args.proposals)
    agreement = check(detector, frames)
    times = time_calls(detector.detect, frames, args.frames, detector.device)
    figures: dict[str, Any] = {
        "command": shlex.join(["spp_sorter", *sys.argv[1:]]),
        "detector": detector.description,
        "latency_ms": percentiles(times),
        "fps": round(1e3 / float(times.mean()), 1),
        "stages_ms": stages_ms(detector, frames, min(args.frames, 100)),
        "device": str(detector.device),
        "precision": detector.precision,
        "frame_hw": list(size_hw),
        "input_hw": list(detector.letterbox(size_hw).target_hw),
        "checkpoint": {"name": args.model or "shipped weights", "sha256": detector.checkpoint.sha256},
        "proposals": args.proposals,
        "agreement_with_fp32": {**asdict(agreement), "share": agreement.share},
        "backbone_runs_per_frame": backbone_runs(detector, frames[0]),
        "machine": machine(),
        "load_1min": Path("/proc/loadavg").read_text().split()[0] if Path("/proc/loadavg").exists() else None,
    }
    if args.windows:
        figures["windows"] = {str(count): _windows(args, frames, count) for count in args.windows}
    _print(figures)
    if args.json is not None:
        write_json(args.json, figures)
    if agreement.share < LEAST_AGREEMENT:
        print(f"it gives {agreement.share:.0%} of what fp32 gives, allowed: {LEAST_AGREEMENT:.0%}", file=sys.stderr)
        return 1
    return 0


def check(detector: Detector, frames: tuple[ImageArray, ...]) -> Any:
    """Agreement of a detector with its own weights in fp32 on the CPU, step by step, on up to 8 frames."""
    reference = Detector(detector.path, device="cpu", precision="fp32", long_side=detector.long_side, step_by_step=True)
    chosen = frames[:8]
    return compare([reference.detect(f) for f in chosen], [detector.detect(f) for f in chosen])


def stages_ms(detector: Detector, frames: tuple[ImageArray, ...], count: int) -> dict[str, float]:
    """Medians of the parts of a detection, run one after the other with a wait after each.

    The parts do not add up to the latency: there they run without waiting, on a GPU without launches between.
    """
    letterbox = detector.letterbox((frames[0].shape[0], frames[0].shape[1]))
    picture = np.ascontiguousarray(letterbox.image(frames[0]))
    device = detector.device
    limits = torch.tensor([detector.config.score_thresh, detector.config.nms_thresh], device=device)
    times: dict[str, list[float]] = {}

    def timed(name: str, call: Any) -> Any:
        start = time.perf_counter()
        result = call()
        synchronise(device)
        times.setdefault(name, []).append((time.perf_counter() - start) * 1e3)
        return result

    frame = frame_network(detector, letterbox)
    with torch.inference_mode():
        for _ in range(count):
            timed("letterbox_on_host", lambda: letterbox.image(frames[0]))
            pixels = timed("upload", lambda: torch.from_numpy(picture).to(device))
            features = timed("convolutions", lambda p=pixels: frame.convolve(p))
            boxes, there = timed("proposals", lambda f=features: frame.propose(f))
            output = timed("pooling_and_head", lambda f=features, b=boxes: frame.network.classify(f, b))
            table = timed("choice", lambda o=output, t=there: frame.choose(o, t, limits))
            timed("download", lambda t=table: t.cpu())
    return {name: round(float(np.median(values[count // 4 :])), 4) for name, values in times.items()}


def backbone_runs(detector: Detector, image: ImageArray) -> int:
    """How often the backbone runs in one detection."""
    letterbox = detector.letterbox((image.shape[0], image.shape[1]))
    frame = frame_network(detector, letterbox)
    runs = []
    hook = frame.network.backbone.register_forward_hook(lambda *_: runs.append(1))
    pixels = torch.from_numpy(np.ascontiguousarray(letterbox.image(image))).to(detector.device)
    with torch.inference_mode():
        frame(pixels, torch.tensor([0.5, 0.5], device=detector.device))
    hook.remove()
    return len(runs)


def frame_network(detector: Detector, letterbox: Letterbox) -> FrameNetwork:
    """The frame that the detector runs as one call, as a module that can be run part by part."""
    network = prepare_network(detector.checkpoint.build(), detector.device, next(detector.network.parameters()).dtype)
    suppression = FixedSuppression() if detector.device.type == "cuda" else GreedySuppression()
    frame = FrameNetwork(network, letterbox.scaled_hw, detector.proposals, suppression)
    if detector.device.type == "cpu" and can_fuse():
        example = (torch.zeros((*letterbox.target_hw, 3), dtype=torch.uint8), torch.tensor([0.5, 0.5]))
        with torch.inference_mode():
            sizes = input_sizes(network, lambda: frame(*example))
            fuse_convolutions(network, sizes.__getitem__)
    return frame


def _detector(args: argparse.Namespace, proposals: int) -> Detector:
    return Detector(
        args.model or None,
        args.device,
        args.precision,
        args.threads,
        proposals=proposals,
        config=DetectorConfig(),
        long_side=args.long_side,
    )


def _windows(args: argparse.Namespace, frames: tuple[ImageArray, ...], count: int) -> dict[str, float]:
    detector = _detector(args, count)
    return percentiles(time_calls(detector.detect, frames, max(20, args.frames // 4), detector.device))


def _print(figures: dict[str, Any]) -> None:
    latency = figures["latency_ms"]
    print(figures["detector"])
    print(f"frames {figures['frame_hw']}, network's input {figures['input_hw']}, {figures['proposals']} windows")
    print("  ".join(f"{name} {latency[name]:.2f} ms" for name in ("p50", "p95", "p99", "min")), f"{figures['fps']} fps")
    print("stages, one by one: " + "  ".join(f"{k} {v:.2f}" for k, v in figures["stages_ms"].items()))
    agreement = figures["agreement_with_fp32"]
    print(
        f"agreement with fp32: {agreement['matched']} of {agreement['detections']} (+{agreement['extra']}), "
        f"boxes within {agreement['box_px']:.2f} px, scores within {agreement['score']:.4f}"
    )
    print(f"the backbone runs {figures['backbone_runs_per_frame']} time a frame")
    for count, row in figures.get("windows", {}).items():
        print(f"{count:>5} windows: p50 {row['p50']:.2f} ms")

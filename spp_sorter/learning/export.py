"""``spp_sorter export``: a checkpoint as an ONNX file, checked against PyTorch on frames before it is kept."""

from __future__ import annotations

import argparse
from pathlib import Path

from spp_sorter.config import DetectorConfig

MAX_BOX_PX = 0.5
MAX_SCORE = 1e-3
SCORE_THRESH = 0.05
"""Detections from here on are compared: below it, hypotheses of the background come and go with rounding."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.onnx", help="the file to write")
    parser.add_argument("--model", default="", metavar="CKPT", help="checkpoint; the shipped weights without it")
    parser.add_argument("--size", default="640x480", metavar="WxH", help="of the camera's frames (%(default)s)")
    parser.add_argument("--proposals", type=int, default=100, metavar="R", help="windows, at most (%(default)s)")
    parser.add_argument("--check", type=int, default=20, metavar="N", help="frames to check on, 0: none (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Write the file and check it; 1, and no file, when it does not answer as PyTorch does in fp32."""
    # torch takes seconds to import: not for --help.
    from spp_sorter.detector import SHIPPED, Detector
    from spp_sorter.geometry.letterbox import Letterbox
    from spp_sorter.learning.benchmark_frames import belt_frames, compare, parse_size
    from spp_sorter.network.checkpoint import load_checkpoint
    from spp_sorter.network.onnx_file import write_onnx

    if args.out.suffix != ".onnx":
        raise ValueError(f"--out is '{args.out}'; allowed: a name that ends in .onnx")
    if args.check < 0 or args.proposals < 1:
        raise ValueError(f"--check is {args.check}, --proposals {args.proposals}; allowed: from 0, and from 1")
    size_hw = parse_size(args.size)
    checkpoint = load_checkpoint(SHIPPED.get(args.model or "default") or Path(args.model))
    letterbox = Letterbox.fit(size_hw, checkpoint.config.long_side)
    write_onnx(checkpoint, args.out, letterbox.target_hw, args.proposals)
    print(f"{args.out}: input {letterbox.target_hw[1]} x {letterbox.target_hw[0]}, {args.out.stat().st_size} bytes")
    if not args.check:
        return 0
    config = DetectorConfig(score_thresh=SCORE_THRESH)
    reference = Detector(args.model or None, "cpu", "fp32", proposals=args.proposals, config=config, step_by_step=True)
    exported = Detector(args.out, "cpu", config=config)
    frames = belt_frames(size_hw, args.check)
    agreement = compare([reference.detect(f) for f in frames], [exported.detect(f) for f in frames])
    print(
        f"{agreement.matched} of {agreement.detections} detections on {len(frames)} frames (+{agreement.extra}): boxes "
        f"within {agreement.box_px:.4f} px, scores within {agreement.score:.6f}"
    )
    if agreement.share < 1 or agreement.box_px > MAX_BOX_PX or agreement.score > MAX_SCORE:
        args.out.unlink()
        print(f"not what PyTorch gives (allowed: all, {MAX_BOX_PX} px, {MAX_SCORE}); the file is gone")
        return 1
    return 0

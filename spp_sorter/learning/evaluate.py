"""``spp_sorter evaluate``: a detector measured on held-out objects of the simulated belt, or on a data set of yours."""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from spp_sorter.config import DetectorConfig
from spp_sorter.evaluation.datasets import DatasetError, LabelMap, read_dataset
from spp_sorter.evaluation.measure import LOWEST_SCORE, AnyDetector, Measured, Sample, dataset_samples, measure
from spp_sorter.evaluation.mistakes import Gallery
from spp_sorter.evaluation.summary import (
    Summary,
    summarise_calibration,
    summarise_confusion,
    summarise_detection,
    summarise_grasps,
)
from spp_sorter.learning.held_out import render_pool, rendered_samples
from spp_sorter.learning.report import write_report
from spp_sorter.learning.tables import print_tables
from spp_sorter.simulation.scene_config import DENSITIES

POOLED = ("sparse", "touching")
"""Densities whose scenes make the overall figures; in ``bed`` most of the belt is organic matter without boxes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--model", default="", metavar="CKPT", help="checkpoint; the shipped weights without it")
    parser.add_argument(
        "--data", type=Path, metavar="DATA", help="COCO json, VOC or YOLO folder; simulated scenes without it"
    )
    parser.add_argument("--labels", type=Path, metavar="MAP", help="YAML from the data's categories to labels")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="folder of the data's pictures, if not beside it")
    parser.add_argument(
        "--skip-broken", action="store_true", help="leave out what is wrong with the data instead of refusing it"
    )
    parser.add_argument(
        "--scenes", type=int, default=100, metavar="N", help="simulated scenes per density (%(default)s)"
    )
    parser.add_argument(
        "--density", nargs="+", choices=DENSITIES, default=list(DENSITIES), help="densities of the simulated scenes"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes that render scenes (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the scenes and the intervals (%(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (%(default)s)")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16", "fp16"), help="(%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--report", type=Path, metavar="HTML", help="write curves and the worst mistakes here")


def run(args: argparse.Namespace) -> int:
    """Measure, print a table, and write ``--json``; the exit code is 2 for data that cannot be used."""
    if args.scenes < 1:
        raise ValueError(f"--scenes is {args.scenes}; allowed: 1 and more")
    if args.workers < 0:
        raise ValueError(f"--workers is {args.workers}; allowed: 0 (render in this process) and more")
    if not 0 <= args.seed < 1000:
        raise ValueError(f"--seed is {args.seed}; allowed: 0 to 999")
    if args.data is None and (args.labels or args.pictures or args.skip_broken):
        raise ValueError("--labels, --pictures and --skip-broken belong to --data; name the data or leave them out")
    try:
        figures, measured, gallery = _evaluate(args)
    except DatasetError as error:
        print(f"{len(error.problems)} problems with the data:\n{error}", file=sys.stderr)
        print("mend them, or leave the broken ones out with --skip-broken", file=sys.stderr)
        return 2
    print_tables(figures)
    if args.json is not None:
        write_json(args.json, figures)
    if args.report is not None:
        write_report(args.report, figures, measured, gallery)
    return 0


def evaluate_dataset(
    detector: AnyDetector, samples: Iterable[Sample], seed: int = 0, gallery: Gallery | None = None
) -> tuple[Summary, Measured]:
    """All figures of one set of pictures.

    Args:
        detector: asked for scores down to ``LOWEST_SCORE``.
        samples: pictures with truth.
        seed: of the bootstrap.
        gallery: shown every picture.

    Returns:
        The figures of ``summarise_detection`` with ``confusion``, ``ece`` and, where there are masks, ``grasp``; and
        what they were made from.
    """
    measured = measure(detector, samples, None if gallery is None else gallery.look)
    figures = summarise_detection(measured, seed)
    figures.update(_overall(measured, seed, figures["interval"]))
    return figures, measured


def evaluate_rendered(
    detector: AnyDetector,
    num_scenes: int,
    densities: Sequence[str] = DENSITIES,
    seed: int = 0,
    gallery: Gallery | None = None,
    workers: int = 0,
) -> tuple[Summary, Measured]:
    """All figures on simulated scenes of held-out objects.

    Args:
        detector: its labels must be those of the sprites.
        num_scenes: scenes of each density.
        densities: which ones.
        seed: of the scenes and the bootstrap.
        gallery: shown every scene.
        workers: processes that render ahead; 0 renders here.

    Returns:
        ``rendered`` (figures of the sparse and touching scenes together, and of each one under ``density``), and for
        the former ``confusion``, ``ece``, ``grasp`` and ``interval``; and what the former were made from.
    """
    measured: dict[str, Measured] = {}
    with render_pool(workers) if workers else nullcontext() as pool:
        for density in densities:
            scenes = rendered_samples(detector.label_names, density, num_scenes, seed, pool)
            progress = tqdm(scenes, density, num_scenes, unit="scene", disable=None)
            measured[density] = measure(detector, progress, None if gallery is None else gallery.look)
    pooled_names = [density for density in densities if density in POOLED] or list(densities)
    pooled = measured[pooled_names[0]]
    for density in pooled_names[1:]:
        pooled = pooled + measured[density]
    rendered = summarise_detection(pooled, seed)
    rendered["pooled"] = pooled_names
    rendered["density"] = {density: summarise_detection(part, seed) for density, part in measured.items()}
    intervals: Summary = {}
    return {"rendered": rendered, **_overall(pooled, seed, intervals), "interval": intervals}, pooled


def write_json(path: Path, figures: Summary) -> None:
    """Write figures, whole or not at all; what could not be measured is null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(_plain(figures), indent=2) + "\n", "utf-8")
    partial.replace(path)


def _evaluate(args: argparse.Namespace) -> tuple[Summary, Measured, Gallery]:
    # torch takes seconds to import: not for --help, and not before the data are known to be good.
    from spp_sorter.detector import Detector

    lowest = DetectorConfig(score_thresh=LOWEST_SCORE)
    detector = Detector(args.model or None, device=args.device, precision=args.precision, config=lowest)
    figures: Summary = {
        "command": shlex.join(["spp_sorter", *sys.argv[1:]]),
        "detector": detector.description,
        "checkpoint": args.model or "shipped weights",
        "device": str(detector.device),
        "precision": detector.precision,
    }
    gallery = Gallery()
    if args.data is None:
        found, measured = evaluate_rendered(detector, args.scenes, args.density, args.seed, gallery, args.workers)
        figures.update({"seed": args.seed, "scenes": args.scenes, **found})
        return figures, measured, gallery
    names = tuple(detector.label_names)
    label_map = LabelMap.read(args.labels, names) if args.labels else LabelMap.identity(names)
    dataset = read_dataset(args.data, label_map, args.pictures, decode_pictures=True, skip_broken=args.skip_broken)
    progress = tqdm(dataset_samples(dataset), args.data.name, len(dataset), unit="picture", disable=None)
    found, measured = evaluate_dataset(detector, progress, args.seed, gallery)
    figures.update({"data": str(args.data), "left_out": len(dataset.left_out), **found})
    return figures, measured, gallery


def _overall(measured: Measured, seed: int, intervals: Summary) -> Summary:
    """What is measured at the operating point; the interval of ``ece`` is put beside the others."""
    ece, intervals["ece"] = summarise_calibration(measured, seed)
    return {"confusion": summarise_confusion(measured), "ece": ece, "grasp": summarise_grasps(measured, seed)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value

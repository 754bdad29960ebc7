"""``spp_sorter evaluate``: a detector measured on the project's own test sets, or on a data set of yours."""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from spp_sorter.config import DetectorConfig
from spp_sorter.evaluation.datasets import DatasetError, LabelMap, read_dataset
from spp_sorter.evaluation.measure import LOWEST_SCORE, AnyDetector, Measured, Sample, dataset_samples, measure
from spp_sorter.evaluation.mistakes import Gallery
from spp_sorter.evaluation.summary import Summary, summarise_detection
from spp_sorter.learning.own_tests import (
    flat_figures,
    measure_photos,
    measure_rendered,
    measure_singles,
    pooled,
    summarise_operation,
    summarise_test,
)
from spp_sorter.learning.pack import MAKE_PACK
from spp_sorter.learning.photo_test import PHOTO_DENSITIES, find_pack, no_pack_note
from spp_sorter.learning.report import write_report
from spp_sorter.learning.tables import print_tables
from spp_sorter.simulation.scene_config import DENSITIES

if TYPE_CHECKING:
    from spp_sorter.detector import Detector

TESTS = ("rendered", "photos", "singles")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--model", default="", metavar="CKPT", help="checkpoint; the shipped weights without it")
    parser.add_argument(
        "--data", type=Path, metavar="DATA", help="COCO json, VOC or YOLO folder; the project's own tests without it"
    )
    parser.add_argument("--labels", type=Path, metavar="MAP", help="YAML from the data's categories to labels")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="folder of the data's pictures, if not beside it")
    parser.add_argument(
        "--skip-broken", action="store_true", help="leave out what is wrong with the data instead of refusing it"
    )
    parser.add_argument(
        "--tests", nargs="+", choices=TESTS, default=list(TESTS), help="which of the project's own tests (all)"
    )
    parser.add_argument("--pack", type=Path, metavar="DIR", help="asset pack with the test photographs (.cache/pack)")
    parser.add_argument(
        "--source", action="append", default=[], metavar="NAME", help="show photographs of this source only"
    )
    parser.add_argument("--scenes", type=int, default=100, metavar="N", help="scenes per density (%(default)s)")
    parser.add_argument(
        "--density", nargs="+", choices=PHOTO_DENSITIES, default=list(PHOTO_DENSITIES), help="densities of the scenes"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes that render scenes (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the scenes and the intervals (%(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (%(default)s)")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16", "fp16"), help="(%(default)s)")
    parser.add_argument(
        "--long-side",
        type=int,
        default=0,
        metavar="PX",
        help="of the network's input; 0: the weights' own (%(default)s)",
    )
    parser.add_argument(
        "--wanted-precision",
        type=float,
        default=0.95,
        metavar="P",
        help="print the score from which detections are right this often (%(default)s)",
    )
    parser.add_argument(
        "--fit-temperature",
        action="store_true",
        help="fit the temperature of --model on training objects (or on --data), store it in the file, and stop",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--report", type=Path, metavar="HTML", help="write curves and the worst mistakes here")


def run(args: argparse.Namespace) -> int:
    """Measure, print a table, and write ``--json``; the exit code is 2 for data that cannot be used."""
    _check(args)
    try:
        if args.fit_temperature:
            return _fit_temperature(args)
        figures, measured, gallery = _evaluate(args)
    except DatasetError as error:
        print(error, file=sys.stderr)
        print("mend them, or leave the broken ones out with --skip-broken", file=sys.stderr)
        return 2
    print_tables(figures, args.wanted_precision)
    if args.json is not None:
        write_json(args.json, figures)
    if args.report is not None:
        write_report(args.report, figures, measured, gallery)
    return 0


def evaluate_dataset(
    detector: AnyDetector,
    samples: Iterable[Sample],
    seed: int = 0,
    gallery: Gallery | None = None,
    precisions: tuple[float, ...] = (),
) -> tuple[Summary, Measured]:
    """All figures of one set of pictures.

    Args:
        detector: asked for scores down to ``LOWEST_SCORE``.
        samples: pictures with truth.
        seed: of the bootstrap.
        gallery: shown every picture.
        precisions: to find the scores of, beside the usual ones.

    Returns:
        The figures of ``summarise_detection`` with ``confusion``, ``ece`` and, where there are masks, ``grasp``; and
        what they were made from.
    """
    measured = measure(detector, samples, None if gallery is None else gallery.look)
    figures = summarise_detection(measured, seed, precisions)
    figures.update(summarise_operation(measured, seed, figures["interval"]))
    return figures, measured


def evaluate_own(detector: AnyDetector, args: argparse.Namespace, gallery: Gallery) -> tuple[Summary, Measured | None]:
    """The project's own tests, as the arguments choose them.

    Returns:
        ``rendered`` and ``photos``, each with the figures of ``summarise_test``; ``singles``; for rendered scenes and
        photographs together ``confusion``, ``ece``, ``grasp`` and ``interval``; the headline figures by their dotted
        names; and what the joint ones were made from.
    """
    pack, look = find_pack(args.pack), gallery.look
    tests: dict[str, dict[str, Measured]] = {}
    densities = [density for density in args.density if density in DENSITIES]
    if "rendered" in args.tests and densities and not args.source:
        tests["rendered"] = measure_rendered(detector, args.scenes, densities, args.seed, look, args.workers)
    if "photos" in args.tests and pack is not None:
        tests["photos"] = measure_photos(detector, pack, args.scenes, args.density, args.seed, look, args.source)
    figures: Summary = {
        name: summarise_test(parts, args.seed, (args.wanted_precision,)) for name, parts in tests.items()
    }
    if "singles" in args.tests and pack is not None:
        figures["singles"] = measure_singles(detector, pack, args.seed, look, args.source)
    if pack is None and {"photos", "singles"} & set(args.tests):
        print(no_pack_note(), file=sys.stderr)
    if not tests:
        return figures, None
    total, *others = (pooled(parts)[1] for parts in tests.values())
    for other in others:
        total = total + other
    figures["interval"] = {}
    figures.update(summarise_operation(total, args.seed, figures["interval"]))
    figures.update(flat_figures(figures))
    return figures, total


def write_json(path: Path, figures: Summary) -> None:
    """Write figures, whole or not at all; what could not be measured is null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(_plain(figures), indent=2) + "\n", "utf-8")
    partial.replace(path)


def _check(args: argparse.Namespace) -> None:
    if args.scenes < 1:
        raise ValueError(f"--scenes is {args.scenes}; allowed: 1 and more")
    if args.workers < 0:
        raise ValueError(f"--workers is {args.workers}; allowed: 0 (render in this process) and more")
    if not 0 <= args.seed < 1000:
        raise ValueError(f"--seed is {args.seed}; allowed: 0 to 999")
    if not 0 < args.wanted_precision < 1:
        raise ValueError(f"--wanted-precision is {args.wanted_precision}; allowed: above 0, below 1")
    if args.data is None and (args.labels or args.pictures or args.skip_broken):
        raise ValueError("--labels, --pictures and --skip-broken belong to --data; name the data or leave them out")
    if args.data is not None and (args.pack or args.source):
        raise ValueError("--pack and --source belong to the project's own tests; leave them or --data out")
    if args.pack is not None and find_pack(args.pack) is None:
        raise ValueError(f"--pack '{args.pack}' holds no pack; {MAKE_PACK}")
    if args.fit_temperature and not args.model:
        raise ValueError("--fit-temperature writes into a checkpoint; name it with --model")


def _detector(args: argparse.Namespace) -> Detector:
    # torch takes seconds to import: not for --help, and not before the data are known to be good.
    from spp_sorter.detector import Detector

    lowest = DetectorConfig(score_thresh=LOWEST_SCORE)
    return Detector(
        args.model or None, device=args.device, precision=args.precision, config=lowest, long_side=args.long_side
    )


def _evaluate(args: argparse.Namespace) -> tuple[Summary, Measured | None, Gallery]:
    detector = _detector(args)
    figures: Summary = {
        "command": shlex.join(["spp_sorter", *sys.argv[1:]]),
        "detector": detector.description,
        "checkpoint": args.model or "shipped weights",
        "device": str(detector.device),
        "precision": detector.precision,
    }
    gallery = Gallery()
    if args.data is None:
        own, total = evaluate_own(detector, args, gallery)
        figures.update({"seed": args.seed, "scenes": args.scenes, **own})
        return figures, total, gallery
    samples, left_out = _data_samples(args, detector.label_names)
    found, measured = evaluate_dataset(detector, samples, args.seed, gallery, (args.wanted_precision,))
    figures.update({"data": str(args.data), "left_out": left_out, **found})
    return figures, measured, gallery


def _data_samples(args: argparse.Namespace, names: tuple[str, ...]) -> tuple[Iterable[Sample], int]:
    label_map = LabelMap.read(args.labels, names) if args.labels else LabelMap.identity(names)
    dataset = read_dataset(args.data, label_map, args.pictures, decode_pictures=True, skip_broken=args.skip_broken)
    samples = tqdm(dataset_samples(dataset), args.data.name, len(dataset), unit="picture", disable=None)
    return samples, len(dataset.left_out)


def _fit_temperature(args: argparse.Namespace) -> int:
    from spp_sorter.learning.temperature import fit_detector_temperature, store_temperature, validation_samples

    detector = _detector(args)
    if args.data is not None:
        samples, _ = _data_samples(args, detector.label_names)
    else:
        samples = tqdm(validation_samples(detector.label_names, find_pack(args.pack), args.scenes), disable=None)
    factor, count = fit_detector_temperature(detector, samples)
    temperature = store_temperature(Path(args.model), factor)
    print(f"{args.model}: temperature {temperature:.3f} (times {factor:.3f}), fitted to {count} detections")
    return 0


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value

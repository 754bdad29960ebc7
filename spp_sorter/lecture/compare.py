"""``spp_sorter lecture``: R-CNN, SPP-net, Fast R-CNN and the shipped detector on the same pictures, in one table."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from pathlib import Path
from typing import Any

from spp_sorter.lecture.tables import NAMES, print_classifiers, print_detectors, print_pooling

FULL = {"pictures": 16, "training": 40}
QUICK = {"pictures": 2, "training": 8}
QUICK_SYSTEMS = ("rcnn", "spp_net_1_scale", "spp_net_5_scale", "fast_rcnn", "ours")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--quick", action="store_true", help="two pictures and few to learn from: shows that it runs")
    parser.add_argument("--pictures", type=int, help=f"test pictures (default {FULL['pictures']})")
    parser.add_argument("--training", type=int, help=f"training pictures (default {FULL['training']})")
    parser.add_argument("--systems", help="names with commas between, to run only these")
    parser.add_argument("--data", type=Path, help="folder with trashnet/: also judge the shipped classifier there")
    parser.add_argument("--figures", type=Path, help="draw the figures of docs/lecture.md into this folder")
    parser.add_argument("--cache", type=Path, default=Path(".cache/lecture"), help="folder that keeps what was made")
    parser.add_argument("--fresh", action="store_true", help="answer and time every picture again")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default auto)")
    parser.add_argument("--precision", default="auto", help="auto, fp32, bf16 or fp16 (default auto)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for all (default 0)")
    parser.add_argument(
        "--batch", type=int, default=0, help="regions R-CNN convolves at a time, 0 by trial (default 0)"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes that search regions (default 2)")


def run(args: argparse.Namespace) -> int:
    """Compare, print, and write what was asked for."""
    start = time.perf_counter()
    unknown = set(args.systems.split(",") if args.systems else ()) - set(NAMES)
    if unknown:
        raise ValueError(f"system is {unknown.pop()!r}; allowed: {', '.join(NAMES)}")
    figures = measure(args)
    figures["wall_s"] = time.perf_counter() - start
    print_detectors(figures)
    print_classifiers(figures["classifiers"], figures.get("classifier_here"))
    print_pooling(figures.get("frozen_pooling", {}))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(_plain(figures), indent=2) + "\n", encoding="utf-8")
        print(f"figures: {args.json}")
    if args.figures:
        from spp_sorter.lecture.figures import draw_all

        draw_all(args.figures, args.cache, figures)
        print(f"pictures: {args.figures}")
    return 0


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Everything that the verb reports."""
    import torch
    from tqdm import tqdm

    from spp_sorter.detector import DEFAULT_CHECKPOINT, Detector
    from spp_sorter.lecture import photograph_results as photographs
    from spp_sorter.lecture.any_size import lengths, refusal
    from spp_sorter.lecture.classifier import load_classifier
    from spp_sorter.lecture.comparison import answer_all, compare
    from spp_sorter.lecture.convolution import keep_memory
    from spp_sorter.lecture.fast_rcnn import load_fast_rcnn
    from spp_sorter.lecture.scenes import load_scenes
    from spp_sorter.lecture.systems import FastRcnnSystem, OurSystem, System, TwoStage, make_describers, trained_head

    keep_memory()
    if args.threads:
        torch.set_num_threads(args.threads)
    defaults = QUICK if args.quick else FULL
    num_pictures, num_training = args.pictures or defaults["pictures"], args.training or defaults["training"]
    probe = Detector(device=args.device, precision=args.precision)
    device, precision = probe.device, probe.precision
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    args.cache.mkdir(parents=True, exist_ok=True)
    test = list(_bar(load_scenes("test", num_pictures, args.cache, args.workers), num_pictures, "test pictures"))
    train = list(_bar(load_scenes("train", num_training, args.cache, args.workers), num_training, "training pictures"))
    describers = make_describers(device, dtype, args.batch)
    learned = {"fast_rcnn": "end_to_end", "fast_rcnn_frozen": "frozen"}
    wanted = args.systems.split(",") if args.systems else QUICK_SYSTEMS if args.quick else None
    names = [n for n in (*describers, *learned, "ours") if wanted is None or n in wanted]
    systems: dict[str, System] = {}
    with tqdm(total=num_training * sum(n in describers for n in names), desc="training", unit="picture") as bar:
        for name in names:
            if name in describers:
                bar.set_postfix_str(name)
                head = trained_head(name, describers[name], train, args.cache, bar.update)
                systems[name] = TwoStage(describers[name], head)
                bar.n = num_training * len(systems)
    for name, file in learned.items():
        if name in names:
            systems[name] = FastRcnnSystem(load_fast_rcnn(photographs.fast_rcnn_file(file)), device, dtype)
    if "ours" in names:
        systems["ours"] = OurSystem(str(device), precision)
    key = f"{device.type} {precision} {num_training} {torch.get_num_threads()}"
    keys = dict.fromkeys(names, key)
    for name, path in {
        **{n: photographs.fast_rcnn_file(f) for n, f in learned.items()},
        "ours": DEFAULT_CHECKPOINT,
    }.items():
        keys[name] = f"{key} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    with tqdm(total=num_pictures * len(systems), desc="judging", unit="answer") as bar:
        answers = answer_all(systems, test, args.cache, keys, args.fresh, bar.update)
    figures: dict[str, Any] = {
        "device": probe.description.partition(" on ")[2].partition(" in ")[0],
        "precision": precision,
        "backbone": "tf_efficientnet_lite0 to stride 16, ImageNet weights",
        "training_pictures": num_training,
        "rcnn_batch": getattr(describers["rcnn"], "batch", 0),
        **compare(answers, test),
        "classifiers": photographs.recorded(),
    }
    network = load_classifier(photographs.CLASSIFIER)[0]
    figures["vector_length"] = lengths(network)
    figures["below_stride"] = refusal(network)
    if args.data is None:
        print("photographs: skipped the shipped classifier's own test; give the folder with trashnet/ as --data")
    else:
        from spp_sorter.lecture.frozen_pooling import compare_pooling
        from spp_sorter.lecture.photographs import load_photographs

        trashnet = load_photographs("trashnet", args.data)
        figures["classifier_here"] = photographs.measured_here(trashnet, device)
        with tqdm(total=len(trashnet), desc="max and average", unit="photograph") as bar:
            figures["frozen_pooling"] = compare_pooling(trashnet, device, bar.update)
    return figures


def _bar(scenes: Any, total: int, name: str) -> Any:
    from tqdm import tqdm

    return tqdm(scenes, total=total, desc=name, unit="picture")


def _plain(value: Any) -> Any:
    """The same with None for numbers that JSON has not got."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""``spp_sorter check``: every problem of a data set at once, in the words with which training would refuse it."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from spp_sorter.evaluation.datasets import DatasetError, LabelMap, check_dataset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("data", type=Path, metavar="DATA", help="COCO json, VOC or YOLO folder")
    parser.add_argument("--labels", type=Path, metavar="MAP", help="YAML from the data's categories to labels")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="folder of the data's pictures, if not beside it")


def run(args: argparse.Namespace) -> int:
    """Print one line for every problem; the exit code is 0 for sound data, else 1."""
    try:
        label_map = LabelMap.read(args.labels) if args.labels else None
    except DatasetError as error:
        print(error, file=sys.stderr)
        return 1
    problems = check_dataset(args.data, label_map, args.pictures)
    for problem in problems:
        print(problem)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(p.kind for p in problems).items()))
    print(f"{args.data}: {kinds or 'no problem'}", file=sys.stderr)
    return 1 if problems else 0

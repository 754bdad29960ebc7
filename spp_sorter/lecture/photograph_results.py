"""The classifiers' figures: what the runs on a GPU said of every held-out photograph, and the shipped network here.

Letters: N photographs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spp_sorter.evaluation.truth import F64
from spp_sorter.lecture.classifier import load_classifier
from spp_sorter.lecture.classifier_training import classify
from spp_sorter.lecture.intervals import paired_accuracy
from spp_sorter.lecture.photographs import Photographs
from spp_sorter.lecture.views import PhotographStore

ASSETS = Path(__file__).parents[1] / "assets" / "lecture"
CLASSIFIER = ASSETS / "classifier.pt"
RECORD = ASSETS / "classifiers.json"
FIRST = "spp_multi_size"


def fast_rcnn_file(kind: str) -> Path:
    """The shipped weights of Fast R-CNN, ``end_to_end`` or ``frozen``."""
    return ASSETS / f"fast_rcnn_{kind}.pt"


def shorten(full: Path, record: Path) -> None:
    """Make the record that is shipped from what ``tools/lecture_on_gpu.sh`` wrote: one digit for every photograph."""
    content = json.loads(full.read_text(encoding="utf-8"))
    runs = []
    for run in content["runs"]:
        kept = {k: run[k] for k in ("task", "variant", "fold", "epochs", "train_s", "accuracy_by_side") if k in run}
        kept["predicted"] = "".join(str(p) for p in run["predicted"])
        kept["labels"] = "".join(str(p) for p in run["labels"])
        runs.append(kept)
    short = {"device": content["device"], "torch": content["torch"], "notes": content["notes"], "runs": runs}
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(short, indent=0), encoding="utf-8")


def recorded(record: Path = RECORD) -> dict[str, Any]:
    """Accuracy of every variant over its folds, and the difference of the multi-size SPP-net from each.

    Returns:
        ``device``, ``epochs`` and for every task ``{variant: {accuracy, folds, photographs, difference, interval}}``;
        an empty dict where there is no record. ``difference`` is the multi-size SPP-net's accuracy minus this one's.
    """
    if not record.is_file():
        return {}
    content = json.loads(record.read_text(encoding="utf-8"))
    tasks: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for run in content["runs"]:
        tasks.setdefault(run["task"], {}).setdefault(run["variant"], []).append(run)
    result: dict[str, Any] = {"device": content["device"], "epochs": content["runs"][0]["epochs"]}
    for task, variants in tasks.items():
        result[task] = {}
        for name, runs in variants.items():
            right = _right(runs)
            figures: dict[str, Any] = {
                "accuracy": float(right.mean()),
                "by_fold": [float(_right([run]).mean()) for run in runs],
                "photographs": len(right),
            }
            folds = {run["fold"] for run in runs}
            first = [run for run in variants.get(FIRST, []) if run["fold"] in folds]
            if name != FIRST and len(first) == len(runs):
                difference, interval = paired_accuracy(_right(first), right)
                figures.update(difference=difference, interval=interval)
            if runs[0].get("accuracy_by_side"):
                sides = runs[0]["accuracy_by_side"]
                figures["by_side"] = {
                    side: float(np.mean([run["accuracy_by_side"][side] for run in runs])) for side in sides
                }
            result[task][name] = figures
    return result


def measured_here(photographs: Photographs, device: torch.device, checkpoint: Path = CLASSIFIER) -> dict[str, Any]:
    """The shipped classifier on the photographs that it was not trained on.

    Args:
        photographs: TrashNet's, all folds.
        device: where to run.
        checkpoint: the classifier.
    """
    network, _, notes = load_classifier(checkpoint)
    held_out = photographs.select(photographs.folds == int(notes["fold"]))
    store = PhotographStore(held_out, device)
    right = classify(network.to(device), store) == held_out.labels
    return {"accuracy": float(right.mean()), "photographs": len(right), "fold": int(notes["fold"])}


def _right(runs: Sequence[dict[str, Any]]) -> F64:
    """[N] 1 where right, folds in order."""
    ordered = sorted(runs, key=lambda run: int(run["fold"]))
    return np.array([p == t for run in ordered for p, t in zip(run["predicted"], run["labels"], strict=True)], float)

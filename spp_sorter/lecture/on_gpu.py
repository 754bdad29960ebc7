"""Trains what the lecture ships: all classifiers in three folds, and Fast R-CNN with and without its convolutions.

``python -m spp_sorter.lecture.on_gpu OUT --carry FOLDER``; results are written as they come. ``--pack DATA`` fills the
folder first. ``tools/lecture_on_gpu.sh`` is the way to call it on a machine with nothing but torch.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.multiprocessing import get_context

from spp_sorter.lecture.classifier import save_classifier
from spp_sorter.lecture.classifier_training import VARIANTS, classify, train_classifier
from spp_sorter.lecture.fast_rcnn import save_fast_rcnn, train_fast_rcnn
from spp_sorter.lecture.photographs import NUM_FOLDS, Photographs, pack_photographs, read_packed
from spp_sorter.lecture.scenes import read_scene
from spp_sorter.lecture.views import PhotographStore

COMPARED = tuple(VARIANTS)[:4]
SIDES = (128, 160, 180, 192, 224, 256, 288, 320)
"""Short sides at which one trained network is judged."""


def main(argv: list[str] | None = None) -> int:
    """Pack the data, or train everything."""
    parser = argparse.ArgumentParser(description="Train the lecture's networks.")
    parser.add_argument("out", type=Path, nargs="?", default=Path("out/lecture"), help="folder of the results")
    parser.add_argument("--carry", type=Path, default=Path(".cache/carry/trashnet"), help="folder of the packed data")
    parser.add_argument("--pack", type=Path, help="pack photographs of this folder and cached scenes, and stop")
    parser.add_argument("--scenes", type=Path, default=Path(".cache/lecture"), help="cached scenes, to pack")
    parser.add_argument("--minutes", type=float, default=6.0, help="start no run after this time")
    parser.add_argument("--epochs", type=int, default=0, help="epochs of each classifier; 0 fits them to the time")
    parser.add_argument("--detector-epochs", type=int, default=40, help="epochs of Fast R-CNN")
    parser.add_argument("--tiny", action="store_true", help="a few pictures and one epoch, to see that it runs")
    args = parser.parse_args(argv)
    if args.pack:
        pack(args.pack, args.scenes, args.carry)
        return 0
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2 if args.tiny else 1)
    helper = get_context("spawn").Process(target=train_detectors, args=(args,))
    if args.tiny:
        train_detectors(args)
        train_classifiers(args)
        return 0
    helper.start()
    train_classifiers(args)
    helper.join()
    return int(helper.exitcode or 0)


def pack(data: Path, scenes: Path, carry: Path) -> None:
    """Put photographs and training scenes into one folder of about 20 MB."""
    pack_photographs("trashnet", data, carry / "trashnet.npz", 256, 75)
    pack_photographs("compost", data, carry / "compost.npz", 176, 75)
    (carry / "scenes").mkdir(exist_ok=True)
    for path in sorted(scenes.glob("scene_train_*.npz")):
        with np.load(path) as content:
            fields = dict(content)
        picture = np.asarray(cv2.imdecode(fields["jpeg"], cv2.IMREAD_COLOR))
        fields["jpeg"] = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
        fields["windows"] = fields["windows"].astype(np.int16)
        np.savez_compressed(carry / "scenes" / path.name, **fields)
    size = sum(path.stat().st_size for path in carry.rglob("*") if path.is_file())
    print(f"{carry}: {size / 1e6:.1f} MB")


def train_classifiers(args: argparse.Namespace) -> None:
    """Every variant on every fold; the most wanted first."""
    device = _device()
    results = Results(args.out / "classifiers.json", device)
    begin = time.monotonic()
    tasks: dict[str, Photographs] = {}
    for task in ("trashnet", "compost"):
        photographs = read_packed(args.carry / f"{task}.npz")
        tasks[task] = photographs.select(np.arange(len(photographs)) % 24 == 0) if args.tiny else photographs
    tasks["trashnet_blocks"] = read_packed(args.carry / "trashnet.npz", blocks=True)
    if args.tiny:
        tasks["trashnet_blocks"] = tasks["trashnet_blocks"].select(np.arange(len(tasks["trashnet_blocks"])) % 24 == 0)
    plan = [("trashnet", name, fold) for fold in range(NUM_FOLDS) for name in COMPARED]
    plan += [("compost", name, fold) for fold in range(NUM_FOLDS) for name in COMPARED]
    plan += [("trashnet", "spp_average", fold) for fold in range(NUM_FOLDS)]
    plan += [("trashnet", "spp_frozen_convolutions", fold) for fold in range(NUM_FOLDS)]
    plan += [("trashnet_blocks", "spp_multi_size", fold) for fold in range(NUM_FOLDS)]
    plan += [("trashnet", "spp_50_bins", fold) for fold in range(NUM_FOLDS)]
    if args.tiny:
        plan = [("trashnet", name, 0) for name in VARIANTS] + [("compost", "spp_multi_size", 0)]
    epochs = 1 if args.tiny else args.epochs or _fitting_epochs(tasks["trashnet"], device, args.minutes, begin)
    for task, name, fold in plan:
        if time.monotonic() - begin > 60 * args.minutes:
            results.note("skipped for want of time", f"{task} {name} {fold}")
            continue
        photographs = tasks[task]
        trained = train_classifier(VARIANTS[name], photographs, fold, epochs, fold, device)
        held_out = np.flatnonzero(photographs.folds == fold)
        right = trained.predicted == photographs.labels[held_out]
        entry: dict[str, Any] = {
            "task": task,
            "variant": name,
            "fold": fold,
            "epochs": epochs,
            "accuracy": float(right.mean()),
            "held_out": len(right),
            "train_s": trained.seconds,
            "loss": trained.loss,
            "names": [photographs.names[i] for i in held_out],
            "predicted": trained.predicted.tolist(),
            "labels": photographs.labels[held_out].tolist(),
        }
        if fold == 0 and name == "spp_multi_size" and task == "trashnet":
            notes = {"fold": fold, "epochs": epochs, "accuracy": float(right.mean()), "task": task}
            save_classifier(trained.network, photographs.label_names, args.out / "classifier.pt", notes)
        if name in ("spp_multi_size", "spp_single_size") and task == "trashnet":
            store = PhotographStore(photographs.select(held_out), device)
            entry["accuracy_by_side"] = {
                str(side): float((classify(trained.network, store, side) == photographs.labels[held_out]).mean())
                for side in SIDES
            }
        results.add(entry)


def train_detectors(args: argparse.Namespace) -> None:
    """Fast R-CNN end to end, and with the convolutions as ImageNet left them."""
    device = _device()
    torch.set_num_threads(1)
    paths = sorted((args.carry / "scenes").glob("scene_train_*.npz"))
    scenes = [read_scene(path) for path in (paths[:4] if args.tiny else paths)]
    epochs = 1 if args.tiny else args.detector_epochs
    for name, train_convolutions in (("end_to_end", True), ("frozen", False)):
        start = time.monotonic()
        log = Results(args.out / f"fast_rcnn_{name}.json", device)

        def tick(epoch: int, loss: float, log: Results = log, start: float = start) -> None:
            log.add({"epoch": epoch, "loss": loss, "seconds": time.monotonic() - start})

        network = train_fast_rcnn(scenes, epochs, device, train_convolutions, tick=tick)
        notes = {"scenes": len(scenes), "epochs": epochs, "train_convolutions": train_convolutions}
        save_fast_rcnn(network, args.out / f"fast_rcnn_{name}.pt", train_convolutions, notes)


class Results:
    """A JSON file that is whole after every entry."""

    def __init__(self, path: Path, device: torch.device) -> None:
        self.path = path
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
        self.content: dict[str, Any] = {"device": name, "torch": str(torch.__version__), "notes": [], "runs": []}

    def add(self, entry: dict[str, Any]) -> None:
        """Keep one entry, and say it without its long lists."""
        self.content["runs"].append(entry)
        self._write()
        short = {key: value for key, value in entry.items() if not isinstance(value, list)}
        print(self.path.stem, json.dumps(short), flush=True)

    def note(self, kind: str, text: str) -> None:
        """Keep a remark."""
        self.content["notes"].append(f"{kind}: {text}")
        self._write()
        print(self.path.stem, kind, text, flush=True)

    def _write(self) -> None:
        partial = self.path.with_suffix(".part")
        partial.write_text(json.dumps(self.content), encoding="utf-8")
        shutil.move(partial, self.path)


def _fitting_epochs(photographs: Photographs, device: torch.device, minutes: float, begin: float) -> int:
    """Epochs that let all runs end in time: judged by a short run of the dearest kind, the same for all."""
    small = photographs.select(np.arange(len(photographs)) % 4 == 0)
    train_classifier(VARIANTS["spp_single_size"], small, 0, 1, 0, device)  # warm-up
    trained = train_classifier(VARIANTS["spp_single_size"], small, 0, 2, 0, device)
    per_epoch = trained.seconds / 2 * 4
    left = 60 * minutes - (time.monotonic() - begin)
    runs = 12 + 12 * 0.45 + 12  # those of the compost task are shorter
    epochs = int(np.clip(left / (runs * per_epoch), 6, 24))
    print(f"one epoch takes about {per_epoch:.2f} s: {epochs} epochs for each classifier", flush=True)
    return epochs


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


if __name__ == "__main__":
    sys.exit(main())

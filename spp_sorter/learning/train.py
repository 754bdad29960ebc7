"""``spp_sorter train``: train the detector on scenes of the simulated belt, or on a data set of yours."""

from __future__ import annotations

import argparse
from pathlib import Path

from spp_sorter.evaluation.datasets import LabelMap, read_dataset
from spp_sorter.learning.samples import DatasetSamples, RenderedScenes, SampleSource
from spp_sorter.values import LABELS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the results")
    parser.add_argument(
        "--data", type=Path, metavar="DATA", help="COCO json, VOC or YOLO folder; simulated scenes without it"
    )
    parser.add_argument("--labels", type=Path, metavar="MAP", help="YAML from the data's categories to labels")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="folder of the data's pictures, if not beside it")
    parser.add_argument("--scenes", type=int, default=4000, metavar="N", help="simulated scenes (%(default)s)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep rendered scenes here (OUT/scenes without it)")
    parser.add_argument(
        "--init",
        metavar="CKPT",
        help="start from this checkpoint, `default` for the shipped one; from ImageNet without it",
    )
    parser.add_argument("--steps", type=int, default=2000, help="batches in all (%(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="pictures per batch (%(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate (%(default)s)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long; go on with --resume")
    parser.add_argument("--resume", action="store_true", help="go on where the folder's last run stopped")
    parser.add_argument("--workers", type=int, default=1, help="processes that make pictures (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn (%(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Train; 0 when done, 0 with a hint when --minutes ran out."""
    for name, low in (("scenes", 1), ("steps", 1), ("batch", 1), ("workers", 0)):
        if getattr(args, name) < low:
            raise ValueError(f"--{name} is {getattr(args, name)}; allowed: {low} and more")
    if not 0 < args.rate <= 1:
        raise ValueError(f"--rate is {args.rate}; allowed: more than 0, at most 1")
    if args.data is None and (args.labels or args.pictures):
        raise ValueError("--labels and --pictures belong to --data; name the data or leave them out")
    # torch takes seconds to import: not for --help, and not before the arguments are known to be good.
    import torch

    from spp_sorter.detector import DEFAULT_CHECKPOINT
    from spp_sorter.learning.trainer import Trainer, TrainingError, TrainingOptions
    from spp_sorter.network.checkpoint import load_checkpoint
    from spp_sorter.network.model import NetworkConfig, SppNetwork

    if args.init:
        network = load_checkpoint(DEFAULT_CHECKPOINT if args.init == "default" else Path(args.init)).build()
    else:
        network = SppNetwork(NetworkConfig())
    source, notes = _source(args, network.config.labels)
    options = TrainingOptions(steps=args.steps, batch_size=args.batch, learning_rate=args.rate, seed=args.seed)
    name = args.device if args.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    trainer = Trainer(network, source, options, args.out, torch.device(name), notes)
    try:
        if args.resume:
            trainer.resume()
        finished = trainer.run(args.workers, args.minutes)
    except TrainingError as error:
        raise ValueError(str(error)) from error
    model = args.out / "model.pt"
    if finished:
        print(f"trained {trainer.step} steps: {model}\nmeasure it with: spp_sorter evaluate --model {model}")
    else:
        print(f"stopped after {trainer.step} of {options.steps} steps; go on with the same command and --resume")
    return 0


def _source(args: argparse.Namespace, label_names: tuple[str, ...]) -> tuple[SampleSource, str]:
    if args.data is not None:
        label_map = LabelMap.read(args.labels, label_names) if args.labels else LabelMap.identity(label_names)
        dataset = read_dataset(args.data, label_map, args.pictures, decode_pictures=True)
        return DatasetSamples(dataset), f"trained on {len(dataset)} pictures of {args.data.name}"
    if label_names != LABELS:
        raise ValueError(f"the checkpoint's labels are {label_names}, those of simulated scenes {LABELS}; give --data")
    cache = args.cache or args.out / "scenes"
    first_seed = 1_000_000 * (1 + args.seed)
    source = RenderedScenes(args.scenes, first_seed, label_names, "train", cache)
    return source, f"trained on {args.scenes} simulated scenes of the sprites marked for training"

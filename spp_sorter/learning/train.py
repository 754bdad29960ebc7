"""``spp_sorter train``: train the detector on scenes made on the fly, or on a data set of yours."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spp_sorter.evaluation.datasets import DatasetError, LabelMap, read_dataset
from spp_sorter.learning.pack import DEFAULT_PACK, MAKE_PACK
from spp_sorter.learning.samples import DatasetSamples, SampleSource
from spp_sorter.learning.streams import BeltStream, FreshScenes, MixedStream, StreamSource
from spp_sorter.values import LABELS

if TYPE_CHECKING:
    import torch

    from spp_sorter.learning.distill import Distillation
    from spp_sorter.learning.training_options import TrainingOptions
    from spp_sorter.network.model import NetworkConfig, SppNetwork

BELT = "world"
"""What the scenes of the simulated belt are called among the sources."""

SPRITES = "sprites"
"""The source of a pack that shows the items of the simulated belt: without it, no belt either."""

SCENE_HW = (480, 640)
FRESH = 0.12
"""Share of the simulated scenes that are new: they take longer to render than to learn from."""

ARCHITECTURES = ("default", "nano", "slim")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the results")
    data = parser.add_argument_group("what to learn from")
    data.add_argument("--data", type=Path, metavar="DATA", help="COCO json, VOC or YOLO folder; scenes without it")
    data.add_argument("--labels", type=Path, metavar="MAP", help="YAML from the data's categories to labels")
    data.add_argument("--pictures", type=Path, metavar="DIR", help="folder of the data's pictures, if not beside it")
    data.add_argument(
        "--pack", type=Path, metavar="DIR", help=f"cut-outs that scenes are composed of ({DEFAULT_PACK} where it is)"
    )
    data.add_argument(
        "--world-share",
        type=float,
        metavar="S",
        help="share of scenes of the simulated belt: 0.35 beside a pack's; 0.25 beside --data, so that what the "
        "weights know is not forgotten, and 0 where its labels are others",
    )
    data.add_argument(
        "--exclude-source",
        action="append",
        default=[],
        metavar="NAME",
        help=f"leave out a source of the pack, or `{BELT}`; may be repeated",
    )
    data.add_argument(
        "--init",
        metavar="CKPT",
        help="start from this checkpoint; `default` is the shipped one, `imagenet` the bare backbone "
        "(default: `default` with --data, else `imagenet`)",
    )
    data.add_argument(
        "--arch",
        default="default",
        choices=ARCHITECTURES,
        help="network that starts anew: the default one, a small one of plain 3x3 convolutions, which has no ImageNet "
        "weights (`nano`), or a small one that is the default's slimmed down (`slim`)",
    )
    data.add_argument(
        "--distill-from",
        metavar="CKPT",
        help="learn from this detector too; the neck and the head start as its own, and so does the backbone of "
        "`slim`, where this one's is the default's",
    )
    course = parser.add_argument_group("how long")
    course.add_argument("--steps", type=int, help="batches in all (with --data 200, else 2000; on CUDA 10 times that)")
    course.add_argument(
        "--budget-minutes",
        type=float,
        metavar="M",
        help="minutes of training in all, over all legs, instead of --steps",
    )
    course.add_argument("--minutes", type=float, default=math.inf, help="stop after so long; go on with --resume")
    course.add_argument(
        "--last-leg", action="store_true", help="with --budget-minutes: end the training within this leg's --minutes"
    )
    course.add_argument("--resume", action="store_true", help="go on where the folder's last run stopped")
    how = parser.add_argument_group("how")
    how.add_argument("--batch", type=int, help="pictures per batch and process (8; on CUDA 48)")
    how.add_argument(
        "--rate", type=float, help="peak learning rate (0.001; on CUDA 0.0015; 0.0003 for a checkpoint's weights)"
    )
    how.add_argument(
        "--freeze",
        type=int,
        metavar="STRIDE",
        help="stages with maps finer than this never learn (8; 2, which is none, on CUDA and for a teacher's backbone "
        "slimmed down)",
    )
    how.add_argument("--workers", type=int, help="processes that make pictures (1; on CUDA the cores less 2)")
    how.add_argument("--seed", type=int, default=0, help="of everything that is drawn (%(default)s)")
    how.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Train; 0 when done, 0 with a hint when --minutes ran out, 2 for data that cannot be used."""
    started = time.monotonic()
    _check(args)
    # torch takes seconds to import: not for --help, and not before the arguments are known to be good.
    import torch

    from spp_sorter.learning.distributed import join_team
    from spp_sorter.learning.trainer import Trainer
    from spp_sorter.learning.training_options import TrainingError

    name = args.device if args.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")
    with join_team(torch.device(name)) as team:
        network = _network(args)
        try:
            source, notes = _source(args, network.config.labels)
        except DatasetError as error:
            if team.leads:
                print(error, file=sys.stderr)
                print("mend them; `spp_sorter check` lists them all", file=sys.stderr)
            return 2
        distillation = _distillation(args, network)
        inherits = not _goes_on(args) and distillation is not None and distillation.gives_backbone(network)
        options = _options(args, network.config, team.device, inherits)
        workers = _workers(args.workers, team.device.type == "cuda", team.size)
        if team.leads:
            print(f"{notes}; {workers} workers, batches of {options.batch_size} on {team.device}", flush=True)
        trainer = Trainer(network, source, options, args.out, team, notes, distillation)
        try:
            if args.resume:
                trainer.resume()
            finished = trainer.run(workers, args.minutes, started, args.last_leg)
        except TrainingError as error:
            raise ValueError(str(error)) from error
        if team.leads:
            print(trainer.throughput)
            model = args.out / "model.pt"
            done = f"{trainer.step} steps" + (f" of {options.steps}" if options.steps else "")
            if finished:
                print(f"trained {trainer.step} steps: {model}\nmeasure it with: spp_sorter evaluate --model {model}")
            else:
                print(f"stopped after {done}, {100 * trainer.progress:.0f} %; go on with the same command and --resume")
    return 0


def _check(args: argparse.Namespace) -> None:
    for name, low in (("steps", 1), ("batch", 1), ("workers", 0), ("freeze", 2)):
        value = getattr(args, name)
        if value is not None and value < low:
            raise ValueError(f"--{name} is {value}; allowed: {low} and more")
    if args.rate is not None and not 0 < args.rate <= 1:
        raise ValueError(f"--rate is {args.rate}; allowed: more than 0, at most 1")
    if args.world_share is not None and not 0 <= args.world_share <= 1:
        raise ValueError(f"--world-share is {args.world_share}; allowed: 0 to 1")
    if args.data is None and (args.labels or args.pictures):
        raise ValueError("--labels and --pictures belong to --data; name the data or leave them out")
    if args.data is not None and (args.pack or args.exclude_source):
        raise ValueError("--pack and --exclude-source belong to scenes made on the fly; leave them or --data out")
    if args.steps is not None and args.budget_minutes is not None:
        raise ValueError("--steps and --budget-minutes both say how long; give one of them")
    if args.last_leg and (args.budget_minutes is None or math.isinf(args.minutes)):
        raise ValueError("--last-leg ends a training of --budget-minutes within --minutes; give both")
    if args.arch != "default" and args.init not in (None, "imagenet"):
        raise ValueError(f"--arch {args.arch} starts anew and --init {args.init} does not; leave one of them out")
    if args.pack is not None and not args.pack.is_dir():
        raise ValueError(f"--pack '{args.pack}' is no folder; {MAKE_PACK}")


def _network(args: argparse.Namespace) -> SppNetwork:
    from spp_sorter.detector import DEFAULT_CHECKPOINT
    from spp_sorter.network.checkpoint import load_checkpoint
    from spp_sorter.network.model import NetworkConfig, SppNetwork
    from spp_sorter.network.nano import NANO, NANO_LONG_SIDE
    from spp_sorter.network.slim import SLIM

    if _goes_on(args):
        return load_checkpoint(DEFAULT_CHECKPOINT if args.init in (None, "default") else Path(args.init)).build()
    configs = {
        "default": NetworkConfig(),
        "slim": NetworkConfig(backbone=SLIM, long_side=NANO_LONG_SIDE),
        "nano": NetworkConfig(backbone=NANO, long_side=NANO_LONG_SIDE),
    }
    return SppNetwork(configs[args.arch])


def _goes_on(args: argparse.Namespace) -> bool:
    """Whether training goes on from a checkpoint: with ``--data`` the shipped one, unless told otherwise."""
    if args.init is None:
        return args.data is not None and args.arch == "default"
    return bool(args.init != "imagenet")


def _distillation(args: argparse.Namespace, student: SppNetwork) -> Distillation | None:
    """The teacher of ``--distill-from``; a student that starts anew gets of its weights what fits."""
    if not args.distill_from:
        return None
    from spp_sorter.detector import DEFAULT_CHECKPOINT
    from spp_sorter.learning.distill import Distillation
    from spp_sorter.network.checkpoint import load_checkpoint

    path = DEFAULT_CHECKPOINT if args.distill_from == "default" else Path(args.distill_from)
    distillation = Distillation(load_checkpoint(path).build())
    if not _goes_on(args):
        distillation.start_student(student)
    return distillation


def _options(args: argparse.Namespace, config: NetworkConfig, device: torch.device, inherits: bool) -> TrainingOptions:
    """What the arguments ask for; ``inherits`` where a new network has the backbone of its teacher, slimmed down."""
    from spp_sorter.learning.schedule import Schedule
    from spp_sorter.learning.training_options import BACKBONE_RATES, PRETRAINED_RATE, TrainingOptions, input_sizes

    cuda = device.type == "cuda"
    steps = args.steps or (200 if args.data is not None else 2000) * (10 if cuda else 1)
    frozen_below = args.freeze or (2 if cuda or inherits else 8)
    goes_on = _goes_on(args)
    trained = goes_on or inherits
    return TrainingOptions(
        steps=0 if args.budget_minutes else steps,
        budget_minutes=args.budget_minutes or math.inf,
        batch_size=args.batch or (48 if cuda else 8),
        learning_rate=args.rate or (3e-4 if goes_on else 1.5e-3 if cuda else 1e-3),
        backbone_rate=BACKBONE_RATES.get(config.backbone, PRETRAINED_RATE),
        schedule=Schedule.of_trained(frozen_below) if trained else Schedule(frozen_below=frozen_below),
        sizes_hw=input_sizes(config.long_side),
        save_every=1000 if cuda else 100,
        check_every=20 if cuda else 1,
        seed=args.seed,
    )


def _source(args: argparse.Namespace, label_names: tuple[str, ...]) -> tuple[Any, str]:
    first_seed = 1_000_000 * (1 + args.seed)
    if args.data is not None:
        label_map = LabelMap.read(args.labels, label_names) if args.labels else LabelMap.identity(label_names)
        dataset = read_dataset(args.data, label_map, args.pictures, decode_pictures=True)
        notes = f"training on {len(dataset)} pictures of {args.data.name}"
        share = (0.25 if label_names == LABELS else 0.0) if args.world_share is None else args.world_share
        if share == 0:
            return DatasetSamples(dataset), notes
        belt = BeltStream(first_seed, label_names, FRESH, share)
        both: list[tuple[SampleSource | StreamSource, float]] = [(DatasetSamples(dataset), 1 - share), (belt, share)]
        return MixedStream(both, args.seed), f"{notes} beside {share:.0%} simulated scenes"
    if label_names != LABELS:
        raise ValueError(f"the checkpoint's labels are {label_names}, those of scenes are {LABELS}; give --data")
    pack = args.pack or (DEFAULT_PACK if DEFAULT_PACK.is_dir() else None)
    world_share = 0.35 if args.world_share is None else args.world_share
    belt_share = 0.0 if {BELT, SPRITES} & set(args.exclude_source) else world_share if pack else 1.0
    parts: list[tuple[SampleSource | StreamSource, float]] = []
    names = []
    if pack is not None and belt_share < 1:
        from spp_sorter.learning.composer import ComposedScenes

        photographs = ComposedScenes(
            pack,
            "train",
            first_seed,
            StreamSource.ENDLESS,
            size_hw=SCENE_HW,
            exclude_sources=tuple(name for name in args.exclude_source if name != BELT),
        )
        parts.append((FreshScenes(photographs), 1 - belt_share))
        names.append(f"{1 - belt_share:.0%} scenes composed of cut-outs of {pack.name}")
    if belt_share > 0:
        parts.append((BeltStream(first_seed, label_names, FRESH, belt_share), belt_share))
        names.append(f"{belt_share:.0%} simulated scenes of the sprites marked for training")
    if not parts:
        raise ValueError(f"nothing to learn from: no pack in '{DEFAULT_PACK}' and `{BELT}` excluded; give --pack")
    without = f", without {', '.join(args.exclude_source)}" if args.exclude_source else ""
    return MixedStream(parts, args.seed), f"training on {' and '.join(names)}{without}"


def _workers(asked: int | None, cuda: bool, processes: int) -> int:
    if asked is not None:
        return asked
    return max(1, ((os.cpu_count() or 1) - 2) // processes) if cuda else 1

"""``spp_sorter benchmark picking``: seeded belts of held-out objects, the true detector, exactly ``Sorter.process``.

What counts and how it is judged stands in ``picking_benchmark_judge.py``; the conditions stand in
``picking_benchmark_conditions.py``. A belt is looked at once and what the detector found is kept on disk; a run that
was stopped goes on from there.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2

from spp_sorter.config import Config
from spp_sorter.learning.picking_benchmark_belts import (
    BeltPlan,
    ObservedBelt,
    cache_name,
    chunk_path,
    detector_key,
    items_of,
    load_observations,
    num_chunks,
    observe_chunk,
)
from spp_sorter.learning.picking_benchmark_conditions import BASE, CONDITIONS, Condition
from spp_sorter.learning.picking_benchmark_files import write_truth
from spp_sorter.learning.picking_benchmark_judge import LONG_M, Judgement, figures, judge_run
from spp_sorter.learning.picking_benchmark_run import run_sorter
from spp_sorter.learning.picking_benchmark_truth import TruthNoise, truth_detections
from spp_sorter.simulation.belt_world import BeltWorld
from spp_sorter.simulation.scene_config import DENSITIES
from spp_sorter.values import Detections, SortResult

DEFAULT_CACHE = Path.home() / ".cache" / "spp_sorter" / "picking"

GRIPPER_WIDTH_M = 0.3
"""Wider than any item: all that lies within reach is to be offered, whatever a certain gripper can take."""

SETTABLE = ("detector", "belt", "picking", "inference")
"""Groups of parameters that may be set: what was seen is kept under a name that tells ``detector`` from others, and the
other three are the sorter's own."""

SET_BY_CONDITION = ("belt.encoder_offset", "inference.trigger")

Recorder = Callable[[Path, Iterable[tuple[SortResult, int]], Config], None]
"""Writes results and the times at which they were sent as a bag."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is run.

    Attributes:
        detector: ``model`` or ``truth``.
        noise: of the ``truth`` detector.
        config: the sorter's settings.
        cache: folder of the observations.
        record: folder for bags and truth, None for none.
        settings: those of ``config`` that differ from the shipped ones because the user says so.
    """

    detector: str
    noise: TruthNoise
    config: Config
    cache: Path
    record: Path | None
    settings: dict[str, object]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--record", type=Path, metavar="DIR", help="write every run's picks as MCAP and its truth here")
    parser.add_argument("--minutes", type=float, default=2.0, help="of belt in each run (default: 2)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="belts of each kind (default: 3)")
    parser.add_argument("--first-seed", type=int, default=0, metavar="N", help="the first belt (default: 0)")
    parser.add_argument(
        "--density", choices=DENSITIES, default="touching", help="how the items lie (default: touching)"
    )
    parser.add_argument(
        "--conditions",
        nargs="*",
        choices=sorted(CONDITIONS),
        default=list(CONDITIONS),
        metavar="NAME",
        help="beside the usual cell: " + ", ".join(CONDITIONS) + " (default: all)",
    )
    parser.add_argument("--detector-cache", type=Path, default=DEFAULT_CACHE, metavar="DIR", help="seen frames go here")
    parser.add_argument(
        "--detector",
        choices=("model", "truth"),
        default="model",
        help="truth: the true boxes and grasps with known noise, to part the tracker's errors from the network's",
    )
    parser.add_argument("--model", default="", metavar="FILE", help="checkpoint (default: the shipped one)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes side by side (default: 1)")
    parser.add_argument(
        "--observe-only", action="store_true", help="look at the belts, keep what was seen, and judge nothing"
    )


def run(
    args: argparse.Namespace, recorder: Recorder | None = None, settings: Mapping[str, object] | None = None
) -> int:
    """Run the benchmark; returns the exit code.

    Args:
        args: see ``add_arguments``.
        recorder: writes bags, where that is possible.
        settings: parameters of the sorter by their dotted names, in place of the shipped values.

    Raises:
        ConfigError: a setting that does not exist, or whose value is out of range.
        ValueError: an argument is out of range, a setting is not the sorter's or is set by the conditions, or
            ``--record`` where bags cannot be written.
    """
    settings = dict(settings or {})
    if not 0.05 <= args.minutes <= 60.0:
        raise ValueError(f"--minutes is {args.minutes:g}; allowed: 0.05 to 60")
    if args.seeds < 1 or args.jobs < 1:
        raise ValueError(f"--seeds is {args.seeds} and --jobs {args.jobs}; allowed: 1 and more")
    if args.record and recorder is None:
        raise ValueError("--record writes a bag, which needs the ROS messages; run `make setup`")
    _check_settings(settings)
    config = Config.from_flat(
        {
            "model.checkpoint": args.model,
            "model.device": args.device,
            "model.threads": 1,
            "picking.gripper_width": GRIPPER_WIDTH_M,
            **settings,
        }
    )
    options = Options(args.detector, TruthNoise(), config, args.detector_cache, args.record, settings)
    conditions = [CONDITIONS[name] for name in dict.fromkeys([BASE, *args.conditions])]
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    plans = {
        (condition.name, seed): BeltPlan(
            seed, condition.density or args.density, condition.profile, args.minutes * 60.0
        )
        for condition in conditions
        for seed in seeds
    }
    with _pool(args.jobs) as pool:
        _observe(list(dict.fromkeys(plans.values())), options, pool)
        if args.observe_only:
            return 0
        judged = _run_all(conditions, plans, options, recorder, pool)
    report = _report(args, options, conditions, judged)
    if args.record:
        (args.record / "picking.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if args.json:
        args.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print_table(report)
    return 0


def _check_settings(settings: Mapping[str, object]) -> None:
    for name in settings:
        if name in SET_BY_CONDITION:
            raise ValueError(f"--set {name}: the conditions set it; choose them with --conditions")
        if name.partition(".")[0] not in SETTABLE:
            raise ValueError(
                f"--set {name}: allowed are parameters of the groups {', '.join(SETTABLE)}; the network is chosen with "
                "--model and --device"
            )


def _pool(jobs: int) -> ProcessPoolExecutor:
    # Fresh processes: one that holds torch's threads must not be forked.
    return ProcessPoolExecutor(jobs, get_context("spawn"), _one_thread)


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _checkpoint(config: Config) -> Path:
    from spp_sorter.detector import SHIPPED

    return SHIPPED.get(config.model.checkpoint or "default") or Path(config.model.checkpoint)


def folder_of(plan: BeltPlan, options: Options) -> Path:
    """Where the observations of a belt are kept."""
    if options.detector == "truth":
        return options.cache / cache_name(plan, "truth")
    model = options.config.model
    key = detector_key(_checkpoint(options.config), options.config.detector, model.precision, model.proposer)
    return options.cache / cache_name(plan, key)


@lru_cache(maxsize=1)
def _detector(config: Config) -> Any:
    """The detector of this process."""
    from spp_sorter.detector import Detector

    return Detector.from_config(config)


def _observe_chunk(plan: BeltPlan, chunk: int, options: Options, folder: Path) -> None:
    if options.detector == "truth":
        observe_chunk(plan, chunk, lambda _: Detections.empty(), folder)
    else:
        observe_chunk(plan, chunk, _detector(options.config).detect, folder)


def _observe(plans: list[BeltPlan], options: Options, pool: ProcessPoolExecutor) -> None:
    """Look at all belts, as far as they have not been looked at."""
    missing = [
        (plan, chunk, folder)
        for plan in plans
        for folder in (folder_of(plan, options),)
        for chunk in range(num_chunks(plan))
        if not chunk_path(folder, chunk).exists()
    ]
    waiting: list[Future[None]] = [
        pool.submit(_observe_chunk, plan, chunk, options, folder) for plan, chunk, folder in missing
    ]
    for done, future in enumerate(as_completed(waiting), 1):
        future.result()
        _progress(f"seen {done} of {len(waiting)} pieces of belt")


def _run_all(
    conditions: list[Condition],
    plans: dict[tuple[str, int], BeltPlan],
    options: Options,
    recorder: Recorder | None,
    pool: ProcessPoolExecutor,
) -> dict[str, list[Judgement]]:
    """Run every condition on each of its belts; judgements by condition, in the order of the seeds."""
    by_name = {condition.name: condition for condition in conditions}
    waiting = {
        key: pool.submit(run_one, plan, by_name[key[0]], options, recorder) for key, plan in sorted(plans.items())
    }
    for done, future in enumerate(as_completed(waiting.values()), 1):
        future.result()
        _progress(f"judged {done} of {len(waiting)} runs")
    return {
        name: [future.result() for (condition, _), future in waiting.items() if condition == name] for name in by_name
    }


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text}", end="\n" if text.split()[1] == text.split()[3] else "", file=sys.stderr, flush=True)


def observed(plan: BeltPlan, options: Options) -> ObservedBelt:
    """A belt that has been looked at, with what the detector says about it."""
    seen, found = load_observations(plan, folder_of(plan, options))
    items = items_of(plan, BeltWorld(plan.world_config()), options.config.picking.pick_line)
    if options.detector == "truth":
        found = truth_detections(plan, items, seen, options.noise)
    return ObservedBelt(plan, items, seen, found)


def run_one(plan: BeltPlan, condition: Condition, options: Options, recorder: Recorder | None) -> Judgement:
    """Run the sorter over one belt under one condition, and judge it."""
    belt = observed(plan, options)
    results: list[tuple[SortResult, int]] = []
    keep = None if options.record is None else lambda result, sent_ns: results.append((result, sent_ns))
    lists = run_sorter(belt, condition, options.config, keep)
    if options.record is not None and recorder is not None:
        options.record.mkdir(parents=True, exist_ok=True)
        name = f"{condition.name}-{plan.seed}"
        write_truth(options.record / f"{name}.truth.jsonl", belt, condition, options.config.picking)
        recorder(options.record / f"{name}.mcap", results, options.config)
    return judge_run(belt, lists, options.config.picking)


def _report(
    args: argparse.Namespace, options: Options, conditions: list[Condition], judged: dict[str, list[Judgement]]
) -> dict[str, Any]:
    report: dict[str, Any] = {
        "command": "spp_sorter " + " ".join(sys.argv[1:]),
        "device": _device(options),
        "detector": options.detector,
        "checkpoint_sha256": None,
        "density": args.density,
        "seeds": list(range(args.first_seed, args.first_seed + args.seeds)),
        "minutes": args.minutes,
        "gripper_width": options.config.picking.gripper_width,
        "settings": options.settings,
        **figures(judged[BASE]),
        "conditions": {
            condition.name: {
                **{key: value for key, value in dataclasses.asdict(condition).items() if key != "name"},
                **figures(judged[condition.name]),
            }
            for condition in conditions
            if condition.name != BASE
        },
    }
    if options.detector == "truth":
        report["noise"] = dataclasses.asdict(options.noise)
    else:
        import hashlib

        report["checkpoint_sha256"] = hashlib.sha256(_checkpoint(options.config).read_bytes()).hexdigest()
    return report


def _device(options: Options) -> str:
    """What the tracker ran on, and what the detector asked for."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {os.cpu_count()} cores; detector on {options.config.model.device}"


def print_table(report: dict[str, Any]) -> None:
    """Print the figures, a condition a line."""
    columns = "items  p50 mm  p95 mm  yaw p95  in time  twice  wrong  switches/200  in ellipse"
    rows = {BASE: report, **report["conditions"]}
    width = max(map(len, rows))
    print(f"{'':{width}}  {columns}")
    for name, row in rows.items():
        position = row["position_error_mm"]
        print(
            f"{name:{width}}  {row['items']:5}  {_number(position['p50'], 6, 2)}  {_number(position['p95'], 6, 2)}  "
            f"{_number(row['yaw_error_deg']['p95'], 7, 1)}  {_number(row['offered_in_time'], 7, 3)}  "
            f"{row['offered_twice']:5}  {_number(row['wrong_class'], 5, 3)}  "
            f"{_number(row['id_switches_per_200'], 12, 2)}  {_number(row['covariance_coverage'], 10, 3)}"
        )
    for name, row in rows.items():
        if row["frames_looked_at"] < 1.0:
            print(f"{name}: the network saw {100 * row['frames_looked_at']:.1f} % of {row['frames']} frames")
    for name, row in rows.items():
        for length, words in (("short", "up to"), ("long", "beyond")):
            part = row[length]
            position = part["position_error_mm"]
            print(
                f"{name}, items {words} {LONG_M * 1e3:.0f} mm long: {part['items']}, position error p50 "
                f"{_number(position['p50'], 0, 2)}, p95 {_number(position['p95'], 0, 2)} mm, in time "
                f"{_number(part['offered_in_time'], 0, 3)}"
            )


def _number(value: float | None, width: int, digits: int) -> str:
    return f"{'-' if value is None else format(value, f'.{digits}f'):>{width}}"

"""``spp_sorter benchmark lifecycle``: transitions in any order, a thousand times, and what they leave behind."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import threading
from collections import Counter
from typing import Any

import rclpy
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from tqdm import tqdm

from spp_sorter.ros.process_size import ProcessSize, process_size
from spp_sorter.ros.replay_report import format_table
from spp_sorter.ros.soak_judge import growth
from spp_sorter.ros.sorter_node import SorterNode, spin

TRANSITIONS = ("configure", "activate", "deactivate", "cleanup")

NEXT = {
    ("unconfigured", "configure"): "inactive",
    ("inactive", "activate"): "active",
    ("active", "deactivate"): "inactive",
    ("inactive", "cleanup"): "unconfigured",
}
"""(state, transition) -> state, for the transitions that exist."""

MAX_GROWTH_MB = 20.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--cycles", type=int, default=1000, help="configurations to go through (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another order (default %(default)s)")
    parser.add_argument("--model", default="", metavar="FILE", help="checkpoint in place of the shipped weights")


def run(args: argparse.Namespace) -> int:
    """Run, print the table, and write the figures; 1 when something grew or a transition did not do what it must."""
    figures = cycle(args.cycles, args.seed, {"model.checkpoint": args.model, "model.threads": 1})
    print(format_table([(name.replace("_", " "), str(value)) for name, value in figures.items()]))
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 1 if figures["failures"] else 0


def cycle(cycles: int, seed: int, parameters: dict[str, object]) -> dict[str, Any]:
    """Take a node through transitions in a random order, half of which do not exist in its state.

    Args:
        cycles: configurations that are loaded.
        seed: of the order.
        parameters: the node's.

    Returns:
        The figures; ``failures`` names what was not as it must be.
    """
    context = rclpy.Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    given = [Parameter(name, value=value) for name, value in {"node.autostart": False, **parameters}.items()]
    node = SorterNode(context=context, parameter_overrides=given)
    ending = threading.Event()
    spinner = threading.Thread(target=spin, args=(node, ending), daemon=True)
    spinner.start()
    try:
        counts, wrong, samples = _cycle(node, cycles, random.Random(seed))
    finally:
        ending.set()
        spinner.join(10.0)
        ended = node.end()
        context.try_shutdown()
    figures: dict[str, Any] = {
        "cycles": cycles,
        "transitions": counts.total(),
        "refused": counts["refused"],
        **{name: counts[name] for name in TRANSITIONS},
        "rss_growth_mb": round(growth([(float(k), s.rss_bytes) for k, s in enumerate(samples)]) / 2**20, 2),
        "open_files_growth": growth([(float(k), s.open_files) for k, s in enumerate(samples)]),
        "threads_growth": growth([(float(k), s.threads) for k, s in enumerate(samples)]),
        "rss_mb": round(samples[-1].rss_bytes / 2**20, 1),
        "open_files": samples[-1].open_files,
        "threads": samples[-1].threads,
        "last_error": node.health.snapshot().last_error,
    }
    grown = [name for name in ("open_files_growth", "threads_growth") if figures[name] > 0]
    grown += ["rss_growth_mb"] if figures["rss_growth_mb"] > MAX_GROWTH_MB else []
    figures["failures"] = [*wrong[:5], *grown, *([] if ended else ["the node did not end"])]
    return figures


def _cycle(node: SorterNode, cycles: int, order: random.Random) -> tuple[Counter[str], list[str], list[ProcessSize]]:
    """Counts by transition, what went wrong, and what this process took after every cleanup."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    samples = []
    with tqdm(total=cycles, unit="cycle", disable=not sys.stderr.isatty()) as bar:
        while counts["configure"] < cycles or node.lifecycle != "unconfigured":
            name, before = order.choice(TRANSITIONS), node.lifecycle
            if name == "configure" and counts["configure"] >= cycles:
                continue
            expected = NEXT.get((before, name))
            try:
                done = getattr(node, f"trigger_{name}")() == TransitionCallbackReturn.SUCCESS
            except Exception:  # rclpy raises RCLError for a transition that does not exist
                done = False
            counts[name if done else "refused"] += 1
            if done != (expected is not None) or node.lifecycle != (expected or before):
                wrong.append(f"{name} in state {before} left it {node.lifecycle}")
            if done and name == "cleanup":
                samples.append(process_size(os.getpid()))
                bar.update()
    return counts, wrong, samples

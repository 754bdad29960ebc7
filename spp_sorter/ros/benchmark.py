"""``spp_sorter benchmark KIND``: what is measured, and where.

A kind lives in a module of its own, imported when it is called for: detector, spp and peers need no ROS. The module
offers ``add_arguments(parser)`` and ``run(args) -> int``; ``args.json`` is the file for the figures, or None.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

KINDS: dict[str, tuple[str, str]] = {
    "detector": ("spp_sorter.learning.benchmark_detector", "time of a whole detection, stage by stage"),
    "spp": ("spp_sorter.learning.benchmark_spp", "time of spatial pyramid pooling against the number of windows"),
    "peers": ("spp_sorter.learning.benchmark_peers", "other detectors on the same frames in the same run"),
    "tracking": ("spp_sorter.learning.benchmark_tracking", "time of tracker and planner with many items in view"),
    "picking": ("spp_sorter.ros.benchmark_picking", "position, yaw and time of picks against the truth"),
    "node": (
        "spp_sorter.ros.benchmark_node",
        "frames a second and overhead of the node, its camera in another process",
    ),
    "lifecycle": ("spp_sorter.ros.cycles", "transitions of the node in any order: open files, threads, memory"),
    "soak": ("spp_sorter.ros.soak", "the node for hours: memory, drops, faults on the way"),
}
"""Kind -> its module, and what it measures."""


class _KindParser(argparse.ArgumentParser):
    """The parser of one kind; its module is imported when its arguments are read."""

    module: str = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Declare the kind's arguments, then read them."""
        if not self._defaults.get("run_kind"):
            module = importlib.import_module(self.module)
            module.add_arguments(self)
            self.set_defaults(run_kind=module.run)
        return super().parse_known_args(args, namespace)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the kinds; each kind's own arguments follow when it is called."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True, parser_class=_KindParser)
    for name, (module, text) in KINDS.items():
        kind = kinds.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", conflict_handler="resolve"
        )
        kind.module = module
        kind.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")


def run(args: argparse.Namespace) -> int:
    """Run the kind that was called; returns its exit code."""
    return int(args.run_kind(args))

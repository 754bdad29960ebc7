"""``spp_sorter benchmark picking``: with the sorter's parameters as a user writes them (``--set``), and as a bag of the
messages that it would publish (``--record``).

The figures themselves need no ROS: ``learning/picking_benchmark.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from spp_sorter.config import Config
from spp_sorter.learning import picking_benchmark
from spp_sorter.ros.parameter_files import add_set_argument, read_settings
from spp_sorter.values import SortResult

__all__ = ["add_arguments", "record", "run"]

DETECTIONS, PICK_TARGETS = "/spp_sorter/detections", "/spp_sorter/pick_targets"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    picking_benchmark.add_arguments(parser)
    add_set_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Run the benchmark; returns the exit code.

    Raises:
        ConfigError: a setting that does not exist, or whose value is out of range.
        ValueError: an argument is out of range, or a setting that the benchmark does not take.
    """
    return picking_benchmark.run(args, record, read_settings(args.set))


def record(path: Path, results: Iterable[tuple[SortResult, int]], config: Config) -> None:
    """Write detections and pick lists as a bag whose time is that of sending.

    Args:
        path: ends in ``.mcap``.
        results: and the time at which each was sent, nanoseconds.
        config: gives the frame of the picks.
    """
    from spp_sorter.ros import messages
    from spp_sorter.ros.bags import BagWriter

    with BagWriter(path, overwrite=True) as bag:
        for result, sent_ns in results:
            camera = messages.make_header(result.stamp_ns, "camera")
            belt = messages.make_header(result.stamp_ns, config.node.target_frame)
            bag.write_message(
                DETECTIONS, messages.detections_to_msg(result.detections, camera, result.track_ids), sent_ns
            )
            bag.write_message(PICK_TARGETS, messages.picks_to_msg(result.picks, belt), sent_ns)

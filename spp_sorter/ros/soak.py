"""``spp_sorter benchmark soak``: the real graph for hours, with a fault every few seconds, judged by the truth.

Camera, sorter, arm and a subscriber that nobody needs run in processes of their own. The order of the faults follows
from ``--seed``; each comes once before any comes again.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from spp_sorter.config import Config
from spp_sorter.ros.cell import CellSettings, CellStart
from spp_sorter.ros.graph import graph_environment
from spp_sorter.ros.parameter_files import read_model
from spp_sorter.ros.processes import ProcessError, Processes
from spp_sorter.ros.replay_report import format_table
from spp_sorter.ros.soak_faults import FAULTS, schedule
from spp_sorter.ros.soak_judge import account, count_stale, each_minute, growth, judge_picks, recoveries_s, unwithdrawn
from spp_sorter.ros.soak_run import SoakError, SoakRun
from spp_sorter.ros.soak_witness import Witness

MAX_RECOVERY_S = 2.0
MAX_GROWTH_MB = 20.0
LONG_S = 1200.0
"""From this on growth is judged: a short run is still warming up."""

MAX_SHUTDOWN_S = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    names = ", ".join(fault.name for fault in FAULTS)
    parser.add_argument("--hours", type=float, default=1.0, help="how long (default %(default)s)")
    parser.add_argument(
        "--every", type=float, default=3.0, help="seconds of peace between faults (default %(default)s)"
    )
    parser.add_argument("--fps", type=float, default=8.0, help="frames per second (default %(default)s)")
    parser.add_argument("--speed", type=float, default=0.3, help="belt speed in m/s (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another belt and another order (default %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("out/soak"), help="folder for logs (default %(default)s)")
    parser.add_argument("--model", metavar="FILE", help="checkpoint in place of the shipped weights, or nano")
    parser.add_argument("--faults", default="", metavar="A,B", help=f"only these of: {names}")


def run(args: argparse.Namespace) -> int:
    """Run, print the table, and write the figures; 1 when something was not as it must be."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the children are ended then too
    parameters: dict[str, object] = {"belt.speed": args.speed, "model.threads": 1}
    if args.model is not None:
        parameters["model.checkpoint"] = read_model("--model", args.model)
    Config.from_flat(parameters)  # a slip costs no wait
    try:
        figures = soak(args, parameters)
    except (SoakError, ProcessError) as error:
        print(f"spp_sorter benchmark soak: {error}; the logs lie in {args.out}", file=sys.stderr)
        return 1
    print(format_table(rows_of(figures)))
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    for failure in figures["failures"]:
        print(f"spp_sorter benchmark soak: {failure}", file=sys.stderr)
    return 1 if figures["failures"] else 0


def soak(args: argparse.Namespace, parameters: dict[str, object]) -> dict[str, Any]:
    """Run the graph and judge it.

    Args:
        args: as ``add_arguments`` declares them.
        parameters: the sorter's.

    Returns:
        The figures; ``failures`` names what was not as it must be.

    Raises:
        SoakError: the graph did not come up.
        ProcessError: a process ended before it did.
    """
    faults = schedule(args.seed, tuple(filter(None, args.faults.split(","))))
    settings = CellSettings.from_values(
        {"density": "sparse", "fps": args.fps, "speed": args.speed, "seed": args.seed, "encoder_rate": 50.0}
    )
    environment = graph_environment(1 + os.getpid() % 100)
    args.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="soak-") as folder, Processes(args.out, environment) as processes:
        os.environ.update(environment)
        witness = Witness()
        try:
            start = CellStart(settings, time.time_ns())
            soaking = SoakRun(processes, witness, start, Path(folder) / "sent")
            soaking.begin(parameters)
            soaking.go_on(faults, args.hours * 3600.0, args.every, progress=sys.stderr.isatty())
            soaking.drain()
            heard_until_ns = time.time_ns()
            exit_code, shutdown_s = soaking.end_sorter()
        finally:
            witness.close()
        return figures_of(soaking, Config.from_flat(parameters), heard_until_ns, exit_code, shutdown_s)


def figures_of(
    soaking: SoakRun, config: Config, until_ns: int, exit_code: int | None, shutdown_s: float
) -> dict[str, Any]:
    """All figures of a run that is over."""
    heard, sent = soaking.witness.heard, soaking.sent()
    stale = count_stale(heard.lists, until_ns, config.node, soaking.faults)
    recoveries = recoveries_s(soaking.faults, heard.answers, sent)
    by_fault: dict[str, list[float]] = defaultdict(list)
    never: list[str] = []
    for fault, seconds in zip(soaking.faults, recoveries, strict=True):
        if seconds is None:
            never.append(fault.name)
        else:
            by_fault[fault.name].append(seconds)
    known = [seconds for each in by_fault.values() for seconds in each]
    sorter = "spp_sorter: "
    frames = heard.statuses.get(f"{sorter}frames", {"processed": "0", "received": "0"})
    transport = heard.statuses.get(f"{sorter}transport", {"lost": "0"})
    figures: dict[str, Any] = {
        "seconds": round((until_ns - soaking.start.start_ns) * 1e-9, 1),
        "faults": len(soaking.faults),
        "crashes": len(soaking.crashes),
        "stale_picks": sum(stale.values()),
        "stale_by_reason": stale,
        "not_withdrawn": unwithdrawn(heard.lists, soaking.faults, config.node),
        **account(len(sent), frames, transport),
        "recovery_s": {
            "max": round(max(known), 3) if known else None,
            "p50": round(float(np.median(known)), 3) if known else None,
            "by_fault_max": {name: round(max(each), 3) for name, each in sorted(by_fault.items())},
        },
        "never_recovered": never,
        "rss_growth_mb": round(growth([(s.seconds, s.size.rss_bytes) for s in soaking.samples]) / 2**20, 2),
        "private_growth_mb": round(growth([(s.seconds, s.size.private_bytes) for s in soaking.samples]) / 2**20, 2),
        "private_mb_each_minute": each_minute([(s.seconds, s.size.private_bytes / 2**20) for s in soaking.samples]),
        "rss_mb_each_minute": each_minute([(s.seconds, s.size.rss_bytes / 2**20) for s in soaking.samples]),
        "rss_mb": round(soaking.samples[-1].size.rss_bytes / 2**20, 1) if soaking.samples else None,
        "open_files_growth": growth([(s.seconds, s.size.open_files) for s in soaking.samples]),
        "threads_growth": growth([(s.seconds, s.size.threads) for s in soaking.samples]),
        **judge_picks(heard.executed, soaking.start, soaking.faults),
        "garbage_refused": heard.refused,
        "garbage_accepted": heard.accepted,
        "diagnostics_levels": dict(sorted(heard.levels.items())),
        "exit_code": exit_code,
        "shutdown_s": round(shutdown_s, 2),
        "device": heard.statuses.get(f"{sorter}detector", {}).get("detector", ""),
    }
    figures["failures"] = [*soaking.crashes, *_failures(figures)]
    return figures


def _failures(figures: dict[str, Any]) -> list[str]:
    checks = (
        (figures["stale_picks"] > 0, f"{figures['stale_picks']} pick targets from stale data"),
        (figures["unaccounted_frames"] > 0, f"{figures['unaccounted_frames']} frames unaccounted for"),
        (bool(figures["never_recovered"]), f"no recovery before the next fault: {figures['never_recovered']}"),
        (
            (figures["recovery_s"]["max"] or 0.0) > MAX_RECOVERY_S,
            f"recovery took {figures['recovery_s']['max']} s, allowed {MAX_RECOVERY_S:g}",
        ),
        (
            figures["seconds"] > LONG_S and figures["rss_growth_mb"] > MAX_GROWTH_MB,
            f"memory grew by {figures['rss_growth_mb']} MB, allowed {MAX_GROWTH_MB:g}",
        ),
        (bool(figures["garbage_accepted"]), f"garbage was accepted: {figures['garbage_accepted']}"),
        (
            figures["exit_code"] != 0 or figures["shutdown_s"] > MAX_SHUTDOWN_S,
            f"SIGINT ended the sorter with code {figures['exit_code']} after {figures['shutdown_s']} s",
        ),
    )
    return [text for failed, text in checks if failed]


def rows_of(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The table for people."""
    dropped = "   ".join(f"{cause} {number}" for cause, number in sorted(figures["dropped"].items()))
    recovery = figures["recovery_s"]
    return [
        ("run", f"{figures['seconds']:.0f} s, {figures['faults']} faults, {figures['crashes']} crashes"),
        ("frames sent", f"{figures['frames_sent']}"),
        ("  processed", f"{figures['frames_processed']}"),
        ("  dropped", dropped or "none"),
        ("  lost in transport", f"{figures['lost_in_transport']}"),
        ("  unaccounted for", f"{figures['unaccounted_frames']}"),
        ("recovery", f"p50 {recovery['p50']} s   max {recovery['max']} s"),
        *((f"  {name}", f"{seconds} s") for name, seconds in recovery["by_fault_max"].items()),
        ("stale pick targets", f"{figures['stale_picks']}   {figures['stale_by_reason']}"),
        ("picks", f"{figures['picks']} ({figures['picks_right']} right, {figures['picks_on_nothing']} on nothing)"),
        ("memory", f"{figures['rss_mb']} MB, grew by {figures['rss_growth_mb']} MB"),
        ("  of its own", f"grew by {figures['private_growth_mb']} MB"),
        ("open files, threads", f"grew by {figures['open_files_growth']:g}, {figures['threads_growth']:g}"),
        ("garbage parameters", f"{figures['garbage_refused']} refused, {len(figures['garbage_accepted'])} accepted"),
        ("end by SIGINT", f"code {figures['exit_code']} after {figures['shutdown_s']} s"),
        ("detector", figures["device"]),
    ]

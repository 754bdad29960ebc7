"""Fuzz a decoder or loader: `.venv/bin/python tools/fuzz.py TARGET --minutes 10`; without a target, all of them.

A finding is an exception that the target does not declare, or a case that takes more than `--seconds` of processor or
more than `--megabytes`. Each is printed once per place with the number of its case: `--seed S --case N` makes it again.
"""

from __future__ import annotations

import argparse
import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from fuzz_targets import TARGETS, Target  # noqa: E402


@dataclass
class Outcome:
    """What fuzzing one target came to."""

    cases: int = 0
    refused: int = 0
    findings: dict[str, str] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)


class TooSlow(BaseException):
    """A case took too long; no decoder's `except Exception` may swallow it."""


def fuzz(
    target: Target,
    seed: int,
    minutes: float = 0.0,
    cases: int = 0,
    seconds: float = 5.0,
    megabytes: int = 500,
    first: int = 0,
) -> Outcome:
    """Feed cases until the time or their number is over."""
    outcome, deadline = Outcome(), time.monotonic() + minutes * 60.0
    signal.signal(signal.SIGPROF, _too_slow)
    while (cases and outcome.cases < cases) or (not cases and time.monotonic() < deadline):
        number = first + outcome.cases
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        finding = _one(target, target.make(random.Random(f"{seed}/{number}")), seconds, outcome)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        if not finding and outcome.cases > 3 and grown > megabytes:
            finding = f"memory grew by {grown:.0f} MB"
        if finding:
            outcome.times[finding.splitlines()[0]] += 1
            outcome.findings.setdefault(finding.splitlines()[0], f"case {number}\n{finding}")
        outcome.cases += 1
    return outcome


def _one(target: Target, case: object, seconds: float, outcome: Outcome) -> str:
    """Feed one case; returns what is wrong with how it was taken."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        target.run(case)
    except target.REFUSALS:
        outcome.refused += 1
    except TooSlow:
        return f"more than {seconds:g} s of processor"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}\n{traceback.format_exc()}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
    return ""


def _too_slow(*_: object) -> None:
    raise TooSlow


def main() -> int:
    """Fuzz; 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="?", choices=TARGETS, help="what to fuzz; all by default")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another sequence of cases (default %(default)s)")
    parser.add_argument("--case", type=int, help="run this one case only")
    parser.add_argument("--seconds", type=float, default=5.0, help="that a case may take (default %(default)s)")
    parser.add_argument("--megabytes", type=int, default=500, help="that a case may take (default %(default)s)")
    args = parser.parse_args()
    found = 0
    for name in [args.target] if args.target else list(TARGETS):
        one = 1 if args.case is not None else 0
        outcome = fuzz(
            TARGETS[name](), args.seed, args.minutes, one, args.seconds, args.megabytes, first=args.case or 0
        )
        print(f"{name}: {outcome.cases} cases, {outcome.refused} refused, {len(outcome.findings)} findings", flush=True)
        for line, text in outcome.findings.items():
            print(f"  {outcome.times[line]} times: {text}", flush=True)
        found += len(outcome.findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

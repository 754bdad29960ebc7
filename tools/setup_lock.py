"""Writes constraints.txt: the release of everything that the requirements pull in.

Run it with Python 3.10, the oldest that is supported, after a change of the requirements:

    python3.10 -m venv /tmp/lock && /tmp/lock/bin/pip install --upgrade pip && /tmp/lock/bin/python tools/setup_lock.py
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADER = """\
# The releases of everything that requirements.txt and requirements-dev.txt pull in, written by tools/setup_lock.py.
# What belongs to one build of PyTorch (CUDA libraries, triton) is left to PyTorch, which pins it exactly.
"""
OF_ONE_TORCH_BUILD = re.compile(r"nvidia-|cuda-|triton$|torch$|torchvision$")


def constraint_lines(report: dict[str, list[dict[str, dict[str, str]]]]) -> list[str]:
    """The lines of a constraints file for one installation report of pip."""
    pins = {
        re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower(): item["metadata"]["version"]
        for item in report["install"]
    }
    return [f"{name}=={pins[name]}" for name in sorted(pins) if not OF_ONE_TORCH_BUILD.match(name)]


def main() -> None:
    if sys.version_info[:2] != (3, 10):
        sys.exit(
            f"error: this is Python {sys.version.split()[0]}; the releases must suit 3.10: run this with Python 3.10"
        )
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-"]
    for name in ("requirements.txt", "requirements-dev.txt"):
        command += ["-r", str(ROOT / name)]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    lines = constraint_lines(report)
    (ROOT / "constraints.txt").write_text(HEADER + "\n".join(lines) + "\n")
    print(f"constraints.txt: {len(lines)} releases")


if __name__ == "__main__":
    main()

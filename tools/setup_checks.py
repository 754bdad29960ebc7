"""What the set-up needs of a machine, and the remedy for each thing that is missing."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""PyTorch's public index of builds without CUDA."""

CUDA_GB, CUDA_DOWNLOAD_GB = 10.0, 3.3
CPU_GB, CPU_DOWNLOAD_GB = 3.0, 0.7
"""Disk space of a set-up from nothing at its peak, 10^9 bytes, and of what pip keeps of it in its cache."""


@dataclass(frozen=True)
class Problem:
    """Something that the set-up cannot do without.

    Attributes:
        text: what is missing.
        remedy: what helps, most often a command.
        packages: Debian packages that hold it.
    """

    text: str
    remedy: str = ""
    packages: tuple[str, ...] = ()


def check_platform(system: str, machine: str) -> Problem | None:
    """``system`` and ``machine`` as the module ``platform`` names them."""
    if system == "Linux" and machine in ("x86_64", "AMD64"):
        return None
    return Problem(
        f"this is {system} on {machine}, and the ROS 2 wheels exist for Linux on x86_64 only",
        "use ROS 2 from its own packages: make robot",
    )


def check_python(version: tuple[int, int], has_ensurepip: bool, header: Path) -> list[Problem]:
    """Whether this Python can make an environment and build an extension; ``header`` is where Python.h must lie."""
    name = f"python{version[0]}.{version[1]}"
    problems = []
    if not (3, 10) <= version <= (3, 13):
        problems.append(Problem(f"{name} does not suit; needed: 3.10 to 3.13", "make PYTHON=python3.12"))
    if not has_ensurepip:
        problems.append(Problem(f"{name} has no ensurepip, so it makes no environment", packages=(f"{name}-venv",)))
    if not header.is_file():
        problems.append(Problem(f"{name} has no headers ({header})", packages=(f"{name}-dev",)))
    return problems


def check_compiler(environment: dict[str, str], which: Callable[[str], str | None] = shutil.which) -> Problem | None:
    """Whether there is a C and a C++ compiler: the ones that CC and CXX name, or the usual ones."""
    for variable, names in (("CC", ("cc", "gcc", "clang")), ("CXX", ("c++", "g++", "clang++"))):
        named = environment.get(variable, "").split()
        if named and not which(named[0]):
            return Problem(f"{variable}={environment[variable]} names no compiler", f"unset {variable}, or install it")
        if not named and not any(which(name) for name in names):
            return Problem("no C++ compiler found", packages=("g++",))
    return None


def check_disk(folder: Path, needed_gb: float, free_gb: float, torch_index: str) -> Problem | None:
    """Whether ``folder`` has room."""
    if free_gb >= needed_gb:
        return None
    smaller = (
        "" if is_cpu_index(torch_index) else f", or take PyTorch without CUDA: TORCH_INDEX_URL={CPU_INDEX} make demo"
    )
    return Problem(
        f"{folder} has {free_gb:.1f} GB free; needed: {needed_gb:.1f} GB", f"free some (see: df -h {folder}){smaller}"
    )


def is_cpu_index(torch_index: str) -> bool:
    """Whether an index of PyTorch is the one of builds without CUDA, judged by its address."""
    return torch_index.rstrip("/").endswith("/cpu")


def torch_from_elsewhere(version: str, torch_index: str) -> str:
    """A line when the installed ``version`` (2.14.1+cpu) is not one of the index that was named, else nothing."""
    wanted = torch_index.rstrip("/").rpartition("/")[2]
    if not re.fullmatch(r"cpu|xpu|cu\d+|rocm[\d.]+", wanted) or version.partition("+")[2] == wanted:
        return ""
    return (
        f"PyTorch {version} is not from {torch_index}: pip took it from another index of its own configuration, see "
        "`pip config list`. Make sure that this one answers, or take extra-index-url out, and call `make clean` first"
    )


def gb_still_needed(torch_index: str, already_bytes: int, cache_on_same_disk: bool) -> float:
    """Disk space that a set-up still needs, 10^9 bytes, where ``already_bytes`` are installed."""
    total, download = (CPU_GB, CPU_DOWNLOAD_GB) if is_cpu_index(torch_index) else (CUDA_GB, CUDA_DOWNLOAD_GB)
    return max(total - already_bytes / 1e9, 0.5) + (download if cache_on_same_disk else 0.0)


def is_on_same_disk(path: Path, other: Path) -> bool:
    """Whether what is written at ``path``, which need not exist yet, takes space from the disk of ``other``."""
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    return existing.stat().st_dev == other.stat().st_dev


def folder_bytes(folder: Path) -> int:
    """Size of all files under ``folder``; 0 where it does not exist."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def problem_lines(problems: list[Problem]) -> list[str]:
    """One line per problem, and one apt command for all that apt can mend."""
    packages = sorted({package for problem in problems for package in problem.packages})
    lines = [f"error: {problem.text}" + (f". Try: {problem.remedy}" if problem.remedy else "") for problem in problems]
    if packages:
        command = f"sudo apt install {' '.join(packages)}"
        if len(lines) == 1:
            return [f"{lines[0]}. Run: {command}"]
        lines.append(f"Run: {command}")
    return lines


NO_NETWORK = (
    "no network, or a wrong address: check both, or set HTTPS_PROXY or pip's index (pip config), and call it again"
)
NO_PYTORCH = "the index has no such PyTorch for this Python: check TORCH_INDEX_URL, or name another Python (PYTHON=...)"
KNOWN_FAILURES = (
    ("No space left on device", "the disk is full: free some space (df -h .) and call it again"),
    ("NewConnectionError", NO_NETWORK),
    ("Temporary failure in name resolution", NO_NETWORK),
    ("Read timed out", "the network is slow or was cut: call it again, what is downloaded is kept"),
    ("CERTIFICATE_VERIFY_FAILED", "the index's certificate is not trusted: pip config set global.cert FILE"),
    ("No matching distribution found for torch", NO_PYTORCH),
    ("Cannot install torch==", NO_PYTORCH),
    ("THESE PACKAGES DO NOT MATCH THE HASHES", "a download was damaged: pip cache purge, then call it again"),
)


def remedy_for(log_text: str) -> str:
    """What helps against a failed command, by the words in its output; empty where that is unknown."""
    return next((remedy for words, remedy in KNOWN_FAILURES if words in log_text), "")


def find_problems(folder: Path, torch_index: str, already_bytes: int, environment: dict[str, str]) -> list[Problem]:
    """Everything that this machine lacks for a set-up in ``folder``."""
    header = Path(sysconfig.get_path("include")) / "Python.h"
    free_gb = shutil.disk_usage(folder).free / 1e9
    cache = Path(environment.get("PIP_CACHE_DIR") or environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    needed_gb = gb_still_needed(torch_index, already_bytes, is_on_same_disk(cache, folder))
    found = [
        check_platform(platform.system(), platform.machine()),
        *check_python(sys.version_info[:2], importlib.util.find_spec("ensurepip") is not None, header),
        check_compiler(environment),
        check_disk(folder, needed_gb, free_gb, torch_index),
    ]
    return [problem for problem in found if problem is not None]

"""Fast DDS's shared memory: given back when a process leaves the graph, and cleared up after one that was killed.

Every participant has a segment of it in ``/dev/shm``, as large as ``config/fastdds.xml`` says. A process that ends
without destroying its participant leaves it there, and nobody takes it away: in months of restarts the memory is full.
"""

from __future__ import annotations

import fcntl
import gc
from contextlib import suppress
from pathlib import Path

import rclpy
from rclpy.context import Context

FOLDER = Path("/dev/shm")
PREFIXES = ("fastdds_", "fastrtps_")
"""Of Fast DDS 3 (Kilted, Lyrical) and of 2 (Jazzy)."""

PORT_PREFIXES = tuple(prefix + "port" for prefix in PREFIXES)
LOCK_SUFFIX = "_el"


def leave_graph(context: Context | None = None) -> None:
    """Shut a context down and destroy its participant. Call it before ``os._exit``, with no reference to a node left.

    The participant lives as long as any handle, and handles in reference cycles live until they are collected.

    Args:
        context: rclpy's default one without it.
    """
    rclpy.try_shutdown(context=context)
    gc.unfreeze()
    gc.collect()


def abandon() -> None:
    """Remove this process's own segments by name. Call it right before ``os._exit``, where nothing else can be done.

    They are those whose locks this process has open; what is mapped stays usable until the end.
    """
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            lock = descriptor.readlink()
            if lock.parent == FOLDER and lock.name.startswith(PREFIXES) and lock.name.endswith(LOCK_SUFFIX):
                (FOLDER / lock.name.removesuffix(LOCK_SUFFIX)).unlink(missing_ok=True)
                lock.unlink(missing_ok=True)


def segments_of(pid: int) -> frozenset[str]:
    """Names of the segments that a process has open, its own and its peers'; none where that cannot be told.

    Ports, which are small and may be taken over by the process that comes next, are not among them.
    """
    try:
        lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    paths = (Path(line.split(maxsplit=5)[-1]) for line in lines if str(FOLDER) in line)
    names = (path.name for path in paths if path.parent == FOLDER)
    return frozenset(name for name in names if name.startswith(PREFIXES) and not name.startswith(PORT_PREFIXES))


def clear(names: frozenset[str]) -> list[str]:
    """Remove those of the segments whose owner is dead; returns them.

    Who owns a segment holds a lock on the file beside it, ``NAME_el``, as long as it lives; ``fastdds shm clean``
    goes by the same lock.
    """
    return [name for name in sorted(names) if _clear_one(name)]


def _clear_one(name: str) -> bool:
    lock = FOLDER / (name + LOCK_SUFFIX)
    try:
        with lock.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (FOLDER / name).unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                lock.unlink()
    except OSError:  # it is alive, or gone already
        return False
    return True

"""Child processes that run nodes: started with a log each, watched, and ended in any case."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from spp_sorter.ros.shared_memory import clear, segments_of

_PR_SET_PDEATHSIG = 1
_TAIL_LINES = 15
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_LIBC = ctypes.CDLL(None)
"""Opened before any fork: at a fork another thread may hold the loader's lock, and the child would wait for ever."""


class ProcessError(RuntimeError):
    """A child process ended on its own; the text has the end of its log."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running node.

    Attributes:
        name: for people.
        process: its process, leader of a group of its own.
        log: where its output goes.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Processes:
    """Nodes in processes of their own; leaving the context ends them all.

    Args:
        log_folder: gets one log per process.
        environment: of the processes.
        patience_s: how long a process may take to end after SIGINT before it is killed.
    """

    def __init__(self, log_folder: Path, environment: Mapping[str, str], patience_s: float = 6.0) -> None:
        self._log_folder, self._environment, self._patience_s = log_folder, dict(environment), patience_s
        self.children: list[Child] = []

    def start(self, name: str, module: str, arguments: Sequence[str]) -> None:
        """Run ``python -m module arguments``."""
        log = self._log_folder / f"{name}.log"
        self._log_folder.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output, _undisturbed():
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_prepare_child,
            )
            self.children.append(Child(name, process, log))

    def check(self) -> None:
        """Raise ProcessError when a process has ended."""
        for child in self.children:
            code = child.process.poll()
            if code is not None:
                raise ProcessError(f"{child.name} ended with code {code}; the end of {child.log}:\n{tail(child.log)}")

    def kill(self, child: Child) -> None:
        """End one process at once, as a crash would, and clear up after it."""
        segments = segments_of(child.process.pid)
        child.process.kill()
        child.process.wait()
        self.children.remove(child)
        clear(segments)

    def stop(self) -> None:
        """End all processes: SIGINT first, SIGKILL for what does not end in time, and for what they left behind."""
        for child in self.children:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + self._patience_s
        segments = frozenset[str]().union(*(segments_of(child.process.pid) for child in self.children))
        for child in self.children:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, deadline - time.monotonic()))
            # The group of a process outlives it when it has children of its own.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
        self.children.clear()
        clear(segments)

    def __enter__(self) -> Processes:
        """Nothing is started yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all processes."""
        self.stop()


def tail(log: Path, lines: int = _TAIL_LINES) -> str:
    """The last lines of a log, indented."""
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    return "\n".join(f"  {line}" for line in text) or "  (empty)"


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold signals back, so that none comes between the start of a process and our knowing of it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare_child() -> None:
    """In the child: SIGKILL when the parent dies (Linux), and the usual signals, whatever the parent did with them."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in _ENDING_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING_SIGNALS)

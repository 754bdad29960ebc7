"""What a process takes of the machine: memory, files, threads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class ProcessSize(NamedTuple):
    """What a process takes at one moment.

    Attributes:
        rss_bytes: in memory: its own, shared memory, and what it has touched of libraries.
        private_bytes: its own alone, which is where a leak shows; the kernel drops pages of libraries as it likes.
        open_files: how many.
        threads: how many.
    """

    rss_bytes: int
    private_bytes: int
    open_files: int
    threads: int


def process_size(pid: int) -> ProcessSize:
    """What a process takes now.

    Raises:
        OSError: there is no such process.
    """
    folder = Path("/proc") / str(pid)
    resident, shared = (int(pages) for pages in (folder / "statm").read_text().split()[1:3])
    page = os.sysconf("SC_PAGE_SIZE")
    files, threads = (sum(1 for _ in (folder / name).iterdir()) for name in ("fd", "task"))
    return ProcessSize(resident * page, (resident - shared) * page, files, threads)

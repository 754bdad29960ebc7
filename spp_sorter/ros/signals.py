"""SIGINT and SIGTERM for a program that must end in time whatever it is doing."""

from __future__ import annotations

import os
import signal
import threading
import time

from spp_sorter.ros.last_resort import end_after
from spp_sorter.ros.shared_memory import abandon

END_WITHIN_S = 1.5
"""A process that was told to end does so in this time."""

STUCK_S = 1.8
"""Or in this, where native code keeps Python's lock all the while, so that no thread of Python can run."""


def end_on_signals() -> threading.Event:
    """Take SIGINT and SIGTERM over for the whole process, which ends soon after the first in any case.

    Python's own handlers do not run while a model loads or a detector hangs, but the file descriptor is written at
    once, and a thread waits for it. The context stays valid, so that the picks can still be taken back. Where not even
    that thread can run, the process says on stderr where it is, and ends without giving its shared memory back.

    Returns:
        Set when a signal has come.
    """
    ending = threading.Event()
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)

    def wait() -> None:
        os.read(readable, 1)
        end_after(STUCK_S, 0)
        ending.set()
        time.sleep(END_WITHIN_S)
        abandon()
        os._exit(0)

    threading.Thread(target=wait, name="signals", daemon=True).start()
    return ending

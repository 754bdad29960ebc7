"""SIGINT and SIGTERM for a program that must end in time whatever it is doing."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time

from spp_sorter.ros.shared_memory import abandon

END_WITHIN_S = 1.5
"""A process that was told to end does so in this time."""

STUCK_S = 1.8
"""Or in this, where native code has kept Python's lock all the while and no thread could run."""


def end_on_signals() -> threading.Event:
    """Take SIGINT and SIGTERM over for the whole process, which ends soon after the first in any case.

    Python's own handlers do not run while a model loads or a detector hangs, but the file descriptor is written at
    once, and a thread waits for it. The context stays valid, so that the picks can still be taken back. The exit code
    is 1 where not even that thread could run for ``STUCK_S``.

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
        ending.set()
        # Fast DDS's wheels may spin for ever in its clean-up (github.com/eProsima/Fast-DDS/issues/6513).
        faulthandler.dump_traceback_later(STUCK_S, exit=True)
        time.sleep(END_WITHIN_S)
        abandon()
        os._exit(0)

    threading.Thread(target=wait, name="signals", daemon=True).start()
    return ending

"""SIGINT and SIGTERM for a program that must end in time whatever it is doing."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import threading
import time

from spp_sorter.ros.shared_memory import abandon

END_WITHIN_S = 1.5
"""A process that was told to end does so in this time."""

STUCK_S = 1.8
"""Or in this, where native code keeps Python's lock all the while, so that no thread of Python can run."""

_SIGEV_THREAD = 2  # of Linux's <bits/sigevent-consts.h>


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
        # Fast DDS may take two seconds for its clean-up, or for ever (github.com/eProsima/Fast-DDS/issues/6513).
        exit_without_python(STUCK_S)
        faulthandler.dump_traceback_later(STUCK_S - 0.05, file=2)
        ending.set()
        time.sleep(END_WITHIN_S)
        abandon()
        os._exit(0)

    threading.Thread(target=wait, name="signals", daemon=True).start()
    return ending


class _Notice(ctypes.Structure):
    """``struct sigevent`` of Linux on 64 bits, as far as SIGEV_THREAD reads it; 64 bytes in all."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("kind", ctypes.c_int),
        ("function", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("rest", ctypes.c_char * 32),
    )


def exit_without_python(seconds: float) -> None:
    """Have the C library call ``_exit(0)`` after so many seconds, whatever Python does then (POSIX ``timer_create``).

    Where the C library has no timers nothing happens.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "timer_create"):
        return
    notice = _Notice(kind=_SIGEV_THREAD, function=ctypes.cast(libc._exit, ctypes.c_void_p))
    timer = ctypes.c_void_p()
    if libc.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(notice), ctypes.byref(timer)) == 0:
        whole = int(seconds)
        when = (ctypes.c_long * 4)(0, 0, whole, round((seconds - whole) * 1e9))  # struct itimerspec: no interval
        libc.timer_settime(timer, 0, ctypes.byref(when), None)

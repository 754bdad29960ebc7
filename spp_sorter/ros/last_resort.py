"""The end of a process in which native code keeps Python's lock, so that no thread of Python can run.

The Fast DDS of the wheels does that now and then while it creates or destroys a participant
(github.com/eProsima/Fast-DDS/issues/6513): for two seconds, or for ever.
"""

from __future__ import annotations

import ctypes
import faulthandler
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGEV_THREAD = 2  # of Linux's <bits/sigevent-consts.h>
_SAY_BEFORE_S = 0.05


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


def end_after(seconds: float, code: int) -> Callable[[], None]:
    """Have the C library end the process after so many seconds, whatever Python does then (POSIX ``timer_create``).

    Right before that all threads' tracebacks go to file descriptor 2. Where the C library has no timers nothing ends.

    Args:
        seconds: above 0.05; only the last call's tracebacks are written.
        code: the process's exit code.

    Returns:
        Call it and the process goes on.
    """
    faulthandler.dump_traceback_later(seconds - _SAY_BEFORE_S, file=2)
    libc = ctypes.CDLL(None)
    timer = ctypes.c_void_p()
    is_set = False
    if hasattr(libc, "timer_create"):
        function = ctypes.cast(libc._exit, ctypes.c_void_p)
        notice = _Notice(value=code, kind=_SIGEV_THREAD, function=function)
        is_set = libc.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(notice), ctypes.byref(timer)) == 0
    if is_set:
        whole = int(seconds)
        when = (ctypes.c_long * 4)(0, 0, whole, round((seconds - whole) * 1e9))  # struct itimerspec: no interval
        libc.timer_settime(timer, 0, ctypes.byref(when), None)

    def go_on() -> None:
        faulthandler.cancel_dump_traceback_later()
        if is_set:
            libc.timer_delete(timer)

    return go_on


@contextmanager
def must_end_within(seconds: float, code: int) -> Iterator[None]:
    """End the process with ``code`` if the block takes longer than so many seconds."""
    go_on = end_after(seconds, code)
    try:
        yield
    finally:
        go_on()

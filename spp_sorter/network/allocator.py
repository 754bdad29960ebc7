"""Memory of the process: what a picture's tensors gave back is kept for the next picture's."""

from __future__ import annotations

import ctypes
import functools
import gc

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
_NEVER = 1 << 30


@functools.cache
def keep_freed_memory() -> bool:
    """Tell the C library to keep what is freed, for the whole process.

    glibc gives every block over 128 KiB back to the kernel, and an inference on the CPU has dozens: some 5000 page
    faults a picture, a fifth of its time. The process stays at its largest size instead.

    Returns:
        Whether the C library did so; others than glibc know no such setting.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_THRESHOLD, _NEVER) and mallopt(_M_TRIM_THRESHOLD, _NEVER))


def give_back_freed_memory() -> None:
    """Give what is freed back to the kernel now, cycles of garbage included, whatever ``keep_freed_memory`` set.

    What lies between pieces in use grows slowly without it: with every model that takes another's place, and with every
    new size of pictures. C libraries other than glibc know no such call, and keep what they keep.
    """
    gc.collect()
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)

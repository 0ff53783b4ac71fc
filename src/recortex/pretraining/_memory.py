"""Freed memory that stays with the process: what one step of a training gives back, the next one takes again."""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, MMAP_MAX = -1, -4  # numbers of glibc's mallopt(3)


def keep_freed_memory() -> bool:
    """Ask the C library not to hand freed memory back to the system.

    Every step of a training frees large arrays and wants as large ones at once. Handed back and fetched anew they arrive page by page,
    which can take half the time of a step on a virtual machine.

    Returns
    -------
    bool
        Whether it does so: glibc does, other libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(MMAP_MAX, 0)) and bool(mallopt(TRIM_THRESHOLD, 2**31 - 1))

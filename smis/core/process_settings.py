"""What a process that uses torch sets for itself: how threads wait, and what happens to freed memory."""

import ctypes
import os
from contextlib import suppress

MALLOC_ENVIRONMENT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}
"""Environment variables with which a started process keeps the memory that it frees (glibc)."""
SPINNING_ENVIRONMENT = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}
"""Environment variables with which OpenMP threads sleep soon: rounds of GNU's runtime, milliseconds of LLVM's and
Intel's, whose default is 200."""
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""glibc's parameter numbers of the same two."""


def limit_spinning() -> None:
    """Let OpenMP threads sleep soon when they wait; to be called before torch is imported, which reads it once.

    Beside one busy process, threads that spin at every barrier make a training step take up to 90 times as long. Child
    processes inherit it, and a value that a person has set stays.
    """
    for name, value in SPINNING_ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def keep_freed_memory() -> None:
    """Keep freed memory in this process from now on, up to 2 GiB; does nothing without glibc.

    Otherwise glibc returns large blocks, and each new block waits for its pages: that is a fifth of a training step on
    a CPU at the published sizes, and a quarter of drawing a picture or of reading Cityscapes.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(_MMAP_MAX, 0)

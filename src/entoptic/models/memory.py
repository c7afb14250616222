"""Memory of the CPU, kept between steps; and how to tell that memory has run out."""

from __future__ import annotations

import ctypes
import functools
import platform

import torch

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

# Blocks up to this size are kept for the next step; larger ones, of pictures of many megapixels, go
# back to the system as usual.
_LARGEST_KEPT = 1 << 28
# So much may lie unused at the top of the heap.
_KEPT_IN_ALL = (1 << 31) - 1

# What torch says where it has no error of its own for it: its allocators, and cuBLAS.
_SAYINGS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)


@functools.cache
def keep_freed_memory() -> bool:
    """Let glibc keep what a step frees, for the next step to use.

    A step takes and frees the same large blocks as the one before it. By default glibc returns
    them to the system each time, which then clears every page anew: a third of a step's time. The
    setting holds for the process; other C libraries are left alone.

    Returns:
        Whether glibc took the setting.

    Source: mallopt(3).
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    sizes = ((_M_MMAP_THRESHOLD, _LARGEST_KEPT), (_M_TRIM_THRESHOLD, _KEPT_IN_ALL))
    return all(mallopt(name, size) == 1 for name, size in sizes)


def return_freed_memory() -> None:
    """Give back to the system what `keep_freed_memory` has kept.

    Source: malloc_trim(3).
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory has run out."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(each in str(error) for each in _SAYINGS)
    )

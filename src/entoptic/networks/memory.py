"""Memory: how much there is, how much a step takes, that of the CPU kept between steps, and whether
it has run out."""

from __future__ import annotations

import ctypes
import functools
import math
import os
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from entoptic.errors import NotEnoughMemory
from entoptic.layers import Layer, LayerInfo

# What a step keeps for the gradient and works with, beside the outputs of all layers: measured with
# SqueezeNet, VGG-16, GoogLeNet and ResNet-50, it takes up to 1.25 times those outputs, and up to
# 1.55 times where tiles differ in size.
_BESIDES = 1.7
# Where neither the system nor the user says how much memory there is.
_ASSUMED = 4 << 30

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


@runtime_checkable
class _Measured(Protocol):
    """A network whose layers are known: a Model."""

    def modules_by_address(self) -> Mapping[str, nn.Module]:
        """Return its modules by address."""

    def reached(self, size: tuple[int, int]) -> Mapping[Layer, LayerInfo]:
        """Return the layer table of what runs on an image of a size."""


def step_bytes(model: _Measured, layers: Iterable[Layer], size: tuple[int, int]) -> float:
    """Estimate the memory that the gradient of an image of (height, width) takes at its peak."""
    wanted = set(layers)
    innermost = {
        name for name, module in model.modules_by_address().items() if not [*module.children()]
    }
    total, needed = 12.0 * math.prod(size), 0.0
    for layer, info in model.reached(size).items():
        if layer.port == "output" and layer.name in innermost:
            total += 4 * math.prod(info.shape)
        if layer in wanted:
            needed = total  # nothing after the deepest of them runs
    return _BESIDES * needed


def check_memory(
    needed: float,
    size: tuple[int, int],
    device: torch.device,
    others: str = ", or a layer that comes earlier",
) -> None:
    """Refuse what memory has no room for, in words, before the system ends the program for it.

    Args:
        needed: bytes, for a picture
        size: of (height, width).
        device: where.
        others: what to try beside a smaller size.

    Raises:
        NotEnoughMemory: with the size that fits.
    """
    free = free_memory(device)
    if needed <= free:
        return
    fits = int(max(size) * math.sqrt(free / needed))
    raise NotEnoughMemory(
        f"a picture of {size[0]}x{size[1]} (height x width) takes about {needed / 1e9:,.1f} GB, "
        f"and {device} has {free / 1e9:,.1f} GB free; try a size of about {fits}{others}"
    )


def free_memory(device: torch.device) -> float:
    """Return the bytes that this program could still take."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return max(0, min(_of_system(), _of_group(), _of_process()))


def _of_system() -> float:
    try:
        text = Path("/proc/meminfo").read_text()
        return int(re.findall(r"MemAvailable:\s*(\d+) kB", text)[0]) * 1024
    except (OSError, IndexError):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        return _ASSUMED


def _of_group() -> float:
    """Return the bytes left to the container that this runs in, if it has a limit."""
    group = Path("/sys/fs/cgroup")
    try:
        most = int((group / "memory.max").read_text())
        return most - int((group / "memory.current").read_text())
    except (OSError, ValueError):  # no such group, or no limit ("max")
        return math.inf


def _of_process() -> float:
    """Return the bytes that the user's own limit (`ulimit -v`) leaves."""
    try:
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (ImportError, OSError, IndexError):  # not on Windows
        return math.inf
    return math.inf if most == resource.RLIM_INFINITY else most - taken


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory has run out."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(each in str(error) for each in _SAYINGS)
    )

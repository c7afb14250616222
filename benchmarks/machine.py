"""What a machine can do, and what a process takes of its memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from entoptic import errors, networks as models

# Sides of the matrices, and bytes that are copied: enough to keep each device busy.
_SIDE = {"cpu": 2048, "cuda": 8192}
_COPIED = {"cpu": 2**28, "cuda": 2**31}

_REPEATS = {"cpu": 1, "cuda": 10}


def chosen(name: str) -> torch.device:
    """The device of the command line.

    Raises:
        SystemExit: there is none such.
    """
    try:
        return models.device(name)
    except errors.BadSetting as error:
        sys.exit(str(error))


def synchronise(device: torch.device) -> None:
    """Wait for all that the device has been told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def products(dtype: torch.dtype, device: torch.device) -> float:
    """Floating point operations per second of a product of matrices."""
    side = _SIDE[device.type]
    one, other = (torch.rand((side, side), device=device).to(dtype) for _ in range(2))
    return 2 * side**3 / _seconds(lambda: one @ other, device)


def copies(device: torch.device) -> float:
    """Bytes per second that a copy within the device's memory reads and writes."""
    source = torch.ones(_COPIED[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * source.numel() / _seconds(lambda: target.copy_(source), device)


def _seconds(work: Callable[[], Tensor], device: torch.device) -> float:
    """Of one piece of work, once it has been done before."""
    work()
    synchronise(device)
    started = time.perf_counter()
    for _ in range(_REPEATS[device.type]):
        work()
    synchronise(device)
    return (time.perf_counter() - started) / _REPEATS[device.type]


class Peak:
    """The most bytes that are taken from now on, beyond what is taken already.

    On a CPU Linux tells it of the whole process, on a CUDA device torch of its tensors.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            synchronise(device)
            torch.cuda.reset_peak_memory_stats(device)
        else:
            Path("/proc/self/clear_refs").write_text("5")  # the peak is what there is now
        self.before = self._most()

    def bytes(self) -> int:
        synchronise(self.device)
        return self._most() - self.before

    def _most(self) -> int:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        lines = Path("/proc/self/status").read_text().splitlines()
        (line,) = [line for line in lines if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024


def named(device: torch.device) -> str:
    """What a reader knows the device by."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)

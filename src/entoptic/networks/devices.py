"""Devices to compute on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import torch

from entoptic.checks import refused
from entoptic.errors import BadSetting

# Of those that torch knows, the ones that compute; `meta`, for one, doesn't.
_KINDS = ("cpu", "cuda", "mps", "xpu")

# Devices that work is spread over: each takes threads and memory of its own.
_MOST = 64


def device(name: str | torch.device = "auto") -> torch.device:
    """Return a device by name.

    Args:
        name: `auto` (the fastest there is), `cpu`, `cuda`, `cuda:1`, `mps`; or one of torch's.

    Raises:
        BadSetting: torch has no such device here.

    >>> device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device(_best())
    try:
        chosen = torch.device(name)
    except RuntimeError:
        chosen = None
    if chosen is None or chosen.type not in _KINDS:
        raise BadSetting(
            f"no device is called {str(name)!r}; there are auto, cpu, cuda, cuda:1 and mps"
        )
    try:
        torch.zeros(1, device=chosen).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise BadSetting(f"no device {str(name)!r} here ({reason}); try --device auto") from None
    return chosen


DeviceLike: TypeAlias = str | torch.device | Sequence[str | torch.device]
"""Devices as users give them: names with commas between, one of torch's, or a list of them."""


def devices(names: DeviceLike = "auto") -> tuple[torch.device, ...]:
    """Return the devices among which work that falls into parts is spread.

    Args:
        names: one name or several with commas between, such as `cuda:0,cuda:1`, or a list of
            them or of torch's devices; a device named twice works on two parts at a time. `auto`
            is all CUDA devices of the machine, or else the fastest device that there is.

    Raises:
        BadSetting: torch has no such device here.

    >>> devices("cpu,cpu")
    (device(type='cpu'), device(type='cpu'))
    """
    names = _names(names)
    if names.count(",") >= _MOST:
        raise BadSetting(f"{names.count(',') + 1} devices; name {_MOST} at most")
    several = torch.cuda.device_count()
    if names == "auto" and several > 1:
        return tuple(torch.device("cuda", number) for number in range(several))
    return tuple(device(name.strip()) for name in names.split(","))


def _names(given: DeviceLike) -> str:
    """Return names with commas between."""
    several = given if isinstance(given, list | tuple) else (given,)
    if not several or not all(isinstance(each, str | torch.device) for each in several):
        raise refused("device", given, "must be a name such as cpu, or one of torch's devices")
    return ",".join(map(str, several))


def at_a_time(found: Sequence[torch.device], most: int) -> tuple[torch.device, ...]:
    """Return a CPU as several workers, each with its share of the cores; else the devices.

    Args:
        found: from `devices("auto")`.
        most: workers that are of use.
    """
    if [each.type for each in found] != ["cpu"]:
        return tuple(found)
    return (*found,) * max(1, min(torch.get_num_threads(), most))


@contextmanager
def share_of_cores(whole: int, sharing: int) -> Iterator[None]:
    """Let the calling thread compute on its share of a number of cores during a `with`.

    Args:
        whole: what `torch.get_num_threads` says before any share is taken.
        sharing: threads that share them.
    """
    if sharing > 1:
        torch.set_num_threads(max(1, whole // sharing))
    try:
        yield
    finally:
        if sharing > 1:
            # Of this thread; and of those that begin from now on.
            torch.set_num_threads(whole)


def _best() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"

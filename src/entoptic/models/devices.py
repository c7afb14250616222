"""Where to compute."""

from __future__ import annotations

import torch

from entoptic.errors import BadSetting

# Of those that torch knows, the ones that compute; `meta`, for one, doesn't.
_KINDS = ("cpu", "cuda", "mps", "xpu")


def device(name: str = "auto") -> torch.device:
    """A device by name.

    Args:
        name: `auto` (the fastest there is), `cpu`, `cuda`, `cuda:1`, `mps`.

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
        raise BadSetting(f"no device is called {name!r}; there are auto, cpu, cuda, cuda:1 and mps")
    try:
        torch.zeros(1, device=chosen).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise BadSetting(f"no device {name!r} here ({reason}); try --device auto") from None
    return chosen


def devices(names: str = "auto") -> tuple[torch.device, ...]:
    """The devices among which work that falls into parts is spread.

    Args:
        names: one name or several with commas between, such as `cuda:0,cuda:1`; a device named
            twice works on two parts at a time. `auto` is all CUDA devices of the machine, or else
            the fastest device that there is.

    Raises:
        BadSetting: torch has no such device here.

    >>> devices("cpu,cpu")
    (device(type='cpu'), device(type='cpu'))
    """
    several = torch.cuda.device_count()
    if names == "auto" and several > 1:
        return tuple(torch.device("cuda", number) for number in range(several))
    return tuple(device(name.strip()) for name in names.split(","))


def _best() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"

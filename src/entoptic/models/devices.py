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


def _best() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"

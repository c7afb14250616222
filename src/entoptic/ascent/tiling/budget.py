"""Free memory, the memory of a step, and the size of tiles that follows."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

from entoptic.ascent.tiling.shares import Shares
from entoptic.errors import BadSetting
from entoptic.networks import Model
from entoptic.networks.memory import check_memory, free_memory, step_bytes
from entoptic.objectives import Objective

# Copies of the picture that a dream in one piece holds at once: photo, base, canvas, gradient, what
# is added, and those that operations make meanwhile.
_COPIES = 8
_COPIES_THERE = 3  # on another device, while the photo and the base are here too
# A layer as a whole, its gradient, and what an objective keeps of it for that.
_WHOLE = 4
# Of the memory that is free, how much a dream may take where nobody says.
_FREE_SHARE = 0.5
# Bands of stored pictures, and what Python and torch take while they run.
_BANDS = 400 << 20


def tile_side(
    model: Model,
    objective: Objective,
    size: tuple[int, int],
    devices: Sequence[torch.device],
    memory: int | None,
    *,
    spare: int = 0,
) -> int | None:
    """The side of the largest tiles that memory has room for; None where the whole has room.

    Args:
        model: the network.
        objective: what is scored.
        size: (height, width) of the picture.
        devices: where to compute; the whole would be on the first, tiles are on all at a time.
        memory: that the program may use in all, and on each other device; None for half of what is
            free.
        spare: bytes of the CPU's memory that are taken now, and given back before tiles are shown.

    Raises:
        BadSetting: there is no room for layers that the objective needs as a whole.
    """
    budget = bytes_to_use(devices[0], memory)
    pixels = math.prod(size)
    sample = min(size[0], 512), min(size[1], 512)
    per_pixel = step_bytes(model, objective.layers(), sample) / math.prod(sample)
    here = devices[0].type == "cpu"
    picture = 12 * (_COPIES if here else _COPIES_THERE) * pixels
    # As long as a picture is in one piece, nothing of it is given back.
    if picture + per_pixel * pixels <= budget:
        return None
    whole = _whole_bytes(model, objective, size)
    # Each device has room for its own; all have the layers that are seen as wholes, or a part.
    room = math.inf
    for device, tiles in Counter(devices).items():
        more = spare - _BANDS if device.type == "cpu" else 0
        room = min(room, (bytes_to_use(device, memory) - whole + more) / tiles)
    if room <= 0:
        needed = f"{(memory or budget) / 1e9 - room / 1e9:.2g} GB"
        raise BadSetting(
            f"a picture of {size[0]}x{size[1]} (height x width) needs more than {needed} for "
            f"{objective!r}, whatever the tiles; allow more (--memory), make it smaller, or leave "
            "out terms that aren't means over positions"
        )
    return max(1, math.isqrt(int(room / per_pixel)))


def check_dream(
    model: Model,
    objective: Objective,
    size: tuple[int, int],
    device: torch.device,
    side: int | None,
    count: int = 1,
) -> None:
    """Refuse a dream whose steps memory can't hold.

    Args:
        model: the network.
        objective: what is scored.
        size: (height, width) of the picture.
        device: where to compute.
        side: of the tiles; None where the whole is shown.
        count: of pictures at a time.

    Raises:
        NotEnoughMemory: with what fits.
    """
    shown = size if side is None else (min(side, size[0]), min(side, size[1]))
    copies = _COPIES if device.type == "cpu" else _COPIES_THERE
    needed = step_bytes(model, objective.layers(), shown) + 12 * copies * math.prod(shown)
    if side is not None:
        needed += _whole_bytes(model, objective, size)
    check_memory(count * needed, size, device, ", or let tiles be made (--tile auto)")


def pictures_at_once(
    model: Model,
    objective: Objective,
    size: tuple[int, int],
    device: torch.device,
    memory: int | None,
) -> int:
    """Return how many pictures of (height, width) fit into memory together; at least 1.

    Args:
        model: the network.
        objective: what is scored.
        size: (height, width) of each picture.
        device: where to compute.
        memory: that the program may use in all; None for half of what is free.
    """
    copies = _COPIES if device.type == "cpu" else _COPIES_THERE
    each = 12 * copies * math.prod(size) + step_bytes(model, objective.layers(), size)
    return max(1, int(bytes_to_use(device, memory) / each))


def _whole_bytes(model: Model, objective: Objective, size: tuple[int, int]) -> float:
    """Return the bytes of layers that can't be scored tile by tile, with their gradients."""
    layers = Shares.of(objective).whole_layers
    return sum(_WHOLE * 4.0 * math.prod(model.info(layer, size).shape) for layer in layers)


def bytes_to_use(device: torch.device, memory: int | None) -> float:
    """Bytes that may be taken from now on."""
    if device.type == "cuda":
        free = free_memory(device)
        return free * _FREE_SHARE if memory is None else min(free, memory)
    return free_memory(device) * _FREE_SHARE if memory is None else memory - _used()


def _used() -> int:
    """Memory that this program has taken so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 1 << 29  # of Python with torch and a network

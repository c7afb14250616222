"""Memory for pictures that are optimised together: how many fit, and what if it runs out."""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar, runtime_checkable

import torch

from entoptic.ascent.tiling.budget import bytes_to_use
from entoptic.errors import NotEnoughMemory
from entoptic.layers import Layer
from entoptic.networks import Model
from entoptic.networks.memory import check_memory, out_of_memory, return_freed_memory, step_bytes
from entoptic.transforms import RandomCrops, Transform

# More at a time are seen late and gain little. On a CPU core SqueezeNet 1.1 made, up to fire7 at
# 224 pixels in bf16, 106 steps of one picture a second in twos, 126 in fours, 140 in eights, 145 to
# 156 in sixteens; two batches at a time on two cores 250 in eights, 220 to 252 in sixteens. The
# other two are bounds, not measurements: a GPU has long been busy with as many, and where it shares
# its memory with the CPU, an estimate that is wrong costs more.
_MOST = {"cpu": 8, "cuda": 256}
_MOST_ELSEWHERE = 32

# Copies of a picture that the step itself holds: the canvas's parameters, their gradients and two
# moments, the picture, its gradient, and what the transforms make of it.
_COPIES = 8

Result = TypeVar("Result")
Work = TypeVar("Work", bound="CanBeLighter")


@runtime_checkable
class CanBeLighter(Protocol):
    """Work that may be done with less memory at a time."""

    def lighter(self: Work) -> Work | None:
        """The same work with less memory; None where that can't be."""


def roomy_batch(
    model: Model,
    layers: Collection[Layer],
    size: tuple[int, int],
    transforms: Sequence[Transform],
    places: Sequence[torch.device],
    most: int,
) -> int:
    """Return how many pictures to optimise together: as many as fit into memory and are of use.

    Args:
        model: the network.
        layers: that it is run to.
        size: (height, width) of a picture.
        transforms: of a step.
        places: the devices, one of them as often as so many batches run on it at a time.
        most: how many there may be at all.
    """
    each = picture_bytes(model, layers, size, transforms)
    rooms = [_room(place) / sharing / each for place, sharing in Counter(places).items()]
    useful = min(_MOST.get(place.type, _MOST_ELSEWHERE) for place in places)
    return max(1, min(most, useful, int(min(rooms))))


def picture_bytes(
    model: Model,
    layers: Collection[Layer],
    size: tuple[int, int],
    transforms: Sequence[Transform] = (),
) -> float:
    """Return the bytes of a step of one picture, of which crops make several."""
    own = 12.0 * _COPIES * math.prod(size)
    crops = 1
    for each in transforms:
        if isinstance(each, RandomCrops):
            crops, size = crops * each.count, each.size or size
    return own + crops * step_bytes(model, layers, size)


def check_picture(
    model: Model, layers: Collection[Layer], size: tuple[int, int], place: torch.device
) -> None:
    """Refuse a size at which one picture alone is too much.

    Raises:
        NotEnoughMemory: with the size that fits.
        UnknownLayer: the network hasn't one of the layers.
    """
    resolved = {model.resolve(each) for each in layers}
    check_memory(picture_bytes(model, resolved, size), size, place)


def _room(place: torch.device) -> float:
    """Bytes that pictures may take."""
    if place.type == "cuda":
        torch.cuda.empty_cache()  # what an earlier run has left isn't counted as free
    return bytes_to_use(place, None)


@contextmanager
def enough_memory(message: str) -> Iterator[None]:
    """Raise NotEnoughMemory with the message where memory runs out during a `with`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise NotEnoughMemory(message) from None


def within_memory(work: Work, do: Callable[[Work], Result]) -> Result:
    """Do some work; where memory runs out, begin again with less at a time.

    Raises:
        NotEnoughMemory: it can't be done with less.
    """
    while True:
        try:
            return do(work)
        except NotEnoughMemory:
            lighter = work.lighter()
            if lighter is None:
                raise
            work = lighter
        # Here, since the error holds what has been tried.
        _give_back()


def _give_back() -> None:
    """Give back to the devices what nothing holds any more."""
    gc.collect()
    return_freed_memory()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

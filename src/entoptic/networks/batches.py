"""Images of a batch, each run as if it were alone; where a network can't, one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from entoptic.layers import Layer
from entoptic.networks.memory import out_of_memory

Run: TypeAlias = Callable[[Tensor], Mapping[Layer, Tensor]]
"""Activations of some layers for (batch, channels, height, width)."""

# What a forward pass may raise; any code may be in it.
FAILURES = (
    RuntimeError,
    ValueError,
    TypeError,
    AssertionError,
    LookupError,
    AttributeError,
    ArithmeticError,
    ImportError,
    OSError,
)


@torch.no_grad()
def keeps_apart(run: Run, image: Tensor, alike: Callable[[Tensor, Tensor], bool]) -> bool:
    """Return whether a network gives the same for two images as for each of them alone.

    Networks that were exported for a batch of one may not: they refuse two, give one picture's
    values for both, or mix them.

    Args:
        run: the network.
        image: (batch, channels, height, width), of which the first one is shown, and noise.
        alike: whether two values are the same but for rounding.
    """
    rng = torch.Generator().manual_seed(0)
    noise = torch.rand(image[:1].shape, generator=rng).to(image)
    pair = torch.cat([image[:1], noise])
    alone = joined([run(each) for each in torch.split(pair, 1)])
    try:
        both = run(pair)
    except FAILURES as failure:
        if out_of_memory(failure):
            raise
        return False
    return all(alike(both[layer], alone[layer]) for layer in alone)


def joined(pictures: Sequence[Mapping[Layer, Tensor]]) -> dict[Layer, Tensor]:
    """Return activations of images one by one as a network gives them for all at a time."""
    return {
        layer: torch.cat([each[layer] for each in pictures], batch_axis(first.shape))
        for layer, first in pictures[0].items()
    }


def batch_axis(shape: Sequence[int]) -> int:
    """Return the batch axis of a layer's output for one image: the second of (tokens, 1, C)."""
    return int(len(shape) == 3 and shape[0] != 1 and shape[1] == 1)


def per_picture(value: Tensor, pictures: int) -> Tensor:
    """Return a layer's output with at least two axes; all its numbers in one row are shared out."""
    return value if value.ndim > 1 else value.reshape(pictures, -1)

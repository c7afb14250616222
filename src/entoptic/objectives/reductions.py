"""From activations to one number per image: what several words share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from entoptic.objectives.kinds import Vector
from entoptic.types import Scores

# A direction that is as good as missed still pulls; lucid's floor of the cosine.
_LEAST_COSINE = 0.1


def over_all(values: Tensor, reduction: Callable[..., Any]) -> Scores:
    """Mean or sum over all axes but the batch, in whatever order they lie in memory."""
    reduced: Tensor = reduction(values, tuple(range(1, values.ndim)))
    return reduced


def over_places(values: Tensor) -> Scores:
    """Mean over all axes but the batch, of which there may be none."""
    return values.reshape(len(values), -1).mean(1)


def in_a_row(values: Tensor) -> Tensor:
    """(batch, channels, places); a layer without rows and columns is one place."""
    return values.reshape(*values.shape[:2], -1)


def at_place(values: Tensor, row: int | None, column: int | None) -> Tensor:
    """(batch, channels) at one place, by default the middle (height // 2, width // 2)."""
    height, width = values.shape[2:]
    row = height // 2 if row is None else row
    column = width // 2 if column is None else column
    return values[:, :, row, column]


def for_channels(vector: Vector, values: Tensor) -> Tensor:
    """A vector as a tensor that broadcasts over the batch and the places of activations."""
    numbers = _tensor(vector, values.device, values.dtype)
    return numbers.reshape(1, -1, *[1] * (values.ndim - 2))


def dot_cosine(values: Tensor, others: Tensor, power: float) -> Tensor:
    """Dot product over channels times the cosine, at least 0.1, to a power; at each place."""
    dot = (values * others).sum(1)
    if power == 0:
        return dot
    cosine = functional.cosine_similarity(values, others, dim=1)
    return dot * cosine.clamp(min=_LEAST_COSINE) ** power


def gram(values: Tensor) -> Tensor:
    """(batch, channels, channels): mean product of each channel with each, over places."""
    places = in_a_row(values)
    return torch.einsum("bcp,bdp->bcd", places, places) / places.shape[2]


@functools.lru_cache(maxsize=64)
def _tensor(vector: Vector, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The numbers where the network is, brought there once and not in every step."""
    return torch.tensor(vector, device=device, dtype=dtype)

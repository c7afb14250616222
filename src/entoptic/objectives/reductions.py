"""From activations to one number per image: what several terms share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from entoptic.errors import BadSetting
from entoptic.layers import Layer
from entoptic.objectives.from_files import FileRow
from entoptic.objectives.kinds import Block, Matrix, Vector
from entoptic.types import Scores

# Even a nearly orthogonal direction has a gradient; lucid's floor of the cosine.
_LEAST_COSINE = 0.1


# What is compared each with each, before its memory is taken: 2 GiB, and as much for the gradient.
_MOST_PAIRS = 1 << 29


def over_all(values: Tensor, reduction: Callable[..., Any]) -> Scores:
    """Mean or sum over all axes but the batch, in whatever order they lie in memory."""
    reduced: Tensor = reduction(values, tuple(range(1, values.ndim)))
    return reduced


def over_positions(values: Tensor) -> Scores:
    """Mean over all axes but the batch, of which there may be none."""
    return values.reshape(len(values), -1).mean(1)


def in_a_row(values: Tensor) -> Tensor:
    """(batch, channels, positions); a layer without rows and columns is one position."""
    return values.reshape(*values.shape[:2], -1)


def at_position(values: Tensor, row: int | None, column: int | None) -> Tensor:
    """(batch, channels) at one position, by default the middle (height // 2, width // 2)."""
    if values.ndim == 2:  # a layer without rows and columns
        return values
    height, width = values.shape[2:]
    row = height // 2 if row is None else row
    column = width // 2 if column is None else column
    return values[:, :, row, column]


def for_channels(vector: Vector, values: Tensor) -> Tensor:
    """A vector as a tensor that broadcasts over the batch and the positions of activations."""
    numbers = _tensor(_plain(vector), values.device, values.dtype)
    return numbers.reshape(1, -1, *[1] * (values.ndim - 2))


def whitened(vector: Vector, whitening: Matrix, values: Tensor) -> Tensor:
    """A direction times a matrix, as `for_channels`."""
    numbers = _tensor(whitening, values.device, values.dtype) @ _tensor(
        _plain(vector), values.device, values.dtype
    )
    return numbers.reshape(1, -1, *[1] * (values.ndim - 2))


def as_block(numbers: Block, values: Tensor) -> Tensor:
    """Numbers for channels and positions as a tensor beside activations, for all images."""
    return _tensor(numbers, values.device, values.dtype)[None]


def in_the_middle(values: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Return the parts that two maps share when their middles lie on each other."""
    size = [min(pair) for pair in zip(values.shape[2:], others.shape[2:], strict=True)]
    ours, theirs = (_middle(each, *size) for each in (values, others))
    return ours, theirs


def dot_cosine(values: Tensor, others: Tensor, power: float) -> Tensor:
    """Dot product over channels times the cosine, at least 0.1, to a power; at each position."""
    dot = (values * others).sum(1)
    if power == 0:
        return dot
    cosine = functional.cosine_similarity(values, others, dim=1)
    return dot * cosine.clamp(min=_LEAST_COSINE) ** power


def gram(values: Tensor) -> Tensor:
    """(batch, channels, channels): mean product of each channel with each, over positions."""
    positions = in_a_row(values)
    return torch.einsum("bcp,bdp->bcd", positions, positions) / positions.shape[2]


def check_pairs(word: str, layer: Layer, what: str, count: int) -> None:
    """Refuse a comparison of each with each that memory has no room for.

    Raises:
        BadSetting: of so many pairs.
    """
    if count > _MOST_PAIRS:
        raise BadSetting(
            f"{word} compares the {what} of {str(layer)!r} in {count:.3g} pairs, more than the "
            f"limit of {_MOST_PAIRS:.3g}; take another layer, or a smaller picture"
        )


def _plain(vector: Vector) -> tuple[float, ...]:
    """Return the numbers of a vector, also of one that was read from a file."""
    return vector.numbers if isinstance(vector, FileRow) else vector


def _middle(values: Tensor, height: int, width: int) -> Tensor:
    top, left = (values.shape[-2] - height) // 2, (values.shape[-1] - width) // 2
    return values[..., top : top + height, left : left + width]


@functools.lru_cache(maxsize=64)
def _tensor(
    numbers: tuple[float, ...] | Matrix | Block, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """The numbers where the network is, brought there once and not in every step."""
    return torch.tensor(numbers, device=device, dtype=dtype)

"""What a transform is, and how it draws its chance."""

from __future__ import annotations

import math
from typing import Any, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

from entoptic.checks import Meaning, refused
from entoptic.errors import BadSetting
from entoptic.types import Planes

Range: TypeAlias = float | tuple[float, float]
"""What a number is drawn from, uniformly: a stands for -a..a, a pair for its low..high."""


@runtime_checkable
class Transform(Protocol):
    """A random, differentiable change of an image; all chance comes from the generator.

    It may answer with several copies of the batch, the whole batch once and then again; `ascend`
    takes the mean of their scores, image by image.
    """

    def __call__(self, image: Planes, rng: torch.Generator) -> Planes:
        """The changed image, on the same device."""


def span(each: Meaning, most: float = math.inf) -> Meaning:
    """A range: a number a, 0 or more, for -a..a; or a pair (low, high).

    Args:
        each: what the ends must be.
        most: how far from 0 they may be.
    """
    limit = "" if most == math.inf else f", all below {most:g} in size"

    def meant(name: str, value: Any) -> Any:
        ends = value if isinstance(value, list | tuple) else (0, value)
        try:
            low, high = (each(name, end) for end in ends)
        except (BadSetting, ValueError):  # the latter for other lengths than 2
            low, high = 1, 0
        if not low <= high or max(abs(low), abs(high)) >= most:
            raise refused(name, value, f"must be a number, 0 or more, or a pair (low, high){limit}")
        return (low, high) if isinstance(value, list | tuple) else high

    return meant


def uniform(span: Range, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Numbers from a range, drawn on the CPU: the same on every device."""
    low, high = span if isinstance(span, tuple) else (-span, span)
    return low + (high - low) * torch.rand(shape, generator=rng, dtype=torch.float64)


def normal(sd: float, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Numbers around 0, drawn on the CPU: the same on every device."""
    return sd * torch.randn(shape, generator=rng, dtype=torch.float64)


def chosen(probability: float, count: int, rng: torch.Generator) -> Tensor:
    """Which images of a batch are changed, (count, 1, 1, 1)."""
    return torch.rand((count, 1, 1, 1), generator=rng) < probability


def moved(drawn: Tensor, image: Tensor) -> Tensor:
    """A few numbers brought to the image, in its type, without waiting for the device."""
    # The CPU's copy is never written to again, so that it need not be waited for.
    return drawn.to(image.dtype).to(image.device, non_blocking=True)

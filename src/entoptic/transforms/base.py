"""What a transform is, and how it draws its chance."""

from __future__ import annotations

import math
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

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


def checked_range(what: str, span: Range) -> tuple[float, float]:
    """The low and the high end of a range.

    Raises:
        BadSetting: an end isn't finite, a lone number is negative, or low is above high.
    """
    low, high = span if isinstance(span, tuple) else (-span, span)
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise BadSetting(
            f"{what} is {span}; it must be a finite number, 0 or more, or a pair (low, high)"
        )
    return low, high


def check_amount(what: str, amount: float, most: float = math.inf) -> None:
    """Refuse what isn't finite, is negative, or is above `most`."""
    if not (math.isfinite(amount) and 0 <= amount <= most):
        limit = "finite and not negative" if most == math.inf else f"from 0 to {most:g}"
        raise BadSetting(f"{what} is {amount}; it must be {limit}")


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

"""Transforms: their protocol, their registry, and how they draw random numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, TypeVar, overload, runtime_checkable

import torch
from torch import Tensor

from entoptic.checks import Meaning, refused, taking
from entoptic.errors import BadSetting
from entoptic.registry import Registry, word_of
from entoptic.types import Planes

_Made = TypeVar("_Made", bound=Callable[..., Any])

Range: TypeAlias = float | tuple[float, float]
"""Range that a number is drawn from, uniformly: a stands for -a..a, a pair for low..high."""


@runtime_checkable
class Transform(Protocol):
    """A random, differentiable change of an image; all random numbers come from the generator.

    It may answer with several copies of the batch, the whole batch once and then again; `ascend`
    takes the mean of their scores, image by image.
    """

    def __call__(self, image: Planes, rng: torch.Generator) -> Planes:
        """The changed image, on the same device."""


transforms: Registry[Callable[..., Transform]] = Registry(
    "transform", BadSetting, "entoptic.transforms"
)
"""Makers of transforms from their arguments, by the names that `transforms_of` reads."""


@overload
def transform(made: _Made, /) -> _Made: ...
@overload
def transform(**meanings: Meaning) -> Callable[[_Made], _Made]: ...
def transform(made: Any = None, /, **meanings: Meaning) -> Any:
    """Register a transform: a class whose instances are transforms, or a function that is one.

    A class is best a frozen dataclass: what it was made of then stands in a picture's job. Its name
    on the command line is the class's in lower case: `ColorShift` is `color_shift`. What is defined
    again, as by a notebook's cell, replaces the one before.

    Args:
        made: the class or the function.
        meanings: bounds of the class's arguments, see `taking`.

    Raises:
        ValueError: the name is taken.

    >>> @transform
    ... def brighter(image: Planes, rng: torch.Generator) -> Planes:
    ...     return image + 0.1 * torch.rand((), generator=rng)
    >>> transforms["brighter"]() is brighter
    True
    """
    if made is None:
        return lambda later: _registered(taking(**meanings)(later))
    return _registered(made)


def _registered(made: _Made) -> _Made:
    if not callable(made):
        raise refused("what is registered", made, "must be a function or a class")
    if not made.__name__.isidentifier():
        raise ValueError(f"a transform is registered by its name; define {made!r} with def")
    if isinstance(made, type):
        transforms.add(word_of(made), made, redefined=True)
    else:
        transforms.add(made.__name__, lambda: made, told=made, redefined=True)
    return made


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
    """Return which images of a batch are changed, (count, 1, 1, 1)."""
    return torch.rand((count, 1, 1, 1), generator=rng) < probability


def moved(drawn: Tensor, image: Tensor) -> Tensor:
    """A few numbers brought to the image, in its type, without waiting for the device."""
    # The CPU's copy is never written to again, so that it need not be waited for.
    return drawn.to(image.dtype).to(image.device, non_blocking=True)

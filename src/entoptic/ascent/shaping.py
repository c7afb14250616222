"""Gradient shaping: changes of an image's gradient before the step; and their registry."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, TypeVar, overload

import torch
from torch import Tensor

from entoptic.calls import call_text, made_by_name
from entoptic.checks import Meaning, as_given, number, refused, several, taking, whole
from entoptic.errors import BadSetting
from entoptic.images.color import covariance_power
from entoptic.images.resize import gaussian_blur
from entoptic.images.stored import Stored, combine, combined, filter_bands, norms, resized
from entoptic.registry import Registry, word_of

ShapingLike: TypeAlias = "str | Shaping | Sequence[str | Shaping]"
"""A shaping in any form that `shaping_of` reads."""

_Made = TypeVar("_Made", bound=type["Shaping"])


class Shaping(ABC):
    """A change of the gradient of an image before the step; a linear one, or one up to a scale.

    Subclasses are frozen dataclasses, so that a job can keep them.
    """

    of_colors: ClassVar[bool] = False
    """True of those that take three color channels and no other number."""

    @abstractmethod
    def shape(self, gradient: Stored, device: torch.device) -> None:
        """Change a gradient in place, image by image.

        Args:
            gradient: (batch, channels, height, width), in ordinary memory or in a file.
            device: where to compute what lies in a file.
        """


class LocalShaping(Shaping):
    """A change by which each pixel depends on pixels nearby only."""

    @property
    def reach(self) -> int:
        """Largest distance of such a pixel, in pixels."""
        return 0

    @abstractmethod
    def __call__(self, gradient: Tensor) -> Tensor:
        """Return the changed gradient, (batch, channels, height, width)."""

    def shape(self, gradient: Stored, device: torch.device) -> None:
        """See `Shaping.shape`."""
        check_channels([self], gradient.tensor.shape[1])
        filter_bands(gradient, self, self.reach, device)


shapings: Registry[Callable[..., Shaping]] = Registry("shaping", BadSetting, "entoptic.shapings")
"""Makers of shapings from their arguments, by the names that `shaping_of` reads."""


@overload
def shaping(made: _Made, /) -> _Made: ...
@overload
def shaping(**meanings: Meaning) -> Callable[[_Made], _Made]: ...
def shaping(made: Any = None, /, **meanings: Meaning) -> Any:
    """Register a shaping: a frozen dataclass that derives from `Shaping` or `LocalShaping`.

    Its name on the command line is the class's in lower case: `Decorrelate` is `decorrelate`. What
    is defined again, as by a notebook's cell, replaces the one before.

    Args:
        made: the class.
        meanings: bounds of its arguments, see `taking`.

    Raises:
        ValueError: the name is taken.

    >>> shapings["decorrelate"](1.0)
    Decorrelate(power=1.0)
    """
    if made is None:
        return lambda later: shaping(taking(**meanings)(later))
    if not (isinstance(made, type) and issubclass(made, Shaping)):
        raise refused("what is registered", made, "must be a class that derives from Shaping")
    shapings.add(word_of(made), made, redefined=True)
    return made


def shaping_of(given: ShapingLike, name: str = "shaping") -> tuple[Shaping, ...]:
    """Return the shapings that are meant, in their order.

    Args:
        given: a text, such as `"laplacian(4) + decorrelate"`, or `"none"`; a shaping; or a list of
            either.
        name: of the parameter, for errors.

    Raises:
        BadSetting: there is no such name, it can't be read, or an argument is out of its bounds.

    >>> shaping_of("decorrelate(1.0) + chroma(0.5)")
    (Decorrelate(power=1.0), Chroma(weight=0.5, smoothing=0.0))
    """
    if isinstance(given, str):
        return made_by_name(given, name, shapings)
    if isinstance(given, Shaping):
        return (given,)
    parts = several(as_given, 'shapings, such as "laplacian + decorrelate"')(name, given)
    return tuple(each for part in parts for each in shaping_of(part, name))


def _energy(gradient: Tensor) -> Tensor:
    return gradient.square().mean(1, keepdim=True)


def check_channels(shapings: Iterable[Shaping], channels: int) -> None:
    """Refuse shapings of colors for a picture of other channels.

    Raises:
        BadSetting: with the first of them.
    """
    for each in shapings:
        if each.of_colors and channels != 3:
            raise BadSetting(
                f"{word_of(type(each))} shapes the gradient of 3 color channels, and this picture "
                f"has {channels}; leave it out"
            )


def shaping_text(of: Iterable[Shaping]) -> str:
    """Write shapings as `shaping_of` reads them.

    >>> shaping_text(shaping_of("decorrelate(1.0) + chroma")), shaping_text([])
    ('decorrelate(1.0) + chroma', 'none')
    """
    names = {shapings.told(name): name for name in shapings}
    parts = [call_text(names.get(type(each), type(each).__name__), each) for each in of]
    return " + ".join(each.removesuffix("()") for each in parts) or "none"


@shaping(levels=whole(1, 16))
@dataclass(frozen=True)
class Laplacian(Shaping):
    """Divide each level of the gradient's Laplacian pyramid by its own root mean square.

    All sizes of features then have the same share: larger and softer forms than the plain
    gradient's, and less fine grain.

    Args:
        levels: of the pyramid, each of half the size of the one before.

    Source: after "DeepDream with TensorFlow" (Mordvintsev, 2016) and MATLAB's `deepDreamImage`; the
    levels here are halved by antialiased bicubic interpolation.
    """

    levels: int = 4

    def shape(self, gradient: Stored, device: torch.device) -> None:
        """See `Shaping.shape`."""
        lows = [gradient]
        while len(lows) < self.levels and min(lows[-1].tensor.shape[-2:]) > 1:
            height, width = (math.ceil(side / 2) for side in lows[-1].tensor.shape[-2:])
            lows.append(resized(lows[-1], height, width))
        smaller = lows.pop()
        found = _divided(smaller)
        while lows:
            low = lows.pop()
            size = low.tensor.shape[-2], low.tensor.shape[-1]
            band = _divided(combined(torch.sub, low, resized(smaller, *size)))
            found = combined(torch.add, band, resized(found, *size))
            smaller = low
        combine(gradient, lambda part: part, found)


def _divided(band: Stored) -> Stored:
    """Return a level divided by its root mean square."""
    factors = (1 / norms(band, "rms")).reshape(-1, 1, 1, 1)
    return combined(lambda part: part * factors, band)


# Of the gradient's root mean square: where it is far smaller than that, it stays small.
_FLOOR = 0.1
# Of the Gaussian on the smaller map, in its pixels.
_SIGMA = 4


@shaping(power=number(least=0, most=1), sigma=number(above=0, most=1000))
@dataclass(frozen=True)
class Spread(Shaping):
    """Divide the gradient by a power of its own root mean square nearby: the frame is filled.

    Where the gradient of a squared objective feeds the one strongest position, this feeds the
    others too.

    Args:
        power: 0 leaves the gradient as it is, 1 makes it equally strong all over.
        sigma: standard deviation in pixels of the Gaussian that says what is near; at most half of
            the picture's shorter side.
    """

    power: float = 0.5
    sigma: float = 30.0

    def shape(self, gradient: Stored, device: torch.device) -> None:
        """See `Shaping.shape`."""
        height, width = gradient.tensor.shape[-2:]
        sigma = min(self.sigma, min(height, width) / 2)
        # A map as smooth as that needs few pixels, and a wide blur of many takes long.
        fewer = max(1, int(sigma / _SIGMA))
        energy = combined(_energy, gradient, channels=1)
        small = resized(energy, math.ceil(height / fewer), math.ceil(width / fewer)).tensor
        near = gaussian_blur(small.clamp(min=0), sigma / fewer)
        floor = (_FLOOR * norms(gradient, "rms")).square().reshape(-1, 1, 1, 1)
        local = Stored(near) if gradient.mapped is None else Stored.copy(near)

        def spread(part: Tensor, here: Tensor) -> Tensor:
            return part * (here.clamp(min=0) + floor).pow(-self.power / 2)

        combine(gradient, spread, gradient, resized(local, height, width))


@shaping(power=number(least=0, most=4))
@dataclass(frozen=True)
class Decorrelate(LocalShaping):
    """Multiply the gradient by a power of the color covariance of natural photographs.

    Steps then change light and dark more than colors, as the axes of natural images do.

    Args:
        power: 1 is what a step in lucid's decorrelated colors does to the pixels, 0.5 the root of
            the covariance, 0 nothing.

    Source: the covariance of lucid's `linear_decorrelate_color`; Olah et al., "Feature
    Visualization", Distill, 2017.
    """

    of_colors = True

    power: float = 0.5

    def __call__(self, gradient: Tensor) -> Tensor:
        matrix = covariance_power(self.power).to(gradient)
        found: Tensor = matrix @ gradient.flatten(2)
        return found.view(gradient.shape)


@shaping(sigma=number(least=0, most=100))
@dataclass(frozen=True)
class Blur(LocalShaping):
    """Blur the gradient: details that are smaller gain nothing.

    Args:
        sigma: standard deviation of the Gaussian in pixels.
    """

    sigma: float = 0.6

    @property
    def reach(self) -> int:
        """See `LocalShaping.reach`; the Gaussian is cut off at three deviations."""
        return max(1, math.ceil(3 * self.sigma))

    def __call__(self, gradient: Tensor) -> Tensor:
        return gaussian_blur(gradient, self.sigma)


@shaping(weight=number(least=0, most=100), smoothing=number(least=0, most=100))
@dataclass(frozen=True)
class Chroma(LocalShaping):
    """Weigh and blur the part of the gradient that changes colors and not their mean.

    Args:
        weight: of that part; 0 leaves the mean of the three channels alone.
        smoothing: standard deviation of the Gaussian in pixels.
    """

    of_colors = True

    weight: float = 1.0
    smoothing: float = 0.0

    @property
    def reach(self) -> int:
        """See `LocalShaping.reach`; the Gaussian is cut off at three deviations."""
        return math.ceil(3 * self.smoothing)

    def __call__(self, gradient: Tensor) -> Tensor:
        gray = gradient.mean(1, keepdim=True)
        if self.weight == 0:
            return gray.expand_as(gradient).clone()
        return gray + self.weight * gaussian_blur(gradient - gray, self.smoothing)


@shaping
@dataclass(frozen=True)
class Luminance(LocalShaping):
    """Keep the mean of the three channels alone: the photo's color differences stay.

    >>> Luminance()(torch.tensor([3.0, 0.0, 0.0]).reshape(1, 3, 1, 1)).flatten()
    tensor([1., 1., 1.])
    """

    of_colors = True

    def __call__(self, gradient: Tensor) -> Tensor:
        return Chroma(0.0)(gradient)


@dataclass(frozen=True)
class Smoothing(LocalShaping):
    """A gradient plus itself blurred by `sigma` and by twice that: large shapes gain on fine grain.

    Args:
        sigma: in pixels; 0 leaves the gradient as it is.

    Source: after the cascade of Gaussians of A. Gordić's pytorch-deepdream, 2021, and the Laplacian
    pyramid of TensorFlow's DeepDream notebook, 2015.
    """

    sigma: float

    @property
    def reach(self) -> int:
        """See `LocalShaping.reach`; of the wider of two Gaussians, cut off at three sigmas."""
        return math.ceil(6 * self.sigma)

    def __call__(self, gradient: Tensor) -> Tensor:
        if self.sigma == 0:
            return gradient
        return (
            gradient + gaussian_blur(gradient, self.sigma) + gaussian_blur(gradient, 2 * self.sigma)
        )

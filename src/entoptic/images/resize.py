"""Sizes of pictures, and resizing: the octaves of a dream, from small to full size."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from entoptic.checks import count, number, planes, side, taking
from entoptic.errors import BadSetting


@taking(image=planes, height=side, width=side)
def resize(image: Tensor, height: int, width: int) -> Tensor:
    """Resize to a given size by antialiased bicubic interpolation, up or down.

    Args:
        image: (batch, 3, height, width).
        height: in pixels.
        width: in pixels.

    Returns:
        (batch, 3, height, width), in the type and memory format of `image`. Not clamped: beside
        sharp edges bicubic interpolation leaves [0, 1] by a little. At its own size, `image`
        itself.

    Raises:
        BadSetting: a size less than 1.

    Source: Keys, "Cubic convolution interpolation for digital image processing", 1981, with
    a = -0.5; stretched by the scale when shrinking, as Pillow does.

    >>> resize(torch.full((1, 3, 4, 6), 0.5), 2, 3).shape
    torch.Size([1, 3, 2, 3])
    """
    if image.shape[-2:] == (height, width):
        return image
    # PyTorch has no bicubic interpolation of half precision on processors.
    wide = image if image.dtype in (torch.float32, torch.float64) else image.float()
    channels_last = image.is_contiguous(memory_format=torch.channels_last)
    kept = torch.channels_last if channels_last else torch.contiguous_format
    resized: Tensor = functional.interpolate(
        wide, (height, width), mode="bicubic", align_corners=False, antialias=True
    )
    return resized.to(image.dtype).contiguous(memory_format=kept)


@taking(height=side, width=side, octaves=count, scale=number(above=1))
def octave_sizes(height: int, width: int, octaves: int, scale: float) -> list[tuple[int, int]]:
    """Sizes of a dream's octaves, smallest first, the last at full size.

    Args:
        height: of the full picture, in pixels.
        width: of the full picture, in pixels.
        octaves: how many sizes.
        scale: how much larger each is than the one before.

    Returns:
        Pairs (height, width), in the picture's proportions and at least 1.

    Raises:
        BadSetting: a size or a number of octaves less than 1, a scale not above 1 or not finite.

    >>> octave_sizes(300, 400, octaves=3, scale=1.4)
    [(153, 204), (214, 286), (300, 400)]
    """
    return [
        (_rounded(height * shrink), _rounded(width * shrink))
        for shrink in (scale**-octave for octave in reversed(range(octaves)))
    ]


@taking(height=side, width=side, long_side=side)
def fit_long_side(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Return the size, in the same proportions, whose longer side is as given; larger or smaller.

    Raises:
        BadSetting: a size less than 1.

    >>> fit_long_side(600, 800, 400)
    (300, 400)
    """
    return _fit(height, width, long_side, max(height, width))


@taking(height=side, width=side, short_side=side)
def fit_short_side(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Return the size, in the same proportions, whose shorter side is as given; larger or smaller.

    Raises:
        BadSetting: a size less than 1.

    >>> fit_short_side(600, 800, 300)
    (300, 400)
    """
    return _fit(height, width, short_side, min(height, width))


@taking(image=planes, height=side, width=side)
def center_crop(image: Tensor, height: int, width: int) -> Tensor:
    """Return the middle of a picture; where it can't be centered, half a pixel up or to the left.

    Returns:
        (batch, 3, height, width), a view of `image`.

    Raises:
        BadSetting: a size less than 1, or larger than the picture.

    >>> center_crop(torch.arange(5.0).expand(1, 3, 2, 5), 1, 2)[0, 0]
    tensor([[1., 2.]])
    """
    rows, columns = image.shape[-2:]
    if height > rows or width > columns:
        raise BadSetting(
            f"a crop of {height} x {width} (height x width) is larger than the picture,"
            f" {rows} x {columns}; resize the picture first"
        )
    top, left = (rows - height) // 2, (columns - width) // 2
    return image[..., top : top + height, left : left + width]


def _fit(height: int, width: int, side: int, now: int) -> tuple[int, int]:
    return _rounded(height * side / now), _rounded(width * side / now)


def _rounded(pixels: float) -> int:
    return max(1, math.floor(pixels + 0.5))


# More than any picture shows; what a blur takes beyond the border grows with it.
_WIDEST_BLUR = 10_000


def gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """Blur rows and columns of every channel by a Gaussian; edges are repeated beyond the border.

    Args:
        image: (batch, channels, height, width).
        sigma: standard deviation in pixels; 0 returns `image` itself.

    Raises:
        BadSetting: a negative sigma, or one of more than 10000 pixels.

    >>> gaussian_blur(torch.full((1, 3, 4, 6), 0.5), 2.0).isclose(torch.tensor(0.5)).all()
    tensor(True)
    """
    if not 0 <= sigma <= _WIDEST_BLUR:
        raise BadSetting(f"a blur of {sigma} pixels; it must be from 0 to {_WIDEST_BLUR}")
    if sigma == 0:
        return image
    weights = _gaussian(sigma)
    for axis in (2, 3):
        blurred = _Blurred.apply(image, weights, axis)
        assert isinstance(blurred, Tensor)
        image = blurred
    return image


class _Blurred(torch.autograd.Function):
    """A picture blurred along one axis: it, shifted, is added so many times.

    On a CPU that takes from a fifth to a twentieth of the time of a convolution of few channels.
    """

    @staticmethod
    def forward(ctx: Any, image: Tensor, weights: tuple[float, ...], axis: int) -> Tensor:
        ctx.weights, ctx.axis = weights, axis
        return _summed(_wider(image, len(weights) - 1, axis, "replicate"), weights, axis)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        reach, axis, length = len(ctx.weights) - 1, ctx.axis, gradient.shape[ctx.axis]
        wide = _summed(_wider(gradient, 2 * reach, axis, "constant"), ctx.weights, axis)
        back = wide.narrow(axis, reach, length)
        # What lies beyond the border is the edge, repeated.
        for edge, beyond in ((0, 0), (length - 1, reach + length)):
            repeated = wide.narrow(axis, beyond, reach)
            back.narrow(axis, edge, 1).add_(repeated.sum(axis, keepdim=True))
        return back, None, None


def _wider(image: Tensor, by: int, axis: int, mode: str) -> Tensor:
    return functional.pad(image, (0, 0, by, by) if axis == 2 else (by, by, 0, 0), mode)


def _summed(wide: Tensor, weights: tuple[float, ...], axis: int) -> Tensor:
    """The sum of shifted pictures, by the weights of the shifts 0, 1, 2, ... to both sides."""
    reach = len(weights) - 1
    length = wide.shape[axis] - 2 * reach
    total = wide.narrow(axis, reach, length) * weights[0]
    for shift in range(1, reach + 1):
        for start in (reach - shift, reach + shift):
            total.add_(wide.narrow(axis, start, length), alpha=weights[shift])
    return total


@functools.lru_cache(maxsize=64)
def _gaussian(sigma: float) -> tuple[float, ...]:
    """The weights of the shifts 0, 1, 2, ... to one side, cut off at three sigmas."""
    reach = max(1, math.ceil(3 * sigma))
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    return tuple((weights / weights.sum())[reach:].tolist())

"""Colours as natural images vary them: three axes without correlation, and the way to sRGB."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from entoptic.errors import BadSetting
from entoptic.types import Planes

# A square root of the covariance of colours in ImageNet, one column for each axis without
# correlation: roughly light against dark, red against blue, and green against purple.
# From lucid's parameterization (Olah, Mordvintsev, Schubert, 2017).
_ROOT = torch.tensor(
    [[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], dtype=torch.float64
)

# As in lucid, scaled so that the longest axis has length 1.
_TO_SRGB = _ROOT / _ROOT.norm(dim=0).max()

COVARIANCE = _TO_SRGB @ _TO_SRGB.T
"""The covariance that `to_srgb` gives to white noise, (3, 3), float64."""


@functools.lru_cache(maxsize=16)
def covariance_power(power: float) -> Tensor:
    """Return a power of the color covariance of natural images, (3, 3), float64.

    >>> bool((covariance_power(0.5) @ covariance_power(0.5)).allclose(COVARIANCE))
    True
    """
    variances, axes = torch.linalg.eigh(COVARIANCE)
    found: Tensor = axes @ variances.clamp(min=0).pow(power).diag() @ axes.T
    return found


# Half of an 8-bit level: no level of a photo is changed by being kept this far from 0 and 1, where
# the sigmoid's inverse is infinite.
_MARGIN = 0.5 / 256


# Of ITU-R BT.601, as Pillow's mode L.
_LUMA = (0.299, 0.587, 0.114)


def to_srgb(values: Tensor) -> Tensor:
    """Colours from coordinates without correlation; linear.

    Args:
        values: (batch, 3, height, width). White noise becomes noise with natural images' colours.

    Returns:
        (batch, 3, height, width), red, green and blue around 0; not in any range.

    Source: lucid's `linear_decorrelate_color`; Olah et al., "Feature Visualization", Distill, 2017.

    >>> to_srgb(torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1)).flatten()
    tensor([0.5628, 0.5845, 0.5845])
    """
    return _mixed(values, "to_srgb")


def to_decorrelated(colors: Tensor) -> Tensor:
    """Coordinates without correlation from colours; the inverse of `to_srgb`.

    Args:
        colours: (batch, 3, height, width), red, green and blue around 0.

    >>> to_decorrelated(to_srgb(torch.ones(1, 3, 1, 1))).flatten()
    tensor([1.0000, 1.0000, 1.0000])
    """
    return _mixed(colors, "to_decorrelated")


def to_image(values: Tensor, *, decorrelated: bool = True) -> Planes:
    """A picture in range from numbers of any size, by the sigmoid.

    Args:
        values: (batch, 3, height, width); with colours that aren't decorrelated, any channels.
        decorrelated: whether the values have natural images' axes, or are red, green and blue.

    >>> to_image(torch.zeros(1, 3, 1, 1)).flatten()
    tensor([0.5000, 0.5000, 0.5000])
    """
    colors = to_srgb(values) if decorrelated else values
    return colors.sigmoid()


def from_image(image: Planes, *, decorrelated: bool = True) -> Tensor:
    """The numbers of which `to_image` makes a picture, to half of an 8-bit level.

    >>> (to_image(from_image(torch.zeros(1, 3, 1, 1))) * 255).round().abs().flatten()
    tensor([0., 0., 0.])
    """
    colors = image.clamp(_MARGIN, 1 - _MARGIN).logit()
    return to_decorrelated(colors) if decorrelated else colors


def luma(image: Tensor) -> Tensor:
    """The brightness of every pixel, (batch, 1, height, width); what is grey stays as it is.

    Args:
        image: (batch, 3 or 1, height, width), sRGB in [0, 1].

    Raises:
        BadSetting: it has another number of channels.

    >>> luma(torch.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1)).flatten()
    tensor([0.2990])
    """
    if image.shape[1] == 1:
        return image
    if image.shape[1] != 3:
        raise BadSetting(
            f"only 3 channels are colours that have a grey, not {image.shape[1]}; leave out "
            "Grayscale, or give pictures of 3 channels"
        )
    red, green, blue = (weight * image[:, i : i + 1] for i, weight in enumerate(_LUMA))
    return red + green + blue


def in_colors(planes: Planes) -> Tensor:
    """Channels of any number as a picture: side by side, threes in colours, those left in grey.

    Args:
        planes: (batch, channels, height, width), in [0, 1].

    Returns:
        (batch, 3, height, `parts(channels)` times width).

    >>> in_colors(torch.zeros(1, 5, 2, 4)).shape
    torch.Size([1, 3, 2, 12])
    """
    threes = planes.shape[1] // 3 * 3
    colors = torch.split(planes[:, :threes], 3, 1) if threes else ()
    grays = (each[:, None].expand(-1, 3, -1, -1) for each in planes[:, threes:].unbind(1))
    return torch.cat([*colors, *grays], 3)


def parts(channels: int) -> int:
    """Return the number of pictures that `in_colors` lays side by side.

    >>> [parts(channels) for channels in (2, 3, 4, 6)]
    [2, 1, 2, 2]
    """
    return channels // 3 + channels % 3


def _mixed(values: Tensor, way: str) -> Tensor:
    """Every pixel's three numbers times a matrix."""
    # As a product of matrices, image by image: of sixteen images and more a convolution of so few
    # channels takes a CPU twenty times as long and more.
    mixed: Tensor = _matrix(way, values.device, values.dtype) @ values.flatten(2)
    return mixed.view(values.shape)


@functools.lru_cache(maxsize=16)
def _matrix(way: str, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The matrix, made once for each device."""
    matrix = _TO_SRGB if way == "to_srgb" else torch.linalg.inv(_TO_SRGB)
    placed: Tensor = matrix.to(device, dtype)
    return placed

"""A canvas of waves sized as in natural photographs, whose contrast and colours are bounded."""

from __future__ import annotations

import functools
from typing import final

import torch
from torch import Tensor

from entoptic.canvas.base import canvas
from entoptic.canvas.waves import CONTRAST, Waves, values_of
from entoptic.checks import count, flag, number, seed, side, taking
from entoptic.images import PictureLike, fourier
from entoptic.images.resize import resize

# Keeps the square root's gradient finite where an axis is 0 everywhere.
_EPSILON = 1e-12


@canvas(planes=lambda cls: functools.partial(cls, decorrelated=False))
@final
class Natural(Waves):
    """Waves nearly as in photographs, of a contrast that grows up to a bound and no further.

    Without a bound, steps go on raising the contrast long after the shapes are there, until most
    of the picture is black, white or a pure colour. Here what is gained in one position is lost in
    others, since the root mean square about middle grey is bounded. And grain is fainter than in
    `Fourier`, that of colours above all, as photographs have it.

    Args:
        height: in pixels.
        width: in pixels.
        batch: how many pictures.
        seed: of the start.
        contrast: the most that the root mean square may be before the sigmoid, of each axis of the
            colours without correlation. With 2 finished pictures vary about as much as photographs.
        softness: how far the sizes of waves go from the law of `Fourier`, 0, to those measured in
            photographs, 1.
        sd: standard deviation of the coefficients at the start.
        decorrelated: whether colours have natural images' axes, or are red, green and blue, each of
            which is then as the axis of light.
        channels: 3, or as many as a network is fed that wants no pictures; those have no colours.

    Raises:
        BadSetting: an empty size, a deviation that isn't finite or is negative, a contrast that
            isn't above 0, a softness outside 0..1, decorrelated colours of other channels than 3.

    Source: the parameters are those of Olah et al., "Feature Visualization", Distill, 2017; their
    sizes see `fourier.natural`.

    >>> Natural(5, 7)().shape
    torch.Size([1, 3, 5, 7])
    """

    bound: Tensor

    @taking(
        height=side,
        width=side,
        batch=count,
        seed=seed,
        contrast=number(above=0),
        softness=number(least=0, most=1),
        sd=number(least=0),
        decorrelated=flag,
        channels=count,
    )
    def __init__(
        self,
        height: int,
        width: int,
        *,
        batch: int = 1,
        seed: int = 0,
        contrast: float = 2.0,
        softness: float = 0.5,
        sd: float = 0.01,
        decorrelated: bool = True,
        channels: int = 3,
    ) -> None:
        axes = _scale(height, width, softness)
        super().__init__(
            (height, width),
            axes if decorrelated else axes[:1].expand(channels, -1, -1),
            batch=batch,
            channels=channels,
            sd=sd,
            seed=seed,
            decorrelated=decorrelated,
        )
        self.softness = softness
        self.register_buffer("bound", torch.full((1, channels, 1, 1), float(contrast)))

    @classmethod
    @taking(softness=number(least=0, most=1), decorrelated=flag)
    def of(cls, image: PictureLike, *, softness: float = 0.5, decorrelated: bool = True) -> Natural:
        """A canvas that begins as a given picture, exact to half of an 8-bit level.

        Where the picture has more contrast than the bound, its own is the bound.

        Args:
            image: (batch, 3, height, width), sRGB in [0, 1], and the canvas is where it is, and as
                precise; or a picture in any other form, see `picture_of`.
            softness: as of the class.
            decorrelated: as of the class.

        Raises:
            BadPicture: the picture has values that aren't finite, or outside [0, 1].
        """
        values = values_of(image, decorrelated)
        return cls._bounded(values, decorrelated, softness, None)

    @classmethod
    def _bounded(
        cls, values: Tensor, decorrelated: bool, softness: float, bound: Tensor | None
    ) -> Natural:
        """Return a canvas of given values, and of a bound that they keep to."""
        made = cls._with(values, decorrelated, softness=softness)
        own = made.bound if bound is None else bound
        made.bound = torch.maximum(own, _size(values))
        return made

    def values(self) -> Tensor:
        """The picture before the sigmoid, (batch, 3, height, width), and before its colours."""
        values = super().values()
        return values * (self.bound / _size(values)).clamp(max=1)

    @torch.no_grad()
    @taking(height=side, width=side)
    def resized(self, height: int, width: int) -> Natural:
        values = resize(self.values(), height, width)
        return Natural._bounded(values, self.decorrelated, self.softness, self.bound)


def _size(values: Tensor) -> Tensor:
    """The root mean square of each axis of each image, (batch, axes, 1, 1)."""
    return (values.square().mean((2, 3), keepdim=True) + _EPSILON).sqrt()


def _scale(height: int, width: int, softness: float) -> Tensor:
    """What the coefficients of a picture are multiplied by, (3, height, width // 2 + 1)."""
    law = fourier.falloff(height, width)
    sizes = fourier.natural(height, width)
    # The mean has no size there; it moves as the largest wave does, or alone.
    largest = sizes.amax((1, 2))
    sizes[:, 0, 0] = largest.where(largest > 0, 1)
    sizes = law ** (1 - softness) * sizes**softness
    # Noise is as large as in `Fourier`, whatever unit the sizes are in.
    power = sizes.square().mean((1, 2), keepdim=True)
    return CONTRAST * sizes * (law.square().mean() / power).sqrt()

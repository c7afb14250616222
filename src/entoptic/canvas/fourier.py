"""A Fourier canvas: coefficients scaled as in natural images, in decorrelated colors."""

from __future__ import annotations

import functools
from typing import final

import torch

from entoptic.canvas.base import canvas
from entoptic.canvas.waves import CONTRAST, Waves, values_of
from entoptic.checks import count, flag, number, seed, side, taking
from entoptic.images import PictureLike, fourier
from entoptic.images.resize import resize


@canvas(planes=lambda cls: functools.partial(cls, decorrelated=False))
@final
class Fourier(Waves):
    """Fourier coefficients, scaled by 1 / frequency; a sigmoid keeps the picture in [0, 1].

    Steps of the same length in all coefficients then change natural images' large shapes more than
    their grain, and their grey more than their colours. Every picture can be drawn, at every size,
    odd ones too.

    Args:
        height: in pixels.
        width: in pixels.
        batch: how many pictures.
        seed: of the start.
        decay: the power of the frequency; 0 treats all frequencies alike.
        sd: standard deviation of the coefficients at the start.
        decorrelated: whether colours have natural images' axes, or are red, green and blue.
        channels: 3, or as many as a network is fed that wants no pictures; those have no colours.

    Raises:
        BadSetting: an empty size, a deviation or decay that isn't finite or is negative,
            decorrelated colours of other channels than 3.

    Source: Olah et al., "Feature Visualization", Distill, 2017; lucid's `fft_image`.

    >>> Fourier(5, 7)().shape
    torch.Size([1, 3, 5, 7])
    """

    @taking(
        height=side,
        width=side,
        batch=count,
        seed=seed,
        decay=number(least=0),
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
        decay: float = 1.0,
        sd: float = 0.01,
        decorrelated: bool = True,
        channels: int = 3,
    ) -> None:
        super().__init__(
            (height, width),
            CONTRAST * fourier.falloff(height, width, decay),
            batch=batch,
            channels=channels,
            sd=sd,
            seed=seed,
            decorrelated=decorrelated,
        )
        self.decay = decay

    @classmethod
    @taking(decay=number(least=0), decorrelated=flag)
    def of(cls, image: PictureLike, *, decay: float = 1.0, decorrelated: bool = True) -> Fourier:
        """Make a canvas that begins as a given picture, exact to half of an 8-bit level.

        Args:
            image: (batch, 3, height, width), sRGB in [0, 1], and the canvas is where it is, and as
                precise; or a picture in any other form, see `picture_of`.
            decay: as of the class.
            decorrelated: as of the class.

        Raises:
            BadPicture: the picture has values that aren't finite, or outside [0, 1].
        """
        return cls._with(values_of(image, decorrelated), decorrelated, decay=decay)

    @torch.no_grad()
    @taking(height=side, width=side)
    def resized(self, height: int, width: int) -> Fourier:
        values = resize(self.values(), height, width)
        return Fourier._with(values, self.decorrelated, decay=self.decay)

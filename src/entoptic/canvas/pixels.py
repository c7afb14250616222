"""The plainest canvas: the pixels themselves."""

from __future__ import annotations

from typing import final

import torch
from torch import nn

from entoptic.canvas.base import Canvas, canvas
from entoptic.checks import count, seed, side, taking
from entoptic.errors import BadPicture
from entoptic.images import PictureLike, image_of
from entoptic.images.resize import resize
from entoptic.types import Planes


@canvas(make=lambda cls: cls.noise, of=lambda cls: cls, planes=lambda cls: cls.noise)
@final
class Pixels(Canvas):
    """Pixels, kept in [0, 1] by clipping after each step.

    Args:
        image: the picture to begin with, (batch, 3, height, width), sRGB in [0, 1], or in any other
            form, see `picture_of`; it is copied.
            It may have as many other channels as a network is fed that wants no pictures.

    Raises:
        BadPicture: the picture has values that aren't finite, or outside [0, 1].

    >>> Pixels(torch.full((1, 3, 2, 4), 0.5))().shape
    torch.Size([1, 3, 2, 4])
    """

    def __init__(self, image: PictureLike) -> None:
        super().__init__()
        image = image_of(image)
        low, high = torch.aminmax(image.detach())
        if not (low >= 0 and high <= 1):  # also true of NaN
            raise BadPicture(
                f"a canvas wants pixels in [0, 1]; these go from {low:.3g} to {high:.3g}"
            )
        self.pixels = nn.Parameter(image.detach().clone())

    @classmethod
    @taking(height=side, width=side, seed=seed, batch=count, channels=count)
    def noise(
        cls, height: int, width: int, *, seed: int, batch: int = 1, channels: int = 3
    ) -> Pixels:
        """Uniform noise around middle grey, (20 u + 118) / 255 with u in [0, 1).

        Source: the start of the classic channel pictures, low in contrast.
        """
        rng = torch.Generator().manual_seed(seed)
        u = torch.rand((batch, channels, height, width), generator=rng)
        return cls(u.mul_(20).add_(118).div_(255))  # in place: it may be large

    def forward(self) -> Planes:
        return self.pixels

    @torch.no_grad()
    @taking(height=side, width=side)
    def resized(self, height: int, width: int) -> Pixels:
        return Pixels(resize(self.pixels, height, width).clamp_(0, 1))

    @torch.no_grad()
    def constrain(self) -> None:
        self.pixels.clamp_(0, 1)

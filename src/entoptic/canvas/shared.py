"""A canvas of several pictures that share their low frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from entoptic.canvas.base import Canvas, canvas
from entoptic.canvas.fourier import Fourier
from entoptic.checks import count, flag, seed, several, side, taking
from entoptic.images import PictureLike, image_of
from entoptic.images.color import to_image
from entoptic.types import Image


@canvas(wraps=False)
@final
class Shared(Canvas):
    """A `Fourier` canvas for each picture, plus coarse layers that all pictures share.

    Pictures between two objectives, or of one object's parts, then line up with each other.

    Every picture holds a copy of the shared layers, and what is shown is the copies' mean. All
    copies have the same gradient; so they stay the same under every step rule, also under those
    that treat pictures one by one.

    Args:
        height: in pixels.
        width: in pixels.
        batch: how many pictures.
        shrinks: how many times coarser than the picture each shared layer is.
        seed: of the start of the pictures' own coefficients; the shared layers start at 0.
        decorrelated: whether colours have natural images' axes, or are red, green and blue.

    Raises:
        BadSetting: an empty size or batch, or a shrink less than 1.

    Source: lucid's `lowres_tensor`; Mordvintsev et al., "Differentiable Image Parameterizations",
    Distill, 2018.

    >>> Shared(24, 32, batch=3)().shape
    torch.Size([3, 3, 24, 32])
    """

    @taking(
        height=side,
        width=side,
        batch=count,
        shrinks=several(count, "whole numbers of at least 1"),
        seed=seed,
        decorrelated=flag,
    )
    def __init__(
        self,
        height: int,
        width: int,
        *,
        batch: int,
        shrinks: Sequence[int] = (2, 4, 8, 16),
        seed: int = 0,
        decorrelated: bool = True,
    ) -> None:
        super().__init__()
        self.each = Fourier(height, width, batch=batch, seed=seed, decorrelated=decorrelated)
        self.layers = nn.ParameterList(
            nn.Parameter(torch.zeros(batch, 3, -(-height // shrink), -(-width // shrink)))
            for shrink in shrinks
        )

    @classmethod
    @taking(shrinks=several(count, "whole numbers of at least 1"), decorrelated=flag)
    def of(
        cls,
        image: PictureLike,
        *,
        shrinks: Sequence[int] = (2, 4, 8, 16),
        decorrelated: bool = True,
    ) -> Shared:
        """Make a canvas that begins as given pictures, exact to half of an 8-bit level.

        Args:
            image: (batch, 3, height, width), sRGB in [0, 1]; the canvas is where it is, and as
                precise. The shared layers start at 0.
            shrinks: as of the class.
            decorrelated: as of the class.

        Raises:
            BadPicture: the pictures have values that aren't finite, or outside [0, 1].
        """
        image = image_of(image)
        batch, _, height, width = image.shape
        made = cls(height, width, batch=batch, shrinks=shrinks).to(image)
        made.each = Fourier.of(image, decorrelated=decorrelated)
        return made

    def values(self) -> Tensor:
        """The pictures before the sigmoid, (batch, 3, height, width), and before their colours."""
        values = self.each.values()
        for layer in self.layers:
            values = values + functional.interpolate(
                layer.mean(0, keepdim=True), values.shape[-2:], mode="bilinear"
            )
        return values

    def forward(self) -> Image:
        return to_image(self.values(), decorrelated=self.each.decorrelated)

    @torch.no_grad()
    @taking(height=side, width=side)
    def resized(self, height: int, width: int) -> Shared:
        """The same pictures at another size; the shared layers keep theirs."""
        batch = len(self.each.coefficients)
        made = Shared(height, width, batch=batch, shrinks=())
        made.each = self.each.resized(height, width)
        made.layers = nn.ParameterList(nn.Parameter(each.detach().clone()) for each in self.layers)
        return made

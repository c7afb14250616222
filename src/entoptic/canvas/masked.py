"""A canvas that is seen only where a mask lets it through."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from entoptic.canvas.base import Canvas, a_canvas
from entoptic.canvas.noise import in_range
from entoptic.checks import planes, side, taking
from entoptic.errors import BadPicture
from entoptic.images import PictureLike, image_of
from entoptic.images.resize import resize
from entoptic.types import Image


@final
class Masked(Canvas):
    """Another canvas before a background that never changes.

    Args:
        canvas: what is optimised; it isn't copied.
        mask: (1 or batch, 1, height, width) in [0, 1]: 1 shows the canvas, 0 the background, and
            between they are mixed.
        background: (1 or batch, 3, height, width), sRGB in [0, 1], as large as the canvas.

    Raises:
        BadPicture: a mask or a background that isn't finite, leaves [0, 1], or is of another size
            or batch than the canvas.

    >>> from entoptic.canvas import Pixels
    >>> half = Masked(Pixels(torch.ones(1, 3, 1, 2)), torch.tensor([[[[1.0, 0.0]]]]),
    ...               torch.full((1, 3, 1, 2), 0.5))
    >>> half()[0, 0]
    tensor([[1.0000, 0.5000]], grad_fn=<SelectBackward0>)
    """

    mask: Tensor
    background: Tensor

    @taking(canvas=a_canvas, mask=planes)
    def __init__(self, canvas: Canvas, mask: Tensor, background: PictureLike) -> None:
        super().__init__()
        with torch.no_grad():
            shown = canvas()
        self.register_buffer("mask", _fitting("mask", mask, 1, shown))
        self.register_buffer(
            "background", _fitting("background", image_of(background, "background"), 3, shown)
        )
        self.canvas = canvas
        # As they were given, however often the canvas is resized: else the background would blur.
        self._given = self.mask, self.background

    def forward(self) -> Image:
        return torch.lerp(self.background, self.canvas(), self.mask)

    @torch.no_grad()
    @taking(height=side, width=side)
    def resized(self, height: int, width: int) -> Masked:
        mask, background = (each.to(self.mask) for each in self._given)
        made = Masked(
            self.canvas.resized(height, width),
            resize(mask, height, width).clamp(0, 1),
            resize(background, height, width).clamp(0, 1),
        )
        made._given = self._given
        return made

    @torch.no_grad()
    def constrain(self) -> None:
        self.canvas.constrain()


def _fitting(name: str, given: Tensor, channels: int, shown: Image) -> Tensor:
    """A copy of what was given, once it is known to fit the picture."""
    fits = [(batch, channels, *shown.shape[-2:]) for batch in (1, len(shown))]
    if given.shape not in fits:
        raise BadPicture(
            f"the {name} is {tuple(given.shape)} (batch, channels, height, width), but this canvas"
            f" takes {fits[0]} or {fits[-1]}"
        )
    return in_range(given).to(shown).clone()

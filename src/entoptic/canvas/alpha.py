"""A canvas with transparency, which is optimised as the colours are."""

from __future__ import annotations

from typing import final

import torch

from entoptic.canvas.base import Canvas, a_canvas, canvas
from entoptic.canvas.fourier import Fourier
from entoptic.canvas.noise import noise
from entoptic.checks import number, seed, side, taking
from entoptic.types import Image, Planes

# The power by which alpha's spectrum falls off: with 1, as in natural pictures, it follows grain.
_DECAY = 1.5

# Of the coefficients' noise at the start, as in `Fourier`.
_SD = 0.01


# A recipe makes the colors as usual, and puts them into a Transparent when they are complete.
@canvas(name="alpha", make=lambda cls: Fourier, transparent=True)
@final
class Transparent(Canvas):
    """Another canvas's colours, and how opaque each pixel is.

    Before each step `OverBackground()`, the first of the transforms, lays it on a background that
    the next step won't have. What doesn't matter to the objective then had better be transparent,
    if `opacity()` costs something: `objective * (1 - opacity())`. `planes()` is what a file wants.

    Args:
        canvas: the colours; it isn't copied.
        opacity: alpha at the start, above 0 and below 1.
        seed: of alpha's start, which is `opacity` but for a little noise.

    Raises:
        BadSetting: an opacity that isn't between 0 and 1.

    Source: Mordvintsev et al., "Differentiable Image Parameterizations", Distill, 2018,
    "Semi-transparent patterns".

    >>> Transparent(Fourier(5, 7)).planes().shape
    torch.Size([1, 4, 5, 7])
    """

    @taking(canvas=a_canvas, opacity=number(above=0, below=1), seed=seed)
    def __init__(self, canvas: Canvas, *, opacity: float = 0.5, seed: int = 0) -> None:
        super().__init__()
        with torch.no_grad():
            shown = canvas()
        level = torch.full_like(shown[:, :1], opacity)
        self.canvas = canvas
        self.alpha = Fourier.of(level, decay=_DECAY, decorrelated=False)
        with torch.no_grad():
            coefficients = self.alpha.coefficients
            coefficients.add_(noise(tuple(coefficients.shape), sd=_SD, seed=seed).to(coefficients))

    def planes(self) -> Planes:
        """(batch, 4, height, width): red, green and blue, not multiplied by alpha; then alpha."""
        return torch.cat([self.canvas(), self.alpha()], 1)

    def forward(self) -> Image:
        """The picture on white."""
        colors: Image = self.canvas()
        return torch.lerp(torch.ones_like(colors), colors, self.alpha())

    @torch.no_grad()
    @taking(height=side, width=side)
    def resized(self, height: int, width: int) -> Transparent:
        made = Transparent(self.canvas.resized(height, width))
        made.alpha = self.alpha.resized(height, width)
        return made

    @torch.no_grad()
    def constrain(self) -> None:
        self.canvas.constrain()

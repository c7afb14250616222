"""A canvas without colors, for networks of one channel."""

from __future__ import annotations

from typing import final

import torch

from entoptic.canvas.base import Canvas, a_canvas
from entoptic.checks import side, taking
from entoptic.images.color import luma
from entoptic.types import Image


@final
class Gray(Canvas):
    """Another canvas in grey: its luma, three times over.

    A network of one channel is fed the luma in any case; on a canvas with colours those would stay
    what they were at the start.

    Args:
        canvas: what is optimised; it isn't copied.

    >>> from entoptic.canvas import Pixels
    >>> Gray(Pixels(torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1)))().flatten().tolist()[1:]
    [0.29899999499320984, 0.29899999499320984]
    """

    @taking(canvas=a_canvas)
    def __init__(self, canvas: Canvas) -> None:
        super().__init__()
        self.canvas = canvas

    def forward(self) -> Image:
        return luma(self.canvas()).expand(-1, 3, -1, -1)

    @torch.no_grad()
    @taking(height=side, width=side)
    def resized(self, height: int, width: int) -> Gray:
        return Gray(self.canvas.resized(height, width))

    @torch.no_grad()
    def constrain(self) -> None:
        self.canvas.constrain()

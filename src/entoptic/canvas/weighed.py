"""A canvas that sums up how much each of its pixels mattered."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from entoptic.canvas.base import Canvas, a_canvas
from entoptic.checks import side, taking
from entoptic.images.resize import gaussian_blur
from entoptic.types import Alpha, Image

# Opaque is what has mattered as much as all but the most important part of the picture; chosen by
# eye, as the blur is, which is a part of the picture's long side.
_OPAQUE, _BLUR = 0.95, 0.01


@final
class Weighed(Canvas):
    """Another canvas, with the sums of absolute gradients of each pixel: how much it mattered.

    Args:
        canvas: what is optimised; it isn't copied.

    Source: the transparency of Fel et al., "Unlocking Feature Visualization for Deeper Networks
    with MAgnitude Constrained Optimization", 2023.

    >>> from entoptic.canvas import Pixels
    >>> canvas = Weighed(Pixels(torch.full((1, 3, 4, 4), 0.5)))
    >>> canvas()[..., :2].sum().backward()
    >>> canvas.sums[0, 0, 0]
    tensor([3., 3., 0., 0.])
    """

    sums: Tensor

    @taking(canvas=a_canvas)
    def __init__(self, canvas: Canvas) -> None:
        super().__init__()
        self.canvas = canvas
        with torch.no_grad():
            shown = canvas()
        self.register_buffer("sums", torch.zeros_like(shown[:, :1]), persistent=False)

    def forward(self) -> Image:
        picture: Image = self.canvas()
        if picture.requires_grad:
            picture.register_hook(self._add)  # type: ignore[no-untyped-call]
        return picture

    def opacity(self) -> Alpha:
        """Return how much each pixel has mattered, smoothed, in [0, 1]; 1 before the first step."""
        height, width = self.sums.shape[-2:]
        smooth = gaussian_blur(self.sums, max(1.0, _BLUR * max(height, width)))
        rank = max(1, round(_OPAQUE * height * width))
        most = smooth.flatten(1).kthvalue(rank, 1).values[:, None, None, None]
        opaque = (smooth / most.clamp(min=1e-30)).clamp(0, 1)
        return opaque.where(most > 0, torch.ones_like(opaque))

    @torch.no_grad()
    @taking(height=side, width=side)
    def resized(self, height: int, width: int) -> Weighed:
        return Weighed(self.canvas.resized(height, width))

    @torch.no_grad()
    def constrain(self) -> None:
        self.canvas.constrain()

    def _add(self, gradient: Tensor) -> None:
        self.sums += gradient.abs().sum(1, keepdim=True)

"""Gradients as pictures."""

from __future__ import annotations

from torch import Tensor

from entoptic.errors import DeadGradient
from entoptic.resample import resize
from entoptic.types import Image


def gradient_picture(gradient: Tensor, height: int, width: int) -> Image:
    """A gradient, made visible.

    Args:
        gradient: (batch, channels, rows, columns). With 3 channels it is shown in colour, middle
            grey being 0 and the largest magnitude black or white; with another number, its length
            at each place is shown in grey, black being 0.
        height: of the picture, in pixels.
        width: likewise; a gradient of fewer places is enlarged.

    Returns:
        (batch, 3, height, width), sRGB in [0, 1]; each image is scaled by its own largest value.

    Raises:
        DeadGradient: it is zero everywhere, so that there is nothing to see.

    >>> gradient_picture(torch.tensor([-2.0, 0, 1]).reshape(1, 3, 1, 1), 1, 1).flatten()
    tensor([0.0000, 0.5000, 0.7500])
    """
    colour = gradient.shape[1] == 3
    values = gradient if colour else gradient.norm(dim=1, keepdim=True)
    largest = values.abs().amax((1, 2, 3), keepdim=True)
    if not largest.all():
        raise DeadGradient("the gradient is zero everywhere; there is nothing to see")
    shown = values / largest
    picture = shown / 2 + 0.5 if colour else shown.expand(-1, 3, -1, -1)
    return resize(picture, height, width).clamp(0, 1)

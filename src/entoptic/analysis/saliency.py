"""Gradients as pictures."""

from __future__ import annotations

import math

from torch import Tensor

from entoptic.checks import planes, side, taking
from entoptic.errors import DeadGradient
from entoptic.images.resize import resize
from entoptic.types import Image

# Share of the values that are shown unclipped.
_SHOWN = 0.995


@taking(gradient=planes, height=side, width=side)
def gradient_picture(gradient: Tensor, height: int, width: int) -> Image:
    """Return a gradient as a picture.

    Args:
        gradient: (batch, channels, rows, columns). With 3 channels it is shown in colour, middle
            grey being 0 and large magnitudes black or white; with another number, its norm at
            each position is shown in gray, black being 0.
        height: of the picture, in pixels.
        width: likewise; a gradient of fewer positions is enlarged.

    Returns:
        (batch, 3, height, width), sRGB in [0, 1]; the largest half percent of each image is
        clipped, so that a few extreme positions don't leave the rest gray.

    Raises:
        DeadGradient: it is zero everywhere.

    >>> import torch
    >>> gradient_picture(torch.tensor([-2.0, 0, 1]).reshape(1, 3, 1, 1), 1, 1).flatten()
    tensor([0.0000, 0.5000, 0.7500])
    """
    color = gradient.shape[1] == 3
    values = gradient if color else gradient.norm(dim=1, keepdim=True)
    sizes = values.abs().flatten(1)
    if not sizes.any(1).all():
        raise DeadGradient("the gradient is zero everywhere; there is nothing to see")
    full = sizes.kthvalue(math.ceil(_SHOWN * sizes.shape[1])).values
    full = full.where(full > 0, sizes.amax(1)).reshape(-1, 1, 1, 1)
    shown = (values / full).clamp(-1, 1)
    picture = shown / 2 + 0.5 if color else shown.expand(-1, 3, -1, -1)
    return resize(picture, height, width).clamp(0, 1)

"""Previews of pictures as they grow: small enough to be drawn several times a second."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow
from torch import Tensor

from entoptic.images.picture import to_samples
from entoptic.images.resize import fit_long_side, resize

LONGEST = 512
"""The long side, in pixels, of a preview."""


def preview(image: Tensor, alpha: Tensor | None = None, *, longest: int = LONGEST) -> Pillow.Image:
    """Return a picture made small where it is large; it is shrunk where it was computed.

    Args:
        image: (1, 3, height, width), sRGB in [0, 1].
        alpha: (1, 1, height, width); None where it is opaque.
        longest: its longest long side, in pixels.

    >>> import torch
    >>> preview(torch.zeros(1, 3, 600, 800)).size, preview(torch.zeros(1, 3, 30, 40)).size
    ((512, 384), (40, 30))
    """
    height, width = image.shape[-2:]
    size = fit_long_side(height, width, min(longest, max(height, width)))
    image = resize(image.detach(), *size)
    if alpha is not None:
        alpha = resize(alpha.detach().expand(-1, 3, -1, -1), *size)[:, :1]
    return Pillow.fromarray(to_samples(image, alpha, np.uint8))

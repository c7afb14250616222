"""Noise that the parameters of a canvas start from."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from entoptic.errors import BadPicture, BadSetting


def noise(shape: tuple[int, ...], *, sd: float, seed: int | torch.Generator) -> Tensor:
    """Normal noise, the same on every machine for the same seed.

    Args:
        shape: the batch first.
        sd: standard deviation.
        seed: or a CPU generator to go on with.

    Raises:
        BadSetting: an empty shape, a deviation that is negative or not finite.

    >>> noise((1, 2), sd=0.0, seed=0).any()
    tensor(False)
    """
    if min(shape) < 1:
        raise BadSetting(f"a canvas of shape {shape} is empty; every axis must be at least 1")
    if not (math.isfinite(sd) and sd >= 0):
        raise BadSetting(f"sd is {sd}; it must be finite and not negative")
    rng = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    return sd * torch.randn(shape, generator=rng)


def in_range(image: Tensor) -> Tensor:
    """A picture or mask, detached, once it is known to be one.

    Raises:
        BadPicture: values that aren't finite, or outside [0, 1].

    >>> in_range(torch.ones(1, 3, 1, 1)).shape
    torch.Size([1, 3, 1, 1])
    """
    image = image.detach()
    low, high = torch.aminmax(image)
    if not (low >= 0 and high <= 1):  # also true of NaN
        raise BadPicture(f"a canvas wants pixels in [0, 1]; these go from {low:.3g} to {high:.3g}")
    return image

"""How far a picture is from photographs: in contrast, in colours and in its spectrum."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

import entoptic as ent
from entoptic.images import fourier
from entoptic.images.color import to_decorrelated, to_srgb
from entoptic.types import Image

_SIDE = 224

# Of 255 levels, how many at each end are as good as black or white to the eye.
_ENDS = 5

# The deviation of the axes without correlation in photographs: what `photos` measures, rounded.
_USUAL = 0.4

# Bands of half an octave, in cycles a picture: from 4, below which there is but a wave or two, to
# its fastest.
_BANDS = [2 ** (step / 2) for step in range(4, 14)]


def naturalness(picture: Image) -> dict[str, float]:
    """Measure a picture at 224 x 224, as a file of 8 bits shows it.

    Returns:
        `clipped`: the share of pixels of which a channel is black or white, or within 5 levels of
        it. `spectrum, dB`: root mean square over bands of half an octave and over the axes of
        colours without correlation, of how much larger or smaller its waves are than photographs'
        (see `fourier.natural`), whatever its contrast is. `light` and `color`: the deviation of the
        first axis, and of the other two in the root mean square.
    """
    image = ent.resize(picture, _SIDE, _SIDE).clamp(0, 1).mul(255).round()
    clipped = ((image <= _ENDS) | (image >= 255 - _ENDS)).any(1).double().mean()
    values = to_decorrelated(image.double() / 255 - 0.5)
    waves = fourier.to_spectrum(fourier.tapered(values)).abs()[0]
    ratio = 20 * (_bands(waves) / _bands(fourier.natural(_SIDE, _SIDE))).log10()
    light, *color = values.std((2, 3), correction=0)[0].tolist()
    return {
        "clipped": float(clipped),
        "spectrum, dB": float(ratio.std(1, correction=0).square().mean().sqrt()),
        "light": light,
        "color": math.hypot(*color) / math.sqrt(2),
    }


def at_one_contrast(picture: Image) -> Image:
    """Return a picture with photographs' contrast, which alone would raise a channel's score."""
    values = to_decorrelated(picture.double() - 0.5)
    mean = values.mean((2, 3), keepdim=True)
    deviation = (values - mean).square().mean().sqrt()
    return (0.5 + to_srgb(mean + (values - mean) * (_USUAL / deviation))).to(picture).clamp(0, 1)


def _bands(magnitude: Tensor) -> Tensor:
    """The mean size of the waves of each band, (axes, bands)."""
    cycles = fourier.frequencies(_SIDE, _SIDE) * _SIDE
    inside = [(cycles >= low) & (cycles < high) for low, high in itertools.pairwise(_BANDS)]
    return torch.stack([magnitude[:, each].mean(1) for each in inside], 1)

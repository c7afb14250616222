"""Protection maps: saliency of a photo, or the pixels that the network's class depends on."""

from __future__ import annotations

import torch
from torch import Tensor

from entoptic.ascent.gradients import gradient
from entoptic.errors import BadSetting
from entoptic.images.color import luma
from entoptic.images.resize import gaussian_blur, resize
from entoptic.layers import LOGITS
from entoptic.networks import Model
from entoptic.objectives import logit
from entoptic.types import Image

PROTECTIONS = ("saliency", "gradient")
"""Names of the maps that `protection` makes."""

# Of the photo's long side, as the paper has it.
_SALIENCY_SIDE = 64
# The share of the map's values that end below 1: single pixels aren't the measure of all others.
_BELOW_ONE = 0.95
# Of the map's long side: about the size of what is to stay in one piece.
_SOFT = 1 / 25


def protection(kind: str, model: Model, photos: Image) -> Tensor:
    """Return how much each position is to be protected, (batch, 1, height, width) in [0, 1].

    Args:
        kind: `saliency`, the spectral residual, which needs no network; or `gradient`, the gradient
            of the class that the network takes the photo for.
        model: the network.
        photos: (batch, 3 or 1, height, width), sRGB in [0, 1].

    Raises:
        BadSetting: there is no such map; or the network has no classes.

    Source: Hou, Zhang, "Saliency Detection: A Spectral Residual Approach", CVPR 2007; Simonyan,
    Vedaldi, Zisserman, "Deep Inside Convolutional Networks", 2013, section 3.
    """
    if kind not in PROTECTIONS:
        raise BadSetting(f"no protection {kind!r}; there are {', '.join(PROTECTIONS)}")
    found = _saliency(photos) if kind == "saliency" else _gradient(model, photos)
    soft = gaussian_blur(found, max(found.shape[-2:]) * _SOFT)
    most = soft.flatten(1).quantile(_BELOW_ONE, dim=1).clamp(min=torch.finfo(soft.dtype).tiny)
    height, width = photos.shape[-2:]
    return resize((soft / most.reshape(-1, 1, 1, 1)).clamp(0, 1), height, width).clamp(0, 1)


def _saliency(photos: Image) -> Tensor:
    """Return the energy of what the spectrum has beyond its own local mean."""
    height, width = photos.shape[-2:]
    scale = _SALIENCY_SIDE / max(height, width)
    small = resize(luma(photos), max(1, round(height * scale)), max(1, round(width * scale)))
    spectrum = torch.fft.fft2(small)
    # Amplitudes of 0 have no logarithm; the tiny number is far below any photo's rounding.
    log = (spectrum.abs() + 1e-9).log()
    padded = torch.nn.functional.pad(log, (1, 1, 1, 1), mode="circular")
    residual = log - torch.nn.functional.avg_pool2d(padded, 3, stride=1)
    found: Tensor = torch.fft.ifft2(torch.polar(residual.exp(), spectrum.angle()))
    return found.abs().square()


def _gradient(model: Model, photos: Image) -> Tensor:
    """Return the largest absolute gradient of a position's channels, by the most probable class."""
    shown = resize(photos.expand(-1, 3, -1, -1), *model.preprocess.size).clamp(0, 1)
    logits = model.resolve(LOGITS)
    with torch.no_grad():
        scores = model.activations(shown, [logits])[logits]
    if scores.ndim < 2 or (scores.ndim > 2 and scores[0, 0].numel() != 1):
        raise BadSetting(
            f"{model.source} has no classes to protect by their gradient; take --protect saliency"
        )
    classes = scores.flatten(1).argmax(1).tolist()
    found = [
        gradient(model, of=logit(number), at=each)
        for number, each in zip(classes, torch.split(shown, 1), strict=True)
    ]
    return torch.cat(found).abs().amax(1, keepdim=True)

"""Activations of a layer at each position of a photo."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from entoptic.ascent.memory import check_picture
from entoptic.errors import BadSetting
from entoptic.images import Picture
from entoptic.layers import Layer
from entoptic.networks import Model

# So many times the channels' mean square is added to their covariance, since a photo has fewer
# positions than a layer has channels. By eye: at 0.1 neighbours have nothing in common any more;
# without any whitening all of a cat is eyes.
_RIDGE = 4.0

COSINE_POWER = 1.0
"""Of directions found in photos: the whole direction counts, not only its strongest channels."""


def seen_size(model: Model, times: float = 1) -> int:
    """Return the long side at which a network is shown a photo: so many times its own pictures'."""
    own = model.preprocess
    return max(own.size) if own.fixed_size else round(max(own.size) * times)


@torch.no_grad()
def activations_at(model: Model, photo: Picture, layer: Layer, where: torch.device) -> Tensor:
    """Return the activations of a layer for a photo.

    Returns:
        (channels, rows, columns), float32, on the CPU.

    Raises:
        BadSetting: the layer has no positions, or holds nothing but zeros there.
        PictureTooSmall, WrongPictureSize: the network can't work on a photo of this size.
    """
    size = photo.height, photo.width
    if model.info(layer, size).spatial_size is None:
        raise BadSetting(
            f"{str(layer)!r} has no positions in a photo; name a layer with rows and columns "
            "(`entoptic layers` lists them)"
        )
    check_picture(model, [layer], size, where)
    acts = model.activations(photo.image.to(where), [layer])
    values = model.arranged(acts, size)[layer][0].float().cpu()
    if not (values.isfinite().all() and values.any()):
        raise BadSetting(f"{str(layer)!r} is zero everywhere for this photo, or not finite")
    return values


def whitened(vectors: Tensor, all_positions: Tensor) -> Tensor:
    """Return directions of length 1 in which channels that are active together count as one.

    Args:
        vectors: (directions, channels).
        all_positions: (positions, channels), the activations from which the whitening is taken.

    Source: Carter et al., "Activation Atlas", Distill, 2019; from the one photo alone.
    """
    positions = all_positions.double()
    together = positions.T @ positions / len(positions)
    ridge = _RIDGE * together.diagonal().mean() * torch.eye(len(together), dtype=torch.float64)
    solved: Tensor = torch.linalg.solve(together + ridge, vectors.double().T)
    return functional.normalize(solved.T.float(), dim=1)

"""Activations of a network for an image."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from entoptic.images import PictureLike, image_of
from entoptic.layers import Layer
from entoptic.networks.compile.compile import CompilableOrEnsemble, compiled
from entoptic.networks.modes import in_usual_modes


@runtime_checkable
class Run(CompilableOrEnsemble, Protocol):
    """A network that can be run: a Model."""

    def resolve(self, layer: Layer | str) -> Layer:
        """Return the layer that an address stands for."""


@in_usual_modes
@torch.no_grad()
def activations(
    network: Run, image: PictureLike, layers: Collection[Layer | str]
) -> Mapping[Layer, Tensor]:
    """Return the activations of some layers; the network runs only as far as it must.

    Args:
        network: a Model.
        image: (batch, 3, height, width), sRGB in [0, 1], or a picture in any other form; or what
            a part of a network is fed.
        layers: addresses.

    Raises:
        UnknownLayer: before any work.
        PictureTooSmall, WrongPictureSize: the network can't work on an image of this size.
    """
    image = image_of(image)
    wanted = {Layer.parse(layer): network.resolve(layer) for layer in layers}
    for layer in wanted.values():
        network.info(layer, (image.shape[-2], image.shape[-1]))
    found = compiled(network, wanted.values(), image.device)(image)
    return found | {asked: found[layer] for asked, layer in wanted.items()}

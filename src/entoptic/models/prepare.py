"""A network made ready to climb: the one place that knows about speed."""

from __future__ import annotations

import weakref
from collections.abc import Collection

import torch
from torch import Tensor, nn

from entoptic.layers import INPUT, Layer
from entoptic.models import taps
from entoptic.models.frozen import frozen_copy
from entoptic.models.model import Model
from entoptic.types import Image

_prepared: weakref.WeakKeyDictionary[Model, dict[tuple[frozenset[Layer], str], Prepared]] = (
    weakref.WeakKeyDictionary()
)


class Prepared:
    """A frozen copy of a network that runs only as far as the deepest of its targets.

    The user's module isn't touched: weights are shared where they stay as they are, and copied
    where speed wants them another way.
    """

    def __init__(self, model: Model, layers: frozenset[Layer], device: torch.device) -> None:
        self.preprocess = model.preprocess
        self.targets = layers - {INPUT}
        self.wants_input = INPUT in layers
        self.module = frozen_copy(model.module).to(device)
        weights = (each.dtype for each in self.module.parameters() if each.is_floating_point())
        self.dtype = next(weights, None)
        # Convolutions run fastest with the channels innermost; matrices have no such layout.
        self.format = (
            torch.channels_last
            if any(isinstance(each, nn.Conv2d) for each in self.module.modules())
            else torch.contiguous_format
        )
        self.module = self.module.to(memory_format=self.format)
        self._modules = model.modules_by_address(self.module)

    def __call__(self, image: Image) -> dict[Layer, Tensor]:
        """The targets' activations for an image, differentiable in the image.

        `Model.info` says beforehand whether the network can work at the image's size.
        """
        seen: dict[Layer, Tensor] = {}
        if self.targets:
            value = self.preprocess(image).to(self.dtype or image.dtype)
            value = value.contiguous(memory_format=self.format)
            seen = taps.run(self.module, self._modules, value, self.targets)
        if self.wants_input:
            seen[INPUT] = image
        return seen


def prepare(model: Model, layers: Collection[Layer], device: torch.device) -> Prepared:
    """Make a network ready for one set of targets on one device.

    The result is kept as long as the model lives, so that octaves, pictures and jobs share it.
    """
    key = (frozenset(layers), str(device))
    kept = _prepared.setdefault(model, {})
    if key not in kept:
        kept[key] = Prepared(model, frozenset(layers), device)
    return kept[key]

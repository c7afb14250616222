"""What a network makes of a photo: classes, activations at a position, gradients, feature maps."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor

from entoptic.analysis.activations import activations_at, seen_size
from entoptic.analysis.classify import identify
from entoptic.analysis.maps import over_photo
from entoptic.analysis.saliency import gradient_picture
from entoptic.ascent.gradients import gradient
from entoptic.errors import BadSetting
from entoptic.images import Picture
from entoptic.images.resize import gaussian_blur
from entoptic.jobs.inputs import scaled
from entoptic.layers import Layer
from entoptic.networks import Model, devices
from entoptic.objectives import logit, neuron
from entoptic.recipes.maps import Maps
from entoptic.studio.networks import Networks
from entoptic.studio.shelf import Shelf
from entoptic.studio.works import jpeg

# Of what is shown, in pixels.
_SIDE = 768
_CLASSES, _CHANNELS = 6, 8
# Activations of so many layers of photos are kept, since a visitor clicks around in one
# and goes through the layers of a lesson.
_KEPT = 8
# Of the long side: a gradient's single pixels say little, where they are close together says much.
_SOFT = 1 / 40
_MAP_SIDE = 64


class Seeing:
    """Answers what networks make of photos; each method is to be called by the engine's worker.

    Args:
        networks: those that are allowed.
    """

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._held: OrderedDict[tuple[str, str, str], Tensor] = OrderedDict()
        self._last: tuple[tuple[str, str], tuple[Picture, Picture]] | None = None

    def classes(self, shelf: Shelf, model: str, photo: str) -> list[dict[str, Any]]:
        """Return what a network takes a photo for, the most probable class first."""
        found = identify(self._networks[model], shelf.photo(photo), top=_CLASSES)
        return [
            {"number": each.number, "label": each.label, "probability": each.probability}
            for each in found
        ]

    def looked(self, shelf: Shelf, model: str, photo: str, number: int) -> bytes:
        """Return a photo with what the score of a class depends on most: the gradient's size."""
        network, large, seen = self.shown(shelf, model, photo)
        found = gradient(network, of=logit(number), at=seen.image).abs().amax(1, keepdim=True)
        soft = gaussian_blur(found, max(found.shape[-2:]) * _SOFT)[0, 0]
        return jpeg(over_photo(large.image, soft), _SIDE)

    def position(
        self, shelf: Shelf, model: str, photo: str, layer: str, down: float, across: float
    ) -> dict[str, Any]:
        """Return the strongest channels at a position of a layer.

        Args:
            down: where in the photo, as a share of its height.
            across: likewise, of its width.
        """
        if not (0 <= down < 1 and 0 <= across < 1):
            raise BadSetting("the position must be in the photo: shares from 0 to 1")
        held = self.activations(shelf, model, photo, layer)
        _, rows, columns = held.shape
        row, column = int(down * rows), int(across * columns)
        values = held[:, row, column]
        strongest = values.topk(min(_CHANNELS, len(values)))
        labels = self._networks.labels(model, layer)
        numbers = strongest.indices.tolist()
        return {
            "row": row,
            "column": column,
            "rows": rows,
            "columns": columns,
            "channels": [
                {
                    "number": number,
                    "value": value,
                    "share": value / max(float(held[number].max()), 1e-12),
                    "label": labels[number] if labels else "",
                }
                for number, value in zip(numbers, strongest.values.tolist(), strict=True)
                if value > 0
            ],
        }

    def gradient(
        self,
        shelf: Shelf,
        model: str,
        photo: str,
        layer: str,
        number: int,
        row: int,
        column: int,
    ) -> bytes:
        """Return the gradient of a unit at a position with respect to the photo."""
        network, large, seen = self.shown(shelf, model, photo)
        held = self.activations(shelf, model, photo, layer)
        if not (number < held.shape[0] and row < held.shape[1] and column < held.shape[2]):
            raise BadSetting(f"{layer} has no such channel or position for this photo")
        found = gradient(network, of=neuron(layer, number, row, column), at=seen.image)
        return jpeg(gradient_picture(found, large.height, large.width), _SIDE)

    def map(self, shelf: Shelf, model: str, photo: str, layer: str, number: int) -> bytes:
        """Return a photo with the feature map of a channel over it."""
        _, large, _ = self.shown(shelf, model, photo)
        held = self.activations(shelf, model, photo, layer)
        if not number < len(held):
            raise BadSetting(f"{layer} has no channel {number}")
        return jpeg(over_photo(large.image, held[number]), _SIDE)

    def maps(self, shelf: Shelf, model: str, photo: str, layer: str) -> bytes:
        """Return all feature maps of a layer on a sheet, as `entoptic maps` makes it."""
        self._networks.channels(model, layer)
        recipe = Maps(self._networks[model], shelf.photo(photo), layer=layer, size=_MAP_SIDE)
        return jpeg(recipe.plan().run(progress=False).image, 2 * _SIDE)

    def shown(self, shelf: Shelf, model: str, photo: str) -> tuple[Model, Picture, Picture]:
        """Return a network, and a photo as people and as the network are shown it."""
        network = self._networks[model]
        # Decoded once: a visitor asks one thing after the other of one photo.
        key = str(shelf.photo_file(photo)), model
        if self._last is None or self._last[0] != key:
            given = shelf.photo(photo)
            self._last = key, (scaled(given, _SIDE), scaled(given, seen_size(network)))
        return network, *self._last[1]

    def activations(self, shelf: Shelf, model: str, photo: str, layer: str) -> Tensor:
        """Return the activations of a layer, (channels, rows, columns)."""
        self._networks.channels(model, layer)
        key = str(shelf.photo_file(photo)), model, layer
        if key not in self._held:
            network, _, seen = self.shown(shelf, model, photo)
            where: torch.device = devices("auto")[0]
            found = activations_at(network, seen, network.resolve(Layer.parse(layer)), where)
            self._held[key] = found
            while len(self._held) > _KEPT:
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        return self._held[key]

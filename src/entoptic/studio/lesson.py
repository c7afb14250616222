"""A lesson: a photo in a few layers of a network, early to late, for a class."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from entoptic.analysis.photographs import View
from entoptic.analysis.responses import receptive_box
from entoptic.layers import Layer, LayerInfo
from entoptic.objectives import channel
from entoptic.studio.networks import Networks
from entoptic.studio.seeing import Seeing
from entoptic.studio.shelf import Shelf

# More are too many for a class, fewer leave out what lies between.
_LAYERS, _CHANNELS = 6, 4

# What fits into a receptive field, by its share of the photo's long side. The shares were set by
# eye: of both embedded networks, with pictures of their units.
_HINTS = (
    (
        0.04,
        "So few pixels hold hardly more than a color or an edge: look for colors, and for edges "
        "and the way they run.",
    ),
    (
        0.3,
        "That is enough for a texture: look for stripes, dots and other patterns, whatever they "
        "belong to.",
    ),
    (
        0.7,
        "A part of a thing fits into that: look for curves, corners and parts, such as an eye or "
        "a wheel, where the photo has any.",
    ),
)
_WHOLE = (
    "That is most of the photo: look for whole things and scenes, and for channels that agree on "
    "where something is."
)
_CLASSES = (
    "Each channel here is the score of a class: look where in the photo a class scores most, and "
    "whether you would say the same."
)


class Lesson:
    """Answers what the layers of a network, early to late, make of a photo.

    Args:
        networks: those that are allowed.
        seeing: has the activations; its methods are the engine's worker's, and so are these.
    """

    def __init__(self, networks: Networks, seeing: Seeing) -> None:
        self._networks, self._seeing = networks, seeing

    def layers(self, shelf: Shelf, model: str, photo: str) -> list[dict[str, Any]]:
        """Return the layers of the lesson, each with its receptive field and what to look for."""
        network, _, seen = self._seeing.shown(shelf, model, photo)
        size = seen.height, seen.width
        found = []
        for layer in spread(self._networks.layers(model), _LAYERS):
            address = network.resolve(Layer.parse(layer))
            info = network.info(address, network.shown([address], size))
            found.append(
                {
                    "layer": layer,
                    "channels": self._networks.channels(model, layer),
                    "size": _extent(info, size),
                    "hint": hint(info, size, bool(self._networks.labels(model, layer))),
                }
            )
        return found

    def strongest(self, shelf: Shelf, model: str, photo: str, layer: str) -> list[dict[str, Any]]:
        """Return the channels of a layer that respond to a photo most; see `peaks`.

        Each with its largest activation, whether it has negative ones, and the receptive field of
        the largest, as shares of the photo's sides: top, left, height, width; None where that is
        all of the photo.
        """
        held = self._seeing.activations(shelf, model, photo, layer)
        network, large, seen = self._seeing.shown(shelf, model, photo)
        view = View(0, 0, large.height, large.width, (seen.height, seen.width))
        labels = self._networks.labels(model, layer)
        found = []
        for number, value, row, column in peaks(held, _CHANNELS, classes=bool(labels)):
            box = receptive_box(network, channel(layer, number), (row, column), view)
            sides = (large.height, large.width) * 2
            found.append(
                {
                    "number": number,
                    "label": labels[number] if labels else "",
                    "value": value,
                    "signed": bool(held[number].min() < 0),
                    "box": box and [each / side for each, side in zip(box, sides, strict=True)],
                }
            )
        return found


def spread(layers: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Return so many layers at most, evenly spread, with the first and the last.

    >>> spread(("a", "b", "c", "d", "e"), 3), spread(("a", "b"), 3)
    (('a', 'c', 'e'), ('a', 'b'))
    """
    last = len(layers) - 1
    if len(layers) <= count:
        return layers
    return tuple(layers[round(each * last / (count - 1))] for each in range(count))


def peaks(held: Tensor, count: int, *, classes: bool) -> list[tuple[int, float, int, int]]:
    """Return the strongest channels: number, largest activation, its row, its column.

    Those whose largest activation lies at the rim come last: that is often an answer to the
    padding, not to the photo. Classes go by their means instead, as a network sums them up.

    Args:
        held: activations, (channels, rows, columns).
        count: of channels at most; those that are active nowhere are left out.
        classes: whether the channels are classes.
    """
    _, rows, columns = held.shape
    values, places = held.flatten(1).max(1)
    row, column = places // columns, places % columns
    rim = (row == 0) | (row == rows - 1) | (column == 0) | (column == columns - 1)
    means = held.mean((1, 2))
    order = sorted(
        (values > 0).nonzero()[:, 0].tolist(),
        key=lambda each: -means[each] if classes else (bool(rim[each]), -values[each]),
    )
    return [
        (each, float(values[each]), int(row[each]), int(column[each])) for each in order[:count]
    ]


def hint(info: LayerInfo, size: tuple[int, int], classes: bool) -> str:
    """Return what to look for in a layer, in a sentence that its receptive field supports.

    Args:
        info: of the layer, for a photo as the network is shown it.
        size: (height, width) of that photo.
        classes: whether the layer's channels are classes.
    """
    if classes:
        return _CLASSES
    field = info.receptive_field
    share = 1.0 if field is None else max(field) / max(size)
    return next((told for most, told in _HINTS if share < most), _WHOLE)


def _extent(info: LayerInfo, size: tuple[int, int]) -> str:
    """Return of how many pixels a position depends, in words."""
    field, whole = info.receptive_field, f"{size[0]} x {size[1]}"
    if field is None or (field[0] >= size[0] and field[1] >= size[1]):
        return f"A position depends on the whole photo, which is shown at {whole} pixels."
    pixels = f"{field[0]} x {field[1]} pixels"
    return f"A position depends on {pixels} of the photo, which is shown at {whole}."

"""An objective bound to a network: its names resolved and checked for pictures of a size."""

from __future__ import annotations

from dataclasses import dataclass

from entoptic.errors import BadSetting
from entoptic.formats.arrays import Arrays
from entoptic.formats.sparse_encoder import SparseEncoder
from entoptic.images import Picture
from entoptic.layers import Layer, LayerInfo
from entoptic.networks import Model
from entoptic.objectives import Objective
from entoptic.objectives.files import ON_DISK, Files


def bind(
    objective: Objective,
    model: Model,
    size: tuple[int, int],
    files: Files = ON_DISK,
) -> Objective:
    """An objective with its names resolved and checked for a picture of (height, width).

    Binding what is bound already changes nothing. The files that it names are read by `files`.

    Raises:
        UnknownLayer, ChannelOutOfRange, UnknownLabel, PictureTooSmall: with what to do.
    """
    named = {model.resolve(layer) for layer in objective.layers()}
    size = model.shown(named, size)
    bound = objective.bound(_Sized(model, size, files))
    layers = bound.layers()
    if not layers:
        raise BadSetting(f"{objective!r} asks for no layer, so that it can't be optimised")
    for layer in layers:
        model.info(layer, size)
    return bound


@dataclass(frozen=True)
class _Sized:
    """A model's facts for an objective, about pictures of one size."""

    model: Model
    size: tuple[int, int]
    files: Files

    def resolve(self, layer: Layer) -> Layer:
        return self.model.resolve(layer)

    def info(self, layer: Layer) -> LayerInfo:
        return self.model.info(layer, self.size)

    def label(self, name: int | str, layer: Layer | None = None) -> int:
        return self.model.label(name, layer)

    def matching(self, pattern: str, layer: Layer | None = None) -> tuple[int, ...]:
        return self.model.matching(pattern, layer)

    def guide(self, name: str) -> Picture:
        return self.files.guide(name)

    def arrays(self, name: str) -> Arrays:
        return self.files.arrays(name)

    def autoencoder(self, name: str) -> SparseEncoder:
        return self.files.autoencoder(name)

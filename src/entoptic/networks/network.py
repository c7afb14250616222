"""The layers of a network, whether it is a single one or an ensemble: what a Model asks of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

from entoptic.layers import CANVAS, INPUT, Layer, LayerInfo

OUTPUT = "output"
"""Address of the network itself: its final output."""

IMAGES = frozenset({INPUT, CANVAS})
"""Layers that are the image itself, which no network runs."""


@runtime_checkable
class Network(Protocol):
    """The layers of a network: of a single one, or of several under one address space.

    Layers that its methods take are those of the network, never the image itself (`IMAGES`), but
    for `resolve`, which may find that an address stands for it. Sizes are (height, width) of
    images.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Addresses of all layers, the network's output last."""

    def resolve(self, layer: Layer) -> Layer:
        """Return the layer that an address stands for; raise UnknownLayer with the nearest."""

    def info(self, layer: Layer, size: tuple[int, int]) -> LayerInfo:
        """Return one row of the layer table; raise an EntopticError where it isn't reached."""

    def table(self, size: tuple[int, int] | None) -> Mapping[Layer, LayerInfo]:
        """Return all rows, at the network's own size by default; raise where it can't work."""

    def reached(self, size: tuple[int, int]) -> Mapping[Layer, LayerInfo]:
        """Return the rows of what runs, also where the network can't work to its end."""

    def shown(self, layers: Collection[Layer], size: tuple[int, int]) -> tuple[int, int]:
        """Return the size at which images are shown to the network, for it to reach layers."""

    def fit_notes(self, layers: Collection[Layer], size: tuple[int, int]) -> tuple[str, ...]:
        """Return what users should know of how images are made to fit."""

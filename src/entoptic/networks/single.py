"""A single network: the addresses of its layers, and their table at every size of images."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from entoptic.errors import UnknownLayer, did_you_mean
from entoptic.layers import CANVAS, INPUT, LOGITS, Layer, LayerInfo
from entoptic.networks.forward import Fed
from entoptic.networks.frozen import by_address, parts
from entoptic.networks.layer_table.misfit import misfit
from entoptic.networks.layer_table.probe import Table
from entoptic.networks.layer_table.tables import Tables
from entoptic.networks.network import OUTPUT
from entoptic.networks.preprocess import Preprocess

_IMAGES = (INPUT.name, CANVAS.name)


@dataclass(frozen=True, eq=False)
class SingleNetwork:
    """One network; `Network` documents its methods.

    Args:
        module: the network.
        preprocess: how it wants its images.
        source: what it is called in messages.
        addresses: as in `Model`.
        logits: address of the scores of the classes.
        found: its layer tables by the size of images.
    """

    module: nn.Module
    preprocess: Preprocess
    source: str
    addresses: Mapping[str, str] | None = None
    logits: str = OUTPUT
    found: dict[tuple[int, int], Table] = field(default_factory=dict)

    @functools.cached_property
    def paths(self) -> Mapping[str, str]:
        """Paths of the submodules by address; the network itself is `output`, and comes first."""
        named = self.addresses
        if named is None:
            named = {path: path for path in part_paths(self.module)}
        # `input` and `canvas` are the image, also where a network has a layer of that name.
        return {OUTPUT: ""} | {name: path for name, path in named.items() if name not in _IMAGES}

    @functools.cached_property
    def _aliases(self) -> Mapping[str, str]:
        """Further addresses of modules that have several, and those that are listed."""
        named = {id(module): name for name, module in by_address(self.module, self.paths).items()}
        paths = {path: name for name, path in self.paths.items()}
        start = "network." if isinstance(self.module, Fed) else ""
        return {
            path.removeprefix(start): named[id(module)]
            for path, module in parts(self.module)
            if path not in paths and id(module) in named
        }

    @functools.cached_property
    def tables(self) -> Tables:
        """The layer tables by the size of images."""
        return Tables(self.module, self.paths, self.preprocess, self.found)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        return (*(name for name in self.paths if name != OUTPUT), OUTPUT)

    def resolve(self, layer: Layer) -> Layer:
        if layer.name in self.names:
            return layer
        if layer == LOGITS:
            return Layer(self.logits)
        if layer.name in self._aliases:
            return replace(layer, name=self._aliases[layer.name])
        hint = did_you_mean(layer.name, self.names) or "; `entoptic layers` lists the names"
        if any(isinstance(each, torch.jit.ScriptModule) for _, each in parts(self.module)):
            hint += "; what torch.jit made is one layer: wrap what it was made of to see inside"
        raise UnknownLayer(f"no layer named {layer.name!r} in {self.source}{hint}")

    def info(self, layer: Layer, size: tuple[int, int]) -> LayerInfo:
        row = self.tables.row(layer, size)
        if row is not None:
            return row
        failure = self.tables.at(self.tables.shown({layer}, size)).failure
        if failure:
            raise misfit(self.tables, self.source, size, failure, layer)
        raise UnknownLayer(
            f"{self.source} has {layer.name!r}, but doesn't run it as {str(layer)!r}; "
            "`entoptic layers` lists what runs"
        )

    def table(self, size: tuple[int, int] | None) -> Mapping[Layer, LayerInfo]:
        size = size or self.preprocess.size
        failure = self.tables.at(self.tables.shown({Layer(OUTPUT)}, size)).failure
        if failure:
            raise misfit(self.tables, self.source, size, failure)
        return self.tables.rows(size)

    def reached(self, size: tuple[int, int]) -> Mapping[Layer, LayerInfo]:
        return self.tables.rows(size)

    def shown(self, layers: Collection[Layer], size: tuple[int, int]) -> tuple[int, int]:
        return self.tables.shown(layers, size)

    def fit_notes(self, layers: Collection[Layer], size: tuple[int, int]) -> tuple[str, ...]:
        how = self.preprocess
        shown = self.shown(layers, size)
        if shown != size:
            own = f"{shown[0]}x{shown[1]}"
            return (f"the network takes only pictures of {own}: it is shown this one at that size",)
        if how.grown(size) != size:
            return (
                f"the network takes only pictures whose sides are multiples of {how.multiple}: "
                "this one grows to them by repeating its edge",
            )
        return ()


def part_paths(module: nn.Module) -> list[str]:
    """Return the paths of a network's parts but itself; each part comes once."""
    first: dict[int, str] = {}
    for path, each in parts(module):
        first.setdefault(id(each), path)
    return [path for path in first.values() if path]

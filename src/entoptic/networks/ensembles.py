"""Several networks as one, so that one objective may ask for layers of each of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from entoptic.errors import UnknownLayer
from entoptic.layers import Layer, LayerInfo
from entoptic.networks.network import IMAGES, OUTPUT, Network

SOURCE = "ensemble"
"""The first word of an ensemble's specification."""


@dataclass(frozen=True, eq=False)
class EnsembleNetwork:
    """Several networks side by side, documented by `Network`; their layers are `NAME/LAYER`.

    Args:
        members: the networks by name.
    """

    members: Mapping[str, Network]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{name}/{each}" for name, one in self.members.items() for each in one.names)

    def resolve(self, layer: Layer) -> Layer:
        name, inner = member_of(self.members, layer)
        return inner if inner in IMAGES else self.members[name].resolve(inner).within(name)

    def info(self, layer: Layer, size: tuple[int, int]) -> LayerInfo:
        name, inner = member_of(self.members, layer)
        return self.members[name].info(inner, size)

    def table(self, size: tuple[int, int] | None) -> Mapping[Layer, LayerInfo]:
        return self._joined(lambda network: network.table(size))

    def reached(self, size: tuple[int, int]) -> Mapping[Layer, LayerInfo]:
        return self._joined(lambda network: network.reached(size))

    def _joined(
        self, rows: Callable[[Network], Mapping[Layer, LayerInfo]]
    ) -> Mapping[Layer, LayerInfo]:
        return {
            layer.within(name): info
            for name, each in self.members.items()
            for layer, info in rows(each).items()
        }

    def shown(self, layers: Collection[Layer], size: tuple[int, int]) -> tuple[int, int]:
        return size  # each network resizes its own

    def fit_notes(self, layers: Collection[Layer], size: tuple[int, int]) -> tuple[str, ...]:
        return tuple(
            f"{name}: {note}"
            for name, inner in by_member(self.members, layers).items()
            for note in self.members[name].fit_notes(inner, size)
        )


def member_of(names: Collection[str], layer: Layer) -> tuple[str, Layer]:
    """Return the member of an ensemble that a layer is in, and its address there.

    Raises:
        UnknownLayer: in none of them.
    """
    name, slash, rest = layer.name.partition("/")
    if name in names and rest:
        return name, replace(layer, name=rest)
    example = f"{next(iter(names))}/{layer.name if not slash else rest or OUTPUT}"
    raise UnknownLayer(
        f"{str(layer)!r} is in no network of the ensemble; its layers are NAME/LAYER with "
        f"NAME one of {', '.join(names)}, such as {example!r}"
    )


def by_member(names: Collection[str], layers: Iterable[Layer]) -> dict[str, set[Layer]]:
    """Return layers of an ensemble by the members that they are in, with their addresses there."""
    found: dict[str, set[Layer]] = {}
    for layer in layers:
        name, inner = member_of(names, layer)
        found.setdefault(name, set()).add(inner)
    return found


class SideBySide(nn.Module):
    """Networks that are shown the same images, each in the way that it wants them.

    Args:
        networks: by name.
        preprocesses: likewise.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        preprocesses: Mapping[str, Callable[[Tensor], Tensor]],
    ) -> None:
        super().__init__()
        # As modules, an attribute's names are taken ("type", "keys"); a prefix keeps them apart.
        self.networks = nn.ModuleDict({path(name): each for name, each in networks.items()})
        self.preprocesses = dict(preprocesses)

    def forward(self, image: Tensor) -> dict[str, Any]:
        """Return the output of each network for images, sRGB in [0, 1]."""
        return {
            name: self.networks[path(name)](preprocess(image))
            for name, preprocess in self.preprocesses.items()
        }


def path(name: str) -> str:
    """Return the name of a member as a submodule."""
    return f"of_{name}"


def specification(sources: Mapping[str, str]) -> str:
    """Return how an ensemble is written, from the specifications of its members.

    >>> specification({"a": "squeezenet1_1", "b": "timm:vgg16?mean=0.5,0.5,0.5"})
    'ensemble:a=squeezenet1_1,b=timm:vgg16?mean=0.5,0.5,0.5'
    """
    return f"{SOURCE}:" + ",".join(f"{name}={source}" for name, source in sources.items())

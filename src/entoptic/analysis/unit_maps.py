"""Maps of units: what channels, codes and directions are at each position, before any mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from entoptic.formats.sparse_encoder import SparseEncoder
from entoptic.layers import Layer
from entoptic.objectives import Leaf, Objective
from entoptic.objectives.reductions import dot_cosine, for_channels

Project: TypeAlias = Callable[[Tensor], Tensor]
"""From a layer's activations, (batch, channels, ...), to maps, (batch, units, ...)."""


@dataclass(frozen=True, eq=False)
class UnitMaps:
    """Units of one layer whose maps are found together.

    Args:
        layer: whose activations they are found from.
        places: of the units, among all.
        project: finds their maps, in the order of the places.
    """

    layer: Layer
    places: NDArray[np.int64]
    project: Project


def unit_maps(units: Iterable[Objective]) -> tuple[list[UnitMaps], dict[int, Objective]]:
    """Return the units that have maps, by what they are found from; the others by their place.

    Args:
        units: bound to a network.
    """
    groups: dict[tuple[Any, ...], tuple[list[int], list[Leaf]]] = {}
    others = {}
    for place, unit in enumerate(units):
        if not isinstance(unit, Leaf) or unit.name not in _FINDERS:
            others[place] = unit
            continue
        # Those of one encoder share its run.
        from_file = [each for each in unit.arguments if isinstance(each, SparseEncoder)]
        places, some = groups.setdefault((unit.name, map_layer(unit), *from_file), ([], []))
        places.append(place)
        some.append(unit)
    found = [
        UnitMaps(layer, np.array(places), _FINDERS[name](some))
        for (name, layer, *_), (places, some) in groups.items()
    ]
    return found, others


def map_layer(unit: Objective) -> Layer | None:
    """Return the layer whose positions a unit's map has; None of a unit without a map."""
    if not isinstance(unit, Leaf) or unit.name not in _FINDERS:
        return None
    return Layer.parse(unit.arguments[0])


def map_of(unit: Objective, acts: Mapping[Layer, Tensor]) -> Tensor | None:
    """Return the map of a bound unit for each image, (batch, ...); None of one without a map."""
    layer = map_layer(unit)
    if layer is None:
        return None
    ((only,), _) = unit_maps([unit])
    values = acts[layer]
    found = only.project(values)[:, 0]
    return found.reshape(len(values), *values.shape[2:])


def _channels(units: Sequence[Leaf]) -> Project:
    numbers = np.array([unit.arguments[1] for unit in units])

    def project(values: Tensor) -> Tensor:
        if np.array_equal(numbers, np.arange(values.shape[1])):
            return values
        return values[:, torch.from_numpy(numbers).to(values.device)]

    return project


def _codes(units: Sequence[Leaf]) -> Project:
    encoder = units[0].arguments[1]
    numbers = [unit.arguments[2] for unit in units]
    return lambda values: encoder.codes(values, numbers)


def _directions(units: Sequence[Leaf]) -> Project:
    def project(values: Tensor) -> Tensor:
        maps = []
        for unit in units:
            _, vector, power = unit.arguments
            maps.append(dot_cosine(values, for_channels(vector, values), power))
        return torch.stack(maps, 1)

    return project


def _cosines(units: Sequence[Leaf]) -> Project:
    def project(values: Tensor) -> Tensor:
        vectors = [for_channels(unit.arguments[1], values) for unit in units]
        return torch.stack([functional.cosine_similarity(values, each) for each in vectors], 1)

    return project


_FINDERS: Mapping[str, Callable[[Sequence[Leaf]], Project]] = {
    "channel": _channels,
    "code": _codes,
    "direction": _directions,
    "cosine": _cosines,
}

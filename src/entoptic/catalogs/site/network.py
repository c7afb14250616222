"""What the network itself tells of a catalog's layers: kinds, classes, weights between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entoptic.catalogs.families import is_from_file, layer_of, unit_of
from entoptic.catalogs.site.shards import number
from entoptic.errors import BadSetting
from entoptic.layers import Layer
from entoptic.networks import Model
from entoptic.networks.circuits import Circuits, Weights

MOST = 5
"""Units that a unit shows at each end of its weights."""

_LEVELS = 99
"""Steps from 0 to the largest weight, in which kernels are kept."""


@dataclass(frozen=True)
class Told:
    """What a network tells of a catalog's layers.

    Args:
        about: by layer, in the order in which the network runs: kind, stride, receptive field.
        labels: by layer: names of its units, where these are the scores of classes.
        weights: of each unit that has any, by layer and number: under `before` and `after`, by
            layer, the units that excite most and inhibit most; None where they aren't known.
        notes: what is left out, and why.
    """

    about: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    weights: Mapping[tuple[str, int], Mapping[str, Any]] | None = None
    notes: tuple[str, ...] = ()


def told_by(model: Model, units: Mapping[str, Sequence[int]]) -> Told:
    """Return what a network tells of layers.

    Args:
        model: the network.
        units: numbers of the units that the catalog has, by layer.
    """
    layers = {name: model.resolve(layer_of(name)) for name in units}
    table = model.table()
    order = {layer: at for at, layer in enumerate(table)}
    about = {
        name: _about(table[layers[name]]) | _of_file(name, units[name])
        for name in sorted(layers, key=lambda name: order[layers[name]])
    }
    plain = [Layer.parse(name) for name in units if not is_from_file(name)]
    if not plain:
        return Told(about)
    try:
        circuits = Circuits(model, plain)
    except BadSetting as reason:
        return Told(about, notes=(f"weights between layers are left out: {reason}",))
    labels = {str(layer): model.labels or () for layer in circuits.classes()}
    weights: dict[tuple[str, int], dict[str, Any]] = {}
    for each in circuits.weights():
        _add(weights, each, units)
    return Told(about, labels, weights)


def _about(info: Any) -> dict[str, Any]:
    return {
        "kind": info.kind,
        "channels": info.channels,
        "stride": info.stride,
        "field": info.receptive_field,
    }


def _of_file(family: str, numbers: Sequence[int]) -> dict[str, Any]:
    """Return what is otherwise of units from a file."""
    if not is_from_file(family):
        return {}
    return {"kind": unit_of(family, 0).name, "channels": len(numbers)}


def _add(
    found: dict[tuple[str, int], dict[str, Any]],
    weights: Weights,
    units: Mapping[str, Sequence[int]],
) -> None:
    """Note the strongest weights of two layers, at the units of both."""
    totals = weights.totals
    ends = {"before": (weights.target, weights.source), "after": (weights.source, weights.target)}
    for side, (here, there) in ends.items():
        mine, others = np.array(units[str(here)]), np.array(units[str(there)])
        for unit in mine.tolist():
            row = totals[unit] if side == "before" else totals[:, unit]
            if not row.any():
                continue
            strongest = {"layer": str(there), "kernel": list(weights.kernels.shape[2:])}
            for sign, name in ((1, "excites"), (-1, "inhibits")):
                strongest[name] = [
                    [other, number(float(row[other])), _kernel(weights, side, unit, other)]
                    for other in _strongest(sign * row[others], others)
                ]
            found.setdefault((str(here), unit), {}).setdefault(side, []).append(strongest)


def _strongest(values: NDArray[np.float32], numbers: NDArray[np.int64]) -> list[int]:
    """Return the numbers of the largest values above 0."""
    order = np.argsort(-values, kind="stable")[:MOST]
    return [int(numbers[place]) for place in order if values[place] > 0]


def _kernel(weights: Weights, side: str, unit: int, other: int) -> list[int] | None:
    """Return a kernel in whole numbers, to be drawn; None where it is one weight."""
    kernel = weights.kernels[unit, other] if side == "before" else weights.kernels[other, unit]
    if kernel.size == 1:
        return None
    levels: list[int] = (
        np.rint(kernel / np.abs(kernel).max() * _LEVELS).astype(int).ravel().tolist()
    )
    return levels

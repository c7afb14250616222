"""Layers and objectives where nothing is said: by the table of defaults, or by the layer table."""

from __future__ import annotations

import functools
import operator
import re
from collections import Counter
from collections.abc import Collection, Sequence

from entoptic.errors import BadSetting
from entoptic.images import PictureLike
from entoptic.jobs.defaults import network_defaults
from entoptic.layers import Layer, layer_name
from entoptic.networks import Model
from entoptic.objectives import Objective, energy, match, objective_of, parse


def dream_objective(model: Model) -> Objective:
    """Return what a network dreams of where nothing is said.

    For one that the table of defaults doesn't know it is the energy of a middle layer.

    Raises:
        BadSetting: the network has no default layer.
    """
    if model.members:
        return _of_all(model)
    known = network_defaults(model.source, "dream").get("objective")
    return _middle(model) if known is None else parse(known)


def _of_all(model: Model) -> Objective:
    """Return the sum of the default objectives of an ensemble's networks."""
    layers = [
        layer.within(name)
        for name, each in model.members.items()
        for layer in sorted(dream_objective(each).layers())
    ]
    first, *others = map(energy, layers)
    return functools.reduce(operator.add, others, first)


# The stride, in pixels, of the original's favourite, GoogLeNet's fourth stage: eyes and faces.
_STRIDE = 16

# Fewer layers of a kind in a row make no trunk of blocks with a middle.
_SERIES = 4


def _middle(model: Model) -> Objective:
    """Energy of the last layer with a stride of at most 16 pixels.

    Transformers and mixers keep the same positions all the way: there it is the middle one of
    their blocks.
    """
    strides = {
        layer: info.stride[0]
        for layer, info in model.layers().items()
        if info.stride and info.spatial_size and min(info.spatial_size) > 1
    }
    if not strides:
        blocks = _longest_series(list(model.layers()), model)
        if len(blocks) >= _SERIES:
            return energy(blocks[(len(blocks) - 1) // 2])
        raise BadSetting(
            f"{model.source} has no default layer for a dream; name one with --layer "
            "(`entoptic layers` lists them)"
        )
    wanted = max((each for each in strides.values() if each <= _STRIDE), default=0)
    wanted = wanted or min(strides.values())
    alike = [layer for layer, stride in strides.items() if stride == wanted]
    if wanted == max(strides.values()):
        blocks = _longest_series(alike, model)
        if len(blocks) >= _SERIES:
            return energy(blocks[(len(blocks) - 1) // 2])
    return energy(_last_stage(alike, model))


def _last_stage(layers: Sequence[Layer], model: Model) -> Layer:
    """Return the module with most of some layers, which is a stage; else the outermost layer.

    The last, where several are alike.
    """
    backwards = list(reversed(layers))
    inside = Counter(parent for layer in layers for parent in _parents(layer, model))
    stage = max(backwards, key=lambda layer: inside[layer.name])
    return stage if inside[stage.name] else min(backwards, key=lambda layer: _depth(layer, model))


def _parents(layer: Layer, model: Model) -> list[str]:
    """Names of the modules that a layer lies in; files of graphs may know of none."""
    parts = layer.name.split(".")
    paths = [".".join(parts[:count]) for count in range(1, len(parts))]
    return [path for path in paths if path in model.names]


def _longest_series(layers: Sequence[Layer], model: Model) -> list[Layer]:
    """Return the longest series of like layers whose names differ by one number: `blocks.0`, ...

    The outermost, where several are alike.
    """
    table = model.layers()
    series: dict[tuple[str, str], list[Layer]] = {}
    for layer in layers:
        for number in re.finditer(r"\d+", layer.name) if layer.call == 0 else ():
            stem = f"{layer.name[: number.start()]}#{layer.name[number.end() :]}"
            series.setdefault((stem, table[layer].kind), []).append(layer)
    return max(series.values(), key=lambda some: (len(some), -_depth(some[0], model)), default=[])


def _depth(layer: Layer, model: Model) -> int:
    return len(_parents(layer, model))


def chosen(
    model: Model,
    objective: Objective | str | None,
    layer: Layer | str | None,
    guide: PictureLike | None,
    usual: Objective | str | None = None,
) -> Objective:
    """Return the objective that a user gave, in whichever way.

    Args:
        objective: an objective or its expression.
        layer: instead, a layer whose energy is to grow.
        guide: with or without a layer, another picture whose features are to appear.
        usual: the objective where nothing is asked for; None for the network's own.

    Raises:
        BadSetting: more than one way at once.
        BadExpression: the expression can't be read.
    """
    if layer is not None:
        layer = layer_name("layer", layer)
    if objective is not None and (layer is not None or guide is not None):
        raise BadSetting("an objective excludes a layer and a guide; leave these out")
    if objective is not None:
        return objective_of(objective)
    if guide is not None:
        return match(layer or middle_layer(model), guide)
    if layer is not None:
        return energy(layer)
    return dream_objective(model) if usual is None else objective_of(usual)


def middle_layer(model: Model) -> str:
    """Return the layer of the network's default dream, the earliest of several."""
    return str(in_order(model, dream_objective(model).layers())[0])


def in_order(model: Model, layers: Collection[Layer]) -> list[Layer]:
    """Layers as the network runs them, which their names don't tell; the picture comes first.

    Raises:
        PictureTooSmall, WrongPictureSize: the network can't work at its own size.
    """
    if len(layers) < 2:
        return list(layers)
    place = {layer: number for number, layer in enumerate(model.table())}
    return sorted(layers, key=lambda each: (place.get(model.resolve(each), -1), each))

"""What a dream does where nothing is said: chosen by eye, or found in the layer table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from entoptic.errors import BadSetting
from entoptic.models import Model
from entoptic.objectives import Objective, energy, match, parse


@dataclass(frozen=True)
class Tuned:
    """Settings that give a network's best-looking dream.

    Args:
        objective: an expression.
        octaves, octave_scale, steps, step_size, smoothing: as in `DreamSettings`.
    """

    objective: str
    octaves: int = 4
    octave_scale: float = 1.4
    steps: int = 10
    step_size: float = 1.5 / 255
    smoothing: float = 0.0


TUNED: Mapping[str, Tuned] = {
    "squeezenet1_1": Tuned(
        "energy('fire7') + energy('fire8')", octaves=5, steps=12, step_size=1 / 255, smoothing=1.5
    ),
    "efficientnet_lite0": Tuned("energy('blocks.4')", octaves=5, step_size=1 / 255, smoothing=1.0),
}


def tuned(model: Model) -> Tuned:
    """The settings for a network; for one that we don't know, the original's at a middle layer.

    Raises:
        BadSetting: no layer suggests itself.
    """
    return TUNED.get(model.source.partition("?")[0]) or Tuned(repr(_middle(model)))


def _middle(model: Model) -> Objective:
    """Energy of the last layer whose places are at most 16 pixels apart: eyes and faces, mostly.

    That is where the original's favourite, GoogLeNet's fourth stage, lies.
    """
    maps = {
        layer: info.stride[0]
        for layer, info in model.layers().items()
        if info.stride and min(info.shape[2:]) > 1
    }
    coarsest = max((stride for stride in maps.values() if stride <= 16), default=None)
    if coarsest is None:
        raise BadSetting(
            f"no layer of {model.source} suggests itself for a dream; name one with --layer "
            "(`entoptic layers` lists them)"
        )
    last = [layer for layer, stride in maps.items() if stride == coarsest][-1]
    return energy(last)


def chosen(
    model: Model,
    objective: Objective | str | None,
    layer: str | None,
    guide: str | None,
) -> Objective:
    """The objective that a user has asked for, in whichever way.

    Args:
        objective: an objective or its expression.
        layer: instead, a layer whose energy is to grow.
        guide: with or without a layer, another picture whose features are to appear.

    Raises:
        BadSetting: more than one way at once.
        BadExpression: the expression can't be read.
    """
    if objective is not None and (layer is not None or guide is not None):
        raise BadSetting("an objective says all by itself; leave out the layer and the guide")
    if objective is not None:
        return parse(objective) if isinstance(objective, str) else objective
    if guide is not None:
        return match(layer or _guided_layer(model), guide)
    return energy(layer) if layer is not None else parse(tuned(model).objective)


def _guided_layer(model: Model) -> str:
    layers = parse(tuned(model).objective).layers()
    return str(min(layers))

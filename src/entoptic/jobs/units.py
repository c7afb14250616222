"""Units as users write them: channels, ranges of channels, and expressions."""

from __future__ import annotations

from collections.abc import Sequence

from entoptic.checks import refused
from entoptic.errors import BadExpression
from entoptic.layers import LOGITS
from entoptic.objectives import Leaf, Objective, PerImage, channel, parse
from entoptic.objectives.parser import is_short

MOST_UNITS = 4096
"""The most pictures on a sheet."""


def read_units(unit: str | Objective) -> list[Objective]:
    """Return the objectives that a unit stands for; channels such as LAYER:3-5,9 stand for several.

    >>> read_units("fire7:3-5")
    [channel('fire7', 3), channel('fire7', 4), channel('fire7', 5)]
    """
    if isinstance(unit, PerImage):
        return list(unit.objectives)
    if isinstance(unit, Leaf):
        return [*unit.each(MOST_UNITS)]
    if isinstance(unit, Objective):
        return [unit]
    if not isinstance(unit, str):
        raise refused("a unit", unit, "must be a text such as fire7:3, or an objective")
    read = parse(unit)
    if not isinstance(read, Leaf) or read.name != "channels" or not is_short(unit):
        return read_units(read)
    layer, numbers = read.arguments
    if isinstance(numbers, str) or len(numbers) > MOST_UNITS:  # very many stay the text of a range
        raise BadExpression(f"{unit!r} stands for more than {MOST_UNITS} units, which is the most")
    return [channel(layer, number) for number in numbers]


def read_all(units: Sequence[str | Objective]) -> list[Objective]:
    """Return the objectives that several units stand for."""
    return [each for unit in units for each in read_units(unit)]


def one_unit(unit: str | Objective) -> Objective:
    """Return the objective of a unit that must be a single one.

    Raises:
        BadExpression: it is a range of channels, or can't be read.
    """
    found = read_units(unit)
    if len(found) != 1:
        raise BadExpression(f"{unit!r} stands for {len(found)} units; name one")
    return found[0]


def label_of(objective: Objective) -> str:
    """Return the short form of a unit, where it has one.

    >>> label_of(channel("fire7", 3))
    'fire7:3'
    >>> label_of(parse("class:goldfish"))
    'class:goldfish'
    """
    if isinstance(objective, Leaf) and objective.name == "channel":
        layer, number = objective.arguments
        return f"{layer}:{number}"
    if isinstance(objective, Leaf) and objective.name == "log_odds":
        label, layer = objective.arguments
        if layer == LOGITS:
            return f"class:{label}"
    return repr(objective)

"""Units as users write them: channels, ranges of channels, and expressions."""

from __future__ import annotations

from collections.abc import Sequence

from entoptic.checks import refused, several
from entoptic.errors import BadExpression, BadSetting
from entoptic.layers import LOGITS, Layer, layer_name
from entoptic.objectives import Leaf, Objective, PerImage, channel, parse
from entoptic.objectives.parser import is_short

MOST_UNITS = 4096
"""A sheet of more pictures than this is no sheet."""


def read_units(unit: str | Objective) -> list[Objective]:
    """The objectives that a unit stands for; channels such as LAYER:3-5,9 stand for several.

    >>> read_units("fire7:3-5")
    [channel('fire7', 3), channel('fire7', 4), channel('fire7', 5)]
    """
    if isinstance(unit, PerImage):
        return list(unit.objectives)
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


def one_unit(unit: str | Objective) -> Objective:
    """The objective of a unit that is to be alone.

    Raises:
        BadExpression: it is a range of channels, or can't be read.
    """
    found = read_units(unit)
    if len(found) != 1:
        raise BadExpression(f"{unit!r} stands for {len(found)} units; name one")
    return found[0]


def read_names(what: str, given: Layer | str | Sequence[Layer | str]) -> list[str]:
    """One name, or several different ones.

    Raises:
        BadSetting: what is given isn't that.
    """
    listed = [given] if isinstance(given, str | Layer) else given
    names = several(layer_name, "names of layers")(what, listed)
    if not names:
        raise BadSetting(f"{what} is an empty list; give a name, or a list of names")
    if len({*names}) < len(names):
        raise BadSetting(f"{what} names one of {', '.join(names)} twice; give each once")
    return list(names)


def label_of(objective: Objective) -> str:
    """The short form of a unit, where it has one.

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

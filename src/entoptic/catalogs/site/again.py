"""The command and the Python that make a unit's picture again, as a site shows them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from entoptic.catalogs.families import halves
from entoptic.jobs.written import flag, literal, quoted
from entoptic.networks import Model
from entoptic.paths import name_for
from entoptic.recipes.visualize import Visualize

# What says how it was computed, not what was made.
_WORK = ("batch", "device", "precision")


def changed(settings: Mapping[str, Any], model: Model | None) -> dict[str, Any]:
    """Return those of a catalog's settings that `visualize` must be given.

    Args:
        settings: of the catalog, resolved.
        model: the network, by which defaults are known that depend on it; None where it isn't
            there, so that more is written than is needed.
    """
    usual: dict[str, Any] = {
        each.name: None if each.default is dataclasses.MISSING else each.default
        for each in dataclasses.fields(Visualize)
    }
    if model is not None:
        asked = Visualize(model, units=["output:0"], method=settings.get("method"))
        usual |= asked.resolved(model).kept() | {"method": asked.resolved(model).method}
    return {
        name: value
        for name, value in settings.items()
        if value is not None and value != usual.get(name) and name not in _WORK
    }


def commands(source: str, layer: str, given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return how the picture of a unit of a layer is made again.

    Args:
        source: what `load` is given.
        layer: of the unit.
        given: settings, from `changed`.

    Returns:
        `command` and `python`, each cut where the unit's number stands.

    >>> commands("squeezenet1_1", "fire5", {"size": 96})["command"]
    ['entoptic visualize -m squeezenet1_1 fire5:', ' --size 96 -o fire5-', '.png']
    >>> print("40".join(commands("squeezenet1_1", "fire5", {"size": 96})["python"]))
    import entoptic as ent
    <BLANKLINE>
    ent.visualize("squeezenet1_1", "fire5:40", size=96).save("fire5-40.png")
    """
    start, end = halves(layer)
    # The sign is quoted nowhere, so that a text without it is cut where it stood.
    before, _, after = quoted(f"{start}@{end}").rpartition("@")
    flags = "".join(f" {flag(name, value)}" for name, value in given.items())
    stem = name_for(layer)
    words = "".join(f", {name}={literal(value)}" for name, value in given.items())
    first = f"{literal(source)}, {literal(start)[:-1]}"
    return {
        "command": [
            f"entoptic visualize -m {quoted(source)} {before}",
            f"{after}{flags} -o {stem}-",
            ".png",
        ],
        "python": [
            f"import entoptic as ent\n\nent.visualize({first}",
            f'{end}"{words}).save("{stem}-',
            '.png")',
        ],
    }

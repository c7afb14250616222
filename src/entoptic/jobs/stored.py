"""The check that a picture's job names nothing for which a package's code would be imported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from entoptic.ascent.optimizers import optimizers
from entoptic.canvas import canvases
from entoptic.objectives import vocabulary
from entoptic.transforms import transforms


def check_stored(objective: str, settings: Mapping[str, Any], typed: Mapping[str, Any]) -> None:
    """Refuse a stored job that names what an installed package would have to be imported for.

    Args:
        objective: the job's expression; empty where the user replaces it.
        settings: the job's.
        typed: settings that the user replaces; what these name may be imported.

    Raises:
        NotAllowed: with what to do.
    """
    # From the begin of a word only: a long one would be looked through from each of its letters.
    vocabulary.check_stored(re.findall(r"\b(\w+)\s*\(", objective))
    for registry in (canvases, transforms, optimizers):
        registry.check_stored(sorted(_words(settings) - _words(typed)))


def _words(settings: Mapping[str, Any]) -> set[str]:
    return {word for text in _texts(settings) for word in re.findall(r"\w+", text)}


def _texts(value: Any) -> Iterator[str]:
    """All texts in settings, which are flat but for lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)

"""Networks that a job names: loaded only where that is safe, or the user names them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from entoptic.checks import refused
from entoptic.errors import NotAllowed
from entoptic.jobs.finding import Finder
from entoptic.lists import join_values, split_values
from entoptic.networks import Model, load
from entoptic.paths import is_same


def networks_of(
    find: Finder, changes: dict[str, Any], names: Sequence[str] | None = None
) -> list[Model]:
    """The networks of a job, or the one that the user names instead.

    Args:
        find: knows the job.
        changes: of which `model` is taken out; where it names what the job names, it is no change
            but a permission.
        names: of the networks, where there may be several.

    Raises:
        NotAllowed: the job names what only the user may name.
    """
    typed = changes.pop("model", None)
    if typed is not None:
        if names is not None and isinstance(typed, str) and split_values(typed) == list(names):
            typed = names
        several = names is not None and isinstance(typed, list | tuple)
        return [_allowed(find.picture, each) for each in (typed if several else [typed])]
    names = [find.job.model] if names is None else names
    try:
        return [load(each, stored=True) for each in names]
    except NotAllowed as error:
        raise NotAllowed(
            f"a picture's job alone doesn't load this: {error}; {_permission(find.picture, names)}"
        ) from None


def _allowed(picture: Path, typed: Any) -> Model:
    """The network that the user names."""
    if not isinstance(typed, Model | str) or typed == "":
        raise refused("model", typed, "must be a Model, or a name for entoptic.load")
    if isinstance(typed, Model):
        return typed
    if _names(picture, typed):
        raise NotAllowed(f"the network {typed!r} is the picture {str(picture)!r} itself")
    return load(typed)


def _names(picture: Path, network: str) -> bool:
    """Tell whether a network's specification names the picture as one of its files."""
    parts = [Path(each) for each in re.split("[:+?&=,]", network) if each]
    return any(is_same(each, picture) for each in parts)


def _permission(picture: Path, names: Sequence[str]) -> str:
    """Return how to allow networks: the command, if it is safe to type as it stands."""
    if "python" in names:  # as `Model.wrap` calls what it is given
        return "give it in Python: entoptic.redo(PICTURE, model=...)"
    if any(_names(picture, each) for each in names):
        return "a picture that is its own network is not to be trusted"
    command = shlex.join(["entoptic", "redo", str(picture), "--model", join_values(names)])
    if not command.isprintable() or len(command) > _LONGEST_COMMAND:
        return "if you trust it, name the network yourself, with --model"
    return f"if you trust it, type: {command}"


# What is longer a message leaves out the middle of, quotation marks too.
_LONGEST_COMMAND = 300

"""Several networks as one, each by its own specification."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from entoptic.errors import BadSetting, EntopticError
from entoptic.networks.ensembles import SOURCE, SideBySide, path, specification
from entoptic.networks.model import Model
from entoptic.networks.preprocess import Preprocess
from entoptic.networks.sources.spec import Spec

FORM = "ensemble:NAME=MODEL,NAME=MODEL,..."

# Each takes memory and time of its own.
_MOST = 32

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

# A comma inside of a specification stands between numbers, and no name follows it.
_BETWEEN = re.compile(r",(?=[^,=?&:]*=)")


def ensemble(spec: Spec, load: Callable[..., Model]) -> Model:
    """Return the networks of a list, as one model.

    Args:
        spec: `ensemble:NAME=MODEL,...`; a MODEL may have options of its own.
        load: loads each of them, see `entoptic.load`.

    Raises:
        BadSetting: no network or too many, a name that isn't one, one twice, or an ensemble in it.
        EntopticError: what `load` raises of a network, with its name.
    """
    members: dict[str, Model] = {}
    parts = _BETWEEN.split(spec.rest) if spec.rest else []
    if len(parts) > _MOST:
        raise BadSetting(f"an ensemble of {len(parts)} networks; it has {_MOST} at most")
    for part in parts:
        name, mark, source = part.partition("=")
        if not (mark and name and source):
            raise BadSetting(f"can't read {part!r} in {spec.text!r}; write {FORM}")
        if name in members:
            raise BadSetting(f"two networks of {spec.text!r} are called {name!r}; rename one")
        if source.startswith(f"{SOURCE}:"):
            raise BadSetting(_nested(name))
        try:
            members[name] = load(source, stored=spec.stored)
        except EntopticError as error:
            raise type(error)(f"{name}: {error}") from None
    return together(members)


def together(members: Mapping[str, Model]) -> Model:
    """Return several networks as one model; see `entoptic.ensemble`.

    Raises:
        BadSetting: no network, a name that isn't one, or an ensemble among them.
    """
    if not members:
        raise BadSetting("an ensemble of no networks; give at least one, such as a=squeezenet1_1")
    for name, each in members.items():
        if not _NAME.fullmatch(name):
            raise BadSetting(
                f"a network of an ensemble is called {name!r}; use letters, digits and _, such as "
                "a=squeezenet1_1"
            )
        if each.members:
            raise BadSetting(_nested(name))
    hows = {name: each.preprocess for name, each in members.items()}
    return Model(
        SideBySide({name: each.module for name, each in members.items()}, hows),
        Preprocess.none(_size(hows), 3),
        source=specification({name: each.source for name, each in members.items()}),
        addresses={
            f"{name}/{address}": f"networks.{path(name)}.{inner}".rstrip(".")
            for name, each in members.items()
            for address, inner in each.paths.items()
        },
        notes=tuple(f"{name}: {note}" for name, each in members.items() for note in each.notes),
        members=dict(members),
    )


def _nested(name: str) -> str:
    return f"{name!r} is an ensemble itself; put its networks beside the others"


def _size(members: Mapping[str, Preprocess]) -> tuple[int, int]:
    """Return the only size that one of the networks takes; else the largest of their own."""
    fixed = [each.size for each in members.values() if each.fixed_size]
    return fixed[0] if fixed else max(each.size for each in members.values())

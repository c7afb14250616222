"""Several networks as one, each by its own specification."""

from __future__ import annotations

import re

from entoptic.errors import BadSetting, EntopticError
from entoptic.networks.ensembles import SOURCE, ensemble as together
from entoptic.networks.model import Model
from entoptic.networks.sources.spec import Spec

FORM = "ensemble:NAME=MODEL,NAME=MODEL,..."

# Each takes memory and time of its own.
_MOST = 32

# A comma inside of a specification stands between numbers, and no name follows it.
_BETWEEN = re.compile(r",(?=[^,=?&:]*=)")


def ensemble(spec: Spec) -> Model:
    """The networks of a list, as one model; see `entoptic.networks.ensembles`.

    Args:
        spec: `ensemble:NAME=MODEL,...`; a MODEL may have options of its own.

    Raises:
        BadSetting: no network or too many, a name that isn't one, one twice, or an ensemble in it.
        EntopticError: what `load` raises of a network, with its name.
    """
    from entoptic.networks.sources import load  # which knows this source too

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
            raise BadSetting(f"{name!r} is an ensemble itself; put its networks beside the others")
        try:
            members[name] = load(source, stored=spec.stored)
        except EntopticError as error:
            raise type(error)(f"{name}: {error}") from None
    return together(**members)

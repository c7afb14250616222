"""Several networks as one, each by its own specification."""

from __future__ import annotations

import re

from entoptic.errors import BadSetting, EntopticError
from entoptic.models.ensembles import ensemble as together
from entoptic.models.model import Model
from entoptic.models.sources.spec import Spec

FORM = "ensemble:NAME=MODEL,NAME=MODEL,..."

# A comma inside of a specification stands between numbers, and no name follows it.
_BETWEEN = re.compile(r",(?=[^,=?&:]*=)")


def ensemble(spec: Spec) -> Model:
    """The networks of a list, as one model; see `entoptic.models.ensembles`.

    Args:
        spec: `ensemble:NAME=MODEL,...`; a MODEL may have options of its own.

    Raises:
        BadSetting: no network, a name that isn't one, or one twice.
        EntopticError: what `load` raises of a network, with its name.
    """
    from entoptic.models.sources import load  # which knows this source too

    members: dict[str, Model] = {}
    for part in _BETWEEN.split(spec.rest) if spec.rest else ():
        name, mark, source = part.partition("=")
        if not (mark and name and source):
            raise BadSetting(f"can't read {part!r} in {spec.text!r}; write {FORM}")
        if name in members:
            raise BadSetting(f"two networks of {spec.text!r} are called {name!r}; rename one")
        try:
            members[name] = load(source)
        except EntopticError as error:
            raise type(error)(f"{name}: {error}") from None
    return together(**members)

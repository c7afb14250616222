"""Sources of networks as such, and those that other packages bring along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from entoptic.errors import UnknownModel
from entoptic.networks.model import Model
from entoptic.networks.sources.spec import Spec

GROUP = "entoptic.sources"
"""The entry point group: the name is the source's word, the object a `Source` or its `load`."""


@dataclass(frozen=True)
class Source:
    """A way to get a network.

    Args:
        load: makes a Model of a specification.
        form: how a specification of this source is written.
        summary: one line for `entoptic models`.
        by_name: whether a specification names nothing but a network, neither a file nor code, so
            that a picture's job may name it too. Of other packages' sources none is taken at its
            word, since asking it would run that package's code.
    """

    load: Callable[[Spec], Model]
    form: str
    summary: str
    by_name: bool = False


def plugins() -> tuple[str, ...]:
    """Return the words of the sources that packages bring along; none of them is imported."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def plugin(name: str) -> Source:
    """Return the source that an installed package brings along.

    Raises:
        UnknownModel: no package has it, two have it, or it can't be imported.
    """
    found = tuple(entry_points(group=GROUP, name=name))
    if len(found) != 1:
        packages = ", ".join(map(_package, found)) or "none"
        raise UnknownModel(f"the source {name!r} must come from one package; it has {packages}")
    try:
        thing = found[0].load()
    except (ImportError, AttributeError, SyntaxError) as error:
        raise UnknownModel(
            f"the source {name!r} of the package {_package(found[0])} can't be imported ({error}); "
            "update or remove that package"
        ) from None
    if isinstance(thing, Source):
        return thing
    if callable(thing):
        return Source(thing, f"{name}:...", f"from the package {_package(found[0])}")
    raise UnknownModel(
        f"the source {name!r} of the package {_package(found[0])} is no Source and no function; "
        "tell its authors"
    )


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.value

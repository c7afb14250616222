"""A table of named things, which knows how to say that a name isn't in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from entoptic.errors import EntopticError, did_you_mean, one_line

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to things, in order of registration.

    Args:
        noun: what the things are called in an error ("objective").
        error: what is raised for a name that isn't there.
    """

    def __init__(self, noun: str, error: type[EntopticError]) -> None:
        self.noun = noun
        self.error = error
        self._things: dict[str, T] = {}

    def add(self, name: str, thing: T) -> None:
        """Register a thing.

        Raises:
            ValueError: the name is taken by another thing; nothing is replaced silently.
        """
        if self._things.get(name, thing) is not thing:
            raise ValueError(f"{self.noun} {name!r} is registered already; choose another name")
        self._things[name] = thing

    def __getitem__(self, name: str) -> T:
        if not isinstance(name, str):
            raise self.error(f"a {self.noun} is called {one_line(repr(name))}; give one name")
        try:
            return self._things[name]
        except KeyError:
            hint = did_you_mean(name, self._things) or f"; there are {', '.join(self._things)}"
            raise self.error(f"no {self.noun} named {name!r}{hint}") from None

    def __contains__(self, name: str) -> bool:
        return isinstance(name, str) and name in self._things

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)

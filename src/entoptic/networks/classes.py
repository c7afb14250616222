"""The classes of a network, by their labels, synonyms, WordNet numbers and numbers."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Mapping
from dataclasses import dataclass

from entoptic.errors import UnknownLabel, did_you_mean


@dataclass(frozen=True)
class Classes:
    """Names of a network's classes.

    Args:
        source: what the network is called, for messages.
        labels: in order; None where the network has no classes, or they have no names.
        synsets: WordNet numbers in order, likewise.
    """

    source: str
    labels: tuple[str, ...] | None
    synsets: tuple[str, ...] | None

    def number(self, name: int | str) -> int:
        """Return the number of a class; raise UnknownLabel with the nearest label."""
        if self.labels is None:
            if isinstance(name, int):
                return name
            raise UnknownLabel(f"{self.source} has no labels; give the class {name!r} by number")
        if isinstance(name, int):
            if 0 <= name < len(self.labels):
                return name
            raise UnknownLabel(
                f"class {name} does not exist; {self.source} has {len(self.labels)} classes "
                f"(0..{len(self.labels) - 1})"
            )
        found = self._numbers.get(name.casefold())
        if found is None:
            raise UnknownLabel(f"no class named {name!r} in {self.source}{self._near(name)}")
        if len(found) > 1:
            raise UnknownLabel(
                f"{len(found)} classes of {self.source} are called {name!r}: "
                f"{', '.join(map(self._told, found))}; name one by its number"
            )
        return found[0]

    def _near(self, name: str) -> str:
        """Return the tail of a message: the labels with that word in them, or the nearest one."""
        alike = [each for each in self._numbers if name.casefold() in each.split()]
        if not alike:
            return did_you_mean(name, self._numbers)
        more = f" and {len(alike) - 3} more" if len(alike) > 3 else ""
        return f"; with that word there are {', '.join(map(repr, alike[:3]))}{more}"

    def matching(self, pattern: str) -> tuple[int, ...]:
        """Return the numbers of the classes that a pattern matches; raise UnknownLabel if none."""
        found = {
            number
            for name, numbers in self._numbers.items()
            for number in numbers
            if fnmatch.fnmatchcase(name, pattern.casefold())
        }
        if not found:
            raise UnknownLabel(f"no class of {self.source} matches {pattern!r}")
        return tuple(sorted(found))

    def _told(self, number: int) -> str:
        """Return a class as messages show it."""
        synset = f" {self.synsets[number]}" if self.synsets else ""
        return f"{number} ({(self.labels or ())[number]}{synset})"

    @functools.cached_property
    def _numbers(self) -> Mapping[str, tuple[int, ...]]:
        """Numbers by label, synonym or synset; a whole label goes before a synonym."""
        labels = [label.casefold() for label in self.labels or ()]
        named: dict[str, tuple[int, ...]] = {}
        for pairs in (
            [(label, n) for n, label in enumerate(labels)],
            [(each.strip(), n) for n, label in enumerate(labels) for each in label.split(",")],
            [(synset.casefold(), n) for n, synset in enumerate(self.synsets or ())],
        ):
            found: dict[str, tuple[int, ...]] = {}
            for name, n in pairs:
                found[name] = (*found.get(name, ()), n)
            named = found | named
        return named

"""Files of a job with changes: the job's own by their bytes, the user's by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entoptic.errors import EntopticError
from entoptic.formats.arrays import Arrays
from entoptic.formats.sparse_encoder import SparseEncoder
from entoptic.images import Picture
from entoptic.jobs.finding import Finder
from entoptic.objectives import Objective, parse
from entoptic.objectives.facts import files_named
from entoptic.objectives.files import ON_DISK, Files

# Other guides that the same command could name are those of the user's own objective.
_ADVICE = "--look-in FOLDER, or change what names it"


@dataclass(frozen=True)
class ChangedFiles:
    """Reads what objectives name, where a part of them is a stranger's.

    Args:
        find: finds the job's files by their bytes.
        typed: names that the user has typed, and that the job doesn't name any more.
    """

    find: Finder
    typed: frozenset[str]

    def guide(self, name: str) -> Picture:
        """See `Files.guide`."""
        if name in self.typed:
            return ON_DISK.guide(name)
        return self.find.guide(name, _ADVICE)

    def arrays(self, name: str) -> Arrays:
        """See `Files.arrays`."""
        return self._of(name).arrays(name)

    def autoencoder(self, name: str) -> SparseEncoder:
        """See `Files.autoencoder`."""
        return self._of(name).autoencoder(name)

    def _of(self, name: str) -> Files:
        return ON_DISK if name in self.typed else self.find


def files_of_change(find: Finder, stored: Mapping[str, Any], changes: Mapping[str, Any]) -> Files:
    """Return what reads the files of a job that is made again.

    A file that the job still names, be it in a region or in another unit, is read only if its bytes
    are what they were; one that only the user names is read where its name says.

    Args:
        find: finds the job's files.
        stored: what the job says, of all that isn't changed.
        changes: what the user says instead.
    """
    if not changes:
        return find
    typed = _names(changes) | {str(changes[name]) for name in ("guide",) if name in changes}
    return ChangedFiles(find, frozenset(typed - _names(stored)))


def _names(settings: Mapping[str, Any]) -> set[str]:
    """Return the names of files in all objectives among settings."""
    return {name for each in _objectives([*settings.values()]) for name in files_named(each)}


def _objectives(value: Any) -> Iterator[Objective]:
    if isinstance(value, Objective):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _objectives(each)
    elif isinstance(value, str | Path):
        # A text may be a region, MASK=EXPRESSION, or no objective at all.
        for text in (str(value), str(value).partition("=")[2]):
            try:
                yield parse(text)
            except EntopticError:
                continue

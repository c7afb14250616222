"""Files that a job needs, found again: where they were, or beside the result."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from entoptic import pictures
from entoptic.errors import BadSetting, PictureNotFound
from entoptic.jobs import Job, Source
from entoptic.pictures import Picture, PictureLike, picture_of
from entoptic.recipes.spectra import Spectrum, read_spectrum

_File = TypeVar("_File", Picture, Spectrum)


@dataclass(frozen=True)
class Finder:
    """Finds the files of a job.

    Args:
        picture: the result.
        job: what it carries.
    """

    picture: Path
    job: Job

    def photo(self, given: PictureLike | None) -> Picture:
        """The picture to begin with, or another one that is given."""
        if given is not None:
            return picture_of(given)
        return self._same("photo", self.job.photo or Source(None, None), pictures.read)

    def guide(self, name: str) -> Picture:
        """The guide that an objective names."""
        known = {Path(each.name): each for each in self.job.guides if each.name is not None}
        return self._same("guide", known.get(Path(name), Source(None, None)), pictures.read)

    def spectrum(self, name: str) -> Path:
        """Where the spectrum that the settings name is now."""
        known = {each.name: each for each in self.job.guides}
        found = self._same("spectrum", known.get(name, Source(name, None)), read_spectrum)
        assert found.path is not None  # it was read from there
        return found.path

    def _same(self, what: str, source: Source, read: Callable[[Path], _File]) -> _File:
        """A file whose bytes are what they were."""
        if source.name is None:
            raise BadSetting(
                f"{str(self.picture)!r} was made from a {what} given in Python; "
                f"say where it is with --{what} FILE"
            )
        beside = self.picture.parent
        places = [Path(source.name), beside / source.name, beside / Path(source.name).name]
        found = [place for place in places if os.path.isfile(place)]  # noqa: PTH113 (never raises)
        for place in found:
            file = read(place)
            if file.sha256 == source.sha256:
                return file
        wrong = (
            f"{str(found[0])!r} has changed since {str(self.picture)!r} was made from it"
            if found
            else f"{source.name!r} that {str(self.picture)!r} was made from isn't here"
        )
        raise PictureNotFound(f"the {what} {wrong}; say where it is with --{what} FILE")

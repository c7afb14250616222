"""Files that a job needs, found again by their bytes, beside the result or where the user says.

A job may come from anyone. What it says of a file is where to look inside folders that are the
user's choice, and what the bytes must be; nothing else is opened, and nothing is decoded before its
bytes are found to be right.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from entoptic import images
from entoptic.analysis.spectrum import Spectrum, read_spectrum
from entoptic.errors import BadFilm, BadSetting, PictureNotFound
from entoptic.formats.arrays import Arrays, read_arrays, read_bytes
from entoptic.formats.autoencoders import read_autoencoder
from entoptic.formats.sparse_encoder import SparseEncoder
from entoptic.images import Picture, PictureLike, picture_of
from entoptic.images.large import MAX_MAPPED_PIXELS
from entoptic.jobs.job import Job, Source
from entoptic.types import PathLike
from entoptic.video.reading import pictures_in

# As many as the largest TIFF file that is read has, uncompressed at 16 bits with alpha.
_MOST_BYTES = 8 * MAX_MAPPED_PIXELS

_File = TypeVar("_File", Picture, Spectrum, Arrays, SparseEncoder)
_UnitFile = TypeVar("_UnitFile", Arrays, SparseEncoder)


@dataclass(frozen=True)
class Finder:
    """Finds the files of a job.

    Args:
        picture: the result.
        job: what it carries.
        folders: where files may lie, the most likely first.
    """

    picture: Path
    job: Job
    folders: tuple[Path, ...]
    _kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def photo(self, given: PictureLike | None) -> Picture:
        """The picture to begin with, or another one that is given."""
        if given is not None:
            return picture_of(given)
        return self._same("photo", self.job.photo or Source(None, None), images.read)

    def film(self, given: PathLike | None) -> Path:
        """Return the film to begin with, or another one that is given."""
        if given is not None:
            return Path(given)
        return self._film("film", self.job.photo or Source(None, None), "--photo FILE")

    def mask(self, name: str) -> Path:
        """Return the film, or the picture, that is a film's mask."""
        known = {each.name: each for each in self.job.guides}
        return self._film("mask", known.get(name, Source(name, None)), "--mask FILE")

    def _film(self, what: str, source: Source, option: str) -> Path:
        for place in self._places(source.name or ""):
            if source.sha256 is not None and _digest_of_film(place) == source.sha256:
                return place
        raise PictureNotFound(
            f"the {what} {source.name!r} that {str(self.picture)!r} was made from isn't here, or "
            f"has changed; say where it is with {option}"
        )

    def guide(self, name: str, option: str | None = None) -> Picture:
        """The guide that an objective names; `option` says where else it may be."""
        known = {Path(each.name): each for each in self.job.guides if each.name is not None}
        return self._same("guide", known.get(Path(name), Source(None, None)), images.read, option)

    def arrays(self, name: str) -> Arrays:
        """Return the arrays in a file that an objective names."""
        return self._unit_file(name, read_arrays)

    def autoencoder(self, name: str) -> SparseEncoder:
        """Return the encoder of the sparse autoencoder that an objective names."""
        return self._unit_file(name, functools.partial(read_autoencoder, config=self._beside))

    def spectrum(self, name: str) -> Path:
        """Return the file of the spectrum that the settings name."""
        known = {each.name: each for each in self.job.guides}
        found = self._same("spectrum", known.get(name, Source(name, None)), read_spectrum)
        assert found.path is not None  # it was read from there
        return found.path

    def _unit_file(self, name: str, read: Callable[[Path], _UnitFile]) -> _UnitFile:
        """Return a file of many units, which is read once for all of them."""
        if name not in self._kept:
            known = {each.name: each for each in self.job.guides}
            source = known.get(str(Path(name)), Source(name, None))
            self._kept[name] = self._same("file", source, read, "--look-in FOLDER")
        found: _UnitFile = self._kept[name]
        return found

    def _beside(self, place: Path) -> bytes:
        """Return the bytes of a file beside another one, if they are what they were."""
        data = read_bytes(place)
        if hashlib.sha256(data).hexdigest() not in {each.sha256 for each in self.job.guides}:
            raise PictureNotFound(
                f"{str(place)!r} has changed since {str(self.picture)!r} was made from it; say "
                "where it is with --look-in FOLDER"
            )
        return data

    def _same(
        self,
        what: str,
        source: Source,
        read: Callable[[Path], _File],
        option: str | None = None,
    ) -> _File:
        """A file whose bytes are what they were; `option` says where else it may be."""
        if source.name is None:
            raise BadSetting(
                f"{str(self.picture)!r} was made from a {what} given in Python; "
                f"say where it is with --{what} FILE"
            )
        changed = None
        for place in self._places(source.name):
            digest = _digest(place)
            if digest is not None and digest == source.sha256:
                file = read(place)
                if file.sha256 == digest:  # it may have changed meanwhile
                    return file
            changed = changed or (place if digest is not None else None)
        wrong = (
            f"{str(changed)!r} has changed since {str(self.picture)!r} was made from it"
            if changed
            else f"{source.name!r} that {str(self.picture)!r} was made from isn't here"
        )
        option = option or f"--{what} FILE"
        raise PictureNotFound(f"the {what} {wrong}; say where it is with {option}")

    def _places(self, name: str) -> Iterator[Path]:
        """Yield the paths a file may have: its name and its bare name, inside of each folder."""
        called = Path(name)
        for folder in self.folders:
            whole = Path(os.path.normpath(folder.absolute()))
            there = Path(os.path.normpath(whole / called))
            # A name such as ../x, or one that begins at the root, may lead elsewhere; and what is
            # inside of the root may be anything.
            if there.is_relative_to(whole) and whole != whole.parent:
                yield folder / called
            yield folder / called.name


def hash_of_film(path: Path) -> str:
    """Return the SHA-256 of a film's bytes; of a folder, of its pictures' one after another."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    found = hashlib.sha256()
    for each in pictures_in(path):
        found.update(each.read_bytes())
    return found.hexdigest()


def _digest_of_film(path: Path) -> str | None:
    """Return the same; None where there is no regular file and no folder of pictures."""
    if not path.is_dir():
        return _digest(path)
    try:
        return hash_of_film(path)
    except (BadFilm, OSError):
        return None


def _digest(path: Path) -> str | None:
    """The sha256 of a file's bytes; None where there is no regular file of a size that is read."""
    try:
        # Looked at before it is opened: opening a pipe would wait for its other end.
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with path.open("rb") as stream:
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
                return None
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError):
        return None

"""The making of records: photographs are read, shown to a network, and put together."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch

from entoptic.analysis.covariance import BYTES
from entoptic.analysis.photographs import View, ViewSize, each_photo, photo_files
from entoptic.analysis.record import (
    SAMPLE,
    TOP,
    Photograph,
    Record,
    empty_record,
    read_record,
)
from entoptic.analysis.responses import Responses, Watched, watched
from entoptic.errors import BadPicture, BadSetting, NotEnoughMemory
from entoptic.images import Picture, PictureLike, picture_of
from entoptic.images.writing import check_place
from entoptic.layers import Layer
from entoptic.networks import DeviceLike, Model, devices
from entoptic.networks.memory import free_memory
from entoptic.objectives import Objective
from entoptic.types import Image, PathLike

# Photographs whose values are added together; sorting for each of them alone would cost more.
_CHUNK = 64

# On a GPU more at a time are faster; on a CPU one already keeps the cores busy, and alone each
# photograph's numbers are the same whatever comes before it.
_BATCH = {"cuda": 32, "mps": 16, "xpu": 32}

_SAVE_EVERY_S = 30.0

Tell: TypeAlias = Callable[[str], object]
Named: TypeAlias = Mapping[str, Path | Picture]
"""Photographs by name, in the order of their names."""
Parts: TypeAlias = Callable[[Named], Iterator[Record | None]]
"""Yields records of some of the photographs each, until all are in one; None from time to time."""


@dataclass(frozen=True)
class How:
    """How photographs are looked at.

    Args:
        size: at which they are shown; by default the network's own.
        most: how many are kept at each end of a unit's values.
        sampled: for how many all values are kept.
        batch: photographs that are shown together; by default 1 on a CPU, more on a GPU.
        readers: threads that read.
        precision: in which the network computes.
        covariance: of which numbers covariances are kept; None of none.
    """

    size: ViewSize | None = None
    most: int = TOP
    sampled: int = SAMPLE
    batch: int | None = None
    readers: int | None = None
    precision: str = "fp32"
    covariance: str | None = None


@dataclass(frozen=True, eq=False)
class Recording:
    """Units of a network, about to be looked at in photographs.

    Args:
        units: with the network.
        empty: the record of no photographs.
        batch: photographs that are shown together.
        readers: threads that read.
    """

    units: Watched
    empty: Record
    batch: int
    readers: int | None

    @classmethod
    def of(
        cls,
        model: Model,
        layers: Collection[Layer | str | Objective],
        how: How,
        device: DeviceLike,
    ) -> Recording:
        """Check what is to be recorded.

        Raises:
            BadSetting, UnknownLayer, ChannelOutOfRange, UnknownLabel: with what to do.
            NotEnoughMemory: for covariances of so many units.
        """
        where = devices(device)[0]
        size = model.preprocess.size if how.size is None else how.size
        units = watched(model, layers, size, where, how.precision)
        together: dict[str, list[int]] = {}
        if how.covariance is not None:
            for place, unit in enumerate(units.units):
                name = ", ".join(sorted(str(model.resolve(each)) for each in unit.layers()))
                together.setdefault(name, []).append(place)
            _check_room(together)
        empty = empty_record(
            model, units.names, size, how.precision, how.most, how.sampled, units.hashes,
            how.covariance, together,
        )  # fmt: skip
        # Photographs of other shapes don't fit into one tensor.
        batch = how.batch or _BATCH.get(where.type, 1) if isinstance(size, tuple) else 1
        return cls(units, empty, batch, how.readers)

    def parts(self, photos: Named) -> Iterator[Record]:
        """Yield records of a few of the photographs each, until all are in one."""

        def prepared(picture: Picture) -> tuple[tuple[str, int, int], Image]:
            view = View.of(picture.height, picture.width, self.empty.size)
            about = _sha256(picture), picture.height, picture.width
            return about, view.image(picture.image)

        chunk = _Chunk(self)
        read = each_photo([*photos.values()], prepared, workers=self.readers)
        for name, found in zip(photos, read, strict=True):
            if isinstance(found, Exception):
                chunk.broken[name] = str(found)
            else:
                chunk.add(Photograph(name, *found[0]), found[1])
            if len(chunk) == _CHUNK:
                yield chunk.added_to(self.empty)
                chunk = _Chunk(self)
        if len(chunk):
            yield chunk.added_to(self.empty)

    def whole(self, photos: Named) -> Record:
        """Return the record of photographs."""
        found = Gathered(self.empty, photos)
        for part in self.parts(photos):
            found.add(part)
        return found.record()


def _check_room(layers: Mapping[str, Sequence[int]]) -> None:
    """Find out whether the covariances of layers have room.

    Raises:
        NotEnoughMemory: with what to do.
    """
    # Two parts, and what comes of them.
    wanted = 3 * BYTES * sum(len(each) ** 2 for each in layers.values())
    room = free_memory(torch.device("cpu"))
    if wanted > room:
        name = max(layers, key=lambda each: len(layers[each]))
        raise NotEnoughMemory(
            f"covariances need {wanted / 2**30:.1f} GiB, and {room / 2**30:.1f} GiB are free; "
            f"{name!r} has {len(layers[name])} units, of which each two have one: name fewer"
        )


class Gathered:
    """Records of different photographs, put together in any order.

    Args:
        empty: of no photographs.
        names: of all photographs, in order.
    """

    def __init__(self, empty: Record, names: Collection[str]) -> None:
        self._places = {name: place for place, name in enumerate(names)}
        # Photographs are numbered by their places until all are known that can be used.
        self._found = empty
        self._photos: dict[int, Photograph] = {}

    def __len__(self) -> int:
        return len(self._photos) + len(self._found.broken)

    def add(self, part: Record) -> None:
        """Add a record of some of them."""
        places = [self._places[each.name] for each in part.photos]
        self._photos |= zip(places, part.photos, strict=True)
        found = self._found.with_statistics(part.renumbered(np.array(places, np.int64)))
        self._found = replace(found, broken={**self._found.broken, **part.broken})

    def record(self) -> Record:
        """Return the record of all that were added."""
        places = sorted(self._photos)
        numbers = np.full(len(self._places), -1, np.int64)
        numbers[places] = np.arange(len(places))
        photos = tuple(self._photos[each] for each in places)
        broken = dict(sorted(self._found.broken.items()))
        return replace(self._found.renumbered(numbers), photos=photos, broken=broken)


def record_named(
    recording: Recording,
    named: Named,
    *,
    path: PathLike | None = None,
    tell: Tell = lambda _: None,
    parts: Parts | None = None,
) -> Record:
    """Return the record of photographs, of which a file may hold a part already.

    Args:
        recording: of the units.
        named: the photographs.
        path: what it holds isn't done again, and it is written from time to time.
        tell: is told what is being done.
        parts: records of them; by default they are made here.

    Raises:
        BadSetting: the file is a record of other units, or of photographs that aren't among these.
        BadPicture: no photograph can be used.
        BadRecord, CannotWrite: of the file.
    """
    done = _done(recording.empty, path)
    known = {each.name for each in done.photos} | {*done.broken}
    if gone := sorted(known - named.keys()):
        raise BadSetting(
            f"the record {str(path)!r} holds {gone[0]!r}, which isn't among the photographs; "
            "name the same folders, or another file"
        )
    left = {name: each for name, each in named.items() if name not in known}
    gathered, saved = Gathered(recording.empty, left), time.monotonic()
    for part in (parts or recording.parts)(left) if left else ():
        if part is not None:
            gathered.add(part)
        tell(f"photograph {len(known) + len(gathered)} of {len(named)}")
        if path is not None and time.monotonic() - saved > _SAVE_EVERY_S:
            done.merged(gathered.record()).save(path)
            saved = time.monotonic()
    found = done.merged(gathered.record())
    if not found.photos:
        name, reason = next(iter(found.broken.items()))
        raise BadPicture(f"none of {len(found.broken)} photographs can be used; {name!r}: {reason}")
    if path is not None and left:
        found.save(path)
    return found


def _done(empty: Record, path: PathLike | None) -> Record:
    """Return what a file holds already, checked to go with what is asked."""
    if path is None:
        return empty
    if Path(path).suffix.lower() != ".npz":
        raise BadSetting(f"a record is a file of NumPy; end {str(path)!r} in .npz")
    check_place(path)
    if not Path(path).exists():
        return empty
    done = read_record(path)
    try:
        return done.merged(empty)
    except BadSetting as error:
        raise BadSetting(f"{str(path)!r} is another record: {error}") from None


def named_photos(photos: Sequence[PictureLike]) -> dict[str, Path | Picture]:
    """Return the photographs by name, in the order of their names.

    Raises:
        BadSetting: there are none.
    """
    files = photo_files(
        (each for each in photos if isinstance(each, str | Path)), nested=True, checked=False
    )
    found: dict[str, Path | Picture] = {str(each): each for each in files}
    for given in photos:
        if not isinstance(given, str | Path):
            picture = picture_of(given, "photos")
            found[f"picture-{_sha256(picture)[:16]}"] = picture
    if not found:
        raise BadSetting("no photographs; name files or folders")
    return dict(sorted(found.items()))


def _sha256(picture: Picture) -> str:
    """Return the hash of a picture's file, or of its numbers."""
    return picture.sha256 or hashlib.sha256(picture.image.numpy().tobytes()).hexdigest()


class _Chunk:
    """Some photographs, on their way into a record."""

    def __init__(self, how: Recording) -> None:
        self.units, self.batch = how.units, how.batch
        self.draws = how.empty.covariance_of == "position"
        self.broken: dict[str, str] = {}
        self.waiting: list[tuple[Photograph, Image]] = []
        self.photos: list[Photograph] = []
        self.found: list[Responses] = []

    def __len__(self) -> int:
        return len(self.broken) + len(self.waiting) + len(self.photos)

    def add(self, photo: Photograph, image: Image) -> None:
        self.waiting.append((photo, image))
        if len(self.waiting) == self.batch:
            self._run()

    def added_to(self, record: Record) -> Record:
        """Return a record with these photographs, too."""
        self._run()
        return record.with_responses(self.photos, self.found, self.broken)

    def _run(self) -> None:
        if not self.waiting:
            return
        images = [image for _, image in self.waiting]
        # Batches of one size: in another one, sums are taken in another order.
        images += images[-1:] * (self.batch - len(images))
        hashes: list[str] = []
        if self.draws:
            hashes = [photo.sha256 for photo, _ in self.waiting]
            hashes += hashes[-1:] * (self.batch - len(hashes))
        responses = self.units.responses(
            torch.cat(images) if len(images) > 1 else images[0], hashes
        )
        for (photo, _), found in zip(self.waiting, responses, strict=False):
            if found is None:
                self.broken[photo.name] = "its activations aren't finite"
            else:
                self.photos.append(photo)
                self.found.append(found)
        self.waiting = []

"""Records: what a network's units do over photographs, in one pass and bounded memory.

Of each unit the largest and the mean activation in each photograph are looked at; the record keeps
the photographs where these are most and least, and their exact mean and variance.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import time
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from entoptic.analysis.photographs import View, ViewSize, each_photo, photo_files
from entoptic.analysis.responses import Responses, Watched, watched
from entoptic.analysis.running import Extremes, Moments, Sample, Table, Values
from entoptic.checks import (
    as_given,
    count,
    extent,
    function,
    one_of,
    path as a_path,
    several,
    taking,
)
from entoptic.errors import BadPicture, BadRecord, BadSetting
from entoptic.images import Picture, PictureLike, picture_of
from entoptic.images.writing import check_place, write_file
from entoptic.layers import Layer, layer_name
from entoptic.networks import DeviceLike, Model, ModelLike, devices, model_of
from entoptic.objectives import Objective
from entoptic.types import Image, PathLike

FORMAT = 1
"""Version of the file."""

MEASURES = ("max", "mean")
"""The two numbers of a unit in a photograph, over all positions."""

TOP = 9
"""Photographs that are kept at each end of each unit's values."""

SAMPLE = 1024
"""Photographs for which all units' values are kept."""

# Photographs whose values are added together; sorting for each of them alone would cost more.
_CHUNK = 64

# On a GPU more at a time are faster; on a CPU one already keeps the cores busy, and alone each
# photograph's numbers are the same whatever comes before it.
_BATCH = {"cuda": 32, "mps": 16, "xpu": 32}

_SAVE_EVERY_S = 30.0

Tell: TypeAlias = Callable[[str], object]


@dataclass(frozen=True)
class Photograph:
    """A photograph in a record.

    Args:
        name: as its file was found.
        sha256: of the file's bytes.
        height: in pixels.
        width: likewise.
    """

    name: str
    sha256: str
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class Measure:
    """Statistics of one of the two numbers that units have in each photograph.

    Args:
        top: the largest, and where.
        bottom: the smallest.
        moments: for mean and variance.
    """

    top: Extremes
    bottom: Extremes
    moments: Moments

    @classmethod
    def empty(cls, units: int, most: int) -> Measure:
        """Return the statistics of nothing."""
        top, bottom = (Extremes.empty(units, most, sign) for sign in (1, -1))
        return cls(top, bottom, Moments.empty(units))

    def with_values(
        self, values: Values, photos: NDArray[np.int64], positions: NDArray[np.int32]
    ) -> Measure:
        """Return the statistics with some photographs more.

        Args:
            values: (photographs, units).
            photos: their numbers.
            positions: (photographs, units, 2).
        """
        rows = np.broadcast_to(photos, values.T.shape)
        new = Extremes(values.T, rows, positions.swapaxes(0, 1))
        return Measure(
            self.top.merged(new, 1),
            self.bottom.merged(new, -1),
            self.moments.with_values(values),
        )

    def merged(self, other: Measure) -> Measure:
        """Return the statistics of both."""
        return Measure(
            self.top.merged(other.top, 1),
            self.bottom.merged(other.bottom, -1),
            self.moments.merged(other.moments),
        )

    def renumbered(self, numbers: NDArray[np.int64]) -> Measure:
        """Return the statistics with other numbers of photographs."""
        return replace(
            self, top=self.top.renumbered(numbers), bottom=self.bottom.renumbered(numbers)
        )


@dataclass(frozen=True, eq=False)
class Record:
    """Responses of units to photographs.

    Two records of different photographs, made with the same settings, merge; the result is the
    same whatever the split, to the last byte of its file.

    Args:
        model: the network's specification.
        weights: sha256 of its weights, and of the files that units were read from.
        units: expressions of the units, in order.
        size: at which photographs were shown: the long side, or (height, width).
        precision: in which the network computed.
        most: how many photographs are kept at each end.
        sampled: how many the sample holds at most.
        photos: all photographs, by name.
        broken: files that couldn't be used, by name, with the reason.
        measures: `max`, the spatial maximum, and `mean`, the spatial mean.
        sample: all values for some of the photographs.
    """

    model: str
    weights: str
    units: tuple[str, ...]
    size: ViewSize
    precision: str
    most: int
    sampled: int
    photos: tuple[Photograph, ...]
    broken: Mapping[str, str]
    measures: Mapping[str, Measure] = field(repr=False)
    sample: Sample = field(repr=False)

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same for two records to merge."""
        names = ("model", "weights", "units", "size", "precision", "most", "sampled")
        return {name: getattr(self, name) for name in names}

    def mean(self, by: str = "max") -> NDArray[np.float64]:
        """Return the mean of each unit's maximum or mean over the photographs, (units,)."""
        return self.measures[by].moments.mean()

    def variance(self, by: str = "max") -> NDArray[np.float64]:
        """Return the variance of the same, (units,)."""
        return self.measures[by].moments.variance()

    def ranked(self, unit: int, by: str = "max") -> NDArray[np.int64]:
        """Return the rows of the sample, from a unit's smallest value to its largest."""
        values = self.values(by)[:, unit]
        order: NDArray[np.int64] = np.lexsort((self.sample.photos, values))
        return order

    def values(self, by: str = "max") -> Values:
        """Return the values in the sample, (photographs, units)."""
        return self.sample.largest if by == "max" else self.sample.mean

    def quantiles(self, shares: Sequence[float], by: str = "max") -> Values:
        """Return the values below which such shares of the photographs lie, (shares, units).

        Exact up to as many photographs as the sample holds; of more they are the sample's.
        """
        values = np.sort(self.values(by), axis=0)
        rows = [round(share * (len(values) - 1)) for share in shares]
        return values[rows]

    def merged(self, other: Record) -> Record:
        """Return the record of the photographs of both.

        Raises:
            BadSetting: they were made with different settings, or share a photograph.
        """
        for name, mine in self.settings.items():
            if (theirs := other.settings[name]) != mine:
                raise BadSetting(
                    f"the records differ in {name}: {_short(mine)} and {_short(theirs)}; "
                    "merge those of one network, the same units and settings"
                )
        both = sorted([*self.photos, *other.photos], key=lambda each: each.name)
        for one, next_one in itertools.pairwise(both):
            if one.name == next_one.name:
                raise BadSetting(f"both records hold {one.name!r}; split the photographs")
        number = {each.name: place for place, each in enumerate(both)}
        mine, theirs = (
            each._renumbered(np.array([number[one.name] for one in each.photos], np.int64))
            for each in (self, other)
        )
        return replace(
            mine,
            photos=tuple(both),
            broken=dict(sorted({**self.broken, **other.broken}.items())),
            measures={
                name: measure.merged(theirs.measures[name])
                for name, measure in mine.measures.items()
            },
            sample=mine.sample.merged(theirs.sample, self.sampled),
        )

    def _renumbered(self, numbers: NDArray[np.int64]) -> Record:
        measures = {name: each.renumbered(numbers) for name, each in self.measures.items()}
        return replace(self, measures=measures, sample=self.sample.renumbered(numbers))

    def with_responses(
        self, photos: Sequence[Photograph], found: Sequence[Responses], broken: Mapping[str, str]
    ) -> Record:
        """Return the record with photographs that come after all that it has, by name."""
        sample, measures = self.sample, self.measures
        if photos:
            first = len(self.photos)
            numbers = np.arange(first, first + len(photos))
            largest, mean, positions = (
                np.stack([getattr(each, name) for each in found])
                for name in ("largest", "mean", "positions")
            )
            values = {"max": largest, "mean": mean}
            measures = {
                name: each.with_values(values[name], numbers, positions)
                for name, each in self.measures.items()
            }
            hashes = np.array([each.sha256 for each in photos], "<U64")
            sample = sample.merged(Sample(hashes, numbers, largest, mean, positions), self.sampled)
        return replace(
            self,
            photos=(*self.photos, *photos),
            broken={**self.broken, **broken},
            measures=measures,
            sample=sample,
        )

    def save(self, path: PathLike, *, replace: bool = True) -> Path:
        """Write it as a file of NumPy, .npz; the file appears whole or not at all.

        Raises:
            CannotWrite, AlreadyThere: with what to do.
        """
        head = {"entoptic": FORMAT} | self.settings
        head |= {"photos": [astuple(each) for each in self.photos]}
        head |= {"broken": dict(self.broken)}
        told = np.frombuffer(json.dumps(head).encode("ascii"), np.uint8)
        stream = io.BytesIO()
        arrays: dict[str, Any] = {"head": told, **_arrays(self.measures, self.sample)}
        np.savez(stream, **arrays)
        write_file(path, stream.getvalue(), replace=replace)
        return Path(path)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _arrays(measures: Mapping[str, Measure], sample: Sample) -> dict[str, NDArray[Any]]:
    """Return all arrays of a record by the names that they have in its file."""
    tables: dict[str, Table] = {"sample": sample}
    for name, each in measures.items():
        tables |= {f"{name}.{part}": getattr(each, part) for part in ("top", "bottom", "moments")}
    return {
        f"{name}.{part}": values
        for name, each in tables.items()
        for part, values in each.arrays().items()
    }


def empty_record(
    model: Model,
    units: Sequence[str],
    size: ViewSize,
    precision: str,
    most: int,
    sampled: int,
    hashes: Sequence[str] = (),
) -> Record:
    """Return the record of no photographs.

    Args:
        hashes: of the files that units were read from.
    """
    measures = {name: Measure.empty(len(units), most) for name in MEASURES}
    return Record(
        model.source, _hash_of(model, hashes), tuple(units), size, precision, most, sampled, (), {},
        measures, Sample.empty(len(units)),
    )  # fmt: skip


def _hash_of(model: Model, hashes: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(model.module.state_dict().items()):
        digest.update(name.encode())
        if isinstance(value, torch.Tensor):
            flat = value.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    for each in hashes:
        digest.update(each.encode())
    return digest.hexdigest()


# What zipfile and NumPy raise for damaged files.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, EOFError, OSError,
    NotImplementedError, RuntimeError, MemoryError,
)  # fmt: skip


@taking(path=a_path)
def read_record(path: PathLike) -> Record:
    """Read what `Record.save` wrote; the file may come from anyone.

    Raises:
        BadRecord: it isn't there, is no record, or is damaged.
    """
    try:
        with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as file:
            return _of_file(file)
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise BadRecord(
            f"the record {str(path)!r} can't be read ({reason}); remove it, or name another file"
        ) from None


def _of_file(file: Any) -> Record:
    head = json.loads(file["head"].tobytes())
    if head["entoptic"] > FORMAT:
        raise ValueError("made by a newer entoptic; update it")
    photos = tuple(Photograph(*each) for each in head["photos"])
    units = tuple(head["units"])
    size = tuple(head["size"]) if isinstance(head["size"], list) else head["size"]
    measures = {name: Measure.empty(len(units), head["most"]) for name in MEASURES}
    model = _arrays(measures, Sample.empty(len(units)))
    found = {name: file[name] for name in model}
    for name, wanted in model.items():
        got = found[name]
        fits = got.dtype == wanted.dtype and got.shape[1:] == wanted.shape[1:]
        if not fits or (got.shape != wanted.shape and not name.startswith("sample.")):
            raise ValueError(f"{name} is {got.dtype} of {got.shape}")
        if name.endswith(".photos") and got.size and not -1 <= got.min() <= got.max() < len(photos):
            raise ValueError(f"{name} names photographs that aren't there")
    if len({len(each) for name, each in found.items() if name.startswith("sample.")}) > 1:
        raise ValueError("the sample's parts differ in length")

    def part(kind: Any, name: str) -> Any:
        names = kind.__dataclass_fields__
        return kind(**{each: found[f"{name}.{each}"] for each in names})

    return Record(
        **{name: head[name] for name in ("model", "weights", "precision", "most", "sampled")},
        units=units,
        size=size,
        photos=photos,
        broken=head["broken"],
        measures={
            name: Measure(
                part(Extremes, f"{name}.top"),
                part(Extremes, f"{name}.bottom"),
                part(Moments, f"{name}.moments"),
            )
            for name in MEASURES
        },
        sample=part(Sample, "sample"),
    )


def _layer_or_unit(name: str, value: Any) -> Any:
    """Return an objective as it is, or the name of a layer."""
    return value if isinstance(value, Objective) else layer_name(name, value)


@taking(
    layers=several(_layer_or_unit, "layers and objectives"),
    photos=several(as_given, "files, folders and pictures"),
    size=extent(10_000),
    most=count,
    sampled=count,
    batch=count,
    workers=count,
    path=a_path,
    tell=function,
    precision=one_of("fp32", "bf16", "fp16"),
)
def record(
    model: ModelLike,
    layers: Collection[Layer | str | Objective],
    photos: Sequence[PictureLike],
    *,
    size: ViewSize | None = None,
    most: int = TOP,
    sampled: int = SAMPLE,
    batch: int | None = None,
    workers: int | None = None,
    device: DeviceLike = "auto",
    precision: str = "fp32",
    path: PathLike | None = None,
    tell: Tell = lambda _: None,
) -> Record:
    """Run a network over photographs once, and keep what excites its units most and least.

    The photographs are read in workers, few at a time, so that a million of them need no more
    memory than a thousand, but for their names and hashes. Files that can't be read are named in
    the record, and passed over.

    Args:
        model: the network.
        layers: names of layers, for all of their channels; and objectives that score one image,
            such as `channel("fire7", 3)`, for these units.
        photos: files, folders of pictures with the folders inside them, or pictures.
        size: at which they are shown: (height, width) of the middle that is cut out, or the long
            side in pixels; by default the network's own (height, width).
        most: how many photographs are kept at each end of a unit's values.
        sampled: for how many photographs all values are kept; quantiles are exact up to this
            number.
        batch: photographs that are shown together, where the size is (height, width); by default 1
            on a CPU, 32 on a GPU.
        workers: threads that read; by default one for each core, 8 at most.
        device: where to compute.
        precision: fp32, bf16 or fp16.
        path: a file, ending in .npz: what it holds isn't done again, and it is written from time to
            time, so that work that was ended goes on.
        tell: is told what is being done.

    Returns:
        The record; the same bytes for the same photographs, however they were split.

    Raises:
        BadSetting: nothing to record, settings out of their range, or other ones than the file has.
        UnknownLayer, ChannelOutOfRange, UnknownLabel: with what to do.
        PictureNotFound: no photographs.
        BadRecord, CannotWrite: of the file.

    >>> import entoptic as ent
    >>> photos = [torch.rand(1, 3, 40, 60), torch.rand(1, 3, 50, 40)]
    >>> ent.record(ent.load(), ["fire2"], photos, size=64).measures["max"].top.values.shape
    (128, 9)
    """
    return record_named(
        model_of(model),
        layers,
        named_photos(photos),
        size=size,
        most=most,
        sampled=sampled,
        batch=batch,
        workers=workers,
        device=device,
        precision=precision,
        path=path,
        tell=tell,
    )


def record_named(
    network: Model,
    layers: Collection[Layer | str | Objective],
    named: Mapping[str, Path | Picture],
    *,
    size: ViewSize | None = None,
    most: int = TOP,
    sampled: int = SAMPLE,
    batch: int | None = None,
    workers: int | None = None,
    device: DeviceLike = "auto",
    precision: str = "fp32",
    path: PathLike | None = None,
    tell: Tell = lambda _: None,
) -> Record:
    """Do what `record` does, with photographs that have names already, in their order."""
    where = devices(device)[0]
    size = network.preprocess.size if size is None else size
    units_seen = watched(network, layers, size, where, precision)
    names, hashes = units_seen.names, units_seen.hashes
    empty = empty_record(network, names, size, precision, most, sampled, hashes)
    done = _done(empty, path)
    known = {each.name for each in done.photos} | {*done.broken}
    if gone := sorted(known - named.keys()):
        raise BadSetting(
            f"the record {str(path)!r} holds {gone[0]!r}, which isn't among the photographs; "
            "name the same folders, or another file"
        )
    left = {name: each for name, each in named.items() if name not in known}
    if not isinstance(size, tuple):
        batch = 1  # photographs of other shapes don't fit into one tensor
    batch = batch or _BATCH.get(where.type, 1)
    part, saved = empty, time.monotonic()
    for part in _parts(empty, units_seen, left, batch, workers):
        tell(f"photograph {len(known) + len(part.photos) + len(part.broken)} of {len(named)}")
        if path is not None and time.monotonic() - saved > _SAVE_EVERY_S:
            done.merged(part).save(path)
            saved = time.monotonic()
    found = done.merged(part)
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


def _parts(
    empty: Record,
    units: Watched,
    photos: Mapping[str, Path | Picture],
    batch: int,
    workers: int | None,
) -> Iterator[Record]:
    """Yield the record of more and more of the photographs, in the order of their names."""

    def prepared(picture: Picture) -> tuple[tuple[str, int, int], Image]:
        view = View.of(picture.height, picture.width, empty.size)
        about = _sha256(picture), picture.height, picture.width
        return about, view.image(picture.image)

    part, chunk = empty, _Chunk(units, batch)
    read = each_photo([*photos.values()], prepared, workers=workers)
    for name, found in zip(photos, read, strict=True):
        if isinstance(found, Exception):
            chunk.broken[name] = str(found)
        else:
            chunk.add(Photograph(name, *found[0]), found[1])
        if len(chunk) == _CHUNK:
            part, chunk = chunk.added_to(part), _Chunk(units, batch)
            yield part
    if len(chunk):
        yield chunk.added_to(part)


class _Chunk:
    """Some photographs, on their way into a record."""

    def __init__(self, units: Watched, batch: int) -> None:
        self.units, self.batch = units, batch
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
        responses = self.units.responses(torch.cat(images) if len(images) > 1 else images[0])
        for (photo, _), found in zip(self.waiting, responses, strict=False):
            if found is None:
                self.broken[photo.name] = "its activations aren't finite"
            else:
                self.photos.append(photo)
                self.found.append(found)
        self.waiting = []

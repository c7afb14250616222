"""Records: what a network's units do over photographs, in one pass and bounded memory.

Of each unit the largest and the mean activation in each photograph are looked at; the record keeps
the photographs where these are most and least, their exact mean and variance, and the covariance of
a layer's units where it is asked for.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from entoptic.analysis.covariance import Covariance
from entoptic.analysis.photographs import ViewSize
from entoptic.analysis.responses import Responses
from entoptic.analysis.running import Extremes, Moments, Sample, Table, Values
from entoptic.checks import path as a_path, taking
from entoptic.errors import BadRecord, BadSetting
from entoptic.images.writing import write_file
from entoptic.networks import Model
from entoptic.types import PathLike

FORMAT = 2
"""Version of the file; those of version 1 have no covariance."""

MEASURES = ("max", "mean")
"""The two numbers of a unit in a photograph, over all positions."""

COVARIED = (*MEASURES, "position")
"""Numbers of which covariances are kept; the last is the value at one random position."""

TOP = 9
"""Photographs that are kept at each end of each unit's values."""

SAMPLE = 1024
"""Photographs for which all units' values are kept."""


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
        covariance_of: of which numbers covariances are kept: `max`, `mean`, or `position`, the
            value at one random position of each photograph, drawn by its hash; None of none.
        layers: places of the units of each layer, whose covariance is kept.
        covariances: by layer.
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
    covariance_of: str | None = None
    layers: Mapping[str, tuple[int, ...]] = field(default_factory=dict, repr=False)
    covariances: Mapping[str, Covariance] = field(default_factory=dict, repr=False)

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same for two records to merge."""
        names = (
            "model", "weights", "units", "size", "precision", "most", "sampled", "covariance_of"
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def mean(self, by: str = "max") -> NDArray[np.float64]:
        """Return the mean of each unit's maximum or mean over the photographs, (units,)."""
        return self.measures[by].moments.mean()

    def variance(self, by: str = "max") -> NDArray[np.float64]:
        """Return the variance of the same, (units,)."""
        return self.measures[by].moments.variance()

    def covariance(self, layer: str | None = None) -> NDArray[np.float64]:
        """Return the covariance of a layer's units over the photographs, (units, units).

        Within 2**-27 of the product of the two units' largest numbers. Units come in the order of
        `layers[layer]`.

        Args:
            layer: by default the only one.

        Raises:
            BadSetting: none was asked for, or none of this layer.
        """
        if not self.covariances:
            raise BadSetting("the record keeps no covariance; record with covariance='mean'")
        if layer is None and len(self.covariances) == 1:
            (layer,) = self.covariances
        if layer is None or layer not in self.covariances:
            raise BadSetting(
                f"layer is {layer!r}; the record has covariances of {', '.join(self.covariances)}"
            )
        return self.covariances[layer].matrix()

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
            each.renumbered(np.array([number[one.name] for one in each.photos], np.int64))
            for each in (self, other)
        )
        return replace(
            mine.with_statistics(theirs),
            photos=tuple(both),
            broken=dict(sorted({**self.broken, **other.broken}.items())),
        )

    def renumbered(self, numbers: NDArray[np.int64]) -> Record:
        """Return the record whose statistics have other numbers of photographs."""
        measures = {name: each.renumbered(numbers) for name, each in self.measures.items()}
        return replace(self, measures=measures, sample=self.sample.renumbered(numbers))

    def with_statistics(self, other: Record) -> Record:
        """Return the record with the statistics of both, whose photographs are numbered alike."""
        return replace(
            self,
            measures={
                name: each.merged(other.measures[name]) for name, each in self.measures.items()
            },
            sample=self.sample.merged(other.sample, self.sampled),
            covariances={
                name: each.merged(other.covariances[name])
                for name, each in self.covariances.items()
            },
        )

    def with_responses(
        self, photos: Sequence[Photograph], found: Sequence[Responses], broken: Mapping[str, str]
    ) -> Record:
        """Return the record with photographs that come after all that it has, by name."""
        sample, measures, covariances = self.sample, self.measures, self.covariances
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
            if self.covariance_of is not None:
                drawn = [each.drawn for each in found if each.drawn is not None]
                covaried = np.stack(drawn) if drawn else values[self.covariance_of]
                covariances = {
                    name: each.with_values(covaried[:, self.layers[name]])
                    for name, each in self.covariances.items()
                }
            hashes = np.array([each.sha256 for each in photos], "<U64")
            sample = sample.merged(Sample(hashes, numbers, largest, mean, positions), self.sampled)
        return replace(
            self,
            photos=(*self.photos, *photos),
            broken={**self.broken, **broken},
            measures=measures,
            sample=sample,
            covariances=covariances,
        )

    def save(self, path: PathLike, *, replace: bool = True) -> Path:
        """Write it as a file of NumPy, .npz; the file appears whole or not at all.

        Raises:
            CannotWrite, AlreadyThere: with what to do.
        """
        head = {"entoptic": FORMAT} | self.settings | {"layers": dict(self.layers)}
        head |= {"photos": [astuple(each) for each in self.photos]}
        head |= {"broken": dict(self.broken)}
        told = np.frombuffer(json.dumps(head).encode("ascii"), np.uint8)
        stream = io.BytesIO()
        tables = _tables(self.measures, self.sample, self.covariances)
        arrays: dict[str, Any] = {"head": told, **_arrays(tables)}
        np.savez(stream, **arrays)
        write_file(path, stream.getvalue(), replace=replace)
        return Path(path)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _tables(
    measures: Mapping[str, Measure], sample: Sample, covariances: Mapping[str, Covariance]
) -> dict[str, Table]:
    """Return all tables of a record by the names that they have in its file."""
    tables: dict[str, Table] = {"sample": sample}
    for name, each in measures.items():
        tables |= {f"{name}.{part}": getattr(each, part) for part in ("top", "bottom", "moments")}
    # Layers by number: their names may hold whatever a file's name may not.
    return tables | {f"covariance.{n}": each for n, each in enumerate(covariances.values())}


def _arrays(tables: Mapping[str, Table]) -> dict[str, NDArray[Any]]:
    """Return the arrays of tables by their names."""
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
    covariance_of: str | None = None,
    layers: Mapping[str, Sequence[int]] | None = None,
) -> Record:
    """Return the record of no photographs.

    Args:
        hashes: of the files that units were read from.
        covariance_of: see `Record`.
        layers: places of the units of each layer, where there is a covariance.
    """
    kept = {name: tuple(places) for name, places in (layers or {}).items()}
    measures = {name: Measure.empty(len(units), most) for name in MEASURES}
    return Record(
        model.source, _hash_of(model, hashes), tuple(units), size, precision, most, sampled, (), {},
        measures, Sample.empty(len(units)), covariance_of, kept,
        {name: Covariance.empty(len(places)) for name, places in kept.items()},
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
    head = {"covariance_of": None, "layers": {}} | json.loads(file["head"].tobytes())
    if head["entoptic"] > FORMAT:
        raise ValueError("made by a newer entoptic; update it")
    photos = tuple(Photograph(*each) for each in head["photos"])
    units = tuple(head["units"])
    size = tuple(head["size"]) if isinstance(head["size"], list) else head["size"]
    layers = {name: _places(places, len(units)) for name, places in head["layers"].items()}
    measures = {name: Measure.empty(len(units), head["most"]) for name in MEASURES}
    # No larger than the file, whatever its head says: only names, types and shapes are compared.
    covariances = {name: Covariance.shaped(len(places)) for name, places in layers.items()}
    model = _arrays(_tables(measures, Sample.empty(len(units)), covariances))
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

    names = ("model", "weights", "precision", "most", "sampled", "covariance_of")
    return Record(
        **{name: head[name] for name in names},
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
        layers=layers,
        covariances={
            name: part(Covariance, f"covariance.{n}") for n, name in enumerate(covariances)
        },
    )


def _places(given: Sequence[int], units: int) -> tuple[int, ...]:
    """Return the places of a layer's units, as a file has them."""
    known = all(type(each) is int and 0 <= each < units for each in given)
    if not known or len(set(given)) < len(given):
        raise ValueError("a layer has units that aren't there")
    return tuple(given)

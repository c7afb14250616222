"""What a site shows of one catalog: an entry for its index, and shards of data beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entoptic import images
from entoptic.analysis.record import Record
from entoptic.catalogs.catalog import Catalog
from entoptic.catalogs.index import Unit
from entoptic.catalogs.site.again import changed, commands
from entoptic.catalogs.site.alike import most_alike
from entoptic.catalogs.site.network import Told
from entoptic.catalogs.site.pictures import Pictures
from entoptic.catalogs.site.shards import DETAILS, GRID, number, write_shard
from entoptic.networks import Model
from entoptic.objectives import channel

ALIKE = 8
"""Units most alike that a unit shows."""

COVER = 24
"""Units of a layer that the first page shows."""

PHOTOS = 16
"""Photographs that correlations want; those of fewer tell nothing."""

_BINS = 24


@dataclass(frozen=True, eq=False)
class Content:
    """One catalog on its way into a site.

    Args:
        catalog: it.
        place: its number in the site.
        name: its name in addresses of the site, which no other has.
        site: the folder that is written.
        model: the network; None where it isn't loaded.
        told: what that tells.
    """

    catalog: Catalog
    place: int
    name: str
    site: Path
    model: Model | None
    told: Told

    def write(self) -> dict[str, Any]:
        """Write pictures and shards; return the entry for the index."""
        layers = self._layers()
        pictures = Pictures(
            self.catalog.folder, self.site / "pictures" / self.name, self.site / "small" / self.name
        )
        broken = self._take_pictures(pictures, [each for some in layers.values() for each in some])
        given = changed(self.catalog.settings, self.model)
        seen = _Responses.of(self.catalog.responses(), layers)
        whole = {each.layer: each for each in self.catalog.layers()}
        entries = []
        for at, (name, some) in enumerate(layers.items()):
            entry = _layer_entry(name, some)
            entry |= {"again": commands(self.catalog.model, name, given)}
            entry |= {"about": self.told.about.get(name, {}), "labels": name in self.told.labels}
            entry |= {"alone": self._is_alone(some)}
            entry |= {"dream": whole[name].dream, "caricature": whole[name].caricature}
            entries.append(entry)
            pictures.take(filter(None, (whole[name].dream, whole[name].caricature)))
            self._write_layer(f"c{self.place}-l{at}", some, seen, self._exemplars(name, pictures))
        return {
            "id": self.name,
            "model": self.catalog.model,
            "size": self._size(layers),
            "settings": [[key, str(value)] for key, value in given.items()],
            "photos": seen.photos,
            "notes": [*self.told.notes, *filter(None, (broken, seen.note))],
            "layers": entries,
        }

    def _layers(self) -> dict[str, list[Unit]]:
        """Return the units of each layer, in the order in which the network runs, where known."""
        layers: dict[str, list[Unit]] = {}
        for unit in self.catalog.units():
            layers.setdefault(unit.layer, []).append(unit)
        order = [*self.told.about] or [*layers]
        return {
            name: sorted(layers[name], key=lambda each: each.number)
            for name in sorted(layers, key=order.index)
        }

    def _is_alone(self, units: Sequence[Unit]) -> bool:
        """Tell whether it is known that no weights lead to a layer or from it."""
        weights = self.told.weights
        return weights is not None and not any((one.layer, one.number) in weights for one in units)

    def _take_pictures(self, pictures: Pictures, units: Sequence[Unit]) -> str:
        """Put the pictures of units into the site; return a note of those that can't be read."""
        made = [each.picture for each in units if each.state == "done"]
        missing = pictures.take([*made, *filter(None, (each.negative for each in units))])
        broken = missing | pictures.shrink([each for each in made if each not in missing])
        if not broken:
            return ""
        return (
            f"pictures that can't be read: {len(broken)}, such as {min(broken)}; mend them by "
            f"`entoptic catalog verify {self.catalog.folder.name}`"
        )

    def _size(self, layers: Mapping[str, Sequence[Unit]]) -> tuple[int, int] | None:
        """Return (width, height) of the pictures; None where there is none."""
        for some in layers.values():
            for unit in some:
                file = self.site / "small" / self.name / unit.picture
                if file.with_suffix(".webp").exists():
                    picture = images.read(self.catalog.folder / unit.picture)
                    return picture.width, picture.height
        return None

    def _exemplars(self, layer: str, pictures: Pictures) -> dict[int, list[list[Any]]]:
        """Put the pictures of a layer's exemplars into the site; return what is told of each."""
        found = self.catalog.exemplars(layer)
        every = [each for some in found.values() for each in some]
        missing = pictures.take(
            file for each in every for file in (each.crop, each.map) if file is not None
        )
        return {
            unit: [
                [each.kind, each.photo, number(each.value), each.crop, each.map]
                for each in some
                if each.crop not in missing and each.map not in missing
            ]
            for unit, some in found.items()
        }

    def _write_layer(
        self,
        start: str,
        units: Sequence[Unit],
        seen: _Responses,
        exemplars: Mapping[int, Sequence[Sequence[Any]]],
    ) -> None:
        data = self.site / "data"
        if (labels := self.told.labels.get(units[0].layer)) is not None:
            write_shard(data, f"{start}-labels", [labels[each.number] for each in units])
        for at, some in _cut(units, GRID):
            scores = [number(each.score) for each in some]
            bare = {each.number: each.reason or "" for each in some if each.state != "done"}
            write_shard(data, f"{start}-g{at}", {"scores": scores, "bare": bare})
        for at, some in _cut(units, DETAILS):
            details = [
                self._details(each, seen) | {"exemplars": exemplars.get(each.number, [])}
                for each in some
            ]
            write_shard(data, f"{start}-u{at}", details)

    def _details(self, unit: Unit, seen: _Responses) -> dict[str, Any]:
        key = unit.layer, unit.number
        found = {
            "negative": unit.negative,
            "alike": seen.alike.get(key),
            "spread": seen.spread(key),
            "weights": (self.told.weights or {}).get(key),
        }
        return {name: each for name, each in found.items() if each}


@dataclass(frozen=True, eq=False)
class _Responses:
    """What units do over photographs.

    Args:
        photos: their number.
        alike: units most alike, by layer and number: [place of the layer, number, correlation].
        values: (photographs, units).
        columns: by layer and number.
        note: what is left out, and why.
    """

    photos: int = 0
    alike: Mapping[tuple[str, int], list[Any]] = field(default_factory=dict)
    values: NDArray[np.float32] | None = None
    columns: Mapping[tuple[str, int], int] = field(default_factory=dict)
    note: str = ""

    @classmethod
    def of(cls, record: Record | None, layers: Mapping[str, Sequence[Unit]]) -> _Responses:
        """Return what a record says of the units of layers."""
        if record is None:
            return cls()
        known = {name: at for at, name in enumerate(record.units)}
        units = [(unit.layer, unit.number) for some in layers.values() for unit in some]
        columns = {key: known[name] for key in units if (name := repr(channel(*key))) in known}
        values, photos = record.values(), len(record.photos)
        if len(values) < PHOTOS:
            note = f"units most alike are left out: they want {PHOTOS} photographs, not {photos}"
            return cls(photos, {}, values, columns, note)
        places = {name: at for at, name in enumerate(layers)}
        keys = [*columns]
        near = most_alike(values[:, [columns[key] for key in keys]], ALIKE)
        alike = {
            key: [[places[keys[one][0]], keys[one][1], r] for one, r in some]
            for key, some in zip(keys, near, strict=True)
        }
        return cls(photos, alike, values, columns)

    def spread(self, key: tuple[str, int]) -> list[Any] | None:
        """Return a histogram of a unit's responses: least, most, counts; None where unknown."""
        if self.values is None or key not in self.columns:
            return None
        values = self.values[:, self.columns[key]]
        counts, _ = np.histogram(values, _BINS)
        return [number(float(values.min())), number(float(values.max())), counts.tolist()]


def _layer_entry(name: str, units: Sequence[Unit]) -> dict[str, Any]:
    made = [each.number for each in units if each.state == "done"]
    cover = [made[round(at)] for at in np.linspace(0, len(made) - 1, min(COVER, len(made)))]
    return {
        "name": name,
        "folder": PurePath(units[0].picture).parent.as_posix(),
        "runs": runs([each.number for each in units]),
        "done": len(made),
        "failed": sum(each.state == "failed" for each in units),
        "cover": cover,
    }


def runs(numbers: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return ascending numbers as (first, how many, step).

    >>> runs([0, 1, 2, 3, 10, 20, 30, 31])
    [(0, 4, 1), (10, 3, 10), (31, 1, 1)]
    """
    found: list[tuple[int, int, int]] = []
    for each in numbers:
        if found:
            first, count, step = found[-1]
            if count == 1 or each == first + count * step:
                found[-1] = first, count + 1, each - first if count == 1 else step
                continue
        found.append((each, 1, 1))
    return found


def _cut(units: Sequence[Unit], most: int) -> Iterator[tuple[int, Sequence[Unit]]]:
    for at, start in enumerate(range(0, len(units), most)):
        yield at, units[start : start + most]

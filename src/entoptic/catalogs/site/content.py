"""What a site shows of one catalog: an entry for its index, and shards of data beside it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from entoptic import images
from entoptic.catalogs.catalog import Catalog
from entoptic.catalogs.families import halves
from entoptic.catalogs.index import Unit
from entoptic.catalogs.site.again import changed, commands
from entoptic.catalogs.site.network import Told
from entoptic.catalogs.site.pictures import Pictures
from entoptic.catalogs.site.responses import Responses
from entoptic.catalogs.site.shards import DETAILS, GRID, number, write_shard
from entoptic.networks import Model

COVER = 24
"""Units of a layer that the first page shows."""


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
        layers, seen = self.layers, self.responses
        pictures = Pictures(
            self.catalog.folder, self.site / "pictures" / self.name, self.site / "small" / self.name
        )
        broken = self._take_pictures(pictures, [each for some in layers.values() for each in some])
        given = changed(self.catalog.settings, self.model)
        whole = {each.layer: each for each in self.catalog.layers()}
        entries = []
        for at, (name, some) in enumerate(layers.items()):
            entry = _layer_entry(name, some)
            entry |= {"again": commands(self.catalog.model, name, given)}
            entry |= {"about": self.told.about.get(name, {}), "labels": name in self.told.labels}
            entry |= {"alone": self._is_alone(some), "beside": []}
            for kind in ("dream", "caricature"):
                entry[kind] = self._whole(getattr(whole[name], kind), pictures)
            entries.append(entry)
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

    @functools.cached_property
    def responses(self) -> Responses:
        """What all units do over photographs."""
        return Responses.of(self.catalog.responses(), self.layers)

    @functools.cached_property
    def layers(self) -> dict[str, list[Unit]]:
        """Return the units of each layer, in the order in which the network runs, where known."""
        layers: dict[str, list[Unit]] = {}
        for unit in self.catalog.units():
            layers.setdefault(unit.layer, []).append(unit)
        order = [*self.told.about] or [*layers]
        return {
            name: sorted(layers[name], key=lambda each: each.number)
            for name in sorted(layers, key=order.index)
        }

    def write_beside(self, other: Content, entries: Sequence[dict[str, Any]]) -> None:
        """Write how the responses of units correlate with those of another catalog's.

        Args:
            other: another network's, whose layers of the same names are looked at.
            entries: of both catalogs' layers in the index, by their places; where there is
                something to read, that is added.
        """
        places = {name: at for at, name in enumerate(other.layers)}
        for at, (name, units) in enumerate(self.layers.items()):
            if name not in places:
                continue
            found = self.responses.with_another(other.responses, units)
            if found is not None:
                mine, theirs = f"c{self.place}-l{at}", f"c{other.place}-l{places[name]}"
                write_shard(self.site / "data", f"{mine}-{theirs}", found)
                entries[self.place]["layers"][at]["beside"].append(theirs)

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

    def _whole(self, file: str | None, pictures: Pictures) -> list[Any] | None:
        """Put a picture of a layer into the site; return its file, width and height."""
        if file is None or pictures.take([file]):
            return None
        picture = images.read(self.catalog.folder / file)
        return [file, picture.width, picture.height]

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
        seen: Responses,
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

    def _details(self, unit: Unit, seen: Responses) -> dict[str, Any]:
        key = unit.layer, unit.number
        found = {
            "negative": unit.negative,
            "alike": seen.alike.get(key),
            "spread": seen.spread(key),
            "weights": (self.told.weights or {}).get(key),
        }
        return {name: each for name, each in found.items() if each}


def _layer_entry(name: str, units: Sequence[Unit]) -> dict[str, Any]:
    made = [each.number for each in units if each.state == "done"]
    cover = [made[round(at)] for at in np.linspace(0, len(made) - 1, min(COVER, len(made)))]
    return {
        "name": name,
        "unit": halves(name),
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

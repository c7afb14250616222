"""What the units of catalogs do over photographs: their spread, and which are alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from entoptic.analysis.record import Record
from entoptic.catalogs.families import unit_of
from entoptic.catalogs.index import Unit
from entoptic.catalogs.site.alike import most_alike
from entoptic.catalogs.site.shards import number

ALIKE = 8
"""Units most alike that a unit shows."""

PHOTOS = 16
"""Photographs that correlations want; those of fewer tell nothing."""

_BINS = 24

Layers: TypeAlias = Mapping[str, Sequence[Unit]]
"""The units of each layer, in ascending order."""


@dataclass(frozen=True, eq=False)
class Responses:
    """What units do over photographs.

    Args:
        photos: their number.
        alike: units most alike, by layer and number: [place of the layer, number, correlation].
        values: (photographs, units), of those of which all values are known.
        hashes: of the same photographs' files, in ascending order.
        columns: by layer and number.
        note: what is left out, and why.
    """

    photos: int = 0
    alike: Mapping[tuple[str, int], list[Any]] = field(default_factory=dict)
    values: NDArray[np.float32] | None = None
    hashes: NDArray[Any] | None = None
    columns: Mapping[tuple[str, int], int] = field(default_factory=dict)
    note: str = ""

    @classmethod
    def of(cls, record: Record | None, layers: Mapping[str, Sequence[Unit]]) -> Responses:
        """Return what a record says of the units of layers."""
        if record is None:
            return cls()
        known = {name: at for at, name in enumerate(record.units)}
        units = [(unit.layer, unit.number) for some in layers.values() for unit in some]
        columns = {key: known[name] for key in units if (name := repr(unit_of(*key))) in known}
        values, photos = record.values(), len(record.photos)
        if len(values) < PHOTOS:
            note = f"units most alike are left out: they want {PHOTOS} photographs, not {photos}"
            return cls(photos, {}, values, record.sample.hashes, columns, note)
        places = {name: at for at, name in enumerate(layers)}
        keys = [*columns]
        near = most_alike(values[:, [columns[key] for key in keys]], ALIKE)
        alike = {
            key: [[places[keys[one][0]], keys[one][1], r] for one, r in some]
            for key, some in zip(keys, near, strict=True)
        }
        return cls(photos, alike, values, record.sample.hashes, columns)

    def spread(self, key: tuple[str, int]) -> list[Any] | None:
        """Return a histogram of a unit's responses: least, most, counts; None where unknown."""
        if self.values is None or key not in self.columns:
            return None
        values = self.values[:, self.columns[key]]
        counts, _ = np.histogram(values, _BINS)
        return [number(float(values.min())), number(float(values.max())), counts.tolist()]

    def with_another(self, other: Responses, units: Sequence[Unit]) -> list[float | None] | None:
        """Return how the responses of units correlate with those of another network's.

        Args:
            other: what units of the same layers and numbers do.
            units: of a layer.

        Returns:
            A correlation for each unit, over the photographs that both were shown; None where that
            isn't known, and instead of all where there are too few photographs.
        """
        if self.hashes is None or other.hashes is None:
            return None
        both, mine, theirs = np.intersect1d(self.hashes, other.hashes, return_indices=True)
        if len(both) < PHOTOS:
            return None
        assert self.values is not None
        assert other.values is not None
        found: list[float | None] = []
        for unit in units:
            key = unit.layer, unit.number
            if key not in self.columns or key not in other.columns:
                found.append(None)
                continue
            one = self.values[mine, self.columns[key]].astype(np.float64)
            two = other.values[theirs, other.columns[key]].astype(np.float64)
            one, two = one - one.mean(), two - two.mean()
            length = np.linalg.norm(one) * np.linalg.norm(two)
            found.append(round(float(one @ two / length), 3) if length > 0 else None)
        return found

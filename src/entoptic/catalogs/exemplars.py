"""The exemplars of a catalog in its index: which photographs, and the files that show them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from entoptic.catalogs.index import Index

EXEMPLARS = 6
"""Photographs that excite a unit most; of those that do least there are half as many."""


@dataclass(frozen=True)
class Exemplar:
    """A photograph that excites a unit most, or least.

    Args:
        kind: `most` or `least`.
        rank: from 1, the most exciting one, or the least exciting one.
        photo: its name, from the folder of the photographs.
        value: the unit's largest activation over all positions.
        position: (row, column) of that activation; None where the unit has no positions, and of the
            kind `least`.
        crop: the file, in the folder of the catalog, that shows the receptive field of that
            position; of the kind `least`, and where the field is larger, all that the network is
            shown.
        map: the file that shows the activations of the unit over the photograph; None where it has
            no positions, and of the kind `least`.
    """

    kind: Literal["most", "least"]
    rank: int
    photo: str
    value: float
    position: tuple[int, int] | None
    crop: str
    map: str | None


Chosen = Mapping[tuple[str, int], tuple[Exemplar, ...]]
"""By layer and number of the unit."""

_ROW = (
    "SELECT layer, number, kind, rank, photo, value, position_row, position_column, crop, map "
    "FROM exemplars"
)


def exemplars_of(index: Index, layer: str) -> dict[int, tuple[Exemplar, ...]]:
    """Return the exemplars of a layer's units whose files are written."""
    rows = index.rows(
        f"{_ROW} WHERE layer = ? AND crop IN (SELECT file FROM files WHERE sha256 NOT NULL) AND "
        "(map IS NULL OR map IN (SELECT file FROM files WHERE sha256 NOT NULL)) "
        "ORDER BY number, kind DESC, rank",
        layer,
    )
    found: dict[int, list[Exemplar]] = {}
    for _, number, *row in rows:
        found.setdefault(number, []).append(_exemplar(*row))
    return {number: tuple(some) for number, some in found.items()}


def all_exemplars(index: Index) -> dict[tuple[str, int], tuple[Exemplar, ...]]:
    """Return the exemplars of all units, whether their files are written or not."""
    found: dict[tuple[str, int], list[Exemplar]] = {}
    for layer, number, *row in index.rows(f"{_ROW} ORDER BY layer, number, kind DESC, rank"):
        found.setdefault((layer, number), []).append(_exemplar(*row))
    return {unit: tuple(some) for unit, some in found.items()}


def _exemplar(
    kind: Literal["most", "least"],
    rank: int,
    photo: str,
    value: float,
    row: int | None,
    column: int | None,
    crop: str,
    map: str | None,
) -> Exemplar:
    position = None if row is None or column is None else (row, column)
    return Exemplar(kind, rank, photo, value, position, crop, map)


def put_exemplars(index: Index, chosen: Chosen) -> list[str]:
    """Make these the exemplars; return the files that none of them has any more.

    The files of those that have changed are to be written anew.
    """
    before = {(unit, each) for unit, some in all_exemplars(index).items() for each in some}
    after = {(unit, each) for unit, some in chosen.items() for each in some}
    with index.changing() as change:
        change.execute("DELETE FROM exemplars")
        gone = _files(each for _, each in before) - _files(each for _, each in after)
        change.executemany("DELETE FROM files WHERE file = ?", [(each,) for each in gone])
        new = sorted(after - before, key=lambda row: (row[0], row[1].kind, row[1].rank))
        change.executemany(
            "INSERT INTO files VALUES (?, NULL) ON CONFLICT DO UPDATE SET sha256 = NULL",
            [(file,) for file in sorted(_files(each for _, each in new))],
        )
        change.executemany(
            "INSERT INTO exemplars VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(*unit, *_row(each)) for unit, some in chosen.items() for each in some],
        )
    return sorted(gone)


def _row(each: Exemplar) -> tuple[Any, ...]:
    position = each.position or (None, None)
    return (each.kind, each.rank, each.photo, each.value, *position, each.crop, each.map)


def _files(exemplars: Iterable[Exemplar]) -> set[str]:
    return {file for each in exemplars for file in (each.crop, each.map) if file is not None}


def unwritten(index: Index) -> set[str]:
    """Return the files that aren't written."""
    return {file for (file,) in index.rows("SELECT file FROM files WHERE sha256 IS NULL")}


def written(index: Index) -> dict[str, str]:
    """Return the hash of each file that is."""
    return dict(index.rows("SELECT file, sha256 FROM files WHERE sha256 NOT NULL"))


def note_written(change: sqlite3.Connection, hashes: Mapping[str, str | None]) -> None:
    """Note files as written, by their hashes; or as to be written, by None."""
    change.executemany(
        "UPDATE files SET sha256 = ? WHERE file = ?",
        [(digest, file) for file, digest in hashes.items()],
    )

"""The index of a catalog: one SQLite file, in which each change is one transaction."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from entoptic.catalogs.owners import is_gone
from entoptic.catalogs.schema import migrate
from entoptic.errors import BadCatalog, CannotWrite, DamagedIndex
from entoptic.paths import why_missing

NAME = "catalog.sqlite"
"""The file's name in the folder of the catalog."""

LEASE = 60.0
"""Seconds after which a batch is given to another process, if its own isn't heard of."""

# Seconds that a process waits for another one's transaction.
_PATIENCE = 60.0

State = Literal["todo", "done", "failed"]
Kind = Literal["positive", "negative", "dream", "caricature"]


@dataclass(frozen=True)
class Unit:
    """A row of a catalog.

    Args:
        layer: its layer.
        number: of the channel.
        state: `todo`, `done` or `failed`.
        picture: the file, in the folder of the catalog.
        sha256: of the file.
        score: the unit's mean activation on the finished picture, without transforms.
        seconds: its share of the time that its batch took; None where it was found on disk.
        reason: why it failed.
        negative: the file of the picture that lowers the unit most; None where there is none.
    """

    layer: str
    number: int
    state: State
    picture: str
    sha256: str | None
    score: float | None
    seconds: float | None
    reason: str | None
    negative: str | None


@dataclass(frozen=True)
class PictureRow:
    """A picture of a catalog, made or not.

    Args:
        layer: its layer.
        number: of its unit; None where it is of the whole layer.
        kind: `positive` is what maximises the unit, `negative` what minimises it.
        file: in the folder of the catalog.
        state: see `Unit`.
        sha256: of the file.
        reason: why it failed.
    """

    layer: str
    number: int | None
    kind: Kind
    file: str
    state: State
    sha256: str | None
    reason: str | None

    @property
    def name(self) -> str:
        """What it shows: `fire5:3`, `fire5:3 negative`, `fire5 dream`."""
        unit = self.layer if self.number is None else f"{self.layer}:{self.number}"
        return unit if self.kind == "positive" else f"{unit} {self.kind}"


@dataclass(frozen=True)
class Finished:
    """A picture that is in its file.

    Args:
        sha256: of the file.
        score: of the finished picture.
        seconds: see `Unit`.
    """

    sha256: str
    score: float
    seconds: float | None


@dataclass(frozen=True)
class Lease:
    """A batch that one process makes.

    Args:
        batch: its number.
        job: the text of the job that makes all its pictures.
        wanted: the places in the batch of the pictures that aren't made yet, with their files.
        units: number of all its units.
    """

    batch: int
    job: str
    wanted: Mapping[int, str]
    units: int


@dataclass(frozen=True)
class Order:
    """Pictures of a layer that are to be made together.

    Args:
        job: the text of the job that makes all of them.
        kind: of all.
        files: each one's file by its unit's number, which is None for the whole layer.
    """

    job: str
    kind: Kind
    files: Mapping[int | None, str]


_UNITS = """
SELECT one.layer, one.number, one.state, one.file, one.sha256, one.score, one.seconds, one.reason,
    other.file
FROM pictures AS one LEFT JOIN pictures AS other
    ON other.layer = one.layer AND other.number = one.number AND other.kind = 'negative'
    AND other.state = 'done'
WHERE one.kind = 'positive' ORDER BY one.picture
"""

_COUNTS = """
SELECT layer, count(number), sum(number NOT NULL AND done), sum(number NOT NULL AND failed),
    sum(seconds) / sum(timed), sum(todo)
FROM (
    SELECT min(picture) AS first, layer, number, min(state = 'done') AS done,
        max(state = 'failed') AS failed, sum(state = 'todo') AS todo, sum(seconds) AS seconds,
        count(seconds) AS timed
    FROM pictures GROUP BY layer, number
)
GROUP BY layer ORDER BY min(first)
"""


class Index:
    """The index of a catalog in a folder; used in a `with`.

    Args:
        folder: of the catalog.
        create: whether it is made where there is none.
        checked: whether all of the file is looked at first, which takes a while for many units;
            else damage is told where it is met.

    Raises:
        BadCatalog: there is none, or it is of a newer entoptic.
        DamagedIndex: it can't be read.
        CannotWrite: it can't be written.
    """

    def __init__(self, folder: Path, *, create: bool = False, checked: bool = True) -> None:
        self.folder, self.file = folder, folder / NAME
        if not create and not self.file.is_file():
            hint = "" if folder.exists() else why_missing(folder)
            raise BadCatalog(
                f"{str(folder)!r} is no catalog: it has no {NAME}"
                + (hint or "; begin one with `entoptic catalog MODEL -o DIR`")
            )
        with self._told():
            self._open = sqlite3.connect(
                f"{self.file.resolve().as_uri()}?{self._mode(create)}",
                uri=True,
                timeout=_PATIENCE,
                isolation_level=None,
            )
            try:
                self._prepare(checked)
            except BaseException:
                self._open.close()
                raise

    def _mode(self, create: bool) -> str:
        """Return how the file is opened: to be read only, where nothing can be written.

        SQLite needs a file beside it even to read, unless it is told that nobody writes.
        """
        if create or os.access(self.folder, os.W_OK):
            return "mode=rwc" if create else "mode=rw"
        waiting = self.folder / f"{NAME}-wal"
        if waiting.exists() and waiting.stat().st_size:
            raise CannotWrite(
                f"the catalog {str(self.folder)!r} can't be read where it can't be written, since "
                "a process that was ended left its last changes to be taken in; open it once "
                "where it can be written"
            )
        return "mode=ro&immutable=1"

    def _prepare(self, checked: bool) -> None:
        # Readers beside one writer; a transaction that is committed survives a power cut.
        self._open.execute("PRAGMA journal_mode = WAL")
        self._open.execute("PRAGMA synchronous = FULL")
        self._open.execute("PRAGMA foreign_keys = ON")
        if checked:
            (health,) = self._open.execute("PRAGMA quick_check(1)").fetchone()
            if health != "ok":
                raise sqlite3.DatabaseError(health)
        migrate(self._open)

    def close(self) -> None:
        """Close the file."""
        self._open.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite raises into one line for the user."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise CannotWrite(
                f"the index {str(self.file)!r} can't be written ({error}); make room, or look at "
                "the permissions of the folder"
            ) from None
        except sqlite3.DatabaseError as error:
            raise DamagedIndex(
                f"the index {str(self.file)!r} is damaged ({error}); `entoptic catalog` with the "
                "same network and settings makes it anew from the pictures"
            ) from None

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Make all changes inside, or none; inside another one, with that."""
        if self._open.in_transaction:
            yield self._open
            return
        with self._told():
            self._open.execute("BEGIN IMMEDIATE")
            try:
                yield self._open
                self._open.execute("COMMIT")
            except BaseException:
                if self._open.in_transaction:  # which SQLite has ended where the disk is full
                    self._open.execute("ROLLBACK")
                raise

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Return the rows of a query."""
        with self._told():
            return self._open.execute(query, values).fetchall()

    def facts(self) -> dict[str, Any]:
        """Return what the catalog is of: the network's source, the settings; empty at first."""
        return {name: json.loads(value) for name, value in self.rows("SELECT * FROM facts")}

    def keep(self, facts: Mapping[str, Any]) -> None:
        """Keep facts about the catalog, in the place of those of the same names."""
        with self.changing() as change:
            change.executemany(
                "INSERT OR REPLACE INTO facts VALUES (?, ?)",
                [(name, json.dumps(value)) for name, value in facts.items()],
            )

    def folders(self) -> dict[str, str]:
        """Return the folder of each layer."""
        return dict(self.rows("SELECT layer, folder FROM layers"))

    def numbers(self, layer: str, kind: Kind) -> set[int | None]:
        """Return the units of a layer that the catalog has pictures of, of one kind."""
        rows = self.rows("SELECT number FROM pictures WHERE layer = ? AND kind = ?", layer, kind)
        return {number for (number,) in rows}

    def units(self) -> list[Unit]:
        """Return all units, in the order of the catalog."""
        return [Unit(*row) for row in self.rows(_UNITS)]

    def pictures(self) -> list[PictureRow]:
        """Return all pictures that jobs make, in the order of the catalog."""
        return [
            PictureRow(*row)
            for row in self.rows(
                "SELECT layer, number, kind, file, state, sha256, reason FROM pictures "
                "ORDER BY picture"
            )
        ]

    def counts(self) -> list[tuple[str, int, int, int, float | None, int]]:
        """Return (layer, units, done, failed, seconds per picture, pictures to make) of each."""
        return self.rows(_COUNTS)

    def add(self, layer: str, folder: str, orders: Iterable[Order]) -> None:
        """Add pictures that are to be made.

        Args:
            layer: their layer.
            folder: of its pictures.
            orders: what is made together.
        """
        with self.changing() as change:
            change.execute("INSERT OR IGNORE INTO layers VALUES (?, ?)", (layer, folder))
            for each in orders:
                _add_order(change, layer, each)

    def is_finished(self) -> bool:
        """Tell whether every unit is made or has failed."""
        return not self.rows("SELECT 1 FROM pictures WHERE state = 'todo' LIMIT 1")

    def unfinished(self) -> list[Lease]:
        """Return the batches that aren't made, whoever works on them."""
        rows = self.rows("SELECT DISTINCT batch FROM pictures WHERE state = 'todo' ORDER BY batch")
        return [self._lease(self._open, batch) for (batch,) in rows]

    def claim(self, owner: str) -> Lease | None:
        """Take a batch that nobody works on, the first; None where there is none."""
        now = time.time()
        with self.changing() as change:
            for batch, holder, heard in change.execute(
                # In this order, so that no more is read than up to the first that is free.
                "SELECT pictures.batch, owner, heard FROM pictures INDEXED BY pictures_to_make "
                "CROSS JOIN batches USING (batch) WHERE state = 'todo' ORDER BY pictures.batch"
            ):
                if holder is None or now - heard > LEASE or is_gone(holder):
                    change.execute(
                        "UPDATE batches SET owner = ?, heard = ? WHERE batch = ?",
                        (owner, now, batch),
                    )
                    return self._lease(change, batch)
        return None

    def _lease(self, connection: sqlite3.Connection, batch: int) -> Lease:
        (job,) = connection.execute("SELECT job FROM batches WHERE batch = ?", (batch,)).fetchone()
        rows = connection.execute(
            "SELECT place, state, file FROM pictures WHERE batch = ? ORDER BY place", (batch,)
        ).fetchall()
        return Lease(
            batch, job, {at: file for at, state, file in rows if state == "todo"}, len(rows)
        )

    def heard(self, owner: str) -> None:
        """Keep the batches of a process."""
        with self.changing() as change:
            change.execute("UPDATE batches SET heard = ? WHERE owner = ?", (time.time(), owner))

    def release(self, owner: str) -> None:
        """Give back the batches of a process."""
        with self.changing() as change:
            change.execute("UPDATE batches SET owner = NULL WHERE owner = ?", (owner,))

    def is_mine(self, batch: int, owner: str) -> bool:
        """Tell whether a process still has a batch, which it loses if it isn't heard of."""
        return self.rows("SELECT owner FROM batches WHERE batch = ?", batch) == [(owner,)]

    def finish(self, batch: int, finished: Mapping[int, Finished]) -> None:
        """Note pictures of a batch as made, by their places, and give the batch back."""
        now = time.time()
        with self.changing() as change:
            for place, each in finished.items():
                change.execute(
                    "UPDATE pictures SET state = 'done', sha256 = ?, score = ?, seconds = ?, "
                    "finished = ?, reason = NULL WHERE batch = ? AND place = ?",
                    (each.sha256, each.score, each.seconds, now, batch, place),
                )
            change.execute("UPDATE batches SET owner = NULL WHERE batch = ?", (batch,))

    def fail(self, batch: int, reason: str) -> None:
        """Note what is left of a batch as failed."""
        with self.changing() as change:
            change.execute(
                "UPDATE pictures SET state = 'failed', reason = ?, finished = ? "
                "WHERE batch = ? AND state = 'todo'",
                (reason, time.time(), batch),
            )
            change.execute("UPDATE batches SET owner = NULL WHERE batch = ?", (batch,))

    def split(self, batch: int, jobs: Mapping[int, str]) -> None:
        """Give what is left of a batch that can't be made a batch each, by place."""
        with self.changing() as change:
            for place, job in jobs.items():
                new = change.execute("INSERT INTO batches (job) VALUES (?)", (job,)).lastrowid
                change.execute(
                    "UPDATE pictures SET batch = ?, place = 0 WHERE batch = ? AND place = ?",
                    (new, batch, place),
                )
            change.execute("UPDATE batches SET owner = NULL WHERE batch = ?", (batch,))

    def want_again(self, pictures: Iterable[PictureRow]) -> None:
        """Have pictures made again."""
        with self.changing() as change:
            change.executemany(
                "UPDATE pictures SET state = 'todo', sha256 = NULL, score = NULL, reason = NULL, "
                "seconds = NULL, finished = NULL WHERE file = ?",
                [(each.file,) for each in pictures],
            )

    def claim_task(self, task: str, owner: str) -> bool:
        """Take what one process does alone; tell whether this one may."""
        now = time.time()
        with self.changing() as change:
            row = change.execute("SELECT owner, heard FROM leases WHERE task = ?", (task,))
            for holder, heard in row.fetchall():
                if holder != owner and now - heard <= LEASE and not is_gone(holder):
                    return False
            change.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?)", (task, owner, now))
        return True

    def release_task(self, task: str, owner: str) -> None:
        """Give it back."""
        with self.changing() as change:
            change.execute("DELETE FROM leases WHERE task = ? AND owner = ?", (task, owner))

    def at_work(self) -> int:
        """Return the number of batches that processes work on."""
        rows = self.rows("SELECT owner, heard FROM batches WHERE owner IS NOT NULL")
        return sum(time.time() - heard <= LEASE and not is_gone(owner) for owner, heard in rows)


def _add_order(change: sqlite3.Connection, layer: str, order: Order) -> None:
    batch = change.execute("INSERT INTO batches (job) VALUES (?)", (order.job,)).lastrowid
    change.executemany(
        "INSERT INTO pictures (layer, number, kind, file, batch, place) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (layer, number, order.kind, file, batch, place)
            for place, (number, file) in enumerate(order.files.items())
        ],
    )


def set_aside(folder: Path) -> Path:
    """Rename an index that is damaged, so that a new one can be made; return its new name."""
    aside = folder / f"{NAME}.damaged"
    try:
        for end in ("", "-wal", "-shm"):
            file = folder / f"{NAME}{end}"
            if file.exists():
                file.replace(folder / f"{aside.name}{end}")
    except OSError as error:
        raise CannotWrite(
            f"the damaged index of {str(folder)!r} can't be renamed ({error.strerror}); look at "
            "the permissions of the folder"
        ) from None
    return aside

"""The tables of a catalog's index, version by version."""

from __future__ import annotations

import sqlite3

from entoptic.errors import BadCatalog

MIGRATIONS: list[str] = [
    """
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE layers (
        layer TEXT PRIMARY KEY,
        folder TEXT NOT NULL UNIQUE
    );
    CREATE TABLE batches (
        batch INTEGER PRIMARY KEY,
        job TEXT NOT NULL,
        owner TEXT,
        heard REAL
    );
    CREATE TABLE units (
        unit INTEGER PRIMARY KEY,
        layer TEXT NOT NULL REFERENCES layers,
        number INTEGER NOT NULL,
        batch INTEGER NOT NULL REFERENCES batches,
        place INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'todo' CHECK (state IN ('todo', 'done', 'failed')),
        sha256 TEXT,
        score REAL,
        reason TEXT,
        seconds REAL,
        finished REAL,
        UNIQUE (layer, number)
    );
    CREATE INDEX units_of_batch ON units (batch, state);
    """,
    """
    CREATE TABLE pictures (
        picture INTEGER PRIMARY KEY,
        layer TEXT NOT NULL REFERENCES layers,
        number INTEGER,
        kind TEXT NOT NULL CHECK (kind IN ('positive', 'negative', 'dream', 'caricature')),
        file TEXT NOT NULL UNIQUE,
        batch INTEGER NOT NULL REFERENCES batches,
        place INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'todo' CHECK (state IN ('todo', 'done', 'failed')),
        sha256 TEXT,
        score REAL,
        reason TEXT,
        seconds REAL,
        finished REAL
    );
    INSERT INTO pictures
        SELECT unit, layer, number, 'positive', folder || '/' || number || '.png', batch, place,
        state, sha256, score, reason, seconds, finished
        FROM units JOIN layers USING (layer) ORDER BY unit;
    DROP TABLE units;
    CREATE INDEX pictures_of_layer ON pictures (layer, number, kind);
    CREATE INDEX pictures_of_batch ON pictures (batch, state);
    CREATE INDEX pictures_to_make ON pictures (batch) WHERE state = 'todo';
    CREATE TABLE files (
        file TEXT PRIMARY KEY,
        sha256 TEXT
    );
    CREATE TABLE exemplars (
        layer TEXT NOT NULL REFERENCES layers,
        number INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('most', 'least')),
        rank INTEGER NOT NULL,
        photo TEXT NOT NULL,
        value REAL NOT NULL,
        position_row INTEGER,
        position_column INTEGER,
        crop TEXT NOT NULL REFERENCES files,
        map TEXT REFERENCES files,
        PRIMARY KEY (layer, number, kind, rank)
    );
    CREATE TABLE leases (
        task TEXT PRIMARY KEY,
        owner TEXT,
        heard REAL
    );
    """,
    # Of 100,000 units the states are counted in a tenth of a second, leases found in a thousandth.
    """
    CREATE INDEX pictures_counted ON pictures (layer, number, state, seconds);
    CREATE INDEX batches_owned ON batches (owner, heard) WHERE owner IS NOT NULL;
    """,
]
"""What brings an index from each version to the next; `PRAGMA user_version` counts them."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an index to the newest version.

    Raises:
        BadCatalog: it is of a newer entoptic.
    """
    if connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),):
        return
    # In one transaction, so that of two processes one migrates, and no version is half there.
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise BadCatalog(
                f"the catalog's index has version {version}, and this entoptic knows "
                f"{len(MIGRATIONS)}; update it"
            )
        for script in MIGRATIONS[version:]:
            for statement in script.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")

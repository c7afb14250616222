"""The files that an objective names: pictures, arrays and sparse autoencoders."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from entoptic.formats.arrays import Arrays, read_arrays
from entoptic.formats.autoencoders import read_autoencoder
from entoptic.formats.sparse_encoder import SparseEncoder
from entoptic.images import Picture, read

_Read = TypeVar("_Read", Arrays, SparseEncoder)


@runtime_checkable
class Files(Protocol):
    """Reads the files that an objective names."""

    def guide(self, name: str) -> Picture:
        """Return the picture in a file."""

    def arrays(self, name: str) -> Arrays:
        """Return the arrays in a file."""

    def autoencoder(self, name: str) -> SparseEncoder:
        """Return the encoder of the sparse autoencoder in a file."""


class _OnDisk:
    """Reads files by their names; those of many units are read once while they stay the same."""

    def guide(self, name: str) -> Picture:
        return read(name)

    def arrays(self, name: str) -> Arrays:
        return _once(read_arrays, Path(name))

    def autoencoder(self, name: str) -> SparseEncoder:
        return _once(read_autoencoder, Path(name))


ON_DISK = _OnDisk()
"""Reads files where their names say they are."""


def _once(read: Callable[[Path], _Read], path: Path) -> _Read:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return read(path)  # which says what is wrong
    kept: _Read = _kept(read, path, found.st_mtime_ns, found.st_size)
    return kept


@functools.lru_cache(maxsize=2)
def _kept(read: Callable[[Path], Any], path: Path, changed: int, size: int) -> Any:
    return read(path)

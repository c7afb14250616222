"""Files of arrays, .npy, .npz and .safetensors: probes, concept vectors, rows of a dictionary."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from entoptic.checks import shown
from entoptic.errors import BadModelFile, BadUnitFile, MissingExtra
from entoptic.formats.files import ZIP_DAMAGE, contents, reason

ENDINGS = (".npy", ".npz", ".safetensors")

MOST_BYTES = 1 << 32
"""The largest file of arrays, or of a sparse autoencoder, that is read."""

# The part of an array's name behind that of its file.
_NAMED = re.compile(rf"(.+(?:{'|'.join(map(re.escape, ENDINGS))}))(?::(.+))?", re.DOTALL)

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

_DAMAGE = (*ZIP_DAMAGE, SyntaxError, MemoryError, Warning)


@dataclass(frozen=True, eq=False)
class Arrays:
    """The arrays of a file.

    Args:
        path: of the file, as it was given.
        sha256: of its bytes.
        named: the arrays by name; the one of a .npy file has an empty name.
    """

    path: Path
    sha256: str
    named: Mapping[str, Tensor] = field(repr=False)

    def vector(self, name: str | None, number: int | None) -> tuple[float, ...]:
        """Return a vector: a row of a matrix, or an array of one axis.

        Args:
            name: of the array; None for the only one.
            number: of the row, counted from 0; None of an array of one axis.

        Raises:
            BadUnitFile: there is no such array or row, or it isn't said which; or numbers that
                aren't finite.
        """
        array, called = self._array(name)
        if array.ndim == 1:
            if number is not None:
                raise BadUnitFile(f"{called} is one vector, without rows; leave out the {number}")
            row = array
        else:
            row = array[self._row(array, called, number)]
        row = row.float() if row.dtype != torch.float64 else row
        if not row.isfinite().all():
            raise BadUnitFile(f"{called} has numbers that aren't finite")
        return tuple(row.tolist())

    def rows(self, name: str | None) -> int:
        """Return how many rows a matrix has; raises as `vector` does."""
        array, called = self._array(name)
        if array.ndim == 1:
            raise BadUnitFile(f"{called} is one vector, without rows")
        return len(array)

    def _row(self, array: Tensor, called: str, number: int | None) -> int:
        if number is None and len(array) > 1:
            raise BadUnitFile(
                f"{called} has {len(array)} rows; say which behind its name: '{self.path}', 0"
            )
        if (number or 0) >= len(array):
            raise BadUnitFile(
                f"row {number} of {called} does not exist; it has {len(array)} rows "
                f"(0..{len(array) - 1})"
            )
        return number or 0

    def _array(self, name: str | None) -> tuple[Tensor, str]:
        """Return an array, and what messages call it."""
        usable = {
            key: each for key, each in self.named.items() if each.ndim in (1, 2) and each.numel()
        }
        if name is None and len(usable) == 1:
            ((name, array),) = usable.items()
            return array, repr(f"{self.path}:{name}" if name else str(self.path))
        if name in usable:
            return usable[name], repr(f"{self.path}:{name}")
        there = ", ".join(f"{key} {_times(each)}" for key, each in [*usable.items()][:8])
        if not usable:
            raise BadUnitFile(f"{str(self.path)!r} holds no array of one or two axes")
        if name is None:
            first = next(iter(usable))
            raise BadUnitFile(
                f"{str(self.path)!r} holds several arrays: {there}; say which behind a colon: "
                f"'{self.path}:{first}'"
            )
        raise BadUnitFile(f"{str(self.path)!r} has no array {name!r}; there are {there}")


def split_name(text: str) -> tuple[str, str | None]:
    """Return the name of a file, and that of an array in it.

    >>> split_name("atoms.npz"), split_name("sae.safetensors:W_dec")
    (('atoms.npz', None), ('sae.safetensors', 'W_dec'))

    Raises:
        BadUnitFile: it has another ending than such files have.
    """
    found = _NAMED.fullmatch(text)
    if found is None:
        raise BadUnitFile(
            f"{shown(text)} is no file of vectors; its name must end in {', '.join(ENDINGS)}"
        )
    return found[1], found[2]


def read_arrays(path: Path) -> Arrays:
    """Return the arrays of a file, which may come from anyone: nothing of it is run.

    Raises:
        BadUnitFile: it isn't there, is damaged or too large, or holds something else than numbers.
        MissingExtra: for .safetensors.
    """
    data = read_bytes(path)
    read = {".npy": _npy, ".npz": _npz, ".safetensors": _safetensors}[path.suffix]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy's, of headers that it doesn't write itself
        try:
            named = read(data)
        except _DAMAGE as error:
            raise BadUnitFile(f"can't read {str(path)!r}: {reason(error)}") from None
    return Arrays(path, hashlib.sha256(data).hexdigest(), named)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file of arrays.

    Raises:
        BadUnitFile: it isn't there, is no file, or too large.
    """
    try:
        return contents(path, MOST_BYTES)
    except BadModelFile as error:
        raise BadUnitFile(str(error)) from None


@runtime_checkable
class _Stream(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


def _npy(data: bytes) -> dict[str, Tensor]:
    return {"": _array(io.BytesIO(data), len(data))}


def _npz(data: bytes) -> dict[str, Tensor]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = [each for each in archive.infolist() if each.filename.endswith(".npy")]
        if sum(each.file_size for each in parts) > MOST_BYTES:
            raise ValueError("it unfolds to more than is read")
        found = {}
        for part in parts:
            with archive.open(part) as stream:
                found[part.filename.removesuffix(".npy")] = _array(stream, part.file_size)
        return found


def _array(stream: _Stream, size: int) -> Tensor:
    """Return one array, whose size is known before any memory is taken for it."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"its version {version} is unknown")
    shape, by_columns, dtype = _HEADERS[version](stream)
    if dtype.kind not in "fiu":
        raise ValueError(f"it holds {dtype}, no numbers")
    wanted = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if wanted > size:
        raise ValueError("it is shorter than it says")
    data = stream.read(wanted)
    if len(data) != wanted:
        raise ValueError("it is shorter than it says")
    values = np.frombuffer(bytearray(data), dtype).reshape(shape, order="F" if by_columns else "C")
    wide = np.float64 if dtype.itemsize > 4 else np.float32
    return torch.from_numpy(np.ascontiguousarray(values, wide))


def _safetensors(data: bytes) -> dict[str, Tensor]:
    return safetensors_of(data)


def safetensors_package() -> Any:
    """Import safetensors, with what reads its files into tensors.

    Raises:
        MissingExtra: it isn't installed.
    """
    try:
        import safetensors
        import safetensors.torch
    except ImportError:
        raise MissingExtra(
            'reading .safetensors needs the zoo extra: pip install "entoptic[zoo]"'
        ) from None
    return safetensors


def safetensors_of(data: bytes) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file.

    Raises:
        ValueError: it is damaged.
        MissingExtra: the package isn't installed.
    """
    safetensors = safetensors_package()
    try:
        found: dict[str, Tensor] = safetensors.torch.load(data)
    except safetensors.SafetensorError as error:
        raise ValueError(reason(error)) from None
    return found


def _times(array: Tensor) -> str:
    return f"({' x '.join(map(str, array.shape))})"

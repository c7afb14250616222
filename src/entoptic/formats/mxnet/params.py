"""Reads the arrays of an MXNet `.params` file, of all its generations.

Layout (all little-endian), after MXNet's src/ndarray/ndarray.cc: a list of arrays, then a list
of their names. Each array begins with a magic number that tells its generation; the oldest
has none and begins with its number of axes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from entoptic.errors import BadModelFile
from entoptic.formats.files import contents

Array: TypeAlias = NDArray[Any]
T = TypeVar("T")

_FILE_MAGIC = 0x112
_V1_MAGIC = 0xF993FAC8  # dimensions became 64 bits wide
_V2_MAGIC = 0xF993FAC9  # a storage type came before the shape
_V3_MAGIC = 0xF993FACA  # NumPy's meaning of a shape: () is a number, -1 axes is nothing
_DENSE = 0
_DTYPES = {0: "<f4", 1: "<f8", 2: "<f2", 3: "<u1", 4: "<i4", 5: "<i1", 6: "<i8"}
_MOST_AXES = 16
_MOST_BYTES = 2**32  # as float32 that is more than an ONNX graph can hold
_MOST_NAME_BYTES = 1024
_SMALLEST_ARRAY_BYTES = 4  # an array of no axes is its magic (or its number of axes) alone
_SMALLEST_NAME_BYTES = 8


def read_params(path: Path) -> dict[str, Array]:
    """Read all arrays of a `.params` file.

    Args:
        path: the file that MXNet's `save_checkpoint`, `export` or `nd.save` wrote.

    Returns:
        Read-only arrays by name, without the prefixes `arg:` and `aux:`.

    Raises:
        BadModelFile: the file isn't one, ends too early, has more behind its end, or holds
            sparse or nameless arrays.

    Source: MXNet 1.9.1, src/ndarray/ndarray.cc.
    """
    return _Reader(path, contents(path, _MOST_BYTES)).file()


class _Reader:
    """A place in a file that only moves forward, and never past the end."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.data = data
        self.at = 0

    def fail(self, text: str) -> BadModelFile:
        return BadModelFile(f"{self.path}: {text}")

    def take(self, length: int, what: str) -> memoryview:
        left = len(self.data) - self.at
        if length > left:
            raise self.fail(
                f"{what} at byte {self.at} needs {length} bytes, but {left} are left; "
                "the file is cut off or damaged"
            )
        self.at += length
        return memoryview(self.data)[self.at - length : self.at]

    def number(self, code: str, what: str) -> int:
        (value,) = struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}"), what))
        return int(value)

    def file(self) -> dict[str, Array]:
        if self.number("Q", "the file's magic number") != _FILE_MAGIC:
            raise self.fail("not an MXNet .params file: it doesn't begin with 0x112")
        self.number("Q", "the reserved field")
        arrays = self.several("array", _SMALLEST_ARRAY_BYTES, self.array)
        names = self.several("name", _SMALLEST_NAME_BYTES, self.name)
        if self.at != len(self.data):
            raise self.fail(f"{len(self.data) - self.at} bytes are left behind the last name")
        if len(names) != len(arrays):
            raise self.fail(f"{len(arrays)} arrays but {len(names)} names; save the arrays by name")
        return self.by_name(names, arrays)

    def several(self, what: str, smallest: int, read: Callable[[str], T]) -> list[T]:
        count = self.number("Q", f"the number of {what}s")
        if count * smallest > len(self.data) - self.at:
            raise self.fail(f"it says that it has {count} {what}s, which don't fit in the file")
        return [read(f"{what} {index}") for index in range(count)]

    def by_name(self, names: list[str], arrays: list[Array | None]) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for full_name, array in zip(names, arrays, strict=True):
            name = full_name.removeprefix("arg:").removeprefix("aux:")
            if name in found:
                raise self.fail(f"array {name!r} is there twice")
            if array is None:
                raise self.fail(f"array {name!r} is empty: it was saved before it had a value")
            found[name] = array
        return found

    def name(self, what: str) -> str:
        length = self.number("Q", f"the length of {what}")
        if length > _MOST_NAME_BYTES:
            raise self.fail(f"{what} is {length} bytes long; at most {_MOST_NAME_BYTES} are read")
        raw = bytes(self.take(length, what))
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self.fail(f"{what} isn't UTF-8 text: {raw[:40]!r}") from None

    def array(self, what: str) -> Array | None:
        """One array, or None where it was saved without a value."""
        magic = self.number("I", what)
        if magic in (_V2_MAGIC, _V3_MAGIC) and self.number("i", what) != _DENSE:
            raise self.fail(f"{what} is sparse; only dense arrays can be read")
        if magic in (_V1_MAGIC, _V2_MAGIC, _V3_MAGIC):
            shape = self.shape(self.number("i", what), "q", what)
        else:
            shape = self.shape(magic, "I", what)
        if shape is None or (shape == () and magic != _V3_MAGIC):
            return None
        self.take(8, f"the device of {what}")
        return self.numbers(shape, what)

    def shape(self, axes: int, code: str, what: str) -> tuple[int, ...] | None:
        if axes == -1:
            return None
        if not 0 <= axes <= _MOST_AXES:
            raise self.fail(
                f"{what} has {axes} axes (0..{_MOST_AXES} are possible); the file is damaged"
            )
        shape = tuple(self.number(code, f"the shape of {what}") for _ in range(axes))
        if any(length < 0 for length in shape):
            raise self.fail(f"{what} has the impossible shape {shape}")
        return shape

    def numbers(self, shape: tuple[int, ...], what: str) -> Array:
        code = self.number("i", f"the type of {what}")
        if code not in _DTYPES:
            raise self.fail(
                f"{what} has the unknown element type {code}; "
                "known are float32, float64, float16, uint8, int32, int8 and int64"
            )
        dtype = np.dtype(_DTYPES[code])
        count = 1
        for length in shape:  # in Python's own integers, which can't overflow
            count *= length
        raw = self.take(count * dtype.itemsize, f"{what} of shape {shape}")
        # NumPy can't multiply absurd lengths, not even where another one is zero.
        if count == 0 and max(shape) > len(self.data):
            raise self.fail(f"{what} has the impossible shape {shape}")
        return np.frombuffer(raw, dtype).reshape(shape)

"""The protocol-buffer wire format, read field by field without trusting a single length.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from entoptic.errors import BadModelFile

Wire: TypeAlias = int | memoryview
"""A field's value: a number (varint), or the bytes of anything else."""

_FIXED_BYTES = {1: 8, 5: 4}
_MAX_GROUPS = 10  # of seven bits each, which hold any 64-bit number
_MAX_FIELDS = 2**21  # of one message; a graph has some 20 000 nodes


def fields(message: memoryview) -> Iterator[tuple[int, Wire]]:
    """Walk through a message; nothing is copied.

    Args:
        message: the bytes of one message.

    Returns:
        Field number and value, in the order of the file: a varint as an unsigned number, the rest
        as a view of its bytes.

    Raises:
        BadModelFile: a field is longer than the bytes at hand, or isn't a field at all.

    >>> [(number, bytes(value)) for number, value in fields(memoryview(bytes([10, 2, 104, 105])))]
    [(1, b'hi')]
    """
    position = count = 0
    while position < len(message):
        count += 1
        if count > _MAX_FIELDS:
            raise BadModelFile(f"one message has more than {_MAX_FIELDS} fields, which is absurd")
        tag, position = _varint(message, position)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise BadModelFile("damaged: a field has the number 0")
        if kind == 0:
            value, position = _varint(message, position)
            yield number, value
            continue
        if kind == 2:
            length, position = _varint(message, position)
        elif kind in _FIXED_BYTES:
            length = _FIXED_BYTES[kind]
        else:
            raise BadModelFile(f"damaged: field {number} has the unknown wire type {kind}")
        if length > len(message) - position:
            raise BadModelFile(
                f"damaged or cut off: field {number} says {length} bytes,"
                f" {len(message) - position} are left"
            )
        yield number, message[position : position + length]
        position += length


def varints(packed: memoryview) -> np.ndarray:
    """The numbers of a packed repeated field, as signed ones.

    >>> varints(memoryview(bytes([1, 172, 2]))).tolist()
    [1, 300]
    """
    groups = np.frombuffer(packed, np.uint8)
    if not len(groups):
        return np.empty(0, np.int64)
    ends = np.flatnonzero(groups < 0x80)
    if groups[-1] >= 0x80:
        raise BadModelFile("damaged or cut off: a number runs past the end")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _MAX_GROUPS:
        raise BadModelFile("damaged: a number is longer than 64 bits")
    numbers = np.zeros(len(ends), np.uint64)
    for group in range(lengths.max()):
        longer = lengths > group
        bits = groups[starts[longer] + group].astype(np.uint64) & np.uint64(0x7F)
        numbers[longer] |= bits << np.uint64(7 * group)
    return numbers.view(np.int64)


def as_bytes(value: Wire) -> memoryview:
    """The value of a field that must be bytes, text or a message."""
    if isinstance(value, int):
        raise BadModelFile("damaged: a number stands where bytes belong")
    return value


def as_int(value: Wire) -> int:
    """The value of a field that must be a number, as a signed one."""
    if not isinstance(value, int):
        raise BadModelFile("damaged: bytes stand where a number belongs")
    return signed(value)


def signed(number: int) -> int:
    """Two's complement of 64 bits, which is how int32 and int64 travel."""
    return number - (1 << 64) if number >= 1 << 63 else number


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    number = 0
    for index in range(_MAX_GROUPS):
        if position + index >= len(message):
            raise BadModelFile("damaged or cut off: a number runs past the end")
        byte = message[position + index]
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, position + index + 1
    raise BadModelFile("damaged: a number is longer than 64 bits")

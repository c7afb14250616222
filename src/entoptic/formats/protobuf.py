"""Protobuf's wire format: the fields of a message, asked for by number and kind.

Nothing is allocated by what a file *says*: long values are views of bytes that are there.
Why not the protobuf package: docs/decisions/0004.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from entoptic.errors import BadModelFile

_VARINT, _LENGTH = 0, 2
_FIXED_BYTES = {1: 8, 5: 4}
_MAX_GROUPS = 10  # of seven bits each, which hold any 64-bit number
# Of one file; the largest published graphs have some 20 000 nodes of about 20 fields.
_MAX_FIELDS = 2_000_000


class Message:
    """One message, whose fields are found when it is first asked for one.

    Args:
        body: its bytes.
        at: their offset in the file.
        counter: counts the fields of all messages of the file; a new one for a new file.

    >>> message = Message(memoryview(bytes([10, 2, 104, 105, 16, 3])))
    >>> message.text(1), message.integer(2), message.integer(3, default=7)
    ('hi', 3, 7)
    """

    def __init__(self, body: memoryview, at: int = 0, counter: Iterator[int] | None = None) -> None:
        self.body, self.at = body, at
        self._counter = itertools.count(1) if counter is None else counter

    @cached_property
    def fields(self) -> dict[int, list[int | slice]]:
        """Each field's values by its number: an unsigned number, or where its bytes are.

        Raises:
            BadModelFile: a field is longer than the bytes at hand, or isn't a field at all.
        """
        found: dict[int, list[int | slice]] = {}
        position = 0
        while position < len(self.body):
            if next(self._counter) > _MAX_FIELDS:
                raise self.error(position, f"more than {_MAX_FIELDS} fields")
            tag, start = self._varint(position)
            number, wire = tag >> 3, tag & 7
            if number == 0:
                raise self.error(position, "a field has the number 0")
            if wire == _VARINT:
                value, position = self._varint(start)
                found.setdefault(number, []).append(value)
                continue
            length = _FIXED_BYTES.get(wire)
            if wire == _LENGTH:
                length, start = self._varint(start)
            if length is None:
                raise self.error(position, f"field {number} has the unknown wire type {wire}")
            left = len(self.body) - start
            if length > left:
                raise self.error(position, f"field {number} says {length} bytes, {left} are left")
            position = start + length
            found.setdefault(number, []).append(slice(start, position))
        return found

    def __contains__(self, number: int) -> bool:
        return number in self.fields

    def integer(self, number: int, default: int = 0) -> int:
        """Return a whole number; the last counts where several are written."""
        values = self.fields.get(number)
        if values is None:
            return default
        if isinstance(values[-1], slice):
            raise self.error(values[-1].start, f"field {number} is bytes where a number belongs")
        return _signed(values[-1])

    def integers(self, number: int, most: int) -> NDArray[np.int64]:
        """Return the numbers of a repeated field: packed, one by one, or both."""
        pieces = [np.empty(0, np.int64)]
        for value in self.fields.get(number, ()):
            if isinstance(value, int):
                pieces.append(np.array([_signed(value)], np.int64))
            else:
                pieces.append(self._packed(number, value, most))
        if sum(map(len, pieces)) > most:
            raise self.error(0, f"field {number} has more than {most} numbers")
        return np.concatenate(pieces)

    def number(self, number: int, default: float) -> float:
        """Return a 32-bit floating-point number."""
        if number not in self:
            return default
        value = self._slices(number)[-1]
        if value.stop - value.start != 4:
            raise self.error(value.start, f"field {number} isn't a 32-bit number")
        return float(struct.unpack("<f", self.body[value])[0])

    def data(self, number: int) -> memoryview:
        """Return the bytes of a field, not copied; the last count where several are written."""
        return self.body[self._slices(number)[-1]] if number in self else memoryview(b"")

    def packed(self, number: int) -> memoryview:
        """Return the bytes of repeated numbers of fixed size: in one piece, several or one by one.

        Nothing is copied unless there are several pieces.
        """
        if len(self.fields.get(number, ())) < 2:
            return self.data(number)
        return memoryview(b"".join(self.body[value] for value in self._slices(number)))

    def texts(self, number: int) -> list[str]:
        """Return the texts of a repeated field; bytes that aren't UTF-8 are replaced."""
        return [bytes(self.body[v]).decode(errors="replace") for v in self._slices(number)]

    def text(self, number: int, default: str = "") -> str:
        """Return a text; the last counts where several are written."""
        return bytes(self.data(number)).decode(errors="replace") if number in self else default

    def messages(self, number: int) -> Iterator[Message]:
        """Return the messages of a repeated field, one after the other."""
        return map(self._message, self._slices(number))

    def message(self, number: int) -> Message | None:
        """Return a message; the last counts where several are written."""
        return self._message(self._slices(number)[-1]) if number in self else None

    def error(self, position: int, problem: str) -> BadModelFile:
        """Return an error that says where in the file the problem is."""
        return BadModelFile(
            f"byte {self.at + position}: {problem}; the file is damaged, cut off or of another kind"
        )

    def _message(self, where: slice) -> Message:
        return Message(self.body[where], self.at + where.start, self._counter)

    def _slices(self, number: int) -> list[slice]:
        slices = []
        for value in self.fields.get(number, ()):
            if isinstance(value, int):
                raise self.error(0, f"field {number} is a number where bytes belong")
            slices.append(value)
        return slices

    def _varint(self, position: int) -> tuple[int, int]:
        """Return a number of seven bits a byte, and the position behind it."""
        number = index = 0
        while index < _MAX_GROUPS and position + index < len(self.body):
            byte = self.body[position + index]
            number |= (byte & 0x7F) << (7 * index)
            index += 1
            if byte < 0x80:
                return number & 0xFFFF_FFFF_FFFF_FFFF, position + index
        raise self.error(position, "a number that doesn't end")

    def _packed(self, number: int, where: slice, most: int) -> NDArray[np.int64]:
        """Return the numbers of a packed field, once they are known not to be too many."""
        groups = np.frombuffer(self.body[where], np.uint8)
        if np.count_nonzero(groups < 0x80) > most:
            raise self.error(where.start, f"field {number} has more than {most} numbers")
        ends = np.flatnonzero(groups < 0x80)
        starts = np.concatenate([[0], ends + 1])
        lengths = ends - starts[:-1] + 1
        if starts[-1] != len(groups) or lengths.max(initial=0) > _MAX_GROUPS:
            raise self.error(where.start, "a number that doesn't end")
        numbers = np.zeros(len(ends), np.uint64)
        for group in range(lengths.max(initial=0)):
            longer = lengths > group
            bits = groups[starts[:-1][longer] + group].astype(np.uint64) & np.uint64(0x7F)
            numbers[longer] |= bits << np.uint64(7 * group)
        return numbers.view(np.int64)


def _signed(number: int) -> int:
    """Return two's complement of 64 bits, which is how int32 and int64 are written."""
    return number - (1 << 64) if number >= 1 << 63 else number

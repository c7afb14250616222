"""TIFF and BigTIFF files, strip by strip or tile by tile: pictures too large to be read at once.

Source: TIFF Revision 6.0, Adobe, 1992; the BigTIFF proposal, 2004; Adobe Photoshop TIFF Technical
Notes (deflate), 2002.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from entoptic.pictures.png import inflate

# Tags that we know.
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_OFFSETS, _ORIENTATION, _CHANNELS, _ROWS, _COUNTS, _PLANAR = 273, 274, 277, 278, 279, 284
_PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS = 317, 322, 323, 324, 325
_EXTRA, _FORMAT, _XMP, _PROFILE = 338, 339, 700, 34675

# Bytes and struct's letter of each type of numbers that these tags have.
_TYPES = {1: "B", 3: "H", 4: "I", 7: "B", 13: "I", 16: "Q", 18: "Q"}
_PLAIN, _DEFLATE, _OLD_DEFLATE = 1, 8, 32946
_PREMULTIPLIED = 1
_MOST_TAGS = 1000
# Deflate makes at most so many bytes of one.
_MOST_DEFLATED = 1032
# Of one strip or tile, unpacked; what a program writes has a thousandth of that.
_LARGEST_SEGMENT = 1 << 30
# Rows of a strip that we write, of about so many bytes.
_STRIP_BYTES = 1 << 20


@dataclass(frozen=True)
class Segments:
    """How the samples of a file lie in it.

    Args:
        height, width, channels: of the picture.
        kind: numpy's type of samples, with the order of its bytes.
        rows, columns: of a strip or a tile.
        offsets, counts: bytes, of each strip or tile.
        tiled: whether all have their full size, also at the border.
        packed: whether they are deflated.
        differences: whether each sample is stored as its difference from the one at its left.
        planar: whether each channel has strips or tiles of its own.
        white_is_zero: of grey.
        premultiplied: whether colours are multiplied by the last channel.
        orientation: 1 where the picture is upright.
        profile: the colour profile.
        xmp: the XMP packet.
    """

    height: int
    width: int
    channels: int
    kind: str
    rows: int
    columns: int
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    tiled: bool
    packed: bool
    differences: bool
    planar: bool
    white_is_zero: bool
    premultiplied: bool
    orientation: int
    profile: bytes
    xmp: bytes


def dimensions(stream: BinaryIO, size: int) -> tuple[int, int]:
    """Width and height of the first picture.

    Args:
        stream, size: see `segments`.

    Raises:
        ValueError: the file is damaged.
    """
    tags = _Tags(stream, size)
    return tags.one(_WIDTH), tags.one(_HEIGHT)


def segments(stream: BinaryIO, size: int) -> Segments:
    """What the first picture's tags say.

    Args:
        stream: of a file that begins as TIFF does.
        size: of the file, in bytes.

    Raises:
        ValueError: it is damaged, or of a kind that isn't read in parts.
    """
    tags = _Tags(stream, size)
    width, height = tags.one(_WIDTH), tags.one(_HEIGHT)
    channels, compression = tags.one(_CHANNELS, 1), tags.one(_COMPRESSION, _PLAIN)
    bits, formats = tags.many(_BITS, (1,)), tags.many(_FORMAT, (1,))
    photometric = tags.one(_PHOTOMETRIC, 1)
    if compression not in (_PLAIN, _DEFLATE, _OLD_DEFLATE):
        raise ValueError(f"compression {compression} isn't read in parts; save it with deflate")
    kinds = {(8, 1): "u1", (16, 1): "u2", (32, 3): "f4"}
    kind = kinds.get((bits[0], formats[0]))
    if kind is None or len(set(bits)) != 1 or len(set(formats)) != 1:
        raise ValueError(f"samples of {bits} bits aren't read in parts; save it with 8 or 16")
    if (photometric in (0, 1)) != (channels in (1, 2)) or channels not in (1, 2, 3, 4):
        raise ValueError(f"{channels} channels of the kind {photometric} aren't read in parts")
    if photometric not in (0, 1, 2):
        raise ValueError(f"colours of the kind {photometric} aren't read in parts; save it as RGB")
    tiled = _TILE_WIDTH in tags.entries
    rows = tags.one(_TILE_HEIGHT) if tiled else min(height, tags.one(_ROWS, height))
    columns = tags.one(_TILE_WIDTH) if tiled else width
    if min(width, height, rows, columns) < 1:
        raise ValueError("it has no pixels")
    planar = tags.one(_PLANAR, 1) == 2
    found = Segments(
        height=height,
        width=width,
        channels=channels,
        kind=tags.order + kind,
        rows=rows,
        columns=columns,
        offsets=tags.many(_TILE_OFFSETS if tiled else _OFFSETS),
        counts=tags.many(_TILE_COUNTS if tiled else _COUNTS),
        tiled=tiled,
        packed=compression != _PLAIN,
        differences=tags.one(_PREDICTOR, 1) == 2,
        planar=planar,
        white_is_zero=photometric == 0,
        premultiplied=channels in (2, 4) and tags.one(_EXTRA, 0) == _PREMULTIPLIED,
        orientation=tags.one(_ORIENTATION, 1),
        profile=tags.raw(_PROFILE),
        xmp=tags.raw(_XMP),
    )
    if tags.one(_PREDICTOR, 1) not in (1, 2) or (found.differences and kind == "f4"):
        raise ValueError("its predictor isn't read in parts; save it without")
    _check(found, size)
    return found


def _check(found: Segments, size: int) -> None:
    wide, high = -(-found.width // found.columns), -(-found.height // found.rows)
    wanted = wide * high * (found.channels if found.planar else 1)
    if not len(found.offsets) == len(found.counts) == wanted:
        raise ValueError(f"it has {len(found.offsets)} parts, but should have {wanted}")
    if any(at + n > size for at, n in zip(found.offsets, found.counts, strict=True)):
        raise ValueError("the file is cut off")
    unpacked = found.height * found.width * found.channels * int(found.kind[-1])
    if sum(found.counts) > size or sum(found.counts) * _MOST_DEFLATED < unpacked:
        raise ValueError("it says that it is larger than its data can be")
    each = found.rows * found.columns * found.channels * int(found.kind[-1])
    if each > _LARGEST_SEGMENT:
        raise ValueError(f"its parts have {each} bytes each; save it in smaller strips or tiles")


def parts(stream: BinaryIO, how: Segments) -> Iterator[tuple[slice, slice, slice, NDArray[Any]]]:
    """Every strip or tile: its channels, rows and columns, and its samples in that order of axes.

    Raises:
        ValueError: it is damaged.
    """
    wide = -(-how.width // how.columns)
    each = wide * -(-how.height // how.rows)
    sample = np.dtype(how.kind)
    for index, (offset, count) in enumerate(zip(how.offsets, how.counts, strict=True)):
        plane, place = divmod(index, each)
        top, left = place // wide * how.rows, place % wide * how.columns
        rows = min(how.rows, how.height - top)
        columns = min(how.columns, how.width - left)
        channels = 1 if how.planar else how.channels
        shape = (how.rows if how.tiled else rows, how.columns, channels)
        stream.seek(offset)
        data = stream.read(count)
        wanted = shape[0] * shape[1] * shape[2] * sample.itemsize
        data = inflate(data, wanted) if how.packed else data
        if len(data) < wanted:
            raise ValueError("the file is cut off")
        samples = np.frombuffer(data, sample, wanted // sample.itemsize).reshape(shape)
        if how.differences:
            samples = np.cumsum(samples, axis=1, dtype=sample.newbyteorder("="))
        first = plane if how.planar else 0
        yield (
            slice(first, first + channels),
            slice(top, top + rows),
            slice(left, left + columns),
            samples[:rows, :columns].transpose(2, 0, 1),
        )


class _Tags:
    """The tags of the first picture."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.stream = stream
        self.size = size
        start = self._read(0, 16)
        self.order = {b"II": "<", b"MM": ">"}[start[:2]]
        (version,) = struct.unpack(self.order + "H", start[2:4])
        self.big = version == 43
        number = "Q" if self.big else "I"
        at = 8 if self.big else 4
        width = struct.calcsize("=" + number)
        (first,) = struct.unpack(self.order + number, start[at : at + width])
        head = "Q" if self.big else "H"
        (count,) = struct.unpack(self.order + head, self._read(first, struct.calcsize("=" + head)))
        if count > _MOST_TAGS:
            raise ValueError(f"it has {count} tags")
        entry = self.order + "HH" + number + f"{width}s"
        each = struct.calcsize("=" + entry[1:])
        table = self._read(first + struct.calcsize("=" + head), each * count)
        self.entries = {
            tag: (kind, length, value)
            for tag, kind, length, value in struct.iter_unpack(entry, table)
        }

    def one(self, tag: int, default: int | None = None) -> int:
        return self.many(tag, None if default is None else (default,))[0]

    def many(self, tag: int, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """The numbers of a tag, of which there is at least one."""
        if tag not in self.entries:
            if default is None:
                raise ValueError(f"it lacks the tag {tag}")
            return default
        kind, count, value = self.entries[tag]
        if kind not in _TYPES or count < 1:
            raise ValueError(f"its tag {tag} is damaged")
        letter = _TYPES[kind]
        length = count * struct.calcsize("=" + letter)
        return struct.unpack(f"{self.order}{count}{letter}", self._value(value, length))

    def raw(self, tag: int) -> bytes:
        """The bytes of a tag; none where it isn't there."""
        kind, count, value = self.entries.get(tag, (1, 0, b""))
        return self._value(value, count) if kind in (1, 7) else b""

    def _value(self, value: bytes, length: int) -> bytes:
        if length <= len(value):
            return value[:length]
        (at,) = struct.unpack(self.order + ("Q" if self.big else "I"), value)
        return self._read(at, length)

    def _read(self, at: int, length: int) -> bytes:
        if at + length > self.size:
            raise ValueError("the file is cut off")
        self.stream.seek(at)
        return self.stream.read(length)


def write_big(
    stream: BinaryIO,
    shape: tuple[int, int, int],
    rows: Callable[[slice], NDArray[np.uint8]],
    *,
    profile: bytes,
    xmp: bytes,
) -> None:
    """Write a BigTIFF file of 8 bits per channel, in deflated strips.

    Args:
        stream: of a new file.
        shape: (height, width, channels); the last of 4 channels is alpha.
        rows: gives the samples of some rows.
        profile: the colour profile.
        xmp: the XMP packet, maybe empty.
    """
    height, width, channels = shape
    each = max(1, _STRIP_BYTES // (width * channels))
    stream.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0))  # the last is put in at the end
    offsets, counts = [], []
    for top in range(0, height, each):
        samples = rows(slice(top, min(top + each, height)))
        differences = samples.copy()
        differences[:, 1:] -= samples[:, :-1]
        packed = zlib.compress(differences.tobytes(), 6)
        offsets.append(stream.tell())
        counts.append(len(packed))
        stream.write(packed)
    values: list[tuple[int, int, bytes, int]] = [
        (_WIDTH, 4, struct.pack("<I", width), 1),
        (_HEIGHT, 4, struct.pack("<I", height), 1),
        (_BITS, 3, struct.pack(f"<{channels}H", *[8] * channels), channels),
        (_COMPRESSION, 3, struct.pack("<H", _DEFLATE), 1),
        (_PHOTOMETRIC, 3, struct.pack("<H", 2), 1),
        (_OFFSETS, 16, struct.pack(f"<{len(offsets)}Q", *offsets), len(offsets)),
        (_CHANNELS, 3, struct.pack("<H", channels), 1),
        (_ROWS, 4, struct.pack("<I", each), 1),
        (_COUNTS, 16, struct.pack(f"<{len(counts)}Q", *counts), len(counts)),
        (_PLANAR, 3, struct.pack("<H", 1), 1),
        (_PREDICTOR, 3, struct.pack("<H", 2), 1),
    ]
    if channels == 4:
        values.append((_EXTRA, 3, struct.pack("<H", 2), 1))
    if xmp:
        values.append((_XMP, 1, xmp, len(xmp)))
    values.append((_PROFILE, 7, profile, len(profile)))
    entries = []
    for tag, kind, value, count in values:
        if len(value) > 8:
            at = stream.tell()
            stream.write(value)
            value = struct.pack("<Q", at)
        entries.append(struct.pack("<HHQ8s", tag, kind, count, value))
    first = stream.tell()
    stream.write(struct.pack("<Q", len(entries)) + b"".join(entries) + struct.pack("<Q", 0))
    stream.seek(8)
    stream.write(struct.pack("<Q", first))

"""TIFF and BigTIFF files, strip by strip or tile by tile: pictures too large to be read at once.

Source: TIFF Revision 6.0, Adobe, 1992; the BigTIFF proposal, 2004; Adobe Photoshop TIFF Technical
Notes (deflate), 2002.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from entoptic.images.png import inflate


class NotRead(ValueError):
    """A kind of TIFF that isn't read here, and that Pillow may know."""


class NoRange(ValueError):
    """Samples of which it isn't known what black and white are."""


# Tags that we know.
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_OFFSETS, _ORIENTATION, _CHANNELS, _ROWS, _COUNTS, _PLANAR = 273, 274, 277, 278, 279, 284
_PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS = 317, 322, 323, 324, 325
_EXTRA, _FORMAT, _XMP, _PROFILE = 338, 339, 700, 34675
# Of the lowest and of the highest sample.
_LOWEST, _HIGHEST = 340, 341

# struct's letter of each type of numbers that these tags have.
_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d"}
_TYPES |= {13: "I", 16: "Q", 18: "Q"}
# numpy's types by bits and format (1 whole, 2 with a sign, 3 floating-point).
_SAMPLES = {(8, 1): "u1", (16, 1): "u2", (32, 1): "u4", (16, 2): "i2", (32, 2): "i4"}
_SAMPLES |= {(16, 3): "f2", (32, 3): "f4", (64, 3): "f8"}
_PREMULTIPLIED = 1
_NO_ALPHA = 0
_MOST_TAGS = 1000
_MOST_PAGES = 100_000
# Of one strip or tile, unpacked; what a program writes has a thousandth of that.
_LARGEST_SEGMENT = 1 << 30
# Rows of a strip that we write, of about so many bytes.
_STRIP_BYTES = 1 << 20


Stream = BinaryIO | io.BytesIO
Unpack = Callable[[bytes, int], bytes]
"""From packed bytes to at most so many."""


def _by_imagecodecs(name: str) -> Unpack:
    """A decompressor of the package imagecodecs, which fills a buffer and never more.

    Raises:
        NotRead: the package isn't there.
    """
    try:
        import imagecodecs
    except ImportError:
        raise NotRead(
            f"its {name} compression needs the 'pictures' extra: pip install \"entoptic[pictures]\""
        ) from None
    decode = getattr(imagecodecs, f"{name}_decode")

    def unpack(packed: bytes, limit: int) -> bytes:
        try:
            return bytes(decode(packed, out=limit))
        except RuntimeError as error:
            raise ValueError(f"its compressed data is damaged ({error})") from None

    return unpack


_PLAIN, _DEFLATE = 1, 8
# What unpacks each compression, or its name in imagecodecs; and how many bytes it makes of one at
# most.
_COMPRESSIONS: dict[int, tuple[Unpack | str, float]] = {
    _PLAIN: (lambda data, limit: data[:limit], 1),
    5: ("lzw", 1366),
    _DEFLATE: (inflate, 1032),
    32773: ("packbits", 64),
    32946: (inflate, 1032),
    34925: ("lzma", math.inf),
    50000: ("zstd", math.inf),
}


@dataclass(frozen=True)
class Segments:
    """The layout of samples in a file.

    Args:
        height, width, channels: of the picture.
        kind: numpy's type of samples, with the order of its bytes.
        rows, columns: of a strip or a tile.
        offsets, counts: bytes, of each strip or tile.
        tiled: whether all have their full size, also at the border.
        unpack: undoes their compression.
        predictor: 2 where each sample is stored as its difference from the one at its left, 3 where
            the bytes of floating-point samples are, 1 where nothing is.
        planar: whether each channel has strips or tiles of its own.
        white_is_zero: of grey.
        alpha: whether the last of 2 or 4 channels is one; else it means nothing.
        premultiplied: whether colours are multiplied by the last channel.
        span: the samples that stand for black and white, where the file says so.
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
    unpack: Unpack
    predictor: int
    planar: bool
    white_is_zero: bool
    alpha: bool
    premultiplied: bool
    span: tuple[float, float] | None
    orientation: int
    profile: bytes
    xmp: bytes


def dimensions(stream: Stream, size: int) -> tuple[int, int]:
    """Width and height of the first picture.

    Args:
        stream, size: see `segments`.

    Raises:
        ValueError: the file is damaged.
    """
    tags = _Tags(stream, size)
    return tags.whole(_WIDTH), tags.whole(_HEIGHT)


def segments(stream: Stream, size: int) -> Segments:
    """Return the layout that the first picture's tags give.

    Args:
        stream: of a file that begins as TIFF does.
        size: of the file, in bytes.

    Raises:
        ValueError: it is damaged, or of a kind that isn't read in parts.
    """
    tags = _Tags(stream, size)
    width, height = tags.whole(_WIDTH), tags.whole(_HEIGHT)
    channels, photometric = tags.whole(_CHANNELS, 1), tags.whole(_PHOTOMETRIC, 1)
    if photometric not in (0, 1, 2) or channels not in ((3, 4) if photometric == 2 else (1, 2)):
        raise NotRead(
            f"{channels} channels of the kind {photometric} aren't read in parts; save it as RGB"
        )
    kind = _samples(tags)
    planar = tags.whole(_PLANAR, 1) == 2
    tiled = _TILE_WIDTH in tags.entries
    rows = tags.whole(_TILE_HEIGHT) if tiled else min(height, tags.whole(_ROWS, height))
    columns = tags.whole(_TILE_WIDTH) if tiled else width
    if min(width, height, rows, columns) < 1:
        raise ValueError("it has no pixels")
    extra = tags.whole(_EXTRA, 2)
    compression = tags.whole(_COMPRESSION, _PLAIN)
    found = Segments(
        height=height,
        width=width,
        channels=channels,
        kind=tags.order + kind,
        rows=rows,
        columns=columns,
        offsets=tags.wholes(_TILE_OFFSETS if tiled else _OFFSETS),
        counts=tags.wholes(_TILE_COUNTS if tiled else _COUNTS),
        tiled=tiled,
        unpack=_unpack(compression, pillow_errs=kind[0] == "f" or (planar and channels == 2)),
        predictor=_predictor(tags, kind),
        planar=planar,
        white_is_zero=photometric == 0,
        alpha=channels in (2, 4) and extra != _NO_ALPHA,
        premultiplied=channels in (2, 4) and extra == _PREMULTIPLIED,
        span=_span(tags),
        orientation=tags.whole(_ORIENTATION, 1),
        profile=tags.raw(_PROFILE),
        xmp=tags.raw(_XMP),
    )
    _check(found, size, _COMPRESSIONS[compression][1])
    return found


def _samples(tags: _Tags) -> str:
    """numpy's type of the samples."""
    bits, formats = set(tags.wholes(_BITS, (1,))), set(tags.wholes(_FORMAT, (1,)))
    kind = _SAMPLES.get((min(bits), min(formats)))
    if kind is None or len(bits) != 1 or len(formats) != 1:
        raise NotRead(
            f"samples of {', '.join(map(str, sorted(bits)))} bits aren't read in parts; "
            "save it with 8 or 16"
        )
    return kind


def _unpack(compression: int, *, pillow_errs: bool) -> Unpack:
    if compression not in _COMPRESSIONS:
        raise NotRead(f"compression {compression} isn't read in parts; save it with deflate")
    unpack = _COMPRESSIONS[compression][0]
    try:
        return _by_imagecodecs(unpack) if isinstance(unpack, str) else unpack
    except NotRead as error:
        if pillow_errs:
            raise ValueError(str(error)) from None
        raise


def _predictor(tags: _Tags, kind: str) -> int:
    predictor = tags.whole(_PREDICTOR, 1)
    if predictor not in (1, 3 if kind[0] == "f" else 2):
        raise ValueError(f"its predictor {predictor} isn't read; save it without")
    return predictor


def _span(tags: _Tags) -> tuple[float, float] | None:
    """The lowest and the highest sample, where the tags say both."""
    if _LOWEST not in tags.entries or _HIGHEST not in tags.entries:
        return None
    return min(tags.many(_LOWEST)), max(tags.many(_HIGHEST))


def _check(found: Segments, size: int, most_unpacked: float) -> None:
    wide, high = -(-found.width // found.columns), -(-found.height // found.rows)
    wanted = wide * high * (found.channels if found.planar else 1)
    if not len(found.offsets) == len(found.counts) == wanted:
        raise ValueError(f"it has {len(found.offsets)} parts, but should have {wanted}")
    if any(at + n > size for at, n in zip(found.offsets, found.counts, strict=True)):
        raise ValueError("the file is cut off")
    unpacked = found.height * found.width * found.channels * int(found.kind[-1])
    if sum(found.counts) > size or sum(found.counts) * most_unpacked < unpacked:
        raise ValueError("it says that it is larger than its data can be")
    each = found.rows * found.columns * found.channels * int(found.kind[-1])
    if each > _LARGEST_SEGMENT:
        raise ValueError(f"its parts have {each} bytes each; save it in smaller strips or tiles")


def parts(stream: Stream, how: Segments) -> Iterator[tuple[slice, slice, slice, NDArray[Any]]]:
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
        data = how.unpack(data, wanted)
        if len(data) < wanted:
            raise ValueError("the file is cut off")
        if how.predictor == 3:
            samples = _summed_bytes(data, shape, sample)
        else:
            samples = np.frombuffer(data, sample, wanted // sample.itemsize).reshape(shape)
        if how.predictor == 2:
            samples = np.cumsum(samples, axis=1, dtype=sample.newbyteorder("="))
        first = plane if how.planar else 0
        yield (
            slice(first, first + channels),
            slice(top, top + rows),
            slice(left, left + columns),
            samples[:rows, :columns].transpose(2, 0, 1),
        )


def _summed_bytes(
    data: bytes, shape: tuple[int, int, int], sample: np.dtype[Any]
) -> NDArray[np.floating[Any]]:
    """Undo the predictor of floating-point samples: of each row first all the highest bytes, then
    the next, each stored as its difference from the one at its left.

    Source: Adobe Photoshop TIFF Technical Note 3, 2005.
    """
    rows, columns, channels = shape
    wanted = rows * columns * channels * sample.itemsize
    lines = np.frombuffer(data, np.uint8, wanted).reshape(rows, -1, channels)
    summed = np.cumsum(lines, axis=1, dtype=np.uint8).reshape(rows, sample.itemsize, -1)
    numbers = np.ascontiguousarray(summed.transpose(0, 2, 1)).view(sample.newbyteorder(">"))
    return numbers.reshape(shape)


def decoded(data: bytes) -> tuple[Segments, NDArray[Any]] | None:
    """All samples of a small file, (channels, height, width); None where it isn't read here.

    Raises:
        ValueError: it is damaged.
    """
    stream = io.BytesIO(data)
    try:
        how = segments(stream, len(data))
    except NotRead:
        return None
    samples = np.empty((how.channels, how.height, how.width), np.dtype(how.kind).newbyteorder("="))
    for channels, rows, columns, part in parts(stream, how):
        samples[channels, rows, columns] = part
    return how, samples


def bits(stream: Stream, size: int) -> int:
    """Bits of a sample of the first picture, the most of all channels."""
    return max(_Tags(stream, size).wholes(_BITS, (1,)))


def xmp(stream: Stream, size: int) -> bytes:
    """The XMP packet of the first picture; empty where there is none."""
    return _Tags(stream, size).raw(_XMP)


def pages(stream: Stream, size: int) -> int:
    """Return the number of pictures in the file.

    Raises:
        ValueError: one after the first is damaged.
    """
    tags = _Tags(stream, size)
    found = {tags.place}
    # One that leads back to an earlier page is followed no further.
    while tags.following and tags.following not in found and len(found) < _MOST_PAGES:
        found.add(tags.following)
        tags = _Tags(stream, size, tags.following)
    return len(found)


class _Tags:
    """The tags of a picture: the first, or the one whose tags begin at a byte, its `place`."""

    def __init__(self, stream: Stream, size: int, at: int | None = None) -> None:
        self.stream = stream
        self.size = size
        start = self._read(0, 16)
        self.order = {b"II": "<", b"MM": ">"}[start[:2]]
        (version,) = struct.unpack(self.order + "H", start[2:4])
        self.big = version == 43
        number = "Q" if self.big else "I"
        width = struct.calcsize("=" + number)
        begin = 8 if self.big else 4
        (first,) = struct.unpack(self.order + number, start[begin : begin + width])
        first = self.place = first if at is None else at
        head = "Q" if self.big else "H"
        (count,) = struct.unpack(self.order + head, self._read(first, struct.calcsize("=" + head)))
        if count > _MOST_TAGS:
            raise ValueError(f"it has {count} tags")
        entry = self.order + "HH" + number + f"{width}s"
        each = struct.calcsize("=" + entry[1:])
        place = first + struct.calcsize("=" + head)
        table = self._read(place, each * count)
        # Where the next picture's tags begin; 0 where there is none, or where the file ends.
        end = stream.read(width).ljust(width, b"\0")
        (self.following,) = struct.unpack(self.order + number, end)
        self.entries = {
            tag: (kind, length, value)
            for tag, kind, length, value in struct.iter_unpack(entry, table)
        }

    def whole(self, tag: int, default: int | None = None) -> int:
        return self.wholes(tag, None if default is None else (default,))[0]

    def wholes(self, tag: int, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """The whole numbers of a tag, of which there is at least one."""
        found = self.many(tag, default)
        if not all(type(each) is int for each in found):
            raise ValueError(f"its tag {tag} is damaged")
        return found

    def many(self, tag: int, default: tuple[int, ...] | None = None) -> tuple[Any, ...]:
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
    stream: Stream,
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

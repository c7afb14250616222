"""PNG files at full depth: Pillow reads 16-bit colour as 8 bits and can't write it at all.

Source: Portable Network Graphics (PNG) Specification, third edition, W3C, 2025.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXT_KINDS = frozenset({b"tEXt", b"zTXt", b"iTXt"})

# Of each of Adam7's passes: first row, first column, step of rows, step of columns.
_ADAM7 = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
# Rows that are filtered at once when writing: few enough to stay in a processor's cache.
_BAND = 64


class Header(NamedTuple):
    """The contents of the IHDR chunk."""

    width: int
    height: int
    depth: int
    color_type: int
    interlaced: bool


def chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and contents of each chunk up to IEND.

    Raises:
        ValueError: the file is cut off, or a checksum is wrong.
    """
    view = memoryview(data)
    start = len(SIGNATURE)
    while True:
        if start + 12 > len(data):
            raise ValueError("the file is cut off")
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 8 + length
        if end + 4 > len(data):
            raise ValueError("the file is cut off")
        if struct.unpack_from(">I", data, end)[0] != zlib.crc32(view[start + 4 : end]):
            raise ValueError(f"the checksum of its {kind.decode('latin-1')!r} part is wrong")
        if kind == b"IEND":
            return
        yield kind, view[start + 8 : end]
        start = end + 4


def header(data: bytes) -> Header:
    """Return the contents of the IHDR chunk.

    Raises:
        ValueError: there is none in its place, or it is damaged.
    """
    kind, body = next(chunks(data), (b"", memoryview(b"")))
    if kind != b"IHDR" or len(body) != 13:
        raise ValueError("it has no PNG header")
    width, height, depth, color_type, _, _, interlaced = struct.unpack(">IIBBBBB", body)
    return Header(width, height, depth, color_type, bool(interlaced))


def decode_16_bit(data: bytes) -> tuple[NDArray[np.uint16], tuple[int, ...] | None]:
    """Samples of a file with 16 bits per channel.

    Returns:
        Samples, (height, width, channels), and the colour that stands for "transparent"
        (the tRNS chunk), None without one.

    Raises:
        ValueError: the file is damaged.
    """
    head = header(data)
    if head.depth != 16 or head.color_type not in _CHANNELS:
        raise ValueError("its PNG header is damaged")
    channels = _CHANNELS[head.color_type]
    packed, transparent = bytearray(), None
    for kind, body in chunks(data):
        if kind == b"IDAT":
            packed += body
        elif kind == b"tRNS" and len(body) == 2 * channels and channels in (1, 3):
            transparent = struct.unpack(f">{channels}H", body)
    passes = _ADAM7 if head.interlaced else ((0, 0, 1, 1),)
    sizes = [
        (max(0, -(-(head.height - row) // down)), max(0, -(-(head.width - column) // right)))
        for row, column, down, right in passes
    ]
    size = sum(height * (1 + 2 * channels * width) for height, width in sizes if width)
    raw = inflate(packed, size)
    if len(raw) < size:
        raise ValueError("the file is cut off")
    samples = np.empty((head.height, head.width, channels), np.uint16)
    start = 0
    for (row, column, down, right), (height, width) in zip(passes, sizes, strict=True):
        if height and width:
            end = start + height * (1 + 2 * channels * width)
            lines = np.frombuffer(raw, np.uint8, end - start, start).reshape(height, -1)
            pixels = unfilter(lines, 2 * channels).view(">u2").reshape(height, width, channels)
            samples[row::down, column::right] = pixels
            start = end
    return samples, transparent


def inflate(packed: bytes | bytearray | memoryview, limit: int) -> bytes:
    """Decompress at most `limit` bytes, so that a small file can't fill the memory.

    Raises:
        ValueError: the compressed data is damaged.
    """
    try:
        return zlib.decompressobj().decompress(packed, limit) if limit else b""
    except zlib.error as error:
        raise ValueError(f"its compressed data is damaged ({error})") from None


def unfilter(lines: NDArray[np.uint8], pixel_bytes: int) -> NDArray[np.uint8]:
    """Undo the filters of a PNG file's rows.

    A pixel depends on those to the left, above, and above left. So all the pixels of one
    anti-diagonal can be computed at once, whatever filters their rows have; in a flat list of
    pixels an anti-diagonal is a slice whose step is one less than the length of a row.

    Args:
        lines: (height, 1 + width * pixel_bytes): number of the filter, then bytes.
        pixel_bytes: bytes of one pixel.

    Returns:
        (height, width * pixel_bytes).

    Raises:
        ValueError: a filter that doesn't exist.
    """
    kinds = lines[:, :1].astype(np.intp)
    if kinds.max() > 4:
        raise ValueError(f"it has a row with the unknown filter {kinds.max()}")
    height, width = len(lines), (lines.shape[1] - 1) // pixel_bytes
    # A border of zeros above and to the left stands for the pixels outside.
    bordered = np.zeros((height + 1, width + 1, pixel_bytes), np.uint8)
    bordered[1:, 1:] = lines[:, 1:].reshape(height, width, pixel_bytes)
    pixels = bordered.reshape(-1, pixel_bytes)
    zero = np.zeros((1, pixel_bytes), np.int16)
    for diagonal in range(height + width - 1):
        first, last = max(0, diagonal - width + 1), min(height - 1, diagonal)
        start = (first + 1) * (width + 1) + 1 + diagonal - first
        stop = start + (last - first) * width + 1
        left, above, corner = (
            pixels[start - back : stop - back : width].astype(np.int16)
            for back in (1, width + 1, width + 2)
        )
        predicted = np.choose(
            kinds[first : last + 1],
            (zero, left, above, (left + above) >> 1, _paeth(left, above, corner)),
        )
        pixels[start:stop:width] += predicted.astype(np.uint8)
    return bordered[1:, 1:].reshape(height, -1)


def _paeth(
    left: NDArray[np.int16], above: NDArray[np.int16], corner: NDArray[np.int16]
) -> NDArray[np.int16]:
    """Whichever neighbour is nearest to left + above - corner; ties in that order."""
    to_left, to_above = np.abs(above - corner), np.abs(left - corner)
    to_corner = np.abs(left + above - 2 * corner)
    nearest = np.where(to_above <= to_corner, above, corner)
    return np.where((to_left <= to_above) & (to_left <= to_corner), left, nearest)


def encode(samples: NDArray[Any], job: str | None = None) -> bytes:
    """A PNG file of samples that are sRGB.

    Args:
        samples: uint8 or uint16, (height, width, channels), with 1 to 4 channels.
        job: text for the chunk that `find_text` finds.
    """
    height, width, channels = samples.shape
    depth = 8 * samples.dtype.itemsize
    head = struct.pack(">IIBBBBB", width, height, depth, _COLOR_TYPES[channels], 0, 0, 0)
    rows = np.ascontiguousarray(samples, samples.dtype.newbyteorder(">")).view(np.uint8)
    packer = zlib.compressobj(6)
    rows = rows.reshape(height, -1)
    packed = b"".join(map(packer.compress, _filtered(rows, channels * depth // 8)))
    parts = [_chunk(b"IHDR", head), _chunk(b"sRGB", b"\0")]
    if job is not None:
        # Keyword, then: not compressed, no language, no translated keyword.
        parts.append(_chunk(b"iTXt", b"entoptic\0\0\0\0\0" + job.encode()))
    parts += [_chunk(b"IDAT", packed + packer.flush()), _chunk(b"IEND", b"")]
    return SIGNATURE + b"".join(parts)


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def _filtered(rows: NDArray[np.uint8], pixel_bytes: int) -> Iterator[bytes]:
    """Bands of rows, each row with the filter whose bytes are nearest to zero in sum.

    Source: the specification's chapter 12.7, "Filter selection".
    """
    length = rows.shape[1]
    for start in range(0, len(rows), _BAND):
        # One row more above, and one pixel more to the left: zeros outside the picture.
        band = np.zeros((min(_BAND, len(rows) - start) + 1, length + pixel_bytes), np.int16)
        band[0 if start else 1 :, pixel_bytes:] = rows[max(0, start - 1) : start + _BAND]
        left, above, corner = band[1:, :-pixel_bytes], band[:-1, pixel_bytes:], band[:-1, :length]
        here = band[1:, pixel_bytes:]
        predictions = (0, left, above, (left + above) >> 1, _paeth(left, above, corner))
        candidates = np.stack([(here - guess).astype(np.uint8) for guess in predictions])
        cost = np.abs(candidates.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64)
        best = cost.argmin(axis=0)
        chosen = candidates[best, np.arange(len(best))]
        yield np.hstack([best.astype(np.uint8)[:, None], chosen]).tobytes()


def find_text(data: bytes, keyword: str, limit: int) -> str | None:
    """The text that a file stores under a keyword, compressed or not; None without one.

    Raises:
        ValueError: the file or the text is damaged, or the text has more than `limit` bytes.
    """
    for kind, body in chunks(data):
        if kind in TEXT_KINDS:
            key = keyword.encode("latin-1") + b"\0"
            if body[: len(key)] == key:
                return _text(kind, body[len(key) :], limit)
    return None


def _text(kind: bytes, body: memoryview, limit: int) -> str:
    compressed = kind == b"zTXt"
    if kind == b"iTXt":
        compressed = bytes(body[:1]) == b"\1"
        parts = bytes(body[2:]).split(b"\0", 2)
        if len(parts) != 3:
            raise ValueError("its text is damaged")
        body = memoryview(parts[2])
    elif compressed:
        body = body[1:]
    text = inflate(body, limit + 1) if compressed else bytes(body[: limit + 1])
    if len(text) > limit:
        raise ValueError(f"its text has more than {limit} bytes")
    return text.decode("utf-8" if kind == b"iTXt" else "latin-1")

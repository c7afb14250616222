"""PNG at full depth, against Pillow and against filters written the slow way."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow

from entoptic.images import png

ADAM7 = "1646264677777777565656567777777736463646777777775656565677777777"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def handmade(
    size: tuple[int, int], color_type: int, lines: bytes, *extra: bytes, interlaced: int = 0
) -> bytes:
    """A 16-bit PNG file; size is (height, width)."""
    head = struct.pack(">IIBBBBB", size[1], size[0], 16, color_type, 0, 0, interlaced)
    middle = b"".join(extra)
    data = chunk(b"IDAT", zlib.compress(lines))
    return png.SIGNATURE + chunk(b"IHDR", head) + middle + data + chunk(b"IEND", b"")


def samples_of(seed: int, shape: tuple[int, ...], kind: type = np.uint16) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, np.iinfo(kind).max + 1, shape, dtype=kind)


def unfiltered_slowly(lines: NDArray[np.uint8], pixel_bytes: int) -> NDArray[np.uint8]:
    """The specification's chapter 9.2, one byte at a time."""
    result = np.zeros((len(lines), lines.shape[1] - 1), np.uint8)
    for row, line in enumerate(lines):
        for at in range(lines.shape[1] - 1):
            a = int(result[row, at - pixel_bytes]) if at >= pixel_bytes else 0
            b = int(result[row - 1, at]) if row else 0
            c = int(result[row - 1, at - pixel_bytes]) if row and at >= pixel_bytes else 0
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            guess = (0, a, b, (a + b) // 2, nearest)[line[0]]
            result[row, at] = (int(line[at + 1]) + guess) % 256
    return result


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from([2, 4, 6, 8]), st.integers(0, 99))
def test_all_filters_are_undone_as_the_specification_says(
    height: int, width: int, pixel_bytes: int, seed: int
) -> None:
    lines = samples_of(seed, (height, 1 + width * pixel_bytes), np.uint8)
    lines[:, 0] %= 5
    assert (png.unfilter(lines, pixel_bytes) == unfiltered_slowly(lines, pixel_bytes)).all()


def test_an_unknown_filter_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown filter 5"):
        png.unfilter(np.array([[5, 0, 0]], np.uint8), 2)


@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_every_bit_of_hand_made_samples_is_read(color_type: int, channels: int) -> None:
    expected = samples_of(1, (3, 2, channels))
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in expected)
    samples, transparent = png.decode_16_bit(handmade((3, 2), color_type, lines))
    assert (samples == expected).all()
    assert transparent is None


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 1), (1, 9), (8, 8), (11, 13)])
def test_interlaced_samples_find_their_places(size: tuple[int, int]) -> None:
    expected = samples_of(2, (*size, 1))
    lines = b""
    for number in "1234567":
        for row in range(size[0]):
            columns = [c for c in range(size[1]) if ADAM7[row % 8 * 8 + c % 8] == number]
            if columns:
                lines += b"\0" + expected[row, columns].astype(">u2").tobytes()
    file = handmade(size, 0, lines, interlaced=1)
    with Pillow.open(io.BytesIO(file)) as judge:
        assert (np.asarray(judge) == expected[..., 0]).all()
    assert (png.decode_16_bit(file)[0] == expected).all()


def test_the_transparent_color_is_read() -> None:
    file = handmade((1, 1), 2, b"\0" + b"\1\2\3\4\5\6", chunk(b"tRNS", b"\1\2\3\4\5\6"))
    assert png.decode_16_bit(file)[1] == (0x0102, 0x0304, 0x0506)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 150), st.integers(1, 9), st.integers(1, 4), st.booleans(), st.integers(0, 9))
def test_pillow_reads_what_is_encoded(
    height: int, width: int, channels: int, smooth: bool, seed: int
) -> None:
    samples = samples_of(seed, (height, width, channels), np.uint8)
    if smooth:
        samples = np.sort(samples, axis=0)
    with Pillow.open(io.BytesIO(png.encode(samples))) as judge:
        assert (np.asarray(judge).reshape(samples.shape) == samples).all()
        assert judge.info["srgb"] == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 150), st.integers(1, 9), st.integers(1, 4), st.integers(0, 9))
def test_sixteen_bits_survive_the_round_trip(
    height: int, width: int, channels: int, seed: int
) -> None:
    samples = np.sort(samples_of(seed, (height, width, channels)), axis=0)
    decoded, _ = png.decode_16_bit(png.encode(samples))
    assert (decoded == samples).all()


def test_pillow_reads_16_bit_gray_that_is_encoded() -> None:
    samples = samples_of(4, (5, 7, 1))
    with Pillow.open(io.BytesIO(png.encode(samples))) as judge:
        assert (np.asarray(judge) == samples[..., 0]).all()


def test_a_smooth_picture_is_compressed() -> None:
    rows, columns = np.mgrid[:100, :200]
    ramp = (rows * 100 + columns * 50).astype(np.uint16)[..., None].repeat(3, axis=2)
    assert len(png.encode(ramp)) < ramp.nbytes / 20


def test_too_few_samples_are_told() -> None:
    with pytest.raises(ValueError, match="cut off"):
        png.decode_16_bit(handmade((2, 2), 2, b"\0" * 12))


def test_damaged_compression_is_told() -> None:
    head = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    file = png.SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", b"nonsense") + chunk(b"IEND", b"")
    with pytest.raises(ValueError, match="compressed data is damaged"):
        png.decode_16_bit(file)


def test_a_wrong_checksum_is_told() -> None:
    file = bytearray(png.encode(samples_of(1, (2, 2, 3))))
    file[20] ^= 1
    with pytest.raises(ValueError, match="checksum of its 'IHDR' part is wrong"):
        png.header(bytes(file))


def test_a_file_without_a_header_is_told() -> None:
    with pytest.raises(ValueError, match="no PNG header"):
        png.header(png.SIGNATURE + chunk(b"IDAT", b"") + chunk(b"IEND", b""))


def test_text_is_found_under_its_keyword_only() -> None:
    parts = chunk(b"tEXt", b"entoptic2\0wrong") + chunk(b"tEXt", b"entoptic\0right \xe9")
    file = png.SIGNATURE + parts + chunk(b"IEND", b"")
    assert png.find_text(file, "entoptic", 100) == "right é"
    assert png.find_text(file, "entopti", 100) is None


@pytest.mark.parametrize(
    "part",
    [
        chunk(b"zTXt", b"entoptic\0\0" + zlib.compress(b"text")),
        chunk(b"iTXt", b"entoptic\0\1\0en\0k\0" + zlib.compress(b"text")),
        chunk(b"iTXt", b"entoptic\0\0\0en\0k\0text"),
    ],
)
def test_text_is_found_compressed_or_not(part: bytes) -> None:
    file = png.SIGNATURE + part + chunk(b"IEND", b"")
    assert png.find_text(file, "entoptic", 4) == "text"
    with pytest.raises(ValueError, match="more than 3 bytes"):
        png.find_text(file, "entoptic", 3)


def test_text_that_lacks_its_fields_is_told() -> None:
    file = png.SIGNATURE + chunk(b"iTXt", b"entoptic\0\0\0") + chunk(b"IEND", b"")
    with pytest.raises(ValueError, match="its text is damaged"):
        png.find_text(file, "entoptic", 100)


def test_the_slow_filters_are_right_about_one_pixel() -> None:
    """Paeth of left 10, above 20, corner 15 estimates 15: the corner is nearest."""
    lines = np.array([[0, 15, 20], [4, 251, 7]], np.uint8)
    check: Callable[..., NDArray[np.uint8]]
    for check in (unfiltered_slowly, png.unfilter):
        assert check(lines, 1).tolist() == [[15, 20], [10, 22]]

"""Reading picture files: every kind, by bytes and values known beforehand."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow, ImageCms

from entoptic.errors import BadPicture, BadSetting, EntopticError, PictureNotFound
from entoptic.images import png, read, read_job
from entoptic.images.files import MAX_BYTES

RGB = np.random.default_rng(7).integers(0, 256, (3, 5, 3), dtype=np.uint8)
RGBA = np.random.default_rng(8).integers(0, 256, (3, 5, 4), dtype=np.uint8)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def handmade(
    size: tuple[int, int], depth: int, color_type: int, lines: bytes, *extra: bytes
) -> bytes:
    """A PNG file; size is (height, width)."""
    head = struct.pack(">IIBBBBB", size[1], size[0], depth, color_type, 0, 0, 0)
    middle = b"".join(extra) + chunk(b"IDAT", zlib.compress(lines))
    return png.SIGNATURE + chunk(b"IHDR", head) + middle + chunk(b"IEND", b"")


def saved(image: Pillow.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def values(image: torch.Tensor, top: int = 255) -> NDArray[Any]:
    """(height, width, channels) in whole steps, exactly."""
    steps = (image[0].double() * top).permute(1, 2, 0).numpy()
    assert np.abs(steps - steps.round()).max() < 1e-2
    return steps.round().astype(int)


@pytest.fixture
def put(tmp_path: Path) -> Callable[[bytes], Path]:
    def write_bytes(data: bytes, name: str = "picture") -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write_bytes


def test_a_picture_tells_its_size_its_file_and_the_hash_of_its_bytes(
    put: Callable[..., Path],
) -> None:
    data = saved(Pillow.fromarray(RGB), "PNG")
    path = put(data)
    picture = read(str(path))
    assert (picture.height, picture.width) == (3, 5)
    assert picture.path == path
    assert picture.sha256 == hashlib.sha256(data).hexdigest()
    assert picture.notes == ()
    assert picture.image.dtype == torch.float32
    assert picture.image.is_contiguous()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
        ("WEBP", {"lossless": True}),
        ("PPM", {}),
    ],
)
def test_colors_are_exact_in_every_lossless_kind(
    put: Callable[..., Path], kind: str, options: dict[str, Any]
) -> None:
    path = put(saved(Pillow.fromarray(RGB), kind, **options))
    if kind == "PPM":
        with pytest.raises(BadPicture, match="is not a picture"):
            read(path)
        return
    picture = read(path)
    assert (values(picture.image) == RGB).all()
    assert picture.alpha is None


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"exact": True})]
)
def test_transparent_pixels_keep_their_colors(
    put: Callable[..., Path], kind: str, options: dict[str, Any]
) -> None:
    rgba = RGBA.copy()
    rgba[0, :2, 3] = 0
    if kind == "WEBP":
        options["lossless"] = True
    picture = read(put(saved(Pillow.fromarray(rgba), kind, **options)))
    assert (values(picture.image) == rgba[..., :3]).all()
    assert picture.alpha is not None
    assert (values(picture.alpha) == rgba[..., 3:]).all()


def test_a_jpeg_of_one_color_is_that_color(put: Callable[..., Path]) -> None:
    picture = read(put(saved(Pillow.new("RGB", (9, 6), (200, 100, 50)), "JPEG", quality=98)))
    assert picture.image.shape == (1, 3, 6, 9)
    assert np.abs(values(picture.image) - (200, 100, 50)).max() <= 2


def test_one_bit_becomes_black_and_white(put: Callable[..., Path]) -> None:
    picture = read(put(handmade((2, 3), 1, 0, b"\0\xa0\0\x40")))
    assert values(picture.image)[..., 1].tolist() == [[255, 0, 255], [0, 255, 0]]


def test_gray_becomes_three_equal_channels(put: Callable[..., Path]) -> None:
    picture = read(put(handmade((1, 3), 8, 0, b"\0\x00\x33\xff")))
    assert values(picture.image).tolist() == [[[0] * 3, [51] * 3, [255] * 3]]
    assert picture.image.is_contiguous()


def test_gray_with_alpha_is_taken_apart(put: Callable[..., Path]) -> None:
    picture = read(put(handmade((1, 2), 8, 4, b"\0\x33\x00\x66\x80")))
    assert values(picture.image)[..., 2].tolist() == [[51, 102]]
    assert picture.alpha is not None
    assert values(picture.alpha)[..., 0].tolist() == [[0, 128]]


@pytest.mark.parametrize(
    ("depth", "line", "transparent", "gray"),
    [
        (1, b"\x40", b"\0\1", [0, 255]),
        (2, b"\x70", b"\0\1", [85, 255]),
        (4, b"\x5a", b"\0\5", [85, 170]),
    ],
)
def test_the_transparent_gray_is_scaled_like_the_others(
    put: Callable[..., Path], depth: int, line: bytes, transparent: bytes, gray: list[int]
) -> None:
    file = handmade((1, 2), depth, 0, b"\0" + line, chunk(b"tRNS", transparent))
    picture = read(put(file))
    assert values(picture.image)[0, :, 0].tolist() == gray
    assert picture.alpha is not None
    expected = [255, 0] if depth == 1 else [0, 255]
    assert values(picture.alpha)[0, :, 0].tolist() == expected


def test_one_transparent_color_makes_alpha(put: Callable[..., Path]) -> None:
    file = handmade((1, 2), 8, 2, b"\0\1\2\3\4\5\6", chunk(b"tRNS", b"\0\4\0\5\0\6"))
    picture = read(put(file))
    assert values(picture.image).tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert picture.alpha is not None
    assert values(picture.alpha)[0, :, 0].tolist() == [255, 0]


@pytest.mark.parametrize("transparency", [b"\xff\x00", b"\x80\x10"])
def test_a_palette_gives_colors_and_alpha(put: Callable[..., Path], transparency: bytes) -> None:
    palette = chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60, 70, 80, 90]))
    file = handmade((1, 3), 2, 3, b"\0\x18", palette, chunk(b"tRNS", transparency))
    picture = read(put(file))
    assert values(picture.image).tolist() == [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    assert picture.alpha is not None
    assert values(picture.alpha)[0, :, 0].tolist() == [*transparency, 255]


@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bit_png_is_read_to_the_last_bit(
    put: Callable[..., Path], color_type: int, channels: int
) -> None:
    samples = np.random.default_rng(1).integers(0, 65536, (3, 4, channels))
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    picture = read(put(handmade((3, 4), 16, color_type, lines)))
    assert picture.notes == ("16 bits per channel",)
    colors = 1 if channels < 3 else 3
    expected = np.broadcast_to(samples[..., :colors], (3, 4, 3))
    assert (values(picture.image, 65535) == expected).all()
    assert (picture.alpha is not None) == (channels in (2, 4))
    if picture.alpha is not None:
        assert (values(picture.alpha, 65535) == samples[..., -1:]).all()


def test_the_transparent_16_bit_color_is_compared_to_the_last_bit(
    put: Callable[..., Path],
) -> None:
    line = b"\0\x12\x34\x12\x35"
    picture = read(put(handmade((1, 2), 16, 0, line, chunk(b"tRNS", b"\x12\x34"))))
    assert picture.alpha is not None
    assert values(picture.alpha)[0, :, 0].tolist() == [0, 255]


def test_16_bit_gray_tiff_keeps_its_depth(put: Callable[..., Path]) -> None:
    samples = np.array([[0, 1, 257], [4660, 65534, 65535]], np.uint16)
    picture = read(put(saved(Pillow.fromarray(samples), "TIFF")))
    assert (values(picture.image, 65535)[..., 0] == samples).all()
    assert picture.notes == ("16 bits per channel",)


def test_16_bit_gray_tiff_may_count_from_white(put: Callable[..., Path]) -> None:
    samples = np.array([[0, 1, 65535]], np.uint16)
    picture = read(put(saved(Pillow.fromarray(samples), "TIFF", tiffinfo={262: 0})))
    assert (values(picture.image, 65535)[..., 0] == 65535 - samples).all()


def test_16_bit_color_tiff_keeps_its_depth(put: Callable[..., Path]) -> None:
    pixel = struct.pack("<3H", 0x1234, 0x8000, 0xFFFF)
    entries = [(256, 4, 1), (257, 4, 1), (258, 3, 3), (259, 3, 1), (262, 3, 2)]
    entries += [(273, 4, 200), (277, 3, 3), (278, 4, 1), (279, 4, 6)]
    directory = b"".join(
        struct.pack("<HHII", tag, kind, 3 if tag == 258 else 1, 190 if tag == 258 else value)
        for tag, kind, value in entries
    )
    file = b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + b"\0" * 4
    file = file.ljust(190, b"\0") + struct.pack("<3H", 16, 16, 16)
    picture = read(put(file.ljust(200, b"\0") + pixel))
    assert values(picture.image, 65535).tolist() == [[[0x1234, 0x8000, 0xFFFF]]]
    assert picture.notes == ("16 bits per channel",)


def test_a_float_tiff_is_taken_as_it_is(put: Callable[..., Path]) -> None:
    samples = np.array([[0, 0.125, 1]], np.float32)
    picture = read(put(saved(Pillow.fromarray(samples), "TIFF")))
    assert (picture.image[0, 2].numpy() == samples).all()


@pytest.mark.parametrize("wrong", [2.0, -0.5, float("nan")])
def test_a_float_tiff_of_another_range_is_refused(put: Callable[..., Path], wrong: float) -> None:
    samples = np.array([[0, wrong]], np.float32)
    with pytest.raises(BadPicture, match=r"has numbers from .* must lie in 0 to 1; if"):
        read(put(saved(Pillow.fromarray(samples), "TIFF")))


def test_whole_numbers_of_unknown_range_are_refused(put: Callable[..., Path]) -> None:
    image = Pillow.fromarray(np.array([[0, 70000]], np.int32))
    with pytest.raises(BadPicture, match=r"32 bits, .* no known range; .*span=\(0, 4095\)"):
        read(put(saved(image, "TIFF")))


def test_cmyk_without_a_profile_is_mixed_plainly(put: Callable[..., Path]) -> None:
    inks = np.array([[[0, 255, 255, 0], [255, 0, 0, 0], [0, 0, 0, 255], [0] * 4]], np.uint8)
    picture = read(put(saved(Pillow.fromarray(inks, "CMYK"), "TIFF")))
    assert values(picture.image).tolist() == [[[255, 0, 0], [0, 255, 255], [0] * 3, [255] * 3]]
    assert picture.notes == ("CMYK without a colour profile converted to sRGB",)


def test_cmyk_jpeg_is_not_inverted(put: Callable[..., Path]) -> None:
    image = Pillow.new("CMYK", (8, 16), (0, 255, 255, 0))
    picture = read(put(saved(image, "JPEG", quality=98)))
    assert np.abs(values(picture.image) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_pictures_are_turned_upright(put: Callable[..., Path], kind: str, orientation: int) -> None:
    # Where the stored top left pixel belongs when shown: (row from the end, column from the end).
    corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0)} | {
        5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)
    }  # fmt: skip
    stored = np.zeros((16, 24, 3), np.uint8)
    stored[:8, :8] = 255
    stored[:8, 16:] = 128
    exif = Pillow.Exif()
    exif[274] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    picture = read(put(saved(Pillow.fromarray(stored), kind, exif=exif, **options)))
    shown = values(picture.image)[..., 0]
    assert shown.shape == ((16, 24) if orientation < 5 else (24, 16))
    assert shown[corner[orientation]] > 250
    # The grey corner is at the other end of the stored row.
    row, column = corner[orientation]
    other = (row, -1 - column) if orientation < 5 else (-1 - row, column)
    assert abs(shown[other] - 128) < 5


def test_alpha_and_16_bits_are_turned_too(put: Callable[..., Path]) -> None:
    exif = Pillow.Exif()
    exif[274] = 6
    samples = np.arange(24, dtype=np.uint16).reshape(2, 3, 4) * 1000
    file = png.encode(samples)
    with_exif = file[:33] + chunk(b"eXIf", exif.tobytes()[6:]) + file[33:]
    picture = read(put(with_exif))
    turned = np.rot90(samples, -1)
    assert (values(picture.image, 65535) == turned[..., :3]).all()
    assert picture.alpha is not None
    assert (values(picture.alpha, 65535) == turned[..., 3:]).all()


def test_damaged_exif_is_a_note(put: Callable[..., Path]) -> None:
    damaged = b"Exif\0\0neither of the two byte orders"
    picture = read(put(saved(Pillow.fromarray(RGB), "WEBP", lossless=True, exif=damaged)))
    assert (values(picture.image) == RGB).all()
    assert picture.notes == ("its EXIF data are damaged, so it may lie on its side",)


@pytest.mark.parametrize(
    ("kind", "noun"), [("GIF", "frames"), ("PNG", "frames"), ("WEBP", "frames"), ("TIFF", "pages")]
)
def test_the_first_of_several_is_read_and_said(
    put: Callable[..., Path], kind: str, noun: str
) -> None:
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    first, *others = (Pillow.new("RGB", (6, 4), color) for color in colors)
    lossless = {"lossless": True} if kind == "WEBP" else {}
    picture = read(put(saved(first, kind, save_all=True, append_images=others, **lossless)))
    assert np.abs(values(picture.image) - (255, 0, 0)).max() == 0
    assert picture.notes == (f"first of 3 {noun}",)


def test_a_damaged_second_page_is_only_a_note(put: Callable[..., Path]) -> None:
    page = Pillow.fromarray(RGB)
    first, both = (
        saved(page, "TIFF", save_all=True, append_images=others) for others in ([], [page])
    )
    picture = read(put(both[: len(first) + 4]))
    assert (values(picture.image) == RGB).all()
    assert picture.notes == ("first of several pages, some of them damaged",)


# Colour profiles, built by hand.


def profile(space: bytes, tags: dict[bytes, bytes], name: str = "hand made") -> bytes:
    """An ICC profile of version 2.4.

    Source: ICC.1:2001-04, chapters 6.1 (header), 6.2 (tag table), 6.5 (tag types).
    """
    text = name.encode() + b"\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 78,
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        **tags,
    }
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for key, value in tags.items():
        body += b"\0" * (-len(body) % 4)
        table += key + struct.pack(">II", start + len(body), len(value))
        body += value
    connection = b"Lab " if b"A2B0" in tags else b"XYZ "
    header = struct.pack(">I", start + len(body)) + b"\0" * 4 + b"\x02\x40\0\0"
    header += (b"prtr" if space == b"CMYK" else b"mntr") + space + connection
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    header += xyz(0.9642, 1.0, 0.8249)[8:]
    return header.ljust(128, b"\0") + table + body


def xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in (x, y, z)))


def gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


# Columns of sRGB's matrix to D50, from the ICC's sRGB profile.
PRIMARIES = (
    xyz(0.43607, 0.22249, 0.01392),
    xyz(0.38515, 0.71687, 0.09708),
    xyz(0.14307, 0.06061, 0.71410),
)


def rgb_profile(curve: bytes, order: str = "rgb", name: str = "hand made") -> bytes:
    tags = {
        f"{key}XYZ".encode(): PRIMARIES["rgb".index(key_of)]
        for key, key_of in zip(order, "rgb", strict=True)
    }
    return profile(b"RGB ", {**tags, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}, name)


def to_srgb(linear: NDArray[Any]) -> NDArray[Any]:
    """Source: IEC 61966-2-1, the transfer curve of sRGB."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_linear_colors_are_brought_to_the_curve_of_srgb(put: Callable[..., Path]) -> None:
    icc = rgb_profile(gamma(1.0), name="linear light")
    picture = read(put(saved(Pillow.fromarray(RGB), "PNG", icc_profile=icc)))
    assert np.abs(values(picture.image) - to_srgb(RGB / 255) * 255).max() <= 1
    assert picture.notes == ("colour profile 'linear light' converted to sRGB",)


def test_swapped_primaries_are_swapped_back(put: Callable[..., Path]) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = icc.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    picture = read(put(saved(Pillow.fromarray(RGB), "PNG", icc_profile=swapped)))
    assert np.abs(values(picture.image) - RGB[..., [1, 0, 2]]).max() <= 1


def test_an_srgb_profile_changes_nothing_and_is_not_mentioned(put: Callable[..., Path]) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = read(put(saved(Pillow.fromarray(RGB), "PNG", icc_profile=icc)))
    assert (values(picture.image) == RGB).all()
    assert picture.notes == ()


def test_16_bits_survive_an_srgb_profile(put: Callable[..., Path]) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    samples = np.arange(18, dtype=np.uint16).reshape(2, 3, 3) * 3001
    file = png.encode(samples)
    packed = chunk(b"iCCP", b"x\0\0" + zlib.compress(icc))
    picture = read(put(file[:33] + packed + file[33:]))
    assert (values(picture.image, 65535) == samples).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_with_another_profile_are_converted_at_8(
    put: Callable[..., Path], channels: int
) -> None:
    curve = gamma(1.0)
    icc = rgb_profile(curve) if channels == 3 else profile(b"GRAY", {b"kTRC": curve})
    samples = np.linspace(0, 65535, 6 * channels).astype(np.uint16).reshape(2, 3, channels)
    file = png.encode(samples)
    picture = read(put(file[:33] + chunk(b"iCCP", b"x\0\0" + zlib.compress(icc)) + file[33:]))
    expected = to_srgb((samples / 65535 * 255).round() / 255) * 255
    assert np.abs(values(picture.image) - expected).max() <= 1
    assert picture.notes == (
        "16 bits per channel read as 8 for the sake of its colour profile",
        "colour profile 'hand made' converted to sRGB",
    )


def test_a_gray_profile_is_applied_to_gray(put: Callable[..., Path]) -> None:
    gray = np.array([[0, 64, 128, 255]], np.uint8)
    icc = profile(b"GRAY", {b"kTRC": gamma(1.0)})
    picture = read(put(saved(Pillow.fromarray(gray), "PNG", icc_profile=icc)))
    assert np.abs(values(picture.image)[..., 1] - to_srgb(gray / 255) * 255).max() <= 1


def test_a_color_profile_is_applied_to_gray(put: Callable[..., Path]) -> None:
    gray = np.array([[0, 64, 128, 255]], np.uint8)
    icc = rgb_profile(gamma(1.0))
    picture = read(put(saved(Pillow.fromarray(gray), "PNG", icc_profile=icc)))
    assert np.abs(values(picture.image)[..., 1] - to_srgb(gray / 255) * 255).max() <= 1


def test_alpha_is_left_out_of_the_profile(put: Callable[..., Path]) -> None:
    icc = rgb_profile(gamma(1.0))
    picture = read(put(saved(Pillow.fromarray(RGBA), "PNG", icc_profile=icc)))
    assert np.abs(values(picture.image) - to_srgb(RGBA[..., :3] / 255) * 255).max() <= 1
    assert picture.alpha is not None
    assert (values(picture.alpha) == RGBA[..., 3:]).all()


def test_a_cmyk_profile_is_applied(put: Callable[..., Path]) -> None:
    """A press whose cyan ink is white and whose other inks do nothing on its black paper."""
    grid = b"".join(bytes([255 if corner & 8 else 0, 128, 128]) for corner in range(16))
    matrix = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + grid + ramp * 3
    icc = profile(b"CMYK", {b"A2B0": table}, "odd press")
    inks = np.array([[[255, 0, 0, 0], [0, 0, 0, 0], [255, 255, 0, 255]]], np.uint8)
    picture = read(put(saved(Pillow.fromarray(inks, "CMYK"), "TIFF", icc_profile=icc)))
    assert np.abs(values(picture.image)[0, :, 1] - [255, 0, 255]).max() <= 1
    assert picture.notes == ("colour profile 'odd press' converted to sRGB",)


def test_a_broken_profile_is_a_note(put: Callable[..., Path]) -> None:
    picture = read(put(saved(Pillow.fromarray(RGB), "PNG", icc_profile=b"nonsense" * 40)))
    assert (values(picture.image) == RGB).all()
    assert picture.notes == ("its colour profile is damaged, so it was left aside",)


def test_a_profile_of_another_kind_is_a_note(put: Callable[..., Path]) -> None:
    icc = profile(b"GRAY", {b"kTRC": gamma(1.0)})
    picture = read(put(saved(Pillow.fromarray(RGB), "PNG", icc_profile=icc)))
    assert (values(picture.image) == RGB).all()
    assert picture.notes == (
        "colour profile 'hand made' is for GRAY colours, not RGB, so it was left aside",
    )


# Files that can't be read.


def test_what_is_no_picture_is_not_proposed(tmp_path: Path) -> None:
    (tmp_path / "cta.py").write_text("")
    with pytest.raises(PictureNotFound, match=r"no picture .*; check the name and the folder"):
        read(tmp_path / "cta.png")


def test_a_missing_file_is_named_with_the_nearest(put: Callable[..., Path]) -> None:
    path = put(saved(Pillow.fromarray(RGB), "PNG"), "cat.png")
    with pytest.raises(PictureNotFound, match=r"no picture '.*cta\.png'; did you mean 'cat\.png'"):
        read(path.with_name("cta.png"))


@pytest.mark.parametrize("name", ["nowhere/cat.png", "cat.png/x.png"])
def test_a_missing_folder_is_told(put: Callable[..., Path], name: str) -> None:
    path = put(b"", "cat.png").parent / name
    with pytest.raises(PictureNotFound, match=r"no picture .*; check the name and the folder"):
        read(path)


@pytest.mark.parametrize("name", ["nul\0byte", "x" * 300])
def test_an_impossible_name_is_told_on_one_line(name: str) -> None:
    with pytest.raises(PictureNotFound, match=r"can't be opened \(.*\); check its name"):
        read(name)


def test_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(PictureNotFound, match="is a folder; name one picture file in it"):
        read(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_a_pipe_is_told_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PictureNotFound, match="is a device or a pipe"):
        read(tmp_path / "pipe")


def test_a_file_that_may_not_be_read_is_told(
    put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(b"x")

    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PictureNotFound, match=r"can't be opened \(Permission denied\); check"):
        read(path)


def test_an_empty_file_is_told(put: Callable[..., Path]) -> None:
    with pytest.raises(BadPicture, match=r"is empty \(0 bytes\); get the file again"):
        read(put(b""))


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.png").open("wb") as stream:
        stream.write(png.SIGNATURE)
        stream.truncate(MAX_BYTES + 1)
    with pytest.raises(BadPicture, match="more than the limit of 1073741824; shrink it first"):
        read(tmp_path / "huge.png")


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "looks like a video"),
        (b"%PDF-1.7 \xff", "looks like a PDF document"),
        (b"PK\x03\x04\x14\0", "looks like a ZIP archive"),
        (b"  <svg xmlns=''>", "looks like an SVG drawing"),
        (b"<!doctype html><html>", "looks like a web page"),
        (b"hello, world\n", "looks like a text"),
        (b"\x01\x02\x03\x04\x05", "is not a picture"),
    ],
)
def test_what_is_not_a_picture_is_told_with_its_first_bytes(
    put: Callable[..., Path], data: bytes, looks: str
) -> None:
    with pytest.raises(BadPicture, match=rf"{looks}.* \(it begins with b.*\); convert it to PNG"):
        read(put(data))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"])
def test_half_a_file_is_told(put: Callable[..., Path], kind: str) -> None:
    data = saved(Pillow.fromarray(np.tile(RGB, (20, 20, 1))), kind)
    shown = "WebP" if kind == "WEBP" else kind
    with pytest.raises(BadPicture, match=rf"can't be read as {shown} \(.+\); get the file again"):
        read(put(data[: len(data) // 2]))


def test_half_a_16_bit_file_is_told(put: Callable[..., Path]) -> None:
    data = png.encode(np.arange(3000, dtype=np.uint16).reshape(20, 50, 3))
    with pytest.raises(BadPicture, match=r"can't be read as PNG \(.+\); get the file again"):
        read(put(data[: len(data) // 2]))


def test_a_picture_without_pixels_is_told(put: Callable[..., Path]) -> None:
    with pytest.raises(BadPicture, match="can't be read as PNG"):
        read(put(handmade((0, 5), 8, 2, b"")))


def test_a_decompression_bomb_is_refused_by_its_header(put: Callable[..., Path]) -> None:
    file = handmade((30000, 20000), 8, 2, b"\0" * 1000)
    with pytest.raises(
        BadPicture,
        match=r"is 20000 x 30000, 600\.0 megapixels, more than the limit of 100; shrink it first",
    ):
        read(put(file))


def test_a_picture_beyond_pillows_own_limit_is_told(
    put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(saved(Pillow.fromarray(RGB), "TIFF", compression="jpeg"))
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 4)
    with pytest.raises(BadPicture, match=r"is too large \(Image size \(15 pixels\).*; shrink it"):
        read(path)


def test_the_limit_can_be_moved(put: Callable[..., Path]) -> None:
    path = put(saved(Pillow.fromarray(RGB), "PNG"))
    assert read(path, max_pixels=15).width == 5
    with pytest.raises(BadPicture, match=r"more than the limit of 1\.4e-05; shrink"):
        read(path, max_pixels=14)
    with pytest.raises(BadSetting, match="max pixels is 0; it must be a whole number of"):
        read(path, max_pixels=0)


def test_pillows_own_limit_is_neither_needed_nor_changed(
    put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(saved(Pillow.fromarray(RGB), "PNG"))
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 4)
    assert read(path).width == 5
    assert Pillow.MAX_IMAGE_PIXELS == 4


def test_a_bomb_in_a_text_is_refused(put: Callable[..., Path]) -> None:
    bomb = chunk(b"zTXt", b"x\0\0" + zlib.compress(b"a" * (32 << 20)))
    with pytest.raises(BadPicture, match="can't be read as PNG"):
        read(put(handmade((1, 1), 8, 0, b"\0\0", bomb)))


@cache
def samples_of_all_kinds() -> list[bytes]:
    rgb, rgba = Pillow.fromarray(RGB), Pillow.fromarray(RGBA)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Pillow.Exif()
    exif[274] = 6
    tagged: dict[str, Any] = {"icc_profile": icc, "exif": exif}
    return [
        saved(rgb, "PNG", **tagged),
        saved(rgba.quantize(8), "PNG"),
        png.encode(RGBA.astype(np.uint16) * 257, "a job"),
        saved(rgb, "PNG", save_all=True, append_images=[rgb.rotate(90)]),
        saved(rgb, "JPEG", **tagged),
        saved(rgb.convert("CMYK"), "JPEG", progressive=True),
        saved(rgba, "WEBP", **tagged),
        saved(rgb, "WEBP", save_all=True, append_images=[rgb.rotate(90)]),
        saved(rgb, "TIFF", **tagged),
        saved(rgb.convert("L"), "TIFF", save_all=True, append_images=[rgb]),
        saved(rgb.quantize(8), "GIF", save_all=True, append_images=[rgb.quantize(4)]),
        saved(rgb, "BMP"),
    ]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged") / "picture"


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damaged_files_are_read_or_refused_but_never_crash(
    scratch: Path, data: st.DataObject
) -> None:
    file = bytearray(data.draw(st.sampled_from(samples_of_all_kinds())))
    changes = data.draw(
        st.lists(st.tuples(st.integers(0, len(file) - 1), st.integers(0, 255)), max_size=8)
    )
    for place, byte in changes:
        file[place] = byte
    scratch.write_bytes(file[: data.draw(st.integers(0, len(file)))])
    messages = []
    for attempt in (lambda: read(scratch, max_pixels=100_000).image, lambda: read_job(scratch)):
        try:
            result = attempt()
            assert isinstance(result, str) or bool(((result >= 0) & (result <= 1)).all())
        except EntopticError as error:
            messages.append(str(error))
    assert "\n" not in "".join(messages)

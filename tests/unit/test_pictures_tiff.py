"""TIFF files of every layout: another program writes them, and its numbers are the judge."""

from __future__ import annotations

import io
import itertools
import struct
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from entoptic.errors import BadPicture
from entoptic.images import read, tiff

imagecodecs = pytest.importorskip("imagecodecs", reason="needs the package imagecodecs")

HEIGHT, WIDTH = 21, 35
# photometric, channels, what the extra channel is
COLORS: dict[str, tuple[str, int, list[str]]] = {
    "grey": ("minisblack", 1, []),
    "white is zero": ("miniswhite", 1, []),
    "grey with alpha": ("minisblack", 2, ["unassalpha"]),
    "colour": ("rgb", 3, []),
    "colour with alpha": ("rgb", 4, ["unassalpha"]),
    "colour times alpha": ("rgb", 4, ["assocalpha"]),
    "colour and one more": ("rgb", 4, ["unspecified"]),
}
COMPRESSIONS: list[tuple[str | None, bool]] = [
    *((name, False) for name in (None, "zlib", "lzw", "packbits", "lzma", "zstd")),
    *((name, True) for name in ("zlib", "lzw")),
]


def samples(channels: int, kind: str) -> NDArray[Any]:
    random = np.random.default_rng(0)
    shape = (HEIGHT, WIDTH, channels)
    if kind[0] == "f":
        return random.random(shape).astype(kind)
    return random.integers(0, np.iinfo(kind).max, shape, kind, endpoint=True)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("colors", COLORS)
def test_every_layout_is_read_to_the_last_bit(tmp_path: Path, colors: str, planar: str) -> None:
    photometric, channels, extra = COLORS[colors]
    if channels == 1 and planar == "separate":
        pytest.skip("one channel lies in one plane")
    path = tmp_path / "picture.tif"
    for kind, (packed, predictor), tile, order, big in itertools.product(
        ("u1", "u2", "f2", "f4", "f8"), COMPRESSIONS, (None, (16, 16)), "<>", (False, True)
    ):
        values = samples(channels, kind)
        top = 1 if kind[0] == "f" else np.iinfo(kind).max
        if extra == ["assocalpha"]:
            values[..., 3] = top
        stored = values if planar == "contig" else np.moveaxis(values, -1, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of codecs that other programs may not know
            tifffile.imwrite(
                path,
                stored if channels > 1 else values[..., 0],
                photometric=photometric,
                planarconfig=planar if channels > 1 else None,
                extrasamples=extra or None,
                compression=packed,
                predictor=predictor or None,
                tile=tile,
                rowsperstrip=None if tile else 8,
                byteorder=order,  # type: ignore[arg-type]
                bigtiff=big,
            )
        picture = read(path)
        wanted = (values / top).astype(np.float32) if kind[0] != "f" else values.astype(np.float32)
        color = wanted[..., : 3 if channels > 2 else 1]
        color = 1 - color if photometric == "miniswhite" else color
        found = picture.image[0].permute(1, 2, 0).numpy()
        case = f"{kind} {packed} {predictor} {tile} {order} {big}"
        np.testing.assert_allclose(*np.broadcast_arrays(found, color), atol=2e-7, err_msg=case)  # type: ignore[call-overload]
        if channels in (2, 4) and extra != ["unspecified"]:
            assert picture.alpha is not None
            np.testing.assert_allclose(picture.alpha[0, 0], wanted[..., -1], atol=2e-7)
        else:
            assert picture.alpha is None


def test_colors_that_were_multiplied_by_alpha_are_divided_by_it(tmp_path: Path) -> None:
    stored = np.array([[[50, 25, 0, 100], [0, 0, 0, 0], [255, 7, 1, 255]]], np.uint16)
    path = tmp_path / "picture.tif"
    tifffile.imwrite(path, stored, photometric="rgb", extrasamples=["assocalpha"])
    found = read(path).image[0].permute(1, 2, 0).numpy() * 65535
    assert found.round().tolist() == [[[32768, 16384, 0], [0, 0, 0], [65535, 1799, 257]]]


@pytest.mark.parametrize("kind", ["u4", "i2", "i4", "f4"])
def test_a_range_that_is_stated_is_used(tmp_path: Path, kind: str) -> None:
    stored = np.array([[100, 150, 300]], kind)
    path = tmp_path / "picture.tif"
    tifffile.imwrite(path, stored, photometric="minisblack")
    with pytest.raises(BadPicture, match="say"):
        read(path)
    assert read(path, span=(100, 300)).image[0, 0].tolist() == [[0, 0.25, 1]]
    with pytest.raises(BadPicture, match="from 100 to 300, but they must lie in 0 to 200"):
        read(path, span=(0, 200))


def test_a_range_that_the_tags_state_is_used(tmp_path: Path) -> None:
    path = tmp_path / "picture.tif"
    limits = [(340, 11, 1, -1.0, True), (341, 11, 1, 3.0, True)]
    tifffile.imwrite(
        path, np.array([[-1, 0, 3]], np.float32), photometric="minisblack", extratags=limits
    )
    picture = read(path)
    assert picture.image[0, 0].tolist() == [[0, 0.25, 1]]
    assert picture.notes == ("floating-point numbers from -1 to 3 taken as sRGB",)


def test_without_the_extra_nothing_is_read_wrongly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eight, planes = samples(3, "u1"), samples(2, "u1")
    tifffile.imwrite(tmp_path / "eight.tif", eight, photometric="rgb", compression="lzw")
    tifffile.imwrite(
        tmp_path / "planes.tif",
        np.moveaxis(planes, -1, 0),
        photometric="minisblack",
        planarconfig="separate",
        extrasamples=["unassalpha"],
        compression="lzw",
    )
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    assert (
        read(tmp_path / "eight.tif").image[0].permute(1, 2, 0) * 255
    ).round().int().tolist() == (eight.tolist())
    with pytest.raises(BadPicture, match="lzw compression needs the 'pictures' extra"):
        read(tmp_path / "planes.tif")


def test_pages_that_lead_back_to_each_other_are_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    with tifffile.TiffWriter(path) as writer:
        for _ in range(3):
            writer.write(np.zeros((5, 7), np.uint8), photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as file:
        places = [page.offset for page in file.pages]
    for last, leads_to, count in ((2, 0, 3), (2, 1, 3), (2, 2, 3), (1, 0, 2), (0, 0, 1)):
        data = bytearray(path.read_bytes())
        (tags,) = struct.unpack_from("<H", data, places[last])
        struct.pack_into("<I", data, places[last] + 2 + 12 * tags, places[leads_to])
        assert tiff.pages(io.BytesIO(data), len(data)) == count


@pytest.mark.parametrize("name", ["lzw", "lzma"])
def test_packed_data_becomes_no_more_than_the_picture_needs(name: str) -> None:
    bomb = getattr(imagecodecs, f"{name}_encode")(bytes(10**6))
    assert tiff._by_imagecodecs(name)(bomb, 100) == bytes(100)


def test_a_decompressor_that_refuses_more_tells_of_damage() -> None:
    with pytest.raises(ValueError, match="compressed data is damaged"):
        tiff._by_imagecodecs("zstd")(imagecodecs.zstd_encode(bytes(10**6)), 100)

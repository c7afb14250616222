"""Large TIFF files, read and written in parts; another program's reader and writer is the judge."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image as Pillow

from entoptic.errors import BadPicture, EntopticError, NoJob
from entoptic.images import Picture, large, read, read_job, reading, write, writing


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (reading, writing):
        monkeypatch.setattr(module, "MAX_PIXELS", 10)


def samples(*shape: int, kind: Any = np.uint8) -> np.ndarray[Any, Any]:
    top = np.iinfo(kind).max
    return np.random.default_rng(0).integers(0, top, shape, kind, endpoint=True)


KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "strips": (samples(37, 53, 3), {"rowsperstrip": 8}),
    "one strip": (samples(37, 53, 3), {}),
    "tiles": (samples(37, 53, 3), {"tile": (16, 32)}),
    "BigTIFF": (samples(37, 53, 3), {"bigtiff": True, "tile": (16, 16)}),
    "the other order of bytes": (
        samples(37, 53, 3, kind=np.uint16), {"byteorder": ">", "rowsperstrip": 5},
    ),
    "deflated": (samples(37, 53, 3), {"compression": "zlib", "rowsperstrip": 8}),
    "deflated tiles": (samples(37, 53, 3), {"compression": "zlib", "tile": (16, 16)}),
    "planes": (samples(3, 37, 53), {"planarconfig": "separate", "rowsperstrip": 8}),
    "planes in tiles": (samples(3, 37, 53), {"planarconfig": "separate", "tile": (16, 16)}),
    "grey": (samples(37, 53), {"rowsperstrip": 8}),
    "white is zero": (samples(37, 53), {"photometric": "miniswhite"}),
    "16 bits": (samples(37, 53, 3, kind=np.uint16), {"tile": (16, 16)}),
    "floating point": ((samples(37, 53, 3) / 255).astype(np.float32), {"rowsperstrip": 8}),
}  # fmt: skip


def saved(path: Path, values: Any, how: dict[str, Any]) -> Path:
    color = "minisblack" if values.ndim == 2 else "rgb"
    tifffile.imwrite(path, values, **({"photometric": color} | how))
    return path


def expected(values: Any, how: dict[str, Any]) -> torch.Tensor:
    top = 1 if values.dtype == np.float32 else np.iinfo(values.dtype).max
    image = torch.from_numpy(values.astype(np.float32) / np.float32(top))
    if values.ndim == 2:
        image = 1 - image if "photometric" in how else image
        return image.expand(1, 3, -1, -1)
    return (image if len(values) == 3 else image.permute(2, 0, 1))[None]


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_file_is_read_in_parts(tmp_path: Path, kind: str) -> None:
    values, how = KINDS[kind]
    picture = read(saved(tmp_path / "large.tif", values, how))
    assert torch.allclose(picture.image, expected(values, how), atol=1e-7)
    assert picture.alpha is None
    assert picture.sha256 is not None


def test_transparency_is_read_too(tmp_path: Path) -> None:
    values = samples(37, 53, 4)
    path = saved(tmp_path / "large.tif", values, {"extrasamples": ["unassalpha"], "tile": (16, 16)})
    picture = read(path)
    assert picture.alpha is not None
    assert np.array_equal((picture.alpha[0, 0] * 255).round().numpy(), values[..., 3])


@pytest.mark.parametrize(
    "alpha", [None, torch.rand(1, 1, 70, 41, generator=torch.Generator().manual_seed(1))]
)
def test_what_is_written_in_parts_is_what_others_read(
    tmp_path: Path, alpha: torch.Tensor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large.tiff, "_STRIP_BYTES", 1000)  # type: ignore[attr-defined]
    image = torch.rand(1, 3, 70, 41, generator=torch.Generator().manual_seed(0))
    path = write(tmp_path / "large.tif", image, alpha=alpha, job='{"a": "ü"}')
    wanted = (image[0].permute(1, 2, 0) * 255).round().numpy()
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
        found = file.pages[0].tags
        assert len(found["StripOffsets"].value) == -(
            -70 // (1000 // (41 * (3 + (alpha is not None))))
        )
    with Pillow.open(path) as judge:
        pixels = np.asarray(judge)
    assert np.array_equal(pixels[..., :3], wanted)
    if alpha is not None:
        assert np.array_equal(pixels[..., 3], (alpha[0, 0] * 255).round().numpy())
    again = read(path)
    assert torch.allclose(again.image, image, atol=0.5 / 255 + 1e-6)
    assert again.notes == ()
    assert read_job(path) == '{"a": "ü"}'


def test_a_large_picture_without_a_job_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "large.tif", torch.rand(1, 3, 20, 30))
    with pytest.raises(NoJob, match="carries no job"):
        read_job(path)


def test_the_same_large_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    image = torch.rand(1, 3, 20, 30)
    one, other = (write(tmp_path / name, image, job="{}") for name in ("a.tif", "b.tif"))
    assert one.read_bytes() == other.read_bytes()


def test_a_picture_that_is_not_finite_is_not_half_written(tmp_path: Path) -> None:
    image = torch.rand(1, 3, 20, 30)
    image[..., 15, 3] = torch.nan
    with pytest.raises(BadPicture, match="NaN"):
        write(tmp_path / "large.tif", image)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "how", "reason"),
    [
        (samples(37, 53, 3), {"photometric": "ycbcr"}, "3 channels of the kind 6"),
        (samples(37, 53, 3, kind=np.uint32), {}, "samples of 32 bits, which have no known range"),
        (samples(37, 53, 4), {"extrasamples": ["assocalpha"]}, "multiplied by alpha"),
        (samples(37, 53, 3), {"extratags": [(274, 3, 1, 6, True)]}, "on its side"),
        (
            np.full((37, 53, 3), 2, np.float32),
            {},
            "numbers from 2 to 2, but they must lie in 0 to 1",
        ),
    ],
)
def test_kinds_that_are_not_read_in_parts_are_told(
    tmp_path: Path, values: Any, how: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BadPicture, match=reason):
        read(saved(tmp_path / "large.tif", values, how))


def test_a_picture_larger_than_any_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "MAX_MAPPED_PIXELS", 1000)
    with pytest.raises(BadPicture, match="more than the limit"):
        read(saved(tmp_path / "large.tif", samples(37, 53, 3), {}))


def test_a_file_that_says_it_is_larger_than_its_data_takes_no_room(tmp_path: Path) -> None:
    values = np.zeros((64, 64), np.uint8)
    how = {"compression": "zlib", "rowsperstrip": 64}
    data = bytearray(saved(tmp_path / "large.tif", values, how).read_bytes())
    for tag in (256, 257, 278):  # width, height, rows of a strip
        place = data.index(tag.to_bytes(2, "little"), 8)
        data[place + 2 : place + 12] = b"\x04\0\1\0\0\0" + (20_000).to_bytes(4, "little")
    (tmp_path / "large.tif").write_bytes(data)
    with pytest.raises(BadPicture, match="larger than its data can be"):
        read(tmp_path / "large.tif")


def test_a_strip_that_would_fill_the_memory_is_not_unpacked(tmp_path: Path) -> None:
    path = saved(tmp_path / "large.tif", samples(37, 53, 3), {"rowsperstrip": 1 << 30})
    assert read(path).height == 37


def test_damaged_files_are_told_and_nothing_else_is_raised(tmp_path: Path) -> None:
    rng = random.Random(0)
    path = tmp_path / "large.tif"
    for kind in ("BigTIFF", "deflated tiles", "planes", "the other order of bytes"):
        values, how = KINDS[kind]
        whole = saved(path, values, how).read_bytes()
        tags = whole.find(b"\x00\x01\x03\x00") if kind != "the other order of bytes" else 8
        for _ in range(150):
            data = bytearray(whole)
            for _ in range(rng.randint(1, 3)):
                data[rng.randrange(4, min(len(data), max(tags, 8) + 400))] = rng.randrange(256)
            path.write_bytes(data[: rng.choice([len(data), rng.randrange(8, len(data))])])
            try:
                read(path)
            except EntopticError:
                continue


def test_a_photo_in_memory_is_still_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_PIXELS", 10_000)
    path = saved(tmp_path / "small.tif", samples(37, 53, 3), {})
    assert large.read_large(path, 10_000) is None
    assert isinstance(read(path), Picture)

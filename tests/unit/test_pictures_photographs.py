"""AVIF, HEIC and JPEG XL: photographs of telephones and browsers."""

from __future__ import annotations

import contextlib
import io
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from entoptic.errors import BadPicture
from entoptic.images import read

pillow_heif = pytest.importorskip("pillow_heif", reason="needs the package pillow-heif")
pytest.importorskip("pillow_jxl", reason="needs the package pillow-jxl-plugin")

PIXEL = (200, 100, 50)


def written(kind: str, **how: Any) -> bytes:
    pillow_heif.register_heif_opener()
    stream = io.BytesIO()
    image = Pillow.new("RGB", (24, 16), PIXEL)
    image.paste((0, 0, 0), (0, 0, 12, 8))
    image.save(stream, kind, **how)
    return stream.getvalue()


KINDS: dict[str, dict[str, Any]] = {
    "AVIF": {"quality": 95},
    "HEIF": {"quality": 95},
    "JXL": {"lossless": True},
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photo.png"  # told apart by its contents
    path.write_bytes(written(kind, **KINDS[kind]))
    picture = read(path)
    assert picture.image.shape == (1, 3, 16, 24)
    assert np.abs(picture.image[0, :, 14, 20].numpy() * 255 - PIXEL).max() <= 4
    assert picture.image[0, :, 2, 2].max() * 255 <= 4


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_a_photo_that_lies_on_its_side_is_turned(tmp_path: Path, kind: str) -> None:
    exif = Pillow.Exif()
    exif[274] = 6  # what was left is up
    path = tmp_path / "photo"
    path.write_bytes(written(kind, exif=exif.tobytes(), **KINDS[kind]))
    picture = read(path)
    assert picture.image.shape == (1, 3, 24, 16)
    assert picture.image[0, :, 2, 13].max() * 255 <= 4  # the dark corner is at the upper right


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_one_sentence(tmp_path: Path, kind: str) -> None:
    data, chance = written(kind, **KINDS[kind]), random.Random(0)
    path = tmp_path / "photo"
    told = []
    for round_ in range(60):
        damaged = bytearray(data)
        if round_ % 3:
            damaged[chance.randrange(12, len(data))] = chance.randrange(256)
        else:
            del damaged[chance.randrange(14, len(data)) :]
        path.write_bytes(damaged)
        with contextlib.suppress(BadPicture):
            read(path)
            continue
        told.append(message(path))
    assert told
    assert not any("\n" in each or "Please" in each for each in told)


def message(path: Path) -> str:
    with pytest.raises(BadPicture) as told:
        read(path)
    return str(told.value)


@pytest.mark.parametrize(
    ("kind", "module"), [("HEIF", "pillow_heif.as_plugin"), ("JXL", "pillow_jxl.JpegXLImagePlugin")]
)
def test_without_the_extra_it_is_named(
    tmp_path: Path, kind: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo"
    path.write_bytes(written(kind, **KINDS[kind]))
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BadPicture, match=r"need the 'pictures' extra: pip install"):
        read(path)

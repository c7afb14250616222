"""Writing picture files: exact values, whole files only, and the job that travels along."""

from __future__ import annotations

import io
import json
import os
import random
import stat
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image as Pillow

from entoptic.errors import (
    AlreadyThere,
    BadPicture,
    BadSetting,
    CannotWrite,
    NoJob,
    PictureNotFound,
)
from entoptic.images import bits_of, check_writable, png, read, read_job, write

SUFFIXES = [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"]
JOB = json.dumps({"objective": "channel('4a<in>', 3) & more]]>", "ä": "😀 \u2028", "n": [1, 2]})


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def some_image(height: int = 5, width: int = 7, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def smooth_image(height: int = 48, width: int = 64) -> torch.Tensor:
    rows = torch.linspace(0.1, 0.9, height)[:, None].expand(height, width)
    columns = torch.linspace(0.2, 0.7, width).expand(height, width)
    return torch.stack([rows, columns, 1 - rows])[None]


@pytest.fixture
def untouched(tmp_path: Path) -> Iterator[Path]:
    """A folder that must hold after the test what it holds before."""
    (tmp_path / "old.png").write_bytes(b"old")
    yield tmp_path
    assert [entry.name for entry in tmp_path.iterdir()] == ["old.png"]
    assert (tmp_path / "old.png").read_bytes() == b"old"


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_values_are_rounded_to_the_nearest_step(tmp_path: Path, suffix: str) -> None:
    steps = torch.tensor([0.0, 0.49, 0.51, 99.4999, 99.5001, 254.6, 255.0]) / 255
    path = write(tmp_path / f"steps{suffix}", steps.expand(1, 3, 2, 7))
    with Pillow.open(path) as judge:
        assert np.asarray(judge)[1, :, 2].tolist() == [0, 0, 1, 99, 100, 255, 255]


def test_values_outside_the_range_are_clipped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", torch.tensor([-0.2, 1.3]).expand(1, 3, 1, 2))
    with Pillow.open(path) as judge:
        assert np.asarray(judge)[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("bits", [8, 16])
def test_every_step_survives_the_round_trip(tmp_path: Path, bits: int) -> None:
    top = 2**bits - 1
    image = (torch.arange(2**bits).reshape(1, 1, 2 ** (bits // 2), -1) / top).expand(1, 3, -1, -1)
    path = write(tmp_path / "steps.png", image, bits=bits)  # type: ignore[arg-type]
    assert torch.equal(read(path).image, image)
    assert read(path).notes == (() if bits == 8 else ("16 bits per channel",))


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 33),
    width=st.integers(1, 33),
    suffix=st.sampled_from(SUFFIXES),
    transparent=st.booleans(),
    job=st.none() | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn"))),
)
def test_every_size_can_be_written_and_read(
    tmp_path_factory: pytest.TempPathFactory,
    height: int,
    width: int,
    suffix: str,
    transparent: bool,
    job: str | None,
) -> None:
    path = tmp_path_factory.mktemp("sizes") / f"picture{suffix}"
    image, alpha = some_image(height, width), some_image(height, width, 1)[:, :1]
    write(path, image, alpha=alpha if transparent else None, job=job)
    picture = read(path)
    assert picture.image.shape == image.shape
    assert (picture.alpha is not None) == (transparent and suffix not in (".jpg", ".jpeg"))
    assert picture.notes == ()
    if job is not None:
        assert read_job(path) == job
    if suffix in (".png", ".tif", ".tiff"):
        assert float((picture.image - image).abs().max()) <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_pictures_are_near_and_nearer_with_more_quality(tmp_path: Path, suffix: str) -> None:
    image = smooth_image()
    errors = [
        float(
            (read(write(tmp_path / f"a{suffix}", image, quality=quality)).image - image)
            .abs()
            .mean()
        )
        for quality in (10, 92)
    ]
    assert errors[1] < 0.01 < errors[0]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_alpha_is_kept(tmp_path: Path, suffix: str) -> None:
    alpha = torch.tensor([0.0, 0.4, 1.0]).expand(1, 1, 2, 3)
    picture = read(write(tmp_path / f"a{suffix}", some_image(2, 3), alpha=alpha))
    assert picture.alpha is not None
    torch.testing.assert_close(picture.alpha, alpha.contiguous(), atol=0.5 / 255, rtol=0)


def test_16_bit_alpha_is_kept_to_the_last_bit(tmp_path: Path) -> None:
    alpha = torch.tensor([0, 1, 258, 65535]).expand(1, 1, 2, 4) / 65535
    picture = read(write(tmp_path / "a.png", some_image(2, 4), alpha=alpha, bits=16))
    assert picture.alpha is not None
    assert torch.equal(picture.alpha, alpha.contiguous())


def test_jpeg_is_laid_on_white(tmp_path: Path) -> None:
    image = torch.tensor([1.0, 0, 0])[None, :, None, None].expand(1, 3, 16, 48)
    alpha = torch.tensor([0.0, 0.5, 1.0]).repeat_interleave(16).expand(1, 1, 16, 48)
    written = read(write(tmp_path / "a.jpg", image, alpha=alpha, quality=100)).image
    expected = [[1, 1, 1], [1, 0.5, 0.5], [1, 0, 0]]
    for column, color in zip((8, 24, 40), expected, strict=True):
        torch.testing.assert_close(
            written[0, :, 8, column], torch.tensor(color).float(), atol=0.02, rtol=0
        )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_picture_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    files = [
        write(tmp_path / f"{name}{suffix}", some_image(), job=JOB).read_bytes() for name in "ab"
    ]
    assert files[0] == files[1]


def test_the_profile_carries_no_date_of_today(tmp_path: Path) -> None:
    with Pillow.open(write(tmp_path / "a.jpg", some_image())) as judge:
        assert struct.unpack(">6H", judge.info["icc_profile"][24:36]) == (2024, 1, 1, 0, 0, 0)


def test_srgb_is_declared(tmp_path: Path) -> None:
    with Pillow.open(write(tmp_path / "a.png", some_image())) as judge:
        assert judge.info["srgb"] == 0
    for suffix in (".jpg", ".webp", ".tif"):
        with Pillow.open(write(tmp_path / f"a{suffix}", some_image())) as judge:
            assert b"acsp" in judge.info["icc_profile"]


def test_gradients_and_other_types_are_no_hindrance(tmp_path: Path) -> None:
    image = some_image().half().requires_grad_()
    written = read(write(tmp_path / "a.png", image)).image
    torch.testing.assert_close(written, some_image(), atol=1 / 255, rtol=0)


def test_the_path_comes_back_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert write("./PICTURE.PNG", some_image()) == Path("PICTURE.PNG")
    assert read("PICTURE.PNG").path == Path("PICTURE.PNG")


# Whole files only.


def test_an_existing_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    write(path, some_image())
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]
    assert read(path).width == 7


@pytest.mark.parametrize(
    "interruption", [KeyboardInterrupt, OSError(28, "No space left on device")]
)
def test_an_interruption_leaves_the_old_file_and_no_draft(
    untouched: Path, monkeypatch: pytest.MonkeyPatch, interruption: BaseException
) -> None:
    def interrupt(handle: int) -> None:
        raise interruption

    monkeypatch.setattr(os, "fsync", interrupt)
    expected = CannotWrite if isinstance(interruption, OSError) else KeyboardInterrupt
    with pytest.raises(expected, match=r"No space left on device|^$"):
        write(untouched / "old.png", some_image())


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_no_numbers_are_told(untouched: Path, wrong: float) -> None:
    image = some_image(2, 3)
    image[0, 1, 1, 2] = wrong
    with pytest.raises(BadPicture, match="has NaN or infinity at 1 of its 18 values; take smaller"):
        write(untouched / "old.png", image)


@pytest.mark.skipif(os.name != "posix", reason="permissions are different here")
def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = write(tmp_path / "a.png", some_image())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(b"old")
    (tmp_path / "link.png").symlink_to("real.png")
    write(tmp_path / "link.png", some_image())
    assert (tmp_path / "link.png").is_symlink()
    assert read(tmp_path / "real.png").width == 7


def test_a_file_that_is_not_to_be_replaced_stays(untouched: Path) -> None:
    with pytest.raises(AlreadyThere, match=r"old.png' is there already; choose another name"):
        write(untouched / "old.png", some_image(), replace=False)


@pytest.mark.parametrize("links", [True, False])
def test_of_many_who_write_a_file_at_once_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def link(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")  # as on a USB stick

    if not links:
        monkeypatch.setattr(os, "link", link)

    def attempt(number: int) -> bool:
        try:
            write(tmp_path / "a.png", torch.full((1, 3, 4, 5), number / 255), replace=False)
        except AlreadyThere:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(attempt, range(16)))
    assert sum(won) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"]
    assert float(read(tmp_path / "a.png").image[0, 0, 0, 0]) * 255 == pytest.approx(won.index(True))


@pytest.mark.skipif(os.name != "posix", reason="permissions are different here")
def test_a_file_that_is_replaced_keeps_its_mode_by_way_of_a_link_too(tmp_path: Path) -> None:
    real = tmp_path / "real.png"
    real.write_bytes(b"old")
    real.chmod(0o604)
    (tmp_path / "link.png").symlink_to("real.png")
    write(tmp_path / "link.png", some_image())
    assert stat.S_IMODE(real.stat().st_mode) == 0o604
    assert read(real).width == 7


def test_the_bits_of_a_picture_are_those_to_write_it_again(tmp_path: Path) -> None:
    for bits in (8, 16):
        assert bits_of(write(tmp_path / "a.png", some_image(), bits=bits)) == bits
    for suffix in (".jpg", ".webp", ".tif"):
        assert bits_of(write(tmp_path / f"a{suffix}", some_image())) == 8
    deep = Pillow.fromarray(np.zeros((4, 5), np.uint16))
    deep.save(tmp_path / "deep.tif")
    assert bits_of(tmp_path / "deep.tif") == 16


# Before any work.


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.pgn", r"the suffix '\.pgn' is unknown; did you mean '\.png'\?"),
        ("a.exe1", r"the suffix '\.exe1' is unknown; use \.png, \.jpg, \.jpeg, \.webp, \.tif"),
        ("a", "it has no suffix; use .png"),
        (".png", "it has no suffix; use .png"),
        ("nowhere/a.png", "there is no folder '.*nowhere' to write to; make it first"),
        ("old.png/a.png", "there is no folder '.*old.png' to write to"),
        ("nul\0.png", r"can't be written \(.*embedded null (byte|character)"),
    ],
)
def test_an_impossible_place_is_told(untouched: Path, name: str, message: str) -> None:
    with pytest.raises(CannotWrite, match=message):
        check_writable(untouched / name)
    with pytest.raises(CannotWrite, match=message):
        write(untouched / name, some_image())


def test_a_name_too_long_is_told(untouched: Path) -> None:
    with pytest.raises(CannotWrite, match=r"can't be written \(File name too long\)"):
        write(untouched / ("x" * 300 + ".png"), some_image())


def test_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(CannotWrite, match="is a folder; name a file in it"):
        check_writable(tmp_path / "folder.png")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("folder", "the folder '.*' may not be written to; choose another, or change"),
        ("file", r"old\.png' is write-protected; choose another name"),
    ],
)
def test_missing_permissions_are_told(
    untouched: Path, monkeypatch: pytest.MonkeyPatch, what: str, message: str
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).is_file() == (what == "folder"))
    with pytest.raises(CannotWrite, match=message):
        check_writable(untouched / "old.png")


@pytest.mark.parametrize("way", ["itself", "around", "soft", "hard"])
def test_the_picture_that_is_read_is_not_overwritten(tmp_path: Path, way: str) -> None:
    source = tmp_path / "cat.png"
    source.write_bytes(b"cat")
    target = {
        "itself": source,
        "around": tmp_path / ".." / tmp_path.name / "cat.png",
        "soft": tmp_path / "soft.png",
        "hard": tmp_path / "hard.png",
    }[way]
    if way == "soft":
        target.symlink_to(source)
    if way == "hard":
        target.hardlink_to(source)
    with pytest.raises(CannotWrite, match="is a file that is read; choose another name"):
        check_writable(target, not_over=[tmp_path / "other.png", source])
    check_writable(tmp_path / "dream.png", not_over=[source])


@pytest.mark.parametrize(
    ("shape", "suffix", "message"),
    [
        ((1, 3, 1, 16384), ".webp", "16384 x 1 is too large for WebP, .* at most 16383 pixels"),
        ((1, 3, 65536, 1), ".jpg", "1 x 65536 is too large for JPEG, .* at most 65535 pixels"),
    ],
)
def test_a_picture_too_large_for_its_kind_is_told(
    untouched: Path, shape: tuple[int, ...], suffix: str, message: str
) -> None:
    with pytest.raises(CannotWrite, match=message):
        write(untouched / f"a{suffix}", torch.zeros(shape))


def test_bad_settings_are_told(untouched: Path) -> None:
    with pytest.raises(BadSetting, match="JPEG is written with 8 bits per channel; for 16 write"):
        write(untouched / "a.jpg", some_image(), bits=16)
    for quality in (0, 101):
        with pytest.raises(BadSetting, match=f"quality is {quality}; it must be a whole number"):
            write(untouched / "a.jpg", some_image(), quality=quality)


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5), (1, 4, 4, 5), (1, 3, 0, 5)])
def test_another_shape_is_told(untouched: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(
        BadPicture, match=r"a picture is a tensor of \(1, 3, height, width\), .* not"
    ):
        write(untouched / "a.png", torch.zeros(shape))


def test_whole_numbers_are_told(untouched: Path) -> None:
    with pytest.raises(BadPicture, match=r"not torch\.uint8; use Picture\.of"):
        write(untouched / "a.png", torch.zeros(1, 3, 4, 5, dtype=torch.uint8))


def test_alpha_of_another_size_is_told(untouched: Path) -> None:
    with pytest.raises(BadPicture, match=r"alpha must be \(1, 1, 5, 7\) like the picture"):
        write(untouched / "a.png", some_image(), alpha=torch.zeros(1, 1, 5, 6))


# The job that a picture carries.


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("job", [JOB, "", "\r\n\t &amp; &lt; &#13; <entoptic:job>", "ä" * 30_000])
def test_the_job_travels_in_every_kind(tmp_path: Path, suffix: str, job: str) -> None:
    assert read_job(write(tmp_path / f"a{suffix}", some_image(), job=job)) == job


def test_a_long_job_fits_into_all_but_jpeg(tmp_path: Path) -> None:
    job = "".join(random.Random(0).choices("abc<&>😀", k=150_000))
    for suffix in (".png", ".webp", ".tif"):
        assert read_job(write(tmp_path / f"a{suffix}", some_image(), job=job)) == job
    with pytest.raises(BadSetting, match=r"and JPEG has room for 65504; write \.png"):
        write(tmp_path / "a.jpg", some_image(), job=job)


def test_a_job_may_have_a_megabyte_and_no_more(tmp_path: Path) -> None:
    for suffix in (".png", ".webp", ".tif"):
        path = tmp_path / f"a{suffix}"
        assert len(read_job(write(path, some_image(), job="<" * (1 << 20)))) == 1 << 20
        with pytest.raises(BadSetting, match="the job has 1048577 bytes; at most 1048576 fit"):
            write(path, some_image(), job="x" * (1 + (1 << 20)))


@pytest.mark.parametrize("character", ["\0", "\x1b", "\ud800", "\uffff"])
def test_characters_that_files_cannot_carry_are_told(untouched: Path, character: str) -> None:
    with pytest.raises(BadSetting, match=r"the character '.*' at 3, which files can't carry"):
        write(untouched / "a.png", some_image(), job=f"abc{character}")


def test_pillow_finds_the_job_too(tmp_path: Path) -> None:
    with Pillow.open(write(tmp_path / "a.png", some_image(), job=JOB)) as judge:
        assert judge.info["entoptic"] == JOB


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_picture_without_a_job_is_told(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", some_image())
    with pytest.raises(
        NoJob, match=rf"a{suffix}' carries no job; name a picture that entoptic wrote"
    ):
        read_job(path)


def test_files_without_pictures_have_no_job_either(tmp_path: Path) -> None:
    with pytest.raises(PictureNotFound, match="no picture"):
        read_job(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(b"hello")
    with pytest.raises(BadPicture, match="looks like a text"):
        read_job(tmp_path / "a.png")


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_a_bomb_for_a_job_is_refused_unexploded(tmp_path: Path, kind: bytes) -> None:
    packed = zlib.compress(b"a" * (64 << 20))
    head = b"entoptic\0\0" if kind == b"zTXt" else b"entoptic\0\1\0\0\0"
    file = png.encode(np.zeros((1, 1, 3), np.uint8))
    (tmp_path / "a.png").write_bytes(file[:33] + chunk(kind, head + packed) + file[33:])
    tracemalloc.start()
    try:
        with pytest.raises(BadPicture, match="its text has more than 1048576 bytes"):
            read_job(tmp_path / "a.png")
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"entoptic\0\0\0\0\0\xff\xfe", "utf-8"),
        (b"entoptic\0\1\0\0\0nonsense", "compressed data is damaged"),
        (b"entoptic\0\0", "its text is damaged"),
    ],
)
def test_a_damaged_job_in_png_is_told(tmp_path: Path, body: bytes, reason: str) -> None:
    file = png.encode(np.zeros((1, 1, 3), np.uint8))
    (tmp_path / "a.png").write_bytes(file[:33] + chunk(b"iTXt", body) + file[33:])
    with pytest.raises(BadPicture, match=rf"can't be read as PNG \(.*{reason}.*\); get the file"):
        read_job(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("xmp", "reason"),
    [
        (b"<entoptic:job>no end", "the job in its XMP packet is damaged"),
        (b"<entoptic:job>\xff</entoptic:job>", "utf-8"),
        (b"<entoptic:job>" + b"x" * (6 << 20) + b"</entoptic:job>", "more than 1048576 bytes"),
    ],
)
def test_a_damaged_job_elsewhere_is_told(tmp_path: Path, xmp: bytes, reason: str) -> None:
    stream = io.BytesIO()
    Pillow.new("RGB", (4, 3)).save(stream, "WEBP", xmp=xmp)
    (tmp_path / "a.webp").write_bytes(stream.getvalue())
    with pytest.raises(BadPicture, match=rf"can't be read as WebP \(.*{reason}.*\); get the file"):
        read_job(tmp_path / "a.webp")

"""Films of 16 bits per channel, from what is read to what is written."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import entoptic as ent
from entoptic.errors import BadSetting
from entoptic.recipes.grow import Grow
from entoptic.video.pixels import Pixels, eight_bits, image_of, pixels_of
from entoptic.video.reading import Facts, Frame, facts_of, frames_of
from entoptic.video.writing import check_form, form_of, lossless, write_film
from filming import moving, small_network

av = pytest.importorskip("av")
pytest.importorskip("cv2")

SHORT: dict[str, Any] = {"octaves": 1, "steps": 1, "layer": "0", "device": "cpu"}


def deep(count: int = 3, height: int = 48, width: int = 64) -> list[Pixels]:
    """Return frames that differ from those of 8 bits, each by its own noise of low bits."""
    rng = np.random.default_rng(0)
    low = rng.integers(0, 257, (count, height, width, 3), np.uint16)
    return [
        (each.astype(np.uint16) * 257 - 128 + more).astype(np.uint16)
        for each, more in zip(moving(count, height, width), low, strict=True)
    ]


def ramp(width: int = 1024) -> Pixels:
    """Return a gradient from black to white that no 8 bits can hold."""
    line = np.linspace(0, 65535, width).round().astype(np.uint16)
    return np.ascontiguousarray(np.broadcast_to(line[None, :, None], (64, width, 3)))


def facts(path: Path, pixels: Pixels) -> Facts:
    height, width, _ = pixels.shape
    rate = Fraction(25)
    return Facts(path, height, width, rate, 1 / rate, matrix=1, primaries=1, transfer=1, bits=16)


def again(path: Path) -> list[Pixels]:
    return [each.pixels for each in frames_of(replace(facts_of(path), bits=16))]


def written(path: Path, frames: list[Pixels], codec: str | None = None) -> list[Pixels]:
    """Return the frames of a film that was written, as they are read again."""
    form = form_of(path, codec, None if codec else 16)
    given = [Frame(n, Fraction(n, 25), None, each) for n, each in enumerate(frames)]
    check_form(form, facts(path, frames[0]))
    return again(write_film(form, facts(path, frames[0]), given, job="{}"))


def test_every_value_of_16_bits_comes_back() -> None:
    values = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256, 1).repeat(3, 2)
    assert np.array_equal(pixels_of(image_of(values), 16), values)
    assert np.array_equal(eight_bits(values), pixels_of(image_of(values)))


@pytest.mark.parametrize("name", ["frames", "a.apng"])
def test_what_has_16_bits_holds_them_exactly(tmp_path: Path, name: str) -> None:
    frames = deep()
    found = written(tmp_path / name, frames)
    assert len(found) == 3
    assert all(map(np.array_equal, frames, found))


def test_parts_hold_16_bits_exactly(tmp_path: Path) -> None:
    frames = deep(3, 47, 63)
    given = [Frame(n, Fraction(n, 25), None, each) for n, each in enumerate(frames)]
    form = lossless(tmp_path / "a.mkv", 16)
    found = again(write_film(form, facts(form.path, frames[0]), given, job=""))
    assert all(map(np.array_equal, frames, found))


def luma(path: Path) -> NDArray[np.uint16]:
    """Return the first row of luma of a film, as it is stored."""
    with av.open(str(path)) as container:
        plane = next(container.decode(video=0)).planes[0]
        return np.frombuffer(plane, np.uint16).reshape(plane.height, -1)[0, : plane.width]


@pytest.mark.parametrize("name", ["a.mov", "a.mkv"])
def test_prores_is_made_from_16_bits(tmp_path: Path, name: str) -> None:
    gradient = ramp()
    (found,) = written(tmp_path / name, [gradient], "prores")
    # BT.709's luma of 10 bits is 64 at black and 940 at white; by way of 8 bits there would be no
    # more than 256 levels.
    stored, wanted = luma(tmp_path / name), 64 + 876 * gradient[0, :, 1].astype(float) / 65535
    assert np.abs(stored - wanted).max() < 1.5
    assert np.abs((stored - wanted).mean()) < 0.1
    assert len(np.unique(stored)) > 800
    assert np.abs(found.astype(float) - gradient).max() < 0.5 * 257
    assert np.abs((found.astype(float) - gradient).mean()) < 0.02 * 257


@pytest.mark.parametrize(
    ("pixels", "stored", "wanted"),
    [
        ("yuv444p10le", (64, 502, 940), (0, 32767.5, 65535)),
        ("yuv420p12le", (256, 2008, 3760), (0, 32767.5, 65535)),
        ("gray10le", (0, 511, 1023), (0, 32735.5, 65535)),
        ("gray16le", (0, 30001, 65535), (0, 30001, 65535)),
        ("gbrp12le", (0, 2047, 4095), (0, 32759.5, 65535)),
        ("gray", (0, 100, 255), (0, 25700, 65535)),
    ],
)
def test_known_values_are_read_as_what_they_mean(
    tmp_path: Path, pixels: str, stored: tuple[int, ...], wanted: tuple[float, ...]
) -> None:
    depth = np.uint8 if pixels == "gray" else np.uint16
    frame = av.VideoFrame(3 * 16, 16, pixels)
    frame.colorspace, frame.color_range, frame.pts = 1, 1 if "yuv" in pixels else 2, 0
    for number, plane in enumerate(frame.planes):
        middle = stored[1] if "gbr" in pixels else 1 << (frame.format.components[0].bits - 1)
        values = np.full((plane.height, plane.line_size // np.dtype(depth).itemsize), middle, depth)
        if number == 0 or "gbr" in pixels:
            values[:, : 3 * 16] = np.repeat(np.array(stored, depth), 16)
        plane.update(values.tobytes())
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 16, 3 * 16, pixels
        stream.codec_context.colorspace, stream.codec_context.color_range = 1, frame.color_range
        container.mux([*stream.encode(frame), *stream.encode(None)])
    (found,) = again(tmp_path / "a.mkv")
    assert found[8, 8::16] == pytest.approx(np.array(wanted)[:, None].repeat(3, 1), abs=6)


def test_more_than_8_bits_are_read_of_what_has_them(tmp_path: Path) -> None:
    source = write_film(
        form_of(tmp_path / "a.mov", "prores"),
        facts(tmp_path, ramp()),
        [Frame(0, Fraction(0), None, ramp())],
        job="",
    )
    (few,) = frames_of(facts_of(source))
    (many,) = again(source)
    assert few.pixels.dtype == np.uint8
    assert len(np.unique(few.pixels[32, :, 1])) <= 256
    assert len(np.unique(many[32, :, 1])) > 800


def test_clear_pixels_are_black_in_16_bits_too(tmp_path: Path) -> None:
    from PIL import Image

    half = Image.new("RGBA", (32, 32), (200, 100, 50, 128))
    half.save(tmp_path / "a.apng", format="PNG", save_all=True, append_images=[half.copy()])
    (found, *_) = again(tmp_path / "a.apng")
    wanted = np.array([200, 100, 50]) * 257 * 128 / 255
    assert np.abs(found.reshape(-1, 3) - wanted).max() <= 1


def test_a_film_of_strength_0_is_its_source_in_all_its_bits(tmp_path: Path) -> None:
    frames = deep()
    written(tmp_path / "frames", frames)
    how = {"strength": 0, "coherence": 0.5} | SHORT
    for name in ("made", "made.apng"):
        made = ent.film(
            small_network(), tmp_path / "frames", output=tmp_path / name, bits=16, **how
        )
        assert made.frames == 3
        for before, after in zip(frames, again(tmp_path / name), strict=True):
            # Brightness is held by arithmetic of 24 bits.
            assert np.abs(before.astype(int) - after).max() <= 1


def test_a_dream_of_16_bits_rounds_to_that_of_8(tmp_path: Path) -> None:
    written(tmp_path / "frames", [(each // 257 * 257).astype(np.uint16) for each in deep(2)])
    made = {}
    for bits in (8, 16):
        output = tmp_path / str(bits)
        ent.film(small_network(), tmp_path / "frames", output=output, bits=bits, **SHORT)
        made[bits] = again(output)
    for few, many in zip(made[8], made[16], strict=True):
        assert len(np.unique(few)) <= 256 < len(np.unique(many))
        # Where 8 bits are between two values, what is carried may round either way.
        assert np.abs(few.astype(int) - many).max() <= 2 * 257
        assert np.abs(few.astype(int) - many).mean() < 0.3 * 257


def test_zooms_and_growing_pictures_have_16_bits(tmp_path: Path) -> None:
    model, (photo, *_) = small_network(), deep(1)
    still = {"strength": 0, "zoom": 1, "seconds": 0.08} | SHORT
    ent.zoom(model, image_of(photo), output=tmp_path / "zoom", bits=16, **still)
    for each in again(tmp_path / "zoom"):
        assert np.abs(each.astype(int) - photo).max() <= 2  # its levels are held
    dream = ent.Dream(model, image_of(photo), **SHORT)
    Grow(dream, output=tmp_path / "grow", seconds=0.08, hold_last=0, bits=16).run()
    first, *_, last = again(tmp_path / "grow")
    assert np.array_equal(first, photo)
    assert np.array_equal(last, pixels_of(dream.run().image, 16))


def test_a_loop_of_16_bits_is_mixed_in_16(tmp_path: Path) -> None:
    photo = torch.full((1, 3, 32, 32), 0x8055 / 65535)
    how = {"strength": 0, "zoom": 1, "seconds": 0.4, "rate": 10, "loop": True} | SHORT
    ent.zoom(small_network(), photo, output=tmp_path / "loop", bits=16, **how)
    found = again(tmp_path / "loop")
    assert len(found) == 4
    assert all(np.abs(each.astype(int) - 0x8055).max() <= 1 for each in found)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.webm", "a.gif", "a.webp"])
def test_formats_of_8_bits_are_told(name: str) -> None:
    ending = Path(name).suffix
    with pytest.raises(BadSetting, match=rf"{ending} has 8 bits; 16 have a folder of pictures and"):
        form_of(Path(name), None, 16)


@pytest.mark.usefixtures("unchecked")
def test_other_numbers_of_bits_are_refused() -> None:
    with pytest.raises(BadSetting, match="bits is 12; it must be 8 or 16"):
        ent.Zoom("squeezenet1_1", "sky.jpg", bits=12)

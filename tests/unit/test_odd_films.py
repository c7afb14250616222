"""Odd and broken films, as files come: each is the right film, or told in a sentence."""

from __future__ import annotations

import os
import random
import socket
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from entoptic.errors import BadFilm, BadSetting, CannotWrite, EntopticError
from entoptic.video.damage import check_whole
from entoptic.video.reading import Facts, Frame, Mark, facts_of, frames_of, frames_since
from entoptic.video.writing import check_form, form_of, write_film
from filming import film, moving, texture

av = pytest.importorskip("av")

Make = Callable[[Path], object]


def encoded(
    path: Path,
    codec: str,
    pixels: str,
    *,
    size: tuple[int, int] = (48, 64),
    rate: Fraction | int = 25,
    count: int = 3,
    container_options: dict[str, str] | None = None,
    **options: str,
) -> None:
    """Write a film of any codec and format of pixels."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = size
        stream.pix_fmt = pixels
        for number, each in enumerate(moving(count, *size)):
            frame = av.VideoFrame.from_ndarray(each, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = number, 1 / Fraction(rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def kind(codec: str, pixels: str, **how: Any) -> Make:
    return lambda path: encoded(path, codec, pixels, **how)


def cut(codec: str = "libx264", keep: float = 0.6, **how: Any) -> Make:
    """Return what writes a film of 40 frames, and then leaves its end out."""

    def make(path: Path) -> None:
        encoded(path, codec, "yuv420p", count=40, **how)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * keep)])

    return make


def damaged(codec: str, count: int = 1500) -> Make:
    """Return what writes a film, and then noise over a part of it."""

    def make(path: Path) -> None:
        encoded(path, codec, "yuv420p", size=(96, 128), count=40)
        data, rng = bytearray(path.read_bytes()), random.Random(0)
        start = len(data) // 3
        data[start : start + count] = rng.randbytes(count)
        path.write_bytes(bytes(data))

    return make


def scratched(codec: str, pixels: str, **options: Any) -> Make:
    """Return what writes a film, and then other bytes over a few of it."""

    def make(path: Path) -> None:
        encoded(path, codec, pixels, size=(96, 128), count=24, **options)
        data = bytearray(path.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 8] = random.Random(1).randbytes(8)
        path.write_bytes(bytes(data))

    return make


def sound(path: Path, *, cover: bool) -> None:
    """Write a file of sound, with a cover picture or without."""
    with av.open(str(path), "w") as container:
        heard = container.add_stream("libmp3lame" if path.suffix == ".mp3" else "aac", rate=44100)
        if cover:
            shown = container.add_stream("png", rate=1)
            shown.height, shown.width, shown.pix_fmt = 48, 64, "rgb24"
            shown.disposition = av.stream.Disposition.attached_pic
            picture = av.VideoFrame.from_ndarray(texture(48, 64), format="rgb24")
            container.mux([*shown.encode(picture), *shown.encode(None)])
        for start in range(0, 8 * 1152, 1152):
            wave = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.float32), "fltp", "mono")
            wave.sample_rate, wave.pts = 44100, start
            container.mux(heard.encode(wave))
        container.mux(heard.encode(None))


def nothing(path: Path) -> None:
    """Write a film that announces frames and has none."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "bgr0"
        container.start_encoding()


def two_sizes(path: Path) -> None:
    """Write a broadcast whose frames change their size."""
    data = b""
    for size in ((48, 64), (64, 96)):
        encoded(path, "libx264", "yuv420p", size=size)
        data += path.read_bytes()
    path.write_bytes(data)


def two_tracks(path: Path) -> None:
    """Write a film of two tracks of frames, the first darker."""
    with av.open(str(path), "w") as container:
        tracks = [container.add_stream("ffv1", rate=25) for _ in range(2)]
        for each in tracks:
            each.height, each.width, each.pix_fmt = 48, 64, "bgr0"
        for number in range(3):
            for value, each in zip((50, 200), tracks, strict=True):
                pixels = np.full((48, 64, 3), value, np.uint8)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="bgr0")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(each.encode(frame))
        for each in tracks:
            container.mux(each.encode(None))


def raw(data: bytes) -> Make:
    return lambda path: path.write_bytes(data)


def huge_picture() -> bytes:
    """Return a PNG that announces ten billion pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    size = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"x")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def huge_animation(side: int) -> bytes:
    """Return a GIF of one tiny picture on a huge screen."""
    screen = struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
    return (
        b"GIF89a" + screen + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0;"
    )


def folder(**pictures: Image.Image | bytes) -> Make:
    """Return what makes a folder of files, in whose names _ stands for the dot."""

    def make(path: Path) -> None:
        path.mkdir()
        for name, each in pictures.items():
            file = path / name.replace("_", ".")
            if isinstance(each, bytes):
                file.write_bytes(each)
            else:
                each.save(file)

    return make


def plain(mode: str, value: Any, size: tuple[int, int] = (40, 32)) -> Image.Image:
    return Image.new(mode, size, value)


def animated(path: Path) -> None:
    """Write a GIF whose frames are shown for different times."""
    first, *rest = (Image.fromarray(each) for each in moving(4))
    first.save(path, save_all=True, append_images=rest, duration=[40, 100, 400, 40])


def webp(path: Path, durations: list[int], values: list[Any], **how: Any) -> None:
    """Write an animated WebP of plain pictures."""
    first, *rest = (plain("RGBA", each) for each in values)
    how = {"lossless": True, "exact": True, "minimize_size": False} | how
    first.save(path, save_all=True, append_images=rest, duration=durations, **how)


COLORS = [(10, 20, 30, 255), (200, 100, 50, 255), (255, 255, 255, 51)]


GOOD: dict[str, tuple[Make, int, tuple[int, int]]] = {
    "twelve bits.mkv": (kind("ffv1", "yuv422p12le"), 3, (48, 64)),
    "gray.mp4": (kind("libx264", "gray"), 3, (48, 64)),
    "gray16.mkv": (kind("ffv1", "gray16le"), 3, (48, 64)),
    "alpha.mov": (kind("prores_ks", "yuva444p10le"), 3, (48, 64)),
    "rgb16.mkv": (kind("ffv1", "gbrp16le"), 3, (48, 64)),
    "rgb.mp4": (kind("libx264rgb", "rgb24"), 3, (48, 64)),
    "old.avi": (kind("mpeg4", "yuv420p"), 3, (48, 64)),
    "interlaced.mpg": (kind("mpeg2video", "yuv420p", flags="+ildct+ilme"), 3, (48, 64)),
    "windows.wmv": (kind("wmv2", "yuv420p"), 3, (48, 64)),
    "stream.h264": (kind("libx264", "yuv420p"), 3, (48, 64)),
    "with checksums.mkv": (
        kind("ffv1", "yuv420p", level="3", slicecrc="1"),
        3,
        (48, 64),
    ),
    "odd.mkv": (kind("ffv1", "yuv420p", size=(47, 63)), 3, (47, 63)),
    "one pixel.mkv": (kind("ffv1", "bgr0", size=(1, 1)), 3, (1, 1)),
    "a line.mkv": (kind("ffv1", "bgr0", size=(2, 500)), 3, (2, 500)),
    "fast.mp4": (kind("libx264", "yuv420p", rate=1000), 3, (48, 64)),
    "slow.mp4": (kind("libx264", "yuv420p", rate=Fraction(1, 10)), 3, (48, 64)),
    "broadcast.mp4": (kind("libx264", "yuv420p", rate=Fraction(30000, 1001)), 3, (48, 64)),
    "before zero.mkv": (lambda p: film(p, moving(4), times=[-3, -2, 0, 5]), 4, (48, 64)),
    "same time.avi": (lambda p: film(p, moving(4), times=[0, 1, 1, 2]), 3, (48, 64)),
    "two tracks.mkv": (two_tracks, 3, (48, 64)),
    "a picture.png": (lambda p: Image.fromarray(texture(48, 64)).save(p), 1, (48, 64)),
    "varied.gif": (animated, 4, (48, 64)),
    "animated.webp": (lambda p: webp(p, [40, 100, 400], COLORS), 3, (32, 40)),
    "still.webp": (lambda p: plain("RGB", 9).save(p), 1, (32, 40)),
    "wrong ending.gif": (lambda p: webp(p, [40, 40], COLORS[:2], format="webp"), 2, (32, 40)),
    "名前 ü.mp4": (kind("libx264", "yuv420p"), 3, (48, 64)),
    "formats": (
        folder(
            **{f"{n}_{e}": plain("RGB", 9) for n, e in enumerate(("png", "jpg", "bmp", "webp"))}
        ),
        4,
        (32, 40),
    ),
    "hidden files": (folder(a_png=plain("RGB", 9), __a_png=b"a Mac's own"), 1, (32, 40)),
}


@pytest.mark.parametrize("name", GOOD)
def test_an_odd_film_is_read_as_it_is(tmp_path: Path, name: str) -> None:
    make, count, size = GOOD[name]
    make(tmp_path / name)
    facts = facts_of(tmp_path / name)
    assert (facts.height, facts.width) == size
    found = list(frames_of(facts))
    assert len(found) == count
    assert all(each.pixels.shape == (*size, 3) for each in found)
    times = [each.time for each in found]
    assert times[0] == 0
    assert times == sorted(set(times))
    check_whole(facts)
    if name.startswith(("odd", "fast", "slow", "one", "before")):
        # What such frames are written as has their times again.
        made = write_film(form_of(tmp_path / "made.mp4", None), facts, found, job="")
        again = [float(each.time) for each in frames_of(facts_of(made))]
        assert again == pytest.approx([float(each) for each in times], abs=1e-3)


def cut_webp(path: Path) -> None:
    """Write an animated WebP, and then leave its end out."""
    frames = [Image.fromarray(each) for each in moving(6)]
    frames[0].save(path, format="webp", save_all=True, append_images=frames[1:], duration=40)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


BAD: dict[str, tuple[Make, str]] = {
    "text.mp4": (
        raw(b"this is no film at all\n" * 50),
        "can't decode .*FFmpeg finds no film in it",
    ),
    "empty.mp4": (raw(b""), "can't decode"),
    "zeros.mkv": (raw(bytes(5000)), "FFmpeg finds no film in it"),
    "drawing.mp4": (raw(b"<svg/>"), "FFmpeg finds no film|of a kind that this FFmpeg can't decode"),
    "cut before its index.mp4": (cut(), "FFmpeg finds no film in it, or it is damaged"),
    "cut behind its index.mp4": (
        cut(container_options={"movflags": "+faststart"}),
        r"is cut off or damaged: it should be 1\.60 s long, .*ends after 0\.\d\d s; .* --end 0\.",
    ),
    "cut.mkv": (cut("ffv1"), r"is cut off or damaged: it should be 1\.60 s long"),
    "cut.webm": (cut("libvpx-vp9"), r"is cut off or damaged: it should be 1\.60 s long"),
    "cut.avi": (cut("mpeg4"), "damaged"),
    "damaged.mp4": (damaged("libx265"), "can't decode .*it is damaged"),
    "damaged.mkv": (damaged("libx264", 60), "frame .* is damaged; convert the film anew"),
    "cut.webp": (cut_webp, r"frame \d+ of .*cut\.webp' is damaged|can't be read as WebP"),
    "scratched.mkv": (
        scratched("ffv1", "yuv420p", level="3", slicecrc="1"),
        r"is damaged at 0\.48\d* seconds: a checksum is wrong; get it again, convert it anew, or",
    ),
    "scratched.apng": (scratched("apng", "rgb24"), "it is damaged; play it, or convert it anew"),
    "no frames.mkv": (nothing, "it holds no frames"),
    "two sizes.ts": (
        two_sizes,
        "frame 3 of .* is 96x64 and the first 64x48 .*; cut the film there",
    ),
    "sound.m4a": (lambda p: sound(p, cover=False), "has no video; name a film"),
    "sound.mp4": (lambda p: sound(p, cover=False), "has no video; name a film"),
    "a cover.mp3": (lambda p: sound(p, cover=True), "has no video; name a film"),
    "huge.apng": (raw(huge_picture()), "can't decode"),
    "huge.gif": (raw(huge_animation(12_000)), "12000x12000 .* limit of 100 megapixels"),
    "a list.ffconcat": (raw(b"ffconcat version 1.0\nfile '/etc/hostname'\n"), "can't decode"),
    "no pictures": (folder(notes_txt=b"none"), "there are no pictures in the folder"),
    "a folder's folder": (
        lambda p: (p / "a.png").mkdir(parents=True),
        "there are no pictures in the folder",
    ),
    "sizes": (
        folder(a_png=plain("RGB", 0), b_png=plain("RGB", 0, (32, 32))),
        "is 32x32 and the first frame 40x32 .*; make them of one size",
    ),
    "an empty picture": (
        folder(a_png=plain("RGB", 0), b_png=b""),
        "frame 1 can't be read: .*empty",
    ),
    "a broken first": (folder(a_png=b"\x89PNG\r\n\x1a\n bro", b_png=plain("RGB", 0)), "broken PNG"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_broken_film_is_told_in_a_sentence_before_any_work(tmp_path: Path, name: str) -> None:
    make, message = BAD[name]
    make(tmp_path / name)
    with pytest.raises(EntopticError, match=message) as told:
        check_whole(facts_of(tmp_path / name))
    assert "\n" not in str(told.value)
    assert "Errno" not in str(told.value)


def test_a_film_that_is_cut_off_is_whole_up_to_what_there_is(tmp_path: Path) -> None:
    cut("ffv1")(tmp_path / "cut.mkv")
    facts = facts_of(tmp_path / "cut.mkv")
    there = len(list(frames_of(facts)))
    assert 10 < there < 28
    check_whole(facts, Fraction(there - 1, 25))
    with pytest.raises(BadFilm, match=f"take what there is with --end {there / 25:.2f}"):
        check_whole(facts)


def test_names_that_no_file_can_have_are_told(tmp_path: Path) -> None:
    for name in ("x" * 5000, "a\0b.mp4"):
        with pytest.raises(BadFilm, match="can't decode"):
            facts_of(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_film_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    encoded(tmp_path / "a.mkv", "ffv1", "bgr0")
    (tmp_path / "a.mkv").chmod(0)
    with pytest.raises(EntopticError, match="may not be read; change its permissions"):
        facts_of(tmp_path / "a.mkv")


def test_a_list_of_files_elsewhere_fetches_none(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n"
        (tmp_path / "a.m3u8").write_text(playlist)
        with pytest.raises(BadFilm, match="can't decode"):
            facts_of(tmp_path / "a.m3u8")
        with pytest.raises(TimeoutError):
            server.accept()


def test_the_first_of_two_tracks_is_shown(tmp_path: Path) -> None:
    two_tracks(tmp_path / "a.mkv")
    (first, *_) = frames_of(facts_of(tmp_path / "a.mkv"))
    assert (first.pixels == 50).all()


def test_an_animated_webp_has_its_frames_at_their_times(tmp_path: Path) -> None:
    webp(tmp_path / "a.webp", [40, 100, 400], COLORS)
    facts = facts_of(tmp_path / "a.webp")
    assert (facts.frames, facts.rate, facts.audio) == (3, Fraction(3000, 540), 0)
    found = list(frames_of(facts))
    times = [(float(each.time), float(each.duration or 0)) for each in found]
    assert times == [(0, 0.04), (0.04, 0.1), (0.14, 0.4)]
    # What is clear is on black: a fifth of 255.
    assert [tuple(each.pixels[5, 5]) for each in found] == [
        (10, 20, 30),
        (200, 100, 50),
        (51, 51, 51),
    ]
    deep = next(frames_of(replace(facts, bits=16)))
    assert tuple(deep.pixels[0, 0]) == (10 * 257, 20 * 257, 30 * 257)
    again = [each.number for each in frames_since(facts, Mark.of(found[1]))]
    assert again == [1, 2]
    assert next(frames_since(facts, Mark.of(found[2]))).time == Fraction(140, 1000)
    made = write_film(form_of(tmp_path / "b.webp", None), facts, found, job="")
    assert [each.time for each in frames_of(facts_of(made))] == [each.time for each in found]


def test_frames_of_a_webp_that_say_no_duration_are_shown_as_browsers_do(tmp_path: Path) -> None:
    webp(tmp_path / "a.webp", [0, 0], COLORS[:2])
    assert [each.time for each in frames_of(facts_of(tmp_path / "a.webp"))] == [0, Fraction(1, 10)]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mp4")
    with pytest.raises(BadFilm, match="is a device or a pipe; save the film to a file"):
        facts_of(tmp_path / "a.mp4")


def test_pictures_of_a_folder_may_be_gray_clear_and_deep(tmp_path: Path) -> None:
    deep = Image.fromarray(np.full((32, 40), 0x4B00, np.uint16))
    clear = plain("RGBA", (255, 255, 255, 0))
    folder(a_png=plain("L", 77), b_png=clear, c_png=deep, d_png=plain("RGB", (1, 2, 3)))(
        tmp_path / "mixed"
    )
    found = [tuple(each.pixels[0, 0]) for each in frames_of(facts_of(tmp_path / "mixed"))]
    assert found == [(77, 77, 77), (0, 0, 0), (75, 75, 75), (1, 2, 3)]


@pytest.mark.parametrize(
    ("name", "codec", "size", "rate", "message"),
    [
        ("a.mkv", "hevc", (1, 1), 25, "libx265 can't encode frames of 1x1 .*; take another size"),
        ("a.mp4", None, (99, 20_000), 25, "libx264 can't encode frames of 20000x99"),
        ("a.gif", None, (32, 32), 60, "a GIF shows 50 frames per second at most, and these are 60"),
    ],
)
def test_what_a_format_cannot_hold_is_told_before_any_work(
    name: str, codec: str | None, size: tuple[int, int], rate: int, message: str
) -> None:
    facts = Facts(Path(name), *size, Fraction(rate), Fraction(1, rate))
    with pytest.raises(BadSetting, match=message):
        check_form(form_of(Path(name), codec), facts)


def test_a_codec_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    facts = Facts(tmp_path, 1, 1, Fraction(25), Fraction(1, 25))
    frames = [Frame(0, Fraction(0), None, np.zeros((1, 1, 3), np.uint8))]
    with pytest.raises(CannotWrite, match=r"can't write .*a\.mkv"):
        write_film(form_of(tmp_path / "a.mkv", "hevc"), facts, frames, job="")
    assert list(tmp_path.iterdir()) == []

"""Films read and written: times, sound, colors, and what is no film."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from entoptic.errors import BadFilm, BadSetting, EntopticError, PictureNotFound
from entoptic.video.reading import Frame, at_rate, facts_of, frames_of
from entoptic.video.writing import JOB_KEY, Sound, check_sound, form_of, lossless, write_film
from filming import film, moving, packets, texture

pytest.importorskip("av")


def copied(source: Path, output: Path, codec: str | None = None, *, sound: bool = True) -> Path:
    """Write the frames of a film again, as `entoptic film` does."""
    facts = facts_of(source)
    heard = Sound(source, Fraction(0), None) if sound and facts.audio else None
    return write_film(form_of(output, codec), facts, frames_of(facts), job="{}", sound=heard)


@pytest.mark.parametrize(
    ("name", "codec", "error"),
    [
        ("a.mp4", None, 6),
        ("a.mp4", "hevc", 6),
        ("a.mkv", "vp9", 6),
        ("a.webm", None, 6),
        ("a.mov", "prores", 6),
        ("a.gif", None, 12),
        ("a.apng", None, 0),
        ("frames", None, 0),
    ],
)
def test_a_film_comes_back_in_every_format(
    tmp_path: Path, name: str, codec: str | None, error: float
) -> None:
    frames = moving(5)
    source = film(tmp_path / "source.mkv", frames, codec="ffv1", pixels="bgr0")
    made = copied(source, tmp_path / name, codec)
    found = list(frames_of(at_rate(facts_of(made), Fraction(25) if made.is_dir() else None)))
    assert len(found) == 5
    assert [round(each.time * 25) for each in found] == [0, 1, 2, 3, 4]
    for before, after in zip(frames, found, strict=True):
        assert np.abs(before.astype(float) - after.pixels).mean() <= error


def test_animated_webp_holds_every_frame(tmp_path: Path) -> None:
    from PIL import Image

    frames = moving(5)
    source = film(tmp_path / "source.mkv", frames, codec="ffv1", pixels="bgr0")
    with Image.open(copied(source, tmp_path / "a.webp")) as made:
        assert made.n_frames == 5  # type: ignore[attr-defined]
        for number, each in enumerate(frames):
            made.seek(number)
            shown = np.asarray(made.convert("RGB")).astype(float)
            assert np.abs(shown - each).mean() < 6


def test_frames_without_loss_are_the_same_bytes(tmp_path: Path) -> None:
    frames = moving(4, 47, 63)
    facts = facts_of(film(tmp_path / "a.mkv", frames, codec="ffv1", pixels="bgr0"))
    given = [Frame(n, Fraction(n, 25), None, each) for n, each in enumerate(frames)]
    write_film(lossless(tmp_path / "b.mkv", 8), facts, given, job="")
    found = list(frames_of(facts_of(tmp_path / "b.mkv")))
    assert all(np.array_equal(a, b.pixels) for a, b in zip(frames, found, strict=True))


AGAIN = """
import sys
from pathlib import Path
from entoptic.video.reading import facts_of, frames_of
from entoptic.video.writing import form_of, write_film
facts = facts_of(Path(sys.argv[1]))
write_film(form_of(Path(sys.argv[2]), None), facts, frames_of(facts), job="{}")
"""


def test_the_same_frames_are_the_same_file_whatever_memory_holds(tmp_path: Path) -> None:
    source = film(tmp_path / "source.mkv", moving(12, 64, 80), codec="ffv1", pixels="bgr0")
    made = []
    for filled in ("0", "85"):  # glibc fills memory that nobody wrote with it
        name = tmp_path / f"{filled}.mp4"
        subprocess.run(
            [sys.executable, "-c", AGAIN, source, name],
            env=os.environ | {"MALLOC_PERTURB_": filled},
            check=True,
        )
        made.append(name.read_bytes())
    assert made[0] == made[1]


def test_the_sound_is_the_same_packets(tmp_path: Path) -> None:
    source = film(tmp_path / "source.mp4", moving(20), audio="aac")
    made = copied(source, tmp_path / "made.mp4")
    assert len(packets(source)) > 20
    assert packets(made) == packets(source)


def test_the_sound_of_a_part_begins_and_ends_with_it(tmp_path: Path) -> None:
    source = film(tmp_path / "source.mp4", moving(50), audio="aac")
    facts, heard = facts_of(source), packets(source)
    some = [each for each in frames_of(facts) if 1 <= each.time < Fraction(3, 2)]
    some = [Frame(n, each.time - 1, each.duration, each.pixels) for n, each in enumerate(some)]
    form = form_of(tmp_path / "made.mp4", None)
    write_film(form, facts, some, job="{}", sound=Sound(source, Fraction(1), Fraction(3, 2)))
    found = packets(tmp_path / "made.mp4")
    # A packet is 1024 of 44,100 samples a second.
    assert abs(len(found) - 44100 / 2 / 1024) <= 1
    first = heard.index(found[0])
    assert abs(first - 44100 / 1024) <= 2
    assert found == heard[first : first + len(found)]


def test_a_film_whose_sound_a_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    source = film(tmp_path / "source.mp4", moving(5), audio="aac")
    with pytest.raises(BadFilm, match=r"webm can't hold the sound, which is aac; take .*\.mkv"):
        check_sound(form_of(tmp_path / "a.webm", None), source)


def test_times_between_frames_may_vary(tmp_path: Path) -> None:
    times = [0, 40, 55, 200, 210, 1000]
    source = film(tmp_path / "source.mp4", moving(6), times=times, base=Fraction(1, 1000))
    made = copied(source, tmp_path / "made.mp4")
    assert [round(each.time * 1000) for each in frames_of(facts_of(made))] == times


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_film_that_players_turn_is_upright(tmp_path: Path, turned: int) -> None:
    frames = moving(3)
    source = film(tmp_path / "source.mp4", frames, turned=turned)
    made = copied(source, tmp_path / "made.mp4")
    facts = facts_of(made)
    assert (facts.height, facts.width) == ((64, 48) if turned % 180 else (48, 64))
    (first, *_) = frames_of(facts)
    upright = np.rot90(frames[0], turned // 90)
    assert np.abs(first.pixels.astype(float) - upright).mean() < 6


def test_pixels_that_are_not_square_stay_so(tmp_path: Path) -> None:
    source = film(tmp_path / "source.mp4", moving(3), aspect=Fraction(16, 11))
    assert facts_of(copied(source, tmp_path / "made.mp4")).pixel_aspect == Fraction(16, 11)


@pytest.mark.parametrize("matrix", [1, 6])
@pytest.mark.parametrize("span", [1, 2])
def test_colors_keep_their_matrix_and_range(tmp_path: Path, matrix: int, span: int) -> None:
    frame = np.empty((32, 32, 3), np.uint8)
    frame[:] = (200, 50, 120)
    source = film(tmp_path / "source.mp4", [frame] * 3, matrix=matrix, span=span)
    made = facts_of(copied(source, tmp_path / "made.mp4"))
    assert (made.matrix, made.full_range) == (matrix, span == 2)
    (first, *_) = frames_of(made)
    assert np.abs(first.pixels.astype(float) - frame).max() <= 4


def test_sizes_that_are_odd_repeat_their_edge(tmp_path: Path) -> None:
    frames = moving(3, 47, 63)
    source = film(tmp_path / "source.mkv", frames, codec="ffv1", pixels="bgr0")
    (first, *_) = frames_of(facts_of(copied(source, tmp_path / "made.mp4")))
    assert first.pixels.shape == (48, 64, 3)
    assert np.abs(first.pixels[:47, :63].astype(float) - frames[0]).mean() < 6


def test_a_film_with_alpha_is_on_black(tmp_path: Path) -> None:
    from PIL import Image

    clear = Image.new("RGBA", (32, 32), (255, 255, 255, 0))
    clear.paste((255, 0, 0, 255), (0, 0, 16, 32))
    clear.save(tmp_path / "a.apng", format="PNG", save_all=True, append_images=[clear.copy()])
    (first, *_) = frames_of(facts_of(tmp_path / "a.apng"))
    assert tuple(first.pixels[0, 0]) == (255, 0, 0)
    assert tuple(first.pixels[0, 31]) == (0, 0, 0)


def test_ten_bits_are_read(tmp_path: Path) -> None:
    frames = moving(3)
    source = film(tmp_path / "a.mkv", frames, pixels="yuv444p10le")
    (first, *_) = frames_of(facts_of(source))
    assert np.abs(first.pixels.astype(float) - frames[0]).mean() < 6


def test_a_film_of_one_frame_is_a_film(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mp4", moving(1))
    assert len(list(frames_of(facts_of(copied(source, tmp_path / "b.mp4"))))) == 1


def test_a_film_with_the_wrong_ending_is_read(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mp4", moving(3)).rename(tmp_path / "a.avi")
    assert len(list(frames_of(facts_of(source)))) == 3


def test_a_folder_is_read_in_the_order_of_numbers(tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "frames"
    folder.mkdir()
    for number in (10, 9, 100, 1):
        Image.new("RGB", (32, 32), (number,) * 3).save(folder / f"frame{number}.png")
    (folder / "notes.txt").write_text("not a picture")
    shown = [int(each.pixels[0, 0, 0]) for each in frames_of(facts_of(folder))]
    assert shown == [1, 9, 10, 100]


def _text(path: Path) -> Path:
    path.write_text("this is no film at all\n" * 50)
    return path


def _empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def _truncated(path: Path) -> Path:
    data = film(path, moving(10)).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def _zeros(path: Path) -> Path:
    path.write_bytes(bytes(5000))
    return path


def _silent(path: Path) -> Path:
    import wave

    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8000))
    return path


def _no_pictures(path: Path) -> Path:
    path.mkdir()
    return path


def _two_sizes(path: Path) -> Path:
    from PIL import Image

    path.mkdir()
    for number, side in enumerate((32, 40)):
        Image.new("RGB", (side, 32)).save(path / f"{number}.png")
    return path


def _broken_picture(path: Path) -> Path:
    from PIL import Image

    path.mkdir()
    Image.new("RGB", (32, 32)).save(path / "0.png")
    (path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return path


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("a.mp4", _text, "can't decode '.*a.mp4': .*; play it, or convert it anew"),
        ("a.mp4", _empty, "can't decode"),
        ("a.mp4", _truncated, "can't decode"),
        ("a.mkv", _zeros, "can't decode"),
        ("a.wav", _silent, "has no video; name a film, a GIF or a folder of pictures"),
        ("folder", _no_pictures, "there are no pictures in the folder"),
        ("sizes", _two_sizes, "is 40x32 and the first frame 32x32 .*; make them of one size"),
        ("broken", _broken_picture, "frame 1 can't be read"),
    ],
)
def test_what_is_no_film_is_told_in_a_sentence(
    tmp_path: Path, name: str, make: Callable[[Path], Path], message: str
) -> None:
    with pytest.raises(BadFilm, match=message) as told:
        list(frames_of(facts_of(make(tmp_path / name))))
    assert "\n" not in str(told.value)


def test_a_film_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PictureNotFound, match=r"there is no file '.*gone.mp4'; name a film"):
        facts_of(tmp_path / "gone.mp4")


@pytest.mark.parametrize(
    ("name", "codec", "message"),
    [
        ("a.avi", None, r"can't write a film as '.avi'; take one of .mp4"),
        ("a.webm", "h264", r".webm can't hold h264; it holds vp9"),
        ("frames", "h264", "leave it out for a folder of pictures"),
    ],
)
def test_a_format_that_is_not_written_is_refused(
    name: str, codec: str | None, message: str
) -> None:
    with pytest.raises(BadSetting, match=message):
        form_of(Path(name), codec)


def test_nothing_is_left_of_a_film_that_cannot_be_written(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mp4", moving(3))
    (tmp_path / "b.mp4").write_bytes(b"before")
    facts = facts_of(source)

    def frames() -> object:
        yield from frames_of(facts)
        raise BadFilm("damaged in the middle")

    with pytest.raises(EntopticError, match="damaged in the middle"):
        write_film(form_of(tmp_path / "b.mp4", None), facts, frames(), job="{}")  # type: ignore[arg-type]
    assert (tmp_path / "b.mp4").read_bytes() == b"before"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_the_job_is_in_the_metadata(tmp_path: Path) -> None:
    import av

    source = film(tmp_path / "a.mp4", [texture(32, 32)] * 2)
    facts = facts_of(source)
    for name in ("b.mp4", "b.mkv", "b.webm", "b.mov"):
        write_film(form_of(tmp_path / name, None), facts, frames_of(facts), job='{"entoptic": 1}')
        with av.open(str(tmp_path / name)) as container:
            found = {key.lower(): value for key, value in container.metadata.items()}
        assert found[JOB_KEY] == '{"entoptic": 1}'

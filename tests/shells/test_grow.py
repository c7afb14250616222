"""`entoptic grow` as it is typed: what grows, its film made again, killed and gone on with."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch

import entoptic as ent
from filming import are_same, frames_in, texture
from shells.command import entoptic, finished, process

pytest.importorskip("av")
pytest.importorskip("cv2")

QUICK = ("--octaves", "1", "--steps", "2", "--layer", "conv1")
SHORT = ("--seconds", "0.2", "--hold-first", "0", "--hold-last", "0", "--quiet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photo = torch.from_numpy(texture(48, 64)).permute(2, 0, 1)[None] / 255
    ent.write(tmp_path / "sky.png", photo)
    return tmp_path


def test_a_photo_is_dreamt_and_its_film_made_again(folder: Path) -> None:
    done = entoptic("grow", "sky.png", *QUICK, *SHORT, folder=folder)
    assert (done.code, done.out.strip()) == (0, "sky-grow.mp4"), done.err
    assert len(frames_in(folder / "sky-grow.mp4")) == 6
    assert entoptic("redo", "sky-grow.mp4", "-q", folder=folder).code == 0
    assert are_same(folder / "sky-grow-redo.mp4", folder / "sky-grow.mp4")
    how = ("--seconds", "0.4", "--strength", "2", "-o", "other.mp4", "-q")
    assert entoptic("redo", "sky-grow.mp4", *how, folder=folder).code == 0
    assert len(frames_in(folder / "other.mp4")) == 11
    refused = entoptic("grow", "sky.png", *QUICK, *SHORT, folder=folder)
    assert refused.code == 1
    assert "'sky-grow.mp4' is there already; name another output" in refused.err


def test_a_picture_grows_as_it_was_made(folder: Path) -> None:
    assert entoptic("dream", "sky.png", *QUICK, "-q", folder=folder).code == 0
    done = entoptic("grow", "sky-dream.png", *SHORT, "-o", "grow.mkv", "--json", folder=folder)
    told = json.loads(done.out)
    assert (told["frames"], told["job"]["settings"]["of"]) == (6, "dream")
    assert told["job"]["settings"]["steps"] == 2
    last = torch.from_numpy(frames_in(folder / "grow.mkv")[-1]).permute(2, 0, 1)[None] / 255
    assert float((last - ent.read(folder / "sky-dream.png").image).abs().mean()) < 0.03
    (folder / "sky.png").unlink()
    gone = entoptic("grow", "sky-dream.png", *SHORT, "-o", "b.mkv", folder=folder)
    assert gone.code == 1
    assert "isn't here; say where it is with --photo FILE" in gone.err


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (("visualize", "conv1:3", "--size", "32", "--steps", "2"), "conv1-3-grow.mp4"),
        (
            (
                "interpolate",
                "conv1:3",
                "conv1:5",
                "--size",
                "32",
                "--steps",
                "2",
                "--pictures",
                "2",
            ),
            "conv1-3-grow.mp4",
        ),
        (("dream", "--noise", "32x48", *QUICK), "noise-grow.mp4"),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else "",
)
def test_any_recipe_grows_by_its_own_options(
    folder: Path, typed: tuple[str, ...], name: str
) -> None:
    done = entoptic("grow", *typed, *SHORT, folder=folder)
    assert (done.code, done.out.strip()) == (0, name), done.err
    assert entoptic("redo", name, "-q", folder=folder).code == 0
    assert are_same(folder / f"{Path(name).stem}-redo.mp4", folder / name)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            ("fire7:3",),
            "neither a file nor a recipe; for a unit type: entoptic grow visualize fire7",
        ),
        (("skye.png",), "no picture 'skye.png'; did you mean 'sky.png'?"),
        (("nope.png",), "no picture 'nope.png'; check the name and the folder"),
        (("sky.png", "--easing", "x"), "easing is 'x'; it is one of smooth, linear, in, out"),
        (("sky.png", "--codec", "vp9", "-o", "a.mov"), ".mov can't hold vp9"),
        (("sky.png", "--steps", "0"), "nothing grows in 0 steps"),
        (("--seconds", "3", "sky.png"), "No such option"),
    ],
)
def test_what_is_wrong_is_told_before_any_work(
    folder: Path, typed: tuple[str, ...], message: str
) -> None:
    done = entoptic("grow", *typed, folder=folder)
    assert done.code == (1 if message.startswith("no picture") else 2)
    assert message in done.err
    assert [each.name for each in folder.iterdir()] == ["sky.png"]


def test_its_help_shows_the_options_of_the_picture_and_of_the_film(tmp_path: Path) -> None:
    told = entoptic("grow", "visualize", "--help", folder=tmp_path)
    assert told.code == 0
    for option in ("--canvas", "--hold-last", "--watch", "--codec"):
        assert option in told.out
    assert "PICTURE  " not in entoptic("grow", "--help", folder=tmp_path).out


def test_the_frames_of_a_folder_are_no_pictures_of_their_own(folder: Path) -> None:
    how = ("-o", "made/", "--bits", "16")
    assert entoptic("grow", "sky.png", *QUICK, *SHORT, *how, folder=folder).code == 0
    assert ent.images.bits_of(folder / "made" / "frame000003.png") == 16
    done = entoptic("redo", "made/frame000000.png", folder=folder)
    assert done.code == 1
    assert "is a frame of a grow; make the film's file again" in done.err


def parts(folder: Path) -> int:
    return len([*(folder / "made.mp4.parts").glob("*.json")])


def test_a_film_that_is_killed_equals_an_undisturbed_one(folder: Path) -> None:
    how = ("grow", "sky.png", "--layer", "conv1", "--octaves", "1", "--steps", "30")
    assert entoptic(*how, "-o", "whole.mp4", folder=folder).code == 0
    child = process(*how, "-o", "made.mp4", folder=folder)
    while child.poll() is None and not parts(folder):
        time.sleep(0.02)
    child.kill()
    if finished(child).code == 0:
        pytest.fail("the film was finished before it was killed; make it longer")
    assert not (folder / "made.mp4").exists()
    assert entoptic(*how, "-o", "made.mp4", folder=folder).code == 0
    assert are_same(folder / "made.mp4", folder / "whole.mp4")
    assert {each.name for each in folder.iterdir()} == {"sky.png", "whole.mp4", "made.mp4"}

"""`entoptic film` and `zoom` as they are typed: killed, interrupted, and gone on with."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shlex
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import entoptic as ent
from entoptic.video.containers import comment_of
from entoptic.video.reading import facts_of, frames_of
from entoptic.video.writing import form_of, write_film
from filming import are_same, film, frames_in, moving, packets
from shells.command import entoptic, finished, process

pytest.importorskip("av")
pytest.importorskip("cv2")

QUICK = ("--octaves", "1", "--steps", "1", "--layer", "conv1", "--quiet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    film(tmp_path / "clip.mp4", moving(12), audio="aac")
    return tmp_path


def test_a_film_is_made_beside_its_source(folder: Path) -> None:
    done = entoptic("film", "clip.mp4", *QUICK, folder=folder)
    assert (done.code, done.out.strip()) == (0, "clip-dream.mp4")
    assert len(frames_in(folder / "clip-dream.mp4")) == 12
    assert packets(folder / "clip-dream.mp4") == packets(folder / "clip.mp4")
    again = entoptic("film", "clip.mp4", *QUICK, folder=folder)
    assert again.code == 1
    assert "'clip-dream.mp4' is there already; name another output" in again.err


@pytest.mark.parametrize(
    "name",
    [
        "made.mp4",
        "made.mkv",
        pytest.param("made.webm", marks=pytest.mark.slow),
        pytest.param("made.mov", marks=pytest.mark.slow),
    ],
)
def test_a_film_is_made_again_from_its_job(folder: Path, name: str) -> None:
    how = ("--silent", "--strength", "0s:0.5,1s:2", "--coherence", "0.6", "-o", name)
    assert entoptic("film", "clip.mp4", *QUICK, *how, folder=folder).code == 0
    again = entoptic("redo", name, "--quiet", folder=folder)
    output = folder / f"made-redo{Path(name).suffix}"
    assert (again.code, again.out.strip()) == (0, output.name), again.err
    assert are_same(output, folder / name)
    other = entoptic("redo", name, "-o", "other.mp4", "--strength", "0.2", "-q", folder=folder)
    assert other.code == 0
    assert not are_same(folder / "other.mp4", folder / name)


def test_a_film_is_made_again_with_changes_as_its_own_command_reads_them(files: Path) -> None:
    changes = ("--strength", "0s:0.3,4s:1.5", "--every", "2", "--region", "half.png=conv1:3")
    assert entoptic("film", "two.mp4", *QUICK, "-o", "made.mkv", folder=files).code == 0
    done = entoptic("redo", "made.mkv", *changes, "-q", folder=files)
    assert done.code == 0, done.err
    found = json.loads(str(comment_of(files / "made-redo.mkv")))["settings"]
    assert (found["strength"], found["every"]) == ("0s:0.3,4s:1.5", 2)
    assert found["region"] == [["half.png", "channel('conv1', 3)"]]
    fresh = entoptic("film", "two.mp4", *QUICK, *changes, "-o", "fresh.mkv", folder=files)
    assert fresh.code == 0, fresh.err
    assert are_same(files / "made-redo.mkv", files / "fresh.mkv")


def test_the_help_shows_the_options_of_the_recipe_that_made_the_film(folder: Path) -> None:
    how = ("--end", "0.05", "-o", "made.mp4")
    assert entoptic("film", "clip.mp4", *QUICK, *how, folder=folder).code == 0
    told = entoptic("redo", "made.mp4", "--help", folder=folder)
    assert told.code == 0, told.err
    for option in ("--coherence", "--octaves", "--every N         Number of frames", "--workers"):
        assert option in told.out
    assert "--hold-first" not in told.out
    assert "default: the picture's" not in told.out
    ent.write(folder / "sky.png", torch.rand(1, 3, 48, 64))
    how = ("--seconds", "0.1", "-o", "grow.mp4")
    assert entoptic("grow", "sky.png", *QUICK, *how, folder=folder).code == 0
    told = entoptic("redo", "grow.mp4", "--help", folder=folder)
    for option in ("--hold-first", "--octaves"):
        assert option in told.out
    assert "--coherence" not in told.out


TOO_LATE = [
    ("redo made.mp4 -o clip.mp4", 1, "'clip.mp4' is there already; name another"),
    ("redo made.mp4 -o no/a.mp4", 1, "there is no folder 'no'; make it, or name"),
    ("redo made.mp4 -o a.avi", 2, "can't write a film as '.avi'"),
    ("redo made.mp4 -o a.mov --codec vp9", 2, ".mov can't hold vp9"),
    ("redo made.mp4 --finish", 2, "continued by the command that began it"),
    ("redo made.mp4 --hold-last 2", 2, "film has no setting 'hold_last'"),
    ("film clip.mp4 -o made.mp4", 1, "'made.mp4' is there already"),
    ("film clip.mp4 -o no/a.mp4", 1, "there is no folder 'no'; make it, or name"),
    ("zoom sky.png -o made.mp4", 1, "'made.mp4' is there already"),
    ("grow sky.png -o made.mp4", 1, "'made.mp4' is there already"),
    ("grow visualize conv1:3 -o a.avi", 2, "can't write a film as '.avi'"),
]


def test_where_a_film_goes_is_looked_at_before_a_network_is_loaded(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ent.write(files / "sky.png", torch.rand(1, 3, 48, 64))
    assert entoptic("film", "two.mp4", *QUICK, "-o", "made.mp4", folder=files).code == 0

    def loaded(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a network is loaded")

    monkeypatch.setattr("entoptic.jobs.permission.load", loaded)
    monkeypatch.setattr("entoptic.networks.model_of", loaded)
    for typed, code, message in TOO_LATE:
        done = entoptic(*typed.split(), folder=files)
        assert (done.code, done.out) == (code, ""), (typed, done.err)
        assert message in done.err


ODD = [
    ("film two.mp4 -o -", 2, "a film can't go to stdout (-); name a file"),
    ("grow half.png -o -", 2, "a film can't go to stdout (-); name a file"),
    ("zoom ''", 2, "photo is ''; it must be the name of a file, which isn't empty"),
    ("zoom / -o a.mp4", 1, "is a folder; name one picture file in it"),
    ("zoom /", 1, "is a folder; name one picture file in it"),
    ("film /", 1, "there are no pictures in the folder '/'"),
    ("film - -o a.mp4", 2, "a film can't come on stdin (-); save it to a file first"),
    (f"zoom half.png -o {'x' * 300}.mp4", 1, "(File name too long); name another output"),
    ("film two.mp4 -o a.mp4 --watch no/x.png", 1, "there is no folder 'no' to write to"),
    ("film two.mp4 -o a.mp4 --watch x.txt", 1, "no picture can be written to 'x.txt'"),
    ("zoom half.png -o a.mp4 --watch half.png --force", 1, "'half.png'"),
    ("film two.mp4 -o a.mp4 --watch guide.png", 1, "'guide.png' is there already; name another"),
    ("grow half.png -o a.mp4 --watch guide.png", 1, "'guide.png' is there already; name another"),
    ("zoom a.webp -o a.webp --force", 1, "'a.webp' is a file that is read; name another output"),
    ("film two.mp4 --mask clip.mp4 -o clip.mp4 -f", 1, "'clip.mp4' is a file that is read"),
    ("film pipe.mp4 -o a.mp4", 1, "is a device or a pipe; save the film to a file"),
]


def test_nothing_of_the_users_is_replaced_and_nothing_begun_that_cannot_end(files: Path) -> None:
    image = torch.rand(1, 3, 48, 64, generator=torch.manual_seed(0))
    ent.write(files / "a.webp", image)
    os.mkfifo(files / "pipe.mp4")
    before = {each.name: each.stat().st_mtime_ns for each in files.iterdir()}
    for typed, code, message in ODD:
        done = entoptic(*shlex.split(typed), "--octaves", "1", "--steps", "1", folder=files)
        assert (done.code, done.out) == (code, ""), (typed, done.err)
        assert message in done.err, (typed, done.err)
    assert {each.name: each.stat().st_mtime_ns for each in files.iterdir()} == before


def test_a_film_of_the_current_folder_bears_its_name(files: Path) -> None:
    from entoptic.recipes.film import Film

    frames = files / "frames"
    frames.mkdir()
    with contextlib.chdir(frames):
        assert Film("squeezenet1_1", ".").destination() == Path("frames-dream.mp4")


def test_the_frame_that_is_shown_may_be_that_of_the_time_before(files: Path) -> None:
    how = ("--watch", "now.png", *QUICK)
    assert entoptic("film", "two.mp4", "-o", "a.mp4", *how, folder=files).code == 0
    first = (files / "now.png").stat().st_mtime_ns
    assert entoptic("film", "two.mp4", "-o", "b.mp4", *how, folder=files).code == 0
    assert (files / "now.png").stat().st_mtime_ns > first


def test_a_zoom_is_made_again_from_its_job(folder: Path) -> None:
    ent.write(folder / "sky.png", torch.rand(1, 3, 48, 64))
    how = ("--seconds", "0.2", "--turn", "30", "--center", "0.2,0.4", "-o", "zoom.mp4")
    assert entoptic("zoom", "sky.png", *QUICK, *how, folder=folder).code == 0
    assert entoptic("redo", "zoom.mp4", "--quiet", folder=folder).code == 0
    assert are_same(folder / "zoom-redo.mp4", folder / "zoom.mp4")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "clip.mp4").unlink(), "isn't here, or has changed; say where"),
        (lambda folder: film(folder / "clip.mp4", moving(3)), "isn't here, or has changed"),
    ],
)
def test_a_film_whose_source_is_gone_says_so(folder: Path, change: Any, message: str) -> None:
    assert entoptic("film", "clip.mp4", *QUICK, "-o", "made.mp4", folder=folder).code == 0
    change(folder)
    done = entoptic("redo", "made.mp4", "--quiet", folder=folder)
    assert done.code == 1
    assert message in done.err


FILES = {
    "a guide at the usual layer": ("--guide", "guide.png"),
    "a guide at layers over time": ("--guide", "guide.png", "--layer", "0s:conv1,1s:fire2"),
    "an objective with a guide": ("--objective", "match('conv1', 'guide.png')"),
    "a region and a mask": ("--region", "half.png=conv1:3", "--mask", "half.png"),
    "a region with a guide": ("--region", "half.png=match('conv1', 'guide.png')"),
    "a film as mask": ("--mask", "clip.mp4"),
    "texts": ("--transforms", "jitter(2)", "--optimizer", "adam(0.05)", "--rules", "guided"),
}


@pytest.fixture
def files(folder: Path) -> Path:
    half = torch.zeros(1, 3, 48, 64)
    half[..., :24, :] = 1
    ent.write(folder / "half.png", half)
    ent.write(folder / "guide.png", torch.rand(1, 3, 40, 40, generator=torch.manual_seed(0)))
    film(folder / "two.mp4", moving(2))
    return folder


@pytest.mark.parametrize("how", FILES.values(), ids=FILES.keys())
def test_a_film_with_files_is_made_again_where_they_are_found(
    files: Path, how: tuple[str, ...]
) -> None:
    quick = ("--octaves", "1", "--steps", "1", "--quiet", "-o", "made.mkv")
    done = entoptic("film", "two.mp4", *quick, *how, folder=files)
    assert done.code == 0, done.err
    other = files / "other"
    other.mkdir()
    for name in ("half.png", "guide.png", "clip.mp4", "two.mp4"):
        (files / name).rename(other / name)
    again = entoptic("redo", "made.mkv", "--look-in", "other", "--quiet", folder=files)
    assert again.code == 0, again.err
    assert are_same(files / "made-redo.mkv", files / "made.mkv")


@pytest.mark.parametrize(
    ("how", "name", "message"),
    [
        (FILES["a guide at layers over time"], "guide.png", "the guide 'guide.png' has changed"),
        (FILES["an objective with a guide"], "guide.png", "the guide 'guide.png' has changed"),
        (FILES["a region and a mask"], "half.png", "the mask 'half.png' that 'made.mkv' was made"),
        (FILES["a region with a guide"], "half.png", "the guide 'half.png' has changed"),
        (FILES["a film as mask"], "clip.mp4", "isn't here, or has changed; say where it is with"),
    ],
)
def test_a_film_whose_files_have_changed_says_so(
    files: Path, how: tuple[str, ...], name: str, message: str
) -> None:
    quick = ("--octaves", "1", "--steps", "1", "--quiet", "-o", "made.mkv")
    assert entoptic("film", "two.mp4", *quick, *how, folder=files).code == 0
    if name.endswith("png"):
        ent.write(files / name, torch.rand(1, 3, 48, 64))
    else:
        film(files / name, moving(3, seed=5))
    done = entoptic("redo", "made.mkv", "--quiet", folder=files)
    assert done.code == 1
    assert message in done.err
    assert not (files / "made-redo.mkv").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "match('conv1', 'a') + match('conv1', 'b')"}, "a layer, and several guides"),
        ({"settings": {"region": ["half.png"]}}, "damaged: region is 'half.png'"),
        ({"settings": {"mask": "/etc/passwd"}}, "the mask '/etc/passwd' that 'made.mkv' was made"),
    ],
)
def test_a_strangers_film_reads_nothing_else(
    files: Path, changes: dict[str, Any], message: str
) -> None:
    assert entoptic("film", "two.mp4", *QUICK, "-o", "made.mkv", folder=files).code == 0
    job = json.loads(str(comment_of(files / "made.mkv")))
    changed = job | changes | {"settings": job["settings"] | changes.get("settings", {})}
    facts = facts_of(files / "made.mkv")
    write_film(form_of(files / "made.mkv", None), facts, frames_of(facts), job=json.dumps(changed))
    done = entoptic("redo", "made.mkv", "--quiet", folder=files)
    assert done.code == 1
    assert message in done.err


def test_a_film_of_a_folder_is_made_again(files: Path) -> None:
    (files / "frames").mkdir()
    for number in range(2):
        ent.write(files / "frames" / f"{number}.png", torch.rand(1, 3, 48, 64))
    assert entoptic("film", "frames", *QUICK, "-o", "made.mkv", folder=files).code == 0
    assert entoptic("redo", "made.mkv", "--quiet", folder=files).code == 0
    assert are_same(files / "made-redo.mkv", files / "made.mkv")
    (files / "frames" / "1.png").unlink()
    done = entoptic("redo", "made.mkv", "-o", "b.mkv", "--quiet", folder=files)
    assert "the film 'frames' that 'made.mkv' was made from isn't here" in done.err


def test_a_film_without_a_job_is_not_made_again(folder: Path) -> None:
    done = entoptic("redo", "clip.mp4", folder=folder)
    assert done.code == 1
    assert "'clip.mp4' carries no job; name a film that entoptic wrote" in done.err


def test_what_was_made_is_told_as_json(folder: Path) -> None:
    done = entoptic("zoom", "clip.png", folder=folder)
    assert done.code == 1
    film(folder / "frames.mkv", moving(1), codec="ffv1", pixels="bgr0")
    how = ("film", "frames.mkv", "-o", "made/", "--json", "--watch", "now.png", *QUICK)
    told = json.loads(entoptic(*how, folder=folder).out)
    assert (told["film"], told["frames"], told["finished"]) == ("made", 1, True)
    assert told["job"]["recipe"] == "film"
    assert [each.name for each in (folder / "made").iterdir()] == ["frame000000.png"]
    assert (folder / "now.png").exists()


def test_ctrl_c_leaves_a_film_that_plays_and_the_same_command_goes_on(folder: Path) -> None:
    film(folder / "long.mp4", moving(70))
    how = ("film", "long.mp4", *QUICK)
    assert entoptic(*how, "-o", "whole.mp4", folder=folder).code == 0
    child = process(*how, "-o", "made.mp4", "--watch", "now.png", folder=folder)
    until(folder / "now.png")
    child.send_signal(signal.SIGINT)
    done = finished(child)
    if done.code == 0:
        pytest.fail("the film was finished before Ctrl-C came; make it longer")
    assert done.code == 130
    assert "run the same command again to continue" in done.err
    assert 1 <= len(frames_in(folder / "made.mp4")) < 70
    assert entoptic(*how, "-o", "made.mp4", folder=folder).code == 0
    assert are_same(folder / "made.mp4", folder / "whole.mp4")
    assert not (folder / "made.mp4.parts").exists()


def until(path: Path) -> None:
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.1)
    pytest.fail(f"{path} never came")


def killed(folder: Path, moments: int, seed: int, *more: str) -> None:
    """Kill the making of a film so often, and then let it end."""
    rng = random.Random(seed)
    how = ("film", "long.mp4", "-o", "made.mp4", *QUICK, *more)
    for _ in range(moments):
        child = process(*how, folder=folder)
        until(folder / "made.mp4.parts")
        time.sleep(rng.uniform(0, 1.5))
        child.kill()
        child.communicate()
        if not (folder / "made.mp4.parts").exists():
            break  # the whole film was there already
    forced = ["--force"] if (folder / "made.mp4").exists() else []
    assert entoptic(*how, *forced, folder=folder).code == 0


@pytest.mark.parametrize(
    ("moments", "more"),
    [
        (2, ()),
        pytest.param(20, (), marks=pytest.mark.slow),
        pytest.param(20, ("--workers", "2"), marks=pytest.mark.slow),
    ],
    ids=["twice", "twenty times", "twenty times, with workers"],
)
def test_a_film_that_is_killed_equals_an_undisturbed_one(
    folder: Path, moments: int, more: tuple[str, ...]
) -> None:
    # Three scenes.
    film(folder / "long.mp4", [*moving(50, seed=1), *moving(20, seed=2), *moving(30, seed=3)])
    whole = ("film", "long.mp4", "-o", "whole.mp4", *QUICK)
    assert entoptic(*whole, folder=folder).code == 0
    killed(folder, moments, moments, *more)
    assert are_same(folder / "made.mp4", folder / "whole.mp4")
    left = {each.name for each in folder.iterdir()}
    assert left == {"clip.mp4", "long.mp4", "whole.mp4", "made.mp4"}


def test_a_full_disk_keeps_what_is_finished(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from entoptic.jobs import film_parts

    how = ("film", "clip.mp4", "-o", "made.mp4", *QUICK)

    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(film_parts, "write_film", full)
    done = entoptic(*how, folder=folder)
    assert done.code == 1
    assert "can't write the film's parts" in done.err
    assert "No space left on device" in done.err
    monkeypatch.setattr(film_parts, "write_film", write_film)
    assert entoptic(*how, folder=folder).code == 0
    assert len(frames_in(folder / "made.mp4")) == 12

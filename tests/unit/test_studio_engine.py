"""The studio's engine: one order at a time, stopped within a step, gone on with, told in words."""

from __future__ import annotations

import contextlib
import io
import shlex
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageSequence

import entoptic as ent
from entoptic.errors import BadPicture, BadSetting, PictureNotFound
from entoptic.images import read, write
from entoptic.jobs.job import Job, Source
from entoptic.studio.engine import Engine, Made, Report, Run, Shown
from entoptic.studio.limits import Limits
from entoptic.studio.shelf import Shelf
from entoptic.studio.studio import Studio
from filming import film, moving
from shells.command import entoptic

LONG = 120
"""Seconds after which a test gives up."""

BESIDE = ("recipe", "left_out", "height", "width")
"""What is told of a picture beside its settings."""


class Steps:
    """Work of so many steps, each of which waits until the test lets it go."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count, self.error = count, error
        self.done = 0
        self.gate, self.begun = threading.Semaphore(0), threading.Event()

    def carry_out(self, report: Report) -> bool:
        if self.error is not None:
            raise self.error
        while self.done < self.count:
            self.begun.set()
            assert self.gate.acquire(timeout=LONG)
            self.done += 1
            share = self.done / self.count
            if report(Shown(self.done, self.count, share, "octave 1 of 1", (float(self.done),))):
                return self.done == self.count
        return True

    def result(self) -> Made:
        return Made(f"{self.done}.png")

    def let(self, steps: int) -> None:
        for _ in range(steps):
            self.gate.release()


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine where two may wait."""
    found = Engine(most_waiting=2)
    yield found
    found.close()


def test_an_order_is_carried_out_to_its_end(engine: Engine) -> None:
    work = Steps(3)
    work.let(3)
    view = engine.wait(engine.submit("me", work), LONG)
    assert (view.state, view.scores, view.made) == ("done", (1.0, 2.0, 3.0), Made("3.png"))
    assert (view.shown and view.shown.share, view.goes_on) == (1.0, False)


def test_a_stopped_order_ends_after_its_step_and_keeps_what_there_is(engine: Engine) -> None:
    work = Steps(5)
    run = engine.submit("me", work)
    work.let(2)
    _until(lambda: work.done == 2)
    assert work.begun.wait(LONG)
    engine.stop("me")
    work.let(1)
    view = engine.wait(run, LONG)
    assert (view.state, view.made, view.goes_on) == ("stopped", Made("3.png"), True)


def test_what_was_stopped_goes_on_from_its_step(engine: Engine) -> None:
    work = Steps(5)
    run = _stopped_after(engine, work, 3)
    assert engine.go_on("you") is None
    assert engine.go_on("me") is run
    work.let(2)
    view = engine.wait(run, LONG)
    assert (view.state, view.made, view.scores) == (
        "done",
        Made("5.png"),
        (1.0, 2.0, 3.0, 4.0, 5.0),
    )
    assert engine.go_on("me") is None


def test_another_order_takes_the_memory_of_the_one_that_was_stopped(engine: Engine) -> None:
    run = _stopped_after(engine, Steps(5), 1)
    other = Steps(1)
    other.let(1)
    engine.wait(engine.submit("you", other), LONG)
    assert not engine.view(run).goes_on
    assert engine.go_on("me") is None


def test_those_who_wait_are_told_how_many_are_before_them(engine: Engine) -> None:
    works = [Steps(1) for _ in range(3)]
    runs = []
    for name, work in zip("abc", works, strict=True):
        runs.append(engine.submit(name, work))
        assert works[0].begun.wait(LONG)
    assert [engine.view(each).ahead for each in runs] == [0, 1, 2]
    with pytest.raises(BadSetting, match="2 others are waiting, which is the most; try again"):
        engine.submit("d", Steps(1))
    for work in works:
        work.let(1)
    assert [engine.wait(each, LONG).state for each in runs] == ["done"] * 3


def test_a_hundred_clicks_are_one_order(engine: Engine) -> None:
    first, last = Steps(1), Steps(1)
    runs = [engine.submit("me", first)]
    assert first.begun.wait(LONG)
    runs += [engine.submit("me", Steps(1)) for _ in range(98)]
    runs.append(engine.submit("me", last))
    first.let(1)
    last.let(1)
    assert engine.wait(runs[-1], LONG).state == "done"
    assert {engine.view(each).state for each in runs[1:-1]} == {"stopped"}


def test_a_closed_page_stops_its_order_and_no_other(engine: Engine) -> None:
    mine, yours = Steps(5), Steps(1)
    run = engine.submit("me", mine)
    assert mine.begun.wait(LONG)
    other = engine.submit("you", yours)
    engine.leave("me")
    mine.let(1)
    yours.let(1)
    assert engine.wait(run, LONG).state == "stopped"
    assert engine.wait(other, LONG).state == "done"
    engine.leave("me")
    assert engine.go_on("me") is None


def test_errors_are_sentences_and_the_worker_goes_on(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    for error, told in (
        (BadSetting("steps is 0; it must be 1"), "steps is 0; it must be 1"),
        (MemoryError(), "there isn't enough memory for a picture of this size; choose a smaller"),
        (ZeroDivisionError("x"), "something went wrong that shouldn't have (ZeroDivisionError: x)"),
    ):
        view = engine.wait(engine.submit("me", Steps(1, error)), LONG)
        assert view.state == "failed"
        assert (view.error or "").startswith(told)
    assert capsys.readouterr().err.count("Traceback") == 1
    good = Steps(1)
    good.let(1)
    assert engine.wait(engine.submit("me", good), LONG).state == "done"


def test_questions_are_answered_between_steps(engine: Engine) -> None:
    work = Steps(2)
    run = engine.submit("me", work)
    assert work.begun.wait(LONG)
    answer, wrong = engine.ask(threading.current_thread), engine.ask(lambda: 1 / 0)
    work.let(1)
    assert answer.result(LONG).name == "entoptic-studio"
    with pytest.raises(ZeroDivisionError):
        wrong.result(LONG)
    work.let(1)
    assert engine.wait(run, LONG).state == "done"


def test_closing_keeps_what_there_is_and_leaves_no_thread() -> None:
    engine, work = Engine(), Steps(5)
    run, waiting = engine.submit("me", work), engine.submit("you", Steps(1))
    assert work.begun.wait(LONG)
    closing = threading.Thread(target=engine.close)
    closing.start()
    _until(lambda: run.stop_asked.is_set())
    work.let(1)
    closing.join(LONG)
    assert not closing.is_alive()
    assert engine.view(run).made == Made("1.png")
    assert engine.view(waiting).state == "stopped"
    assert "entoptic-studio" not in {each.name for each in threading.enumerate()}
    with pytest.raises(BadSetting, match="the studio is being closed"):
        engine.submit("me", Steps(1))


def _stopped_after(engine: Engine, work: Steps, steps: int) -> Run:
    run = engine.submit("me", work)
    work.let(steps - 1)
    _until(lambda: work.done == steps - 1)
    engine.stop("me")
    work.let(1)
    assert engine.wait(run, LONG).state == "stopped"
    return run


def _until(so: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(LONG * 100):
        if so():
            return
        pause.wait(0.01)
    raise AssertionError("it never came to be so")


# With a network


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("entoptic.studio.unit_pictures._STEPS", 2)
        found = Studio(tmp_path_factory.mktemp("studio"), Limits(size=256, steps=60))
        yield found
        found.close()


@pytest.fixture(scope="module")
def photo(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a photo that was uploaded."""
    noise = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    file = write(tmp_path_factory.mktemp("photos") / "My sky!.png", noise)
    return studio.shelf("").add(file.read_bytes(), file.name)


def asked(photo: str, **more: object) -> dict[str, object]:
    """Return a small dream, as a page asks for it."""
    small = {"model": "squeezenet1_1", "photo": photo, "octaves": 1, "steps": 2, "layer": "fire2"}
    return small | more


def test_a_dream_is_kept_with_its_job_and_its_command_makes_the_same_bytes(
    studio: Studio, photo: str, tmp_path: Path
) -> None:
    assert photo.startswith("My-sky-")
    run = studio.start("", "dream", asked(photo, seed=3))
    view = studio.engine.wait(run, LONG)
    assert (view.state, view.error) == ("done", None)
    assert view.version >= 1
    assert run.picture is not None
    assert run.picture.startswith(b"\xff\xd8")
    assert view.made is not None
    name = view.made.name
    assert name is not None
    file = studio.folder / name
    enter, line = view.made.again["command"].splitlines()
    assert enter == f"cd {studio.folder}"
    words = shlex.split(line)
    assert words[-2:] == ["-o", name]
    made = tmp_path / "again.png"
    assert entoptic(*words[1:-1], made, folder=studio.folder).code == 0
    assert made.read_bytes() == file.read_bytes()
    made.unlink()
    with contextlib.chdir(studio.folder):
        exec(view.made.again["python"].replace(name, str(made)), {})
    assert made.read_bytes() == file.read_bytes()


def test_a_stopped_dream_goes_on_to_the_bytes_of_one_that_was_never_stopped(
    studio: Studio, photo: str
) -> None:
    whole = studio.engine.wait(studio.start("", "dream", asked(photo, steps=40)), LONG)
    run = studio.start("", "dream", asked(photo, steps=40))
    _until(lambda: run.shown is not None)
    studio.engine.stop("")
    stopped = studio.engine.wait(run, LONG)
    assert stopped.state == "stopped"
    assert stopped.made is not None
    assert stopped.made.name is not None
    assert 0 < studio.shelf("").job(stopped.made.name).stopped_after < 40
    assert "entoptic redo My-sky-dream" in stopped.made.again["command"]
    assert stopped.goes_on
    on = studio.engine.wait(studio.go_on("", None), LONG)
    # And from its first step, where the engine has forgotten it.
    from_first = studio.engine.wait(studio.go_on("", stopped.made.name), LONG)
    files = [each.made and each.made.name for each in (whole, on, from_first)]
    contents = {(studio.folder / str(each)).read_bytes() for each in files}
    assert len({*files}) == 3
    assert len(contents) == 1


def test_what_is_masked_stays_as_it_is(studio: Studio, photo: str, tmp_path: Path) -> None:
    mask = torch.zeros(1, 3, 48, 64)
    mask[..., :24, :] = 1
    name = studio.shelf("").add(write(tmp_path / "mask.png", mask).read_bytes(), "mask.png")
    run = studio.start("", "dream", asked(photo, mask=name))
    view = studio.engine.wait(run, LONG)
    assert view.made is not None, view.error
    before = read(studio.shelf("").photo_file(photo)).image
    after = read(studio.folder / str(view.made.name)).image
    assert (after[..., 24:, :] == before[..., 24:, :]).all()
    assert (after[..., :24, :] != before[..., :24, :]).any()
    assert f"--mask photos/{name}" in view.made.again["command"]


def test_guides_and_masks_are_in_the_command_and_found_again(
    studio: Studio, photo: str, tmp_path: Path
) -> None:
    shelf = studio.shelf("")
    mask = torch.zeros(1, 3, 48, 64)
    mask[..., :40] = 1
    named = {
        "guide": shelf.add(write(tmp_path / "g.png", mask * 0.5 + 0.2).read_bytes(), "it's.png"),
        "mask": shelf.add(write(tmp_path / "mask.png", mask).read_bytes(), "mask.png"),
    }
    view = studio.engine.wait(studio.start("", "dream", asked(photo) | named), LONG)
    assert view.made is not None, view.error
    kept = (studio.folder / str(view.made.name)).read_bytes()
    words = shlex.split(view.made.again["command"].splitlines()[1])
    made = tmp_path / "again.png"
    for command in (words[1:-1], ["redo", str(view.made.name), "-o"]):
        ended = entoptic(*command, made, "--force", folder=studio.folder)
        assert ended.code == 0, ended.err
        assert made.read_bytes() == kept


def test_a_film_is_previewed_moving_and_made_without_naming_the_folder(
    studio: Studio, tmp_path: Path
) -> None:
    pytest.importorskip("av", reason="needs PyAV: pip install 'entoptic[film]'")
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'entoptic[film]'")
    clip = film(tmp_path / "clip.mp4", moving(3, 48, 64))
    kept = studio.shelf("").add_film(clip.read_bytes(), "clip.mp4")
    assert (kept["height"], kept["width"], kept["film"]) == (48, 64, True)
    wanted = {"model": "squeezenet1_1", "film": kept["name"], "octaves": 1, "steps": 1}
    run = studio.start("", "film", wanted | {"coherence": 0.5}, preview=True)
    view = studio.engine.wait(run, LONG)
    assert (view.state, view.version) == ("done", 3), view.error
    assert view.made is not None
    assert view.made.again["command"].endswith(" --coherence 0.5 -o clip-film.mp4")
    with Image.open(io.BytesIO(run.picture or b"")) as shown:
        assert (shown.format, shown.info["loop"]) == ("WEBP", 0)
        assert len([*ImageSequence.Iterator(shown)]) == 3
    view = studio.engine.wait(studio.start("", "film", wanted), LONG)
    assert view.made is not None, view.error
    made = studio.folder / str(view.made.name)
    job = studio.shelf("").job(made.name)
    assert job.photo is not None
    assert job.photo.name == f"photos/{kept['name']}"
    assert str(studio.folder) not in job.to_json()
    found = studio.settings_of("", job)
    assert found == wanted | {
        "recipe": "film", "left_out": [],
        "size": 64, "height": 48, "width": 64,
    }  # fmt: skip
    ended = entoptic("redo", made.name, "-o", tmp_path / "again.mp4", folder=studio.folder)
    assert ended.code == 0, ended.err
    studio.shelf("").photo_file(kept["name"]).unlink()
    ended = entoptic("redo", made.name, "-o", tmp_path / "third.mp4", folder=studio.folder)
    assert ended.code != 0
    assert "say where it is with --photo FILE" in ended.err
    with pytest.raises(
        BadSetting, match=r"the film 'clip-\w+.mp4', which isn't in the studio; drop"
    ):
        studio.settings_of("", job)


def test_a_film_that_was_dropped_is_as_long_as_the_studio_allows(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av", reason="needs PyAV: pip install 'entoptic[film]'")
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'entoptic[film]'")
    clip = film(tmp_path / "slow.mp4", moving(3, 48, 64), base=Fraction(1))
    name = studio.shelf("").add_film(clip.read_bytes(), "slow.mp4")["name"]
    monkeypatch.setattr(studio, "limits", replace(studio.limits, seconds=2))
    wanted = {"model": "squeezenet1_1", "film": name, "octaves": 1, "steps": 0}
    view = studio.engine.wait(studio.start("", "film", wanted), LONG)
    told = "the film would be 3 s long, and this studio makes at most 2; choose a shorter one, or"
    assert (view.state, (view.error or "")[: len(told)]) == ("failed", told)
    for more, preview in (({"end": 2.0}, False), ({}, True)):
        run = studio.start("", "film", wanted | more, preview=preview)
        assert studio.engine.wait(run, LONG).state == "done"


def test_the_history_is_found_again_starred_deleted_and_taken_back(
    studio: Studio, photo: str
) -> None:
    view = studio.engine.wait(studio.start("", "dream", asked(photo)), LONG)
    assert view.made is not None
    name = str(view.made.name)
    shelf = Shelf(studio.folder)  # as after a restart
    assert shelf.items()[0].name == name
    shelf.star(name, True)
    assert [each.starred for each in Shelf(studio.folder).items() if each.name == name] == [True]
    shelf.delete(name)
    assert not shelf.has(name)
    with pytest.raises(PictureNotFound, match="it may have been deleted"):
        shelf.file(name)
    shelf.restore(name)
    assert shelf.items()[0].starred
    shelf.star(name, False)
    assert not shelf.items()[0].starred


def test_the_settings_of_a_picture_come_back(studio: Studio, photo: str) -> None:
    wanted = asked(photo, steps=3, strength=1.5, keep_colors=True, seed=7)
    view = studio.engine.wait(studio.start("", "dream", wanted), LONG)
    assert view.made is not None
    job = studio.shelf("").job(str(view.made.name))
    found = studio.settings_of("", job)
    again = studio.engine.wait(
        studio.start("", "dream", {k: v for k, v in found.items() if k not in BESIDE}), LONG
    )
    assert again.made is not None, again.error
    one, other = (studio.folder / str(each.made and each.made.name) for each in (view, again))
    assert (read(one).image == read(other).image).all()
    assert (found["recipe"], found["strength"], found["seed"]) == ("dream", 1.5, 7)
    assert (found["objective"], found["photo"]) == ("energy('fire2')", photo)
    assert (found["height"], found["width"], found["left_out"]) == (48, 64, [])
    assert found["size"] == 64  # the photo's own
    noise = replace(job, photo=None, settings={**job.settings, "noise": [20, 30]})
    assert studio.settings_of("", noise)["size"] == 30


def test_settings_without_a_control_come_back_and_are_in_the_command(
    studio: Studio, photo: str, tmp_path: Path
) -> None:
    mask = torch.zeros(1, 3, 48, 64)
    mask[..., :24, :] = 1
    name = studio.shelf("").add(write(tmp_path / "part.png", mask).read_bytes(), "part.png")
    more = {
        "region": [[name, "channel('fire3', 2)"]],
        "norm": "l2",
        "rules": "guided",
        "shaping": "chroma(0.5) + decorrelate",
        "transforms": "rotate(-5, 5) + robust",
        "step_size": 0.02,
    }
    view = studio.engine.wait(studio.start("", "dream", asked(photo) | more), LONG)
    assert view.made is not None, view.error
    job = studio.shelf("").job(str(view.made.name))
    found = studio.settings_of("", job)
    assert found["left_out"] == []
    assert {"norm", "rules", "shaping", "transforms", "step_size", "region"} < found.keys()
    again = studio.start("", "dream", {k: v for k, v in found.items() if k not in BESIDE})
    other = studio.engine.wait(again, LONG)
    assert other.made is not None, other.error
    again_made = studio.folder / str(other.made.name)
    assert (read(again_made).image == read(studio.folder / str(view.made.name)).image).all()
    words = shlex.split(other.made.again["command"].splitlines()[1])
    assert f"photos/{name}=channel('fire3', 2)" in words
    ended = entoptic(*words[1:-1], tmp_path / "again.png", folder=studio.folder)
    assert ended.code == 0, ended.err
    assert (tmp_path / "again.png").read_bytes() == again_made.read_bytes()


def test_files_of_a_picture_are_found_by_their_bytes_or_named_as_missing(
    studio: Studio, photo: str, tmp_path: Path
) -> None:
    sky = tmp_path / "elsewhere.png"
    sky.write_bytes(studio.shelf("").photo_file(photo).read_bytes())
    noise = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(5))
    guide = write(tmp_path / "flowers.png", noise)
    how = {"layer": "fire2", "guide": guide, "octaves": 1, "steps": 1}
    job = ent.dream(ent.load(), sky, **how).job  # type: ignore[arg-type]
    found = studio.settings_of("", job)
    assert (found["photo"], found["layer"], "guide" in found) == (photo, "fire2", False)
    assert found["left_out"] == ["the guide 'flowers.png', which isn't in the studio"]
    name = studio.shelf("").add(guide.read_bytes(), "other.png")
    found = studio.settings_of("", job)
    assert (found["guide"], found["left_out"]) == (name, [])
    lacking = replace(job, photo=Source("a.png", "0" * 64))
    found = studio.settings_of("", lacking)
    assert found["left_out"] == ["the photo 'a.png', which isn't in the studio"]


def test_a_camera_that_has_no_control_comes_back(studio: Studio, photo: str) -> None:
    stored = {"center": [0.2, 0.3], "down": 0.1, "step_size": "0s:0.01,1s:0.02", "seconds": 2.0}
    source = Source(f"photos/{photo}", None)
    job = Job("zoom", "squeezenet1_1", "energy('fire2')", stored, source)
    found = studio.settings_of("", job)
    assert {name: found[name] for name in stored} == stored
    asked = {name: each for name, each in found.items() if name not in BESIDE}
    command = studio.texts("", "zoom", asked)["command"]
    assert "--center 0.2,0.3 --down 0.1 --step-size 0s:0.01,1s:0.02" in command


def test_settings_of_a_method_come_back_as_the_method(studio: Studio) -> None:
    how = {"size": 32, "steps": 1, "method": "lucid"}
    job = ent.visualize(ent.load(), "fire2:3", **how).job  # type: ignore[arg-type]
    assert {"canvas", "transforms", "learning_rate"} < job.settings.keys()
    wanted = how | {"model": "squeezenet1_1", "units": job.objective}
    assert studio.settings_of("", job) == wanted | {"recipe": "visualize", "left_out": []}
    other = replace(job, settings=job.settings | {"transforms": "gentle"})
    assert studio.settings_of("", other)["transforms"] == "gentle"


def test_what_a_page_cant_say_of_a_picture_is_named(studio: Studio) -> None:
    job = ent.visualize(ent.load(), "fire2:3", size=32, steps=1).job
    stored = replace(job, settings={**job.settings, "spectrum": "a.npz"})
    found = studio.settings_of("", stored)
    assert found["left_out"] == ["--spectrum a.npz"]
    named = replace(job, recipe="dream", settings={}, objective="direction('fire2', 'a.npy')")
    named = replace(named, guides=(Source("a.npy", "0" * 64),))
    found = studio.settings_of("", named)
    assert found["left_out"] == ["the objective, which names the file 'a.npy'"]


def test_units_are_shown_and_blended(studio: Studio) -> None:
    run = studio.start(
        "", "visualize", {"model": "squeezenet1_1", "units": ["fire2:3"], "size": 64, "steps": 2}
    )
    view = studio.engine.wait(run, LONG)
    assert view.made is not None, view.error
    assert view.made.name == "fire2-3-visualize.png"
    assert "visualize fire2:3 --size 64 --steps 2" in view.made.again["command"]


def test_pictures_of_units_are_made_while_nothing_else_is_asked_for(studio: Studio) -> None:
    wanted = lambda: studio.units.want("squeezenet1_1", "fire2", [0, 1])  # noqa: E731
    assert wanted() == {0: "wanted", 1: "wanted"}
    _until(lambda: wanted() == {0: "made", 1: "made"})
    file = studio.units.file("squeezenet1_1", "fire2", 1)
    assert file is not None
    assert (read(file).height, read(file).width) == (96, 96)
    with pytest.raises(BadSetting, match="squeezenet1_1 has no unit fire2:128"):
        studio.units.want("squeezenet1_1", "fire2", [128])


def test_a_zoom_is_previewed_and_made(studio: Studio, photo: str) -> None:
    pytest.importorskip("av", reason="needs PyAV: pip install 'entoptic[film]'")
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'entoptic[film]'")
    zoom = asked(photo, seconds=0.2, size=64)
    before = len(studio.shelf("").items())
    preview = studio.engine.wait(studio.start("", "zoom", zoom, preview=True), LONG)
    assert (preview.state, preview.made and preview.made.name) == ("done", None), preview.error
    assert (preview.version, len(studio.shelf("").items())) == (5, before)
    film = studio.engine.wait(studio.start("", "zoom", zoom), LONG)
    assert film.made is not None, film.error
    assert film.made.name == "My-sky-zoom.mp4"
    assert studio.shelf("").items()[0].film
    assert f"zoom photos/{photo} --octaves 1 --steps 2" in film.made.again["command"]
    with pytest.raises(BadSetting, match="900 s long, and this studio makes at most 600"):
        studio.start("", "zoom", zoom | {"seconds": 900})


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"model": "python:os:getcwd"}, "this studio has no such network; it has squeezenet1_1"),
        ({"model": "onnx:/etc/passwd"}, "this studio has no such network"),
        ({"photo": "../../etc/passwd"}, "the studio has no picture '../../etc/passwd'"),
        ({"photo": "/etc/passwd"}, "the studio has no picture"),
        ({"photo": "https://example.org/a.png"}, "the studio has no picture"),
        ({"photo": ["a"]}, "photo must be a text"),
        ({"mask": "../stars.json"}, "the studio has no picture"),
        ({"guide": "x" * 5000}, "guide must be a text of at most 2000 characters"),
        ({"device": "cuda"}, "'device' is no setting of a dream on this page"),
        ({"region": ["a.png=fire2:3"]}, "the studio has no picture 'a.png'"),
        ({"region": [["../stars.json", "fire2:3"]]}, "the studio has no picture '../stars.json'"),
        ({"region": [["https://example.org/a.png", "fire2:3"]]}, "the studio has no picture"),
        ({"region": [[1, "fire2:3"]]}, "the region's mask must be a text"),
        ({"norm": "/etc/passwd"}, "norm is '/etc/passwd'; it is one of mean_abs, max_abs"),
        ({"optimizer": "python:os:getcwd"}, "can't read the optimizer"),
        ({"optimizer": "open('/etc/passwd')"}, "no optimizer named 'open'"),
        ({"shaping": "https://example.org"}, "can't read the shaping"),
        ({"rules": "guided + os.system('true')"}, "can't read the rules"),
        ({"transforms": ["jitter(8)"]}, "transforms must be a text"),
        ({"memory": "1TiB"}, "'memory' is no setting"),
        ({"together": [3, 1]}, "'together' is no setting"),
        ({"spectrum": "a.npz"}, "'spectrum' is no setting"),
        ({"__class__": "x"}, "'__class__' is no setting"),
        ({"steps": -1}, "steps is -1; it must be a whole number"),
        ({"steps": 1e300}, "steps is 1"),
        ({"strength": float("nan")}, "strength is nan"),
        ({"size": "9" * 400}, "size"),
        ({"octaves": "many"}, "octaves is 'many'"),
        ({"layer": "nothing"}, "no layer named 'nothing'"),
        ({"layer": None, "objective": "__import__('os')"}, "__import__"),
        ({"layer": None, "objective": "style('fire2', '/etc/passwd')"}, "can't name a file"),
        ({"layer": None, "objective": "direction('fire2', 'a.npy')"}, "can't name a file"),
        ({"layer": None, "objective": "(" * 1500}, "nested deeper"),
        ({"size": 512}, "the picture would be 512 pixels long, and this studio makes at most 256"),
        ({"steps": 50, "octaves": 2}, "that is 100 steps in all, and this studio makes at most 60"),
        ({"noise": [20000, 20000], "photo": None}, "this studio makes at most 256"),
    ],
)
def test_a_page_may_not_say_everything(
    studio: Studio, photo: str, more: dict[str, object], told: str
) -> None:
    try:
        view = studio.engine.wait(studio.start("", "dream", asked(photo) | more), LONG)
    except ent.errors.EntopticError as error:
        found = str(error)
    else:
        assert view.state == "failed"
        found = view.error or ""
    assert told in found


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_what_is_no_picture_isnt_kept(studio: Studio, data: bytes) -> None:
    before = sorted((studio.folder / "photos").iterdir())
    with pytest.raises(BadPicture, match=r"'a/\.\./b\.png'"):
        studio.shelf("").add(data, "a/../b.png")
    assert sorted((studio.folder / "photos").iterdir()) == before


def test_names_of_uploads_stay_in_the_folder(studio: Studio, photo: str) -> None:
    data = studio.shelf("").photo_file(photo).read_bytes()
    for name in ("../../../evil.png", "/etc/x.png", "", "\0.png", "a" * 300, ".hidden", "..", "é"):
        kept = studio.shelf("").add(data, name)
        assert (studio.folder / "photos" / kept).is_file()
        assert studio.shelf("").photo(kept).height == 48


def test_a_full_folder_takes_no_more_photos(tmp_path: Path, studio: Studio, photo: str) -> None:
    data = studio.shelf("").photo_file(photo).read_bytes()
    small = Shelf(tmp_path / "small", photo_bytes=len(data) - 1)
    with pytest.raises(BadSetting, match="which is nearly all they may; delete some"):
        small.add(data, "sky.png")


def test_a_link_in_the_folder_leads_nowhere(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "studio")
    (tmp_path / "secret.png").write_bytes(b"x")
    (shelf.folder / "a.png").symlink_to(tmp_path / "secret.png")
    assert shelf.items() == []
    with pytest.raises(PictureNotFound):
        shelf.file("a.png")


def test_a_visitor_of_a_hosted_studio_has_a_history_of_its_own(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "studio", Limits(private=1))
    try:
        with pytest.raises(BadSetting, match="this visit has ended; load the page again"):
            studio.shelf("stranger")
        studio.enter("one")
        studio.enter("two")
        folder = studio.shelf("one").folder
        assert folder != studio.shelf("two").folder
        assert folder.is_dir()
        studio.leave("one")
        assert not folder.exists()
    finally:
        studio.close()
    assert not [*Path(tmp_path / "studio").glob("*.png")]


def test_limits_are_read_from_the_environment() -> None:
    found = Limits.of({"ENTOPTIC_STUDIO_STEPS": "100"}, size=512)
    assert (found.steps, found.size, found.queue) == (100, 512, 20)
    with pytest.raises(BadSetting, match="ENTOPTIC STUDIO SIZE is 'big'; it must be a number"):
        Limits.of({"ENTOPTIC_STUDIO_SIZE": "big"})

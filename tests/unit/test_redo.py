"""Redoing: the same picture from its job, with changes, or a word on why not."""

from __future__ import annotations

import importlib.metadata
import itertools
import os
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch

import entoptic as ent
from entoptic.errors import (
    BadExpression,
    BadSetting,
    EntopticError,
    NoJob,
    NotAllowed,
    PictureNotFound,
    UnknownModel,
)
from entoptic.images import read_job
from entoptic.jobs.job import Job, Result, Source
from entoptic.jobs.stored import check_stored
from entoptic.runners.run import plan_redo
from planning import plan_dream, plan_visualize

QUICK: dict[str, Any] = {"octaves": 1, "steps": 1, "jitter": 2}


@pytest.fixture(scope="module")
def model() -> ent.Model:
    return ent.load()


def noise(path: Path, seed: int, height: int = 40, width: int = 52) -> Path:
    rng = torch.Generator().manual_seed(seed)
    return ent.write(path, torch.rand((1, 3, height, width), generator=rng))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return noise(tmp_path / "photo.png", 1)


@pytest.fixture
def picture(model: ent.Model, photo: Path) -> Path:
    """A dream of one step, saved beside its photo."""
    result = ent.dream(model, photo, layer="fire3", seed=7, **QUICK)
    return result.save(photo.with_name("dream.png"))


def job_of(path: Path) -> Job:
    return Job.from_json(read_job(path))


def with_job(path: Path, **changes: Any) -> Path:
    """A picture whose job a stranger has changed."""
    job = replace(job_of(path), **changes)
    return Result(ent.read(path).image, job).save(path.with_name("strange.png"))


def test_a_plan_to_redo_is_the_plan_that_was(picture: Path) -> None:
    plan = plan_redo(picture)
    assert plan.job == job_of(picture)
    again = plan.run().save(picture.with_name("again.png"))
    assert again.read_bytes() == picture.read_bytes()


def test_a_picture_begun_from_noise_needs_no_photo(model: ent.Model, tmp_path: Path) -> None:
    path = ent.dream(model, noise=(40, 52), layer="fire3", **QUICK).save(tmp_path / "a.png")
    again = plan_redo(path).run().save(tmp_path / "b.png")
    assert again.read_bytes() == path.read_bytes()


def test_a_dream_that_was_stopped_is_stopped_again(model: ent.Model, photo: Path) -> None:
    plan = plan_dream(model, photo, layer="fire3", **QUICK | {"steps": 5})
    scores = []
    for step in plan.steps():
        scores.append(step.scores)
        if len(scores) == 2:
            break
    path = plan.result(step, scores).save(photo.with_name("stopped.png"))
    again = plan_redo(path)
    assert (again.count, job_of(path).stopped_after) == (2, 2)
    assert again.run().save(photo.with_name("b.png")).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("recipe", ["dream", "visualize"])
def test_what_an_older_release_stopped_is_stopped_again(
    model: ent.Model, photo: Path, recipe: str
) -> None:
    if recipe == "dream":
        plan = plan_dream(model, photo, look="original", octaves=1, steps=5)
        newer = {"shaping", "headroom", "region", "protect", "detail", "rules", "mix", "mask"}
    else:
        plan = plan_visualize(model, ["fire2:3"], size=32, steps=5)
        newer = {"seamless"}
    step = list(itertools.islice(plan.steps(), 2))[-1]
    made = plan.result(step, [step.scores] * 2)
    known = {name: each for name, each in made.job.settings.items() if name not in newer}
    assert known.keys() < made.job.settings.keys()
    old = replace(made.job, settings=known)
    file = replace(made, job=old).save(photo.with_name("old.png"))
    again = plan_redo(file)
    assert (again.count, again.job) == (2, made.job)
    assert torch.equal(again.run().image, made.image)


def test_changes_are_made_and_all_else_is_kept(picture: Path) -> None:
    plan = plan_redo(picture, steps=3, seed=8, jitter=None)
    assert (plan.settings.steps, plan.settings.jitter, plan.job.seed) == (3, 2, 8)  # type: ignore[attr-defined]
    assert plan.job.objective == "energy('fire3')"
    assert plan_redo(picture, layer="fire4").job.objective == "energy('fire4')"


def test_a_photo_that_has_moved_is_found_beside_the_picture_or_where_it_is_said_to_be(
    picture: Path, photo: Path, tmp_path: Path
) -> None:
    beside = tmp_path / "elsewhere"
    beside.mkdir()
    moved = picture.rename(beside / "dream.png")
    photo.rename(beside / "photo.png")
    assert plan_redo(moved).run().save(tmp_path / "a.png").read_bytes() == moved.read_bytes()
    (beside / "photo.png").rename(tmp_path / "other.png")
    found = plan_redo(moved, photo=tmp_path / "other.png")
    assert found.run().save(tmp_path / "b.png").read_bytes() == moved.read_bytes()


def test_an_objective_that_names_a_photo_that_has_moved_names_it_as_before(
    model: ent.Model, photo: Path, tmp_path: Path
) -> None:
    made = ent.caricature_of(model, photo, layer="fire3", size=32, steps=1)
    picture = made.save(tmp_path / "caricature.png")
    (tmp_path / "elsewhere").mkdir()
    moved = picture.rename(tmp_path / "elsewhere" / picture.name)
    photo.rename(tmp_path / "elsewhere" / photo.name)
    assert ent.redo(moved).save(tmp_path / "again.png").read_bytes() == moved.read_bytes()


def test_a_missing_photo_is_asked_for(picture: Path, photo: Path) -> None:
    photo.unlink()
    with pytest.raises(PictureNotFound, match=r"the photo '.*photo.png' .* isn't here; .* --photo"):
        plan_redo(picture)


def test_a_photo_that_has_changed_is_refused(picture: Path, photo: Path) -> None:
    noise(photo, 2)
    with pytest.raises(PictureNotFound, match=r"photo.png' has changed since .* with --photo FILE"):
        plan_redo(picture)


def test_a_photo_given_in_python_is_asked_for(model: ent.Model, tmp_path: Path) -> None:
    image = torch.full((1, 3, 40, 52), 0.5)
    path = ent.dream(model, image, layer="fire3", **QUICK).save(tmp_path / "a.png")
    with pytest.raises(
        BadSetting, match=r"from a photo given in Python; say where .* --photo FILE"
    ):
        plan_redo(path)


def test_a_guide_must_be_what_it_was(model: ent.Model, photo: Path, tmp_path: Path) -> None:
    guide = noise(tmp_path / "guide.png", 3)
    result = ent.dream(model, photo, layer="fire3", guide=guide, **QUICK)
    path = result.save(tmp_path / "guided.png")
    assert plan_redo(path).job == job_of(path)
    noise(guide, 4)
    with pytest.raises(
        PictureNotFound, match=r"the guide .*guide.png' has changed .* with --guide FILE"
    ):
        plan_redo(path)
    assert plan_redo(path, layer="fire4").job.guides == ()


def test_a_guide_given_in_python_is_asked_for(model: ent.Model, photo: Path) -> None:
    guide = ent.Picture.of(torch.rand(1, 3, 40, 52))
    result = ent.dream(model, photo, objective=ent.match("fire3", guide), **QUICK)
    with pytest.raises(
        BadSetting, match="from a guide given in Python; say where it is with --guide FILE"
    ):
        plan_redo(result.save(photo.with_name("guided.png")))


def test_a_picture_without_a_job_is_told(photo: Path) -> None:
    with pytest.raises(NoJob):
        plan_redo(photo)


def test_a_job_alone_imports_no_package_for_its_names(
    model: ent.Model, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def entry_points(*, group: str) -> list[EntryPoint]:
        return [EntryPoint("brought", "missing", group)]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    odd = with_job(picture, objective="brought('fire3')")
    with pytest.raises(NotAllowed, match="the objective 'brought' is of the package missing, who"):
        plan_redo(odd)
    with pytest.raises(BadExpression, match="'brought' of the package missing can't be imported"):
        plan_redo(odd, objective="brought('fire3')")
    unit = ent.visualize(model, "fire3:1", size=24, steps=0, transforms="flip")
    settings = {**unit.job.settings, "transforms": "flip + brought(3)"}
    Result(unit.image, replace(unit.job, settings=settings)).save(odd)
    with pytest.raises(NotAllowed, match="'brought' is of the package missing, whose code"):
        plan_redo(odd)
    with pytest.raises(BadSetting, match="'brought' of the package missing can't be imported"):
        plan_redo(odd, transforms="brought(3)")


STRANGE = [
    ({"recipe": "paint"}, NoJob, "was made by 'paint', which this entoptic doesn't know"),
    ({"model": "nothing"}, UnknownModel, "no model named 'nothing'"),
    ({"objective": "exit()"}, BadExpression, "no objective named 'exit'"),
    ({"objective": "energy('a').term"}, BadExpression, "isn't understood there"),
    ({"device": "meta"}, BadSetting, "no device is called 'meta'; there are auto"),
    ({"device": "abacus"}, BadSetting, "no device is called 'abacus'"),
    ({"seed": -1}, BadSetting, "seed is -1; it must be a whole number from 0"),
    ({"settings": {"seed": 3}}, NoJob, "is damaged: a dream has no setting 'seed'"),
    ({"settings": {"model": "m"}}, NoJob, "is damaged: a dream has no setting 'model'"),
    ({"settings": {"steps": 10**9}}, NoJob, "steps is 1000000000; it must be"),
    ({"settings": {"octave_scale": float("nan")}}, NoJob, "octave scale is nan"),
    ({"settings": {"steps": "many"}}, NoJob, "steps is 'many'; it must be a whole number"),
    ({"settings": {"norm": ["l2"]}}, NoJob, r"norm is \['l2'\]; it is one of mean_abs"),
    ({"settings": {"noise": [10**6, 10**6]}}, NoJob, "noise's height is 1000000"),
    ({"settings": {"noise": "40"}}, NoJob, r"noise is '40'; it wants HEIGHTxWIDTH"),
    ({"photo": Source("a" * 5000, None)}, PictureNotFound, "isn't here; say where"),
    ({"photo": Source("a\0b", None)}, PictureNotFound, "isn't here; say where"),
    ({"photo": Source("/dev/zero", None)}, PictureNotFound, "isn't here; say where"),
    (
        {"objective": "match('fire3', 'nowhere.png')", "guides": (Source("nowhere.png", None),)},
        PictureNotFound,
        "the guide 'nowhere.png' .* isn't here",
    ),
]


@pytest.mark.parametrize(("changes", "error", "told"), STRANGE)
def test_a_job_of_a_stranger_does_no_harm(
    picture: Path, changes: dict[str, Any], error: type[EntopticError], told: str, unchecked: None
) -> None:
    with pytest.raises(error, match=told) as caught:
        plan_redo(with_job(picture, **changes))
    assert "\n" not in str(caught.value)


# Files and networks that a job names.


def test_a_long_word_of_a_strangers_objective_is_looked_through_once() -> None:
    # Of a million letters: looked through from each of them it took hours.
    check_stored("x" * 1_000_000, {}, {})


def test_a_file_is_not_decoded_before_its_bytes_are_right(
    picture: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Path] = []
    monkeypatch.setattr(ent.images, "read", lambda path: decoded.append(path))
    noise(photo, 2)
    with pytest.raises(PictureNotFound, match="has changed since"):
        plan_redo(picture)
    assert decoded == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_devices_and_folders_are_passed_by(picture: Path, photo: Path) -> None:
    photo.unlink()
    os.mkfifo(photo)  # to read it would wait for ever
    told = "the photo '.*photo.png' .* isn't here"
    with pytest.raises(PictureNotFound, match=told):
        plan_redo(picture)
    photo.unlink()
    photo.symlink_to("/dev/zero")
    with pytest.raises(PictureNotFound, match=told):
        plan_redo(picture)


def test_what_lies_in_the_root_is_not_inside_a_folder(
    picture: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever works in the root hasn't said that a job may open any file there is."""
    far = tmp_path / "far"
    far.mkdir()
    photo.rename(far / "photo.png")
    named = with_job(picture, photo=replace(job_of(picture).photo, name=str(far / "photo.png")))  # type: ignore[type-var]
    (tmp_path / "pictures").mkdir()
    named = named.rename(tmp_path / "pictures" / "named.png")
    monkeypatch.chdir("/")
    with pytest.raises(PictureNotFound, match="isn't here"):
        plan_redo(named)
    monkeypatch.chdir(far)
    assert plan_redo(named).job.photo.sha256 == job_of(picture).photo.sha256


def test_a_guide_is_found_where_the_user_says(
    model: ent.Model, photo: Path, tmp_path: Path
) -> None:
    guide = noise(tmp_path / "guide.png", 3)
    result = ent.dream(model, photo, layer="fire3", guide=guide, **QUICK)
    path = result.save(tmp_path / "guided.png")
    (tmp_path / "far").mkdir()
    guide.rename(tmp_path / "far" / "guide.png")
    with pytest.raises(PictureNotFound, match=r"the guide .* isn't here"):
        plan_redo(path)
    again = ent.redo(path, look_in=[tmp_path / "far"])
    assert torch.equal(again.image, result.image)


def test_a_network_given_in_python_is_given_again(model: ent.Model, photo: Path) -> None:
    mine = ent.Model.wrap(model.module, preprocess=model.preprocess)
    path = ent.dream(mine, photo, layer="fire3", **QUICK).save(photo.with_name("mine.png"))
    with pytest.raises(NotAllowed, match=r"give it in Python: entoptic.redo\(PICTURE, model="):
        ent.redo(path)
    assert ent.redo(path, model=mine).save(photo.with_name("b.png")).read_bytes() == (
        path.read_bytes()
    )


def test_a_comparison_with_a_network_in_a_file_is_allowed_by_its_names(
    model: ent.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nets2.py").write_text(
        "import entoptic as ent\n\ndef one():\n    return ent.load()\n"
    )
    monkeypatch.chdir(tmp_path)
    models = [model, ent.load("python:nets2:one")]
    made = ent.compare(models, "fire5:3", size=48, steps=1, device="cpu")
    path = made.save(tmp_path / "both.png")
    with pytest.raises(NotAllowed, match=r"--model squeezenet1_1,python:nets2:one$"):
        plan_redo(path)
    again = ent.redo(path, model="squeezenet1_1,python:nets2:one")
    assert torch.equal(again.image, made.image)


def test_memory_is_the_users_to_give_and_not_a_jobs(picture: Path) -> None:
    settings = {**job_of(picture).settings, "memory": 10**18}
    assert plan_redo(with_job(picture, settings=settings)).settings.memory is None  # type: ignore[attr-defined]

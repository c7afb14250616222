"""Results of many units: each picture by itself, and the contact sheet as a view of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import entoptic as ent
from entoptic.errors import BadSetting, CannotWrite, NoJob
from entoptic.images import read_job
from entoptic.images.contact_sheet import sheet
from entoptic.jobs.job import Job, file_names
from entoptic.recipes.dream import Dream
from entoptic.recipes.visualize import Visualize

TINY: dict[str, Any] = {"size": (32, 48), "steps": 2}


@pytest.fixture(scope="module")
def model() -> ent.Model:
    return ent.load()


@pytest.fixture(scope="module")
def five(model: ent.Model) -> ent.Result:
    return ent.visualize(model, "fire2:3-7", batch=2, **TINY)


def test_many_units_give_many_labelled_pictures_that_need_not_be_square(five: ent.Result) -> None:
    assert five.images.shape == (5, 3, 32, 48)
    assert five.labels == ("fire2:3", "fire2:4", "fire2:5", "fire2:6", "fire2:7")
    assert len(five) == 5
    assert torch.equal(five.image, sheet(five.images, 3, labels=five.labels))
    assert torch.equal(five.sheet(), five.image)
    assert torch.equal(five.sheet(5, gap=0, labelled=False)[..., :48], five.images[:1])


def test_one_unit_gives_one_picture_that_is_the_image(model: ent.Model) -> None:
    one = ent.visualize(model, "fire2:3", **TINY)
    assert torch.equal(one.images, one.image)
    assert one[0] is one
    assert one.numpy().shape == (32, 48, 3)
    assert float(one.numpy()[5, 7, 2]) == float(one.image[0, 2, 5, 7])


def test_each_picture_has_a_job_that_makes_it_alone(five: ent.Result, tmp_path: Path) -> None:
    paths = five.save_each(tmp_path / "new" / "channels")
    assert [each.name for each in paths] == [f"fire2-{number}.png" for number in range(3, 8)]
    for number in (0, 3, 4):
        again = ent.redo(paths[number])
        assert torch.equal(again.image, five.images[number : number + 1])
        assert again.job == five[number].job == Job.from_json(read_job(paths[number]))


def test_a_picture_of_a_row_is_made_alone_from_the_whole_row(model: ent.Model) -> None:
    row = ent.interpolate(model, "fire2:3", "fire2:5", pictures=3, **TINY)
    assert row.labels == ("0%", "50%", "100%")
    assert torch.equal(ent.run(row[-1].job).image, row.images[2:])


def test_pictures_are_counted_from_0(five: ent.Result) -> None:
    with pytest.raises(IndexError, match="picture 5 of 5; count from 0 to 4"):
        five[5]
    job = {**five.job.settings, "picture": 5}
    with pytest.raises(NoJob, match="it is picture 5 of too few"):
        ent.run(Job(**vars(five.job) | {"settings": job}))


def test_names_of_files_are_all_different() -> None:
    assert file_names(["fire7:3", "class:goldfish", "fire7:3", "-"]) == [
        "fire7-3", "class-goldfish", "fire7-3-2", "unit",
    ]  # fmt: skip


def test_a_job_runs_from_a_recipe_a_job_its_text_a_file_and_a_picture(
    model: ent.Model, tmp_path: Path
) -> None:
    recipe = Visualize("squeezenet1_1", ["fire2:3"], **TINY)
    first = ent.run(recipe)
    assert torch.equal(first.image, ent.visualize(model, "fire2:3", **TINY).image)
    text = first.job.to_json()
    (tmp_path / "job.json").write_text(text)
    for job in (first.job, text, tmp_path / "job.json", first.save(tmp_path / "a.png")):
        assert torch.equal(ent.run(job).image, first.image)
    assert not torch.equal(ent.run(first.job, seed=1).image, first.image)
    assert torch.equal(ent.run(first.job, seed=1).image, ent.run(recipe, seed=1).image)


def test_a_file_that_holds_no_job_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoJob, match=r"can't read the job in .*no.json': No such file"):
        ent.run(tmp_path / "no.json")
    (tmp_path / "odd.json").write_bytes(b"\xff\xfe")
    with pytest.raises(NoJob, match=r"can't read the job in .*odd.json': it is no text"):
        ent.run(tmp_path / "odd.json")
    with pytest.raises(BadSetting, match="visualize has no setting 'octaves'; it has model, units"):
        ent.run(Visualize("squeezenet1_1", ["fire2:3"], **TINY), octaves=3)


def test_pictures_go_into_a_folder_that_can_be_made(five: ent.Result, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match=r"can't make the folder .*file' \(File exists\)"):
        five.save_each(tmp_path / "file")


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_job_is_told_what_a_job_is() -> None:
    with pytest.raises(BadSetting, match="job is 3; it must be a recipe, a Job, its text as JSON"):
        ent.run(3)  # type: ignore[call-overload]


def test_a_photo_is_cut_to_a_size_of_another_shape(model: ent.Model) -> None:
    ramp = torch.linspace(0, 1, 80).expand(1, 3, 40, 80)
    made = Dream(model, ramp, size=(40, 40), octaves=1, steps=0, layer="fire2").plan().run()
    assert torch.allclose(made.image, ramp[..., 20:60], atol=1e-6)


def test_a_callback_is_given_each_step(model: ent.Model) -> None:
    seen: list[int] = []
    ent.dream(model, noise=(32, 40), octaves=2, steps=2, callback=lambda s: seen.append(s.octave))
    assert seen == [0, 0, 1, 1]


def test_in_a_notebook_an_interrupt_leaves_the_picture_as_it_is(
    model: ent.Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(step: ent.Step) -> None:
        if step.index == 1:
            raise KeyboardInterrupt

    how: dict[str, Any] = {"noise": (32, 40), "octaves": 1, "layer": "fire2"}
    with pytest.raises(KeyboardInterrupt):
        ent.dream(model, steps=4, callback=interrupt, **how)
    monkeypatch.setattr("entoptic.jobs.plan.is_interactive", lambda: True)
    made = ent.dream(model, steps=4, callback=interrupt, **how)
    assert made.job.stopped_after == 2
    assert torch.equal(made.image, ent.dream(model, steps=2, **how).image)
    ent.dream(model, steps=1, progress=True, **how)
    assert "dream" in capsys.readouterr().err

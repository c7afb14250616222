"""Films of growing pictures: which frame shows which step, holds, easing, and going on."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import entoptic as ent
from entoptic.errors import BadSetting
from entoptic.jobs.easings import EASINGS
from entoptic.jobs.growth import GrowthPlan, blended, picture_of_film
from entoptic.jobs.job import Job
from entoptic.jobs.recipe import Recipe, recipes, settings
from entoptic.recipes.grow import Grow
from entoptic.video.pixels import Pixels
from entoptic.video.reading import facts_of, frames_of
from filming import small_network, texture

pytest.importorskip("av")
pytest.importorskip("cv2")

# Four steps in four frames: each step is a frame.
EACH: dict[str, Any] = {
    "rate": 10,
    "seconds": 0.4,
    "easing": "linear",
    "hold_first": 0.1,
    "hold_last": 0.1,
}


@pytest.fixture(scope="module")
def model() -> ent.Model:
    return small_network()


@pytest.fixture
def photo() -> Tensor:
    return torch.from_numpy(texture(40, 56)).permute(2, 0, 1)[None].float() / 255


@pytest.fixture
def dream(model: ent.Model, photo: Tensor) -> ent.Dream:
    return ent.Dream(model, photo, layer="0", octaves=2, steps=2, device="cpu")


def planned(recipe: Recipe, tmp_path: Path, **how: Any) -> GrowthPlan:
    return Grow(recipe, **{"output": tmp_path / "grow.apng"} | EACH | how).plan()


def shown(plan: GrowthPlan) -> list[Pixels]:
    return [frame.pixels for frame, _ in plan.frames()]


def pixels(image: Tensor) -> Pixels:
    found: Pixels = (image[0].permute(1, 2, 0) * 255).round().byte().numpy()
    return found


def test_between_two_pictures_they_are_mixed_and_only_those_needed_are_rendered() -> None:
    rendered = []

    def pictures() -> Iterator[Any]:
        shared = torch.zeros(1, 3, 2, 2)
        for number in range(6):
            shared.fill_(number**2)  # in place, as steps do

            def render(number: int = number) -> Tensor:
                rendered.append(number)
                return shared

            yield render

    found = [float(each.mean()) for each in blended(pictures(), [0, 0.25, 0.5, 3, 4.5, 5])]
    assert found == [0, 0.25, 0.5, 9, 20.5, 25]
    assert rendered == [0, 1, 3, 4, 5]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("linear", (0, 0.25, 0.5, 0.75, 1)),
        ("smooth", (0, 0.15625, 0.5, 0.84375, 1)),
        ("in", (0, 0.0625, 0.25, 0.5625, 1)),
        ("out", (0, 0.4375, 0.75, 0.9375, 1)),
    ],
)
def test_an_easing_says_how_far_the_film_is(name: str, values: tuple[float, ...]) -> None:
    assert tuple(EASINGS[name](time / 4) for time in range(5)) == values


def test_frames_are_the_photo_and_the_dream_after_each_step(
    dream: ent.Dream, photo: Tensor, tmp_path: Path
) -> None:
    plan = dream.plan()
    steps = [pixels(step.image().clone()) for step in plan.steps()]
    found = shown(planned(dream, tmp_path))
    assert len(steps) == 4
    assert len(found) == 5
    for frame, wanted in zip(found, [pixels(photo), *steps], strict=True):
        assert np.array_equal(frame, wanted)


def test_the_first_and_the_last_frame_are_held(dream: ent.Dream, tmp_path: Path) -> None:
    plan = planned(dream, tmp_path, seconds=0.8, hold_first=0.3, hold_last=0.5)
    found = list(plan.frames())
    assert len(found) == plan.count == 3 + 7 + 5
    assert [frame.time for frame, _ in found] == [Fraction(n, 10) for n in range(15)]
    assert all(np.array_equal(each.pixels, found[0][0].pixels) for each, _ in found[:3])
    assert all(np.array_equal(each.pixels, found[-1][0].pixels) for each, _ in found[-5:])
    assert not np.array_equal(found[3][0].pixels, found[0][0].pixels)


def test_a_slow_begin_is_nearer_to_the_photo(dream: ent.Dream, tmp_path: Path) -> None:
    begins = {
        name: shown(planned(dream, tmp_path, easing=name))[1].astype(float) for name in EASINGS
    }
    start = shown(planned(dream, tmp_path))[0]
    change = {name: np.abs(each - start).mean() for name, each in begins.items()}
    assert change["in"] < change["smooth"] < change["linear"] < change["out"]


def test_frames_are_made_as_they_are_asked_for(
    dream: ent.Dream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(dream, tmp_path)
    made = []
    steps = plan.plan.steps

    def counted(self: Any) -> Iterator[Any]:
        for step in steps():
            made.append(step.index)
            yield step

    monkeypatch.setattr(type(plan.plan), "steps", counted)
    frames = plan.frames()
    next(frames)
    assert made == []
    next(frames)
    assert len(made) == 1


def test_a_unit_grows_from_gray_to_its_picture(model: ent.Model, tmp_path: Path) -> None:
    unit = ent.Visualize(model, "0:3", size=(32, 48), steps=4, device="cpu")
    found = shown(planned(unit, tmp_path))
    assert np.abs(found[0].astype(int) - 128).max() == 0
    assert np.array_equal(found[-1], pixels(unit.run().image))


def test_several_units_grow_on_their_sheet(model: ent.Model, tmp_path: Path) -> None:
    units = ent.Visualize(model, ["0:3", "0:5"], size=32, steps=2, device="cpu")
    sheet = units.run().image
    plan = planned(units, tmp_path)
    assert (plan.facts.height, plan.facts.width) == sheet.shape[-2:]
    assert np.array_equal(shown(plan)[-1], pixels(sheet))


def test_an_interpolation_goes_from_the_first_unit_to_the_second(
    model: ent.Model, tmp_path: Path
) -> None:
    row = ent.Interpolate(model, "0:3", "0:5", pictures=3, size=(32, 48), steps=2, device="cpu")
    pictures = row.run().images
    plan = planned(row, tmp_path)
    assert (plan.facts.height, plan.facts.width) == (32, 48)
    found = shown(plan)
    assert len(found) == 5
    halves = [torch.lerp(pictures[n : n + 1], pictures[n + 1 : n + 2], 0.5) for n in range(2)]
    wanted = [pictures[:1], halves[0], pictures[1:2], halves[1], pictures[2:]]
    for frame, image in zip(found, wanted, strict=True):
        assert np.array_equal(frame, pixels(image))


def test_what_is_transparent_is_on_black(model: ent.Model, tmp_path: Path) -> None:
    alpha = torch.ones(1, 1, 40, 56)
    alpha[..., 28:] = 0
    ent.write(tmp_path / "half.png", torch.full((1, 3, 40, 56), 200 / 255), alpha=alpha)
    dream = ent.Dream(model, tmp_path / "half.png", layer="0", octaves=1, steps=2, device="cpu")
    plan = planned(dream, tmp_path)
    first, *_, last = shown(plan)
    assert (first[:, :28] == 200).all()
    assert not first[:, 28:].any()
    assert not last[:, 28:].any()
    assert "a film has no transparency; the picture is shown on black" in plan.notes


def test_a_film_that_was_stopped_plays_and_goes_on_to_the_same_frames(
    dream: ent.Dream, tmp_path: Path
) -> None:
    whole = planned(dream, tmp_path, output=tmp_path / "whole.mkv").run()
    plan = planned(dream, tmp_path, output=tmp_path / "made.mkv")
    asked = iter([False, False, True])
    part = plan.run(stopped=lambda: next(asked))
    assert (part.finished, len(list(frames_of(facts_of(part.path))))) == (False, part.frames)
    assert 0 < part.frames < whole.frames
    made = plan.run()
    assert made.finished
    for one, two in zip(*(frames_of(facts_of(each.path)) for each in (whole, made)), strict=True):
        assert np.array_equal(one.pixels, two.pixels)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["made.mkv", "whole.mkv"]


def test_a_part_of_large_frames_has_fewer_of_them(
    dream: ent.Dream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two frames of 40x56 pixels and 3 bytes.
    monkeypatch.setattr("entoptic.jobs.film_making._PART_BYTES", 2 * 40 * 56 * 3)
    plan = planned(dream, tmp_path, output=tmp_path / "made.mkv")
    assert plan.count == 5
    told: list[str] = []
    made = plan.run(told.append, stopped=lambda: "frame 5 of 5" in "".join(told))
    assert (made.frames, made.finished) == (5, False)
    assert [count for _, count in plan.parts.kept().parts] == [2, 2, 1]


def test_a_path_that_is_stopped_before_its_first_frame_leaves_nothing(
    model: ent.Model, tmp_path: Path
) -> None:
    row = ent.Interpolate(model, "0:3", "0:5", pictures=2, size=32, steps=3, device="cpu")
    told: list[str] = []
    made = planned(row, tmp_path).run(told.append, stopped=lambda: len(told) == 2)
    assert (made.frames, made.finished) == (0, False)
    assert told == [f"step {n} of 3, before the first frame" for n in (1, 2)]
    assert list(tmp_path.iterdir()) == []


def test_the_job_of_a_film_holds_that_of_its_picture(dream: ent.Dream, tmp_path: Path) -> None:
    plan = planned(dream, tmp_path, rate="30000/1001")
    job = Job.from_json(plan.job.to_json())
    assert (job.recipe, job.settings["of"], job.settings["rate"]) == ("grow", "dream", "30000/1001")
    own = [name for name in settings(Grow) if Grow.keeps(name)]
    assert picture_of_film(job, own).to_json() == dream.plan().job.to_json()


def test_no_recipe_has_a_setting_that_a_film_has_too() -> None:
    own = {name for name in settings(Grow) if Grow.keeps(name)} | {"of"}
    for name in recipes:
        if recipes[name].optimizes and not recipes[name].makes_no_job:
            assert not own & settings(recipes[name]).keys(), name


def test_a_picture_of_no_steps_does_not_grow(
    model: ent.Model, photo: Tensor, tmp_path: Path
) -> None:
    with pytest.raises(BadSetting, match="nothing grows in 0 steps; make it 1 at least"):
        planned(ent.Dream(model, photo, layer="0", steps=0), tmp_path)


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_grow_is_refused(model: ent.Model) -> None:
    with pytest.raises(
        BadSetting, match=r"recipe is 'sky.jpg'; it must be a recipe or a plan: Dream"
    ):
        Grow("sky.jpg")  # type: ignore[arg-type]
    with pytest.raises(BadSetting, match="must be a recipe that optimises a picture, not filters"):
        Grow(ent.Filters(model))
    with pytest.raises(BadSetting, match="must be a recipe that optimises a picture, not grow"):
        Grow(Grow(ent.Visualize(model, "0:3")))
    with pytest.raises(BadSetting, match="easing is 'bouncy'; it is one of smooth, linear"):
        Grow(ent.Visualize(model, "0:3"), easing="bouncy")

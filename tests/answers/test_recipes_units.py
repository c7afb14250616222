"""Rows between units and different pictures of one: what is known of them beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import entoptic as ent
from entoptic.errors import BadExpression, BadSetting, ChannelOutOfRange, UnknownLayer
from entoptic.networks import Preprocess
from entoptic.runners.run import plan_redo
from planning import plan_diversity, plan_interpolate

QUICK: dict[str, Any] = {"size": 48, "steps": 2}


@pytest.fixture(scope="module")
def squeezenet() -> ent.Model:
    return ent.load()


def color_model() -> ent.Model:
    """Three channels: red, green and blue themselves."""
    module = nn.Conv2d(3, 3, 1, bias=False)
    module.weight.data = torch.eye(3).reshape(3, 3, 1, 1)
    plain = Preprocess((16, 16), (0, 0, 0), (1, 1, 1))
    return ent.Model.wrap(nn.Sequential(module), preprocess=plain)


def test_a_row_goes_from_one_units_color_to_the_others() -> None:
    made = ent.interpolate(
        color_model(), "0:0", "0:2", pictures=3, reference_layer="0", weight=0.0, size=16,
        steps=120, canvas="pixels", transforms="none",
    ).image[0]  # fmt: skip
    first, middle, last = (made[:, 2:14, at : at + 12].mean((1, 2)) for at in (2, 22, 42))
    assert first[0] > 0.75 > 0.55 > first[2]
    assert last[2] > 0.75 > 0.55 > last[0]
    assert middle[0] > 0.7
    assert middle[2] > 0.7
    assert middle[1] < 0.6


def test_aligned_neighbors_are_more_alike() -> None:
    how: dict[str, Any] = {
        "pictures": 2,
        "reference_layer": "0",
        "size": 16,
        "steps": 60,
        "transforms": "none",
    }
    free, held = (
        ent.interpolate(color_model(), "0:0", "0:2", weight=weight, **how).image
        for weight in (0.0, 1000.0)
    )
    apart = [(image[..., :16, :16] - image[..., :16, 20:36]).abs().mean() for image in (free, held)]
    assert apart[1] < 0.3 * apart[0]


def test_different_pictures_differ_more_than_chance_makes_them(squeezenet: ent.Model) -> None:
    how: dict[str, Any] = {"pictures": 3, "size": 64, "steps": 24, "reference_layer": "fire3"}
    likeness = []
    for weight in (0.0, 100.0):
        plan = plan_diversity(squeezenet, "fire5:3", weight=weight, **how)
        (made,) = plan.pictures()
        (step,) = ent.ascend(squeezenet, ent.diversity("fire3"), ent.Pixels(made), steps=1)
        likeness.append(float(1 - step.scores.mean()))
    assert likeness[1] < 0.8 * likeness[0]


def test_a_row_is_one_row_and_says_how_far_it_is(squeezenet: ent.Model) -> None:
    plan = plan_interpolate(squeezenet, ["fire3:1", "fire3:2"], **QUICK)
    assert list(plan.layout.labels) == ["0%", "25%", "50%", "75%", "100%"]
    assert plan.shape == (48 + 20, 5 * 48 + 4 * 4)
    assert len(plan.batches) == 1


def test_different_pictures_are_a_sheet_and_climb_together(squeezenet: ent.Model) -> None:
    plan = plan_diversity(squeezenet, "fire3:1", batch=2, **QUICK)
    assert plan.shape == (2 * 48 + 4, 3 * 48 + 2 * 4)
    assert plan.stages == [6 * 48 * 48]
    steps = list(plan_diversity(squeezenet, "fire3:1", size=48, steps=5).steps())
    assert [step.index for step in steps] == [0, 1, 2, 3, 4]


def test_textures_differ_where_there_are_places(squeezenet: ent.Model) -> None:
    assert plan_diversity(squeezenet, "fire3:1", **QUICK).job.settings["reference_layer"] == "fire3"
    assert (
        plan_diversity(squeezenet, "logit(1)", **QUICK).job.settings["reference_layer"] == "fire7"
    )


@pytest.mark.parametrize("name", ["interpolate", "diversity"])
def test_redo_gives_the_same_bytes_and_changes_what_it_is_told_to(
    squeezenet: ent.Model, name: str, tmp_path: Path
) -> None:
    first, again = tmp_path / "a.png", tmp_path / "b.png"
    if name == "interpolate":
        plan_interpolate(squeezenet, ["fire3:1", "fire3:2"], pictures=2, **QUICK).run().save(first)
    else:
        plan_diversity(squeezenet, "fire3:1", pictures=2, **QUICK).run().save(first)
    plan_redo(first).run().save(again)
    assert first.read_bytes() == again.read_bytes()
    changed = plan_redo(first, weight=7, reference_layer="fire2", method="pixels", seed=4).job
    assert (changed.settings["weight"], changed.settings["reference_layer"]) == (7, "fire2")
    assert (changed.settings["canvas"], changed.seed) == ("pixels", 4)
    with pytest.raises(BadSetting, match="shows units, not a photo; leave out --photo"):
        plan_redo(first, photo=first)


def test_redo_shows_another_unit(squeezenet: ent.Model, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    plan_diversity(squeezenet, "fire3:1", pictures=2, **QUICK).run().save(path)
    assert plan_redo(path, objective="fire3:2").job.settings["unit"] == "channel('fire3', 2)"


@pytest.mark.parametrize(
    ("units", "given", "error", "told"),
    [
        (["fire3:1-3", "fire3:1"], {}, BadExpression, "'fire3:1-3' stands for 3 units; name one"),
        (["fire3:1", 3], {}, BadSetting, "a unit is 3; it must be a text"),
        (["fire3:1", "fire9:1000"], {}, ChannelOutOfRange, "channel 1000 of 'fire9'"),
        (["fire3:1", "fire3:2"], {"pictures": 1}, BadSetting, "pictures is 1; .* from 2 to 64"),
        (["fire3:1", "fire3:2"], {"pictures": 65}, BadSetting, "pictures is 65"),
        (["fire3:1", "fire3:2"], {"weight": -1}, BadSetting, "weight is -1"),
        (
            ["fire3:1", "fire3:2"],
            {"reference_layer": "fire99"},
            UnknownLayer,
            "no layer named 'fire99'",
        ),
        (
            ["fire3:1", "fire3:2"],
            {"reference_layer": 3},
            BadSetting,
            "reference layer is 3; it must be the name",
        ),
        (["fire3:1", "fire3:2"], {"octaves": 3}, BadSetting, "no setting 'octaves'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_wrong_with_a_row_is_told_before_any_work(
    squeezenet: ent.Model,
    units: Any,
    given: dict[str, Any],
    error: type[Exception],
    told: str,
) -> None:
    with pytest.raises(error, match=told):
        plan_interpolate(squeezenet, units, **given)


@pytest.mark.parametrize(
    ("unit", "given", "error", "told"),
    [
        ("fire3:1-3", {}, BadExpression, "stands for 3 units; name one"),
        ("fire3:900", {}, ChannelOutOfRange, "channel 900 of 'fire3'"),
        ("fire3:1", {"pictures": 1}, BadSetting, "pictures is 1; .* from 2 to 64"),
        ("fire3:1", {"pictures": "x"}, BadSetting, "pictures is 'x'"),
        ("fire3:1", {"weight": float("inf")}, BadSetting, "weight is inf"),
        ("fire3:1", {"reference_layer": "fire99"}, UnknownLayer, "no layer named 'fire99'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_wrong_with_different_pictures_is_told_before_any_work(
    squeezenet: ent.Model, unit: str, given: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        plan_diversity(squeezenet, unit, **given)

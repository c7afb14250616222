"""Neuron groups: what is apart in the photo is apart in the sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import entoptic as ent
from answers.test_recipes_grid import RED_AND_BLUE, color_model, halves, noise
from entoptic.errors import BadSetting, UnknownLayer
from entoptic.runners.run import plan_redo
from entoptic.types import Image
from planning import group_settings, plan_groups

Color = tuple[float, float, float]

QUICK: dict[str, Any] = {"size": 16, "steps": 2, "transforms": "none"}


@pytest.fixture(scope="module")
def squeezenet() -> ent.Model:
    return ent.load()


def sharp(left: Color, right: Color) -> Image:
    """Two colours as wide as the network looks at, so that none of their border is interpolated."""
    return halves(left, right)[..., [0] * 12 + [15] * 12]


def test_two_halves_of_a_photo_are_two_groups_exactly() -> None:
    plan = plan_groups(
        color_model(), sharp((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)), group_settings("0", 2), **QUICK
    )
    parts = [unit.arguments[1] for unit in plan.objective.objectives]
    assert torch.tensor(sorted(parts)).allclose(torch.tensor([[0.0, 0, 1], [1, 0, 0]]))
    assert list(plan.layout.labels[1:3]) == ["group 1: 50%", "group 2: 50%"]


def test_the_largest_group_comes_first_and_its_share_is_told() -> None:
    plan = plan_groups(
        color_model(), sharp((0.0, 0.2, 0.0), (0.6, 0.0, 0.0)), group_settings("0", 2), **QUICK
    )
    assert plan.objective.objectives[0].arguments[1] == pytest.approx((1, 0, 0))
    assert list(plan.layout.labels[:3]) == ["all of 0", "group 1: 75%", "group 2: 25%"]


def test_a_group_is_colored_where_it_is_and_nowhere_else() -> None:
    plan = plan_groups(
        color_model(), halves((0.2, 0.0, 0.0), (0.0, 0.0, 0.6)), group_settings("0", 2), **QUICK
    )
    _, first, second, photo = plan.layout.before
    # Of two hues the first is red. Beyond the border between the halves, which is interpolated,
    # what is no group's is grey.
    assert (first[0, :, 10:] > first[2, :, 10:] + 0.1).all()
    assert (first[0, :, :6] == first[2, :, :6]).all()
    assert (second[2, :, :6] > second[0, :, :6] + 0.1).all()
    assert (second[0, :, 10:] == second[2, :, 10:]).all()
    assert photo.allclose(halves((0.2, 0.0, 0.0), (0.0, 0.0, 0.6))[0], atol=1e-6)


def test_a_groups_picture_is_what_its_channels_want() -> None:
    plan = plan_groups(
        color_model(), halves((0.2, 0.0, 0.0), (0.0, 0.0, 0.6)), group_settings("0", 2),
        size=16, steps=60, canvas="pixels", transforms="none", learning_rate=0.05,
    )  # fmt: skip
    (pictures,) = plan.pictures()
    blue, red = pictures.mean((2, 3))
    assert blue[2] > max(0.75, blue[0] + 0.2)
    assert red[0] > max(0.75, red[2] + 0.2)


def test_the_sheet_has_maps_above_and_pictures_below(squeezenet: ent.Model) -> None:
    photo = torch.rand(1, 3, 60, 90)
    plan = plan_groups(squeezenet, photo, group_settings("fire3", 3), size=90, steps=1)
    assert plan.shape == (2 * (60 + 20) + 4, 4 * 90 + 3 * 4)
    assert plan.run().image[..., 84:144, :90].allclose(photo)


def test_groups_are_made_again_byte_for_byte_and_can_be_changed(
    squeezenet: ent.Model, tmp_path: Path
) -> None:
    photo = noise(tmp_path / "photo.png")
    shown = group_settings("fire3", 2)
    path = plan_groups(squeezenet, photo, shown, size=48, steps=2).run().save(tmp_path / "a.png")
    assert plan_redo(path).run().save(tmp_path / "b.png").read_bytes() == path.read_bytes()
    changed = plan_redo(path, layer="fire4", groups=3, steps=1).job.settings
    assert (changed["layer"], changed["groups"], changed["steps"]) == ("fire4", 3, 1)


@pytest.mark.parametrize(
    ("shown", "settings", "error", "told"),
    [
        ({"layer": "fire99"}, {}, UnknownLayer, "no layer named 'fire99'"),
        ({"layer": "pool10"}, {}, BadSetting, "'pool10' has no positions in a photo"),
        ({"groups": 0}, {}, BadSetting, "groups is 0; it must be a whole number from 1"),
        ({"groups": 20, "layer": "fire3/squeeze1x1"}, {}, BadSetting, "ask for 16 at most"),
        ({"groups": 99}, {"size": 5000}, BadSetting, "megapixels, more than the limit"),
        ({}, {"jitter": 3}, BadSetting, "groups has no setting 'jitter'"),
    ],
)
def test_what_is_wrong_is_told_before_any_work(
    squeezenet: ent.Model,
    shown: dict[str, Any],
    settings: dict[str, Any],
    error: type[Exception],
    told: str,
) -> None:
    with pytest.raises(error, match=told):
        plan_groups(squeezenet, torch.rand(1, 3, 60, 90), group_settings(**shown), **settings)


def test_what_a_layer_holds_below_0_is_left_out_and_that_is_said() -> None:
    plain = plan_groups(color_model(), RED_AND_BLUE, group_settings("0", 2), **QUICK)
    assert plain.notes == ()
    network = color_model()
    network.module[0].weight.data[1, 1] = -1
    photo = sharp((0.5, 0.9, 0.0), (0.0, 0.9, 0.5))
    plan = plan_groups(network, photo, group_settings("0", 2), **QUICK)
    assert plan.notes == ("'0' also holds numbers below 0, which groups leave out",)
    parts = [unit.arguments[1] for unit in plan.objective.objectives]
    assert torch.tensor(sorted(parts)).allclose(torch.tensor([[0.0, 0, 1], [1, 0, 0]]), atol=1e-5)


def test_more_groups_than_the_photo_has_are_refused() -> None:
    with pytest.raises(BadSetting, match="holds no more than 2 groups in this photo; ask for no"):
        plan_groups(color_model(), RED_AND_BLUE, group_settings("0", 3), **QUICK)

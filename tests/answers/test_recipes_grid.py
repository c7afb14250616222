"""Activation grids: the right thing in the right place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import entoptic as ent
from entoptic.errors import BadSetting, UnknownLayer
from entoptic.networks import Preprocess
from entoptic.runners.run import plan_redo
from entoptic.types import Image
from planning import grid_settings, plan_grid

QUICK: dict[str, Any] = {"size": 16, "steps": 2, "transforms": "none"}


@pytest.fixture(scope="module")
def squeezenet() -> ent.Model:
    return ent.load()


def color_model() -> ent.Model:
    """Three channels: red, green and blue themselves."""
    module = nn.Conv2d(3, 3, 1, bias=False)
    module.weight.data = torch.eye(3).reshape(3, 3, 1, 1)
    plain = Preprocess((16, 16), (0, 0, 0), (1, 1, 1))
    return ent.Model.wrap(nn.Sequential(module), preprocess=plain)


def halves(left: tuple[float, float, float], right: tuple[float, float, float]) -> Image:
    """A picture of two colours, 16 wide and 8 high."""
    colors = torch.tensor([left] * 8 + [right] * 8)
    return colors.T.reshape(1, 3, 1, 16).repeat(1, 1, 8, 1)


RED_AND_BLUE = halves((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))


def noise(path: Path, height: int = 60, width: int = 90) -> Path:
    rng = torch.Generator().manual_seed(1)
    return ent.write(path, torch.rand((1, 3, height, width), generator=rng))


def test_what_is_red_on_the_left_and_blue_on_the_right_is_so_in_the_grid() -> None:
    plan = plan_grid(
        color_model(), RED_AND_BLUE, grid_settings("0", cells=4),
        size=16, steps=60, canvas="pixels", transforms="none", learning_rate=0.05,
    )  # fmt: skip
    image = plan.run().image
    assert image.shape == (1, 3, 2 * 16, 4 * 16)
    left, right = image[0, :, :, :32].mean((1, 2)), image[0, :, :, 32:].mean((1, 2))
    assert left[0] > 0.75
    assert left[0] > left[2] + 0.2
    assert right[2] > 0.75
    assert right[2] > right[0] + 0.2


def test_every_cell_goes_in_the_direction_of_its_own_place() -> None:
    plan = plan_grid(
        color_model(),
        halves((0.9, 0, 0), (0, 0.3, 0.4)),
        grid_settings("0", cells=4, plain=True),
        **QUICK,
    )
    row = [(1.0, 0.0, 0.0)] * 2 + [(0.0, 0.6, 0.8)] * 2
    for unit, known in zip(plan.objective.objectives, row * 2, strict=True):
        assert unit.arguments[1] == pytest.approx(known)


def test_what_all_places_have_in_common_counts_less() -> None:
    # Both halves are mostly green; what tells them apart is the rest. The channels' mean products
    # are ((.045, .135, 0), (.135, .81, .135), (0, .135, .045)), and 1.2 is added to the diagonal:
    # times (.1935, .4380, -.0475) that is the red half.
    photo = halves((0.3, 0.9, 0.0), (0.0, 0.9, 0.3))
    plain, whitened = (
        plan_grid(color_model(), photo, grid_settings("0", cells=2, plain=each), **QUICK)
        for each in (True, False)
    )
    for plan, known in ((plain, 3), (whitened, 0.4380 / 0.1935)):
        red, green, _ = plan.objective.objectives[0].arguments[1]
        assert green / red == pytest.approx(known, rel=1e-3)


@pytest.mark.parametrize(
    ("height", "width", "cells", "shape"),
    # fire7 has 9 x 13 places where the photo is 149 x 224, as the network sees it.
    [(60, 90, 6, (4, 6)), (90, 60, 6, (6, 4)), (20, 100, 5, (1, 5)), (60, 90, 1000, (9, 13))],
)
def test_there_are_as_many_cells_as_asked_for_in_the_photos_proportions(
    squeezenet: ent.Model, height: int, width: int, cells: int, shape: tuple[int, int]
) -> None:
    photo = torch.rand(1, 3, height, width)
    plan = plan_grid(squeezenet, photo, grid_settings("fire7", cells), size=32, steps=1)
    assert plan.shape == (shape[0] * 32, shape[1] * 32)


def test_a_weighted_picture_stands_out_as_far_as_its_place_is_strong() -> None:
    strong_and_weak = halves((0.8, 0, 0), (0, 0, 0.2))
    plain, weighted = (
        plan_grid(
            color_model(), strong_and_weak, grid_settings("0", cells=2, weighted=each), **QUICK
        ).run().image
        for each in (False, True)
    )  # fmt: skip
    assert torch.equal(weighted[..., :16], plain[..., :16])
    assert (weighted[..., 16:] - 0.5).allclose((plain[..., 16:] - 0.5) / 4, atol=1e-6)


def test_where_the_layer_holds_nothing_there_is_gray() -> None:
    image = ent.grid(
        color_model(), halves((0.8, 0, 0), (0, 0, 0)), layer="0", cells=2, **QUICK
    ).image
    assert image[..., :16].std() > 0
    assert (image[..., 16:] == 0.5).all()


def test_a_grid_is_made_again_byte_for_byte_and_can_be_changed(
    squeezenet: ent.Model, tmp_path: Path
) -> None:
    photo = noise(tmp_path / "photo.png")
    shown = grid_settings("fire3", cells=3, weighted=True)
    path = plan_grid(squeezenet, photo, shown, size=32, steps=2, batch=4).run().save(
        tmp_path / "a.png"
    )  # fmt: skip
    again = plan_redo(path)
    assert again.run().save(tmp_path / "b.png").read_bytes() == path.read_bytes()
    changed = plan_redo(path, layer="fire4", cells=2, steps=1, model="squeezenet1_1").job.settings
    assert (changed["layer"], changed["cells"], changed["weighted"]) == ("fire4", 2, True)
    assert changed["steps"] == 1
    other = plan_redo(path, model="efficientnet_lite0").job
    assert (other.model, other.settings["layer"]) == ("efficientnet_lite0", "blocks.3")


@pytest.mark.parametrize(
    ("shown", "settings", "error", "told"),
    [
        ({"layer": "fire99"}, {}, UnknownLayer, "no layer named 'fire99'"),
        ({"layer": "pool10"}, {}, BadSetting, "'pool10' has no positions in a photo; name a layer"),
        (
            {"layer": "input", "cells": 90},
            {},
            BadSetting,
            "5400 cells are too many for one grid; .*, so lower --cells",
        ),
        ({"cells": 0}, {}, BadSetting, "cells is 0; it must be a whole number from 1"),
        ({}, {"jitter": 3}, BadSetting, "grid has no setting 'jitter'"),
        ({}, {"seed": -1}, BadSetting, "seed is -1"),
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
        plan_grid(squeezenet, torch.rand(1, 3, 60, 90), grid_settings(**shown), **settings)


def test_a_photo_in_which_the_layer_holds_nothing_is_refused() -> None:
    with pytest.raises(BadSetting, match="'0' is zero everywhere for this photo"):
        plan_grid(color_model(), torch.zeros(1, 3, 8, 16), grid_settings("0"))

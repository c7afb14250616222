"""Pictures with transparency, and pictures for networks that see no colours, by recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import entoptic as ent
from entoptic.errors import BadSetting
from entoptic.jobs.painted import painted
from entoptic.networks import Preprocess
from entoptic.objectives import per_image
from entoptic.runners.run import plan_redo
from planning import plan_visualize

QUICK: dict[str, Any] = {"canvas": "alpha", "size": 64, "steps": 3}


@pytest.fixture(scope="module")
def squeezenet() -> ent.Model:
    return ent.load()


def fed(channels: int, weight: float = 1.0) -> ent.Model:
    """A network whose one channel is the mean of what it is fed, times a weight."""
    module = nn.Conv2d(channels, 1, 1, bias=False)
    nn.init.constant_(module.weight, weight / channels)
    mean, std = (0.0,) * channels, (1.0,) * channels
    plain = Preprocess((16, 24), mean, std, channels=channels)
    return ent.Model.wrap(nn.Sequential(module), preprocess=plain)


def left_quarter() -> ent.Model:
    """How much brighter than grey the left quarter of a picture is."""

    class Left(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image[..., : image.shape[-1] // 4].mean((1, 2, 3), keepdim=True) - 0.5

    plain = Preprocess((32, 32), (0, 0, 0), (1, 1, 1))
    return ent.Model.wrap(nn.Sequential(Left()), preprocess=plain)


def test_what_the_objective_does_not_see_becomes_transparent() -> None:
    made = ent.visualize(
        left_quarter(), "0:0", size=32, steps=150, canvas="alpha", transforms="none"
    )
    assert made.alpha is not None
    assert made.alpha[..., 1:7].mean() > 0.5
    assert made.alpha[..., 10:30].mean() < 0.05


def test_a_picture_alone_keeps_its_transparency_and_redo_makes_the_same_bytes(
    squeezenet: ent.Model, tmp_path: Path
) -> None:
    made = ent.visualize(squeezenet, "fire5:3", **QUICK)
    made.save(tmp_path / "a.png")
    assert ent.read(tmp_path / "a.png").alpha is not None
    # What the user asked for, so that it isn't multiplied by 1 - opacity() again.
    assert made.job.objective == "per_image([channel('fire5', 3)])"
    plan_redo(tmp_path / "a.png").run().save(tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_sheet_shows_pictures_on_white(squeezenet: ent.Model) -> None:
    made = ent.visualize(squeezenet, "fire5:3-4", **QUICK)
    assert made.alpha is None
    # Half of alpha is white, at the start.
    assert float(made.image[..., :64, :64].mean()) == pytest.approx(0.75, abs=0.1)


def test_every_step_has_its_transparency(squeezenet: ent.Model) -> None:
    plan = plan_visualize(squeezenet, ["fire5:3"], **QUICK)
    frames = [plan.result(step, [step.scores]) for step in plan.steps()]
    assert all(each.alpha is not None and each.alpha.shape == (1, 1, 64, 64) for each in frames)
    assert not torch.equal(frames[0].alpha, frames[2].alpha)


def test_opacity_costs_unless_the_objective_tells_of_it_itself() -> None:
    one, told = ent.channel("a", 3), ent.channel("a", 5) - 2 * ent.opacity()
    assert painted(per_image([one, told])) == per_image([one * (1 - ent.opacity()), told])


def test_the_plan_keeps_the_objective_of_the_user(squeezenet: ent.Model) -> None:
    plan = plan_visualize(squeezenet, ["fire5:3"], **QUICK)
    assert plan.objective == per_image([ent.channel("fire5", 3)])
    found = ent.evaluate(squeezenet, "fire5:3", **QUICK)
    assert found.rows[0].score > 0


def test_words_on_transparency_want_a_canvas_that_has_it(squeezenet: ent.Model) -> None:
    unit = ent.channel("fire5", 3) - ent.opacity()
    with pytest.raises(BadSetting, match=r"opacity is about .* canvas natural has none; take the"):
        plan_visualize(squeezenet, [unit])
    assert ent.visualize(squeezenet, unit, **QUICK).alpha is not None
    with pytest.raises(BadSetting, match=r"opacity is about .* measured on white; leave it out"):
        ent.evaluate(squeezenet, unit, **QUICK)


@pytest.mark.parametrize("canvas", ["fourier", "pixels", "maco", "alpha"])
def test_pictures_for_a_network_of_one_channel_are_gray(canvas: str) -> None:
    made = ent.visualize(fed(1), "0:0", size=24, steps=60, canvas=canvas, transforms="none")
    red, green, blue = made.image[0]
    assert torch.equal(red, green)
    assert torch.equal(red, blue)
    if canvas in ("fourier", "pixels"):
        assert float(red.mean()) > 0.6


def test_a_network_of_five_channels_is_shown_three_in_colors_and_two_in_gray() -> None:
    result = plan_visualize(fed(5), ["0:0"], size=16, steps=2).run()
    assert result.image.shape == (1, 3, 16, 3 * 16)
    (note,) = (each for each in result.notes if "fed 5 channels" in each)
    assert "channels 0 to 2 as red, green and blue and channels 3, 4 in grey" in note
    gray = result.image[..., 16:]
    assert torch.equal(gray[:, :1].expand_as(gray), gray)
    canvas = ent.Fourier(16, 24, channels=5, decorrelated=False)
    before = canvas.planes().mean()
    list(ent.ascend(fed(5), ent.channel("0", 0), canvas, steps=5))
    assert canvas.planes().mean() > before

"""Visualizations: which units, laid out how, and what of them is known beforehand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import entoptic as ent
from entoptic.canvas import canvases
from entoptic.errors import BadExpression, BadSetting, ChannelOutOfRange, UnknownLayer
from entoptic.jobs.methods import methods
from entoptic.jobs.units import read_units
from entoptic.networks import Preprocess
from entoptic.runners.run import plan_job, plan_redo
from planning import plan_visualize

QUICK: dict[str, Any] = {"size": 64, "steps": 3}


@pytest.fixture(scope="module")
def squeezenet() -> ent.Model:
    return ent.load()


def color_model() -> ent.Model:
    """Three channels: red, green and blue themselves."""
    module = nn.Conv2d(3, 3, 1, bias=False)
    module.weight.data = torch.eye(3).reshape(3, 3, 1, 1)
    plain = Preprocess((16, 16), (0, 0, 0), (1, 1, 1))
    return ent.Model.wrap(nn.Sequential(module), preprocess=plain)


# In decorrelated colours every step is mostly one of brightness; there the colour comes later.
@pytest.mark.parametrize(("canvas", "margin"), [("pixels", 0.2), ("fourier", 0.05)])
def test_what_a_color_wants_most_is_that_color(canvas: str, margin: float) -> None:
    plan = plan_visualize(
        color_model(), ["0:0", "0:2"], size=16, steps=120, canvas=canvas, transforms="none"
    )
    image = plan.run().image
    red, blue = image[0, :, 2:14, 2:14].mean((1, 2)), image[0, :, 2:14, 22:34].mean((1, 2))
    assert red[0] > 0.75
    assert blue[2] > 0.75
    assert red[0] > red[2] + margin
    assert blue[2] > blue[0] + margin


def test_a_range_stands_for_its_channels_and_an_expression_for_itself() -> None:
    assert read_units("fire7:3-4") == [ent.channel("fire7", 3), ent.channel("fire7", 4)]
    assert read_units("energy('fire7') / 2") == [ent.energy("fire7") / 2]
    assert read_units("inception_4c/output:7") == [ent.channel("inception_4c/output", 7)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fire7:5-4", "different channel numbers .* got '5-4'"),
        ("fire7:0-99999999", "different channel numbers .* got '0-99999999'"),
        ("fire7:0-4096", "stands for more than 4096 units, which is the most"),
    ],
)
def test_a_range_that_is_none_is_refused(text: str, told: str) -> None:
    with pytest.raises(BadExpression, match=told):
        read_units(text)


def test_one_unit_is_a_picture_and_several_are_a_sheet(squeezenet: ent.Model) -> None:
    assert plan_visualize(squeezenet, ["fire5:3"], **QUICK).shape == (64, 64)
    # Two rows of two, each with a strip of 20 pixels for its label, and gaps of 4.
    assert plan_visualize(squeezenet, ["fire5:3-5"], **QUICK).shape == (2 * 84 + 4, 2 * 64 + 4)


def test_units_are_called_by_their_short_form(squeezenet: ent.Model) -> None:
    plan = plan_visualize(squeezenet, ["fire5:3", "logit('goldfish')"], **QUICK)
    assert list(plan.layout.labels) == ["fire5:3", "logit('goldfish', 'logits')"]


def test_the_same_job_gives_the_same_bytes_and_so_does_redo(
    squeezenet: ent.Model, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths[:2]:
        plan_visualize(squeezenet, ["fire5:3-5"], batch=2, **QUICK).run().save(path)
    plan_redo(paths[0]).run().save(paths[2])
    first, second, third = (path.read_bytes() for path in paths)
    assert first == second == third
    assert plan_redo(paths[0], steps=1, seed=4).job.settings["steps"] == 1


@pytest.mark.parametrize("method", list(methods))
def test_a_method_brings_its_canvas_transforms_and_rate(
    squeezenet: ent.Model, method: str, tmp_path: Path
) -> None:
    made = plan_visualize(squeezenet, ["fire3:3"], method=method, size=48, steps=1).run()
    settings = made.job.settings
    brought = methods[method]
    assert settings["canvas"] == brought.canvas
    assert settings["transforms"] == brought.transforms
    assert settings["learning_rate"] == brought.learning_rate
    made.save(tmp_path / "a.png")
    again = plan_redo(tmp_path / "a.png").run()
    assert torch.equal(again.image, made.image)


@pytest.mark.parametrize(
    ("model", "unit", "method"),
    [
        ("squeezenet1_1", "fire3:3", "natural"),
        ("efficientnet_lite0", "blocks.1:3", "natural_wide"),
    ],
)
def test_each_embedded_network_has_the_method_that_suits_it(
    model: str, unit: str, method: str
) -> None:
    network = ent.load(model)
    taken = plan_visualize(network, [unit], **QUICK).job.settings
    assert (taken["method"], taken["transforms"]) == (method, methods[method].transforms)
    asked = plan_visualize(network, [unit], method="lucid", **QUICK).job.settings
    assert (asked["method"], asked["transforms"]) == ("lucid", "lucid")


def test_a_job_of_the_first_default_makes_the_picture_that_it_made(
    squeezenet: ent.Model, tmp_path: Path
) -> None:
    # Settings as they were in jobs when this was the default, without those that came later.
    plan = plan_visualize(
        squeezenet, ["fire3:3"], method="entoptic", canvas="fourier", transforms="robust",
        learning_rate=0.1, **QUICK,
    )  # fmt: skip
    first = {name: each for name, each in plan.job.settings.items() if name != "seamless"}
    again = plan_job(replace(plan.job, settings=first))
    canvas = ent.Fourier(64, 64, seed=0)
    for _ in ent.ascend(
        squeezenet, ent.channel("fire3", 3), canvas, transforms="robust",
        optimizer=ent.adam(0.1), rules=[ent.redirected_relu()], steps=3,
    ):  # fmt: skip
        pass
    torch.testing.assert_close(again.run().image, canvas().detach())


def test_another_method_brings_its_own_where_a_picture_is_made_again(
    squeezenet: ent.Model, tmp_path: Path
) -> None:
    plan_visualize(squeezenet, ["fire3:3"], canvas="pixels", **QUICK).run().save(tmp_path / "a.png")
    assert plan_redo(tmp_path / "a.png", steps=1).job.settings["canvas"] == "pixels"
    changed = plan_redo(tmp_path / "a.png", method="maco").job.settings
    assert (changed["canvas"], changed["transforms"]) == ("maco", "maco")
    assert changed["steps"] == 3


@pytest.mark.parametrize("canvas", list(canvases))
def test_every_canvas_can_show_a_batch_of_units(squeezenet: ent.Model, canvas: str) -> None:
    plan = plan_visualize(squeezenet, ["fire3:0-1"], canvas=canvas, size=32, steps=1)
    assert [tuple(each.shape) for each in plan.pictures()] == [(2, 3, 32, 32)]


@pytest.mark.parametrize("precision", ["bf16", "auto"])
def test_the_job_remembers_what_precision_was_taken(
    squeezenet: ent.Model, precision: str, tmp_path: Path
) -> None:
    made = plan_visualize(squeezenet, ["fire3:3"], precision=precision, **QUICK).run()
    taken = made.job.settings["precision"]
    assert taken in ({"bf16"} if precision == "bf16" else {"fp32", "bf16"})
    made.save(tmp_path / "a.png")
    again = plan_redo(tmp_path / "a.png").run()
    assert torch.equal(again.image, made.image)
    assert again.job.settings["precision"] == taken


def test_a_picture_grows_batch_by_batch(squeezenet: ent.Model) -> None:
    plan = plan_visualize(squeezenet, ["fire3:0-2"], batch=2, on="cpu", **QUICK)
    assert [step.octave for step in plan.steps()] == [0, 0, 0, 1, 1, 1]
    first = next(iter(plan.steps())).image()
    # The third picture hasn't begun: its place is grey.
    assert torch.equal(first[0, :, 88:152, :64], torch.full((3, 64, 64), 0.5))


@pytest.mark.parametrize(
    ("units", "settings", "error", "told"),
    [
        ([], {}, BadSetting, "nothing to visualize"),
        (["fire99:1"], {}, UnknownLayer, "no layer named 'fire99'"),
        (["fire7:900"], {}, ChannelOutOfRange, "channel 900 of 'fire7' does not exist"),
        (["fire7:1"], {"canvas": "oil"}, BadSetting, "no canvas named 'oil'; there are fourier"),
        (["fire7:1"], {"transforms": "warp"}, BadSetting, "'warp'"),
        (
            ["fire7:1"],
            {"precision": "fp8"},
            BadSetting,
            "precision is 'fp8'; it is one of auto, fp32",
        ),
        (["fire7:1"], {"size": 0}, BadSetting, "size is 0; it must be a whole number from 1"),
        (["fire7:1"], {"learning_rate": -1.0}, BadSetting, "learning rate is -1.0"),
        (["fire7:1"], {"jitter": 3}, BadSetting, "visualize has no setting 'jitter'"),
    ],
)
def test_what_is_wrong_is_told_before_any_work(
    squeezenet: ent.Model,
    units: list[str],
    settings: dict[str, Any],
    error: type[Exception],
    told: str,
) -> None:
    with pytest.raises(error, match=told):
        plan_visualize(squeezenet, units, **settings)


def test_a_sheet_that_is_too_large_is_refused_before_it_takes_memory(
    squeezenet: ent.Model,
) -> None:
    # All its pictures together would be 384 x 300 MB.
    with pytest.raises(BadSetting, match="megapixels, more than the limit"):
        plan_visualize(squeezenet, ["fire7:0-383"], size=5000)

"""Words about a batch: what they score for each image, and that they want several."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import entoptic as ent
from entoptic.errors import BadExpression, BadSetting, ChannelOutOfRange
from entoptic.layers import Layer
from entoptic.objectives import Activations, Objective

A, B = Layer("a"), Layer("b")


def test_interpolation_goes_from_one_channel_to_the_other() -> None:
    acts: Activations = {
        A: torch.tensor([[1.0, 9.0], [2.0, 9.0], [3.0, 9.0]]),
        B: torch.tensor([[[[0.0, 20.0]]], [[[15.0, 25.0]]], [[[40.0, 40.0]]]]),
    }
    scores = ent.channel_interpolate("a", 0, "b", 0)(acts)
    assert scores.tolist() == [1, (2 + 20) / 2, 40]


def test_alignment_takes_half_of_each_difference_from_both_images() -> None:
    acts: Activations = {A: torch.tensor([[0.0, 0.0], [2.0, 0.0], [2.0, 4.0]])}
    # Mean squares: 2 and 8 between neighbours, 10 between the first and the third.
    assert ent.alignment("a")(acts).tolist() == [
        -(2 / 4 + 10 / 8),
        -(2 / 4 + 8 / 4),
        -(8 / 4 + 10 / 8),
    ]
    assert ent.alignment("a", decay_ratio=1)(acts).tolist() == [-6, -5, -9]


def test_alignment_does_not_see_further_than_four_images() -> None:
    acts: Activations = {A: torch.tensor([[1.0], [0.0], [0.0], [0.0], [0.0], [0.0]])}
    first = (1 / 2 + 1 / 4 + 1 / 8 + 1 / 16) / 2
    assert ent.alignment("a")(acts).tolist() == [-first, -1 / 4, -1 / 8, -1 / 16, -1 / 32, 0]


def test_diversity_is_the_unlikeness_of_textures() -> None:
    # The first and the third image have only channel 0, the second has only channel 1.
    maps = torch.zeros(3, 2, 1, 2)
    maps[0, 0], maps[1, 1], maps[2, 0] = 1, 2, torch.tensor([[0.0, 5.0]])
    torch.testing.assert_close(ent.diversity("a")({A: maps}), torch.tensor([0.5, 1.0, 0.5]))


def test_images_that_are_the_same_are_aligned_and_not_diverse() -> None:
    acts: Activations = {A: torch.arange(6.0).reshape(1, 3, 1, 2).repeat(4, 1, 1, 1)}
    assert ent.alignment("a")(acts).tolist() == [0] * 4
    torch.testing.assert_close(ent.diversity("a")(acts), torch.zeros(4))


def test_the_slope_of_diversity_is_finite_where_nothing_is_active() -> None:
    maps = torch.zeros((2, 2, 1, 2), requires_grad=True)
    ent.diversity("a")({A: maps}).sum().backward()
    assert maps.grad is not None
    assert bool(maps.grad.isfinite().all())


WORDS = [ent.channel_interpolate("0", 0, "0", 1), ent.alignment("0"), ent.diversity("0")]


@pytest.mark.parametrize("objective", WORDS)
def test_a_batch_of_one_image_is_refused(objective: Objective) -> None:
    told = " is about the images of a batch, and this batch has 1; give the canvas more images"
    with pytest.raises(BadSetting, match=told):
        objective({Layer("0"): torch.ones(1, 2, 1, 2)})
    with pytest.raises(BadSetting, match="and leave it outside of per_image"):
        ent.per_image([objective] * 2)({Layer("0"): torch.ones(2, 2, 1, 2)})


def model() -> ent.Model:
    torch.manual_seed(3)
    return ent.Model.wrap(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))


def climbed(objective: Objective) -> torch.Tensor:
    """Scores of the last step of a climb of three images."""
    noise = torch.rand((3, 3, 6, 8), generator=torch.Generator().manual_seed(6))
    last = [step.scores for step in ent.ascend(model(), objective, ent.Pixels(noise), steps=40)]
    return last[-1] - last[0]


@pytest.mark.parametrize("objective", [ent.alignment("1"), ent.diversity("1")])
def test_climbing_makes_the_images_alike_or_unlike(objective: Objective) -> None:
    assert bool((climbed(objective) > 0).all())


def test_each_channel_is_checked_against_its_own_layer() -> None:
    canvas = ent.Pixels(torch.full((2, 3, 6, 8), 0.5))
    with pytest.raises(ChannelOutOfRange, match=r"channel 3 of 'input' does not exist; .*0\.\.2"):
        ent.ascend(model(), ent.channel_interpolate("0", 3, "input", 3), canvas)
    ent.ascend(model(), ent.channel_interpolate("input", 2, "0", 3), canvas)


@pytest.mark.parametrize("ratio", [0, -1, float("nan"), "2"])
def test_what_is_no_ratio_is_refused(ratio: Any) -> None:
    told = "alignment wants a number above 0, at most 1000000, for 'decay_ratio', got "
    with pytest.raises(BadExpression, match=told):
        ent.alignment("a", ratio)

"""Penalties: what they score, by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import entoptic as ent
from entoptic.errors import BadExpression, BadSetting
from entoptic.layers import CANVAS, INPUT, Layer
from entoptic.objectives import Activations

FLAT = Layer("flat")
ACTS: Activations = {
    FLAT: torch.tensor([[1.0, -3.0], [2.0, 0.5]]),
    INPUT: torch.full((2, 3, 2, 3), 0.75),
}

SCORES = {
    "l1": (ent.l1("flat", 0), [4, 2.5]),
    "l1 from a half": (ent.l1("flat"), [4, 1.5]),
    "l1 of the picture": (ent.l1(), [4.5, 4.5]),
    "linf": (ent.linf("flat", 0), [3, 2]),
    "linf from a half": (ent.linf("flat"), [3.5, 1.5]),
    "linf of the picture": (ent.linf(), [0.25, 0.25]),
    "blurriness of a plain picture": (ent.blurriness(), [0, 0]),
}  # fmt: skip


@pytest.mark.parametrize("case", SCORES)
def test_a_word_scores_what_it_says(case: str) -> None:
    objective, scores = SCORES[case]
    torch.testing.assert_close(objective(ACTS), torch.tensor(scores, dtype=torch.float32))


def test_blurriness_is_what_a_gaussian_takes_from_a_line() -> None:
    picture = torch.zeros(1, 3, 4, 9)
    picture[..., 4] = 1
    weights = [math.exp(-(offset**2) / 2) for offset in range(4)]
    whole = weights[0] + 2 * sum(weights[1:])
    center, *sides = (weight / whole for weight in weights)
    taken = ((1 - center) ** 2 + 2 * sum(side**2 for side in sides)) / 9
    assert float(ent.blurriness()({INPUT: picture})) == pytest.approx(-taken, rel=1e-5)


def test_the_border_of_a_plain_picture_costs_its_distance_from_the_constant() -> None:
    picture = torch.full((2, 3, 5, 7), 0.5)
    picture[1] = 0.75
    scores = ent.boundary_complexity("canvas", 2)({CANVAS: picture})
    torch.testing.assert_close(scores, torch.tensor([0, 0.8 * 0.25**2]))


def test_what_is_in_the_middle_costs_nothing() -> None:
    picture = torch.full((2, 3, 12, 13), 0.5)
    picture[0, :, 5:7, 6] = 1.0  # a Gaussian of deviation 1 is cut off at 3, short of the border
    picture[1, :, 0, 6] = 1.0
    middle, edge = ent.boundary_complexity("input", 2)({INPUT: picture})
    assert middle < 1e-12
    # The dot itself is 0.8 / 4 of one of the border's places.
    border = 12 * 13 - 8 * 9
    assert edge > 0.8 * 0.25 / border


def test_a_border_as_wide_as_the_picture_is_all_of_it() -> None:
    picture = torch.zeros(1, 3, 3, 5)
    assert float(ent.boundary_complexity()({INPUT: picture})) == pytest.approx(0.8 * 0.25)


RGBA = torch.cat(
    [
        torch.rand(2, 3, 2, 3, generator=torch.Generator().manual_seed(3)),
        torch.arange(12.0).reshape(2, 1, 2, 3) / 12,
    ],
    1,
)


def test_opacity_is_the_mean_of_alpha() -> None:
    scores = ent.opacity()({CANVAS: RGBA})
    torch.testing.assert_close(scores, torch.tensor([2.5 / 12, 8.5 / 12]))


def test_alpha_is_blurred_alone() -> None:
    alike = ent.blurriness("a", 1.5)({Layer("a"): RGBA[:, 3:]})
    assert torch.equal(ent.alpha_blurriness(sigma=1.5)({CANVAS: RGBA}), alike)


@pytest.mark.parametrize("objective", [ent.opacity(), ent.alpha_blurriness()])
def test_a_picture_without_transparency_has_no_opacity(objective: ent.Objective) -> None:
    told = "is about transparency, and 'canvas' has 3 channels; optimise a Transparent canvas"
    network = ent.Model.wrap(torch.nn.Conv2d(3, 1, 1))
    with pytest.raises(BadSetting, match=told):
        next(ent.ascend(network, objective, ent.Fourier(4, 6)))


def test_fine_grain_counts_more_than_coarse() -> None:
    fine = (torch.arange(16) % 2).float().expand(1, 3, 6, 16)
    coarse = (torch.arange(16) // 8).float().expand(1, 3, 6, 16)
    scores = ent.blurriness()({INPUT: torch.cat([fine, coarse])})
    assert scores[0] < 5 * scores[1] < 0


@pytest.mark.parametrize("sigma", [0, -1, float("inf"), None])
def test_what_is_no_blur_is_refused(sigma: Any) -> None:
    with pytest.raises(BadExpression, match="blurriness wants a width above 0 for 'sigma', got "):
        ent.blurriness("input", sigma)

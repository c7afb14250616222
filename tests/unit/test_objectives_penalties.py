"""Penalties: what they score, by hand."""

from __future__ import annotations

import math

import pytest
import torch

import entoptic as ent
from entoptic.errors import BadExpression
from entoptic.layers import INPUT, Layer

FLAT = Layer("flat")
ACTS = {FLAT: torch.tensor([[1.0, -3.0], [2.0, 0.5]]), INPUT: torch.full((2, 3, 2, 3), 0.75)}

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
    centre, *sides = (weight / whole for weight in weights)
    taken = ((1 - centre) ** 2 + 2 * sum(side**2 for side in sides)) / 9
    assert float(ent.blurriness()({INPUT: picture})) == pytest.approx(-taken, rel=1e-5)


def test_fine_grain_counts_more_than_coarse() -> None:
    fine = (torch.arange(16) % 2).float().expand(1, 3, 6, 16)
    coarse = (torch.arange(16) // 8).float().expand(1, 3, 6, 16)
    scores = ent.blurriness()({INPUT: torch.cat([fine, coarse])})
    assert scores[0] < 5 * scores[1] < 0


@pytest.mark.parametrize("sigma", [0, -1, float("inf"), None])
def test_what_is_no_blur_is_refused(sigma: object) -> None:
    with pytest.raises(BadExpression, match="blurriness wants a number above 0 for 'sigma', got "):
        ent.blurriness("input", sigma)

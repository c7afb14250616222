"""Directions place by place and in whitened space, on two images of two channels."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import entoptic as ent
from entoptic.errors import BadExpression, ChannelOutOfRange
from entoptic.layers import Layer
from entoptic.objectives import Activations, Objective

A, FLAT = Layer("a"), Layer("flat")
# By place: (3, 4), (0, 5) in the first image, (-3, -4), (8, -6) in the second.
ACTS: Activations = {
    A: torch.tensor([[[[3.0, 0.0]], [[4.0, 5.0]]], [[[-3.0, 8.0]], [[-4.0, -6.0]]]]),
    FLAT: torch.tensor([[3.0, 4.0], [0.0, 5.0]]),
}
# (1, 0) at the first place, (0, 2) at the second.
TENSOR = (((1.0, 0.0),), ((0.0, 2.0),))
# Makes (0.6, 0.8) of (0.6, 0.4).
WHITENING = ((1.0, 0.0), (0.0, 2.0))

SCORES = {
    # Dot products 3, 10 and -3, -12; cosines 0.6, 1 and -0.6, -0.6.
    "tensor direction": (ent.tensor_direction("a", TENSOR), [6.5, -7.5]),
    "tensor direction and cosine": (ent.tensor_direction("a", TENSOR, 1), [5.9, -0.75]),
    # As `direction` along (0.6, 0.8), to which v is whitened: see the tests of that.
    "angled direction": (ent.angled_direction("a", (0.6, 0.4), WHITENING, 1), [4.1, -0.25]),
    "angled by default": (
        ent.angled_direction("flat", (0.6, 0.4), WHITENING),
        [5, 4 * 0.8**4],
    ),
    "angled neuron": (ent.angled_neuron_direction("a", (0.6, 0.4), WHITENING), [4 * 0.8**4, 0]),
    "angled neuron at a place": (
        ent.angled_neuron_direction("a", (0.6, 0.4), WHITENING, 0, 0, 1),
        [5, -0.5],
    ),
    # The matrix isn't symmetric: rows times the vector, (0.6 + 0.4 * 2, 0.4).
    "rows times the vector": (
        ent.angled_direction("flat", (0.6, 0.4), ((1, 2), (0, 1)), 0),
        [3 * 1.4 + 4 * 0.4, 5 * 0.4],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SCORES)
def test_a_word_scores_what_it_says(case: str) -> None:
    objective, scores = SCORES[case]
    torch.testing.assert_close(objective(ACTS), torch.tensor(scores, dtype=torch.float32))


@pytest.mark.parametrize("case", SCORES)
def test_numbers_read_back_and_are_carried_as_they_were(case: str) -> None:
    objective, _ = SCORES[case]
    assert ent.parse(repr(objective)) == objective
    assert pickle.loads(pickle.dumps(objective)) == objective


@pytest.mark.parametrize("power", [1, 2, 4])
def test_captums_angled_neuron_is_ours_times_a_number_where_no_floor_is_reached(power: int) -> None:
    rng = torch.Generator().manual_seed(power)
    maps, vector = torch.rand((1, 5, 3, 3), generator=rng), torch.rand((5,), generator=rng)
    whitening = torch.rand((5, 5), generator=rng)
    whitening = 4 * (whitening + whitening.T)
    # captum.optim's AngledNeuronDirection, at the middle place.
    a, w = maps[0, :, 1, 1], vector @ whitening
    dot = (a * w).mean()
    cosine = dot / (1e-4 + a.norm())
    assert cosine > 0.1
    captum = dot * cosine**power
    ours = ent.angled_neuron_direction("a", vector, whitening, cosine_power=power)({A: maps})
    assert float(ours * (w.norm() / 5) ** power / 5) == pytest.approx(float(captum), rel=1e-3)
    # Of a direction a hundredth as long theirs counts the angle no more: ours does, as before.
    theirs = 0.01 * dot * max(0.1, 0.01 * float(cosine)) ** power
    short = ent.angled_neuron_direction("a", 0.01 * vector, whitening, cosine_power=power)(
        {A: maps}
    )
    assert float(short) == pytest.approx(0.01 * float(ours), rel=1e-5)
    assert float(theirs) == pytest.approx(0.01 * float(dot) * 0.1**power, rel=1e-5)


def test_the_same_direction_everywhere_is_direction() -> None:
    tensor = torch.tensor([0.6, -0.8])[:, None, None].expand(2, 1, 2)
    same = ent.tensor_direction("a", tensor, 2)(ACTS)
    torch.testing.assert_close(same, ent.direction("a", (0.6, -0.8), 2)(ACTS))


def test_a_tensor_lies_in_the_middle_of_a_larger_layer_and_the_other_way_round() -> None:
    maps: Activations = {A: torch.arange(30.0).reshape(1, 2, 3, 5)}
    dot = ent.tensor_direction("a", [[[1.0, 0.0]], [[0.0, 0.0]]])
    # Row 1, columns 1 and 2, of which the second counts nothing.
    assert dot(maps).tolist() == [6 / 2]
    wide = torch.zeros(2, 5, 9)
    wide[1, 2, 4] = 1.0  # the middle of both: row 1, column 2 of channel 1
    assert float(ent.tensor_direction("a", wide)(maps)) == pytest.approx(22 / 15)


def test_what_varies_anyway_counts_less_in_whitened_space() -> None:
    # Channel 1 is channel 0 plus a little: the direction of both is no news.
    rng = torch.Generator().manual_seed(1)
    first = torch.randn(1000, generator=rng, dtype=torch.float64)
    channels = torch.stack([first, first + 0.1 * torch.randn(1000, generator=rng)])
    whitening = torch.linalg.inv(channels @ channels.T / 1000)
    along, across = (
        ent.angled_direction("flat", vector, whitening, 0)({FLAT: torch.tensor([vector])})
        for vector in ([1.0, 1.0], [1.0, -1.0])
    )
    assert 100 * along < across


def test_arrays_and_nested_lists_are_one_form() -> None:
    numbers = [[[0.1, 2], [3, 4]]]
    forms = [numbers, np.array(numbers, np.float32), torch.tensor(numbers)]
    assert len({ent.tensor_direction("a", each) for each in forms}) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("block", [[], 3.0, "ab", [[1.0]], [[[1.0], [1.0, 2.0]]], [[[1.0]], []]])
def test_what_is_no_block_is_refused(block: Any) -> None:
    told = "tensor_direction wants numbers for each channel, row and column, for 'tensor', got "
    with pytest.raises(BadExpression, match=told):
        ent.tensor_direction("a", block)


@pytest.mark.parametrize("matrix", [[], 3.0, [1.0, 2.0], [[1.0], [1.0, 2.0]], torch.eye(2)[0]])
def test_what_is_no_matrix_is_refused(matrix: Any) -> None:
    told = "angled_direction wants rows of numbers, as many as channels, for 'whitening', got "
    with pytest.raises(BadExpression, match=told):
        ent.angled_direction("a", (1, 2), matrix)


@pytest.mark.parametrize(
    ("objective", "told"),
    [
        (ent.tensor_direction("0", torch.ones(3, 4, 4)), "array has 3 rows"),
        (ent.angled_direction("0", [1] * 5, torch.ones(3, 5)), "array has 3 rows"),
        (ent.angled_direction("0", [1] * 5, torch.ones(5, 3)), "vector has 3 numbers"),
        (ent.angled_neuron_direction("0", [1] * 3, torch.eye(5)), "vector has 3 numbers"),
    ],
)
def test_the_wrong_size_is_said_before_any_work(objective: Objective, told: str) -> None:
    model = ent.Model.wrap(nn.Sequential(nn.Conv2d(3, 5, 1)))
    with pytest.raises(ChannelOutOfRange, match=f"'0' has 5 channels, but the {told}; give one"):
        ent.ascend(model, objective, ent.Pixels(torch.full((1, 3, 4, 6), 0.5)))


def test_only_the_angle_counts_for_a_cosine() -> None:
    values = torch.tensor([[[[3.0, 0.0]], [[4.0, 2.0]]]])  # (3, 4) and (0, 2)
    for size in (1, 1e-3):
        score = ent.cosine("a", [5, 0])({Layer("a"): size * values})
        torch.testing.assert_close(score, torch.tensor([(0.6 + 0) / 2]))

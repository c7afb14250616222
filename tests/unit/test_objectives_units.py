"""Directions and weights of channels, on two images of two channels with 1 x 2 places."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch

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
UNIT = (0.6, 0.8)

SCORES = {
    # Dot products 5, 4 and -5, 0; cosines 1, 0.8 and -1, 0, of which 0.1 is the least.
    "direction": (ent.direction("a", UNIT), [4.5, -2.5]),
    "direction and cosine": (ent.direction("a", UNIT, 1), [4.1, -0.25]),
    "direction and square of the cosine": (ent.direction("a", UNIT, 2), [3.78, -0.025]),
    "direction twice as long": (ent.direction("a", (1.2, 1.6), 1), [8.2, -0.5]),
    "direction of features": (ent.direction("flat", UNIT, 1), [5, 3.2]),
    "neuron direction in the middle": (ent.neuron_direction("a", UNIT), [4, 0]),
    "neuron direction at a place": (ent.neuron_direction("a", UNIT, 0, 0, 1), [5, -0.5]),
    # Weighted sums -5, -10 and 5, 20 by place.
    "channel weights": (ent.channel_weights("a", (1, -2)), [-3.75, 6.25]),
    "channel weights of features": (ent.channel_weights("flat", (1, -2)), [-2.5, -5]),
    "neuron weights in the middle": (ent.neuron_weights("a", (1, -2)), [-5, 10]),
    "neuron weights at a place": (ent.neuron_weights("a", (1, -2), 0, 0), [-2.5, 2.5]),
}  # fmt: skip


@pytest.mark.parametrize("case", SCORES)
def test_a_word_scores_what_it_says(case: str) -> None:
    objective, scores = SCORES[case]
    torch.testing.assert_close(objective(ACTS), torch.tensor(scores, dtype=torch.float32))


@pytest.mark.parametrize("case", SCORES)
def test_images_do_not_mix(case: str) -> None:
    objective, scores = SCORES[case]
    second: Activations = {layer: value[1:] for layer, value in ACTS.items()}
    assert float(objective(second)) == pytest.approx(scores[1])


@pytest.mark.parametrize("case", SCORES)
def test_a_vector_reads_back_and_is_carried_as_it_was(case: str) -> None:
    objective, _ = SCORES[case]
    assert ent.parse(repr(objective)) == objective
    assert pickle.loads(pickle.dumps(objective)) == objective


def test_a_direction_along_one_channel_is_that_channel() -> None:
    maps: Activations = {A: torch.arange(24.0).reshape(2, 2, 2, 3)}
    assert torch.equal(ent.direction("a", (0, 1))(maps), ent.channel("a", 1)(maps))
    one, other = ent.neuron_direction("a", (0, 1), 1, 2), ent.neuron("a", 1, 1, 2)
    assert torch.equal(one(maps), other(maps))


def test_weights_of_a_group_are_the_group_but_for_the_number_of_channels() -> None:
    maps: Activations = {A: torch.arange(36.0).reshape(2, 3, 2, 3)}
    weighted = ent.channel_weights("a", (1, 0, 1))(maps)
    torch.testing.assert_close(3 * weighted, 2 * ent.channels("a", (0, 2))(maps))


def test_the_slope_of_a_cosine_is_finite_where_nothing_is_active() -> None:
    maps = torch.zeros((1, 2, 1, 2), requires_grad=True)
    ent.direction("a", UNIT, 2)({A: maps}).sum().backward()
    assert maps.grad is not None
    assert bool(maps.grad.isfinite().all())


@pytest.mark.parametrize(
    "vector",
    [
        (0.1, -2.0),
        [0.1, -2],
        np.array([0.1, -2.0]),
        np.array([0.1, -2.0], np.float32),
        torch.tensor([0.1, -2.0]),
        torch.tensor([0.1, -2.0], dtype=torch.float64, requires_grad=True),
    ],
    ids=lambda vector: type(vector).__name__,
)
def test_a_vector_has_one_form_however_it_is_given(vector: Any) -> None:
    assert repr(ent.direction("a", vector)) == "direction('a', (0.1, -2.0), 0.0)"


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_a_vector_of_half_precision_keeps_its_numbers(kind: torch.dtype) -> None:
    vector = torch.tensor([0.1, -3.14159], dtype=kind)
    objective = ent.direction("flat", vector)
    torch.testing.assert_close(objective(ACTS), ACTS[FLAT] @ vector.float(), rtol=0, atol=1e-6)


def test_a_direction_among_4096_channels_reads_back() -> None:
    vector = torch.randn(4096, generator=torch.Generator().manual_seed(3)) * 1e-5
    objective = ent.direction("a", vector)
    assert ent.parse(repr(objective)) == objective
    assert torch.equal(torch.tensor(objective.arguments[1]), vector)


@pytest.mark.parametrize(
    "vector",
    [[], 3.0, None, [[1.0, 2.0]], np.eye(2), torch.eye(2), [1.0, float("nan")], [True]],
    ids=str,
)
def test_what_is_no_vector_is_refused(vector: Any) -> None:
    told = "direction wants numbers, one for each channel, or .* for 'vector', got "
    with pytest.raises(BadExpression, match=told):
        ent.direction("a", vector)


@pytest.mark.parametrize("power", [-1, float("inf"), "2", None])
def test_what_is_no_power_is_refused(power: Any) -> None:
    told = r"neuron_direction wants a power \(0 to 1000000\) for 'cosine_power', got "
    with pytest.raises(BadExpression, match=told):
        ent.neuron_direction("a", UNIT, None, None, power)


@pytest.mark.parametrize(
    "objective",
    [
        ent.direction("0", (1, 2, 3)),
        ent.channel_weights("0", (1, 2, 3)),
        ent.neuron_direction("0", (1, 2, 3)),
        ent.neuron_weights("0", (1, 2, 3)),
    ],
)
def test_a_vector_of_the_wrong_length_is_said_before_any_work(objective: Objective) -> None:
    model = ent.Model.wrap(torch.nn.Sequential(torch.nn.Conv2d(3, 5, 1)))
    told = "'0' has 5 channels, but the vector has 3 numbers; give one for each channel"
    with pytest.raises(ChannelOutOfRange, match=told):
        ent.ascend(model, objective, ent.Pixels(torch.full((1, 3, 4, 6), 0.5)))

"""Whole climbs whose result is known beforehand, on networks set by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.ascent.optimizers import Rule
from entoptic.networks import Preprocess

PLAIN = Preprocess(size=(12, 16), mean=(0, 0, 0), std=(1, 1, 1))


def filter_model(weight: Tensor) -> ent.Model:
    """One convolution with a filter set by hand, nothing else."""
    convolution = nn.Conv2d(3, weight.shape[0], (weight.shape[2], weight.shape[3]), bias=False)
    convolution.weight.data = weight.clone()
    return ent.Model.wrap(nn.Sequential(convolution), preprocess=PLAIN)


def correlation(left: Tensor, right: Tensor) -> float:
    both = torch.stack([left.flatten(), right.flatten()])
    return float(both.corrcoef()[0, 1])


@pytest.mark.parametrize(
    "rule",
    [
        ent.climb(0.002),
        ent.climb(0.02, "max_abs"),
        ent.climb(0.005, "std"),
        ent.climb(0.1, "l2"),
        ent.climb(0.002, "none"),
        lambda parameters: torch.optim.SGD(parameters, lr=0.002),
    ],
)
def test_the_climb_of_a_linear_neuron_draws_its_filter(rule: Rule) -> None:
    rng = torch.Generator().manual_seed(3)
    weight = torch.randn((1, 3, 5, 7), generator=rng)
    model = filter_model(weight)
    canvas = ent.Pixels(torch.full((1, 3, 12, 16), 0.5))
    for _ in ent.ascend(model, ent.neuron("0", 0, 4, 6), canvas, optimizer=rule, steps=10):
        pass
    drawn = canvas().detach() - 0.5
    assert correlation(drawn[0, :, 4:9, 6:13], weight[0]) > 0.99
    drawn[0, :, 4:9, 6:13] = 0
    assert not drawn.any()


def test_the_jittered_climb_of_a_linear_neuron_draws_its_filter_wherever_the_jitter_took_it() -> (
    None
):
    weight = torch.zeros(1, 3, 3, 3)
    weight[0, 1, 1, 1] = 1.0  # one green pixel
    canvas = ent.Pixels(torch.full((1, 3, 12, 16), 0.5))
    steps = ent.ascend(
        filter_model(weight),
        ent.neuron("0", 0, 4, 6),
        canvas,
        transforms=[ent.Jitter(2)],
        optimizer=ent.climb(0.1, "max_abs"),
        steps=200,
        seed=5,
    )
    for _ in steps:
        pass
    touched = (canvas()[0] != 0.5).nonzero()
    # The filter's one pixel is at (5, 7); jitter shows it any pixel up to 2 away.
    assert touched[:, 0].unique().tolist() == [1]
    assert touched[:, 1].unique().tolist() == [3, 4, 5, 6, 7]
    assert touched[:, 2].unique().tolist() == [5, 6, 7, 8, 9]


def test_a_step_of_mean_abs_moves_pixels_by_its_size_on_average() -> None:
    rng = torch.Generator().manual_seed(1)
    weight = torch.randn((2, 3, 3, 3), generator=rng)
    canvas = ent.Pixels(torch.full((2, 3, 12, 16), 0.5))
    for _ in ent.ascend(
        filter_model(weight), ent.channel("0", 1), canvas, optimizer=ent.climb(0.01), steps=1
    ):
        pass
    moved = (canvas().detach() - 0.5).abs().mean((1, 2, 3))
    torch.testing.assert_close(moved, torch.tensor([0.01, 0.01]))


def test_each_image_of_a_batch_climbs_as_it_would_alone() -> None:
    rng = torch.Generator().manual_seed(2)
    model = filter_model(torch.randn((3, 3, 3, 5), generator=rng))
    images = torch.rand((2, 3, 8, 9), generator=rng)
    objectives = [ent.channel("0", 2), ent.neuron("0", 1) - 0.3 * ent.l2()]
    together = ent.Pixels(images)
    for _ in ent.ascend(
        model, ent.per_image(objectives), together, optimizer=ent.climb(0.01), steps=4
    ):
        pass
    for index, objective in enumerate(objectives):
        alone = ent.Pixels(images[index : index + 1])
        for _ in ent.ascend(model, objective, alone, optimizer=ent.climb(0.01), steps=4):
            pass
        torch.testing.assert_close(alone()[0], together()[index], atol=1e-6, rtol=0)


def test_pixels_stop_at_white() -> None:
    model = filter_model(torch.ones(1, 3, 2, 3))
    canvas = ent.Pixels(torch.full((1, 3, 4, 5), 0.9))
    for _ in ent.ascend(model, ent.total("0"), canvas, optimizer=ent.climb(0.2), steps=3):
        pass
    assert canvas().max() == 1


def test_what_is_maximised_by_a_penalty_is_its_smallness() -> None:
    model = filter_model(torch.ones(1, 3, 1, 1))
    canvas = ent.Pixels(torch.full((1, 3, 4, 5), 0.75))
    objective = -ent.l2(constant=0.25)
    for _ in ent.ascend(model, objective, canvas, optimizer=ent.climb(0.05, "max_abs"), steps=10):
        pass
    torch.testing.assert_close(canvas().detach(), torch.full((1, 3, 4, 5), 0.25))


def test_the_score_of_a_step_is_that_of_the_picture_before_it() -> None:
    model = filter_model(torch.ones(1, 3, 1, 1))
    canvas = ent.Pixels(torch.full((1, 3, 4, 5), 0.25))
    steps = list(
        ent.ascend(model, ent.mean("0"), canvas, optimizer=ent.climb(0.125, "max_abs"), steps=3)
    )
    assert [float(step.scores) for step in steps] == [0.75, 1.125, 1.5]
    assert [step.index for step in steps] == [0, 1, 2]


def test_a_climb_can_be_left_at_any_step_and_the_network_keeps_no_hook() -> None:
    model = filter_model(torch.ones(1, 3, 1, 1))
    steps = ent.ascend(model, ent.mean("0"), ent.Pixels(torch.rand(1, 3, 4, 5)), steps=100)
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert not model.module[0]._forward_hooks
    assert all(weight.requires_grad for weight in model.module.parameters())

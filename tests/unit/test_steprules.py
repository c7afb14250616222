"""Step rules: how far a step goes."""

from __future__ import annotations

import math

import pytest
import torch

from entoptic.ascent.optimizers import Norm, adam, climb, normalized
from entoptic.errors import BadSetting

# Two images of different size of gradient; each is divided by its own.
GRADIENT = torch.tensor([[3.0, -1.0, 4.0, 0.0], [0.0, 30.0, -10.0, 40.0]]).reshape(2, 1, 1, 4)

SIZES: dict[Norm, float] = {
    "mean_abs": 2.0,
    "max_abs": 4.0,
    "std": math.sqrt((9 + 1 + 16) / 4 - 1.5**2),
    "l2": math.sqrt(26),
}


@pytest.mark.parametrize("norm", SIZES)
def test_each_image_is_divided_by_its_own_size(norm: Norm) -> None:
    expected = torch.stack([GRADIENT[0] / SIZES[norm], GRADIENT[1]])
    if norm == "std":
        expected[1] /= math.sqrt((900 + 100 + 1600) / 4 - 15**2)
    else:
        expected[1] /= 10 * SIZES[norm]
    torch.testing.assert_close(normalized(GRADIENT, norm), expected)


def test_none_leaves_the_gradient_as_it_is() -> None:
    assert normalized(GRADIENT, "none") is GRADIENT


@pytest.mark.parametrize("norm", SIZES)
def test_a_gradient_of_zero_makes_no_step(norm: Norm) -> None:
    assert not normalized(torch.zeros(2, 3, 4, 5), norm).any()


def test_equal_numbers_have_no_spread_however_they_are_rounded() -> None:
    assert not normalized(torch.full((1, 3, 50, 70), 0.1), "std").any()


def test_a_step_moves_against_the_gradient_by_its_length() -> None:
    pixels = torch.tensor([[1.0, 2.0]], requires_grad=True)
    rule = climb(0.5, "max_abs")([pixels])
    pixels.grad = torch.tensor([[-4.0, 1.0]])
    rule.step()  # type: ignore[call-arg]
    assert pixels.tolist() == [[1.5, 1.875]]


def test_a_parameter_without_gradient_stays() -> None:
    pixels = torch.ones(1, 2, requires_grad=True)
    climb(0.5)([pixels]).step()  # type: ignore[call-arg]
    assert pixels.tolist() == [[1, 1]]


def test_the_closure_is_asked_with_gradients_on() -> None:
    pixels = torch.tensor([[1.0, -3.0]], requires_grad=True)
    rule = climb(1.0, "none")([pixels])

    def closure() -> float:
        loss = pixels.square().sum() / 2
        loss.backward()
        return float(loss.detach())

    assert rule.step(closure) == 5
    assert pixels.tolist() == [[0, 0]]


@pytest.mark.parametrize("step", [0, -1.0, math.nan, math.inf])
def test_a_step_that_is_not_above_zero_and_finite_is_refused(step: float) -> None:
    with pytest.raises(BadSetting, match=f"step is {step}; it must be above 0, and finite"):
        climb(step)
    with pytest.raises(BadSetting, match=f"learning rate is {step}; it must be above 0"):
        adam(step)


def test_an_unknown_norm_is_answered_with_all(unchecked: None) -> None:
    with pytest.raises(
        BadSetting, match="norm is 'l3'; it is one of mean_abs, max_abs, std, l2, none"
    ):
        climb(0.1, "l3")  # type: ignore[arg-type]


def test_adam_steps_by_its_rate_at_first() -> None:
    pixels = torch.zeros(1, 3, requires_grad=True)
    rule = adam(0.25)([pixels])
    pixels.grad = torch.tensor([[8.0, -0.01, 0.0]])
    rule.step()  # type: ignore[call-arg]
    torch.testing.assert_close(
        pixels.detach(), torch.tensor([[-0.25, 0.25, 0.0]]), atol=1e-5, rtol=0
    )


def test_adam_is_torchs_own_to_the_last_bit() -> None:
    chance = torch.Generator().manual_seed(0)
    first = [torch.randn(2, 3, 5, 7, generator=chance), torch.randn(4, generator=chance)]
    ours, theirs = ([each.clone().requires_grad_() for each in first] for _ in range(2))
    rules = adam(0.03)(ours), torch.optim.Adam(theirs, lr=0.03)
    for step in range(12):
        gradients: list[torch.Tensor | None] = [
            torch.randn(each.shape, generator=chance) * 10.0**-step for each in first
        ]
        if step % 3 == 1:
            gradients[1] = None  # which isn't a step of that parameter
        for parameters, rule in zip((ours, theirs), rules, strict=True):
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = None if gradient is None else gradient.clone()
            rule.step()  # type: ignore[call-arg]
        assert all(map(torch.equal, ours, theirs))
    assert not any(map(torch.equal, ours, first))

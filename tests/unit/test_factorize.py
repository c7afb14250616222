"""Factors that are known beforehand."""

from __future__ import annotations

import pytest
import torch

from entoptic.analysis.nmf import factorize
from entoptic.errors import BadSetting

# Each part has a row and a column all of its own: then no other factors give the same product.
WEIGHTS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 3.0], [4.0, 0.5]], dtype=torch.float64)
PARTS = torch.tensor([[3.0, 0.0, 4.0, 0.0, 0.0], [0.0, 5.0, 0.0, 0.0, 12.0]], dtype=torch.float64)
MADE = WEIGHTS @ (PARTS / torch.tensor([[5.0], [13.0]]))


def table(seed: int = 0) -> torch.Tensor:
    return torch.rand(12, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def squares(values: torch.Tensor, parts: int, sweeps: int) -> float:
    found = factorize(values, parts, sweeps=sweeps)
    return float((values - found.weights @ found.parts).square().sum())


def test_the_factors_of_a_product_are_found_again_the_largest_first() -> None:
    found = factorize(MADE, 2)
    # The sums of the two parts' products are 7 x 1.4 and 4.5 x 17 / 13.
    assert found.parts.allclose(PARTS / torch.tensor([[5.0], [13.0]]), atol=1e-6)
    assert found.weights.allclose(WEIGHTS, atol=1e-6)
    assert found.shares.tolist() == pytest.approx([0.62482, 0.37518], abs=1e-4)


def test_no_sweep_makes_the_product_less_like_the_table() -> None:
    errors = [squares(table(), 3, sweeps) for sweeps in range(12)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.9 * errors[0]


def test_more_parts_come_nearer_and_all_there_can_be_come_near() -> None:
    errors = [squares(table(), parts, 300) for parts in (1, 3, 7)]
    assert errors == sorted(errors, reverse=True)
    assert errors[2] < 0.01 * errors[0]


def test_one_part_is_the_first_singular_pair() -> None:
    left, strengths, right = torch.linalg.svd(table())
    found = factorize(table(), 1)
    assert found.parts[0].allclose(right[0].abs())
    assert found.weights[:, 0].allclose(left[:, 0].abs() * strengths[0])


def test_nothing_is_negative_and_the_same_table_gives_the_same_factors() -> None:
    first, second = factorize(table(), 4), factorize(table().float().double(), 4)
    assert (first.weights >= 0).all()
    assert (first.parts >= 0).all()
    again = factorize(table(), 4)
    assert torch.equal(first.weights, again.weights)
    assert first.parts.allclose(second.parts, atol=1e-4)


def test_what_isnt_there_has_no_share_and_breaks_nothing() -> None:
    found = factorize(torch.eye(4)[:, :1] @ torch.ones(1, 3), 2)
    assert found.shares.tolist() == pytest.approx([1, 0])
    assert factorize(torch.zeros(4, 3), 2).shares.tolist() == [0, 0]


@pytest.mark.parametrize("parts", [0, 8])
def test_fewer_or_more_parts_than_there_can_be_are_refused(parts: int) -> None:
    with pytest.raises(BadSetting, match=r"a table of 12 x 7 has no . parts; ask for 1 to 7"):
        factorize(table(), parts)


@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf")])
def test_what_is_below_0_or_no_number_is_refused(wrong: float) -> None:
    with pytest.raises(BadSetting, match="has a number below 0, or one that isn't finite"):
        factorize(torch.tensor([[1.0, wrong], [2.0, 3.0]]), 1)

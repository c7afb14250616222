"""Running covariance: close to exact fractions, and the same bytes whatever the order and parts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from entoptic.analysis.covariance import Covariance
from entoptic.analysis.running import Values


def numbers(count: int, units: int) -> Values:
    """Numbers of all sizes and both signs, among them 0, subnormal and very large ones."""
    random = np.random.default_rng(count)
    values = random.standard_normal((count, units)) * 10.0 ** random.integers(-18, 18, units)
    values *= 10.0 ** random.integers(-9, 1, (count, units))
    values[::7] = 0
    values[3] = 1e-42
    return values.astype(np.float32)


def exact(values: Values) -> list[list[Fraction]]:
    columns = [[Fraction(float(each)) for each in column] for column in values.T]
    count = len(values)
    means = [sum(column, Fraction()) / count for column in columns]
    return [
        [
            sum((a * b for a, b in zip(one, other, strict=True)), Fraction()) / count - m * n
            for other, n in zip(columns, means, strict=True)
        ]
        for one, m in zip(columns, means, strict=True)
    ]


def test_small_whole_numbers_have_their_exact_covariance() -> None:
    values = np.array([[1, 2, 0], [3, -2, 0], [5, 3, 0], [-1, 1, 0]], np.float32)
    found = Covariance.empty(3).with_values(values).matrix()
    # Means 2, 1 and 0; products 2 - 6 + 15 - 1 = 10, of which 10/4 - 2.
    assert found.tolist() == [[5, 0.5, 0], [0.5, 3.5, 0], [0, 0, 0]]


def test_covariances_are_within_the_bound_of_exact_fractions() -> None:
    values = numbers(60, 7)
    found = Covariance.empty(7).with_values(values).matrix()
    largest = np.abs(values).max(0).astype(np.float64)
    wanted = np.array([[float(each) for each in row] for row in exact(values)])
    assert (np.abs(found - wanted) <= 2.0**-27 * np.outer(largest, largest)).all()
    assert (found == found.T).all()


def test_the_diagonal_is_the_variance() -> None:
    values = numbers(60, 5)
    found = Covariance.empty(5).with_values(values)
    assert np.diag(found.matrix()) == pytest.approx(found.moments.variance(), rel=1e-5)


@pytest.mark.parametrize("parts", [1, 2, 7, 60])
def test_covariances_are_the_same_bytes_in_any_order_and_any_parts(parts: int) -> None:
    values = numbers(60, 6)
    # The largest last and, in another order, first: what was left out depends on neither.
    values = values[np.argsort(np.abs(values).max(1))]
    whole = Covariance.empty(6).with_values(values)
    shards = [Covariance.empty(6).with_values(values[at::parts]) for at in range(parts)]
    merged = Covariance.empty(6)
    for shard in reversed(shards):
        merged = shard.merged(merged)
    for name, array in merged.arrays().items():
        assert array.tobytes() == whole.arrays()[name].tobytes(), name


def test_a_number_that_grows_leaves_out_what_is_too_small_beside_it() -> None:
    small = Covariance.empty(2).with_values(np.full((1, 2), 2.0**-40, np.float32))
    assert small.matrix().tolist() == [[0, 0], [0, 0]]
    grown = small.with_values(np.array([[2.0**40, 0]], np.float32))
    assert grown.products[:, 1, 1].any()  # the unit that hasn't grown keeps all of its own
    assert grown.matrix()[1, 1] == pytest.approx(2.0**-80 / 4)
    assert grown.matrix()[0, 0] == pytest.approx(2.0**80 / 4)


def test_nothing_has_no_covariance() -> None:
    assert np.isnan(Covariance.empty(2).matrix()).all()

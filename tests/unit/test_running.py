"""Running statistics: exact, and the same whatever the order and the parts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from entoptic.analysis.running import Extremes, Moments, Sample, Values


def numbers(count: int, units: int) -> Values:
    """Numbers of all sizes and both signs, among them 0, subnormal and very large ones."""
    random = np.random.default_rng(count)
    values = random.standard_normal((count, units)) * 10.0 ** random.integers(-30, 30, units)
    values[::7] = 0
    values[3] = 1e-42
    return values.astype(np.float32)


def test_mean_and_variance_are_those_of_exact_fractions() -> None:
    values = numbers(50, 9)
    moments = Moments.empty(9).with_values(values)
    for unit, column in enumerate(values.T):
        exact = [Fraction(float(each)) for each in column]
        mean = sum(exact) / len(exact)
        assert moments.mean()[unit] == float(mean)
        assert moments.variance()[unit] == float(
            sum((each - mean) ** 2 for each in exact) / len(exact)
        )


def test_moments_are_the_same_bytes_in_any_order_and_any_parts() -> None:
    values = numbers(50, 4)
    whole = Moments.empty(4).with_values(values)
    parts = [Moments.empty(4).with_values(some) for some in (values[30:][::-1], values[:30])]
    merged = parts[0].merged(parts[1])
    assert (merged.sums == whole.sums).all()
    assert merged.count == whole.count == 50


def test_nothing_has_no_mean() -> None:
    assert np.isnan(Moments.empty(2).mean()).all()
    assert np.isnan(Moments.empty(2).variance()).all()


def extremes(values: list[float], first: int = 0) -> Extremes:
    row = np.array([values], np.float32)
    photos = np.arange(first, first + len(values))[None]
    return Extremes(row, photos, np.zeros((1, len(values), 2), np.int32))


@pytest.mark.parametrize(
    ("sign", "values", "photos"), [(1, [5, 5, 2], [1, 4, 3]), (-1, [-1, 0, 0], [2, 0, 5])]
)
def test_extremes_are_sorted_and_of_equal_ones_the_earlier_come_first(
    sign: int, values: list[float], photos: list[int]
) -> None:
    left, right = extremes([0, 5, -1]), extremes([2, 5, 0], first=3)
    for one, other in ((left, right), (right, left)):
        found = Extremes.empty(1, 3, sign).merged(one, sign).merged(other, sign)
        assert found.values.tolist() == [values]
        assert found.photos.tolist() == [photos]


def test_fewer_values_than_are_kept_leave_the_rest_empty() -> None:
    found = Extremes.empty(1, 3, -1).merged(extremes([7.0]), -1)
    assert found.photos.tolist() == [[0, -1, -1]]
    assert found.renumbered(np.array([4])).photos.tolist() == [[4, -1, -1]]


def sample(hashes: list[str], photos: list[int]) -> Sample:
    values = np.array([photos], np.float32).T
    positions = np.zeros((len(photos), 1, 2), np.int32)
    return Sample(np.array(hashes, "<U64"), np.array(photos), values, -values, positions)


def test_a_sample_holds_those_with_the_smallest_hashes_whatever_the_parts() -> None:
    left, right = sample(["b", "d"], [0, 1]), sample(["c", "a"], [2, 3])
    for one, other in ((left, right), (right, left)):
        found = Sample.empty(1).merged(one, 3).merged(other, 3)
        assert found.hashes.tolist() == ["a", "b", "c"]
        assert found.photos.tolist() == [3, 0, 2]
        assert found.largest[:, 0].tolist() == [3, 0, 2]

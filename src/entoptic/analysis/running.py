"""Running statistics whose result doesn't depend on the order of what is added, nor on its parts.

Sums are of whole numbers, and what is kept is chosen by a strict order; so the statistics of a
million values are the same bytes whether they came at once or from seven machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float32]
"""(photographs, units)."""

Numbers: TypeAlias = NDArray[np.int64]

# A float32 is a whole number of at most 24 bits times a power of two. Eight exponents share a sum,
# of whole numbers of at most 31 bits, which has room for four thousand million of them.
_BITS, _EXPONENTS = 23, 8
_BUCKETS = 256 // _EXPONENTS
_HALF = 16

# What the whole numbers of the first bucket are counted in, as a negative power of two.
_ONE = 150


class Table:
    """A frozen dataclass whose fields are arrays, for a file."""

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Return the arrays by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Moments(Table):
    """Exact sums of float32 numbers and of their squares.

    Args:
        count: how many numbers of each unit.
        sums: (4, units, buckets): of the numbers as whole numbers, and of the three products of
            their upper and lower halves.
    """

    count: Numbers
    sums: Numbers

    @classmethod
    def empty(cls, units: int) -> Moments:
        """Return the moments of nothing."""
        return cls(np.zeros((), np.int64), np.zeros((4, units, _BUCKETS), np.int64))

    def with_values(self, values: Values) -> Moments:
        """Return the moments with more values."""
        count, units = values.shape
        bits = np.ascontiguousarray(values, np.float32).view(np.int32).astype(np.int64)
        exponent = (bits >> _BITS) & 0xFF
        mantissa = (bits & ((1 << _BITS) - 1)) | ((exponent > 0).astype(np.int64) << _BITS)
        # Of subnormal numbers, whose exponent is written as 0.
        exponent = np.maximum(exponent, 1)
        whole = mantissa << (exponent % _EXPONENTS)
        high, low = whole >> _HALF, whole & ((1 << _HALF) - 1)
        signed = np.where(bits < 0, -whole, whole)
        cell = (np.arange(units) * _BUCKETS + exponent // _EXPONENTS).reshape(-1)
        sums = np.stack(
            [
                _sums(cell, each, units * _BUCKETS)
                for each in (signed, high * high, high * low, low * low)
            ]
        )
        return Moments(np.asarray(self.count + count), self.sums + sums.reshape(self.sums.shape))

    def merged(self, other: Moments) -> Moments:
        """Return the moments of both."""
        return Moments(np.asarray(self.count + other.count), self.sums + other.sums)

    def mean(self) -> NDArray[np.float64]:
        """Return the mean of each unit, rounded once; NaN of nothing."""
        return self._of_units(lambda count, total, _: Fraction(total, count))

    def variance(self) -> NDArray[np.float64]:
        """Return the variance of each unit, divided by their number; NaN of nothing."""
        return self._of_units(
            lambda count, total, squares: Fraction(count * squares - total**2, count**2)
        )

    def _of_units(self, form: Any) -> NDArray[np.float64]:
        count, found = int(self.count), np.full(self.sums.shape[1], np.nan)
        if not count:
            return found
        for unit in range(len(found)):
            total = squares = 0
            for bucket in np.flatnonzero(self.sums[1:, unit].any(0) | (self.sums[0, unit] != 0)):
                plain, high, mixed, low = map(int, self.sums[:, unit, bucket])
                # Exponent 1 stands for the smallest power of two.
                shift = int(bucket) * _EXPONENTS
                total += plain << shift
                squares += ((high << 2 * _HALF) + (mixed << _HALF + 1) + low) << 2 * shift
            one = Fraction(1, 1 << _ONE)
            value = form(count, total * one, squares * one * one)
            found[unit] = float(value)
        return found


def _sums(cell: Numbers, numbers: Numbers, cells: int) -> Numbers:
    """Return the sum of the numbers of each cell, exactly."""
    sums = np.zeros(cells, np.int64)
    np.add.at(sums, cell, numbers.reshape(-1))
    return sums


@dataclass(frozen=True, eq=False)
class Extremes(Table):
    """The largest, or the smallest, values of each unit, the most extreme one first.

    Of equal values those of earlier photographs come first.

    Args:
        values: (units, at most so many), float32.
        photos: numbers of the photographs; -1 where there are fewer.
        positions: (units, so many, 2): row and column of the maximum; -1 without positions.
    """

    values: Values
    photos: Numbers
    positions: NDArray[np.int32]

    @classmethod
    def empty(cls, units: int, most: int, sign: int) -> Extremes:
        """Return the extremes of nothing; the sign is 1 for the largest and -1 for the smallest."""
        return cls(
            np.full((units, most), -sign * np.inf, np.float32),
            np.full((units, most), -1, np.int64),
            np.full((units, most, 2), -1, np.int32),
        )

    def merged(self, other: Extremes, sign: int) -> Extremes:
        """Return the extremes of both, as many as these."""
        most = self.values.shape[1]
        values = np.concatenate([self.values, other.values], 1)
        photos = np.concatenate([self.photos, other.photos], 1)
        positions = np.concatenate([self.positions, other.positions], 1)
        order = np.lexsort((photos, -sign * values), axis=-1)[:, :most]
        return Extremes(
            np.take_along_axis(values, order, 1),
            np.take_along_axis(photos, order, 1),
            np.take_along_axis(positions, order[..., None], 1),
        )

    def renumbered(self, numbers: Numbers) -> Extremes:
        """Return the extremes with other numbers of photographs.

        Args:
            numbers: the new number of each.
        """
        photos = self.photos.copy()
        photos[photos >= 0] = numbers[photos[photos >= 0]]
        return replace(self, photos=photos)


@dataclass(frozen=True, eq=False)
class Sample(Table):
    """Values of all units for some photographs, drawn by their hashes: those with the smallest.

    Args:
        hashes: (photographs,), as texts.
        photos: their numbers.
        largest: (photographs, units), float32: the spatial maximum.
        mean: likewise: the spatial mean.
        positions: (photographs, units, 2): row and column of the maximum; -1 without positions.
    """

    hashes: NDArray[Any]
    photos: Numbers
    largest: Values
    mean: Values
    positions: NDArray[np.int32]

    @classmethod
    def empty(cls, units: int) -> Sample:
        """Return a sample of nothing."""
        none = np.zeros((0, units), np.float32)
        places = np.zeros((0, units, 2), np.int32)
        return cls(np.zeros(0, "<U64"), np.zeros(0, np.int64), none, none, places)

    def merged(self, other: Sample, most: int) -> Sample:
        """Return a sample of both, at most so many photographs."""
        both = {
            name: np.concatenate([each, other.arrays()[name]])
            for name, each in self.arrays().items()
        }
        order = np.lexsort((both["photos"], both["hashes"]))[:most]
        return Sample(**{name: each[order] for name, each in both.items()})

    def renumbered(self, numbers: Numbers) -> Sample:
        """Return the sample with other numbers of photographs."""
        return replace(self, photos=numbers[self.photos])

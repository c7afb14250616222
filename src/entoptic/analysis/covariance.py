"""Running covariances whose result doesn't depend on the order of what is added, nor on its parts.

Exact sums of all products of float32 numbers would be too large for a matrix of units. So a number
is cut into pieces on a fixed grid of powers of two, and of the products of pieces only those are
summed, exactly and as whole numbers, that aren't too small beside the largest ones of the two
units. What is left out at last depends on the numbers alone, not on when they came.

Source: Demmel and Nguyen, "Parallel reproducible summation", 2015, for products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entoptic.analysis.running import Moments, Numbers, Table, Values

# Bits of a piece. The sum of a diagonal has at most 4 products of 30 bits for each photograph, so
# that an int64 has room for two thousand million of them.
_PIECE = 15
# Diagonals of pieces that are kept. What is left out is less than 2**-27 of the product of the two
# units' largest numbers.
_KEPT = 4
# The lowest bit of a float32, a subnormal one, is that of 2 to this power.
_LOWEST = -149
# Bits of the mantissa that float32 writes.
_BITS = 23
# Photographs whose products are summed in float64: exact up to 2**21 of them.
_AT_ONCE = 1024

BYTES = 8 * _KEPT
"""Bytes for each pair of units."""


@dataclass(frozen=True, eq=False)
class Covariance(Table):
    """Sums of products of float32 numbers of units, two by two.

    Args:
        count: how many numbers of each unit.
        sums: see `Moments`, for the means.
        tops: (units,): number of the highest piece of the grid that a unit's numbers reach into.
        products: (4, units, units): sums of products of pieces, by how far the two are together
            below the highest ones.
    """

    count: Numbers
    sums: Numbers
    tops: Numbers
    products: Numbers

    @classmethod
    def empty(cls, units: int) -> Covariance:
        """Return the covariance of nothing."""
        none = Moments.empty(units)
        products = np.zeros((_KEPT, units, units), np.int64)
        return cls(none.count, none.sums, np.zeros(units, np.int64), products)

    @classmethod
    def shaped(cls, units: int) -> Covariance:
        """Return one with the types and shapes of so many units, which takes no memory."""
        empty = cls.empty(0)
        shapes = {
            "count": (),
            "sums": (len(empty.sums), units, empty.sums.shape[2]),
            "tops": (units,),
            "products": (_KEPT, units, units),
        }
        zero = np.zeros((), np.int64)
        return cls(**{name: np.broadcast_to(zero, shape) for name, shape in shapes.items()})

    @property
    def moments(self) -> Moments:
        """Mean and variance of each unit, exact."""
        return Moments(self.count, self.sums)

    def with_values(self, values: Values) -> Covariance:
        """Return the covariance with more values, (photographs, units)."""
        found = self
        for start in range(0, len(values), _AT_ONCE):
            found = found.merged(_of_values(values[start : start + _AT_ONCE]))
        return found

    def merged(self, other: Covariance) -> Covariance:
        """Return the covariance of both."""
        tops = np.maximum(self.tops, other.tops)
        moments = self.moments.merged(other.moments)
        return Covariance(moments.count, moments.sums, tops, self._below(tops) + other._below(tops))

    def _below(self, tops: Numbers) -> Numbers:
        """Return the products counted from higher pieces; those that are too small are left out."""
        lower = tops - self.tops
        if not lower.any():
            return self.products
        moved = np.zeros_like(self.products)
        steps = lower[:, None] + lower[None]
        for below in range(_KEPT):
            for step in range(_KEPT - below):
                moved[below + step] += np.where(steps == step, self.products[below], 0)
        return moved

    def matrix(self) -> NDArray[np.float64]:
        """Return the covariance of each two units, (units, units), divided by the count.

        Within 2**-27 of the product of the two units' largest numbers; NaN of nothing.
        """
        if not self.count:
            return np.full(self.products.shape[1:], np.nan)
        mean = self.moments.mean()
        lowest = _PIECE * (self.tops[:, None] + self.tops[None]) + 2 * _LOWEST
        total = np.zeros(self.products.shape[1:])
        for below in reversed(range(_KEPT)):  # the smallest first
            total += np.ldexp(self.products[below].astype(np.float64), lowest - below * _PIECE)
        found: NDArray[np.float64] = total / int(self.count) - mean[:, None] * mean[None]
        return found


def _of_values(values: Values) -> Covariance:
    """Return the covariance of a few values."""
    moments = Moments.empty(values.shape[1]).with_values(values)
    bits = np.ascontiguousarray(values, np.float32).view(np.int32).astype(np.int64)
    exponent = (bits >> _BITS) & 0xFF
    mantissa = (bits & ((1 << _BITS) - 1)) | ((exponent > 0).astype(np.int64) << _BITS)
    # How far above the lowest bit of all float32 the lowest of this one is.
    offset = np.maximum(exponent, 1) - 1
    highest = np.where(mantissa > 0, offset + np.frexp(mantissa.astype(np.float64))[1] - 1, 0)
    tops = (highest // _PIECE).max(0, initial=0)
    sign = np.where(bits < 0, -1.0, 1.0)
    pieces = [sign * _piece(mantissa, offset, tops - below) for below in range(_KEPT)]
    products = [_diagonal(pieces, below) for below in range(_KEPT)]
    return Covariance(moments.count, moments.sums, tops, np.stack(products))


def _piece(mantissa: Numbers, offset: Numbers, number: Numbers) -> NDArray[np.float64]:
    """Return the bits of numbers that lie in a piece of the grid, as a whole number."""
    up = offset - _PIECE * number
    # Further up they have no bits in the piece, nor further down.
    moved = (mantissa << np.clip(up, 0, _PIECE)) >> np.clip(-up, 0, _BITS + 1)
    piece: Numbers = moved & ((1 << _PIECE) - 1)
    return piece.astype(np.float64)


def _diagonal(pieces: Sequence[NDArray[np.float64]], below: int) -> Numbers:
    """Return the sums of products of pieces that together are so far below the highest."""
    units = pieces[0].shape[1]
    total = np.zeros((units, units))
    for at in range(below // 2 + 1):
        one = pieces[at].T @ pieces[below - at]
        # The product of two unlike pieces comes in both orders.
        total += one if 2 * at == below else one + one.T
    return total.astype(np.int64)

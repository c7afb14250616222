"""Non-negative matrix factorisation: a table as a sum of a few parts that only add."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from entoptic.errors import BadSetting

# Activations of photos have settled long before: then a hundred sweeps change the sixth digit.
_SWEEPS = 300


@dataclass(frozen=True, eq=False)
class Factors:
    """A table as the product `weights @ parts`, the largest part first.

    Args:
        weights: (rows, parts), how much of each part is in each row.
        parts: (parts, columns), each of length 1.
    """

    weights: Tensor
    parts: Tensor

    @property
    def shares(self) -> Tensor:
        """(parts,): how much of the product's sum each part gives; all together 1."""
        sums = self.weights.sum(0) * self.parts.sum(1)
        return sums / sums.sum().clamp(min=torch.finfo(sums.dtype).tiny)


@torch.no_grad()
def factorize(table: Tensor, parts: int, *, sweeps: int = _SWEEPS) -> Factors:
    """Non-negative factors whose product is as near to a table as they come, in squares.

    Nothing is drawn: the same table gives the same factors.

    Args:
        table: (rows, columns), nothing below 0.
        parts: how many; at most as many as the table has rows, or columns.
        sweeps: over all weights and parts; none makes the product less like the table.

    Returns:
        Factors in float64, on the table's device.

    Raises:
        BadSetting: fewer parts than one or more than there can be, or a number below 0.

    Source: Cichocki, Phan, "Fast Local Algorithms for Large Scale Nonnegative Matrix and Tensor
    Factorizations", 2009; begun as by Boutsidis, Gallopoulos, "SVD based initialization", 2008.

    >>> factorize(torch.tensor([[2.0, 0.0], [4.0, 0.0], [0.0, 3.0]]), 2).parts
    tensor([[1., 0.],
            [0., 1.]], dtype=torch.float64)
    """
    if not 1 <= parts <= min(table.shape):
        rows, columns = table.shape
        raise BadSetting(
            f"a table of {rows} x {columns} has no {parts} parts; ask for 1 to {min(table.shape)}"
        )
    if not (table.isfinite().all() and (table >= 0).all()):
        raise BadSetting("a table to be factorised has a number below 0, or one that isn't finite")
    values = table.double()
    weights, found = _begun(values, parts)
    for _ in range(sweeps):
        _improve(weights, values @ found.T, found @ found.T)
        _improve(found.T, values.T @ weights, weights.T @ weights)
    lengths = found.norm(dim=1)
    found = found / lengths.clamp(min=torch.finfo(found.dtype).tiny)[:, None]
    return _sorted(Factors(weights * lengths, found))


def _begun(values: Tensor, parts: int) -> tuple[Tensor, Tensor]:
    """Return the half of each singular pair, above or below 0, that holds more of it."""
    left, strengths, right = torch.linalg.svd(values, full_matrices=False)
    weights, found = [], []
    for column, strength, row in zip(left.T[:parts], strengths, right[:parts], strict=False):
        halves = [
            (column.clamp(min=0), row.clamp(min=0)),
            (-column.clamp(max=0), -row.clamp(max=0)),
        ]
        tall, wide = max(halves, key=lambda half: float(half[0].norm() * half[1].norm()))
        weights.append(tall * strength.sqrt())
        found.append(wide * strength.sqrt())
    return torch.stack(weights, 1), torch.stack(found)


def _improve(factor: Tensor, products: Tensor, overlaps: Tensor) -> None:
    """Bring each column of a factor, in place, to where it is best while all else stays.

    Args:
        factor: (rows, parts).
        products: of the table with the other factor, (rows, parts).
        overlaps: of the other factor with itself, (parts, parts).
    """
    for part in range(factor.shape[1]):
        if overlaps[part, part] > 0:
            better = (products[:, part] - factor @ overlaps[:, part]) / overlaps[part, part]
            factor[:, part] = (factor[:, part] + better).clamp(min=0)


def _sorted(factors: Factors) -> Factors:
    order = factors.shares.argsort(descending=True, stable=True)
    return Factors(factors.weights[:, order], factors.parts[order])

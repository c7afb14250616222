"""Units most alike: those whose responses over the photographs correlate most."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Near: TypeAlias = list[tuple[int, float]]
"""Places of units with their correlations, the largest first."""

# Rows of the matrix of correlations that are in memory at a time.
_ROWS = 1024


def most_alike(responses: NDArray[np.float32], most: int) -> list[Near]:
    """Return of each unit the others whose responses correlate most with its own.

    Args:
        responses: (photographs, units).
        most: how many at most; only those with a correlation above 0 count.

    Returns:
        A list for each unit; of equal ones the earlier come first. A unit that responds to all
        photographs alike has no correlation with any.

    >>> most_alike(np.array([[0, 0, 5, 1], [1, 2, 4, 1], [2, 4, 4, 1]], np.float32), 2)
    [[(1, 1.0)], [(0, 1.0)], [], []]
    """
    centered = responses.astype(np.float64) - responses.mean(0, dtype=np.float64)
    lengths = np.linalg.norm(centered, axis=0)
    # What rounding leaves of a constant unit points anywhere.
    flat = lengths <= 1e-6 * np.abs(responses).max(0, initial=0) * len(responses) ** 0.5
    unit = (centered / np.where(flat, np.inf, lengths)).astype(np.float32)
    found: list[Near] = []
    for start in range(0, unit.shape[1], _ROWS):
        some = unit[:, start : start + _ROWS].T @ unit
        some[np.arange(len(some)), start + np.arange(len(some))] = 0  # of itself
        found += [_largest(row, most) for row in some]
    return found


def _largest(row: NDArray[np.float32], most: int) -> Near:
    """Return the places of the largest values above 0."""
    if len(row) > most:
        least = np.partition(row, -most)[-most]
        places = np.flatnonzero(row >= max(least, np.finfo(np.float32).tiny))
    else:
        places = np.flatnonzero(row > 0)
    order = places[np.argsort(-row[places], kind="stable")][:most]
    return [(int(place), round(float(row[place]), 3)) for place in order]

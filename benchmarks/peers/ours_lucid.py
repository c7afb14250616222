"""entoptic's own `visualize` with the transforms that lucid chose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import ours
from benchmarks.peers.network import Task

steps = ours.steps


def pictures(
    task: Task, units: Sequence[int], evaluations: int
) -> Iterator[tuple[int, NDArray[np.float32], float]]:
    """Each unit with its picture, (height, width, 3) in [0, 1], and the seconds that it took."""
    return ours.pictures(task, units, evaluations, transforms="lucid")

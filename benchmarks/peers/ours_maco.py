"""entoptic's own `visualize --method maco`, with as many crops a step as its peers here.

Four instead of 32, so that 128 steps of them are looked at by a busy processor, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import ours
from benchmarks.peers.network import MACO_CROPS, Task
from entoptic.transforms import RandomCrops, presets

_FEW = "maco_of_few_crops"
presets.add(
    _FEW,
    tuple(
        replace(each, count=MACO_CROPS) if isinstance(each, RandomCrops) else each
        for each in presets["maco"]
    ),
)


def steps(evaluations: int) -> tuple[int, int]:
    """How many steps, and how many evaluations each takes."""
    return -(-evaluations // MACO_CROPS), MACO_CROPS


def pictures(
    task: Task, units: Sequence[int], evaluations: int
) -> Iterator[tuple[int, NDArray[np.float32], float]]:
    """Each unit with its picture, (height, width, 3) in [0, 1], and the seconds that it took."""
    settings = {"method": "maco", "transforms": _FEW, **task.settings}
    yield from ours.pictures(replace(task, settings=settings), units, steps(evaluations)[0])

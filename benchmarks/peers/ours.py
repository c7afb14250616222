"""entoptic's own `visualize` with its default settings, one picture a call."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import entoptic as ent
from benchmarks.peers import LAYER
from benchmarks.peers.network import Task


def steps(evaluations: int) -> tuple[int, int]:
    """How many steps, and how many evaluations each takes."""
    return evaluations, 1


def pictures(
    task: Task, units: Sequence[int], evaluations: int, **settings: Any
) -> Iterator[tuple[int, NDArray[np.float32], float]]:
    """Each unit with its picture, (height, width, 3) in [0, 1], and the seconds that it took."""
    model = task.model
    for unit in units:
        wanted = f"class:{unit}" if task.what == "classes" else f"{LAYER}:{unit}"
        begin = time.perf_counter()
        result = ent.visualize(
            model, wanted, seed=unit, device="cpu", steps=evaluations, **settings
        )
        seconds = time.perf_counter() - begin
        yield unit, result.image[0].permute(1, 2, 0).numpy(), seconds

"""entoptic's own `visualize`, with its default settings but for those of the method."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.peers import LAYER
from benchmarks.peers.network import Task
from entoptic.recipes.visualize import Visualize


def steps(evaluations: int) -> tuple[int, int]:
    """How many steps, and how many evaluations each takes."""
    return evaluations, 1


def pictures(
    task: Task, units: Sequence[int], evaluations: int
) -> Iterator[tuple[int, NDArray[np.float32], float]]:
    """Each unit with its picture, (height, width, 3) in [0, 1], and the seconds that it took."""
    word = "class" if task.what == "classes" else LAYER
    told = {
        name: each[task.network] if isinstance(each, Mapping) else each
        for name, each in task.settings.items()
    }
    settings = {"steps": evaluations, "batch": task.batch, **told}
    if task.side is not None:
        settings["size"] = task.side
    # A processor lets several batches climb at the same time, where there are several.
    on = "auto" if task.device == "cpu" else task.device
    for part in [units] if task.batch > 1 else task.parts(units):
        begin = time.perf_counter()
        wanted = [f"{word}:{unit}" for unit in part]
        plan = Visualize(task.model, wanted, seed=part[0], device=on, **settings).plan()
        made = torch.cat(list(plan.pictures()))
        seconds = (time.perf_counter() - begin) / len(part)
        for unit, picture in zip(part, made, strict=True):
            yield unit, picture.permute(1, 2, 0).numpy(), seconds

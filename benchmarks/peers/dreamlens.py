"""dreamlens 0.1.1: `maximize_class` and `maximize_channel` as they come, 256 x 256.

The network is given as it is, with its own preprocessing by `FeatureVisualizer(preprocess=...)`,
which is fed pictures in [0, 1]. One evaluation a step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.peers.network import Task


def steps(evaluations: int) -> tuple[int, int]:
    """How many steps, and how many evaluations each takes."""
    return evaluations, 1


def pictures(
    task: Task, units: Sequence[int], evaluations: int
) -> Iterator[tuple[int, NDArray[np.float32], float]]:
    """Each unit with its picture, (height, width, 3) in [0, 1], and the seconds that it took."""
    from dreamlens import FeatureVisualizer, RenderConfig

    model = task.model
    visualizer = FeatureVisualizer(
        model.module, quiet=True, device="cpu", preprocess=model.preprocess
    )
    config = RenderConfig(steps=evaluations)
    for unit in units:
        torch.manual_seed(unit)
        np.random.seed(unit)
        begin = time.perf_counter()
        if task.what == "classes":
            result = visualizer.maximize_class(unit, task.path, config=config)
        else:
            result = visualizer.maximize_channel(task.path, unit, config=config)
        yield unit, result.as_hwc().numpy(), time.perf_counter() - begin

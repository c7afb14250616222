"""dreamlens 0.1.1: `maximize_class` and `maximize_channel` as they come.

Its pictures are of 256 x 256 where nothing else is asked for.
The network is given as it is, with its own preprocessing by `FeatureVisualizer(preprocess=...)`,
which is fed pictures in [0, 1]. Several units climb together by `maximize_classes` and
`maximize_channels`. One evaluation a step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.peers.network import Task

# What a `RenderConfig` has where it isn't told.
_SIDE = 256


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
        task.module, quiet=True, device=task.device, preprocess=model.preprocess
    )
    side = task.side or _SIDE
    config = RenderConfig(side, side, steps=evaluations)
    for part in task.parts(units):
        torch.manual_seed(part[0])
        np.random.seed(part[0])
        begin = time.perf_counter()
        if task.batch > 1 and task.what == "classes":
            result = visualizer.maximize_classes(part, task.path, config=config)
        elif task.batch > 1:
            result = visualizer.maximize_channels(task.path, part, config=config)
        elif task.what == "classes":
            result = visualizer.maximize_class(*part, task.path, config=config)
        else:
            result = visualizer.maximize_channel(task.path, *part, config=config)
        made = result.image.as_nchw().detach()
        seconds = (time.perf_counter() - begin) / len(part)
        for unit, picture in zip(part, made, strict=True):
            yield unit, picture.permute(1, 2, 0).numpy(), seconds

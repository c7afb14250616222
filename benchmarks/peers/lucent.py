"""torch-lucent 0.1.8: `render_vis` as it comes, 128 x 128 by default.

The network is fed as torchvision's are: lucent normalises by ImageNet's mean and deviation and
enlarges to 224 x 224 by itself; `FromImageNet` undoes the first and applies the network's own
preprocessing. Units are its `objectives.channel`, which takes (batch, classes) as well as maps;
several climb together as its notebooks have it, in a `param.image` of a batch, by the sum of their
objectives. One evaluation a step. It takes a CUDA device if it sees one.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.peers.network import FromImageNet, Task

# What `render_vis` makes where it isn't told.
_SIDE = 128


def steps(evaluations: int) -> tuple[int, int]:
    """How many steps, and how many evaluations each takes."""
    return evaluations, 1


def pictures(
    task: Task, units: Sequence[int], evaluations: int
) -> Iterator[tuple[int, NDArray[np.float32], float]]:
    """Each unit with its picture, (height, width, 3) in [0, 1], and the seconds that it took."""
    from lucent.optvis import objectives, param, render

    module = FromImageNet(task.model).to(task.device).eval()
    layer = f"network_{task.path.replace('.', '_')}"
    for part in task.parts(units):
        torch.manual_seed(part[0])
        np.random.seed(part[0])
        begin = time.perf_counter()
        (images,) = render.render_vis(
            module,
            objectives.Objective.sum(
                [objectives.channel(layer, unit, batch=place) for place, unit in enumerate(part)]
            ),
            param_f=functools.partial(param.image, task.side or _SIDE, batch=len(part)),
            thresholds=(evaluations,),
            progress=False,
            show_image=False,
        )
        seconds = (time.perf_counter() - begin) / len(part)
        for unit, picture in zip(part, images, strict=True):
            yield unit, picture, seconds

"""torch-lucent 0.1.8: `render_vis` as it comes, 128 x 128, on a network fed as torchvision's are.

It normalises by ImageNet's mean and deviation and enlarges to 224 x 224 by itself; `FromImageNet`
undoes the first and applies the network's own preprocessing. Units are its `objectives.channel`,
which takes (batch, classes) as well as maps. One evaluation a step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.peers.network import FromImageNet, Task


def steps(evaluations: int) -> tuple[int, int]:
    """How many steps, and how many evaluations each takes."""
    return evaluations, 1


def pictures(
    task: Task, units: Sequence[int], evaluations: int
) -> Iterator[tuple[int, NDArray[np.float32], float]]:
    """Each unit with its picture, (height, width, 3) in [0, 1], and the seconds that it took."""
    from lucent.optvis import objectives, render

    module = FromImageNet(task.model).eval()
    layer = f"network_{task.path.replace('.', '_')}"
    for unit in units:
        torch.manual_seed(unit)
        np.random.seed(unit)
        begin = time.perf_counter()
        (images,) = render.render_vis(
            module,
            objectives.channel(layer, unit),
            thresholds=(evaluations,),
            progress=False,
            show_image=False,
        )
        yield unit, images[0], time.perf_counter() - begin

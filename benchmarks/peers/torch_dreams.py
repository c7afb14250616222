"""torch-dreams 4.0: `Dreamer.render` as it comes, 256 x 256 by default.

The network is given as it is, with its own preprocessing by `set_custom_normalization`, which is
fed pictures in [0, 1]. Units are the `custom_func` of its README, the mean of one channel of a
layer's output. Several climb together as its README has it, by `BatchedAutoImageParam` and
`BatchedObjective`. One evaluation a step.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.peers.network import Task
from entoptic.networks import Preprocess


class Normalization(nn.Module):
    """A network's preprocessing as the module that torch-dreams asks for."""

    def __init__(self, preprocess: Preprocess) -> None:
        super().__init__()
        self.preprocess = preprocess

    def forward(self, image: Tensor) -> Tensor:
        return self.preprocess(image)


# What `render` makes where it isn't told.
_SIDE = 256


def steps(evaluations: int) -> tuple[int, int]:
    """How many steps, and how many evaluations each takes."""
    return evaluations, 1


def pictures(
    task: Task, units: Sequence[int], evaluations: int
) -> Iterator[tuple[int, NDArray[np.float32], float]]:
    """Each unit with its picture, (height, width, 3) in [0, 1], and the seconds that it took."""
    from torch_dreams import Dreamer
    from torch_dreams.batched_image_param import BatchedAutoImageParam
    from torch_dreams.batched_objective import BatchedObjective

    model = task.model
    dreamer = Dreamer(task.module, quiet=True, device=task.device)
    dreamer.set_custom_normalization(Normalization(model.preprocess))
    layer = model.module.get_submodule(task.path)
    side = task.side or _SIDE
    for part in task.parts(units):
        torch.manual_seed(part[0])
        np.random.seed(part[0])
        # It draws the sizes of pictures from Python's own generator.
        random.seed(part[0])
        begin = time.perf_counter()
        if task.batch > 1:
            start = BatchedAutoImageParam(len(part), side, side, device=task.device)
            wanted = BatchedObjective([_loss(unit) for unit in part])
            canvas = dreamer.render([layer], start, iters=evaluations, custom_func=wanted)
            result = [canvas[place] for place in range(len(part))]
        else:
            (unit,) = part
            render = functools.partial(dreamer.render, [layer], width=side, height=side)
            result = [render(iters=evaluations, custom_func=_loss(unit))]
        made = [each.to_hwc_tensor(device=task.device).cpu() for each in result]
        seconds = (time.perf_counter() - begin) / len(part)
        for unit, picture in zip(part, made, strict=True):
            yield unit, picture.numpy(), seconds


def _loss(unit: int) -> Callable[[list[Tensor]], Tensor]:
    return lambda outputs: -outputs[0][:, unit].mean()

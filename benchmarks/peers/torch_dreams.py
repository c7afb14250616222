"""torch-dreams 4.0: `Dreamer.render` as it comes, 256 x 256.

The network is given as it is, with its own preprocessing by `set_custom_normalization`, which is
fed pictures in [0, 1]. Units are the `custom_func` of its README, the mean of one channel of a
layer's output. One evaluation a step.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.peers.network import Task
from entoptic.models import Preprocess


class Normalisation(nn.Module):
    """A network's preprocessing as the module that torch-dreams asks for."""

    def __init__(self, preprocess: Preprocess) -> None:
        super().__init__()
        self.preprocess = preprocess

    def forward(self, image: Tensor) -> Tensor:
        return self.preprocess(image)


def steps(evaluations: int) -> tuple[int, int]:
    """How many steps, and how many evaluations each takes."""
    return evaluations, 1


def pictures(
    task: Task, units: Sequence[int], evaluations: int
) -> Iterator[tuple[int, NDArray[np.float32], float]]:
    """Each unit with its picture, (height, width, 3) in [0, 1], and the seconds that it took."""
    from torch_dreams import Dreamer

    model = task.model
    dreamer = Dreamer(model.module, quiet=True, device="cpu")
    dreamer.set_custom_normalization(Normalisation(model.preprocess))
    layer = model.module.get_submodule(task.path)
    for unit in units:
        torch.manual_seed(unit)
        np.random.seed(unit)
        # It draws the sizes of pictures from Python's own generator.
        random.seed(unit)
        begin = time.perf_counter()
        result = dreamer.render([layer], iters=evaluations, custom_func=_loss(unit))
        yield unit, np.asarray(result), time.perf_counter() - begin


def _loss(unit: int) -> Callable[[list[Tensor]], Tensor]:
    return lambda outputs: -outputs[0][:, unit].mean()

"""horama 0.3: `fourier` as it comes, 1280 x 1280, of which it shows a network 6 crops a step.

Its crops come to 224 x 224, and whatever side is asked for its pictures stay as large.
Its pictures lie in [-2.5, 2.5], the range of torchvision's normalised input; `FromImageNet` makes
sRGB of them for the network, and the same formula for the eye. Units are the objective of its
README, the mean of one output; a layer's channels are those of the network cut off behind it.
Crops have a quarter of the picture's side and a little more, so that the whole picture is best
judged by such a crop (see `benchmarks.judge`). For its other method see `horama_maco`.

It lets one unit climb at a time. A picture's last step may show the network up to 5 more crops
than were asked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.peers.network import FromImageNet, Task

_CROPS = 6


def steps(evaluations: int) -> tuple[int, int]:
    """How many steps, and how many evaluations each takes."""
    return -(-evaluations // _CROPS), _CROPS


def pictures(
    task: Task, units: Sequence[int], evaluations: int
) -> Iterator[tuple[int, NDArray[np.float32], float]]:
    """Each unit with its picture, (height, width, 3) in [0, 1], and the seconds that it took."""
    from horama import fourier

    whole = FromImageNet(task.model).to(task.device).eval()
    assert isinstance(whole.network, nn.Sequential)
    if task.what == "channels":
        names = [name for name, _ in whole.network.named_children()]
        whole.network = whole.network[: names.index(task.path) + 1]
    shown = FromImageNet(task.model).picture
    for unit in units:
        torch.manual_seed(unit)
        begin = time.perf_counter()
        made, _ = fourier(
            lambda images, unit=unit: torch.mean(whole(images)[:, unit]),
            total_steps=steps(evaluations)[0],
            device=task.device,
        )
        made = made.detach().cpu()
        seconds = time.perf_counter() - begin
        picture = shown(made).clamp(0, 1)[0]
        yield unit, picture.permute(1, 2, 0).numpy(), seconds

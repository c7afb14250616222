"""How large a network's numbers are, so that terms of an objective can be weighed alike."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from entoptic.ascent.loop import bind
from entoptic.canvas import MaCo
from entoptic.images import Picture
from entoptic.networks import DeviceLike, Model, compiled, devices
from entoptic.networks.modes import in_usual_modes
from entoptic.objectives import Objective
from entoptic.types import Image


@in_usual_modes
@torch.no_grad()
def scale_of(
    objective: Objective,
    model: Model,
    image: Image,
    *,
    on: DeviceLike,
    read_guide: Callable[[str], Picture],
) -> float:
    """Root mean square of an objective's layers for a picture; their mean, 1 where all are zero.

    Raises:
        EntopticError: the objective doesn't fit the network, or a picture of this size.
    """
    where = devices(on)[0]
    bound = bind(objective, model, (image.shape[-2], image.shape[-1]), read_guide)
    acts = compiled(model, bound.layers(), where)(image.to(where)).values()
    found = sum(float(each.square().mean().sqrt()) for each in acts) / len(acts)
    return found if found > 0 else 1.0


@in_usual_modes
@torch.no_grad()
def natural_noise(side: int) -> Image:
    """A square of noise whose waves are as large as a natural picture's."""
    image: Image = MaCo(side, side, spread=math.pi)()
    return image

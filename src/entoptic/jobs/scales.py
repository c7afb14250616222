"""Scales of a network's activations, so that terms of an objective can be weighed alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from entoptic.ascent.binding import bind
from entoptic.ascent.memory import check_picture
from entoptic.canvas import MaCo
from entoptic.layers import Layer
from entoptic.networks import DeviceLike, Model, compiled, devices
from entoptic.networks.modes import in_usual_modes
from entoptic.objectives import Objective
from entoptic.objectives.files import ON_DISK, Files
from entoptic.types import Image


@in_usual_modes
@torch.no_grad()
def scale_of(
    objective: Objective,
    model: Model,
    image: Image,
    *,
    on: DeviceLike,
    files: Files | None = None,
) -> float:
    """Return the root mean square of an objective's layers for a picture, 1 where all are zero.

    Raises:
        EntopticError: the objective doesn't fit the network, or a picture of this size.
    """
    where = devices(on)[0]
    bound = bind(objective, model, (image.shape[-2], image.shape[-1]), files or ON_DISK)
    acts = compiled(model, bound.layers(), where)(image.to(where)).values()
    found = sum(float(each.square().mean().sqrt()) for each in acts) / len(acts)
    return found if found > 0 else 1.0


@in_usual_modes
@torch.no_grad()
def natural_noise(size: tuple[int, int]) -> Image:
    """Return noise with the spectrum of natural pictures.

    Args:
        size: (height, width).
    """
    image: Image = MaCo(*size, spread=math.pi)()
    return image


def in_multiples_of_noise(
    unit: Objective,
    model: Model,
    size: tuple[int, int],
    on: DeviceLike,
    files: Files | None,
) -> Objective:
    """Return a unit in multiples of its layers' activations for noise: all units weigh alike."""
    return unit / scale_of(unit, model, natural_noise(size), on=on, files=files)


def check_units(
    units: Sequence[Objective], model: Model, size: tuple[int, int], on: DeviceLike
) -> None:
    """Find out before anything is made of a size whether memory has room for it.

    Raises:
        NotEnoughMemory: with the size that fits.
    """
    layers = frozenset[Layer]().union(*(each.layers() for each in units))
    check_picture(model, layers, size, devices(on)[0])

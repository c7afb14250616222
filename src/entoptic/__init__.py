"""entoptic shows what a neural network sees.

>>> import entoptic as ent
>>> result = ent.dream(ent.load(), noise=(60, 80), octaves=1, steps=1)
>>> result.image.shape
torch.Size([1, 3, 60, 80])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from entoptic.ascent import Step, ascend
    from entoptic.canvas import Canvas, Pixels
    from entoptic.errors import EntopticError
    from entoptic.gradients import gradient, jacobian
    from entoptic.jobs import Job, Result
    from entoptic.layers import Layer, LayerInfo
    from entoptic.models import GradientRule, Model, Preprocess, load
    from entoptic.models.rules import guided, normalised_layers, redirected_relu, smooth_max_pool
    from entoptic.objectives import (
        Objective,
        channel,
        channels,
        energy,
        l2,
        logit,
        match,
        mean,
        neuron,
        objective,
        parse,
        per_image,
        positive,
        total,
        total_variation,
    )
    from entoptic.pictures import Picture, read, write
    from entoptic.recipes import dream
    from entoptic.recipes.saliency import gradient_picture
    from entoptic.resample import centre_crop, fit_short_side, resize
    from entoptic.sheets import sheet
    from entoptic.steprules import adam, climb
    from entoptic.transforms import Jitter

# Where each public name lives. Looked up on first use, so that importing entoptic is instant and
# torch is imported only when work begins.
_HOMES = {
    "ascent": ("Step", "ascend"),
    "canvas": ("Canvas", "Pixels"),
    "steprules": ("adam", "climb"),
    "errors": ("EntopticError",),
    "gradients": ("gradient", "jacobian"),
    "jobs": ("Job", "Result"),
    "layers": ("Layer", "LayerInfo"),
    "models": ("GradientRule", "Model", "Preprocess", "load"),
    "models.rules": ("guided", "normalised_layers", "redirected_relu", "smooth_max_pool"),
    "objectives": (
        "Objective",
        "channel",
        "channels",
        "energy",
        "l2",
        "logit",
        "match",
        "mean",
        "neuron",
        "objective",
        "parse",
        "per_image",
        "positive",
        "total",
        "total_variation",
    ),
    "pictures": ("Picture", "read", "write"),
    "recipes": ("dream",),
    "recipes.saliency": ("gradient_picture",),
    "resample": ("centre_crop", "fit_short_side", "resize"),
    "sheets": ("sheet",),
    "transforms": ("Jitter",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Canvas",
    "EntopticError",
    "GradientRule",
    "Jitter",
    "Job",
    "Layer",
    "LayerInfo",
    "Model",
    "Objective",
    "Picture",
    "Pixels",
    "Preprocess",
    "Result",
    "Step",
    "adam",
    "ascend",
    "centre_crop",
    "channel",
    "channels",
    "climb",
    "dream",
    "energy",
    "fit_short_side",
    "gradient",
    "gradient_picture",
    "guided",
    "jacobian",
    "l2",
    "load",
    "logit",
    "match",
    "mean",
    "neuron",
    "normalised_layers",
    "objective",
    "parse",
    "per_image",
    "positive",
    "read",
    "redirected_relu",
    "resize",
    "sheet",
    "smooth_max_pool",
    "total",
    "total_variation",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'entoptic' has no attribute {name!r}")
    return getattr(importlib.import_module(f"entoptic.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

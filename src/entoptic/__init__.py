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
    # Each name again after `as`: so checkers know that it is public.
    from entoptic.ascent import (
        Step as Step,
    )
    from entoptic.ascent import (
        ascend as ascend,
    )
    from entoptic.canvas import (
        CPPN as CPPN,
    )
    from entoptic.canvas import (
        Canvas as Canvas,
    )
    from entoptic.canvas import (
        Fourier as Fourier,
    )
    from entoptic.canvas import (
        Laplacian as Laplacian,
    )
    from entoptic.canvas import (
        MaCo as MaCo,
    )
    from entoptic.canvas import (
        Masked as Masked,
    )
    from entoptic.canvas import (
        Pixels as Pixels,
    )
    from entoptic.canvas import (
        Shared as Shared,
    )
    from entoptic.canvas import (
        spectrum_of as spectrum_of,
    )
    from entoptic.errors import (
        EntopticError as EntopticError,
    )
    from entoptic.gradients import (
        gradient as gradient,
    )
    from entoptic.gradients import (
        jacobian as jacobian,
    )
    from entoptic.jobs import (
        Job as Job,
    )
    from entoptic.jobs import (
        Result as Result,
    )
    from entoptic.layers import (
        Layer as Layer,
    )
    from entoptic.layers import (
        LayerInfo as LayerInfo,
    )
    from entoptic.models import (
        Model as Model,
    )
    from entoptic.models import (
        Preprocess as Preprocess,
    )
    from entoptic.models import (
        load as load,
    )
    from entoptic.objectives import (
        Objective as Objective,
    )
    from entoptic.objectives import (
        alignment as alignment,
    )
    from entoptic.objectives import (
        blurriness as blurriness,
    )
    from entoptic.objectives import (
        caricature as caricature,
    )
    from entoptic.objectives import (
        channel as channel,
    )
    from entoptic.objectives import (
        channel_interpolate as channel_interpolate,
    )
    from entoptic.objectives import (
        channel_weights as channel_weights,
    )
    from entoptic.objectives import (
        channels as channels,
    )
    from entoptic.objectives import (
        direction as direction,
    )
    from entoptic.objectives import (
        diversity as diversity,
    )
    from entoptic.objectives import (
        energy as energy,
    )
    from entoptic.objectives import (
        input_diff as input_diff,
    )
    from entoptic.objectives import (
        inversion as inversion,
    )
    from entoptic.objectives import (
        l1 as l1,
    )
    from entoptic.objectives import (
        l2 as l2,
    )
    from entoptic.objectives import (
        linf as linf,
    )
    from entoptic.objectives import (
        logit as logit,
    )
    from entoptic.objectives import (
        match as match,
    )
    from entoptic.objectives import (
        mean as mean,
    )
    from entoptic.objectives import (
        neuron as neuron,
    )
    from entoptic.objectives import (
        neuron_direction as neuron_direction,
    )
    from entoptic.objectives import (
        neuron_weights as neuron_weights,
    )
    from entoptic.objectives import (
        objective as objective,
    )
    from entoptic.objectives import (
        parse as parse,
    )
    from entoptic.objectives import (
        per_image as per_image,
    )
    from entoptic.objectives import (
        positive as positive,
    )
    from entoptic.objectives import (
        style as style,
    )
    from entoptic.objectives import (
        total as total,
    )
    from entoptic.objectives import (
        total_variation as total_variation,
    )
    from entoptic.pictures import (
        Picture as Picture,
    )
    from entoptic.pictures import (
        read as read,
    )
    from entoptic.pictures import (
        write as write,
    )
    from entoptic.recipes import (
        dream as dream,
    )
    from entoptic.recipes.saliency import (
        gradient_picture as gradient_picture,
    )
    from entoptic.resample import (
        centre_crop as centre_crop,
    )
    from entoptic.resample import (
        fit_short_side as fit_short_side,
    )
    from entoptic.resample import (
        resize as resize,
    )
    from entoptic.sheets import (
        sheet as sheet,
    )
    from entoptic.steprules import (
        adam as adam,
    )
    from entoptic.steprules import (
        climb as climb,
    )
    from entoptic.transforms import (
        ACCENTUATE as ACCENTUATE,
    )
    from entoptic.transforms import (
        LUCID as LUCID,
    )
    from entoptic.transforms import (
        MACO as MACO,
    )
    from entoptic.transforms import (
        NONE as NONE,
    )
    from entoptic.transforms import (
        ROBUST as ROBUST,
    )
    from entoptic.transforms import (
        Affine as Affine,
    )
    from entoptic.transforms import (
        Blur as Blur,
    )
    from entoptic.transforms import (
        ColourShift as ColourShift,
    )
    from entoptic.transforms import (
        Flip as Flip,
    )
    from entoptic.transforms import (
        Grayscale as Grayscale,
    )
    from entoptic.transforms import (
        Jitter as Jitter,
    )
    from entoptic.transforms import (
        Noise as Noise,
    )
    from entoptic.transforms import (
        Pad as Pad,
    )
    from entoptic.transforms import (
        RandomCrops as RandomCrops,
    )
    from entoptic.transforms import (
        Rotate as Rotate,
    )
    from entoptic.transforms import (
        Scale as Scale,
    )
    from entoptic.transforms import (
        Shear as Shear,
    )
    from entoptic.transforms import (
        Transform as Transform,
    )
    from entoptic.transforms import (
        Translate as Translate,
    )

# Where each public name lives. Looked up on first use, so that importing entoptic is instant and
# torch is imported only when work begins.
_HOMES = {
    "ascent": (
        "Step",
        "ascend",
    ),
    "canvas": (
        "CPPN",
        "Canvas",
        "Fourier",
        "Laplacian",
        "MaCo",
        "Masked",
        "Pixels",
        "Shared",
        "spectrum_of",
    ),
    "errors": ("EntopticError",),
    "gradients": (
        "gradient",
        "jacobian",
    ),
    "jobs": (
        "Job",
        "Result",
    ),
    "layers": (
        "Layer",
        "LayerInfo",
    ),
    "models": (
        "Model",
        "Preprocess",
        "load",
    ),
    "objectives": (
        "Objective",
        "alignment",
        "blurriness",
        "caricature",
        "channel",
        "channel_interpolate",
        "channel_weights",
        "channels",
        "direction",
        "diversity",
        "energy",
        "input_diff",
        "inversion",
        "l1",
        "l2",
        "linf",
        "logit",
        "match",
        "mean",
        "neuron",
        "neuron_direction",
        "neuron_weights",
        "objective",
        "parse",
        "per_image",
        "positive",
        "style",
        "total",
        "total_variation",
    ),
    "pictures": (
        "Picture",
        "read",
        "write",
    ),
    "recipes": ("dream",),
    "recipes.saliency": ("gradient_picture",),
    "resample": (
        "centre_crop",
        "fit_short_side",
        "resize",
    ),
    "sheets": ("sheet",),
    "steprules": (
        "adam",
        "climb",
    ),
    "transforms": (
        "ACCENTUATE",
        "LUCID",
        "MACO",
        "NONE",
        "ROBUST",
        "Affine",
        "Blur",
        "ColourShift",
        "Flip",
        "Grayscale",
        "Jitter",
        "Noise",
        "Pad",
        "RandomCrops",
        "Rotate",
        "Scale",
        "Shear",
        "Transform",
        "Translate",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = tuple(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'entoptic' has no attribute {name!r}")
    return getattr(importlib.import_module(f"entoptic.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

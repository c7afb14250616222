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
    from entoptic.analysis.spectrum import (
        Spectrum as Spectrum,
        read_spectrum as read_spectrum,
        spectrum as spectrum,
    )
    from entoptic.ascent.gradients import (
        gradient as gradient,
        jacobian as jacobian,
    )
    from entoptic.ascent.loop import (
        Step as Step,
        ascend as ascend,
    )
    from entoptic.ascent.optimizers import (
        adam as adam,
        climb as climb,
    )
    from entoptic.ascent.tiling import (
        tiled_gradient as tiled_gradient,
    )
    from entoptic.canvas import (
        CPPN as CPPN,
        Canvas as Canvas,
        Fourier as Fourier,
        Gray as Gray,
        Laplacian as Laplacian,
        MaCo as MaCo,
        Masked as Masked,
        Pixels as Pixels,
        Shared as Shared,
        Transparent as Transparent,
        Weighed as Weighed,
        spectrum_of as spectrum_of,
    )
    from entoptic.errors import (
        EntopticError as EntopticError,
    )
    from entoptic.images import (
        Picture as Picture,
        read as read,
        write as write,
    )
    from entoptic.images.contact_sheet import (
        sheet as sheet,
    )
    from entoptic.images.resize import (
        center_crop as center_crop,
        fit_short_side as fit_short_side,
        resize as resize,
    )
    from entoptic.jobs.job import (
        Job as Job,
        Result as Result,
    )
    from entoptic.layers import (
        Layer as Layer,
        LayerInfo as LayerInfo,
    )
    from entoptic.networks import (
        GradientRule as GradientRule,
        Model as Model,
        Preprocess as Preprocess,
        ensemble as ensemble,
        load as load,
    )
    from entoptic.networks.gradient_rules import (
        guided as guided,
        normalized_layers as normalized_layers,
        redirected_relu as redirected_relu,
        smooth_max_pool as smooth_max_pool,
    )
    from entoptic.objectives import (
        Objective as Objective,
        alignment as alignment,
        alpha_blurriness as alpha_blurriness,
        angled_direction as angled_direction,
        angled_neuron_direction as angled_neuron_direction,
        blurriness as blurriness,
        boundary_complexity as boundary_complexity,
        caricature as caricature,
        cell as cell,
        channel as channel,
        channel_interpolate as channel_interpolate,
        channel_weights as channel_weights,
        channels as channels,
        cosine as cosine,
        direction as direction,
        diversity as diversity,
        energy as energy,
        input_diff as input_diff,
        inversion as inversion,
        l1 as l1,
        l2 as l2,
        linf as linf,
        log_odds as log_odds,
        logit as logit,
        logits as logits,
        match as match,
        mean as mean,
        neuron as neuron,
        neuron_direction as neuron_direction,
        neuron_weights as neuron_weights,
        objective as objective,
        opacity as opacity,
        parse as parse,
        per_image as per_image,
        positive as positive,
        style as style,
        tensor_direction as tensor_direction,
        total as total,
        total_variation as total_variation,
    )
    from entoptic.recipes import (
        Evaluation as Evaluation,
        accentuate as accentuate,
        caricature_of as caricature_of,
        compare as compare,
        diversity_of as diversity_of,
        dream as dream,
        dream_photos as dream_photos,
        evaluate as evaluate,
        grid as grid,
        groups as groups,
        interpolate as interpolate,
        invert as invert,
        visualize as visualize,
    )
    from entoptic.recipes.redo import (
        redo as redo,
    )
    from entoptic.recipes.saliency import (
        gradient_picture as gradient_picture,
    )
    from entoptic.transforms import (
        ACCENTUATE as ACCENTUATE,
        GENTLE as GENTLE,
        LUCID as LUCID,
        MACO as MACO,
        NONE as NONE,
        ROBUST as ROBUST,
        STRONG as STRONG,
        Affine as Affine,
        Blur as Blur,
        ColorShift as ColorShift,
        Flip as Flip,
        Grayscale as Grayscale,
        Jitter as Jitter,
        Noise as Noise,
        OverBackground as OverBackground,
        Pad as Pad,
        RandomCrops as RandomCrops,
        Rotate as Rotate,
        Scale as Scale,
        Shear as Shear,
        Transform as Transform,
        Translate as Translate,
        with_crop_size as with_crop_size,
    )

# Where each public name lives. Looked up on first use, so that importing entoptic is instant and
# torch is imported only when work begins.
_HOMES = {
    "ascent.loop": (
        "Step",
        "ascend",
    ),
    "canvas": (
        "CPPN",
        "Canvas",
        "Fourier",
        "Gray",
        "Laplacian",
        "MaCo",
        "Masked",
        "Pixels",
        "Shared",
        "Transparent",
        "Weighed",
        "spectrum_of",
    ),
    "errors": ("EntopticError",),
    "ascent.gradients": (
        "gradient",
        "jacobian",
    ),
    "jobs.job": (
        "Job",
        "Result",
    ),
    "layers": (
        "Layer",
        "LayerInfo",
    ),
    "networks": (
        "GradientRule",
        "Model",
        "Preprocess",
        "ensemble",
        "load",
    ),
    "networks.gradient_rules": (
        "guided",
        "normalized_layers",
        "redirected_relu",
        "smooth_max_pool",
    ),
    "objectives": (
        "Objective",
        "alignment",
        "alpha_blurriness",
        "angled_direction",
        "angled_neuron_direction",
        "blurriness",
        "boundary_complexity",
        "caricature",
        "cell",
        "channel",
        "channel_interpolate",
        "channel_weights",
        "channels",
        "cosine",
        "direction",
        "diversity",
        "energy",
        "input_diff",
        "inversion",
        "l1",
        "l2",
        "linf",
        "logit",
        "log_odds",
        "logits",
        "match",
        "mean",
        "neuron",
        "neuron_direction",
        "neuron_weights",
        "objective",
        "opacity",
        "parse",
        "per_image",
        "positive",
        "style",
        "tensor_direction",
        "total",
        "total_variation",
    ),
    "images": (
        "Picture",
        "read",
        "write",
    ),
    "recipes": (
        "Evaluation",
        "compare",
        "dream",
        "dream_photos",
        "evaluate",
        "grid",
        "groups",
        "accentuate",
        "caricature_of",
        "diversity_of",
        "interpolate",
        "invert",
        "visualize",
    ),
    "recipes.redo": ("redo",),
    "recipes.saliency": ("gradient_picture",),
    "analysis.spectrum": (
        "Spectrum",
        "read_spectrum",
        "spectrum",
    ),
    "images.resize": (
        "center_crop",
        "fit_short_side",
        "resize",
    ),
    "images.contact_sheet": ("sheet",),
    "ascent.optimizers": (
        "adam",
        "climb",
    ),
    "ascent.tiling": ("tiled_gradient",),
    "transforms": (
        "ACCENTUATE",
        "LUCID",
        "MACO",
        "NONE",
        "GENTLE",
        "ROBUST",
        "STRONG",
        "Affine",
        "Blur",
        "ColorShift",
        "Flip",
        "Grayscale",
        "Jitter",
        "Noise",
        "OverBackground",
        "Pad",
        "RandomCrops",
        "Rotate",
        "Scale",
        "Shear",
        "Transform",
        "Translate",
        "with_crop_size",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = tuple(_HOME_OF)

# British spellings of the first releases, which stay for one more.
_RENAMED = {
    "ColourShift": "ColorShift",
    "Grey": "Gray",
    "centre_crop": "center_crop",
    "normalised_layers": "normalized_layers",
}


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        import warnings

        warnings.warn(
            f"entoptic.{name} is called entoptic.{_RENAMED[name]} now; the old name goes with the "
            "next release",
            DeprecationWarning,
            stacklevel=2,
        )
        name = _RENAMED[name]
    if name not in _HOME_OF:
        raise AttributeError(f"module 'entoptic' has no attribute {name!r}")
    return getattr(importlib.import_module(f"entoptic.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

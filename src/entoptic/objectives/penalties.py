"""Terms for what an image should have little of; most are subtracted."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from entoptic.errors import BadSetting
from entoptic.images.resize import gaussian_blur
from entoptic.layers import CANVAS, INPUT, Layer
from entoptic.objectives.algebra import Activations
from entoptic.objectives.kinds import Blur, Map, Positive
from entoptic.objectives.reductions import over_all, over_positions
from entoptic.objectives.terms import objective
from entoptic.types import Scores

# How much a border's distance from the constant counts beside its roughness; lucid's.
_BORDER_WEIGHT = 0.8


@objective(compares_images=False)
def total_variation(acts: Activations, layer: Map = INPUT) -> Scores:
    """Mean absolute difference of neighbors, down plus across; subtract it for smoothness.

    Args:
        layer: a layer with rows and columns; the picture itself by default.

    Returns:
        One score per image, in the layer's units.

    Source: Rudin, Osher, Fatemi, "Nonlinear total variation based noise removal", 1992.

    >>> from entoptic.objectives import channel
    >>> channel("fire7", 3) - 2 * total_variation()
    (channel('fire7', 3) - (2 * total_variation('input')))
    """
    values = acts[layer]
    down = over_all(values.diff(dim=-2).abs(), Tensor.sum)
    across = over_all(values.diff(dim=-1).abs(), Tensor.sum)
    return (down + across) / values[0].numel()


@objective(compares_images=False)
def blurriness(acts: Activations, layer: Map = INPUT, sigma: Blur = 1.0) -> Scores:
    """Nearness of a layer to its own blur; add it for smoothness.

    Minus the mean squared difference of a layer from its own Gaussian blur: 0 where all is plain.
    Fine grain counts most, and what is much larger than sigma hardly at all.

    Args:
        layer: a layer with rows and columns; the picture itself by default.
        sigma: standard deviation of the blur, in positions of the layer; no more than it has.

    Returns:
        One score per image, in the layer's units squared.

    Source: after lucid's `blur_input_each_step`, 2018, which holds the blurred picture constant.

    >>> from entoptic.objectives import channel
    >>> channel("fire7", 3) + 50 * blurriness()
    (channel('fire7', 3) + (50 * blurriness('input', 1.0)))
    """
    values = acts[layer]
    return -over_all((values - gaussian_blur(values, sigma)).square(), Tensor.mean)


@objective(compares_images=False)
def boundary_complexity(
    acts: Activations, layer: Map = INPUT, width: Positive = 20.0, constant: float = 0.5
) -> Scores:
    """Detail near the border; subtract it, so that the picture keeps to its middle.

    The mean, over all positions less than `width` from the border, of (a - blur(a)) ** 2 + 0.8 (a -
    constant) ** 2, where the blur is a Gaussian of standard deviation 1: what is there should be
    plain, and near the constant.

    Args:
        layer: a layer with rows and columns; the picture itself by default.
        width: of the border, in positions of the layer.
        constant: the value to be near to; by default middle grey.

    Returns:
        One score per image, in the layer's units squared.

    Source: lucid's `penalize_boundary_complexity`, 2018, which is the sum, and negative.

    >>> from entoptic.objectives import channel
    >>> channel("fire7", 3) - 5 * boundary_complexity("canvas")
    (channel('fire7', 3) - (5 * boundary_complexity('canvas', 20.0, 0.5)))
    """
    values = acts[layer]
    unrest = (values - gaussian_blur(values, 1.0)).square()
    unrest = unrest + _BORDER_WEIGHT * (values - constant).square()
    return over_positions(unrest[:, :, _border(values.shape[2:], width, values.device)])


@objective(compares_images=False, needs_alpha=True, prices_opacity=True)
def opacity(acts: Activations, layer: Layer = CANVAS) -> Scores:
    """Mean alpha of a canvas with transparency: how much of the picture is painted at all.

    Multiply by 1 - opacity() what is never negative, or subtract it, so that only what counts is
    painted.

    Args:
        layer: the canvas, whose fourth channel is alpha.

    Returns:
        One score per image, 0 to 1.

    Raises:
        BadSetting: in the first step, if the canvas has no transparency.

    Source: Mordvintsev et al., "Differentiable Image Parameterizations", Distill, 2018,
    "Semi-transparent patterns".

    >>> from entoptic.objectives import channel
    >>> channel("fire7", 3) * (1 - opacity())
    (channel('fire7', 3) * (1 - opacity('canvas')))
    """
    return over_positions(_alpha("opacity", acts, layer))


@objective(compares_images=False, needs_alpha=True)
def alpha_blurriness(acts: Activations, layer: Map = CANVAS, sigma: Blur = 1.0) -> Scores:
    """Nearness of a canvas's alpha to its own blur; add it for soft, large shapes.

    Minus the mean squared difference of alpha from its own Gaussian blur, as `blurriness`.

    Args:
        layer: the canvas, whose fourth channel is alpha.
        sigma: standard deviation of the blur, in pixels.

    Returns:
        One score per image, -1 to 0.

    Raises:
        BadSetting: in the first step, if the canvas has no transparency.

    Source: after lucid's `blur_alpha_each_step`, 2018, which holds the blurred alpha constant.

    >>> from entoptic.objectives import channel
    >>> channel("fire7", 3) * (1 - opacity()) + 5 * alpha_blurriness()
    ((channel('fire7', 3) * (1 - opacity('canvas'))) + (5 * alpha_blurriness('canvas', 1.0)))
    """
    alpha = _alpha("alpha_blurriness", acts, layer)
    return -over_all((alpha - gaussian_blur(alpha, sigma)).square(), Tensor.mean)


@objective(over_positions="sum")
def l1(acts: Activations, layer: Layer = INPUT, constant: float = 0.5) -> Scores:
    """Sum of a layer's absolute differences from a constant; subtract it so that few differ.

    Args:
        layer: any layer; the picture itself by default, whose middle grey is 0.5.
        constant: the value to be near to.

    Returns:
        One score per image, in the layer's units.

    Source: lucid's `L1`, 2018.

    >>> from entoptic.objectives import energy
    >>> energy("fire7") - 0.1 * l1("fire5", 0)
    (energy('fire7') - (0.1 * l1('fire5', 0.0)))
    """
    return over_all((acts[layer] - constant).abs(), Tensor.sum)


@objective(compares_images=False)
def l2(acts: Activations, layer: Layer = INPUT, constant: float = 0.5) -> Scores:
    """Euclidean distance of a layer from a constant; subtract it to stay near.

    Args:
        layer: any layer; the picture itself by default, whose middle grey is 0.5.
        constant: the value to be near to.

    Returns:
        One score per image, in the layer's units.

    Source: lucid's `L2`, 2018.

    >>> from entoptic.objectives import channel
    >>> channel("fire7", 3) - 0.1 * l2()
    (channel('fire7', 3) - (0.1 * l2('input', 0.5)))
    """
    # The slope of a square root is infinite at 0; the small number keeps it finite there.
    return (over_all((acts[layer] - constant).square(), Tensor.sum) + 1e-12).sqrt()


@objective(compares_images=False)
def linf(acts: Activations, layer: Layer = INPUT, constant: float = 0.5) -> Scores:
    """Largest absolute difference of a layer from a constant; subtract it to keep all near.

    Args:
        layer: any layer; the picture itself by default, whose middle grey is 0.5.
        constant: the value to be near to.

    Returns:
        One score per image, in the layer's units.

    Source: xplique's `l_inf_reg`, 2021.

    >>> from entoptic.objectives import channel
    >>> channel("fire7", 3) - linf()
    (channel('fire7', 3) - linf('input', 0.5))
    """
    return over_all((acts[layer] - constant).abs(), Tensor.amax)


def _alpha(word: str, acts: Activations, layer: Layer) -> Tensor:
    """(batch, 1, height, width), if there is any."""
    values = acts[layer]
    if values.shape[1] != 4:
        raise BadSetting(
            f"{word} is about transparency, and {str(layer)!r} has {values.shape[1]} channels; "
            "optimise a Transparent canvas"
        )
    return values[:, 3:]


@functools.lru_cache(maxsize=64)
def _border(size: torch.Size, width: float, device: torch.device) -> Tensor:
    """(height, width), True for positions less than so many from the border."""
    rows, columns = (
        torch.minimum(torch.arange(side), side - 1 - torch.arange(side)) for side in size
    )
    return (torch.minimum(rows[:, None], columns) < width).to(device)

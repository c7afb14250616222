"""Words for what a picture should have little of; most are subtracted."""

from __future__ import annotations

from torch import Tensor

from entoptic.layers import INPUT, Layer
from entoptic.objectives.algebra import Activations
from entoptic.objectives.kinds import Map, Positive
from entoptic.objectives.reductions import over_all
from entoptic.objectives.terms import objective
from entoptic.resample import gaussian_blur
from entoptic.types import Scores


@objective
def total_variation(acts: Activations, layer: Map = INPUT) -> Scores:
    """Mean absolute difference of neighbours, down plus across; subtract it for smoothness.

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


@objective
def blurriness(acts: Activations, layer: Map = INPUT, sigma: Positive = 1.0) -> Scores:
    """How little a blur would change; add it for smoothness.

    Minus the mean squared difference of a layer from its own Gaussian blur: 0 where all is plain.
    Fine grain counts most, and what is much larger than sigma hardly at all.

    Args:
        layer: a layer with rows and columns; the picture itself by default.
        sigma: standard deviation of the blur, in places of the layer.

    Returns:
        One score per image, in the layer's units squared.

    Source: after lucid's `blur_input_each_step`, 2018, which holds the blurred picture constant.

    >>> from entoptic.objectives import channel
    >>> channel("fire7", 3) + 50 * blurriness()
    (channel('fire7', 3) + (50 * blurriness('input', 1.0)))
    """
    values = acts[layer]
    return -over_all((values - gaussian_blur(values, sigma)).square(), Tensor.mean)


@objective(over_places="sum")
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


@objective
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


@objective
def linf(acts: Activations, layer: Layer = INPUT, constant: float = 0.5) -> Scores:
    """Largest absolute difference of a layer from a constant; subtract it so that none stands out.

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

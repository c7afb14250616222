"""Terms for a whole layer."""

from __future__ import annotations

from torch import Tensor

from entoptic.layers import Layer
from entoptic.objectives.algebra import Activations
from entoptic.objectives.reductions import over_all
from entoptic.objectives.terms import objective
from entoptic.types import Scores


@objective(over_positions="mean")
def energy(acts: Activations, layer: Layer) -> Scores:
    """Mean square of a layer's activations: the objective of the original DeepDream.

    Args:
        layer: any layer.

    Returns:
        One score per image, in the layer's units squared.

    Source: Mordvintsev, Olah, Tyka, "Inceptionism", Google Research, 2015.

    >>> energy("fire7")
    energy('fire7')
    """
    return over_all(acts[layer].square(), Tensor.mean)


@objective(over_positions="mean")
def mean(acts: Activations, layer: Layer) -> Scores:
    """Mean of a layer's activations.

    Args:
        layer: any layer.

    Returns:
        One score per image, in the layer's units.

    >>> mean("fire7")
    mean('fire7')
    """
    return over_all(acts[layer], Tensor.mean)


@objective(over_positions="sum")
def total(acts: Activations, layer: Layer) -> Scores:
    """Sum of a layer's activations: its gradient is that of all outputs together.

    Args:
        layer: any layer.

    Returns:
        One score per image, in the layer's units.

    >>> total("pool1") / 1000
    (total('pool1') / 1000)
    """
    return over_all(acts[layer], Tensor.sum)


@objective(over_positions="sum")
def positive(acts: Activations, layer: Layer) -> Scores:
    """Sum of a layer's positive activations; those below zero have no gradient.

    Args:
        layer: any layer; after a ReLU it is the same as `total`.

    Returns:
        One score per image, in the layer's units.

    >>> positive("conv5_3")
    positive('conv5_3')
    """
    return over_all(acts[layer].relu(), Tensor.sum)

"""The vocabulary: every objective that has a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from entoptic.layers import INPUT, LOGITS, Layer
from entoptic.objectives.algebra import Activations, Reference
from entoptic.objectives.terms import Channel, Channels, Column, Guide, Label, Map, Row, objective
from entoptic.types import Scores


@objective
def energy(acts: Activations, layer: Layer) -> Scores:
    """Mean square of a layer's activations: what the original DeepDream climbs.

    Args:
        layer: any layer.

    Returns:
        One score per image, in the layer's units squared.

    Source: Mordvintsev, Olah, Tyka, "Inceptionism", Google Research, 2015.

    >>> energy("fire7")
    energy('fire7')
    """
    return _over_all(acts[layer].square(), Tensor.mean)


@objective
def mean(acts: Activations, layer: Layer) -> Scores:
    """Mean of a layer's activations.

    Args:
        layer: any layer.

    Returns:
        One score per image, in the layer's units.

    >>> mean("fire7")
    mean('fire7')
    """
    return _over_all(acts[layer], Tensor.mean)


@objective
def total(acts: Activations, layer: Layer) -> Scores:
    """Sum of a layer's activations: its gradient is that of all outputs together.

    Args:
        layer: any layer.

    Returns:
        One score per image, in the layer's units.

    >>> total("pool1") / 1000
    (total('pool1') / 1000)
    """
    return _over_all(acts[layer], Tensor.sum)


@objective
def positive(acts: Activations, layer: Layer) -> Scores:
    """Sum of a layer's positive activations: what is below zero neither counts nor pulls.

    Args:
        layer: any layer; after a ReLU it is the same as `total`.

    Returns:
        One score per image, in the layer's units.

    >>> positive("conv5_3")
    positive('conv5_3')
    """
    return _over_all(acts[layer].relu(), Tensor.sum)


@objective
def channel(acts: Activations, layer: Layer, index: Channel) -> Scores:
    """Mean activation of one channel over space.

    Args:
        layer: any layer with channels: maps, tokens or features, in whatever order of axes.
        index: channel number, counted from 0.

    Returns:
        One score per image, in the layer's units.

    Raises:
        UnknownLayer, ChannelOutOfRange: before the first step, by `ascend`.

    Source: Olah et al., "Feature Visualization", Distill, 2017.

    >>> channel("inception_4a/output", 97) - 0.5 * total_variation()
    (channel('inception_4a/output', 97) - (0.5 * total_variation('input')))
    """
    values = acts[layer][:, index]
    return values.reshape(len(values), -1).mean(1)


@objective
def channels(acts: Activations, layer: Layer, indices: Channels) -> Scores:
    """Mean activation of a group of channels over space.

    Args:
        layer: a layer whose output is (batch, channels, height, width) or (batch, features).
        indices: channel numbers, counted from 0, all different.

    Returns:
        One score per image, in the layer's units.

    Raises:
        UnknownLayer, ChannelOutOfRange: before the first step, by `ascend`.

    >>> channels("inception_4a/output", [97, 12])
    channels('inception_4a/output', (97, 12))
    """
    return _over_all(acts[layer][:, list(indices)], Tensor.mean)


@objective
def neuron(
    acts: Activations, layer: Map, index: Channel, row: Row = None, column: Column = None
) -> Scores:
    """Activation of one channel at one place.

    Args:
        layer: a layer with rows and columns: maps, or the tokens of a picture's patches.
        index: channel number, counted from 0.
        row: counted from 0; the middle (height // 2) by default.
        column: counted from 0; the middle (width // 2) by default.

    Returns:
        One score per image, in the layer's units.

    Raises:
        UnknownLayer, ChannelOutOfRange: before the first step, by `ascend`.

    Source: Erhan et al., "Visualizing Higher-Layer Features of a Deep Network", 2009.

    >>> neuron("fire7", 12), neuron("fire7", 12, column=3)
    (neuron('fire7', 12), neuron('fire7', 12, None, 3))
    """
    values = acts[layer]
    height, width = values.shape[2:]
    row = height // 2 if row is None else row
    column = width // 2 if column is None else column
    return values[:, index, row, column]


@objective
def logit(acts: Activations, label: Label, layer: Layer = LOGITS) -> Scores:
    """Score of one class before any softmax.

    Args:
        label: number of the class, its label ("goldfish"), or its synset ("n01443537").
        layer: where the class scores are; the network knows.

    Returns:
        One score per image, in logits.

    Raises:
        UnknownLabel: before the first step, by `ascend`.

    Source: Simonyan et al., "Deep Inside Convolutional Networks", 2013.

    >>> logit("goldfish")
    logit('goldfish', 'logits')
    """
    # Once bound, a label is a number.
    values = acts[layer][:, int(label)]
    return values.reshape(len(values), -1).mean(1)


@objective
def match(acts: Activations, layer: Layer, guide: Guide) -> Scores:
    """How well each place of the picture matches its best place of another picture, the guide.

    For each place of the picture the largest dot product with any place of the guide is taken; the
    score is their mean over places. The gradient at each place points to its best match, as in the
    original guided dream.

    Args:
        layer: a layer with channels and places.
        guide: file name of the other picture, or a `Picture`.

    Returns:
        One score per image, in the layer's units squared.

    Source: the "Controlling dreams" section of Google's DeepDream notebook, 2015.

    >>> match("inception_3b/output", "flowers.jpg")
    match('inception_3b/output', 'flowers.jpg')
    """
    ours, theirs = (
        values.reshape(*values.shape[:2], -1)  # a layer without rows and columns is one place
        for values in (acts[layer], acts[Reference(guide, layer)][:1])
    )
    products = torch.einsum("bcp,cq->bpq", ours, theirs[0])
    return products.amax(2).mean(1)


@objective
def total_variation(acts: Activations, layer: Map = INPUT) -> Scores:
    """Mean absolute difference of neighbours, down plus across; subtract it for smoothness.

    Args:
        layer: a layer with rows and columns; the picture itself by default.

    Returns:
        One score per image, in the layer's units.

    Source: Rudin, Osher, Fatemi, "Nonlinear total variation based noise removal", 1992.

    >>> channel("fire7", 3) - 2 * total_variation()
    (channel('fire7', 3) - (2 * total_variation('input')))
    """
    values = acts[layer]
    down = _over_all(values.diff(dim=-2).abs(), Tensor.sum)
    across = _over_all(values.diff(dim=-1).abs(), Tensor.sum)
    return (down + across) / values[0].numel()


@objective
def l2(acts: Activations, layer: Layer = INPUT, constant: float = 0.5) -> Scores:
    """Euclidean distance of a layer from a constant; subtract it to stay near.

    Args:
        layer: any layer; the picture itself by default, whose middle grey is 0.5.
        constant: the value to be near to.

    Returns:
        One score per image, in the layer's units.

    Source: lucid's `L2`, 2018.

    >>> channel("fire7", 3) - 0.1 * l2()
    (channel('fire7', 3) - (0.1 * l2('input', 0.5)))
    """
    # The slope of a square root is infinite at 0; the small number keeps it finite there.
    return (_over_all((acts[layer] - constant).square(), Tensor.sum) + 1e-12).sqrt()


def _over_all(values: Tensor, reduction: Callable[..., Any]) -> Scores:
    """Mean or sum over all axes but the batch, in whatever order they lie in memory."""
    reduced: Tensor = reduction(values, tuple(range(1, values.ndim)))
    return reduced

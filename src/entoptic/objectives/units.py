"""Words for units of a layer: channels, neurons, classes, and directions among channels."""

from __future__ import annotations

from torch import Tensor

from entoptic.layers import LOGITS, Layer
from entoptic.objectives.algebra import Activations
from entoptic.objectives.kinds import Channel, Channels, Column, Label, Map, Power, Row, Vector
from entoptic.objectives.reductions import (
    at_place,
    dot_cosine,
    for_channels,
    over_all,
    over_places,
)
from entoptic.objectives.terms import objective
from entoptic.types import Scores


@objective(over_places="mean")
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

    >>> from entoptic.objectives import total_variation
    >>> channel("inception_4a/output", 97) - 0.5 * total_variation()
    (channel('inception_4a/output', 97) - (0.5 * total_variation('input')))
    """
    return over_places(acts[layer][:, index])


@objective(over_places="mean")
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
    return over_all(acts[layer][:, list(indices)], Tensor.mean)


@objective(over_places="mean")
def channel_weights(acts: Activations, layer: Layer, weights: Vector) -> Scores:
    """Weighted mean of a layer's activations, with a weight for each channel.

    The mean over channels and places of weight times activation; its pull on each channel is in
    proportion to the weight. `direction` is the same without the division by the number of
    channels.

    Args:
        layer: any layer with channels.
        weights: as many numbers as the layer has channels; what is to shrink is negative.

    Returns:
        One score per image, in the layer's units.

    Raises:
        UnknownLayer, ChannelOutOfRange: before the first step, by `ascend`.

    Source: lucent's `channel_weight`, 2020.

    >>> channel_weights("fire2", [1, -0.5])
    channel_weights('fire2', (1.0, -0.5))
    """
    values = acts[layer]
    return over_all(values * for_channels(weights, values), Tensor.mean)


@objective(over_places="mean")
def direction(acts: Activations, layer: Layer, vector: Vector, cosine_power: Power = 0.0) -> Scores:
    """How far a layer goes in a direction among its channels, at the mean of all places.

    The mean over places of (a . v) max(0.1, cos(a, v)) ** cosine_power, where a is what the layer
    holds at a place and v the direction. A power above 0 asks for the direction itself rather than
    for whatever is large.

    Args:
        layer: any layer with channels.
        vector: as many numbers as the layer has channels. To look in whitened space, give the
            direction already multiplied by the inverse covariance of the channels.
        cosine_power: exponent of the cosine; with 0 only the dot product counts.

    Returns:
        One score per image, in the layer's units times the vector's.

    Raises:
        UnknownLayer, ChannelOutOfRange: before the first step, by `ascend`.

    Source: lucid's `direction`, 2018; Carter et al., "Activation Atlas", Distill, 2019.

    >>> direction("fire2", [0.6, -0.8], cosine_power=1)
    direction('fire2', (0.6, -0.8), 1.0)
    """
    values = acts[layer]
    return over_places(dot_cosine(values, for_channels(vector, values), cosine_power))


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
    return at_place(acts[layer], row, column)[:, index]


@objective
def neuron_weights(
    acts: Activations, layer: Map, weights: Vector, row: Row = None, column: Column = None
) -> Scores:
    """Weighted mean of a layer's channels at one place.

    Args:
        layer: a layer with rows and columns: maps, or the tokens of a picture's patches.
        weights: as many numbers as the layer has channels; what is to shrink is negative.
        row: counted from 0; the middle (height // 2) by default.
        column: counted from 0; the middle (width // 2) by default.

    Returns:
        One score per image, in the layer's units.

    Raises:
        UnknownLayer, ChannelOutOfRange: before the first step, by `ascend`.

    Source: lucent's `neuron_weight`, 2020.

    >>> neuron_weights("fire2", [1, -0.5], row=3)
    neuron_weights('fire2', (1.0, -0.5), 3)
    """
    values = at_place(acts[layer], row, column)
    return over_all(values * for_channels(weights, values), Tensor.mean)


@objective
def neuron_direction(
    acts: Activations,
    layer: Map,
    vector: Vector,
    row: Row = None,
    column: Column = None,
    cosine_power: Power = 0.0,
) -> Scores:
    """How far a layer goes in a direction among its channels, at one place.

    The formula is that of `direction`, for one place alone: (a . v) max(0.1, cos(a, v)) **
    cosine_power.

    Args:
        layer: a layer with rows and columns: maps, or the tokens of a picture's patches.
        vector: as many numbers as the layer has channels.
        row: counted from 0; the middle (height // 2) by default.
        column: counted from 0; the middle (width // 2) by default.
        cosine_power: exponent of the cosine; with 0 only the dot product counts.

    Returns:
        One score per image, in the layer's units times the vector's.

    Raises:
        UnknownLayer, ChannelOutOfRange: before the first step, by `ascend`.

    Source: lucid's `direction_neuron`, 2018; Carter et al., "Activation Atlas", Distill, 2019.

    >>> neuron_direction("fire2", [0.6, -0.8], cosine_power=4)
    neuron_direction('fire2', (0.6, -0.8), None, None, 4.0)
    """
    values = at_place(acts[layer], row, column)
    return dot_cosine(values, for_channels(vector, values), cosine_power)


@objective(over_places="mean")
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
    return over_places(acts[layer][:, int(label)])

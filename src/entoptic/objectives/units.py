"""Terms for units of a layer: channels, neurons, positions, classes."""

from __future__ import annotations

import torch
from torch import Tensor

from entoptic.layers import LOGITS, Layer
from entoptic.objectives.algebra import Activations
from entoptic.objectives.kinds import (
    Channel,
    Channels,
    Column,
    Label,
    LabelOrPattern,
    Labels,
    Positions,
    Row,
    Vector,
)
from entoptic.objectives.reductions import (
    at_position,
    for_channels,
    in_a_row,
    over_all,
    over_positions,
)
from entoptic.objectives.terms import objective
from entoptic.types import Scores


@objective(over_positions="mean")
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
    return over_positions(acts[layer][:, index])


@objective(over_positions="mean")
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


@objective(over_positions="mean")
def channel_weights(acts: Activations, layer: Layer, weights: Vector) -> Scores:
    """Weighted mean of a layer's activations, with a weight for each channel.

    The mean over channels and positions of weight times activation; its pull on each channel is in
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


@objective(compares_images=False)
def neuron(
    acts: Activations, layer: Positions, index: Channel, row: Row = None, column: Column = None
) -> Scores:
    """Activation of one channel at one position.

    Args:
        layer: maps, the tokens of a picture's patches, or features, which are one position.
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
    return at_position(acts[layer], row, column)[:, index]


@objective(compares_images=False)
def neuron_weights(
    acts: Activations, layer: Positions, weights: Vector, row: Row = None, column: Column = None
) -> Scores:
    """Weighted mean of a layer's channels at one position.

    Args:
        layer: maps, the tokens of a picture's patches, or features, which are one position.
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
    values = at_position(acts[layer], row, column)
    return over_all(values * for_channels(weights, values), Tensor.mean)


@objective(compares_images=False)
def cell(acts: Activations, layer: Positions, row: Row = None, column: Column = None) -> Scores:
    """Mean square of all channels at one position.

    Args:
        layer: maps, the tokens of a picture's patches, or features, which are one position.
        row: counted from 0; the middle (height // 2) by default.
        column: counted from 0; the middle (width // 2) by default.

    Returns:
        One score per image, in the layer's units squared.

    Raises:
        UnknownLayer, ChannelOutOfRange: before the first step, by `ascend`.

    Source: the spatial units of Olah et al., "The Building Blocks of Interpretability", Distill,
    2018; scored as `energy` scores a layer.

    >>> cell("fire7", row=3)
    cell('fire7', 3)
    """
    return over_all(at_position(acts[layer], row, column).square(), Tensor.mean)


@objective(over_positions="mean")
def logit(acts: Activations, label: Label, layer: Layer = LOGITS) -> Scores:
    """Score of one class before any softmax.

    Args:
        label: number of the class, its label ("goldfish"), or its synset ("n01443537").
        layer: where the class scores are; the network knows. Of an ensemble, `NAME/logits` says
            which network's.

    Returns:
        One score per image, in logits.

    Raises:
        UnknownLabel: before the first step, by `ascend`.

    Source: Simonyan et al., "Deep Inside Convolutional Networks", 2013.

    >>> logit("goldfish")
    logit('goldfish', 'logits')
    """
    # Once bound, a label is a number.
    return over_positions(acts[layer][:, int(label)])


@objective(compares_images=False)
def log_odds(acts: Activations, label: LabelOrPattern, layer: Layer = LOGITS) -> Scores:
    """Log-odds of a class against all others, so that nothing that is only like it grows.

    The log of p / (1 - p), where p is the probability that a softmax gives the class: its logit
    minus the log of the sum of the exponentials of all other logits. While `logit` also grows with
    whatever excites several classes at once, this doesn't.

    Args:
        label: number of the class, its label ("goldfish"), or its synset ("n01443537"); a text with
            * or ? for all classes that match, of which any will do.
        layer: where the class scores are before any softmax; the network knows. Of an ensemble,
            `NAME/logits` says which network's.

    Returns:
        One score per image, in nats.

    Raises:
        UnknownLabel: before the first step, by `ascend`.

    Source: the log-odds of statistics; the probability itself, whose slope vanishes, is what Olah
    et al., "Feature Visualization", Distill, 2017, advise against.

    >>> log_odds("goldfish")
    log_odds('goldfish', 'logits')
    """
    # Once bound, a label is a number.
    scores = in_a_row(acts[layer]).mean(2)
    if isinstance(label, tuple):
        others = torch.ones(scores.shape[1], dtype=torch.bool, device=scores.device)
        others[list(label)] = False
        return scores[:, ~others].logsumexp(1) - scores[:, others].logsumexp(1)
    number = int(label)
    rest = torch.cat([scores[:, :number], scores[:, number + 1 :]], 1)
    return scores[:, number] - rest.logsumexp(1)


@objective(over_positions="mean")
def logits(acts: Activations, labels: Labels, layer: Layer = LOGITS) -> Scores:
    """Mean score of several classes before any softmax.

    Args:
        labels: numbers, labels or synsets; a text with * or ? stands for all labels that match.
        layer: where the class scores are; the network knows.

    Returns:
        One score per image, in logits.

    Raises:
        UnknownLabel: before the first step, by `ascend`.

    Source: the mean of Simonyan et al.'s class scores, 2013; sets of classes as in neural-dream.

    >>> logits(["goldfish", "*shark*"])
    logits(('goldfish', '*shark*'), 'logits')
    """
    # Once bound, labels are numbers.
    return over_all(acts[layer][:, [int(each) for each in labels]], Tensor.mean)

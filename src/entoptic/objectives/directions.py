"""Terms for directions among a layer's channels: as a mean, at one position, or at each."""

from __future__ import annotations

from torch.nn import functional

from entoptic.layers import Layer
from entoptic.objectives.algebra import Activations
from entoptic.objectives.kinds import Block, Column, Map, Matrix, Positions, Power, Row, Vector
from entoptic.objectives.reductions import (
    as_block,
    at_position,
    dot_cosine,
    for_channels,
    in_the_middle,
    over_positions,
    whitened,
)
from entoptic.objectives.terms import objective
from entoptic.types import Scores


@objective(over_positions="mean")
def direction(acts: Activations, layer: Layer, vector: Vector, cosine_power: Power = 0.0) -> Scores:
    """Dot product of a layer with a direction among its channels, as a mean over positions.

    The mean over positions of (a . v) max(0.1, cos(a, v)) ** cosine_power, where a is what the
    layer holds at a position and v the direction. A power above 0 asks for the direction itself
    rather than for whatever is large.

    Args:
        layer: any layer with channels.
        vector: as many numbers as the layer has channels.
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
    return over_positions(dot_cosine(values, for_channels(vector, values), cosine_power))


@objective(over_positions="mean")
def cosine(acts: Activations, layer: Layer, vector: Vector) -> Scores:
    """Cosine between a layer and a direction among its channels, as a mean over positions.

    The mean over positions of cos(a, v), where a is what the layer holds at a position and v the
    direction: only the angle counts, however little the layer holds.

    Args:
        layer: any layer with channels.
        vector: as many numbers as the layer has channels.

    Returns:
        One score per image, from -1 to 1; 0 at a position that holds nothing.

    Raises:
        UnknownLayer, ChannelOutOfRange: before the first step, by `ascend`.

    Source: lucid's `direction_cossim`, 2019.

    >>> cosine("fire2", [0.6, -0.8])
    cosine('fire2', (0.6, -0.8))
    """
    values = acts[layer]
    return over_positions(functional.cosine_similarity(values, for_channels(vector, values), dim=1))


@objective(compares_images=False)
def neuron_direction(
    acts: Activations,
    layer: Positions,
    vector: Vector,
    row: Row = None,
    column: Column = None,
    cosine_power: Power = 0.0,
) -> Scores:
    """Dot product of a layer with a direction among its channels, at one position.

    The formula is that of `direction`, for one position alone: (a . v) max(0.1, cos(a, v)) **
    cosine_power.

    Args:
        layer: maps, the tokens of a picture's patches, or features, which are one position.
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
    values = at_position(acts[layer], row, column)
    return dot_cosine(values, for_channels(vector, values), cosine_power)


@objective(compares_images=False)
def tensor_direction(
    acts: Activations, layer: Map, tensor: Block, cosine_power: Power = 0.0
) -> Scores:
    """Dot product of a layer with a direction of its own at each position.

    The mean over positions of (a . v) max(0.1, cos(a, v)) ** cosine_power, where a is what the
    layer holds at a position and v the tensor's direction there. The tensor lies in the middle of
    the layer; where one of them is larger than the other, its border is left out.

    Args:
        layer: a layer with rows and columns: maps, or the tokens of a picture's patches.
        tensor: (channels, rows, columns), as nested lists, an array or a tensor.
        cosine_power: exponent of the cosine; with 0 only the dot product counts.

    Returns:
        One score per image, in the layer's units times the tensor's.

    Raises:
        UnknownLayer, ChannelOutOfRange: before the first step, by `ascend`.

    Source: lucid's `tensor_direction`, 2018.

    >>> tensor_direction("fire2", [[[0.6, 0.0]], [[-0.8, 1.0]]])
    tensor_direction('fire2', (((0.6, 0.0),), ((-0.8, 1.0),)), 0.0)
    """
    values = acts[layer]
    ours, theirs = in_the_middle(values, as_block(tensor, values))
    return over_positions(dot_cosine(ours, theirs, cosine_power))


@objective(over_positions="mean")
def angled_direction(
    acts: Activations,
    layer: Layer,
    vector: Vector,
    whitening: Matrix,
    cosine_power: Power = 4.0,
) -> Scores:
    """Dot product of a layer with a whitened direction, as a mean over positions.

    The mean over positions of (a . w) max(0.1, cos(a, w)) ** cosine_power, where a is what the
    layer holds at a position and w = S v the direction after whitening. What varies together in all
    pictures anyway then counts less, and the angle counts more than the length.

    Args:
        layer: any layer with channels.
        vector: v, as many numbers as the layer has channels.
        whitening: S, as many rows of as many numbers: the inverse of the matrix of the channels'
            mean products over many pictures, `torch.linalg.inv(a @ a.T / positions)`.
        cosine_power: exponent of the cosine; with 0 only the dot product counts.

    Returns:
        One score per image, in the layer's units times those of S v.

    Raises:
        UnknownLayer, ChannelOutOfRange: before the first step, by `ascend`.

    Source: Carter et al., "Activation Atlas", Distill, 2019, "whitened"; at all positions.

    >>> angled_direction("a", [1, 0], [[2, -1], [-1, 1]], 2)
    angled_direction('a', (1.0, 0.0), ((2.0, -1.0), (-1.0, 1.0)), 2.0)
    """
    values = acts[layer]
    return over_positions(dot_cosine(values, whitened(vector, whitening, values), cosine_power))


@objective(compares_images=False)
def angled_neuron_direction(
    acts: Activations,
    layer: Positions,
    vector: Vector,
    whitening: Matrix,
    row: Row = None,
    column: Column = None,
    cosine_power: Power = 4.0,
) -> Scores:
    """Dot product of a layer with a whitened direction, at one position.

    The formula is that of `angled_direction`, for one position alone: (a . w) max(0.1, cos(a, w))
    ** cosine_power, with w = S v.

    captum's `AngledNeuronDirection`, after the notebooks of the source, is another one. Its w is
    v S, the same where S is symmetric, as that of `angled_direction` is. Its product m is the mean
    over the C channels (and over the batch), and what stands for the cosine is m / |a|, which is
    |w| / C times the cosine: where the floor of 0.1 is reached depends on the length of w there,
    and not here. Where neither reaches it, captum gives (|w| / C) ** cosine_power / C times our
    score; with a power of 0 its C products, whose sum is ours.

    Args:
        layer: maps, the tokens of a picture's patches, or features, which are one position.
        vector: v, as many numbers as the layer has channels.
        whitening: S, as many rows of as many numbers; see `angled_direction`.
        row: counted from 0; the middle (height // 2) by default.
        column: counted from 0; the middle (width // 2) by default.
        cosine_power: exponent of the cosine; with 0 only the dot product counts.

    Returns:
        One score per image, in the layer's units times those of S v.

    Raises:
        UnknownLayer, ChannelOutOfRange: before the first step, by `ascend`.

    Source: Carter et al., "Activation Atlas", Distill, 2019.

    >>> angled_neuron_direction("a", [1, 0], [[2, -1], [-1, 1]], row=3)
    angled_neuron_direction('a', (1.0, 0.0), ((2.0, -1.0), (-1.0, 1.0)), 3, None, 4.0)
    """
    values = at_position(acts[layer], row, column)
    return dot_cosine(values, whitened(vector, whitening, values), cosine_power)

"""Terms that compare a layer with what it makes of another picture, the guide."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from entoptic.errors import BadSetting
from entoptic.layers import INPUT, Layer
from entoptic.objectives.algebra import Activations, Reference
from entoptic.objectives.kinds import LONGEST_MATCHED, Guide, Matched, Overlay, Power
from entoptic.objectives.reductions import (
    check_pairs,
    dot_cosine,
    gram,
    in_a_row,
    over_all,
    over_positions,
)
from entoptic.objectives.terms import objective
from entoptic.types import Scores


@objective(over_positions="mean")
def match(acts: Activations, layer: Layer, guide: Matched) -> Scores:
    """Match of each position of the image with the best position of a guide.

    For each position of the picture the largest dot product with any position of the guide is
    taken; the score is their mean over positions. The gradient at each position points to its best
    match, as in the original guided dream.

    Args:
        layer: a layer with channels and positions.
        guide: file name of the other picture, or a `Picture`; one whose long side is above 480
            pixels is shrunk to that.

    Returns:
        One score per image, in the layer's units squared.

    Source: the "Controlling dreams" section of Google's DeepDream notebook, 2015.

    >>> match("inception_3b/output", "flowers.jpg")
    match('inception_3b/output', 'flowers.jpg')
    """
    guided = acts[Reference(guide, layer, longest=LONGEST_MATCHED)]
    ours, theirs = in_a_row(acts[layer]), in_a_row(guided)
    check_pairs("match", layer, "positions", ours.shape[2] * theirs.shape[2] * len(ours))
    products = torch.einsum("bcp,cq->bpq", ours, theirs[0])
    return products.amax(2).mean(1)


@objective(compares_images=False)
def caricature(
    acts: Activations, layer: Layer, guide: Overlay, cosine_power: Power = 1.0
) -> Scores:
    """Dot product of a layer's activations for the picture and a guide, position by position.

    The mean over positions of (a . g) max(0.1, cos(a, g)) ** cosine_power, where a are the
    activations for the picture and g those for the guide. Unlike `inversion` it has no limit: the
    features of the guide are exaggerated.

    Args:
        layer: any layer with channels.
        guide: file name of the other picture, or a `Picture`; stretched to the picture's size.
        cosine_power: exponent of the cosine; with 0 only the dot product counts.

    Returns:
        One score per image, in the layer's units squared.

    Raises:
        BadSetting: in the first step, where positions of the two can't be matched.

    Source: lucid's notebook "Feature Inversion Caricatures", 2018; there the cosine is of the layer
    as a whole, here of each position.

    >>> caricature("fire5", "cat.jpg")
    caricature('fire5', 'cat.jpg', 1.0)
    """
    ours, theirs = _at_same_positions(acts, layer, guide)
    return over_positions(dot_cosine(ours, theirs, cosine_power))


@objective(compares_images=False)
def inversion(acts: Activations, layer: Layer, guide: Overlay) -> Scores:
    """Nearness of a layer to what it makes of a guide: it shows what the layer keeps of it.

    Minus |a - g| ** 2 / |g| ** 2, over all channels and positions, where a is what the layer makes
    of the picture and g what it makes of the guide: 0 where they are the same, -1 where a is zero.

    Args:
        layer: any layer.
        guide: file name of the other picture, or a `Picture`; stretched to the picture's size.

    Returns:
        One score per image, without a unit.

    Raises:
        BadSetting: in the first step, where positions of the two can't be matched.

    Source: Mahendran, Vedaldi, "Understanding Deep Image Representations by Inverting Them", 2015.

    >>> from entoptic.objectives import total_variation
    >>> inversion("fire5", "cat.jpg") - 0.1 * total_variation()
    (inversion('fire5', 'cat.jpg') - (0.1 * total_variation('input')))
    """
    return -_relative_distance(*_at_same_positions(acts, layer, guide))


@objective(compares_images=False)
def style(acts: Activations, layer: Layer, guide: Guide) -> Scores:
    """Nearness of a layer's textures to those of a guide, wherever they are.

    Minus |G - H| ** 2 / |H| ** 2, over all pairs of channels, where G and H are the Gram matrices
    of the picture and of the guide: the mean over positions of the product of two channels. It is 0
    where they are the same, -1 where the layer is zero.

    Args:
        layer: any layer with channels.
        guide: file name of the other picture, or a `Picture`, of any size.

    Returns:
        One score per image, without a unit.

    Source: Gatys, Ecker, Bethge, "Texture Synthesis Using Convolutional Neural Networks", 2015;
    divided by the guide's square, so that layers weigh alike.

    >>> style("fire2", "waves.jpg") + style("fire5", "waves.jpg")
    (style('fire2', 'waves.jpg') + style('fire5', 'waves.jpg'))
    """
    ours, theirs = acts[layer], acts[Reference(guide, layer)]
    check_pairs("style", layer, "channels", len(ours) * ours.shape[1] ** 2)
    return -_relative_distance(gram(ours), gram(theirs))


@objective(compares_images=False)
def input_diff(acts: Activations, guide: Overlay, layer: Layer = INPUT) -> Scores:
    """Difference of the image from a guide; subtract it to stay near, add it to get away.

    The square root of the mean squared difference, over all channels and positions.

    Args:
        guide: file name of the other picture, or a `Picture`; stretched to the picture's size.
        layer: where they are compared; the picture itself by default.

    Returns:
        One score per image, in the layer's units.

    Raises:
        BadSetting: in the first step, where positions of the two can't be matched.

    Source: lucid's `input_diff`, 2018.

    >>> from entoptic.objectives import channel
    >>> channel("fire7", 3) - 2 * input_diff("sky.jpg")
    (channel('fire7', 3) - (2 * input_diff('sky.jpg', 'input')))
    """
    ours, theirs = _at_same_positions(acts, layer, guide)
    # The slope of a square root is infinite at 0; the small number keeps it finite there.
    return (over_all((ours - theirs).square(), Tensor.mean) + 1e-12).sqrt()


def _relative_distance(ours: Tensor, theirs: Tensor) -> Scores:
    """Squared distance, as a multiple of the guide's square."""
    # A guide that the layer doesn't respond to at all leaves the distance without a scale.
    size = over_all(theirs.square(), Tensor.sum).clamp(min=1e-12)
    return over_all((ours - theirs).square(), Tensor.sum) / size


def _at_same_positions(acts: Activations, layer: Layer, guide: Overlay) -> tuple[Tensor, Tensor]:
    """The picture's activations and the guide's, resized where a transform changed the picture."""
    ours, theirs = acts[layer], acts[Reference(guide, layer, fitted=True)]
    if ours.shape[2:] == theirs.shape[2:]:
        return ours, theirs
    if ours.ndim != 4:
        raise BadSetting(
            f"{str(layer)!r} is {tuple(ours.shape[1:])} for the picture and "
            f"{tuple(theirs.shape[1:])} for the guide, in no order of rows and columns; leave out "
            "transforms that change the picture's size, or take another layer"
        )
    size = list(ours.shape[2:])
    return ours, functional.interpolate(theirs, size, mode="bilinear", antialias=True)

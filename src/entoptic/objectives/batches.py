"""Terms that compare the images of a batch; each image has its own score all the same."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from entoptic.errors import BadSetting
from entoptic.layers import Layer
from entoptic.objectives.algebra import Activations
from entoptic.objectives.kinds import Channel, Positive
from entoptic.objectives.reductions import check_pairs, gram, over_all, over_positions
from entoptic.objectives.terms import objective
from entoptic.types import Scores

# Images further apart than this needn't be alike; lucid's choice.
_FARTHEST = 4


@objective(compares_images=True)
def channel_interpolate(
    acts: Activations, layer1: Layer, channel1: Channel, layer2: Layer, channel2: Channel
) -> Scores:
    """Interpolation from one channel to another along the images of a batch.

    Of n images, image i has (1 - w) times the first channel's mean activation plus w times the
    second's, with w = i / (n - 1): the first image is all of one, the last all of the other.

    Args:
        layer1: any layer with channels.
        channel1: channel number in `layer1`, counted from 0.
        layer2: any layer with channels; it may be the same.
        channel2: channel number in `layer2`, counted from 0.

    Returns:
        One score per image, in the layers' units.

    Raises:
        UnknownLayer, ChannelOutOfRange: before the first step, by `ascend`.
        BadSetting: in the first step, if the batch has one image.

    Source: lucid's `channel_interpolate`, 2018.

    >>> channel_interpolate("fire7", 3, "fire7", 5) + alignment("fire5")
    (channel_interpolate('fire7', 3, 'fire7', 5) + alignment('fire5', 2.0))
    """
    first = over_positions(acts[layer1][:, channel1])
    second = over_positions(acts[layer2][:, channel2])
    count = _several("channel_interpolate", first)
    weights = torch.linspace(0, 1, count, device=first.device, dtype=first.dtype)
    return (1 - weights) * first + weights * second


@objective(compares_images=True)
def alignment(acts: Activations, layer: Layer, decay_ratio: Positive = 2.0) -> Scores:
    """Likeness of a batch's images to those before and after them; steadies a sequence.

    For each two images that are d = 1, 2, 3 or 4 apart the mean squared difference of the layer,
    divided by decay_ratio ** d, is taken away: half of it from each of the two scores.

    Args:
        layer: any layer.
        decay_ratio: how many times less each further image counts.

    Returns:
        One score per image, in the layer's units squared; 0 where all are the same.

    Raises:
        BadSetting: in the first step, if the batch has one image.

    Source: lucid's `alignment`, 2018; Mordvintsev et al., "Differentiable Image
    Parameterizations", Distill, 2018.

    >>> alignment("fire5", decay_ratio=3)
    alignment('fire5', 3.0)
    """
    values = acts[layer]
    count = _several("alignment", values)
    scores = values.new_zeros(count)
    for apart in range(1, min(_FARTHEST, count - 1) + 1):
        gaps = over_all((values[apart:] - values[:-apart]).square(), Tensor.mean)
        share = gaps / (2 * decay_ratio**apart)
        scores = scores - functional.pad(share, (0, apart)) - functional.pad(share, (apart, 0))
    return scores


@objective(compares_images=True)
def diversity(acts: Activations, layer: Layer) -> Scores:
    """Unlikeness of an image's textures to those of the other images of its batch.

    1 minus the mean, over the other images, of the cosine of the two images' Gram matrices: 0 where
    all are the same, 1 where they share nothing. Each pair is in the scores of both its images.

    Args:
        layer: any layer with channels.

    Returns:
        One score per image, without a unit. To be added; lucid's is the likeness, subtracted.

    Raises:
        BadSetting: in the first step, if the batch has one image.

    Source: lucid's `diversity`, 2018; Olah et al., "Feature Visualization", Distill, 2017.

    >>> from entoptic.objectives import channel
    >>> channel("fire7", 3) + 10 * diversity("fire5")
    (channel('fire7', 3) + (10 * diversity('fire5')))
    """
    values = acts[layer]
    others = _several("diversity", values) - 1
    check_pairs("diversity", layer, "channels", len(values) * values.shape[1] ** 2)
    grams = functional.normalize(gram(values).flatten(1))
    cosines = grams @ grams.T
    return 1 - (cosines.sum(1) - cosines.diagonal()) / others


def _several(word: str, values: Tensor) -> int:
    """Return the number of images of a batch that has more than one."""
    if len(values) < 2:
        raise BadSetting(
            f"{word} is about the images of a batch, and this batch has {len(values)}; give the "
            "canvas more images, and leave it outside of per_image"
        )
    return len(values)

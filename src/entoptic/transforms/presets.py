"""Transforms that are used together, by the names of those who chose them.

Those that warp or shake a whole picture share their draws among the pictures of a batch: each
picture sees as many as it would alone, and a batch takes less time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

from entoptic.checks import flag, function, pair, several, side, taking, whole
from entoptic.errors import BadSetting
from entoptic.registry import Registry
from entoptic.transforms.base import Transform
from entoptic.transforms.crops import RandomCrops
from entoptic.transforms.geometry import Affine, LucidMoves, Pad, Warp
from entoptic.transforms.jitter import Roll
from entoptic.transforms.sampling import Border
from entoptic.transforms.tones import Noise

Transforms: TypeAlias = tuple[Transform, ...]

AROUND = 16
"""Pixels beyond the edges of a seamless picture that the network is shown."""

presets: Registry[Transforms] = Registry("set of transforms", BadSetting)
"""Transforms that belong together, by the names of the command's --transforms."""


def preset(name: str, transforms: Transforms, about: str) -> Transforms:
    """Register transforms that are used together.

    Args:
        name: for `transforms_of` and the command line.
        transforms: in their order.
        about: what they are for, in sentences; and their source.
    """
    presets.add(name, transforms, told=about)
    return transforms


ROBUST = preset(
    "robust",
    (
        Affine(scale=(0.7, 1.3), angle_deg=15, shift=16, shared=True),
        Noise(0.2, relative=True, shared=True),
    ),
    """Wide movements, and noise in proportion to the picture's contrast; ours.

    Noise of a fixed size drowns a start that is nearly grey: after `GENTLE`, channels of
    SqueezeNet's fire7 that wake late stay dead. Of 20 classes drawn for SqueezeNet 1.1 by their
    log-odds (128 steps), EfficientNet-Lite0 gave the class a mean probability of 0.22 after
    `GENTLE`, 0.24 after these movements without noise, and 0.28 with noise of 0.4; 0.2 is a choice
    between.
    """,
)

GENTLE = preset(
    "gentle",
    (
        Affine(scale=(0.9, 1.1), angle_deg=10, shift=8, shared=True),
        Noise(0.05, shared=True),
    ),
    """Small movements over a mirrored border, and a little noise; ours.

    They are lucid's, but for the border, which no picture learns as a frame. For small pictures,
    and for those whose positions must stay.
    """,
)

WIDE = preset(
    "wide",
    (
        Affine(scale=(0.6, 1.4), angle_deg=20, shift=24, shared=True),
        Noise(0.2, relative=True, shared=True),
    ),
    """Between `ROBUST` and `STRONG`, with the noise of `ROBUST`; ours.

    For EfficientNets on the canvas `Natural`: of 16 classes drawn for EfficientNet-Lite0 by their
    log-odds (128 steps), it gave the class itself a mean probability of 1.00, SqueezeNet 1.1 and
    GoogLeNet 0.12 and 0.22; after `STRONG` 0.88, 0.18 and 0.29, after `ROBUST` 1.00, 0.05 and 0.14.
    The noise of `STRONG` drowns a start that is nearly grey, so that some classes never appear.
    """,
)

STRONG = preset(
    "strong",
    (
        Affine(scale=(0.5, 1.5), angle_deg=25, shift=32, shared=True),
        Noise(0.1, shared=True),
    ),
    """The widest movements, and noise; ours.

    For networks whose pictures other networks rarely recognise, such as EfficientNets. Of 20
    classes drawn for EfficientNet-Lite0 by their log-odds (64 steps), SqueezeNet 1.1 and GoogLeNet
    gave the class a mean probability of 0.13 and 0.16; after `ROBUST`'s movements without noise
    0.05 and 0.07.
    """,
)

LUCID = preset(
    "lucid",
    (LucidMoves(shared=True),),
    """Lucid's defaults by one resampling: pad 12, jitter 8, scale 0.9-1.1, turn 10, jitter 4.

    Draws are lucid's: shifts by whole pixels, of up to 4 before and 2 after, one of 11 factors, and
    whole degrees, 0 in 6 of 26. Other than lucid's,

    - the picture keeps its size. There it is another one in each step: with padding,
      less two crops, times the factor, so that of 224 x 224 pictures come sides of 212 to 260.
      Networks of one size and compiled ones couldn't take them, and lucent brings all to 224. So
      here what sticks out is cut off where the factor is above 1, and more of the border is seen
      where it is below.
    - what turning brings into view is grey, not black.

    Source: lucid.optvis.transform.standard_transforms, 2018.
    """,
)

MACO = preset(
    "maco",
    (RandomCrops(32, side=(0.25, 0.1)), Noise(0.1, uniform=True)),
    """MaCo's 32 random crops, a quarter of the picture's side in the mean, and uniform noise.

    Its crops go in at the network's own size: `with_crop_size(MACO, model.preprocess.size)`, as
    recipes do; else they are as large as the picture.

    The numbers are the paper's. Its authors' xplique has a side that falls from a half to a
    twentieth, and normal noise of 0.04 and uniform of +-0.02 (of [0, 1]) in place of uniform of
    +-0.1; Horama has 6 crops of 0.25 to 0.3. Both draw the crops' middles normally around the
    picture's (deviation 0.15), so that some reach beyond it; here they are drawn evenly, and lie
    inside.

    Source: Fel et al., "Unlocking feature visualization for deeper networks with MAgnitude
    Constrained Optimization", 2023.
    """,
)

ACCENTUATE = preset(
    "accentuate",
    (
        RandomCrops(16, side=(0.05, 0.99), uniform=True),
        Noise(0.02),
    ),
    """Feature accentuation's 16 random crops of all sizes, and a little noise.

    See `MACO` for the size at which they go in.

    Source: Hamblin et al., "Feature accentuation", 2024; the defaults of its faccent package.
    """,
)

NONE = preset("none", (), "No transforms: the picture as it is.")


@taking(
    transforms=several(function, "transforms, such as Jitter(8)"),
    size=pair(side, "(height, width)"),
)
def with_crop_size(transforms: Iterable[Transform], size: tuple[int, int]) -> Transforms:
    """The same transforms, of which random crops without a size of their own get one.

    Args:
        transforms: any; all but such crops stay as they are.
        size: (height, width), such as `model.preprocess.size`.

    >>> with_crop_size([RandomCrops(4), RandomCrops(4, size=(8, 8))], (32, 48))[0].size
    (32, 48)
    """
    return tuple(
        replace(each, size=size) if isinstance(each, RandomCrops) and each.size is None else each
        for each in transforms
    )


@taking(
    transforms=several(function, "transforms, such as Jitter(8)"), columns=flag, around=whole(0)
)
def seamless(
    transforms: Iterable[Transform], *, columns: bool = False, around: int = AROUND
) -> Transforms:
    """The same transforms, under which a picture has no border where it meets itself.

    First the picture is rolled, all around, so that no position is nearer to the border than
    another. Then the first transform that moves it finds the picture once more beyond its edges,
    and shows some of that to the network; where none moves it, it is padded so.

    Args:
        transforms: any.
        columns: whether only left and right meet, as in a panorama; else above and below, too.
        around: pixels beyond the edges that the network is shown.

    >>> seamless([Noise(0.1)], around=8)
    (Roll(rows=True, columns=True), Pad(pixels=8, mode='circular', value=0.5), Noise(sd=0.1, ...
    """
    border: Border = "circular_columns" if columns else "circular"
    found = list(transforms)
    for place, each in enumerate(found):
        if isinstance(each, Warp):
            found[place] = replace(each, border=border, around=around)
            break
    else:
        # Crops lie inside of the rolled picture, and so are without a border as they are.
        if not any(isinstance(each, RandomCrops) for each in found):
            found.insert(0, Pad(around, border))
    return (Roll(rows=not columns), *found)

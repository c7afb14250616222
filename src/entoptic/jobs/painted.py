"""Objectives of pictures with transparency."""

from __future__ import annotations

from entoptic.objectives import Leaf, Objective, PerImage, opacity


def painted(objective: Objective) -> Objective:
    """An objective for which opacity costs, so that only what counts is painted.

    What tells of opacity itself stays as it is.

    Source: Mordvintsev et al., "Differentiable Image Parameterizations", Distill, 2018,
    "Semi-transparent patterns".

    >>> from entoptic.objectives import channel
    >>> painted(channel("fire7", 3))
    (channel('fire7', 3) * (1 - opacity('canvas')))
    """
    if isinstance(objective, PerImage):
        return PerImage(tuple(map(painted, objective.objectives)))
    return objective if "opacity" in words(objective) else objective * (1 - opacity())


def words(objective: Objective) -> frozenset[str]:
    """The names of all that an objective is made of.

    >>> from entoptic.objectives import channel, per_image
    >>> sorted(words(per_image([channel("fire7", 3) * (1 - opacity())])))
    ['channel', 'opacity']
    """
    return frozenset(each.name for each in objective.within() if isinstance(each, Leaf))


def transparency_words(objective: Objective) -> list[str]:
    """Those of its words that want a canvas with transparency."""
    return sorted(words(objective) & {"opacity", "alpha_blurriness"})

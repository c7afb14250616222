"""Objectives of pictures with transparency."""

from __future__ import annotations

from entoptic.objectives import Combined, Leaf, Objective, PerImage, opacity


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
    if isinstance(objective, PerImage):
        return frozenset().union(*map(words, objective.objectives))
    if isinstance(objective, Combined):
        return words(objective.left) | words(objective.right)
    return frozenset({objective.name} if isinstance(objective, Leaf) else ())


def transparency_words(objective: Objective) -> list[str]:
    """Those of its words that want a canvas with transparency."""
    return sorted(words(objective) & {"opacity", "alpha_blurriness"})

"""Objectives of pictures with transparency."""

from __future__ import annotations

from entoptic.objectives import Objective, PerImage, opacity
from entoptic.objectives.facts import prices_opacity


def painted(objective: Objective) -> Objective:
    """Return an objective for which opacity costs, so that only what counts is painted.

    One that prices opacity itself stays as it is.

    Source: Mordvintsev et al., "Differentiable Image Parameterizations", Distill, 2018,
    "Semi-transparent patterns".

    >>> from entoptic.objectives import channel
    >>> painted(channel("fire7", 3))
    (channel('fire7', 3) * (1 - opacity('canvas')))
    """
    if isinstance(objective, PerImage):
        return PerImage(tuple(map(painted, objective.objectives)))
    return objective if prices_opacity(objective) else objective * (1 - opacity())

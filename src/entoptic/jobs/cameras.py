"""The camera of a zoom: where each pixel of a frame was in the frame before."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from entoptic.jobs.keys import value_at

if TYPE_CHECKING:
    from entoptic.recipes.zoom import Zoom

Affine = NDArray[np.float64]
"""(2, 3): from (across, down, 1) to (across, down), in pixels."""


def back(
    recipe: Zoom, size: tuple[int, int], center: tuple[float, float], time: float, step: float
) -> Affine:
    """Return what leads from a pixel of a frame to where it was in the frame before.

    Args:
        recipe: how the camera moves.
        size: (height, width).
        center: the point that the camera goes to, as shares down and across.
        time: of the frame, in seconds.
        step: seconds between the two.
    """
    zoom = value_at(recipe.zoom, time) ** step
    angle = math.radians(value_at(recipe.turn, time) * step)
    height, width = size
    down = value_at(recipe.down, time) * step * height
    across = value_at(recipe.across, time) * step * width
    y, x = center[0] * (height - 1), center[1] * (width - 1)
    cos, sin = math.cos(angle) / zoom, math.sin(angle) / zoom
    return np.array(
        [
            [cos, sin, x - cos * x - sin * y + across],
            [-sin, cos, y + sin * x - cos * y + down],
        ]
    )


def then(first: Affine, second: Affine) -> Affine:
    """Return what leads as far as two do, one after the other."""
    return (_square(second) @ _square(first))[:2]


def forth(way: Affine) -> Affine:
    """Return what leads the other way."""
    found: Affine = np.linalg.inv(_square(way))[:2].astype(np.float64)
    return found


def scale(way: Affine) -> float:
    """Return how many pixels a pixel becomes, along a side."""
    return math.sqrt(abs(float(np.linalg.det(way[:, :2]))))


def _square(way: Affine) -> Affine:
    return np.vstack([way, [0.0, 0.0, 1.0]])

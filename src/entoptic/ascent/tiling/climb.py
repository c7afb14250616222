"""Gradient ascent on a picture that is too large to be shown to the network as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch

from entoptic.ascent.loop import Step
from entoptic.ascent.optimizers import Steps
from entoptic.ascent.tiling.sheet import Sheet
from entoptic.ascent.watch import PATIENCE
from entoptic.errors import DeadGradient, NonFiniteGradient
from entoptic.images.stored import Stored, bands, combine, norms
from entoptic.networks.modes import in_usual_modes
from entoptic.transforms import Jitter
from entoptic.types import Scores


@runtime_checkable
class Tiles(Protocol):
    """An objective that is scored and differentiated tile by tile."""

    def climb(self, picture: Sheet, gradient: Sheet, rng: torch.Generator) -> Scores:
        """Add the gradient at a picture to a sheet of zeros, and return the scores."""


@in_usual_modes
def climb_tiles(
    tiles: Tiles,
    picture: Stored,
    *,
    how: Steps,
    weight: Stored | None,
    jitter: Jitter,
    steps: int,
    rng: torch.Generator,
    device: torch.device,
) -> Iterator[Step]:
    """Change a picture as `ascend` does with `Pixels` and the rule `climb`, in bounded memory.

    Args:
        tiles: of the objective.
        picture: the pixels, changed in place.
        how: see `climb`.
        weight: a map of factors for the steps, of the picture's size; None for 1 everywhere.
        jitter: before each step.
        steps: their number.
        rng: of the jitter, and of tiles at random positions.
        device: where to shape the gradient.

    Returns:
        The steps; each shows the pixels themselves, which the next one changes.

    Raises:
        NonFiniteGradient, DeadGradient: in a step.
        NoPath: the score doesn't depend on the picture.
    """
    gradient = Stored.zeros(tuple(picture.tensor.shape))
    moved = False
    for index in range(steps):
        if index > 0:
            combine(gradient, torch.zeros_like, gradient)
        shift = jitter.drawn(rng)
        scores = tiles.climb(
            Sheet(picture.tensor, shift, picture.release),
            Sheet(gradient.tensor, shift, gradient.release),
            rng,
        )
        how.shape(gradient, device)
        if not scores.isfinite().all():
            raise NonFiniteGradient(
                f"the score isn't finite in step {index + 1} ({scores.tolist()}); try another "
                "layer, a smaller step, or another picture"
            )
        sizes = norms(gradient, how.norm)
        moved |= bool(sizes.isfinite().all())
        _check(sizes, index, moved or index + 1 < min(steps, PATIENCE))
        factors = (how.length / sizes).reshape(-1, 1, 1, 1)
        for band in bands(picture):
            part = picture.tensor[..., band, :]
            here = None if weight is None else weight.tensor[..., band, :]
            how.move(part, gradient.tensor[..., band, :], factors, here)
            part.clamp_(0, 1)
            if weight is not None:
                weight.release()
            gradient.release()
        yield Step(index, scores, lambda: picture.tensor)


def _check(sizes: Scores, index: int, alive: bool) -> None:
    if sizes.isnan().any():
        raise NonFiniteGradient(
            f"the gradient isn't finite in step {index + 1}; try a smaller step, or another picture"
        )
    if not alive:
        raise DeadGradient(
            "the gradient is zero everywhere, so the picture can't change; try another start "
            "(--seed), a layer before a ReLU, or energy of the layer instead of one unit"
        )

"""Tiles for unbounded receptive fields: each a picture of its own, edges feathered."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from entoptic.ascent.binding import bind
from entoptic.ascent.guides import joined, reference_activations
from entoptic.ascent.tiling.sheet import Sheet
from entoptic.ascent.tiling.spread import Site, sites, spread
from entoptic.ascent.watch import no_path
from entoptic.errors import BadSetting
from entoptic.networks import Model
from entoptic.objectives import Objective
from entoptic.types import Scores

# Of a tile's side, how much it shares with the next one: wide enough that no seam can be seen.
_OVERLAP = 0.25

# Along one axis, where a tile lies and how much it counts at each of its pixels.
_Placed: TypeAlias = "tuple[slice, Tensor]"


class FeatheredTiles:
    """An objective scored on each tile as if it were the whole picture: an approximation.

    Gradients of neighbours fade into each other, and tiles lie elsewhere in each step, so that no
    seam builds up.

    Args:
        model: the network.
        objective: bound to it.
        size: (height, width) of the picture.
        side: of the tiles, in pixels; or their (height, width).
        devices: where to compute, several tiles at a time on several.

    Raises:
        BadSetting: a guide that belongs to positions of the whole picture.
        PictureTooSmall, ChannelOutOfRange: the network, or the objective, needs larger tiles.
    """

    def __init__(
        self,
        model: Model,
        objective: Objective,
        size: tuple[int, int],
        side: int | tuple[int, int],
        devices: Sequence[torch.device],
    ) -> None:
        self.size = size
        height, width = (side, side) if isinstance(side, int) else side
        self.shape = min(height, size[0]), min(width, size[1])
        if any(each.fitted for each in objective.references()):
            raise BadSetting(
                f"{objective!r} compares positions of the whole picture, which tiles don't "
                "have; choose an earlier layer, more memory, or --tile off"
            )
        self.model = model
        self.objective = bind(objective, model, self.shape)
        self.sites = sites(model, objective.layers(), devices)
        like = torch.empty((1, 3, *self.shape), device=self.sites[0].device)
        guides = reference_activations(objective.references(), model, like)
        for layer in objective.layers():
            model.info(layer, self.shape)  # is kept; threads find it there
        for site in self.sites:
            site.learn(guides)

    def climb(self, picture: Sheet, gradient: Sheet, rng: torch.Generator) -> Scores:
        """Add the gradient at a picture to a sheet of zeros, and return the mean scores."""
        down, across = (
            _placed(length, side, rng) for length, side in zip(self.size, self.shape, strict=True)
        )
        scores = torch.zeros(picture.tensor.shape[0], device=self.sites[0].device)

        def take(tile: tuple[_Placed, _Placed], found: tuple[Scores, Tensor]) -> None:
            nonlocal scores
            scores = scores + found[0].to(scores.device)
            (rows, _), (columns, _) = tile
            gradient.add(rows, columns, found[1])
            gradient.release()

        spread(
            itertools.product(down, across),
            self.sites,
            functools.partial(self._climbed, picture),
            take,
        )
        return scores

    def _climbed(
        self, picture: Sheet, site: Site, tile: tuple[_Placed, _Placed]
    ) -> tuple[Scores, Tensor]:
        """Return a tile's part of the mean scores, and of the gradient at its pixels."""
        (rows, down), (columns, across) = tile
        share = (self.shape[0] * self.shape[1]) / (self.size[0] * self.size[1])
        part = picture.read(rows, columns, site.device)
        picture.release()
        window = share * (down[:, None] * across).to(part)
        with torch.enable_grad():
            part.requires_grad_()
            acts = site.activations(part, self.objective.layers())
            score = self.objective(joined(acts, site.guides))
            if not score.requires_grad:
                raise no_path(self.objective)
            (found,) = torch.autograd.grad(score.sum(), part)
        return score.detach() * window.mean(), (found * window).to(picture.tensor.device)


def _placed(length: int, side: int, rng: torch.Generator) -> list[_Placed]:
    """Tiles along one axis, from a random start on, with windows that add up to 1 everywhere."""
    if side >= length:
        return [(slice(0, length), torch.ones(length))]
    overlap = max(1, round(side * _OVERLAP))
    step = side - overlap
    before = int(torch.randint(step, (1,), generator=rng))
    starts = sorted({min(max(0, at), length - side) for at in range(-before, length, step)})
    ramp = ((torch.arange(side) + 1) / (overlap + 1)).clamp(max=1)
    windows = []
    for start in starts:
        # At the border of the picture there is no neighbour to fade into.
        rise = torch.ones(side) if start == 0 else ramp
        fall = torch.ones(side) if start == length - side else ramp.flip(0)
        windows.append(rise * fall)
    total = torch.zeros(length)
    for start, window in zip(starts, windows, strict=True):
        total[start : start + side] += window
    shares = [w / total[s : s + side] for s, w in zip(starts, windows, strict=True)]
    return list(zip((slice(start, start + side) for start in starts), shares, strict=True))

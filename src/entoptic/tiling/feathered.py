"""Tiles for networks that see the whole picture: each a picture of its own, edges feathered."""

from __future__ import annotations

import torch
from torch import Tensor

from entoptic.ascent import bind, joined, reference_activations
from entoptic.errors import BadSetting
from entoptic.models import Model, prepare
from entoptic.objectives import Objective
from entoptic.tiling.sheet import Sheet
from entoptic.types import Scores

# Of a tile's side, how much it shares with the next one: wide enough that no seam can be seen.
_OVERLAP = 0.25


class FeatheredTiles:
    """An objective scored on each tile as if it were the whole picture: an approximation.

    Gradients of neighbours fade into each other, and tiles lie elsewhere in each step, so that no
    seam builds up.

    Args:
        model: the network.
        objective: bound to it.
        size: (height, width) of the picture.
        side: of the tiles, in pixels.
        device: where to compute.

    Raises:
        BadSetting: a guide that belongs to places of the whole picture.
        PictureTooSmall, ChannelOutOfRange: the network, or the objective, needs larger tiles.
    """

    def __init__(
        self,
        model: Model,
        objective: Objective,
        size: tuple[int, int],
        side: int,
        device: torch.device,
    ) -> None:
        self.size = size
        self.shape = min(side, size[0]), min(side, size[1])
        if any(each.fitted for each in objective.references()):
            raise BadSetting(
                f"{objective!r} compares places of the whole picture, and the network can't be "
                "shown that in tiles; choose an earlier layer, more memory, or --tile off"
            )
        self.model = model
        self.objective = bind(objective, model, self.shape)
        self.device = device
        self.prepared = prepare(model, objective.layers(), device)
        like = torch.empty((1, 3, *self.shape), device=device)
        self.guides = reference_activations(objective.references(), model, like)

    def climb(self, picture: Sheet, gradient: Sheet, rng: torch.Generator) -> Scores:
        """Add the gradient at a picture to a sheet of zeros, and return the mean scores."""
        (rows, tops), (columns, lefts) = (
            _placed(length, side, rng) for length, side in zip(self.size, self.shape, strict=True)
        )
        share = (self.shape[0] * self.shape[1]) / (self.size[0] * self.size[1])
        scores = torch.zeros(picture.tensor.shape[0], device=self.device)
        for row, down in zip(rows, tops, strict=True):
            for column, across in zip(columns, lefts, strict=True):
                part = picture.read(row, column, self.device)
                window = (down[:, None] * across).to(part)
                with torch.enable_grad():
                    part.requires_grad_()
                    acts = self.model.arranged(self.prepared(part), self.shape)
                    score = self.objective(joined(acts, self.guides))
                    (found,) = torch.autograd.grad(score.sum(), part)
                gradient.add(row, column, found * (share * window))
                scores += score.detach() * (share * window.mean())
            picture.release()
            gradient.release()
        return scores


def _placed(length: int, side: int, rng: torch.Generator) -> tuple[list[slice], list[Tensor]]:
    """Tiles along one axis, from a random start on, and windows that add up to 1 everywhere."""
    if side >= length:
        return [slice(0, length)], [torch.ones(length)]
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
    return [slice(start, start + side) for start in starts], shares

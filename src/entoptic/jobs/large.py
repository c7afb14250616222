"""Dreams of pictures that are too large to be shown as a whole, or not of the only size taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from entoptic.ascent.loop import Step
from entoptic.ascent.optimizers import Steps
from entoptic.ascent.tiling import (
    ExactTiles,
    FeatheredTiles,
    climb_tiles,
    exact_tiles,
    global_layer,
)
from entoptic.images.stored import Stored
from entoptic.networks import Model
from entoptic.objectives import Objective
from entoptic.transforms import Jitter, Transform


@dataclass(frozen=True)
class Large:
    """The optimisation of each octave of a large picture.

    Args:
        model: the network.
        objective: bound to it; of several regions, their sum.
        devices: where to compute, tiles on all of them and octaves without tiles on the first; the
            picture stays in files and in the CPU's memory.
        side: of the tiles, in pixels; octaves with no more pixels than a tile are dreamt whole.
    """

    model: Model
    objective: Objective
    devices: tuple[torch.device, ...]
    side: int

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of tiles: square, or in the proportions of the network's only size."""
        how = self.model.preprocess
        if not how.fixed_size:
            return self.side, self.side
        height, width = (max(1, round(each * self.side / max(how.size))) for each in how.size)
        return height, width

    def is_whole(self, size: tuple[int, int]) -> bool:
        """Tell whether the network gets a picture of (height, width) as a whole."""
        if self._is_resized(size):
            return size[0] <= self.shape[0] and size[1] <= self.shape[1]
        return size[0] * size[1] <= self.side**2

    def _is_resized(self, size: tuple[int, int]) -> bool:
        """Tell whether the network, which takes one size, would get the whole at that size."""
        return self.model.shown(self.objective.layers(), size) != size

    def checked(self, sizes: Sequence[tuple[int, int]]) -> tuple[str, ...]:
        """Return the notes on tiles, before any work.

        Raises:
            BadSetting, PictureTooSmall: the tiles are too small.
        """
        layers = self.objective.layers()
        strange = None
        if any(self._is_resized(size) and not self.is_whole(size) for size in sizes):
            return self._in_tiles_of_one_size(sizes)
        for size in sizes:
            if self.is_whole(size):
                continue
            found = global_layer(self.model, layers, size)
            if found is None:
                exact_tiles(self.model, layers, size, self.side)
            else:
                strange = found
                FeatheredTiles(self.model, self.objective, size, self.shape, self.devices)
        if strange is None:
            return ()
        return (
            f"positions of {str(strange)!r} depend on the whole picture: each tile of {self.side} "
            "pixels is dreamt as a picture of its own, and they fade into each other "
            "(an approximation; an earlier layer may be exact)",
        )

    def _in_tiles_of_one_size(self, sizes: Sequence[tuple[int, int]]) -> tuple[str, ...]:
        for size in sizes:
            if not self.is_whole(size):
                FeatheredTiles(self.model, self.objective, size, self.shape, self.devices)
        own, tile = (f"{h}x{w}" for h, w in (self.model.preprocess.size, self.shape))
        resized = "" if own == tile else f", shown at {own}"
        return (
            f"the network takes only pictures of {own}: each tile of {tile} pixels is dreamt as a "
            f"picture of its own{resized}, and they fade into each other (an approximation; "
            "earlier layers may take pictures of any size)",
        )

    def steps(
        self,
        canvas: Stored,
        objective: Objective,
        *,
        how: Steps,
        weight: Stored | None,
        transforms: Sequence[Transform],
        steps: int,
        rng: torch.Generator,
    ) -> Iterator[Step]:
        """Return the steps of an octave in tiles, which change its canvas; see `climb_tiles`.

        Args:
            transforms: the jitter alone.
        """
        (jitter,) = transforms
        assert isinstance(jitter, Jitter)  # else it has been refused
        return climb_tiles(
            self._tiles(objective, (canvas.tensor.shape[-2], canvas.tensor.shape[-1])),
            canvas,
            how=how,
            weight=weight,
            jitter=jitter,
            steps=steps,
            rng=rng,
            device=self.devices[0],
        )

    def _tiles(self, objective: Objective, size: tuple[int, int]) -> ExactTiles | FeatheredTiles:
        if global_layer(self.model, objective.layers(), size) is None:
            return ExactTiles(self.model, objective, size, self.side, self.devices)
        return FeatheredTiles(self.model, objective, size, self.shape, self.devices)

"""Dreams of pictures that are too large to be shown as a whole, or not of the only size taken."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from entoptic.ascent.loop import Step, ascend
from entoptic.ascent.optimizers import Norm, climb
from entoptic.ascent.tiling import (
    ExactTiles,
    FeatheredTiles,
    Stored,
    climb_tiles,
    combine,
    combined,
    exact_tiles,
    global_layer,
    resized,
)
from entoptic.canvas import Pixels
from entoptic.networks import Model
from entoptic.networks.memory import return_freed_memory
from entoptic.objectives import Objective
from entoptic.transforms import Jitter


@dataclass(frozen=True)
class Large:
    """How each octave of a large picture is dreamt.

    Args:
        model: the network.
        objective: bound to it.
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
        """Whether a picture of (height, width) is shown to the network as a whole."""
        if self._is_resized(size):
            return size[0] <= self.shape[0] and size[1] <= self.shape[1]
        return size[0] * size[1] <= self.side**2

    def _is_resized(self, size: tuple[int, int]) -> bool:
        """Whether the network, which takes one size, would be shown the whole at that size."""
        return self.model.shown(self.objective.layers(), size) != size

    def checked(self, sizes: Sequence[tuple[int, int]]) -> tuple[str, ...]:
        """What the user should know of the tiles; found out before any work.

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
            f"places of {str(strange)!r} depend on the whole picture: each tile of {self.side} "
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
        photo: Stored,
        sizes: Sequence[tuple[int, int]],
        *,
        step: float,
        norm: Norm,
        smoothing: float,
        jitter: int,
        steps: int,
        seed: int,
    ) -> Iterator[Step]:
        """Every step of every octave, as `DreamPlan.all_steps` has them for smaller pictures."""
        rng = torch.Generator().manual_seed(seed)
        shaken = Jitter(jitter)
        detail: Stored | None = None
        for octave, size in enumerate(sizes):
            base = _at_size(photo, size)
            if detail is None:
                canvas = base.copied()
            else:
                canvas = combined(_added, base, resized(detail, *size))
            if self.is_whole(size):
                pixels = Pixels(canvas.tensor.to(self.devices[0]))
                for each in ascend(
                    self.model,
                    self.objective,
                    pixels,
                    transforms=[shaken],
                    optimizer=climb(step, norm, smoothing),
                    steps=steps,
                    seed=rng,
                ):
                    yield replace(each, octave=octave, image=_shown(photo, pixels, base))
                canvas = Stored(pixels.pixels.detach().cpu())
            else:
                for each in climb_tiles(
                    self._tiles(size),
                    canvas,
                    step=step,
                    norm=norm,
                    smoothing=smoothing,
                    jitter=shaken,
                    steps=steps,
                    rng=rng,
                    device=self.devices[0],
                    image=functools.partial(_rendered, photo, canvas, base),
                ):
                    yield replace(each, octave=octave)
            return_freed_memory()  # for the pictures that come between two octaves
            detail = combined(torch.sub, canvas, base)

    def _tiles(self, size: tuple[int, int]) -> ExactTiles | FeatheredTiles:
        if global_layer(self.model, self.objective.layers(), size) is None:
            return ExactTiles(self.model, self.objective, size, self.side, self.devices)
        return FeatheredTiles(self.model, self.objective, size, self.shape, self.devices)


def _at_size(photo: Stored, size: tuple[int, int]) -> Stored:
    if photo.tensor.shape[-2:] == size:
        return photo
    base = resized(photo, *size)
    combine(base, lambda part: part.clamp(0, 1), base)
    return base


def _added(part: Tensor, detail: Tensor) -> Tensor:
    return (part + detail).clamp_(0, 1)


def _shown(photo: Stored, canvas: Pixels, base: Stored) -> Callable[[], Tensor]:
    return lambda: _rendered(photo, Stored(canvas.pixels.detach().cpu()), base)


@torch.no_grad()
def _rendered(photo: Stored, canvas: Stored, base: Stored) -> Tensor:
    """The canvas at its final size; at a smaller octave, its detail on the full photo."""
    return_freed_memory()  # what follows may be large: the picture is shown or written
    if canvas.tensor.shape == photo.tensor.shape:
        return canvas.copied().tensor
    size = photo.tensor.shape[-2], photo.tensor.shape[-1]
    detail = resized(combined(torch.sub, canvas, base), *size)
    return combined(_added, photo, detail).tensor

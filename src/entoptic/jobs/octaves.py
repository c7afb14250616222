"""The octaves of a dream: the one loop of its steps, for whole pictures and for tiles."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from entoptic.ascent.loop import Step, ascend
from entoptic.ascent.optimizers import Climb, Rule, Steps, weighted
from entoptic.canvas import Pixels
from entoptic.images.finish import Finish
from entoptic.images.stored import Stored, combine, combined, resized
from entoptic.jobs.large import Large
from entoptic.networks import GradientRule, Model
from entoptic.networks.memory import return_freed_memory
from entoptic.objectives import Objective
from entoptic.transforms import Transform


@dataclass(frozen=True)
class Region:
    """A part of the picture with an objective of its own.

    Args:
        objective: bound to the network.
        weight: factors for the steps, from 0 to 1, (1, 1, height, width) of the photo; None for 1
            everywhere. Where it is 0 for all regions, the photo stays as it is.
    """

    objective: Objective
    weight: Tensor | None = None


@dataclass(frozen=True)
class Octaves:
    """The optimisation of each octave of a dream.

    Args:
        model: the network.
        regions: at least one; they take turns, a step each.
        sizes: (height, width), smallest first; the last is the photo's.
        lengths: factors for the length of the steps, one for each size.
        rule: the optimizer: normalized steps, or another one.
        transforms: before each step.
        gradient_rules: how gradients flow back through the network.
        steps: of each octave.
        seed: random seed.
        precision: of octaves without tiles, see `ascend`.
        devices: octaves without tiles are optimised on the first.
        large: how those are that the network can't be shown as a whole; of normalized steps and
            one transform, the jitter.
        finish: what is done to the picture as it is shown.
    """

    model: Model
    regions: Sequence[Region]
    sizes: Sequence[tuple[int, int]]
    lengths: Sequence[float]
    rule: Steps | Rule
    transforms: Sequence[Transform]
    gradient_rules: Sequence[GradientRule]
    steps: int
    seed: int
    precision: str
    devices: Sequence[torch.device]
    large: Large | None
    finish: Finish

    def all_steps(self, photo: Stored) -> Iterator[Step]:
        """Optimise a photo of the last size, or a batch; each step renders it at that size."""
        rng = torch.Generator().manual_seed(self.seed)
        weights = [self._stored(region, photo) for region in self.regions]
        changed = _changed(weights)
        detail: Stored | None = None
        for octave, size in enumerate(self.sizes):
            base = _at_size(photo, size)
            start = base if detail is None else combined(_added, base, resized(detail, *size))
            here = [None if each is None else _at_size(each, size) for each in weights]
            canvas, runs = self._runs(octave, start, base, here, rng)
            image = functools.partial(self._rendered, photo, canvas, base, changed)
            for each in zip(*runs, strict=True):
                scores = sum((step.scores for step in each[1:]), each[0].scores)
                yield Step(each[0].index, scores, image, octave)
            detail = combined(torch.sub, _beside(canvas, base), base)
            if changed is not None:
                # What has been resized reaches over the border of the regions.
                detail = combined(torch.mul, detail, _at_size(changed, size))
            if self.large is not None:
                return_freed_memory()  # for the pictures that come between two octaves

    def _runs(
        self,
        octave: int,
        start: Stored,
        base: Stored,
        weights: Sequence[Stored | None],
        rng: torch.Generator,
    ) -> tuple[Stored, list[Iterator[Step]]]:
        """Return the pixels of an octave, and the steps of each region, which change them."""
        size = self.sizes[octave]
        rule = self.rule
        if isinstance(rule, Steps):
            rule = replace(rule, length=rule.length * self.lengths[octave])
        parts = list(zip(self.regions, weights, strict=True))
        if self.large is None or self.large.is_whole(size):
            pixels = Pixels(start.tensor.to(self.devices[0]))
            runs = [self._whole(pixels, rule, region, weight, rng) for region, weight in parts]
            return Stored(pixels.pixels.detach()), runs
        assert isinstance(rule, Steps)  # else it has been refused
        canvas = start.copied() if start is base else start
        tiled = functools.partial(
            self.large.steps,
            canvas,
            how=rule,
            transforms=self.transforms,
            steps=self.steps,
            rng=rng,
        )
        return canvas, [tiled(region.objective, weight=weight) for region, weight in parts]

    def _whole(
        self,
        pixels: Pixels,
        rule: Steps | Rule,
        region: Region,
        weight: Stored | None,
        rng: torch.Generator,
    ) -> Iterator[Step]:
        """Return the steps of a region of an octave that the network is shown as a whole."""
        made = functools.partial(Climb, steps=rule) if isinstance(rule, Steps) else rule
        if weight is not None:
            made = weighted(made, weight.tensor.to(self.devices[0]))
        return ascend(
            self.model,
            region.objective,
            pixels,
            transforms=self.transforms,
            optimizer=made,
            rules=self.gradient_rules,
            steps=self.steps,
            seed=rng,
            precision=self.precision,
        )

    def _stored(self, region: Region, photo: Stored) -> Stored | None:
        """Return a region's weight where the photo is: in a file, or on its device."""
        if region.weight is None:
            return None
        if photo.mapped is not None:
            return Stored.copy(region.weight)
        return Stored(region.weight.to(photo.tensor.device))

    @torch.no_grad()
    def _rendered(
        self, photo: Stored, canvas: Stored, base: Stored, changed: Stored | None
    ) -> Tensor:
        """Return the canvas at its final size; at a smaller octave, its detail on the photo."""
        if photo.mapped is not None:
            return_freed_memory()  # what follows may be large: the picture is shown or written
        canvas = _beside(canvas, base)
        if base is photo:
            found = canvas.copied()
        else:
            size = photo.tensor.shape[-2], photo.tensor.shape[-1]
            detail = resized(combined(torch.sub, canvas, base), *size)
            found = combined(_added, photo, detail)
        found = self.finish.applied(photo, found)
        if changed is not None:
            found = combined(_chosen, found, changed, photo)
        return found.tensor


def _at_size(image: Stored, size: tuple[int, int]) -> Stored:
    """Return an image at a size, in range; at its own, itself."""
    if image.tensor.shape[-2:] == size:
        return image
    found = resized(image, *size)
    combine(found, lambda part: part.clamp(0, 1), found)
    return found


def _beside(image: Stored, other: Stored) -> Stored:
    """Return an image on the device of another."""
    if image.tensor.device == other.tensor.device:
        return image
    return Stored(image.tensor.to(other.tensor.device))


def _added(part: Tensor, detail: Tensor) -> Tensor:
    return (part + detail).clamp_(0, 1)


def _chosen(found: Tensor, changed: Tensor, photo: Tensor) -> Tensor:
    return torch.where(changed > 0, found, photo)


def _changed(weights: Sequence[Stored | None]) -> Stored | None:
    """Return a map of 1 where any region moves pixels, and 0 elsewhere; None for everywhere."""
    known = [each for each in weights if each is not None]
    if len(known) < len(weights):
        return None
    return combined(lambda *parts: (sum(parts) > 0).to(parts[0].dtype), *known)

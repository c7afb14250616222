"""Dreams of several photos: those of one size are shown to the network together."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from entoptic import images
from entoptic.ascent.loop import Step
from entoptic.ascent.memory import enough_memory
from entoptic.ascent.tiling import pictures_at_once
from entoptic.checks import as_given, several
from entoptic.errors import DeadGradient, NonFiniteGradient
from entoptic.images import PictureLike
from entoptic.jobs.dreams import DreamPlan, parted, plan_dream
from entoptic.jobs.job import Result
from entoptic.networks.modes import in_usual_modes
from entoptic.objectives.facts import may_compare_images

if TYPE_CHECKING:
    from entoptic.recipes.dream import Dream

# How many photos of a size are optimised together by default: with eight each takes 0.8 to 1.0 of
# the time that it takes with four, see docs/performance.md.
_USUAL = 8
# On a processor larger photos are dreamt one by one: one of 300x400 takes 0.8 of its time among
# eight, one of 384x512 0.9, and a step at 512x512 takes longer than alone.
_PROCESSOR_PIXELS = 1 << 17


@dataclass(frozen=True, eq=False)
class PhotosTogether:
    """Photos of one size that are optimised together; see `together_by_size`.

    Args:
        alone: how each would be dreamt by itself.
    """

    alone: Sequence[DreamPlan]

    @functools.cached_property
    def plans(self) -> Sequence[DreamPlan]:
        """The same, with jobs that say how many there were and which of them it was."""
        count = len(self.alone)
        if count == 1:
            return self.alone
        return [each.among(count, place) for place, each in enumerate(self.alone)]

    def steps(self) -> Iterator[Sequence[Step]]:
        """Work; a step of each photo at a time.

        Raises:
            NonFiniteGradient, DeadGradient: of any of them.
            NotEnoughMemory: there is no room for so many.
        """
        if len(self.alone) == 1:
            return ([step] for step in self.alone[0].steps())
        return self._together()

    @in_usual_modes
    def _together(self) -> Iterator[Sequence[Step]]:
        with enough_memory("memory has no room for so many photos at a time; take a smaller batch"):
            photos = torch.cat([each.photo.image for each in self.alone])
            for step in self.alone[0].whole_steps(photos):
                yield parted(step)

    @in_usual_modes
    def run(self) -> list[Result]:
        """Work to the end."""
        last: Sequence[Step] = ()
        scores: list[list[Tensor]] = [[] for _ in self.plans]
        for last in self.steps():
            for seen, step in zip(scores, last, strict=True):
                seen.append(step.scores)
        ends: Sequence[Step | None] = last or [None] * len(self.plans)
        ended = zip(self.plans, ends, scores, strict=True)
        return [plan.result(end, seen) for plan, end, seen in ended]


def together_by_size(plans: Iterable[DreamPlan], batch: int | str) -> list[tuple[int, ...]]:
    """Return which of several dreams, numbered from 0, go together: those of one size.

    Args:
        plans: of one network and one objective; none of them is kept.
        batch: how many at most; `auto` for as many as gain by it and have room.

    Returns:
        The numbers, each once; a group stands where its first one would.

    """
    groups: list[list[int]] = []
    unfilled: dict[tuple[int, int], list[int]] = {}
    for number, plan in enumerate(plans):
        group = unfilled.get(plan.shape, [])
        if not group or len(group) >= most_together(plan, batch):
            group = unfilled[plan.shape] = []
            groups.append(group)
        group.append(number)
    return [tuple(group) for group in groups]


def most_together(plan: DreamPlan, batch: int | str) -> int:
    """Return how many photos of a dream's size go together at most."""
    if plan.large is not None or may_compare_images(plan.objective):
        return 1
    pixels = math.prod(plan.shape)
    allowed = max(1, images.MAX_PIXELS // pixels)
    if batch == "auto" and plan.device.type == "cpu" and pixels > _PROCESSOR_PIXELS:
        return 1
    memory = plan.settings.memory
    room = pictures_at_once(
        plan.model,
        plan.objective,
        plan.shape,
        plan.device,
        memory if isinstance(memory, int) else None,
    )
    return min(batch if isinstance(batch, int) else _USUAL, room, allowed)


def dream_each(recipe: Dream, photos: Iterable[PictureLike]) -> Iterator[Result]:
    """Dream several photos by one recipe; those of one size share each call of the network.

    Each is the dream that it would be alone with the same seed: to the last bit with convolutions
    on a processor; elsewhere sums over a batch may round otherwise, as in products of matrices, and
    steps make more of that. A job says with how many others its photo was dreamt, so that `redo`
    makes the same bytes of it alone.

    Args:
        recipe: without a photo of its own.
        photos: each as `dream` takes it.

    Returns:
        The results in the order of the photos, each as soon as it is there.

    Raises:
        EntopticError: all photos are checked when this is called, before the first is dreamt.
    """
    recipe = replace(recipe, model=recipe.network())
    given = several(as_given, "pictures")("photos", photos)

    def plan(number: int) -> DreamPlan:
        return plan_dream(replace(recipe, photo=given[number]))

    # A plan holds its photo, so that none is kept until its turn comes.
    groups = together_by_size(map(plan, range(len(given))), recipe.batch)
    return _in_order(groups, plan)


def _in_order(
    groups: Sequence[tuple[int, ...]], plan: Callable[[int], DreamPlan]
) -> Iterator[Result]:
    """The results of groups of dreams by their numbers; those that come too early wait."""
    made: dict[int, Result] = {}
    following = 0
    for group in groups:
        made |= zip(
            group, _results(PhotosTogether([plan(number) for number in group])), strict=True
        )
        while following in made:
            yield made.pop(following)
            following += 1


def _results(together: PhotosTogether) -> Iterator[Result]:
    try:
        yield from together.run()
    except (NonFiniteGradient, DeadGradient):
        # What is wrong with one photo is said of that one, and keeps no other from its dream.
        for plan in together.alone:
            yield plan.run()

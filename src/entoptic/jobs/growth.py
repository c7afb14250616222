"""Growth: the steps of an optimization, or the pictures of a path, as the frames of a film."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from entoptic.ascent.loop import Step
from entoptic.errors import BadSetting
from entoptic.jobs.easings import EASINGS
from entoptic.jobs.film_making import FilmMade, Making, Stopped, Tell
from entoptic.jobs.film_parts import State
from entoptic.jobs.job import Job
from entoptic.jobs.plan import Plan
from entoptic.jobs.sheets import SheetPlan
from entoptic.types import Alpha, Image
from entoptic.video.motion import check_installed
from entoptic.video.pixels import Pixels, pixels_of
from entoptic.video.reading import USUAL_RATE, Facts, Frame
from entoptic.video.writing import check_form, form_of

if TYPE_CHECKING:
    from entoptic.objectives.files import Files
    from entoptic.recipes.grow import Grow

OF = "of"
"""The setting of a film's job that names the recipe of its picture."""

Render = Callable[[], Image]


@dataclass(frozen=True, eq=False)
class GrowthPlan(Making):
    """A film of a growing picture that has been checked and can begin.

    Args:
        recipe: what is wanted.
        plan: of the picture.
        path: whether the film goes through several finished pictures, and not through steps.
        tell: told how far the work is between two frames.
        stopped: asked between two steps whether to end.
    """

    recipe: Grow
    plan: Plan
    path: bool
    tell: Tell = field(default=lambda _: None, kw_only=True)
    stopped: Callable[[], bool] = field(default=lambda: False, kw_only=True)

    @property
    def count(self) -> int:
        return len(self._positions)

    def run(
        self,
        tell: Tell = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
        watch: Callable[[Pixels], None] | None = None,
    ) -> FilmMade:
        """See `Making.run`; it can also be stopped between two steps."""
        return Making.run(replace(self, tell=tell, stopped=stopped), tell, stopped, watch)

    def frames(self, state: State | None = None) -> Iterator[tuple[Frame, State]]:
        """See `Making.frames`; where it goes on, all steps are made again."""
        finished = 0 if state is None else state.frames
        pictures = self._pictures() if self.path else self._steps()
        length = 1 / self.facts.rate
        for number, image in enumerate(blended(pictures, self._positions)):
            if number >= finished:
                frame = Frame(number, number * length, length, pixels_of(image, self.form.bits))
                yield frame, State(number + 1)

    @property
    def _positions(self) -> list[float]:
        """Where each frame is: the number of a picture, and between two of them a share."""
        recipe, rate = self.recipe, self.facts.rate
        first, growing, last = (
            round(seconds * rate)
            for seconds in (recipe.hold_first, recipe.seconds, recipe.hold_last)
        )
        end = len(self.plan.picture_labels) - 1 if self.path else self.plan.count
        ease = EASINGS[recipe.easing]
        between = [end * ease(number / growing) for number in range(1, growing)]
        return [0.0] * max(first, 1) + between + [float(end)] * max(last, 1)

    def _steps(self) -> Iterator[Render]:
        """Yield what renders the picture before the first step, and after each."""
        start, alpha = self.plan.start, self.plan.alpha
        yield lambda: on_black(start, alpha)
        for step in self._attended():
            yield lambda step=step: on_black(  # type: ignore[misc]
                step.image(), alpha if step.alpha is None else step.alpha()
            )

    def _pictures(self) -> Iterator[Render]:
        """Yield what renders each finished picture."""
        last: Step | None = None
        for number, step in enumerate(self._attended(), 1):
            self.tell(f"step {number} of {self.plan.count}, before the first frame")
            last = step
        assert last is not None  # as `plan_growth` has checked
        assert last.images is not None  # of a sheet
        images = last.images().cpu()
        for number in range(len(images)):
            yield lambda number=number: images[number : number + 1]  # type: ignore[misc]

    def _attended(self) -> Iterator[Step]:
        for step in self.plan.steps():
            yield step
            if self.stopped():
                raise Stopped


def blended(pictures: Iterable[Render], positions: Iterable[float]) -> Iterator[Image]:
    """Yield the picture at each position; between two, they are mixed.

    Args:
        pictures: in order; each is rendered before the next is asked for, and only if it is needed.
        positions: that never fall.
    """
    coming, at = iter(pictures), -1
    rendered: dict[int, Image] = {}
    for position in positions:
        before, after = math.floor(position), math.ceil(position)
        while at < after:
            render, at = next(coming), at + 1
            if at >= before:
                # A copy, for the next step changes it.
                rendered[at] = render().detach().cpu().clone()
        rendered = {number: rendered[number] for number in (before, after)}
        yield torch.lerp(rendered[before], rendered[after], position - before)


def on_black(image: Image, alpha: Alpha | None) -> Image:
    """Return an image as players show it."""
    return image if alpha is None else image * alpha.to(image.device)


def plan_growth(recipe: Grow, files: Files | None = None) -> GrowthPlan:
    """Check a film of a growing picture and lay it out; see `Recipe.plan`."""
    check_installed()
    if recipe.output is not None:
        form_of(Path(recipe.output), recipe.codec, recipe.bits)  # before a network is loaded
    given = recipe.recipe
    plan = given if isinstance(given, Plan) else given.plan(files)
    if plan.count == 0:
        raise BadSetting("nothing grows in 0 steps; make it 1 at least")
    job = plan.job
    stem = Path(f"{job.recipe}.png" if job.photo is None else job.photo.name or "photo")
    output = Path(recipe.output or stem.with_name(f"{stem.stem}-grow.mp4"))
    form = form_of(output, recipe.codec, recipe.bits)
    path = _is_path(plan)
    height, width = plan.each([]).shape[-2:] if isinstance(plan, SheetPlan) and path else plan.shape
    rate = USUAL_RATE if recipe.rate is None else Fraction(recipe.rate)
    facts = Facts.of_pictures(form.path, height, width, rate, form.bits)
    check_form(form, facts)
    notes = [*plan.notes, *form.notes(height, width)]
    if plan.alpha is not None:
        notes.append("a film has no transparency; the picture is shown on black")
    return GrowthPlan(facts, form, _job(recipe, job), tuple(notes), recipe, plan, path)


def _is_path(plan: Plan) -> bool:
    """Tell whether a film goes through the pictures of a plan, from the first to the last."""
    from entoptic.jobs.recipe import recipes

    return len(plan.picture_labels) > 1 and recipes[plan.job.recipe].is_path


def _job(recipe: Grow, picture: Job) -> Job:
    """Return what makes a film: the job of its picture, with the film's settings among its own."""
    return replace(
        picture,
        recipe=recipe.name,
        settings={OF: picture.recipe, **picture.settings, **recipe.kept()},
    )


def picture_of_film(film: Job, kept: Iterable[str]) -> Job:
    """Return the job of the picture that grows in a film.

    Args:
        film: the film's job.
        kept: names of the settings that are the film's.
    """
    of = film.settings.get(OF)
    own = {OF, *kept}
    rest = {name: value for name, value in film.settings.items() if name not in own}
    return replace(film, recipe=of if isinstance(of, str) else "", settings=rest)

"""Several pictures that climb, each for itself, and are laid on a sheet."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from entoptic import pictures
from entoptic.ascent import Step, ascend, bind
from entoptic.canvas import Canvas, Weighed
from entoptic.errors import BadSetting
from entoptic.jobs import Job
from entoptic.models import Model, device
from entoptic.models.rules import redirected_relu
from entoptic.objectives import Objective, PerImage
from entoptic.pictures import Picture
from entoptic.recipes.methods import ClimbSettings, canvases
from entoptic.recipes.numbers import whole
from entoptic.recipes.photos import check_pixels, guides_of, source_of
from entoptic.recipes.plan import Plan, made_with
from entoptic.sheets import sheet, sheet_size
from entoptic.transforms import presets
from entoptic.types import Alpha, Image

# What part of the steps an opening has: enough for rare units to come alive; chosen by eye.
_OPENING = 0.25


@dataclass(frozen=True)
class Layout:
    """How pictures lie on a sheet.

    Args:
        labels: what is written below each picture; empty for none.
        columns: None for about as many as rows.
        gap: between pictures, in pixels.
        before: pictures that don't climb and come first, (count, 3, height, width).
        strengths: how far each picture that climbs stands out from middle grey, 0 to 1; empty for
            all of it.
    """

    labels: Sequence[str] = ()
    columns: int | None = None
    gap: int = 4
    before: Tensor | None = None
    strengths: Sequence[float] = ()


@dataclass(frozen=True, eq=False)
class SheetPlan(Plan):
    """Pictures that have been checked and can begin.

    The objective is a `per_image`, whose pictures climb in batches; or one for all pictures
    together, which then are one batch.

    Args:
        settings: how to climb.
        size: (height, width) of each picture.
        pictures_asked: how many pictures climb.
        layout: of the sheet; a picture alone is no sheet.
        photo: what all pictures begin as, (1, 3, height, width); None for noise.
        read: the files that were read.
        transparency: whether only what has mattered in the climb is opaque.
        opening: what climbs instead in the first steps, where `objective` is one for all pictures
            together. A unit that is silent at the start is revived only where nothing else pulls.
    """

    settings: ClimbSettings
    size: tuple[int, int]
    pictures_asked: int
    layout: Layout
    photo: Image | None = None
    read: tuple[Path, ...] = ()
    transparency: bool = False
    opening: Objective | None = None

    @property
    def batches(self) -> list[tuple[Objective, int]]:
        """What climbs together, and how many pictures that are."""
        if not isinstance(self.objective, PerImage):
            return [(self.objective, self.pictures_asked)]
        units, most = self.objective.objectives, self.settings.batch
        parts = (units[start : start + most] for start in range(0, len(units), most))
        return [(PerImage(part), len(part)) for part in parts]

    @property
    def stages(self) -> Sequence[int]:
        height, width = self.size
        return [count * height * width for _, count in self.batches]

    @property
    def stage_name(self) -> str:
        return "batch"

    @property
    def stage_steps(self) -> int:
        return self.settings.steps

    @property
    def shape(self) -> tuple[int, int]:
        if self._count == 1:
            return self.size
        labelled = bool(self.layout.labels)
        return sheet_size(
            self._count, self._columns, *self.size, gap=self.layout.gap, labelled=labelled
        )

    @property
    def start(self) -> Image:
        return self.laid_out([])

    @property
    def inputs(self) -> tuple[Path, ...]:
        return self.read

    def all_steps(self) -> Iterator[Step]:
        done: list[Tensor] = []
        weights: list[Tensor] = []
        for number in range(len(self.batches)):
            canvas = Weighed(self._canvas(number)) if self.transparency else self._canvas(number)
            for step in self._climb(number, canvas):
                render = functools.partial(self._so_far, tuple(done), step)
                alpha: Callable[[], Alpha] | None = None
                if isinstance(canvas, Weighed):
                    alpha = functools.partial(self._opacity, tuple(weights), canvas)
                yield replace(step, octave=number, image=render, alpha=alpha)
            with torch.no_grad():
                done.append(canvas().cpu())
                if isinstance(canvas, Weighed):
                    weights.append(canvas.opacity().cpu())

    def pictures(self) -> Iterator[Tensor]:
        """The finished pictures of each batch, (count, 3, height, width), on the CPU."""
        for number in range(len(self.batches)):
            canvas = self._canvas(number)
            for _ in self._climb(number, canvas):
                pass
            with torch.no_grad():
                yield canvas().cpu()

    def _climb(self, number: int, canvas: Canvas) -> Iterator[Step]:
        how = self.settings
        rng = torch.Generator().manual_seed(self.job.seed + number)
        alone = 0 if self.opening is None else math.ceil(_OPENING * how.steps)
        parts = [(self.opening, 0, alone), (self.batches[number][0], alone, how.steps - alone)]
        for objective, begun, steps in parts:
            if objective is None or steps == 0:
                continue
            for step in ascend(
                self.model,
                objective,
                canvas,
                transforms=presets[how.preset],
                optimizer=how.rule,
                rules=[redirected_relu()],
                steps=steps,
                seed=rng,
            ):
                yield replace(step, index=begun + step.index)

    def _canvas(self, number: int) -> Canvas:
        kind, count = canvases[self.settings.kind], self.batches[number][1]
        if self.photo is None:
            made = kind.make(*self.size, batch=count, seed=self.job.seed + number)
        else:
            assert kind.of is not None  # as `plan_sheet` has checked
            made = kind.of(self.photo.expand(count, -1, -1, -1))
        return made.to(self.device)

    @property
    def _count(self) -> int:
        return self.pictures_asked + len(self._before)

    @property
    def _columns(self) -> int:
        return self.layout.columns or math.ceil(math.sqrt(self._count))

    @property
    def _before(self) -> Tensor:
        before = self.layout.before
        return torch.zeros(0, 3, *self.size) if before is None else before

    def _so_far(self, done: Sequence[Tensor], step: Step) -> Image:
        return self.laid_out([*done, step.image().cpu()])

    def _opacity(self, done: Sequence[Tensor], canvas: Weighed) -> Alpha:
        """Alpha of the pictures made so far; all else on the sheet is opaque."""
        made = [*done, canvas.opacity().cpu()]
        missing = self.pictures_asked - sum(map(len, made))
        opaque = torch.ones(1, 1, *self.size)
        before, after = (opaque.expand(count, -1, -1, -1) for count in (len(self._before), missing))
        whole = torch.cat([before, *made, after])
        if self._count == 1:
            return whole
        # White between the pictures is opaque.
        blank = [""] * len(self.layout.labels)
        grey = whole.expand(-1, 3, -1, -1)
        return sheet(grey, self._columns, gap=self.layout.gap, labels=blank)[:, :1]

    def laid_out(self, made: Sequence[Tensor]) -> Image:
        """The pictures made so far; where there is none yet, the photo or middle grey."""
        missing = self.pictures_asked - sum(map(len, made))
        unmade = torch.full((1, 3, *self.size), 0.5) if self.photo is None else self.photo
        climbing = torch.cat([*made, unmade.expand(missing, -1, -1, -1)])
        layout = self.layout
        if layout.strengths:
            strengths = torch.tensor(layout.strengths).reshape(-1, 1, 1, 1)
            climbing = 0.5 + strengths * (climbing - 0.5)
        whole = torch.cat([self._before, climbing])
        if self._count == 1:
            return whole
        return sheet(whole, self._columns, gap=layout.gap, labels=layout.labels)


def plan_sheet(
    recipe: str,
    model: Model,
    objective: Objective,
    count: int,
    how: ClimbSettings,
    *,
    layout: Layout,
    size: tuple[int, int] | None = None,
    photo: Picture | None = None,
    begins: bool = False,
    called: str | None = None,
    transparency: bool = False,
    opening: Objective | None = None,
    extras: Mapping[str, Any] | None = None,
    seed: int = 0,
    on: str = "auto",
    read_guide: Callable[[str], Picture] = pictures.read,
) -> SheetPlan:
    """Check pictures of a recipe and lay them out.

    Args:
        recipe: its name, for the job.
        model: the network.
        objective: `per_image` of as many objectives as there are pictures, or one for all together.
        count: how many pictures climb.
        how: how they climb.
        layout: of the sheet.
        size: (height, width) of each picture; by default a square of the settings' size.
        photo: what the recipe was given, at the pictures' size; it is stored in the job.
        begins: whether the pictures begin as the photo.
        called: the objective's name in the job, where it is made of numbers found in a photo.
        transparency: whether only what has mattered in the climb is opaque.
        opening: what climbs instead in the first steps; see `SheetPlan`.
        extras: the recipe's own settings, for the job.
        seed: of all chance.
        on: the device.
        read_guide: reads the guides that the objective names.

    Raises:
        EntopticError: whatever is wrong, before any work.
    """
    whole("seed", seed, 0, 2**62)
    size = size or (how.size, how.size)
    where = device(on)
    if begins and canvases[how.kind].of is None:
        able = ", ".join(name for name in canvases if canvases[name].of is not None)
        raise BadSetting(f"the canvas {how.kind!r} can't begin as a photo; there are {able}")
    bound = bind(objective, model, size, read_guide)
    guides = guides_of(bound)
    job = Job(
        recipe=recipe,
        model=model.source,
        objective=repr(objective) if called is None else called,
        settings=asdict(how) | dict(extras or {}),
        photo=None if photo is None else source_of(photo),
        guides=tuple(map(source_of, guides)),
        seed=seed,
        device=str(where),
        made_with=made_with(),
    )
    files = [*guides] if photo is None else [photo, *guides]
    read = tuple(each.path for each in files if each.path is not None)
    notes = model.notes if photo is None else (*model.notes, *photo.notes)
    start = photo.image if photo is not None and begins else None
    plan = SheetPlan(
        model,
        bound,
        where,
        job,
        notes,
        how,
        size,
        count,
        layout,
        photo=start,
        read=read,
        transparency=transparency,
        opening=None if opening is None else bind(opening, model, size, read_guide),
    )
    check_pixels(*plan.shape)
    return plan

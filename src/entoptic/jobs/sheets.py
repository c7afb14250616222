"""Several pictures that are optimised, each for itself, and laid on a sheet."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from entoptic.analysis.spectrum import Spectrum
from entoptic.ascent.loop import Step, ascend
from entoptic.ascent.memory import enough_memory, picture_bytes
from entoptic.ascent.spreading import Spread
from entoptic.canvas import Canvas, CanvasKind, Gray, Transparent, Weighed, canvases
from entoptic.errors import BadSetting
from entoptic.images.color import in_colors, parts
from entoptic.images.contact_sheet import sheet, sheet_size
from entoptic.jobs.painted import painted
from entoptic.jobs.plan import Plan
from entoptic.jobs.visualization import Visualization
from entoptic.networks import (
    Model,
    compiled,
    share_of_cores,
)
from entoptic.networks.gradient_rules import redirected_relu
from entoptic.networks.memory import check_memory
from entoptic.objectives import Objective, PerImage
from entoptic.transforms import OverBackground
from entoptic.types import Alpha, Image, Planes

# The share of the steps that an opening has: enough to activate rare units; chosen by eye.
_OPENING = 0.25


@dataclass(frozen=True)
class Layout:
    """The layout of pictures on a sheet.

    Args:
        labels: what is written below each picture; empty for none.
        columns: None for about as many as rows.
        gap: between pictures, in pixels.
        before: pictures that aren't optimised and come first, (count, 3, height, width).
        strengths: contrast of each optimised picture against middle gray, 0 to 1; empty for 1.
    """

    labels: Sequence[str] = ()
    columns: int | None = None
    gap: int = 4
    before: Tensor | None = None
    strengths: Sequence[float] = ()


@dataclass(eq=False)
class _Batch:
    """Pictures that are optimised together: their canvas while they are, and the result after."""

    canvas: Canvas | None = None
    pictures: Tensor | None = None
    opacity: Tensor | None = None

    @torch.no_grad()
    def end(self) -> None:
        """Keep no more than the pictures."""
        assert self.canvas is not None
        self.pictures = self.canvas().cpu()
        if isinstance(self.canvas, Weighed):
            self.opacity = self.canvas.opacity().cpu()
        self.canvas = None


@dataclass(frozen=True, eq=False)
class SheetPlan(Plan):
    """Pictures that have been checked and can begin.

    The objective is a `per_image`, whose pictures are optimised in batches, each on one of the
    devices; or one for all pictures together, which then are one batch. The result of a batch
    depends on its number and its size; where several run at the same time, they take turns.

    Args:
        settings: of the optimisation; the batch is a number.
        size: (height, width) of each picture.
        pictures_asked: the number of pictures that are optimised.
        layout: of the sheet; a picture alone is no sheet.
        places: the devices; one that is named twice works on two batches at a time, a CPU each on
            its share of the cores.
        photo: what all pictures begin as, (1, 3, height, width); None for noise.
        read: the files that were read.
        spectrum: of photographs, for a canvas that keeps to one.
        transparency: whether only pixels that mattered in the optimisation are opaque.
        opening: the objective of the first steps, where `objective` is one for all pictures
            together. A unit that is inactive at the start is revived only where no other term acts.
        first: the number of the first batch, on which the seeds of all depend.
    """

    settings: Visualization
    size: tuple[int, int]
    pictures_asked: int
    layout: Layout
    places: tuple[torch.device, ...]
    photo: Image | None = None
    read: tuple[Path, ...] = ()
    spectrum: Spectrum | None = None
    transparency: bool = False
    opening: Objective | None = None
    first: int = 0

    @property
    def batch(self) -> int:
        """Number of pictures that are optimised together, where there are batches."""
        assert isinstance(self.settings.batch, int)  # as `plan_sheet` has seen to
        return self.settings.batch

    @property
    def batches(self) -> list[tuple[Objective, int]]:
        """The objective of each batch, and its number of pictures."""
        if not isinstance(self.objective, PerImage):
            return [(self.objective, self.pictures_asked)]
        units, most = self.objective.objectives, self.batch
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
        height, width = self.size[0], self.size[1] * parts(self._channels)
        if self._count == 1:
            return height, width
        labelled = bool(self.layout.labels)
        return sheet_size(
            self._count, self._columns, height, width, gap=self.layout.gap, labelled=labelled
        )

    @property
    def start(self) -> Image:
        return self.laid_out([])

    @property
    def inputs(self) -> tuple[Path, ...]:
        return (*super().inputs, *self.read)

    def with_batch(self, batch: int) -> SheetPlan:
        """The same pictures in batches of another size, as the job then says."""
        plan = replace(self, settings=replace(self.settings, batch=batch))
        used = ",".join(map(str, plan._used))
        job = replace(self.job, settings={**self.job.settings, "batch": batch}, device=used)
        return replace(plan, job=job)

    def checked(self) -> SheetPlan:
        """Return the plan itself, if its batches fit into memory.

        Raises:
            NotEnoughMemory: with what fits.
        """
        transforms = self.settings.moves(self.model)
        each = picture_bytes(self.model, self.objective.layers(), self.size, transforms)
        most = max(count for _, count in self.batches)
        for place, sharing in Counter(self._used).items():
            check_memory(sharing * most * each, self.size, place)
        return self

    def lighter(self) -> SheetPlan | None:
        half = max(count for _, count in self.batches) // 2
        if half == 0 or not isinstance(self.objective, PerImage):
            alone = tuple(dict.fromkeys(self._used))
            if len(alone) == len(self._used):
                return None
            return replace(self, places=alone).with_batch(self.batch)
        # One note, however often they are halved.
        notes = tuple(each for each in self.notes if each != _halved(self.batch))
        return replace(self.with_batch(half), notes=(*notes, _halved(half)))

    def all_steps(self) -> Iterator[Step]:
        made = [_Batch() for _ in self.batches]
        spread = self._spread(made)
        for number, step in spread.items():
            if step is None:
                continue
            canvas = made[number].canvas
            assert canvas is not None  # until it has ended
            alpha: Callable[[], Alpha] | None = None
            if self.transparency:
                alpha = functools.partial(self._opacity, made, spread)
            elif self._keeps_transparency:
                alpha = functools.partial(_alpha, canvas)
            render = functools.partial(self._so_far, made, spread)
            alone = functools.partial(self._each_so_far, made, spread)
            yield replace(step, octave=number, image=render, alpha=alpha, images=alone)

    def pictures(self) -> Iterator[Tensor]:
        """The finished pictures of each batch, (count, channels, height, width), on the CPU."""
        made = [_Batch() for _ in self.batches]
        given = 0
        for _, step in self._spread(made).items():
            while step is None and given < len(made):
                pictures = made[given].pictures
                if pictures is None:
                    break  # one after it was faster
                yield pictures
                given += 1

    def _spread(self, made: Sequence[_Batch]) -> Spread[Step]:
        """Return the steps of all batches, over the devices; the pictures are put into `made`."""
        models = self._models()
        places, whole = self._used, torch.get_num_threads()

        def work(number: int, worker: int) -> Generator[Step, None, None]:
            count, place = self.batches[number][1], places[worker]
            with (
                share_of_cores(whole, places.count(place)),
                enough_memory(self._too_much(count, place)),
            ):
                canvas = self._canvas(number, place)
                made[number].canvas = canvas
                yield from self._climb(number, canvas, models[worker])
                made[number].end()

        return Spread(work, len(made), len(places))

    @property
    def _used(self) -> tuple[torch.device, ...]:
        """The devices that get something to do."""
        return self.places[: len(self.batches)]

    def _models(self) -> list[Model]:
        """The network for each device: no two threads run the same modules."""
        if len(self._used) == 1:
            return [self.model]
        models = []
        for number, place in enumerate(self._used):
            model = self.model
            if place in self._used[:number]:
                model = replace(model, members={k: replace(v) for k, v in model.members.items()})
            # Before any of them runs, as `compiled` wants it.
            compiled(model, self.objective.layers(), place, precision=self.settings.precision)
            models.append(model)
        return models

    def _too_much(self, count: int, place: torch.device) -> str:
        """Return the message where memory runs out, with what to do."""
        height, width = self.size
        of = f"of {height}x{width} (height x width)"
        fewer = ""
        if count > 1:
            fewer = " a smaller --batch," if isinstance(self.objective, PerImage) else " fewer,"
        what = "a picture" if count == 1 else f"{count} pictures"
        return (
            f"there isn't enough memory on {place} for {what} {of}; try{fewer} a smaller --size, "
            "a layer that comes earlier, or another device (--device cpu)"
        )

    def _climb(self, number: int, canvas: Canvas, model: Model) -> Iterator[Step]:
        how = self.settings
        transforms = how.moves(model)
        if self._kind.transparent:
            transforms = (OverBackground(), *transforms)
        rng = torch.Generator().manual_seed(self.job.seed + self.first + number)
        alone = 0 if self.opening is None else math.ceil(_OPENING * how.steps)
        parts = [(self.opening, 0, alone), (self.batches[number][0], alone, how.steps - alone)]
        for objective, begun, steps in parts:
            if objective is None or steps == 0:
                continue
            for step in ascend(
                model,
                painted(objective) if self._kind.transparent else objective,
                canvas,
                transforms=transforms,
                optimizer=how.rule,
                rules=[redirected_relu()],
                steps=steps,
                seed=rng,
                precision=how.precision,
            ):
                yield replace(step, index=begun + step.index)

    def _canvas(self, number: int, place: torch.device) -> Canvas:
        kind, count = self._kind, self.batches[number][1]
        seed = self.job.seed + self.first + number
        if self.photo is None:
            own: dict[str, Any] = {}
            if self.spectrum is not None:
                own["spectrum"] = self.spectrum.magnitude
            make = kind.make
            if self._channels != 3:
                assert kind.planes is not None  # as `plan_sheet` has checked
                make, own = kind.planes, {"channels": self._channels}
            made = make(*self.size, batch=count, seed=seed, **own)
        else:
            assert kind.of is not None  # as `plan_sheet` has checked
            made = kind.of(self.photo.expand(count, -1, -1, -1))
        if self.model.preprocess.channels == 1:
            made = Gray(made)
        if kind.transparent:
            made = Transparent(made, seed=seed)
        made = made.to(place)
        return Weighed(made) if self.transparency else made

    @property
    def _begin(self) -> Planes:
        """The picture that stands for one whose optimisation hasn't begun."""
        if self.photo is not None:
            return self.photo
        return torch.full((1, self._channels, *self.size), 0.5)

    @property
    def _channels(self) -> int:
        """Number of channels; other than 3 are shown side by side, see `in_colors`."""
        return self.model.preprocess.shown

    @property
    def _kind(self) -> CanvasKind:
        return canvases[self.settings.kind]

    @property
    def _keeps_transparency(self) -> bool:
        """Tell whether transparency is kept: of a picture alone; a sheet has a white ground."""
        return self._kind.transparent and self._count == 1

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

    @torch.no_grad()
    def _so_far(self, made: Sequence[_Batch], spread: Spread[Step]) -> Image:
        """Return all pictures as they are now, laid out."""
        return self.laid_out(self._shown(made, spread))

    @torch.no_grad()
    def _each_so_far(self, made: Sequence[_Batch], spread: Spread[Step]) -> Image:
        """Return all pictures as they are now, (count, 3, height, width)."""
        return self.each(self._shown(made, spread))

    def _shown(self, made: Sequence[_Batch], spread: Spread[Step]) -> list[Tensor]:
        """Return the pictures made so far, those in progress, and the others as they begin."""
        spread.rest()
        shown = []
        for batch, (_, count) in zip(made, self.batches, strict=True):
            if batch.canvas is None:
                begun = self._begin.expand(count, -1, -1, -1)
                shown.append(begun if batch.pictures is None else batch.pictures)
            elif self._keeps_transparency:
                shown.append(batch.canvas.planes()[:, :3].clone().cpu())
            else:
                shown.append(batch.canvas().clone().cpu())
        return shown

    def _opacity(self, made: Sequence[_Batch], spread: Spread[Step]) -> Alpha:
        """Alpha of the pictures made so far; all else on the sheet is opaque."""
        spread.rest()
        opaque = torch.ones(1, 1, *self.size)
        shown = [opaque.expand(len(self._before), -1, -1, -1)]
        for batch, (_, count) in zip(made, self.batches, strict=True):
            if isinstance(batch.canvas, Weighed):
                shown.append(batch.canvas.opacity().cpu())
            else:
                begun = opaque.expand(count, -1, -1, -1)
                shown.append(begun if batch.opacity is None else batch.opacity)
        whole = torch.cat(shown)
        if self._count == 1:
            return whole
        # White between the pictures is opaque.
        blank = [""] * len(self.layout.labels)
        gray = whole.expand(-1, 3, -1, -1)
        return sheet(gray, self._columns, gap=self.layout.gap, labels=blank)[:, :1]

    def each(self, made: Sequence[Tensor]) -> Image:
        """Return the pictures made so far and the others as they begin, each by itself."""
        missing = self.pictures_asked - sum(map(len, made))
        found = in_colors(torch.cat([*made, self._begin.expand(missing, -1, -1, -1)]))
        if not self.layout.strengths:
            return found
        strengths = torch.tensor(self.layout.strengths).reshape(-1, 1, 1, 1)
        return 0.5 + strengths * (found - 0.5)

    def alone(self, number: int) -> AlonePlan:
        """Return the plan of one of the pictures, the same bytes as among the others.

        Raises:
            BadSetting: there are no so many.
        """
        if number >= self.pictures_asked:
            raise BadSetting(
                f"picture {number} of {self.pictures_asked}; count from 0 to "
                f"{self.pictures_asked - 1}"
            )
        place = number
        sheet = replace(self, layout=replace(self.layout, before=None))
        if isinstance(self.objective, PerImage):
            batch, place = divmod(number, self.batch)
            objective, count = self.batches[batch]
            sheet = replace(sheet, objective=objective, pictures_asked=count, first=batch)
        if sheet.layout.strengths:
            begin = number - place
            kept = self.layout.strengths[begin : begin + sheet.pictures_asked]
            sheet = replace(sheet, layout=replace(sheet.layout, strengths=kept))
        job = replace(self.job, settings={**self.job.settings, "picture": number})
        return AlonePlan(
            self.model, sheet.objective, self.device, job, self.notes, sheet=sheet, place=place
        )

    @property
    def picture_labels(self) -> tuple[str, ...]:
        """See `Plan.picture_labels`."""
        before = len(self._before)
        names = tuple(self.layout.labels[before : before + self.pictures_asked])
        return names if len(names) == self.pictures_asked > 1 else ()

    def laid_out(self, made: Sequence[Tensor]) -> Image:
        """The pictures made so far; where there is none yet, the photo or middle grey."""
        layout, found = self.layout, self.each(made)
        whole = torch.cat([self._before, found]) if len(self._before) else found
        if self._count == 1:
            return whole
        return sheet(whole, self._columns, gap=layout.gap, labels=layout.labels)


@dataclass(frozen=True, eq=False)
class AlonePlan(Plan):
    """One picture of several; its batch is made with it, since they share random draws.

    Args:
        sheet: of its batch.
        place: of the picture in the batch.
    """

    sheet: SheetPlan
    place: int

    @property
    def stages(self) -> Sequence[int]:
        return self.sheet.stages

    @property
    def stage_name(self) -> str:
        return self.sheet.stage_name

    @property
    def stage_steps(self) -> int:
        return self.sheet.stage_steps

    @property
    def shape(self) -> tuple[int, int]:
        return self.start.shape[-2], self.start.shape[-1]

    @property
    def start(self) -> Image:
        return self._of(self.sheet.each([]))

    @property
    def inputs(self) -> tuple[Path, ...]:
        return self.sheet.inputs

    def all_steps(self) -> Iterator[Step]:
        for step in self.sheet.all_steps():
            assert step.images is not None  # as a sheet's steps have them
            render = functools.partial(self._rendered, step.images)
            yield replace(step, image=render, alpha=None, images=None)

    def _rendered(self, images: Callable[[], Image]) -> Image:
        return self._of(images())

    def _of(self, images: Tensor) -> Image:
        return images[self.place : self.place + 1]


def _halved(batch: int) -> str:
    """The note of a sheet whose batches were too large."""
    return f"memory ran out, so that the pictures were made {batch} at a time"


@torch.no_grad()
def _alpha(canvas: Canvas) -> Alpha:
    return canvas.planes()[:, 3:].clone()

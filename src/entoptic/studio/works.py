"""Orders that the engine carries out: pictures, films, and previews of films."""

from __future__ import annotations

import functools
import gc
import io
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from entoptic.ascent.loop import Step
from entoptic.errors import NotEnoughMemory
from entoptic.images.preview import preview
from entoptic.jobs.film_making import Making
from entoptic.jobs.job import Result
from entoptic.jobs.plan import Plan
from entoptic.jobs.progress import Camera, work as pixels_of
from entoptic.jobs.recipe import Recipe
from entoptic.jobs.written import command, python
from entoptic.networks.memory import return_freed_memory
from entoptic.studio.engine import Made, Report, Shown
from entoptic.studio.shelf import Shelf
from entoptic.types import Image

# Seconds between two pictures that are shown, and the share of the time that it may take.
_INTERVAL_S, _SHARE = 0.3, 0.08
# How long each frame of a preview is shown: slower than a film, since there are few.
_FRAME_MS = 100
# Pixels of the long side of what is shown meanwhile.
_SHOWN_SIDE = 768


def jpeg(image: Image, side: int = _SHOWN_SIDE, quality: int = 85) -> bytes:
    """Return a picture as a JPEG file, for the page.

    Args:
        image: (1, 3, height, width), sRGB in [0, 1].
        side: the longest that it has, in pixels.
        quality: of the compression.
    """
    return _encoded(preview(image, longest=side), quality)


def jpeg_of_pixels(pixels: NDArray[np.uint8], side: int | None = None) -> bytes:
    """Return pixels (height, width, 3) as a JPEG file, of at most that side."""
    picture = Pillow.fromarray(pixels)
    if side is not None:
        picture.thumbnail((side, side))
    return _encoded(picture, 85)


def moving(frames: Sequence[NDArray[np.uint8]]) -> bytes:
    """Return frames (height, width, 3) as a WebP file that plays them again and again."""
    first, *others = map(Pillow.fromarray, frames)
    stream = io.BytesIO()
    how = {"save_all": True, "append_images": others, "duration": _FRAME_MS, "loop": 0}
    first.save(stream, "WEBP", quality=85, **how)
    return stream.getvalue()


def _encoded(picture: Pillow.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


@dataclass(eq=False)
class PictureWork:
    """A picture, optimised step by step.

    Args:
        plan_of: checks the order and lays it out.
        shelf: keeps the result.
        stem: of its name.
        recipe: what is wanted.
        given: the settings that say so, for the command; None where only the result's job does.
    """

    plan_of: Callable[[], Plan]
    shelf: Shelf
    stem: str
    recipe: type[Recipe]
    given: Mapping[str, Any] | None
    plan: Plan | None = None
    last: Step | None = None
    scores: list[Tensor] = field(default_factory=list)
    _steps: Iterator[Shown] | None = None

    def carry_out(self, report: Report) -> bool:
        """See `Work`."""
        if self._steps is None:
            self._steps = self._all()
        for shown in self._steps:
            if report(shown):
                return shown.done == shown.count
        return True

    def _all(self) -> Iterator[Shown]:
        """Make all steps; where memory runs out, again from the first with less at a time."""
        plan: Plan | None = self.plan_of()
        while plan is not None:
            self.plan, self.last, self.scores = plan, None, []
            try:
                yield from self._of(plan)
                return
            except NotEnoughMemory:
                plan = plan.lighter()
                if plan is None:
                    raise
            gc.collect()
            return_freed_memory()

    def _of(self, plan: Plan) -> Iterator[Shown]:
        camera, whole, done, told = Camera(_INTERVAL_S, _SHARE), max(1, pixels_of(plan)), 0, 0
        for step in plan.steps():
            self.last = step
            self.scores.append(step.scores)
            done += plan.stages[step.octave]
            show = functools.partial(_shown, step)
            picture = show() if len(self.scores) == plan.count else camera.shot(show)
            new: tuple[float, ...] = ()
            if picture is not None:  # reading scores waits for the device
                new = tuple(float(each.mean()) for each in self.scores[told:])
                told = len(self.scores)
            several = len(plan.stages) > 1
            stage = (
                f"{plan.stage_name} {step.octave + 1} of {len(plan.stages)}" if several else "step"
            )
            yield Shown(len(self.scores), plan.count, done / whole, stage, new, picture)

    def result(self) -> Made:
        """See `Work`."""
        assert self.plan is not None  # else there would be an error
        result = self.plan.result(self.last, self.scores)
        name = self.shelf.keep(result, self.stem)
        return Made(name, result.notes, self._again(result, name))

    def _again(self, result: Result, name: str) -> dict[str, str]:
        if self.given is None or result.job.stopped_after is not None:
            return self.shelf.again(name)
        return texts(self.shelf, self.recipe, self.given, name)


def texts(
    shelf: Shelf, recipe: type[Recipe], given: Mapping[str, Any], name: str
) -> dict[str, str]:
    """Return the command and the Python that make a picture, in the folder of its photo."""
    return {
        "command": shelf.there(command(recipe, given, name)),
        "python": shelf.there_in_python(python(recipe, given, name)),
    }


@dataclass(eq=False)
class FilmWork:
    """A film, or the first frames of one.

    Args:
        plan_of: checks the order and lays it out.
        shelf: keeps the film.
        recipe: what is wanted.
        given: the settings that say so, for the command.
        name: of its file.
        preview: how many frames are made to be looked at, without a film; None for the film.
    """

    plan_of: Callable[[], Making]
    shelf: Shelf
    recipe: type[Recipe]
    given: Mapping[str, Any]
    name: str
    preview: int | None = None
    notes: tuple[str, ...] = ()

    def carry_out(self, report: Report) -> bool:
        """See `Work`; a film that is gone on with has the frames that it had."""
        plan = self.plan_of()
        self.notes = plan.notes
        return self._film(plan, report) if self.preview is None else self._first(plan, report)

    def _first(self, plan: Making, report: Report) -> bool:
        assert self.preview is not None
        count = min(self.preview, plan.count or self.preview)
        made: list[NDArray[np.uint8]] = []
        for number, (frame, _) in enumerate(itertools.islice(plan.frames(), count), 1):
            made.append(frame.pixels)
            picture = moving(made) if number == count else jpeg_of_pixels(frame.pixels)
            if report(Shown(number, count, number / count, "frame", (), picture)):
                return number == count
        return True

    def _film(self, plan: Making, report: Report) -> bool:
        frames = _Counted(plan.count or 0, report)
        plan.check_free(force=False)
        return plan.run(frames.tell, frames.stopped, frames.watch).finished

    def result(self) -> Made:
        """See `Work`."""
        name = self.name if self.preview is None and self.shelf.has(self.name) else None
        return Made(name, self.notes, texts(self.shelf, self.recipe, self.given, self.name))


class _Counted:
    """Reports the frames of a film that is made."""

    def __init__(self, count: int, report: Report) -> None:
        self.count, self.report = count, report
        self.done = 0
        self.picture: bytes | None = None

    def tell(self, text: str) -> None:
        found = re.match(r"frame (\d+)", text)
        self.done = int(found[1]) if found else self.done

    def watch(self, pixels: NDArray[np.uint8]) -> None:
        self.picture = jpeg_of_pixels(pixels)

    def stopped(self) -> bool:
        picture, self.picture = self.picture, None
        count = max(self.count, self.done)
        return self.report(Shown(self.done, count, self.done / count, "frame", (), picture))


def _shown(step: Step) -> bytes:
    return jpeg(step.image())

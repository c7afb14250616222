"""Sweeps: dreams of one photo by several settings, side by side."""

from __future__ import annotations

import functools
import itertools
import math
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from entoptic.ascent.loop import Step
from entoptic.errors import BadSetting, EntopticError
from entoptic.images import picture_of
from entoptic.images.contact_sheet import sheet, sheet_size
from entoptic.jobs.dreams import DreamPlan, kept_texts
from entoptic.jobs.inputs import check_pixels, source_of
from entoptic.jobs.job import Job
from entoptic.jobs.plan import Plan, made_with
from entoptic.jobs.units import MOST_UNITS
from entoptic.layers import Layer
from entoptic.objectives import Objective
from entoptic.objectives.files import Files
from entoptic.types import Image

if TYPE_CHECKING:
    from entoptic.recipes.dream import Dream
    from entoptic.recipes.sweep import SweepOfDreams

# Pictures in a row, where only one setting has several values.
_COLUMNS = (4, 5, 3)


@dataclass(frozen=True, eq=False)
class SweepPlan(Plan):
    """Dreams that have been checked and can begin, one after the other.

    Args:
        dreams: each of the same size.
        labels: what stands below each.
        columns: of the sheet.
    """

    dreams: tuple[DreamPlan, ...]
    labels: tuple[str, ...]
    columns: int

    @property
    def stages(self) -> Sequence[int]:
        return [stage for dream in self.dreams for stage in dream.stages]

    @property
    def stage_name(self) -> str:
        return "octave"

    @property
    def stage_steps(self) -> int:
        return self.dreams[0].stage_steps

    @property
    def step_counts(self) -> Sequence[int]:
        return [count for dream in self.dreams for count in dream.step_counts]

    @property
    def shape(self) -> tuple[int, int]:
        return sheet_size(len(self.dreams), self.columns, *self.dreams[0].shape, labelled=True)

    @property
    def start(self) -> Image:
        return self._laid_out(self._each([]))

    @property
    def inputs(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(path for dream in self.dreams for path in dream.inputs))

    @property
    def picture_labels(self) -> tuple[str, ...]:
        return self.labels

    @property
    def picture_jobs(self) -> tuple[Job, ...]:
        return tuple(dream.job for dream in self.dreams)

    def all_steps(self) -> Iterator[Step]:
        made: list[Tensor] = []
        before = 0
        for dream in self.dreams:
            last: Step | None = None
            for last in dream.all_steps():
                each = functools.partial(self._so_far, tuple(made), last)
                yield replace(
                    last,
                    octave=before + last.octave,
                    image=functools.partial(self._shown, each),
                    images=each,
                )
            made.append(dream.start if last is None else last.image().cpu())
            before += len(dream.stages)

    def _so_far(self, made: Sequence[Tensor], step: Step) -> Image:
        return self._each([*made, step.image().cpu()])

    def _shown(self, each: Callable[[], Tensor]) -> Tensor:
        return self._laid_out(each())

    def _each(self, made: Sequence[Tensor]) -> Image:
        """Return the pictures made so far, and the photo for the others."""
        return torch.cat([*made, *(dream.start for dream in self.dreams[len(made) :])])

    def _laid_out(self, each: Tensor) -> Tensor:
        return sheet(each, self.columns, labels=self.labels)


def plan_sweep(
    how: SweepOfDreams,
    varied: Mapping[str, Sequence[Any]],
    dream: type[Dream],
    files: Files | None = None,
) -> SweepPlan:
    """Check a sweep and lay it out.

    Args:
        how: the recipe.
        varied: the values of each setting that is given.
        dream: the recipe of each picture.
        files: reads those that the objectives name; see `Recipe.plan`.

    Raises:
        EntopticError: what is wrong with one of the dreams, with its settings.
    """
    model = how.network()
    photo = picture_of(how.photo)
    varied = {
        name: [_written(dream(model, **{name: each}), name) for each in values]
        for name, values in varied.items()
    }
    several = {name: values for name, values in varied.items() if len(values) > 1}
    fixed = {name: values[0] for name, values in varied.items() if len(values) == 1}
    count = math.prod(map(len, several.values()))
    if count > MOST_UNITS:
        raise BadSetting(f"{count} pictures; a sheet has at most {MOST_UNITS}")
    shared: dict[str, Any] = {
        "model": model,
        "size": how.size,
        "seed": how.seed,
        "precision": how.precision,
        "device": how.device,
    }
    dreams, labels = [], []
    for values in itertools.product(*several.values()):
        own = dict(zip(several, values, strict=True))
        label = " ".join(f"--{name.replace('_', '-')} {_typed(each)}" for name, each in own.items())
        given = {name: each for name, each in (fixed | own).items() if each is not None}
        try:
            dreams.append(dream(photo=photo, **shared, **given).plan(files))
        except EntopticError as error:
            raise type(error)(f"{label}: {error}" if label else str(error)) from None
        labels.append(label)
    if count == 1:
        raise BadSetting(
            "one picture is no sweep; give several values of a setting or of several, such as "
            "--look eyes,fur --strength 0.5,1"
        )
    if len(several) > 1:
        columns = len(list(several.values())[-1])
    else:
        columns = min(min(_COLUMNS, key=lambda each: -count % each), count)
    first = dreams[0]
    job = Job(
        recipe=how.name,
        model=model.source,
        objective=first.job.objective,
        settings=how.kept() | varied,
        photo=source_of(photo),
        guides=tuple(dict.fromkeys(each for dream in dreams for each in dream.job.guides)),
        seed=how.seed,
        device=first.job.device,
        made_with=made_with(),
    )
    notes = tuple(dict.fromkeys(note for dream in dreams for note in dream.notes))
    plan = SweepPlan(
        model, first.objective, first.device, job, notes, tuple(dreams), tuple(labels), columns
    )
    check_pixels(*plan.shape)
    return plan


def _written(how: Dream, name: str) -> Any:
    """Return a setting of a dream as its job keeps it, and as it is typed."""
    value = kept_texts(how).get(name, getattr(how, name))
    if isinstance(value, Objective):
        return repr(value)
    return str(value) if isinstance(value, Layer) else value


def _typed(value: Any) -> str:
    """Return a value as it is typed on the command line.

    >>> _typed("energy('fire5')"), _typed(0.5), _typed((60, 80))
    ('"energy(\\'fire5\\')"', '0.5', '60x80')
    """
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    text = f"{value:g}" if isinstance(value, float) else str(value)
    quoted = shlex.quote(text)
    return f'"{text}"' if "'" in text and '"' not in text else quoted

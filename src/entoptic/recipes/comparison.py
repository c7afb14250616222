"""Comparisons: what the same units want in several networks, or by several methods."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from entoptic import images
from entoptic.ascent.loop import Step
from entoptic.checks import seed as a_seed, several, taking, text
from entoptic.errors import BadSetting, EntopticError
from entoptic.images import Picture
from entoptic.images.contact_sheet import sheet, sheet_size
from entoptic.jobs.defaults import best_method
from entoptic.jobs.inputs import check_pixels
from entoptic.jobs.job import Result
from entoptic.jobs.methods import climb_settings
from entoptic.jobs.plan import Plan
from entoptic.jobs.sheets import Layout, SheetPlan, plan_sheet
from entoptic.jobs.units import MOST_UNITS, label_of, read_units
from entoptic.networks import DeviceLike, Model, ModelLike, models_of
from entoptic.objectives import Objective, per_image
from entoptic.types import Image


@dataclass(frozen=True, eq=False)
class ComparePlan(Plan):
    """Columns of pictures that have been checked and can begin, one column after the other.

    Args:
        columns: each a stack of as many pictures.
        titles: what stands above each column.
        labels: what stands below the pictures of each row.
    """

    columns: tuple[SheetPlan, ...]
    titles: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def stages(self) -> Sequence[int]:
        return [stage for column in self.columns for stage in column.stages]

    @property
    def stage_name(self) -> str:
        return self.columns[0].stage_name

    @property
    def stage_steps(self) -> int:
        return self.columns[0].stage_steps

    @property
    def shape(self) -> tuple[int, int]:
        across = len(self.columns)
        count = across * len(self.labels)
        return sheet_size(count, across, *self.columns[0].size, labelled=True, titled=True)

    @property
    def start(self) -> Image:
        return self._laid_out([])

    @property
    def inputs(self) -> tuple[Path, ...]:
        return tuple(path for column in self.columns for path in column.inputs)

    def lighter(self) -> ComparePlan | None:
        columns = [each for column in self.columns if (each := column.lighter()) is not None]
        if len(columns) < len(self.columns):
            return None
        settings = {**self.job.settings, "batch": columns[0].batch}
        job = replace(self.job, settings=settings, device=columns[0].job.device)
        return replace(self, columns=tuple(columns), job=job, notes=_notes(columns))

    def all_steps(self) -> Iterator[Step]:
        done: list[Tensor] = []
        before = 0
        for column in self.columns:
            stack = column.start
            for step in column.all_steps():
                render = functools.partial(self._so_far, tuple(done), step)
                yield replace(step, octave=before + step.octave, image=render, alpha=None)
                if step.index == column.stage_steps - 1:
                    stack = _on_white(step)
            done.append(stack)
            before += len(column.stages)

    def _so_far(self, done: Sequence[Tensor], step: Step) -> Image:
        return self._laid_out([*done, _on_white(step)])

    def _laid_out(self, made: Sequence[Tensor]) -> Image:
        """The columns made so far, and the others as they begin."""
        stacks = [*made, *(column.start for column in self.columns[len(made) :])]
        height, width = self.columns[0].size
        rows = len(self.labels)
        # (columns, 3, rows, height, width), to be laid out row by row.
        tiles = torch.cat(stacks).reshape(-1, 3, rows, height, width).permute(2, 0, 1, 3, 4)
        labels = [label for label in self.labels for _ in self.columns]
        return sheet(tiles.flatten(0, 1), len(stacks), labels=labels, titles=self.titles)


def _notes(columns: Sequence[SheetPlan]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note for column in columns for note in column.notes))


def _on_white(step: Step) -> Image:
    """The picture as a sheet shows it."""
    picture = step.image()
    if step.alpha is None:
        return picture
    return torch.lerp(torch.ones_like(picture), picture, step.alpha().cpu())


def compare(
    models: ModelLike | Sequence[ModelLike],
    *units: str | Objective,
    methods: Sequence[str] = (),
    canvases: Sequence[str] = (),
    transforms: Sequence[str] = (),
    seed: int = 0,
    device: DeviceLike = "auto",
    **settings: Any,
) -> Result:
    """The same units in several networks, or by several methods, side by side.

    There are several of one thing, and at most one of each other.

    Args:
        models: from `load`, or `Model.wrap`.
        units: as for `visualize`; each makes a row.
        methods: names of methods.
        canvases: names of canvases.
        transforms: names of sets of transforms.
        seed: of all chance, the same for each column.
        device: `auto`, `cpu`, `cuda`, ...; several with commas between share the pictures.
        settings: the other ones of `ClimbSettings`: size, steps, learning_rate, batch.

    Returns:
        A sheet with a column for each of what is compared, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    >>> import entoptic as ent
    >>> by = {"methods": ["lucid", "maco"], "size": 48, "steps": 1}
    >>> ent.compare(ent.load(), "fire5:3", **by).image.shape
    torch.Size([1, 3, 88, 100])
    """
    given = [models] if isinstance(models, Model | nn.Module | str) else models
    return plan_compare(
        given,
        units,
        methods=methods,
        canvases=canvases,
        transforms=transforms,
        seed=seed,
        on=device,
        **settings,
    ).run()


_NAMES = several(text, "names")


@taking(methods=_NAMES, canvases=_NAMES, transforms=_NAMES, seed=a_seed)
def plan_compare(
    models: Sequence[ModelLike],
    units: Sequence[str | Objective],
    *,
    methods: Sequence[str] = (),
    canvases: Sequence[str] = (),
    transforms: Sequence[str] = (),
    seed: int = 0,
    on: DeviceLike = "auto",
    read_guide: Callable[[str], Picture] = images.read,
    **settings: Any,
) -> ComparePlan:
    """Check a comparison and lay it out; arguments as for `compare`."""
    networks = models_of(models, "models")
    sources = [model.source for model in networks]
    named = {"models": sources, "methods": methods, "canvases": canvases, "transforms": transforms}
    compared = _compared(named)
    titles = named[compared]
    wanted = [each for unit in units for each in read_units(unit)]
    if not 0 < len(wanted) * len(titles) <= MOST_UNITS:
        raise BadSetting(
            f"{len(wanted)} units in {len(titles)} columns; a sheet has 1 to {MOST_UNITS} pictures"
        )
    by_name = {"method": methods, "canvas": canvases, "transforms": transforms}
    columns = []
    for number in range(len(titles)):
        given = {name: _of_column(each, number) for name, each in by_name.items()}
        model = _of_column(networks, number)
        assert model is not None  # as `_compared` has seen to
        best = {"method": best_method(model)}
        how = climb_settings("compare", _without(settings, by_name) | given, best)
        try:
            column = plan_sheet(
                "compare",
                model,
                per_image(wanted),
                len(wanted),
                how,
                layout=Layout(columns=1, gap=0),
                seed=seed,
                on=on,
                read_guide=read_guide,
            )
        except EntopticError as error:
            raise type(error)(f"in the column {titles[number]!r}: {error}") from None
        columns.append(column)
    # One for all columns: of what `auto` has found for each network, what all have room for.
    batch = min(column.batch for column in columns)
    columns = [column.with_batch(batch) for column in columns]
    first = columns[0]
    own = {name: list(each) for name, each in named.items()}
    kept = {name: getattr(first.settings, name) for name in ("size", "steps", "batch")}
    same = {name: settings.get(name) for name in ("learning_rate", "spectrum", "precision")}
    precisions = {column.settings.precision for column in columns}
    if len(precisions) == 1:
        same["precision"] = precisions.pop()  # what `auto` has found
    said = {name: value for name, value in same.items() if value is not None}
    job = replace(first.job, settings=own | kept | {"learning_rate": None} | said)
    plan = ComparePlan(
        model=first.model,
        objective=first.objective,
        device=first.device,
        job=job,
        notes=_notes(columns),
        columns=tuple(columns),
        titles=tuple(titles),
        labels=tuple(map(label_of, wanted)),
    )
    check_pixels(*plan.shape)
    return plan


def _compared(named: dict[str, Sequence[str]]) -> str:
    """Of what there are several.

    Raises:
        BadSetting: of nothing, of more than one thing, of no network, or one twice.
    """
    several = [name for name, each in named.items() if len(each) > 1]
    if len(several) != 1 or not named["models"]:
        given = ", ".join(f"{len(each)} {name}" for name, each in named.items() if each)
        raise BadSetting(
            f"a comparison of {given or 'nothing'}; give several models, methods, canvases or "
            "transforms, but not several of two of them"
        )
    names = named[several[0]]
    if len(set(names)) < len(names):
        raise BadSetting(f"{several[0]} to compare must differ; given are {', '.join(names)}")
    return several[0]


def _of_column(several: Sequence[Any], number: int) -> Any:
    """What a column has of something: its own, the one of all columns, or None."""
    return several[number] if len(several) > 1 else next(iter(several), None)


def _without(settings: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    """The settings, of which none may be what has its own way of being given."""
    if wrong := sorted(settings.keys() & names.keys()):
        raise BadSetting(f"a comparison has no setting {wrong[0]!r}; give a list of names")
    return settings

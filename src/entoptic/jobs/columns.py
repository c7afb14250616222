"""Columns of pictures of the same units, for comparison."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from entoptic.ascent.loop import Step
from entoptic.images.contact_sheet import sheet, sheet_size
from entoptic.jobs.plan import Plan
from entoptic.jobs.sheets import SheetPlan
from entoptic.types import Image


@dataclass(frozen=True, eq=False)
class ColumnsPlan(Plan):
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

    def lighter(self) -> ColumnsPlan | None:
        columns = [each for column in self.columns if (each := column.lighter()) is not None]
        if len(columns) < len(self.columns):
            return None
        settings = {**self.job.settings, "batch": columns[0].batch}
        job = replace(self.job, settings=settings, device=columns[0].job.device)
        return replace(self, columns=tuple(columns), job=job, notes=notes_of(columns))

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


def notes_of(columns: Sequence[SheetPlan]) -> tuple[str, ...]:
    """Return the notes of all columns, each once."""
    return tuple(dict.fromkeys(note for column in columns for note in column.notes))


def _on_white(step: Step) -> Image:
    """The picture as a sheet shows it."""
    picture = step.image()
    if step.alpha is None:
        return picture
    return torch.lerp(torch.ones_like(picture), picture, step.alpha().cpu())

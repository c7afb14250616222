"""A plan: work that has been checked and can begin."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypeVar

import torch
from torch import Tensor

from entoptic.ascent.loop import Step
from entoptic.ascent.memory import within_memory
from entoptic.jobs.job import Job, Result
from entoptic.jobs.progress import is_interactive, progress_bar
from entoptic.networks import Model
from entoptic.networks.modes import in_usual_modes
from entoptic.networks.sources.named_files import files_named
from entoptic.objectives import Objective
from entoptic.types import Alpha, Image

Same = TypeVar("Same", bound="Plan")
Callbacks = Sequence[Callable[[Step], object]]


@dataclass(frozen=True, eq=False)
class Plan(ABC):
    """A recipe's work, laid out stage by stage; each recipe has its own kind.

    Args:
        model: the network.
        objective: bound to it.
        device: where to compute.
        job: what the picture will carry.
        notes: what the user should know beforehand.
        bits: per channel, of a picture that is made again.
    """

    model: Model
    objective: Objective
    device: torch.device
    job: Job
    notes: tuple[str, ...]
    bits: Literal[8, 16] = field(default=8, kw_only=True)

    @property
    @abstractmethod
    def stages(self) -> Sequence[int]:
        """Numbers of pixels that a step of each stage works through."""

    @property
    @abstractmethod
    def stage_name(self) -> str:
        """The name of a stage: "octave"."""

    @property
    @abstractmethod
    def stage_steps(self) -> int:
        """Steps of each stage; of plans whose stages differ, of the first."""

    @property
    def step_counts(self) -> Sequence[int]:
        """Steps of each stage, stage by stage."""
        return [self.stage_steps] * len(self.stages)

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(height, width) of the result."""

    @property
    @abstractmethod
    def start(self) -> Image:
        """The result where no step is made."""

    @property
    def alpha(self) -> Alpha | None:
        """Transparency of the result."""
        return None

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files that are read, the network's among them, and so mustn't be written."""
        return files_named(self.model.source)

    @abstractmethod
    def all_steps(self) -> Iterator[Step]:
        """Every step of every stage; `octave` is the number of the stage."""

    @property
    def count(self) -> int:
        """Number of steps in all."""
        stop = self.job.stopped_after
        whole = sum(self.step_counts)
        return whole if stop is None else min(stop, whole)

    @in_usual_modes
    def steps(self) -> Iterator[Step]:
        """Work; each step can render the whole picture as it is then, at its final size."""
        yield from itertools.islice(self.all_steps(), self.count)

    def lighter(self: Same) -> Same | None:
        """The same work with less memory at a time; None where that can't be."""
        return None

    @in_usual_modes
    def run(
        self,
        *,
        callback: Callable[[Step], object] | None = None,
        progress: bool | None = None,
        show: bool = False,
    ) -> Result:
        """Work to the end; where memory runs out, again from the start with less at a time.

        Args:
            callback: is given each step.
            progress: whether a bar is shown; None shows one in a notebook and at a prompt. There,
                an interrupt ends the work with the picture as it is; elsewhere it is raised.
            show: whether the picture is drawn as it grows, in a notebook.

        Raises:
            BadSetting: it is to be shown, and this is no notebook.
        """
        seen = () if callback is None else (callback,)
        if show:
            return within_memory(self, lambda plan: plan._run_drawn(seen, progress is not False))
        return within_memory(self, lambda plan: plan._run(seen, progress))

    def _run_drawn(self, callbacks: Callbacks, bar: bool) -> Result:
        from entoptic.jobs.drawing import Drawing

        drawing = Drawing(self, bar)
        try:
            result = self._run((drawing.advance, *callbacks), progress=False)
        except BaseException:
            drawing.clear()
            raise
        drawing.end(result)
        return result

    def _run(self, callbacks: Callbacks, progress: bool | None) -> Result:
        last: Step | None = None
        scores: list[Tensor] = []
        with progress_bar(self, progress) as advance:
            try:
                for step in self.steps():
                    last = step
                    scores.append(step.scores)
                    advance(step)
                    for callback in callbacks:
                        callback(step)
            except KeyboardInterrupt:
                if last is None or not is_interactive():
                    raise
        return self.result(last, scores)

    def result(self, last: Step | None, scores: Sequence[Tensor] = ()) -> Result:
        """The picture after the last step that was made; the job says so where that was early.

        Args:
            scores: those of each step; a batch's are averaged.
        """
        image = self.start if last is None else last.image().cpu()
        done = len(scores)
        job = self.job if done == self.count else replace(self.job, stopped_after=done)
        values = torch.stack([each.mean() for each in scores]).tolist() if scores else []
        alpha = self.alpha if last is None or last.alpha is None else last.alpha().cpu()
        several = image if last is None or last.images is None else last.images().cpu()
        labels, jobs = self.picture_labels, self.picture_jobs
        return Result(
            image, job, alpha, tuple(values), self.notes, self.bits, several, labels, jobs
        )

    @property
    def picture_labels(self) -> tuple[str, ...]:
        """Labels of several pictures; empty for one."""
        return ()

    @property
    def picture_jobs(self) -> tuple[Job, ...]:
        """The jobs of several pictures that are each made by its own; else empty."""
        return ()


def made_with() -> dict[str, str]:
    """The versions that a job is made with."""
    return {"entoptic": version("entoptic"), "torch": torch.__version__}

"""The progress bar: which picture, which octave, the score and the time left, on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from entoptic.cli.arguments import one_line
from entoptic.cli.printing import echo
from entoptic.jobs.progress import short_number, work

if TYPE_CHECKING:
    from entoptic.ascent.loop import Step
    from entoptic.jobs.plan import Plan

# Reading a score waits for the device; ten times a second is all that an eye can follow.
_INTERVAL = 0.1


class Bar:
    """The progress of a picture where nobody looks: it shows nothing."""

    def advance(self, step: Step) -> None:
        """Show a step that has been made."""

    def stopping(self) -> None:
        """Show that Ctrl-C was pressed, and that the step in progress still ends."""

    def finish(self) -> None:
        """End the bar, after the last step or Ctrl-C."""


@dataclass(frozen=True)
class Share:
    """The part of a command's work that a bar's pictures are; one bar serves all parts.

    Args:
        pictures: the number of those that are optimised together.
        before: what is done already, in pixels worked through.
        total: what there is to do in all; None for these pictures only.
        began: when the command's work did.
    """

    pictures: int = 1
    before: int = 0
    total: int | None = None
    began: float | None = None


ALL = Share()
"""One picture that is all there is to make."""


class ShownBar(Bar):
    """A bar that fills by the pixels that have been worked through, not by steps."""

    def __init__(self, plan: Plan, bar: Progress, name: str, share: Share) -> None:
        self.bar = bar
        self.name = name
        self.plan = plan
        self.weights = plan.stages
        self.share = share
        self.total = work(plan) if share.total is None else share.total
        self.task: TaskID = bar.add_task(
            name, total=self.total, completed=share.before, octave=self._octave(0), score=""
        )
        if share.began is not None:
            bar.tasks[0].start_time = share.began
        self.last: Step | None = None
        self.shown = 0.0

    def advance(self, step: Step) -> None:
        self.last = step
        self.bar.advance(self.task, self.share.pictures * self.weights[step.octave])
        if time.monotonic() - self.shown > _INTERVAL:
            self._show(step)

    def stopping(self) -> None:
        self.bar.update(self.task, description="Stopping (Ctrl-C again: unsaved)")

    def finish(self) -> None:
        self.bar.update(self.task, description=self.name)
        if self.last is not None:
            self._show(self.last)

    def _show(self, step: Step) -> None:
        self.shown = time.monotonic()
        score = short_number(float(step.scores.mean()))
        self.bar.update(self.task, octave=self._octave(step.octave), score=f"score {score}")

    def _octave(self, octave: int) -> str:
        return f"{self.plan.stage_name} {octave + 1}/{len(self.weights)}"


class _Clock(ProgressColumn):
    """The time left, and in the end the time that it took."""

    def render(self, task: Task) -> Text:
        if task.finished:
            return Text(f"in {_minutes(task.finished_time or 0)}", style="progress.elapsed")
        left = "" if task.time_remaining is None else f"{_minutes(task.time_remaining)} left"
        return Text(left, style="progress.remaining")


def _minutes(seconds: float) -> str:
    """Minutes and seconds, which a glance reads.

    >>> _minutes(75.4)
    '1:15'
    """
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"


@contextmanager
def progress(plan: Plan, name: str, quiet: bool, share: Share = ALL) -> Iterator[Bar]:
    """Show how a plan proceeds; on anything but a terminal nothing is shown."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal or plan.count == 0:
        yield Bar()
        return
    columns = (
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", max_width=32),
        ),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[octave]}", table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[score]}", table_column=Column(no_wrap=True, min_width=12)),
        _Clock(table_column=Column(no_wrap=True, justify="right", min_width=10)),
    )
    # What is followed by another bar makes room for it.
    more = share.total is not None and share.before + share.pictures * work(plan) < share.total
    with Progress(*columns, console=console, expand=True, transient=more) as bar:
        shown = ShownBar(plan, bar, one_line(name), share)
        yield shown
        shown.finish()


class Teller:
    """Tells notes on stderr, and on a terminal what is being done, each time on the same line.

    Args:
        quiet: whether it tells nothing.
    """

    def __init__(self, quiet: bool) -> None:
        self.quiet, self._draws = quiet, not quiet and sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        if self._draws:
            click.echo(f"\r\x1b[K{one_line(text)} ", nl=False, err=True)

    def note(self, text: str) -> None:
        """Tell a note, on a line of its own."""
        self.end()
        if not self.quiet:
            echo(f"Note: {text}", err=True)

    def end(self) -> None:
        """Leave the line empty."""
        if self._draws:
            click.echo("\r\x1b[K", nl=False, err=True)

    def __enter__(self) -> Teller:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

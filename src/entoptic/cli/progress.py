"""The progress bar: octave, score and time left, on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from entoptic.ascent import Step
    from entoptic.recipes import Plan

# Reading a score waits for the device; ten times a second is all that an eye can follow.
_INTERVAL = 0.1


@contextmanager
def progress(plan: Plan, name: str, quiet: bool) -> Iterator[Callable[[Step], None]]:
    """A bar that fills by the pixels that have been worked through, not by steps."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda step: None
        return
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("octave {task.fields[octave]}/{task.fields[octaves]}"),
        TextColumn("score {task.fields[score]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        transient=False,
    )
    weights = [height * width for height, width in plan.sizes]
    total = sum(weights) * plan.settings.steps
    with bar:
        task = bar.add_task(name, total=max(total, 1), octave=1, octaves=len(weights), score="...")
        shown = 0.0

        def tell(step: Step) -> None:
            nonlocal shown
            bar.advance(task, weights[step.octave])
            if time.monotonic() - shown > _INTERVAL:
                shown = time.monotonic()
                bar.update(task, octave=step.octave + 1, score=f"{float(step.scores.mean()):.4g}")

        yield tell

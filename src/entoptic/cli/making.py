"""Carrying out a plan: progress, frames, Ctrl-C, and the result saved and told."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entoptic.cli.outputs import Delivery, check_output, free
from entoptic.cli.progress import progress

if TYPE_CHECKING:
    from entoptic.ascent import Step
    from entoptic.jobs import Result
    from entoptic.recipes import Plan

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def check(plan: Plan, output: Path, delivery: Delivery, inputs: Sequence[Path]) -> None:
    """Find out before any work whether the result can be written."""
    check_output(output, delivery, [*inputs, *plan.inputs], plan.shape)


def make(plan: Plan, output: Path, delivery: Delivery, inputs: Sequence[Path]) -> int:
    """Carry out a plan and save its result; without memory, again with less at a time.

    Returns:
        The exit code: 130 where Ctrl-C ended it, with what there was saved.
    """
    from entoptic.recipes.memory import within_memory

    check(plan, output, delivery, inputs)
    return within_memory(plan, lambda plan: _make(plan, output, delivery, inputs))


def _make(plan: Plan, output: Path, delivery: Delivery, inputs: Sequence[Path]) -> int:
    last: Step | None = None
    scores: list[Any] = []
    with (
        progress(plan, output.name, delivery.quiet) as bar,
        _graceful_interrupt(bar.stopping) as interrupted,
    ):
        for step in plan.steps():
            last = step
            scores.append(step.scores)
            bar.advance(step)
            done = len(scores)
            if delivery.every and done % delivery.every == 0 and done < plan.count:
                frame = output.with_stem(f"{output.stem}-step{done:0{len(str(plan.count))}}")
                frame = free(frame, [*inputs, *plan.inputs], (), delivery.force)
                plan.result(last, scores).save(frame, bits=delivery.bits)
            if interrupted():
                break
        # Saved before Ctrl-C ends the program again at once.
        result = plan.result(last, scores)
        result.save(output, bits=delivery.bits)
    _report(result, output, delivery)
    if len(scores) < plan.count:
        click.echo(f"Interrupted after {len(scores)} of {plan.count} steps; saved.", err=True)
        return INTERRUPTED
    return 0


def _report(result: Result, output: Path, delivery: Delivery) -> None:
    if not delivery.quiet:
        for note in result.notes:
            click.echo(f"Note: {note}", err=True)
    if not delivery.as_json:
        # As bytes: a name needn't be text that the terminal's encoding knows.
        click.echo(os.fsencode(output))
        return
    made_now = {
        "picture": str(output),
        "height": result.image.shape[-2],
        "width": result.image.shape[-1],
        "steps": len(result.scores),
        "first_score": result.scores[0] if result.scores else None,
        "last_score": result.scores[-1] if result.scores else None,
        "notes": list(result.notes),
        "job": json.loads(result.job.to_json()),
    }
    click.echo(json.dumps(made_now))


@contextmanager
def _graceful_interrupt(tell: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Let the step in progress end when Ctrl-C is pressed; the second press ends it all at once.

    Args:
        tell: called at the first press.
    """
    pressed = False

    def press(number: int, frame: Any) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        tell()

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)

"""Carrying out a plan: progress, frames, Ctrl-C, and the result saved and told."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entoptic.cli.outputs import Delivery, check_output, free
from entoptic.cli.printing import echo
from entoptic.cli.progress import ALL, Share, progress

if TYPE_CHECKING:
    from entoptic.ascent import Step
    from entoptic.jobs import Result
    from entoptic.recipes import PhotosTogether, Plan

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

    def work(plan: Plan) -> int:
        return _make([plan], ([step] for step in plan.steps()), [output], delivery, inputs)

    return within_memory(plan, work)


def make_together(
    group: PhotosTogether,
    outputs: Sequence[Path],
    delivery: Delivery,
    inputs: Sequence[Path],
    share: Share,
) -> int:
    """Carry out dreams that climb together and save the result of each; else like `make`."""
    from entoptic.errors import DeadGradient, NonFiniteGradient, NotEnoughMemory

    try:
        return _make(group.plans, group.steps(), outputs, delivery, inputs, share)
    except (DeadGradient, NonFiniteGradient, NotEnoughMemory):
        if len(outputs) == 1:
            raise
    # What is wrong with one photo is said of that one, after those before it are made.
    for plan, output in zip(group.alone, outputs, strict=True):
        code = make(plan, output, delivery, inputs)
        if code:
            return code
    return 0


def _make(
    plans: Sequence[Plan],
    work: Iterator[Sequence[Step]],
    outputs: Sequence[Path],
    delivery: Delivery,
    inputs: Sequence[Path],
    share: Share = ALL,
) -> int:
    """Do what makes one step of each plan at a time, and save the results."""
    for plan, output in zip(plans, outputs, strict=True):
        check(plan, output, delivery, inputs)
    last: Sequence[Step | None] = [None] * len(plans)
    scores: list[list[Any]] = [[] for _ in plans]
    done, count = 0, plans[0].count

    def save(where: Sequence[Path]) -> list[Result]:
        results = []
        for plan, step, seen, path in zip(plans, last, scores, where, strict=True):
            results.append(plan.result(step, seen))
            results[-1].save(path, bits=delivery.bits)
        return results

    with (
        progress(plans[0], _called(outputs), delivery.quiet, share) as bar,
        _graceful_interrupt(bar.stopping) as interrupted,
    ):
        for last in work:
            for seen, step in zip(scores, last, strict=True):
                seen.append(step.scores)
            bar.advance(_joined(last))
            done += 1
            if delivery.every and done % delivery.every == 0 and done < count:
                suffix = f"-step{done:0{len(str(count))}}"
                read = [*inputs, *(path for plan in plans for path in plan.inputs)]
                frames = [output.with_stem(output.stem + suffix) for output in outputs]
                save([free(frame, read, (), delivery.force) for frame in frames])
            if interrupted():
                break
        # Saved before Ctrl-C ends the program again at once.
        results = save(outputs)
    for result, output in zip(results, outputs, strict=True):
        _report(result, output, delivery)
    if done < count:
        echo(f"Interrupted after {done} of {count} steps; saved.", err=True)
        return INTERRUPTED
    return 0


def _joined(steps: Sequence[Step]) -> Step:
    """What the bar shows of a step of several pictures."""
    if len(steps) == 1:
        return steps[0]
    import torch

    return replace(steps[0], scores=torch.cat([each.scores for each in steps]))


def _called(outputs: Sequence[Path]) -> str:
    more = f" and {len(outputs) - 1} more" if len(outputs) > 1 else ""
    return f"{outputs[0].name}{more}"


def _report(result: Result, output: Path, delivery: Delivery) -> None:
    if not delivery.quiet:
        for note in result.notes:
            echo(f"Note: {note}", err=True)
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
    echo(json.dumps(made_now))


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

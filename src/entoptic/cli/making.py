"""Carrying out a plan: progress, frames, Ctrl-C, and the result saved and told."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entoptic.cli import signals
from entoptic.cli.outputs import STDOUT, Delivery, check_output, free, saved
from entoptic.cli.printing import echo
from entoptic.cli.progress import ALL, Share, progress

if TYPE_CHECKING:
    from entoptic.ascent.loop import Step
    from entoptic.jobs.dream_batches import PhotosTogether
    from entoptic.jobs.job import Result
    from entoptic.jobs.plan import Plan


def check(plan: Plan, output: Path, delivery: Delivery, inputs: Sequence[Path]) -> None:
    """Find out before any work whether the result can be written."""
    # What a network reads takes a while to find out, and matters only where something is there.
    read = plan.inputs if os.path.lexists(output) else ()
    check_output(output, delivery, [*inputs, *read], plan.shape)


def make(
    plan: Plan, output: Path | Sequence[Path], delivery: Delivery, inputs: Sequence[Path]
) -> int:
    """Carry out a plan and save its result; without memory, again with less at a time.

    Args:
        plan: what is made.
        output: where the result goes; or where each of its pictures goes.
        delivery: what the user wants.
        inputs: pictures that must survive.

    Returns:
        The exit code: that of the signal that ended it, such as 130 for Ctrl-C, with what there
        was saved.
    """
    from entoptic.ascent.memory import within_memory

    outputs = [output] if isinstance(output, Path) else output

    def work(plan: Plan) -> int:
        return _make([plan], ([step] for step in plan.steps()), outputs, delivery, inputs)

    return within_memory(plan, work)


def make_together(
    group: PhotosTogether,
    outputs: Sequence[Path],
    delivery: Delivery,
    inputs: Sequence[Path],
    share: Share,
) -> int:
    """Carry out dreams that are optimised together, and save each; else like `make`."""
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
    separate = len(plans) < len(outputs)  # each of the pictures that one plan makes
    for plan, output in zip([*plans] * len(outputs) if separate else plans, outputs, strict=True):
        check(plan, output, delivery, inputs)
    last: Sequence[Step | None] = [None] * len(plans)
    scores: list[list[Any]] = [[] for _ in plans]
    done, count = 0, plans[0].count

    def save(where: Sequence[Path]) -> list[tuple[Result, Path]]:
        made = [
            plan.result(step, seen) for plan, step, seen in zip(plans, last, scores, strict=True)
        ]
        if separate:
            made = [made[0][number] for number in range(len(where))]
        results = []
        for result, path in zip(made, where, strict=True):
            write = functools.partial(result.save, bits=delivery.bits)
            results.append((result, saved(write, path, delivery.force, delivery.quiet)))
        return results

    with (
        progress(plans[0], _called(outputs), delivery.quiet, share) as bar,
        signals.held_back(bar.stopping) as signalled,
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
            if signalled() is not None:
                break
        # Saved before signals end the program again at once.
        results = save(outputs)
        ended_by = signalled()
    for result, output in results:
        _report(result, output, delivery)
    if done < count:
        assert ended_by is not None  # for nothing else breaks off
        echo(
            f"Interrupted after {done} of {count} steps; saved, and finished by "
            "`entoptic redo PICTURE --finish`.",
            err=True,
        )
        return signals.exit_code(ended_by)
    return 0


def _joined(steps: Sequence[Step]) -> Step:
    """Return one step for the bar, of the steps of several pictures."""
    if len(steps) == 1:
        return steps[0]
    import torch

    return replace(steps[0], scores=torch.cat([each.scores for each in steps]))


def _called(outputs: Sequence[Path]) -> str:
    more = f" and {len(outputs) - 1} more" if len(outputs) > 1 else ""
    return f"{'stdout' if outputs[0] == STDOUT else outputs[0].name}{more}"


def _report(result: Result, output: Path, delivery: Delivery) -> None:
    if not delivery.quiet:
        for note in result.notes:
            echo(f"Note: {note}", err=True)
    if delivery.streamed:
        return
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

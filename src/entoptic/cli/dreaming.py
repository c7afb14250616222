"""`entoptic dream` and `entoptic redo`."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entoptic.cli import options
from entoptic.cli.arguments import height_and_width
from entoptic.cli.outputs import Delivery, check_inputs, check_output, destinations, free, made
from entoptic.cli.progress import progress
from entoptic.errors import BadSetting

if TYPE_CHECKING:
    from entoptic.ascent import Step
    from entoptic.jobs import Result
    from entoptic.recipes import Plan

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


@click.command(
    "dream",
    cls=options.Grouped,
    epilog="""\b
Examples:
  entoptic dream sky.jpg                             makes sky-dream.png
  entoptic dream sky.jpg --layer fire5               finer patterns
  entoptic dream sky.jpg --strength 0.5              a subtler dream
  entoptic dream *.jpg -o dreams/ --size 1024        many photos into one folder
  entoptic dream sky.jpg --objective fire7:3         what one channel sees
  entoptic dream sky.jpg --objective "logit('goldfish') - 2 * total_variation()"
  entoptic dream sky.jpg --guide flowers.jpg         the shapes of another picture
  entoptic dream --noise 512x768 -o nothing.png      512 pixels high, 768 wide
""",
)
@click.argument("photos", nargs=-1, type=click.Path(), metavar="[PHOTO]...")
@options.option(
    "What to dream of", "--noise", metavar="HxW", help="Begin with noise instead of a photo."
)
@options.what
@options.how
@options.result
def dream_command(photos: tuple[str, ...], noise: str | None, **given: Any) -> int:
    """Dream photos: what a network sees in them grows.

    The result is PHOTO-dream.png beside the photo; the photo itself is never overwritten, and
    neither is an earlier result: that of a second dream is PHOTO-dream-2.png.

    You can leave out every option: what isn't said is set to what looks best with the network. The
    result carries all of it, so that `entoptic redo` can make it again, with changes if you like.

    An expression joins terms by + - * /: energy('L'), mean('L'), channel('L', N), neuron('L', N),
    logit('CLASS'), match('L', 'IMAGE'), total_variation(), l2().
    """
    if not photos and noise is None:
        raise click.UsageError("name a photo, or begin with noise: --noise 512x768")
    if photos and noise is not None:
        raise click.UsageError("name photos or --noise, not both")
    if "" in photos:
        raise BadSetting("the name of a photo is empty; name a file")
    delivery, settings = Delivery.split(given)
    side = None if noise is None else height_and_width("--noise", noise)
    starts: list[str | None] = [*photos] or [None]
    inputs = [Path(each) for each in (*photos, settings["guide"]) if each is not None]
    check_inputs(inputs)
    outputs = destinations(starts, delivery, "dream", inputs)

    from entoptic.models import load
    from entoptic.models.sources import DEFAULT
    from entoptic.recipes import plan_dream

    model = load(DEFAULT if settings["model"] is None else settings["model"])
    on = "auto" if settings["device"] is None else settings["device"]
    seed = settings["seed"] or 0
    asked = {key: settings[key] for key in settings.keys() - {"model", "device", "seed"}}

    def plan(photo: str | None) -> Plan:
        return plan_dream(model, photo, noise=side, seed=seed, on=on, **asked)

    with made(delivery.folder):
        if len(starts) > 1:
            # All are checked before the first is dreamt; a plan holds its photo, so none is kept.
            for photo, output in zip(starts, outputs, strict=True):
                _check(plan(photo), output, delivery, inputs)
        for photo, output in zip(starts, outputs, strict=True):
            code = _make(plan(photo), output, delivery, inputs)
            if code:
                return code
    return 0


@click.command(
    "redo",
    cls=options.Grouped,
    epilog="""\b
Examples:
  entoptic redo sky-dream.png                        the same picture again, byte for byte
  entoptic redo sky-dream.png --seed 2               a variation
  entoptic redo sky-dream.png --steps 20 --size 999  more of it, and larger
  entoptic redo sky-dream.png --photo cat.jpg        the same dream of another photo
""",
)
@click.argument("picture", type=click.Path())
@options.option(
    "What to dream of",
    "--photo",
    type=click.Path(),
    metavar="FILE",
    help="Where the photo is now, or another photo.",
)
@options.what
@options.how
@options.result
def redo_command(picture: str, photo: str | None, **given: Any) -> int:
    """Make a picture of entoptic again, as it was or with changes.

    Every picture that entoptic writes carries what made it: the photo's name, the network, and all
    options. What you don't change stays as it was; with no change the result is the same picture,
    byte for byte on the same machine. It is PICTURE-redo.png beside PICTURE.

    The photo must still be where it was, or beside PICTURE; else say where it is with --photo.
    """
    if not picture:
        raise BadSetting("the name of the picture is empty; name a file")
    delivery, changes = Delivery.split(given)
    inputs = [Path(each) for each in (picture, photo, changes["guide"]) if each is not None]
    check_inputs(inputs)
    (output,) = destinations([picture], delivery, "redo", inputs)

    from entoptic.recipes import plan_redo

    changes["on"] = changes.pop("device")
    with made(delivery.folder):
        plan = plan_redo(picture, photo=photo, **changes)
        return _make(plan, output, delivery, inputs)


def _check(plan: Plan, output: Path, delivery: Delivery, inputs: Sequence[Path]) -> None:
    """Find out before any work whether the result can be written."""
    check_output(output, delivery, [*inputs, *plan.inputs], plan.shape)


def _make(plan: Plan, output: Path, delivery: Delivery, inputs: Sequence[Path]) -> int:
    """Dream a plan and save it.

    Returns:
        The exit code: 130 where Ctrl-C ended it, with what there was saved.
    """
    _check(plan, output, delivery, inputs)
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

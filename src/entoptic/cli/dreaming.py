"""`entoptic dream` and `entoptic redo`."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from entoptic.cli.arguments import height_and_width
from entoptic.errors import BadSetting, CannotWrite, PictureNotFound

if TYPE_CHECKING:
    from entoptic.ascent import Step
    from entoptic.jobs import Result
    from entoptic.recipes import Plan

Command = Callable[..., Any]

_SETTINGS: tuple[Callable[[Command], Command], ...] = (
    click.option("--model", "-m", metavar="M", help="Network; `entoptic models` lists them."),
    click.option("--layer", "-l", metavar="L", help="Layer whose energy is to grow."),
    click.option(
        "--objective",
        metavar="EXPR",
        help="What is to grow instead, such as \"channel('fire7', 3)\" or fire7:3.",
    ),
    click.option("--guide", metavar="IMAGE", help="Another picture, whose features are to appear."),
    click.option("--octaves", type=int, metavar="N", help="How many sizes to dream at."),
    click.option("--octave-scale", type=float, metavar="S", help="From one size to the next."),
    click.option("--steps", type=int, metavar="N", help="Steps at each size."),
    click.option(
        "--step-size", type=float, metavar="X", help="Mean change of a pixel in a step; white is 1."
    ),
    click.option("--jitter", type=int, metavar="N", help="Largest shift before each step, pixels."),
    click.option("--strength", type=float, metavar="X", help="Factor for the step size."),
    click.option("--size", type=int, metavar="PIXELS", help="Long side of the result."),
    click.option("--seed", type=int, metavar="N", help="Of all chance; another one varies."),
    click.option("--device", metavar="D", help="auto (default), cpu, cuda, cuda:1, mps."),
)

_OUTPUT: tuple[Callable[[Command], Command], ...] = (
    click.option("-o", "--output", metavar="OUT", help="File (.png .jpg .webp .tif) or folder."),
    click.option("--every", type=int, metavar="N", help="Also save the picture every N steps."),
    click.option(
        "--bits", type=click.Choice(["8", "16"]), default="8", help="Of a PNG's channels."
    ),
    click.option("--force", "-f", is_flag=True, help="Replace the output if it exists."),
    click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON."),
    click.option("--quiet", "-q", is_flag=True, help="No progress bar and no notes."),
)


def _with(options: tuple[Callable[[Command], Command], ...]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.command(
    "dream",
    epilog="""\b
Examples:
  entoptic dream sky.jpg
  entoptic dream *.jpg -o dreams/ --size 1024
  entoptic dream sky.jpg --layer fire5 --octaves 3 --strength 2
  entoptic dream sky.jpg --objective "logit('goldfish') - 2 * total_variation()"
  entoptic dream sky.jpg --guide flowers.jpg --layer fire5
  entoptic dream --noise 512x768 -o nothing.png
""",
)
@click.argument("photos", nargs=-1, metavar="[PHOTO]...")
@click.option("--noise", metavar="HxW", help="Begin with noise of this height and width.")
@_with(_SETTINGS)
@_with(_OUTPUT)
def dream_command(photos: tuple[str, ...], noise: str | None, **options: Any) -> int:
    """Dream photos: what a layer sees in them grows.

    The result is PHOTO-dream.png beside the photo; the photo itself is never overwritten. What
    isn't given is set to what looks best with the network.
    """
    if not photos and noise is None:
        raise click.UsageError("name a photo, or begin with noise: --noise 512x768")
    if photos and noise is not None:
        raise click.UsageError("either photos or --noise, not both")
    show, settings = _split(options)
    starts: list[str | None] = [*photos] or [None]
    outputs = _outputs(starts, show, "dream")

    from entoptic.models import load
    from entoptic.models.sources import DEFAULT
    from entoptic.recipes import plan_dream

    model = load(settings.pop("model") or DEFAULT)
    seed = settings.pop("seed")

    def plan(photo: str | None) -> Plan:
        return plan_dream(
            model,
            photo,
            noise=None if noise is None else height_and_width("--noise", noise),
            seed=0 if seed is None else seed,
            on=settings["device"] or "auto",
            **{key: value for key, value in settings.items() if key != "device"},
        )

    if len(starts) > 1:
        # All are checked before the first is dreamt; a plan holds its photo, so none is kept.
        for photo in starts:
            plan(photo)
    return max(
        _make(plan(photo), output, show) for photo, output in zip(starts, outputs, strict=True)
    )


@click.command(
    "redo",
    epilog="""\b
Examples:
  entoptic redo sky-dream.png                   the same picture again, byte for byte
  entoptic redo sky-dream.png --seed 2          a variation
  entoptic redo sky-dream.png --photo cat.jpg   the same dream of another photo
""",
)
@click.argument("picture")
@click.option("--photo", metavar="FILE", help="Where the photo is now, or another one.")
@_with(_SETTINGS)
@_with(_OUTPUT)
def redo_command(picture: str, photo: str | None, **options: Any) -> int:
    """Make a picture of entoptic again, as it was or with changes.

    Every picture carries what made it. The result is PICTURE-redo.png beside it.
    """
    show, changes = _split(options)
    (output,) = _outputs([picture], show, "redo")

    from entoptic.recipes import plan_redo

    changes["on"] = changes.pop("device")
    return _make(plan_redo(picture, photo=photo, **changes), output, show)


def _split(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of the shell, and options of the recipe."""
    names = ("output", "every", "bits", "force", "as_json", "quiet")
    show = {name: options.pop(name) for name in names}
    if show["every"] is not None and show["every"] < 1:
        raise BadSetting(f"--every is {show['every']}; it must be at least 1")
    return show, options


def _outputs(starts: list[str | None], show: dict[str, Any], suffix: str) -> list[Path]:
    """Where each result goes; checked, with nothing overwritten that isn't meant to be."""
    given: str | None = show["output"]
    folder = given is not None and (given.endswith("/") or Path(given).is_dir())
    if len(starts) > 1 and given is not None and not folder:
        raise BadSetting(f"{len(starts)} photos can't go into one file; name a folder: -o {given}/")
    for start in starts:
        if start is not None and not Path(start).exists():
            raise PictureNotFound(f"there is no file {start!r}; check its name")
    if folder and given is not None:
        _make_folder(Path(given))
    taken: set[Path] = set()
    outputs = []
    for start in starts:
        output = Path(given) if given is not None and not folder else None
        if output is None:
            name = f"{Path(start).stem if start else 'noise'}-{suffix}.png"
            place = Path(given) if given is not None else Path(start or name).parent
            output = _free(place / name, taken, force=show["force"])
        _check_output(output, starts, force=show["force"])
        taken.add(output)
        outputs.append(output)
    return outputs


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"can't make the folder {folder}: {error.strerror}") from None


def _check_output(output: Path, starts: list[str | None], *, force: bool) -> None:
    from entoptic.pictures import check_writable

    check_writable(output, not_over=[Path(start) for start in starts if start is not None])
    if output.exists() and not force:
        raise CannotWrite(f"{output} exists; name another file with -o, or replace it with --force")


def _free(path: Path, taken: set[Path], *, force: bool) -> Path:
    """The path itself, or the first of PATH-2, PATH-3, ... that isn't there, or may be replaced."""
    number, free = 1, path
    while free in taken or (free.exists() and not force):
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free


def _make(plan: Plan, output: Path, show: dict[str, Any]) -> int:
    """Dream a plan and save it.

    Returns:
        The exit code: 130 where Ctrl-C ended it, with what there was saved.
    """
    from entoptic.cli.progress import progress

    bits: Literal[8, 16] = 16 if show["bits"] == "16" else 8
    last: Step | None = None
    scores: list[Any] = []
    with _graceful_interrupt() as interrupted, progress(plan, output.name, show["quiet"]) as tell:
        for step in plan.steps():
            last = step
            scores.append(step.scores)
            tell(step)
            if show["every"] and len(scores) % show["every"] == 0 and len(scores) < plan.count:
                frame = output.with_stem(f"{output.stem}-{len(scores):0{len(str(plan.count))}}")
                frame = _free(frame, set(), force=show["force"])
                plan.result(last, scores).save(frame, bits=bits)
            if interrupted():
                break
    result = plan.result(last, scores)
    result.save(output, bits=bits)
    _report(result, output, show)
    if len(scores) < plan.count:
        click.echo(f"Interrupted after {len(scores)} of {plan.count} steps; saved.", err=True)
        return 130
    return 0


def _report(result: Result, output: Path, show: dict[str, Any]) -> None:
    if not show["quiet"]:
        for note in result.notes:
            click.echo(f"Note: {note}", err=True)
    if show["as_json"]:
        made = {
            "picture": str(output),
            "height": result.image.shape[-2],
            "width": result.image.shape[-1],
            "steps": len(result.scores),
            "first_score": result.scores[0] if result.scores else None,
            "last_score": result.scores[-1] if result.scores else None,
            "notes": list(result.notes),
            "job": json.loads(result.job.to_json()),
        }
        click.echo(json.dumps(made, ensure_ascii=False))
    else:
        click.echo(str(output))


@contextmanager
def _graceful_interrupt() -> Iterator[Callable[[], bool]]:
    """Let the step in progress end when Ctrl-C is pressed; the second press ends it all at once."""
    pressed = False

    def press(number: int, frame: Any) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)

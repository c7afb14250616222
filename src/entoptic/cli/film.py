"""`entoptic film` and `zoom`, and the making of every film: stopped by signals, gone on with."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entoptic.checks import whole
from entoptic.cli import options, signals, streams
from entoptic.cli.printing import echo
from entoptic.cli.progress import Teller
from entoptic.cli.recipes import arguments, declared_command
from entoptic.errors import AlreadyThere, BadSetting, EntopticError
from entoptic.jobs.defaults import USUAL
from entoptic.recipes.film import DreamedFilm, FilmOfDreams

if TYPE_CHECKING:
    from entoptic.jobs.film_making import Making
    from entoptic.jobs.recipe import Recipe
    from entoptic.video.pixels import Pixels

_RESULT, _WORK = "The result", "The work"

SHOWN = options.together(
    options.option(_RESULT, "--force", "-f", is_flag=True, help="Replace the film if it exists."),
    options.option(
        _RESULT, "--watch", type=click.Path(), metavar="PNG",
        help="Picture file that shows the last frame, written every few seconds.",
    ),
    options.option(_RESULT, "--json", "as_json", is_flag=True, help="Print what was made as JSON."),
    options.option(_RESULT, "--quiet", "-q", is_flag=True, help="No progress and no notes."),
)  # fmt: skip
"""What is shown while a film is made, and in the end."""


_WORKERS = options.together(
    options.option(
        _WORK, "--on", metavar="WHERE",
        help="Where scenes are dreamt, several at once: local, in processes; ray on this machine; "
        "ray:auto, the cluster of this node; ray://HOST:PORT. By default in this process.",
    ),
    options.option(
        _WORK, "--workers", type=int, metavar="N",
        help="Number of workers. [default: a few on a CPU, else one a device; on Ray all there is "
        "room for]",
    ),
)  # fmt: skip


def film_options(recipe: type[Recipe]) -> list[click.Option]:
    """Return the options of a recipe's command that aren't settings of the recipe."""
    add = options.together(_WORKERS, SHOWN) if issubclass(recipe, FilmOfDreams) else SHOWN
    return [*reversed(add(lambda: None).__click_params__)]


def by_workers(plan: Making, on: str | None, workers: int | None) -> Making:
    """Return a film whose scenes are dreamt by workers, as they were typed."""
    from entoptic.runners.named import runner_of
    from entoptic.runners.scenes import by_workers

    count = None if workers is None else whole(1, 1024)("--workers", workers)
    return by_workers(plan, runner_of("local" if on is None else on, count))


def film_command(recipe: type[DreamedFilm]) -> click.Command:
    """Return the command of a recipe that makes a film."""

    def callback(
        force: bool,
        watch: str | None,
        as_json: bool,
        quiet: bool,
        on: str | None = None,
        workers: int | None = None,
        **given: Any,
    ) -> int:
        from entoptic.jobs.film_making import check_destination

        ordered = recipe(**{"model": USUAL} | _read(recipe, arguments(recipe, given)))
        check_destination(ordered.destination(), force)
        plan: Any = ordered.plan()
        plan.check_free(force)
        if on is not None or workers is not None:
            plan = by_workers(plan, on, workers)
        return make_film(plan, watch, force, as_json, quiet)

    shared = _WORKERS(callback) if issubclass(recipe, FilmOfDreams) else callback
    return declared_command(recipe, SHOWN(shared))


def _read(recipe: type[DreamedFilm], asked: dict[str, Any]) -> dict[str, Any]:
    """Return what was asked for, with the photo from stdin where that was typed.

    Raises:
        BadSetting: a film was to come from there.
    """
    if asked.get("film") == streams.DASH:
        raise BadSetting("a film can't come on stdin (-); save it to a file first")
    if asked.get("photo") != streams.DASH:
        return asked
    streams.check_once([streams.DASH])
    name = f"stdin-{recipe.name}.mp4"
    return {"output": name} | asked | {"photo": streams.photo_of(streams.DASH)}


def make_film(plan: Making, watch: str | None, force: bool, as_json: bool, quiet: bool) -> int:
    """Make a film, or what there is of it when a signal comes; return the exit code.

    Args:
        plan: of the film.
        watch: name of the picture that shows the last frame.
        force: whether that may be replaced, if it is another one.
        as_json: whether what was made is printed as JSON.
        quiet: whether progress and notes are left out.
    """
    if watch is not None:
        _check_shown(Path(watch), plan, force)
    with Teller(quiet) as teller, signals.held_back() as signalled:
        for note in plan.notes:
            teller.note(note)
        made = plan.run(
            teller,
            stopped=lambda: signalled() is not None,
            watch=None if watch is None else _shown(Path(watch), plan),
        )
        ended_by = signalled()
    if not made.frames:
        assert ended_by is not None  # for nothing else breaks off
        echo("Interrupted before the first frame.", err=True)
        return signals.exit_code(ended_by)
    if as_json:
        told = {"film": str(made.path), "frames": made.frames, "finished": made.finished}
        echo(json.dumps(told | {"job": json.loads(made.job.to_json())}))
    else:
        # As bytes: a name needn't be text that the terminal's encoding knows.
        click.echo(os.fsencode(made.path))
    if made.finished:
        return 0
    assert ended_by is not None  # for nothing else breaks off
    echo(
        f"Interrupted after {made.frames} frames; run the same command again to continue.", err=True
    )
    return signals.exit_code(ended_by)


def _check_shown(path: Path, plan: Making, force: bool) -> None:
    """Find out before any work whether the last frame can be shown in a file.

    Raises:
        CannotWrite: it can't be written, or is a file that is read.
        AlreadyThere: it is there, and shows no frame of such a film.
    """
    from entoptic import images
    from entoptic.jobs.job import Job

    images.check_writable(path, not_over=plan.inputs)
    if force or not os.path.lexists(path):
        return
    try:
        shows = Job.from_json(images.read_job(path)).recipe
    except EntopticError:
        shows = ""
    if shows != plan.job.recipe:
        raise AlreadyThere(
            f"{str(path)!r} is there already; name another file to watch, or replace it (--force)"
        )


def _shown(path: Path, plan: Making) -> Callable[[Pixels], None]:
    """Return what writes a frame as a picture."""

    def show(pixels: Pixels) -> None:
        from entoptic import images
        from entoptic.video.pixels import image_of

        # With the job, by which it is known again.
        images.write(path, image_of(pixels), job=plan.job.to_json(), replace=True)

    return show

"""`entoptic redo`: a picture again, from the job that it carries."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entoptic.cli import options, streams
from entoptic.cli.arguments import one_line
from entoptic.cli.film import make_film
from entoptic.cli.making import check, make
from entoptic.cli.outputs import Delivery, check_inputs, destinations, made
from entoptic.cli.printing import echo
from entoptic.cli.recipes import arguments, parameters
from entoptic.errors import BadSetting, EntopticError
from entoptic.jobs.film_settings import FilmRecipe
from entoptic.jobs.progress import work
from entoptic.jobs.recipe import Recipe, recipes, settings
from entoptic.lists import split_values

if TYPE_CHECKING:
    from entoptic.jobs.plan import Plan

_AGAIN = "What to make again"

FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
"""Endings of the films that carry their job."""

# Where a context keeps which options the help shows.
_SHOWN = "entoptic.redo.shown"


class _Redo(options.Grouped):
    """A command whose help shows the options of the recipe that made the picture it is given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what was typed; the picture is looked for before the help is shown."""
        ctx.obj = _recipe_of(args) if {"--help", "-h"} & {*args} else None
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters, with the options of all recipes between them."""
        first, last = _own(self, ctx)
        return [*first, *ctx.meta.get(_SHOWN, _of_recipes()), *last]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the options of the picture's recipe; without a picture those of all recipes."""
        common = [each for each in _of_recipes() if each.name in settings(Recipe)]
        ctx.meta[_SHOWN] = common if ctx.obj is None else _options_of(ctx.obj)
        super().format_options(ctx, formatter)


def _own(
    command: click.Command, ctx: click.Context
) -> tuple[list[click.Parameter], list[click.Parameter]]:
    """Return the parameters that are the command's own: which stand first, and which last."""
    own = click.Command.get_params(command, ctx)
    first = [
        each
        for each in own
        if isinstance(each, click.Argument) or getattr(each, "heading", None) == _AGAIN
    ]
    return first, [each for each in own if each not in first]


@functools.cache
def _of_recipes() -> tuple[click.Option, ...]:
    """Return the options of all recipes; those of one name mean one thing, and are there once."""
    found: dict[str, click.Option] = {}
    for name in sorted(recipes, key=lambda name: issubclass(recipes[name], FilmRecipe)):
        if not recipes[name].makes_no_job or issubclass(recipes[name], FilmRecipe):
            for each in _options_of(recipes[name]):
                found.setdefault(str(each.name), each)
    own = {each.name for each in redo_command.params}
    return tuple(each for name, each in found.items() if name not in own)


def _options_of(recipe: type[Recipe]) -> list[click.Option]:
    """Return the options of a recipe's command, without defaults: the picture has its own."""
    found = []
    for add in parameters(recipe):
        (made,) = add(lambda: None).__click_params__
        if isinstance(made, click.Option):
            made.default = None
            found.append(made)
    return found


def _recipe_of(args: list[str]) -> type[Recipe] | None:
    """Return the recipe of the first picture among what was typed that carries a job."""
    for each in args:
        if not each.startswith("-") and Path(each).is_file():
            from entoptic import images
            from entoptic.jobs.job import Job

            try:
                name = Job.from_json(images.read_job(each)).recipe
            except EntopticError:
                continue
            if name in recipes:
                return recipes[name]
    return None


@click.command(
    "redo",
    cls=_Redo,
    standards={"bits": "the picture's"},
    epilog="""\b
Examples:
  entoptic redo sky-dream.png                        the same picture again, byte for byte
  entoptic redo sky-dream.png --help                 all options of this picture
  entoptic redo sky-dream.png --finish               all steps, after Ctrl-C
  entoptic redo sky-dream.png --seed 2               a variation
  entoptic redo sky-dream.png --steps 20 --size 999  more steps, and larger
  entoptic redo sky-dream.png --photo cat.jpg        the same dream of another photo
  entoptic redo holiday-dream.mp4 --seed 2           a film, with another seed
""",
)
@click.argument("picture", type=click.Path())
@options.option(
    _AGAIN,
    "--photo",
    type=click.Path(),
    metavar="FILE",
    help="Where the photo is now, or another photo.",
)
@options.option(
    _AGAIN,
    "--look-in",
    metavar="FOLDER",
    many=True,
    help="Further folders to look for the job's files in, with commas between them.",
)
@options.option(
    _AGAIN,
    "--finish",
    is_flag=True,
    help="Make all steps of a picture that was stopped, as if it had never been stopped. Begins at "
    "the first step: the file doesn't hold the optimizer's state.",
)
@options.result
def redo_command(
    picture: str, photo: str | None, look_in: str | None, finish: bool, **given: Any
) -> int:
    """Make a picture again, the same or with changes.

    Every picture that entoptic writes holds the settings that made it: the photo's name, the
    network, all options. Without changes the result, PICTURE-redo.png beside PICTURE, is the same
    byte for byte on the same machine. `entoptic redo PICTURE --help` shows all options that can be
    changed.

    The photo is looked for beside PICTURE, in the current folder and in each --look-in; or give it
    with --photo. A network in a file must be named again, with --model: a picture may come from
    anyone, and by itself it loads no files and downloads nothing. The job is shown before it
    begins.
    """
    if not picture:
        raise BadSetting("the name of the picture is empty; name a file")
    delivery, changes = Delivery.split(given)
    changes = {name: value for name, value in changes.items() if value is not None}
    if Path(picture).suffix.lower() in FILMS:
        folders = [] if look_in is None else split_values(look_in)
        return _film(Path(picture), photo, folders, delivery, changes)
    guide = changes.get("guide")
    inputs = [Path(each) for each in (picture, photo, guide) if each is not None]
    streams.check_once([picture, photo, guide])
    check_inputs(inputs)
    (output,) = destinations([picture], delivery, "redo", inputs)

    from entoptic import images
    from entoptic.jobs.job import Job
    from entoptic.runners.run import plan_redo

    if guide is not None:
        changes["guide"] = streams.photo_of(guide)
    start = None if photo is None else streams.photo_of(photo)
    folders = [] if look_in is None else split_values(look_in)
    with made(delivery.folder):
        with streams.received(picture) as path:
            made_by = Job.from_json(images.read_job(path)).recipe
            if made_by in recipes:
                changes = arguments(recipes[made_by], changes)
            plan = plan_redo(path, photo=start, look_in=folders, finish=finish, **changes)
        check(plan, output, delivery, inputs)
        if not delivery.quiet:
            _tell(plan)
        return make(plan, output, delivery, inputs)


def _film(
    film: Path,
    photo: str | None,
    look_in: list[str],
    delivery: Delivery,
    changes: dict[str, Any],
) -> int:
    """Make a film again."""
    from entoptic.runners.films import plan_film_redo

    output = delivery.output or film.with_name(f"{film.stem}-redo{film.suffix}")
    if delivery.bits is not None:
        changes["bits"] = delivery.bits
    plan = plan_film_redo(film, output, photo=photo, look_in=look_in, **changes)
    plan.check_free(delivery.force)
    return make_film(plan, None, delivery.as_json, delivery.quiet)


def _tell(plan: Plan) -> None:
    """Say what a job is about to do."""
    height, width = plan.shape
    on = plan.job.device
    steps = f" in {plan.count} step{'s' * (plan.count != 1)}" if plan.count else ""
    pixels = f", {work(plan) / 1e6:.3g} megapixels in all" if plan.count else ""
    read = ", ".join(map(str, plan.inputs)) or "no file"
    objective = f": {plan.job.objective}" if plan.job.objective else ""
    for line in (
        f"Job: {plan.job.recipe} with {plan.job.model}{objective}",
        f"Reads: {read}",
        f"Makes: {height}x{width} (height x width){steps} on {on}{pixels}",
    ):
        echo(one_line(line), err=True)

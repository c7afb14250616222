"""`entoptic redo`: a picture or a film again, from the job that it carries."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entoptic.cli import options, streams
from entoptic.cli.arguments import one_line
from entoptic.cli.film import by_workers, film_options, make_film
from entoptic.cli.making import check, make
from entoptic.cli.outputs import Delivery, check_inputs, destinations, made
from entoptic.cli.printing import echo
from entoptic.cli.recipes import arguments, parameters
from entoptic.errors import BadSetting, EntopticError
from entoptic.jobs.film_settings import FilmRecipe
from entoptic.jobs.progress import work
from entoptic.jobs.recipe import Recipe, recipes, settings
from entoptic.lists import split_values
from entoptic.paths import is_file, is_film

if TYPE_CHECKING:
    from entoptic.jobs.plan import Plan

_AGAIN = "What to make again"

# Where a context keeps which options the help shows.
_SHOWN = "entoptic.redo.shown"

Recipes = tuple[type[Recipe], ...]
"""The recipes by which something was made: of a growing picture the film's, then its own."""


class _Redo(options.Grouped):
    """A command with the options of the recipe that made the picture, or film, that it is given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what was typed; the picture is looked for before, since it says what is meant."""
        ctx.obj = _recipes_of(args)
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters, with the options of recipes between them.

        Those of the recipe that made the picture come first, for an option may mean more there. The
        others are read as well, so that a setting which the recipe hasn't is told as such.
        """
        made_by: Recipes = ctx.obj or ()
        first, last = _own(self, ctx, made_by)
        taken = {each.name for each in (*first, *last)}
        between = ctx.meta.get(_SHOWN) or _merged(made_by, _ordered())
        return [*first, *(each for each in between if each.name not in taken), *last]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the options of the picture's recipe; without a picture those of all recipes."""
        made_by: Recipes = ctx.obj or ()
        common = [each for each in _merged(_ordered()) if each.name in settings(Recipe)]
        ctx.meta[_SHOWN] = _merged(made_by) if made_by else common
        super().format_options(ctx, formatter)

    def _default(self, parameter: click.Option, ctx: click.Context) -> str:
        """See `Grouped._default`; a film keeps all that it was made with."""
        return "" if _is_of_film(ctx.obj or ()) else super()._default(parameter, ctx)


def _is_of_film(made_by: Recipes) -> bool:
    return bool(made_by) and issubclass(made_by[0], FilmRecipe)


def _own(
    command: click.Command, ctx: click.Context, made_by: Recipes
) -> tuple[list[click.Parameter], list[click.Parameter]]:
    """Return the parameters that are the command's own: which stand first, and which last."""
    own = click.Command.get_params(command, ctx)
    first = [
        each
        for each in own
        if isinstance(each, click.Argument) or getattr(each, "heading", None) == _AGAIN
    ]
    last = [each for each in own if each not in first]
    if not _is_of_film(made_by):
        return first, last
    helps = [each for each in last if "--help" in each.opts]
    return first, [*film_options(made_by[0]), *helps]


def _ordered() -> Recipes:
    """Return all recipes with a job, those of films last."""
    pictures = [recipes[name] for name in recipes if not recipes[name].makes_no_job]
    films = [recipes[name] for name in recipes if issubclass(recipes[name], FilmRecipe)]
    return (*pictures, *films)


def _merged(*made_by: Recipes) -> list[click.Option]:
    """Return the options of recipes, each once: as the first of them has it."""
    found: list[click.Option] = []
    taken: set[str | None] = set()
    for recipe in itertools.chain(*made_by):
        for each in _options_of(recipe):
            # An old name of a setting in one recipe is today's in another.
            if not taken & {each.name, *each.opts}:
                taken |= {each.name, *each.opts}
                found.append(each)
    return found


@functools.cache
def _options_of(recipe: type[Recipe]) -> tuple[click.Option, ...]:
    """Return the options of a recipe's command, without defaults: the picture has its own."""
    found = []
    for add in parameters(recipe):
        (made,) = add(lambda: None).__click_params__
        if isinstance(made, click.Option):
            made.default = None
            found.append(made)
    return tuple(found)


def _recipes_of(args: list[str]) -> Recipes:
    """Return the recipes of the first file among what was typed that carries a job."""
    for each in args:
        if not each.startswith("-") and is_file(each):
            try:
                found = _recipes_in(Path(each))
            except EntopticError:
                continue  # what is wrong with it is told when it is read
            if found:
                return found
    return ()


def _recipes_in(file: Path) -> Recipes:
    """Return the recipes of a picture or a film; raises as reading it does."""
    if is_film(file):
        from entoptic.runners.films import job_of_film, recipes_of_job

        return recipes_of_job(job_of_film(file), file)
    from entoptic import images
    from entoptic.jobs.job import Job

    name = Job.from_json(images.read_job(file)).recipe
    return (recipes[name],) if name in recipes else ()


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
    help="Where the photo, or the film, is now; or another one.",
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
    """Make a picture or a film again, the same or with changes.

    Every picture and film that entoptic writes holds the settings that made it: the photo's name,
    the network, all options. Without changes the result, PICTURE-redo.png beside PICTURE, is the
    same byte for byte on the same machine. `entoptic redo PICTURE --help` shows all options that
    can be changed.

    The photo is looked for beside PICTURE, in the current folder and in each --look-in; or give it
    with --photo. A network in a file must be named again, with --model: a picture may come from
    anyone, and by itself it loads no files and downloads nothing. The job is shown before it
    begins.
    """
    if not picture:
        raise BadSetting("the name of the picture is empty; name a file")
    folders = [] if look_in is None else split_values(look_in)
    if is_film(picture):
        if finish:
            raise BadSetting(
                "--finish is of a picture; a film that was stopped is continued by the command "
                "that began it"
            )
        return _film(Path(picture), photo, folders, given)
    delivery, changes = Delivery.split(given)
    changes = {name: value for name, value in changes.items() if value is not None}
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


def _film(film: Path, photo: str | None, look_in: list[str], given: dict[str, Any]) -> int:
    """Make a film again.

    Args:
        film: its file.
        photo: where its source is now, or another one.
        look_in: folders to look for its files in.
        given: all that was typed otherwise.
    """
    from entoptic.jobs.film_making import check_destination
    from entoptic.runners.films import job_of_film, plan_film_redo, recipes_of_job

    made_by = recipes_of_job(job_of_film(film), film)
    shown = {name: given.pop(name) for name in ("force", "watch", "as_json", "quiet")}
    on, workers = given.pop("on", None), given.pop("workers", None)
    changes = {name: value for name, value in given.items() if value is not None}
    for recipe in made_by:
        changes = arguments(recipe, changes)
    output = Path(changes.pop("output", film.with_name(f"{film.stem}-redo{film.suffix}")))
    check_destination(output, shown["force"])
    plan = plan_film_redo(film, output, photo=photo, look_in=look_in, **changes)
    plan.check_free(shown["force"])
    if on is not None or workers is not None:
        plan = by_workers(plan, on, workers)
    return make_film(plan, **shown)


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

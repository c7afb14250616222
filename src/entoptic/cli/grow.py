"""`entoptic grow`: a film of how a picture is optimised, by the options of its own command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from entoptic.cli import options, streams
from entoptic.cli.film import SHOWN, make_film
from entoptic.cli.recipes import arguments, check_units, defaults, described, parameters
from entoptic.errors import EntopticError
from entoptic.jobs.defaults import USUAL
from entoptic.jobs.recipe import Recipe, recipes, settings
from entoptic.lists import split_values
from entoptic.paths import name_for, names_picture
from entoptic.recipes.grow import Grow

_AGAIN = "The picture"

# The command of a picture that carries its job: what is typed for it is the picture's name alone.
_PICTURE = "PICTURE"

_FILM = tuple(
    name for name, each in settings(Grow).items() if not each.hidden and each.role != "recipe"
)


class _Ways(click.Group):
    """Commands by the recipe of the picture; a file's name alone is a picture or a photo."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Ask for what is missing; click would answer with the whole help."""
        if not args:
            ctx.fail("name a photo, a picture that entoptic made, or a recipe")
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command: a picture is made as its job says, and a photo is dreamt."""
        (typed, *_) = args
        if typed not in self.commands and not typed.startswith("--"):
            if typed != streams.DASH and not names_picture(typed):
                ctx.fail(
                    f"{typed!r} is neither a file nor a recipe; for a unit type: "
                    f"{ctx.command_path} visualize {typed}"
                )
            args = [_way(typed), *args]
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


def _way(file: str) -> str:
    """Return the command for a file."""
    if file == streams.DASH:
        return "dream"
    from entoptic import images

    try:
        images.read_job(file)
    except EntopticError:
        return "dream"  # which says what is wrong with it
    return _PICTURE


def _of_recipe(recipe: type[Recipe]) -> click.Command:
    """Return the command for a recipe: its own options, and those of the film."""

    def callback(**given: Any) -> int:
        asked = {"model": USUAL} | arguments(recipe, _without(given))
        check_units(tuple(asked.get("units", ())))
        film = _film(_start(recipe, asked), given)
        if "photo" in asked:
            streams.check_once([asked["photo"]])
            asked["photo"] = streams.photo_of(asked["photo"])
        return _make(recipe(**asked), film, given)

    own = parameters(recipe)
    return _command(recipe.name, own, callback, described(recipe), defaults(recipe))


def _of_picture() -> click.Command:
    """Return the command for a picture that carries its job."""

    def callback(picture: str, photo: str | None, look_in: str | None, **given: Any) -> int:
        from entoptic.runners.run import plan_redo

        film = _film(Path(picture), given)
        folders = [] if look_in is None else split_values(look_in)
        plan = plan_redo(picture, photo=photo, look_in=folders, **_without(given))
        return _make(plan, film, given)

    own = [
        click.argument("picture", type=click.Path()),
        options.option(
            _AGAIN, "--photo", type=click.Path(), metavar="FILE", help="Where the photo is now."
        ),
        options.option(
            _AGAIN, "--look-in", metavar="FOLDER", many=True,
            help="Further folders to look for the job's files in, with commas between them.",
        ),
        options.option(
            _AGAIN, "--model", "-m", metavar="M",
            help="The network that the job names, by which you allow it.",
        ),
    ]  # fmt: skip
    said = "Show how a picture that entoptic made was optimised, by the job that it carries."
    return _command(_PICTURE, own, callback, said, {}, hidden=True)


def _command(
    name: str,
    own: Sequence[options.Decorator],
    callback: Any,
    said: str,
    standards: Mapping[str, str],
    **attributes: Any,
) -> click.Command:
    """Return a command that has the film's options after its own."""
    callback = SHOWN(callback)
    for each in reversed([*own, *parameters(Grow, without={"recipe"})]):
        callback = each(callback)
    film = {each: told for each, told in defaults(Grow).items() if each in _FILM}
    return click.command(
        name, cls=options.Grouped, help=said, standards={**standards, **film}, **attributes
    )(callback)


def _without(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a picture, of all that were typed."""
    shown = {"force", "watch", "as_json", "quiet"}
    return {name: value for name, value in given.items() if name not in shown.union(_FILM)}


def _start(recipe: type[Recipe], asked: Mapping[str, Any]) -> Path:
    """Return what the film is named for: the photo, or the first unit."""
    if asked.get("photo") is not None:
        return Path("stdin" if asked["photo"] == streams.DASH else asked["photo"])
    roles = settings(recipe)
    units = [asked[name] for name in asked if roles[name].role in ("unit", "units")]
    first = units[0] if units else "noise"
    return Path(name_for(first if isinstance(first, str) else first[0]))


def _film(start: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the film's settings, once it is known that it can be made, before a network is loaded.

    Args:
        start: what it is named for where nobody says.
        given: all that was typed.
    """
    from entoptic.jobs.film_making import check_destination
    from entoptic.video.writing import form_of

    how = arguments(Grow, {name: given[name] for name in _FILM})
    output = Path(how.get("output", start.with_name(f"{start.stem}-grow.mp4")))
    check_destination(output, given["force"])
    form_of(output, how.get("codec"), how.get("bits"))
    return how | {"output": output}


def _make(recipe: Any, film: Mapping[str, Any], given: Mapping[str, Any]) -> int:
    """Make the film."""
    plan = Grow(recipe, **film).plan()
    plan.check_free(given["force"])
    shown = {name: given[name] for name in ("watch", "force", "as_json", "quiet")}
    return make_film(plan, **shown)


grow_command = _Ways(
    "grow",
    [
        *(
            _of_recipe(recipes[name])
            for name in sorted(recipes, key=lambda name: recipes[name].order)
            if recipes[name].optimizes and not recipes[name].makes_no_job
        ),
        _of_picture(),
    ],
    help=f"{described(Grow)}\n\nA photo alone is dreamt, and a picture that entoptic made grows as "
    "it was made. Otherwise name a recipe, with the arguments and options that its own command "
    "has: `entoptic grow RECIPE --help` shows them, and those of the film.",
    epilog=f"\b\nExamples:{Grow.examples}",
    subcommand_metavar="PHOTO|PICTURE|RECIPE [ARGS]...",
)

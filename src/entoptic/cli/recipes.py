"""The commands of the recipes, made from their declarations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import click

from entoptic.checks import typed
from entoptic.cli import options, streams
from entoptic.cli.making import make
from entoptic.cli.outputs import Delivery, check_inputs, destinations, made
from entoptic.cli.printing import echo
from entoptic.errors import BadSetting
from entoptic.jobs.defaults import USUAL
from entoptic.jobs.functions import default_of
from entoptic.jobs.recipe import Recipe, Role, Setting, settings
from entoptic.lists import split_values
from entoptic.paths import name_for


def command_of(recipe: type[Recipe]) -> click.Command:
    """Return the command of a recipe that makes one picture."""

    def callback(**given: Any) -> int:
        delivery, asked = Delivery.split({"every": None} | given)
        return _make(recipe, delivery, arguments(recipe, asked))

    result = options.result if recipe.optimizes else options.drawn
    return declared_command(recipe, result(callback))


def declared_command(recipe: type[Recipe], callback: Any, *, many: bool = False) -> click.Command:
    """Return a command with the options of a recipe, and those that the callback has.

    Args:
        recipe: the declaration.
        callback: what it does.
        many: whether it takes several photos.
    """
    for each in reversed(parameters(recipe, many_photos=many)):
        callback = each(callback)
    return click.command(
        recipe.name,
        cls=options.Grouped,
        help=described(recipe),
        standards=defaults(recipe),
        epilog=f"\b\nExamples:{recipe.examples}",
    )(callback)


def defaults(recipe: type[Recipe]) -> dict[str, str]:
    """Return the true default of each option, in words."""
    found = {name: default_of(recipe, name) for name in settings(recipe)}
    told = {name: each for name, each in found.items() if each is not None}
    return told | {"model": USUAL, "bits": "8"}


def parameters(
    recipe: type[Recipe], *, many_photos: bool = False, without: Collection[Role] = ()
) -> list[options.Decorator]:
    """Return what the command of a recipe takes: arguments first, then options as in Python.

    Args:
        recipe: the declaration.
        many_photos: whether it takes several photos.
        without: roles of settings that the command has otherwise.
    """
    declared = settings(recipe)
    shown = [
        name for name in declared if not (declared[name].hidden or declared[name].role in without)
    ]
    found = [
        _argument(
            name,
            declared[name],
            many=many_photos and declared[name].role == "photo",
            needed=recipe.__dataclass_fields__[name].default is MISSING,
        )
        for name in shown
        if _is_argument(declared[name])
    ]
    found += [_option(name, declared[name]) for name in shown if not _is_argument(declared[name])]
    return found + [
        _old_option(old, new, declared[new])
        for old, new in recipe.renamed.items()
        if old not in declared and not _is_argument(declared[new])
    ]


def arguments(recipe: type[Recipe], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recipe's arguments, as they are meant, from what was typed; nothing else.

    Raises:
        BadSetting: it can't be that.
    """
    declared = settings(recipe)
    found = {}
    for typed_name, value in given.items():
        if value is None or value == ():
            continue
        old = typed_name not in declared
        name = recipe.renamed.get(typed_name, typed_name) if old else typed_name
        setting = declared.get(name)
        if setting is not None:
            many = setting.many and not _is_argument(setting) and isinstance(value, str)
            value = setting.meaning(name, split_values(value) if many else value)
        found[name] = value
    return found


def check_units(units: tuple[str, ...]) -> None:
    """Refuse a network among the units, where it was typed before.

    Raises:
        BadSetting: with what to type.
    """
    from entoptic.networks.sources import sources

    for unit in units[:1]:
        source, _, rest = unit.partition(":")
        if source in sources and (not rest or not re.fullmatch(r"[\d,*-]+", rest)):
            raise BadSetting(f"{unit!r} is a network, not a unit; name it as -m {unit}")


def _make(recipe: type[Recipe], delivery: Delivery, asked: dict[str, Any]) -> int:
    """Make the picture of a recipe."""
    photo = asked.get("photo")
    if photo is None:
        units = [asked[name] for name in asked if settings(recipe)[name].role in ("unit", "units")]
        # What shows no unit is named for its network.
        first = units[0] if units else (asked.get("model", USUAL),)
        inputs: list[Path] = []
        start = name_for(first if isinstance(first, str) else first[0])
    else:
        if not photo:
            raise BadSetting("the name of the photo is empty; name a file")
        inputs, start = [Path(photo)], photo
        streams.check_once([photo])
        check_inputs(inputs)
    (output,) = destinations([start], delivery, recipe.name, inputs)

    from entoptic.jobs.job import file_names

    check_units(tuple(asked.get("units", ())))
    asked = {"model": USUAL} | asked
    if photo is not None:
        asked["photo"] = streams.photo_of(photo)
    with made(delivery.folder):
        plan = recipe(**asked).plan()
        if delivery.folder is None or len(plan.picture_labels) < 2:
            return make(plan, output, delivery, inputs)
        names: list[str | None] = [*file_names(plan.picture_labels)]
        return make(plan, destinations(names, delivery, recipe.name, inputs), delivery, inputs)


def _is_argument(setting: Setting) -> bool:
    return setting.role in ("unit", "units") or setting.positional


def _argument(name: str, setting: Setting, *, many: bool, needed: bool) -> options.Decorator:
    metavar = setting.metavar or name.upper()
    if many:
        return click.argument(f"{name}s", nargs=-1, type=click.Path(), metavar=f"[{metavar}]...")
    if setting.many:
        return click.argument(name, nargs=-1, required=True, metavar=f"{metavar}...")
    is_path = setting.role == "photo"
    kind = click.Path() if is_path else None
    return click.argument(
        name, type=kind, required=needed, metavar=metavar if needed else f"[{metavar}]"
    )


def _option(name: str, setting: Setting) -> options.Decorator:
    kind = typed(setting.meaning)
    flags = [f"--{name.replace('_', '-')}", *([setting.short] if setting.short else [])]
    if kind is bool:
        return options.option(
            setting.heading, *flags, name, is_flag=True, default=None, help=setting.help
        )
    return options.option(
        setting.heading,
        *flags,
        name,
        type=None if setting.many or kind is str else kind,
        metavar=setting.metavar,
        many=setting.many,
        help=setting.help,
    )


def _old_option(old: str, new: str, setting: Setting) -> options.Decorator:
    """Return an option by the name that it had in the release before, which says so."""

    def renamed(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
        if value is not None:
            echo(
                f"Note: --{old.replace('_', '-')} is called --{new.replace('_', '-')} now; the old "
                "name goes with the next release",
                err=True,
            )
            ctx.params[new] = value
        return value

    kind = typed(setting.meaning)
    return options.option(
        setting.heading,
        f"--{old.replace('_', '-')}",
        f"old_{old}",
        type=None if setting.many or kind is str else kind,
        hidden=True,
        expose_value=False,
        callback=renamed,
        help="",
    )


def described(recipe: type[Recipe]) -> str:
    """Return the help of a command: the declaration's docstring up to its source."""
    text = inspect.cleandoc(recipe.__doc__ or "")
    return re.split(r"\n(?:Source:|>>> )", text)[0].strip()

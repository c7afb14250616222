"""Recipes as users write them: the command, and the Python, that make a picture."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from entoptic.jobs.defaults import USUAL
from entoptic.jobs.recipe import Recipe, settings


def command(recipe: type[Recipe], given: Mapping[str, Any], output: str) -> str:
    """Return the command that makes a picture.

    Args:
        recipe: the declaration.
        given: its settings that aren't the defaults; files by their names.
        output: the file that is made.

    >>> from entoptic.recipes.dream import Dream
    >>> command(Dream, {"model": "squeezenet1_1", "photo": "sky.jpg", "layer": "fire5"}, "a.png")
    'entoptic dream sky.jpg --layer fire5 -o a.png'
    """
    declared = settings(recipe)
    words: list[str] = []
    options: list[str] = []
    for name, value in given.items():
        if name == "model":
            options += [] if value == USUAL else ["-m", quoted(value)]
        elif declared[name].positional:
            words += map(quoted, value if declared[name].many else [value])
        else:
            options.append(flag(name, value))
    return " ".join(["entoptic", recipe.name, *words, *options, "-o", quoted(output)])


def python(recipe: type[Recipe], given: Mapping[str, Any], output: str) -> str:
    """Return the Python that makes a picture; arguments as for `command`.

    >>> from entoptic.recipes.dream import Dream
    >>> print(python(Dream, {"model": "squeezenet1_1", "noise": (60, 80)}, "a.png"))
    import entoptic as ent
    <BLANKLINE>
    ent.dream("squeezenet1_1", noise=(60, 80)).save("a.png")
    """
    declared = settings(recipe)
    arguments = [literal(given["model"])]
    named = []
    for name, value in given.items():
        if name == "model":
            continue
        if declared[name].positional:
            arguments += map(literal, value if declared[name].many else [value])
        else:
            named.append(f"{name}={literal(value)}")
    call = f"ent.{recipe.function}({', '.join([*arguments, *named])}"
    if recipe.makes_no_job:  # it writes its film itself
        return f"import entoptic as ent\n\n{call}, output={literal(output)})"
    return f"import entoptic as ent\n\n{call}).save({literal(output)})"


def flag(name: str, value: Any) -> str:
    """Return an option of the command line.

    >>> flag("keep_colors", True), flag("size", [60, 80])
    ('--keep-colors', '--size 60x80')
    """
    option = f"--{name.replace('_', '-')}"
    if value is True:
        return option
    if isinstance(value, list | tuple):
        value = ("x" if name in ("size", "noise") else ",").join(map(str, value))
    return f"{option} {quoted(str(value))}"


def quoted(text: str) -> str:
    """Return a word as shells read it; what has apostrophes in double quotes, if that will do."""
    if "'" in text and not set(text) & set('"$`\\!'):
        return f'"{text}"'
    return shlex.quote(text)


def literal(value: Any) -> str:
    """Return a value as Python reads it, texts in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # which Python reads as the same text
    return repr(tuple(value) if isinstance(value, list) else value)

"""Widgets of ComfyUI, made from the settings that a recipe declares."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from entoptic.checks import bounds, choices, typed
from entoptic.jobs.functions import default_of
from entoptic.jobs.recipe import OPTIMIZE, Recipe, Setting, settings

Widget = tuple[Any, dict[str, Any]]
"""What ComfyUI wants of an input: its type, or the words to choose from, and options."""

DEFAULT = "default"
"""The word that stands for no choice."""

UNSET = -1
"""The number that stands for none, since no setting takes it."""

# ComfyUI's page counts in JavaScript's numbers; larger whole ones aren't exact there.
_LARGEST = 2**53 - 1

# Of numbers for which no slider is declared.
_STEP = 0.001

# Roles whose values come by wires.
_WIRED = {"model", "photo", "guide", "device"}

# Beside these: what names files, which a workflow may not; another beginning than the IMAGE; how
# many are shown to the network at once.
_LEFT_OUT = {"mask", "region", "spectrum", "noise", "batch"}


def shown(recipe: type[Recipe], without: Collection[str] = ()) -> Iterator[tuple[str, Setting]]:
    """Yield the settings of a recipe that have a widget, by name.

    Args:
        recipe: the declaration.
        without: settings that the node has no use for.
    """
    for name, setting in settings(recipe).items():
        wired = setting.role in _WIRED or name in _LEFT_OUT
        if not (wired or setting.hidden or name in without):
            yield name, setting


def widgets(recipe: type[Recipe], without: Collection[str] = ()) -> dict[str, Widget]:
    """Return the widgets of a recipe's settings, by name; arguments as for `shown`."""
    return {name: _widget(recipe, name, setting) for name, setting in shown(recipe, without)}


def values(
    recipe: type[Recipe], given: Mapping[str, Any], without: Collection[str] = ()
) -> dict[str, Any]:
    """Return what is meant by the values of widgets; what they leave open isn't there.

    Args:
        recipe: the declaration.
        given: the widgets' values by name; other names are passed over.
        without: as for `shown`.

    Raises:
        BadSetting: it can't be that.
    """
    found = {}
    for name, setting in shown(recipe, without):
        value = given.get(name)
        kind = typed(setting.meaning)
        if value is None or value in ("", DEFAULT):
            continue
        if kind in (int, float) and _is_open(recipe, name) and value == UNSET:
            continue
        if setting.role == "units":
            value = [line for line in map(str.strip, value.splitlines()) if line]
        found[name] = setting.meaning(name, value)
    return found


def _is_open(recipe: type[Recipe], name: str) -> bool:
    """Tell whether a setting has no value of its own, but for one by the network."""
    return recipe.__dataclass_fields__[name].default is None


def _widget(recipe: type[Recipe], name: str, setting: Setting) -> Widget:
    default: Any = recipe.__dataclass_fields__[name].default
    open_, kind = _is_open(recipe, name), typed(setting.meaning)
    options: dict[str, Any] = {"tooltip": _tooltip(recipe, name, setting)}
    if setting.heading == OPTIMIZE and setting.slider is None and setting.role != "seed":
        options["advanced"] = True  # ComfyUI's page folds these away
    if words := choices(setting.meaning):
        listed = [DEFAULT, *words] if open_ else [*words]
        return listed, options | {"default": DEFAULT if open_ else default}
    if kind is bool:
        return "BOOLEAN", options | {"default": default}
    if kind in (int, float):
        return _number(kind, UNSET if open_ else default, setting, options)
    many = setting.role == "units"
    text = "" if open_ or not isinstance(default, str | int | float) else str(default)
    return "STRING", options | {"default": text, "multiline": many}


def _number(kind: type, default: float, setting: Setting, options: dict[str, Any]) -> Widget:
    least, most = bounds(setting.meaning)
    assert least >= 0  # so that UNSET is none of them
    options |= {
        "default": kind(default),
        "min": kind(min(default, least)),
        "max": kind(min(most, _LARGEST)),
    }
    if kind is int:
        return "INT", options
    step = _STEP if setting.slider is None else setting.slider[2]
    # ComfyUI's page would round what is typed to a whole number of steps.
    return "FLOAT", options | {"step": step, "round": False}


def _tooltip(recipe: type[Recipe], name: str, setting: Setting) -> str:
    """Return the help of a setting with its default in words, as the command line has it."""
    told = default_of(recipe, name)
    said = setting.help + (" One a line." if setting.role == "units" else "")
    return said if told is None else f"{said} [default: {told}]"

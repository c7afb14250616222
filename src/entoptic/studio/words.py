"""What settings choose from: the names of our registries, alone or joined by `+`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from entoptic.calls import Call, read_calls
from entoptic.checks import choices
from entoptic.errors import BadSetting
from entoptic.jobs.recipe import Setting


@dataclass(frozen=True)
class Words:
    """What a setting chooses from.

    Args:
        names: of which there is one, or several.
        several: whether they are joined by `+`.
    """

    names: tuple[str, ...]
    several: bool = False

    def with_own(self, parts: Sequence[str]) -> list[str]:
        """Return all names, and what else is chosen: calls with arguments, such as blur(1.2)."""
        return [*self.names, *(each for each in parts if each not in self.names)]


def words_of(name: str, setting: Setting) -> Words | None:
    """Return what a setting chooses from; None where it isn't a choice."""
    if choices(setting.meaning):
        return Words(tuple(choices(setting.meaning)))
    return _registered(name)


def parts_of(text: str, noun: str) -> list[str]:
    """Return the parts of a text of names that are joined by `+`.

    >>> parts_of("blur(1.2) + decorrelate", "shaping"), parts_of("none", "shaping")
    (['blur(1.2)', 'decorrelate'], ['none'])
    """
    return [_text(each) for each in read_calls(text, noun)]


def _text(call: Call) -> str:
    inside = [*map(repr, call.args), *(f"{name}={value!r}" for name, value in call.named)]
    return f"{call.name}({', '.join(inside)})" if inside else call.name


@cache
def _registered(name: str) -> Words | None:
    """Return the names that a setting of this name takes from a registry."""
    match name:
        case "method":
            from entoptic.jobs.methods import methods

            return Words(tuple(methods))
        case "canvas":
            from entoptic.canvas import canvases

            return Words(tuple(canvases))
        case "norm":
            from entoptic.ascent.optimizers import NORMS

            return Words(NORMS)
        case "optimizer":
            from entoptic.ascent.optimizers import optimizers

            return Words(tuple(optimizers))
        case "shaping":
            from entoptic.ascent.shaping import shaping_of, shapings

            return Words(_alone(shapings, shaping_of), several=True)
        case "rules":
            from entoptic.networks.gradient_rules.by_name import gradient_rules, rules_of

            return Words(_alone(gradient_rules, rules_of), several=True)
        case "transforms":
            from entoptic.transforms.presets import presets

            return Words(tuple(presets), several=True)
    return None


def _alone(names: Any, read: Callable[[str], object]) -> tuple[str, ...]:
    """Return those names that need no arguments."""
    return tuple(each for each in names if _is_whole(each, read))


def _is_whole(text: str, read: Callable[[str], object]) -> bool:
    try:
        read(text)
    except BadSetting:
        return False
    return True

"""Gradient rules by their names, as text such as `"guided + smooth_max_pool(4)"`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TypeAlias

from entoptic.calls import made_by_name
from entoptic.checks import instance, refused, several
from entoptic.errors import BadSetting
from entoptic.networks.gradient_rules.lengths import normalized_layers
from entoptic.networks.gradient_rules.max_pool import smooth_max_pool
from entoptic.networks.gradient_rules.rectifiers import guided, redirected_relu
from entoptic.networks.gradient_rules.rule import GradientRule
from entoptic.registry import Registry

RulesLike: TypeAlias = "str | GradientRule | Sequence[GradientRule]"
"""What `rules_of` reads."""

gradient_rules: Registry[Callable[..., GradientRule]] = Registry("gradient rule", BadSetting)
"""Functions that make rules, by the names that `rules_of` reads."""

for _maker in (guided, redirected_relu, smooth_max_pool, normalized_layers):
    gradient_rules.add(_maker.__name__, _maker)


def rules_of(given: RulesLike, name: str = "rules") -> tuple[GradientRule, ...]:
    """Return the gradient rules that are meant.

    Args:
        given: a text, such as `"guided + smooth_max_pool(4)"`, or `"none"`; a rule; or a list.
        name: of the parameter, for errors.

    Raises:
        BadSetting: there is no such name, it can't be read, or an argument is out of its bounds.

    >>> rules_of("redirected_relu(steps=8)")
    (RedirectedReLU(steps=8),)
    """
    if isinstance(given, str):
        return made_by_name(given, name, gradient_rules)
    if isinstance(given, GradientRule):
        return (given,)
    wanted = 'a rule, such as guided(), or text such as "guided"'
    rules: tuple[GradientRule, ...]
    rules = several(instance(GradientRule, wanted), "rules, such as guided()")(name, given)
    return rules


def rules_text(of: Sequence[GradientRule]) -> str:
    """Write rules as `rules_of` reads them.

    Raises:
        BadSetting: one isn't of a registered kind.

    >>> rules_text(rules_of("guided + normalized_layers('a', 'b')"))
    "guided(steps=None) + normalized_layers('a', 'b', steps=None)"
    """
    return " + ".join(map(_text, of)) or "none"


def _text(rule: GradientRule) -> str:
    for name, maker in ((each, gradient_rules[each]) for each in gradient_rules):
        parts = []
        for each in inspect.signature(maker).parameters.values():
            value = getattr(rule, each.name, None)
            if each.kind is each.VAR_POSITIONAL:
                parts += [repr(str(one)) for one in value or ()]
            else:
                parts.append(f"{each.name}={value!r}")
        text = f"{name}({', '.join(parts)})"
        if type(rule).__name__.lower() == name.replace("_", "") and rules_of(text) == (rule,):
            return text
    raise refused("rules", rule, f"must be of {', '.join(gradient_rules)} to be kept in a job")

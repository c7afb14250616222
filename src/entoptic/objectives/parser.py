"""Objective expressions as text: read with a syntax tree, never run."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable
from typing import Any

from entoptic.arguments import instance, taking
from entoptic.errors import BadExpression, did_you_mean, one_line
from entoptic.objectives.algebra import Const, Objective, objective_like, per_image
from entoptic.objectives.terms import vocabulary
from entoptic.objectives.units import channel, log_odds

# Room for a direction among 4096 channels, and far shorter than what takes Python's parser long.
_LONGEST = 65_000
# Room for the brackets of an objective that is as deep as objectives may be.
_DEEPEST = 160
# No channel, row or class has a larger number; and int() itself balks at very long ones.
_LARGEST = 10**18

# What an error names of the vocabulary, which is too long for a line.
_BEST_KNOWN = ("energy", "mean", "channel", "neuron", "logit", "match", "total_variation", "l2")

# Inside an expression a hyphen is a minus, and what stands in quotes is left alone.
_UNIT_INSIDE = re.compile(
    r"""(?P<quoted>'[^']*'|"[^"]*")|"""
    r"""(?<![\w./])(?P<name>[A-Za-z_][\w./]*(?:\#\d+)?(?:<in>)?):(?P<index>[0-9]{1,18})\b""",
    re.VERBOSE,
)
_UNIT = re.compile(r"\s*([A-Za-z0-9_./\-]+(?:#\d+)?(?:<in>)?):([0-9]{1,18})\s*")

_CLASS = re.compile(r"\s*class:\s*(\S.*?)\s*", re.DOTALL)

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
}


@taking(text=instance(str, "a text"))
def parse(text: str) -> Objective:
    """Read an objective from text.

    Understood are the names of the vocabulary with their arguments, numbers, `+ - * /`, brackets,
    `per_image([...])`, lucid's short form `layer:channel`, and `class:NAME` for the log-odds of a
    class, by label, number or synset.

    Args:
        text: such as `"channel('fire7', 3) - 0.5 * total_variation()"`.

    Raises:
        BadExpression: says where reading stopped and what is understood.

    >>> parse("channel('fire7', 3) - 0.5 * total_variation()")
    (channel('fire7', 3) - (0.5 * total_variation('input')))
    >>> parse("fire7:3")
    channel('fire7', 3)
    >>> parse("class:great white shark")
    log_odds('great white shark', 'logits')
    >>> parse("fire7:3 + inception_4a/output:97")
    (channel('fire7', 3) + channel('inception_4a/output', 97))
    """
    if len(text) > _LONGEST:
        raise BadExpression(f"an objective of {len(text)} characters; {_LONGEST} is the most")
    named = _CLASS.fullmatch(text)
    if named:
        return log_odds(int(named[1]) if named[1].isdecimal() else named[1])
    unit = _UNIT.fullmatch(text)
    if unit:
        return channel(unit[1], int(unit[2]))
    result = _Reader(text).read()
    if isinstance(result, Const | int | float):
        raise BadExpression(f"the objective {one_line(text)!r} is a number; nothing can climb it")
    if not isinstance(result, Objective):
        raise BadExpression(f"the objective {one_line(text)!r} is no objective; {_known()}")
    return result


def _written_out(found: re.Match[str]) -> str:
    """`fire7:3` as the call that it stands for."""
    return found["quoted"] or f"channel('{found['name']}', {found['index']})"


def _known() -> str:
    others = len(vocabulary) - len(_BEST_KNOWN)
    return f"there are {', '.join(_BEST_KNOWN)}, per_image and {others} more (docs/command.md)"


class _Reader:
    """Turns one text into one objective; knows the text for its messages."""

    def __init__(self, text: str) -> None:
        self.text = _UNIT_INSIDE.sub(_written_out, text.strip())

    def read(self) -> Any:
        if not self.text:
            raise BadExpression(f"the objective is empty; {_known()}")
        if _depth(self.text) > _DEEPEST:
            raise BadExpression(f"the objective's brackets are nested deeper than {_DEEPEST}")
        try:
            with warnings.catch_warnings():
                # What Python warns of, such as '\\d' in a file name, is read otherwise than meant.
                warnings.simplefilter("error")
                tree = ast.parse(self.text, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            place = getattr(error, "offset", None)
            at = f" at character {place}" if place else ""
            raise BadExpression(
                f"can't read the objective {one_line(self.text)!r}{at}; "
                "write for example \"channel('fire7', 3) - 0.5 * total_variation()\""
            ) from None
        try:
            return self.node(tree.body)
        except RecursionError:
            raise BadExpression(
                "the objective is nested too deeply; use fewer brackets and signs"
            ) from None

    def node(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=bool()):
                return self.refuse(node)
            case ast.Constant(value=int() | float() | str() | None):
                return self.sized(node.value)
            case ast.BinOp():
                return self.join(node)
            case ast.UnaryOp(op=ast.USub()):
                return -self.number_or_objective(node.operand)
            case ast.UnaryOp(op=ast.UAdd()):
                return self.number_or_objective(node.operand)
            case ast.List() | ast.Tuple():
                return [self.node(each) for each in node.elts]
            case ast.Call(func=ast.Name()):
                return self.call(node)
            case ast.Name(id=name) if name in vocabulary:
                raise BadExpression(f"{name} wants its arguments in brackets: {name}(...)")
            case ast.Name(id=name):
                raise BadExpression(f"{name!r} is no number and no objective; {_known()}")
        return self.refuse(node)

    def join(self, node: ast.BinOp) -> Any:
        # From the left, as in a + b + c; not by recursion, since rows may be long.
        row, first = [node], node.left
        while isinstance(first, ast.BinOp):
            row.append(first)
            first = first.left
        value = self.number_or_objective(first)
        for each in reversed(row):
            value = self.joined(each, value, self.number_or_objective(each.right))
        return value

    def joined(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        if type(node.op) not in _BINARY:
            self.refuse(node)
        try:
            return self.sized(_BINARY[type(node.op)](left, right))
        except ZeroDivisionError:
            raise BadExpression(f"{one_line(self.text)!r} divides by zero") from None

    def sized(self, value: Any) -> Any:
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise BadExpression(f"a number in {one_line(self.text)!r} is too large")
        return value

    def number_or_objective(self, node: ast.expr) -> Any:
        value = self.node(node)
        if isinstance(value, str | list | None):
            raise BadExpression(
                f"{one_line(repr(value))} stands where a number or an objective belongs "
                f"in {one_line(self.text)!r}"
            )
        return value

    def call(self, node: ast.Call) -> Objective:
        name = node.func.id  # type: ignore[attr-defined]
        args = [self.node(each) for each in node.args]
        if any(each.arg is None for each in node.keywords):
            self.refuse(node)
        named = {str(each.arg): self.node(each.value) for each in node.keywords}
        if len(named) < len(node.keywords):
            raise BadExpression(f"{name} is given an argument twice in {one_line(self.text)!r}")
        if name == "per_image":
            several = args[0] if len(args) == 1 and not named else None
            if not isinstance(several, list) or not all(isinstance(o, Objective) for o in several):
                raise BadExpression("per_image wants one list of objectives: per_image([...])")
            return per_image(several)
        if name not in vocabulary:
            hint = did_you_mean(name, vocabulary) or f"; {_known()}"
            raise BadExpression(f"no objective named {name!r}{hint}")
        return vocabulary[name](*args, **named)

    def refuse(self, node: ast.expr) -> Any:
        part = ast.get_source_segment(self.text, node) or type(node).__name__
        raise BadExpression(
            f"{one_line(part)!r} isn't understood in an objective; "
            f"numbers, + - * /, brackets and calls are, and {_known()}"
        )


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest


def objective_of(given: Objective | str, name: str = "objective") -> Objective:
    """The objective that is meant; an expression is read.

    Raises:
        BadExpression: it is neither, or can't be read.

    >>> objective_of("fire7:3")
    channel('fire7', 3)
    """
    return parse(given) if isinstance(given, str) else objective_like(name, given)

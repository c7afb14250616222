"""Objective expressions as text: read with a syntax tree, never run."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

from entoptic.errors import BadExpression
from entoptic.objectives.algebra import Const, Objective, per_image
from entoptic.objectives.library import channel
from entoptic.objectives.terms import vocabulary

# Far longer than anyone writes, far shorter than what exhausts Python's own parser.
_LONGEST = 20_000
_DEEPEST = 100

_UNIT = re.compile(r"\s*([A-Za-z0-9_./\-]+(?:#\d+)?(?:<in>)?):(\d+)\s*")

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
}


def parse(text: str) -> Objective:
    """Read an objective from text.

    Understood are the names of the vocabulary with their arguments, numbers, `+ - * /`, brackets,
    `per_image([...])`, and lucid's short form `layer:channel`.

    Args:
        text: such as `"channel('fire7', 3) - 0.5 * total_variation()"`.

    Raises:
        BadExpression: says where reading stopped and what is understood.

    >>> parse("channel('fire7', 3) - 0.5 * total_variation()")
    (channel('fire7', 3) - (0.5 * total_variation('input')))
    >>> parse("fire7:3")
    channel('fire7', 3)
    """
    unit = _UNIT.fullmatch(text)
    if unit:
        return channel(unit[1], int(unit[2]))
    result = _Reader(text).read()
    if isinstance(result, Const | int | float):
        raise BadExpression(f"the objective {text.strip()!r} is a number; nothing can climb it")
    if not isinstance(result, Objective):
        raise BadExpression(f"the objective {text.strip()!r} is no objective; {_known()}")
    return result


def _known() -> str:
    return f"there are {', '.join(vocabulary)} and per_image"


class _Reader:
    """Turns one text into one objective; knows the text for its messages."""

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self) -> Any:
        if len(self.text) > _LONGEST:
            raise BadExpression(
                f"an objective of {len(self.text)} characters; {_LONGEST} is the most"
            )
        if not self.text.strip():
            raise BadExpression(f"the objective is empty; {_known()}")
        if _depth(self.text) > _DEEPEST:
            raise BadExpression(f"the objective's brackets are nested deeper than {_DEEPEST}")
        try:
            tree = ast.parse(self.text.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            place = getattr(error, "offset", None)
            at = f" at character {place}" if place else ""
            raise BadExpression(
                f"can't read the objective {_short(self.text)!r}{at}; "
                "write for example \"channel('fire7', 3) - 0.5 * total_variation()\""
            ) from None
        try:
            return self.node(tree.body)
        except RecursionError:
            raise BadExpression("the objective has too many parts in a row; group them") from None

    def node(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=int() | float() | str() | None) if node.value is not True:
                return node.value if node.value is not False else self.refuse(node)
            case ast.BinOp(op=op) if type(op) in _BINARY:
                return self.join(_BINARY[type(op)], node)
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

    def join(self, operation: Callable[[Any, Any], Any], node: ast.BinOp) -> Any:
        left, right = self.number_or_objective(node.left), self.number_or_objective(node.right)
        try:
            return operation(left, right)
        except (ZeroDivisionError, OverflowError) as error:
            raise BadExpression(f"{_short(self.text)!r}: {error}") from None

    def number_or_objective(self, node: ast.expr) -> Any:
        value = self.node(node)
        if isinstance(value, str | list | None):
            raise BadExpression(
                f"{value!r} stands where a number or an objective belongs in {_short(self.text)!r}"
            )
        return value

    def call(self, node: ast.Call) -> Objective:
        name = node.func.id  # type: ignore[attr-defined]
        args = [self.node(each) for each in node.args]
        if any(each.arg is None for each in node.keywords):
            self.refuse(node)
        named = {str(each.arg): self.node(each.value) for each in node.keywords}
        if name == "per_image":
            several = args[0] if len(args) == 1 and isinstance(args[0], list) else None
            if named or not several or not all(isinstance(each, Objective) for each in several):
                raise BadExpression("per_image wants one list: per_image([energy('a'), ...])")
            return per_image(args[0])
        return vocabulary[name](*args, **named)

    def refuse(self, node: ast.expr) -> Any:
        part = ast.get_source_segment(self.text.strip(), node) or type(node).__name__
        raise BadExpression(
            f"{_short(part)!r} isn't understood in an objective; "
            f"numbers, + - * /, brackets and calls are, and {_known()}"
        )


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:77] + "..."

"""Calls as text, such as `jitter(8) + rotate(-5, 5)`: read by Python's parser, never run."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, TypeVar

from entoptic.errors import BadSetting, EntopticError, one_line
from entoptic.registry import Registry, plain_signature

T = TypeVar("T")

# Python's parser takes deep recursion for very long texts of signs and brackets.
_LONGEST = 1000


@dataclass(frozen=True)
class Call:
    """A name with its arguments; without brackets it has none."""

    name: str
    args: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()

    def of(self, maker: Callable[..., T]) -> T:
        """Call what the name stands for.

        The values of one that takes a single argument by position, a range, may stand without
        brackets of their own: `rotate(-5, 5)` is `rotate((-5, 5))`.

        Raises:
            BadSetting: it takes other arguments, or an argument is out of its bounds.
        """
        signature = inspect.signature(maker)
        by_position = [each for each in signature.parameters.values() if each.kind in _POSITIONAL]
        args = (self.args,) if len(self.args) > 1 == len(by_position) else self.args
        try:
            signature.bind(*args, **dict(self.named))
        except TypeError as error:
            raise BadSetting(f"{self.name}{plain_signature(signature)}: {error}") from None
        try:
            return maker(*args, **dict(self.named))
        except EntopticError as error:
            raise type(error)(f"{self.name}: {error}") from None
        except (TypeError, ValueError) as error:
            raise BadSetting(f"{self.name}: {one_line(str(error))}") from error


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def read_calls(text: str, noun: str) -> list[Call]:
    """Read calls that are joined by `+` or commas.

    Args:
        text: names, each with arguments in brackets or without: numbers, texts, True, False, None,
            and lists of these.
        noun: what is read, for errors ("transforms").

    Raises:
        BadSetting: it can't be read; with where.

    >>> read_calls("robust + jitter(8)", "transforms")
    [Call(name='robust', args=(), named=()), Call(name='jitter', args=(8,), named=())]
    """
    if len(text) > _LONGEST:
        raise BadSetting(f"{noun} of {len(text)} characters; {_LONGEST} is the most")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        return list(_calls(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = error.msg if isinstance(error, SyntaxError) else str(error)
        raise BadSetting(
            f"can't read the {noun} {one_line(repr(text))}: {one_line(why)}; write names with "
            'arguments, such as "jitter(8) + rotate(-5, 5)"'
        ) from None


def made_by_name(text: str, noun: str, registry: Registry[Callable[..., T]]) -> tuple[T, ...]:
    """Make what calls stand for by the registered makers of their names; `none` makes nothing.

    Args:
        text: as `read_calls` takes it.
        noun: what is read, for errors.
        registry: of the makers.

    Raises:
        BadSetting: there is no such name, it can't be read, or an argument is out of its bounds.
    """
    calls = read_calls(text, noun)
    return tuple(call.of(registry[call.name]) for call in calls if call != Call("none"))


def _calls(tree: ast.expr) -> Iterator[Call]:
    match tree:
        case ast.BinOp(left, ast.Add(), right):
            yield from _calls(left)
            yield from _calls(right)
        case ast.Tuple(elts) | ast.List(elts):
            for each in elts:
                yield from _calls(each)
        case ast.Name(name):
            yield Call(name)
        case ast.Call(ast.Name(name), args, keywords):
            if any(each.arg is None for each in keywords):
                raise ValueError("** isn't understood there")
            named = tuple((str(each.arg), _value(each.value)) for each in keywords)
            yield Call(name, tuple(map(_value, args)), named)
        case _:
            raise ValueError(f"{one_line(repr(ast.unparse(tree)))} isn't understood there")


def _value(tree: ast.expr) -> Any:
    match tree:
        case ast.Constant(bool() | int() | float() | str() | None as value):
            return value
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as value)):
            return -value
        case ast.Tuple(elts) | ast.List(elts):
            return tuple(map(_value, elts))
    raise ValueError(f"{one_line(repr(ast.unparse(tree)))} is no value")


def call_text(name: str, made: object) -> str:
    """Write the call that makes a dataclass's instance again.

    What is no dataclass is written so that reading it fails: its arguments aren't known.

    >>> call_text("call", Call("jitter", (8,)))
    "call('jitter', (8,))"
    """
    if not is_dataclass(made):
        return f"{name}(...)"
    by_position: list[str] = []
    by_name: list[str] = []
    skipped = False
    for each in fields(made):
        value = getattr(made, each.name)
        default = each.default if each.default_factory is MISSING else each.default_factory()
        if value == default and type(value) is type(default):
            skipped = skipped or not each.kw_only
        elif skipped or each.kw_only:
            by_name.append(f"{each.name}={value!r}")
        else:
            by_position.append(repr(value))
    return f"{name}({', '.join([*by_position, *by_name])})"

"""Checks of a user's input: the value that is meant, or an error that says what is wanted.

A meaning is a function of a parameter's name and the value given: it returns what is meant, or
raises an EntopticError of one line. `taking` puts meanings before a function or a class. Those of
the field's own nouns lie beside them: `model_of`, `picture_of`, `objective_of`, `devices`.
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
import os
import re
import sys
from collections.abc import Callable, Iterable
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from entoptic.errors import BadPicture, BadSetting, one_line

if TYPE_CHECKING:
    from torch import Tensor

Meaning: TypeAlias = Callable[[str, Any], Any]
"""From a parameter's name and what was given to what is meant."""

_Taker = TypeVar("_Taker", bound=Callable[..., Any])

_TYPED = "entoptic_typed"
_WORDS = "entoptic_words"
_BOUNDS = "entoptic_bounds"


def typed(meaning: Meaning) -> type:
    """Return the type that a command line reads before it asks for the meaning.

    >>> typed(whole(1)), typed(number()), typed(flag), typed(text)
    (<class 'int'>, <class 'float'>, <class 'bool'>, <class 'str'>)
    """
    kind: type = getattr(meaning, _TYPED, str)
    return kind


def choices(meaning: Meaning) -> tuple[Any, ...]:
    """Return the words that a meaning has to choose from; none where it isn't `one_of`.

    >>> choices(one_of("off", "both")), choices(flag)
    (('off', 'both'), ())
    """
    words: tuple[Any, ...] = getattr(meaning, _WORDS, ())
    return words


def bounds(meaning: Meaning) -> tuple[float, float]:
    """Return the least and the largest number that a meaning takes; a number may exclude them.

    >>> bounds(whole(1, 100)), bounds(number(above=0)), bounds(flag)
    ((1, 100), (0, inf), (-inf, inf))
    """
    found: tuple[float, float] = getattr(meaning, _BOUNDS, (-math.inf, math.inf))
    return found


def of_text(meaning: Meaning, wanted: str = "must be a number") -> Meaning:
    """Return what reads a value, or a text as the command line reads one.

    Args:
        meaning: of the value.
        wanted: is told where a number is meant and the text is none.

    >>> of_text(number(least=0))("strength", "0.5"), of_text(flag)("silent", "yes")
    (0.5, True)
    """
    kind = typed(meaning)

    def meant(name: str, value: Any) -> Any:
        if isinstance(value, str) and kind in (int, float):
            try:
                value = kind(value)
            except ValueError:
                raise refused(name, value, wanted) from None
        if isinstance(value, str) and kind is bool:
            words = {"yes": True, "no": False}
            value = words.get(value, value)
        return meaning(name, value)

    return meant


def _reads(kind: type, meaning: Meaning) -> Meaning:
    setattr(meaning, _TYPED, kind)
    return meaning


# Largest seed of a generator of torch, and the largest number that anything is told.
LARGEST_SEED = 2**63 - 1
_LARGEST = 2**62

MOST_WEIGHT = 1_000_000
"""A weight above this leaves nothing of what it is weighed against."""


def taking(**meanings: Meaning) -> Callable[[_Taker], _Taker]:
    """Give a function, or a class, what its users mean by their arguments.

    What isn't given isn't looked at, and neither is None where it is the default.

    Args:
        meanings: by the names of parameters; of `*names` each one is looked at.

    >>> @taking(count=whole(1))
    ... def doubled(count: int) -> int:
    ...     return 2 * count
    >>> doubled(count=True)
    Traceback (most recent call last):
    entoptic.errors.BadSetting: count is True; it must be a whole number of at least 1
    """

    def given(taker: _Taker) -> _Taker:
        function = taker.__init__ if isinstance(taker, type) else taker  # type: ignore[misc]
        signature = inspect.signature(function)
        assert meanings.keys() <= signature.parameters.keys()

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            for name in meanings.keys() & bound.arguments.keys():
                parameter, value = signature.parameters[name], bound.arguments[name]
                if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                    bound.arguments[name] = tuple(meanings[name](name, each) for each in value)
                elif value is not None or parameter.default is not None:
                    bound.arguments[name] = meanings[name](name, value)
            return function(*bound.args, **bound.kwargs)

        if not isinstance(taker, type):
            return called  # type: ignore[return-value]
        taker.__init__ = called  # type: ignore[misc]
        return taker

    return given


def shown(value: Any) -> str:
    """Return the input, short and on one line.

    >>> import torch
    >>> shown(torch.zeros(2, 3)), shown([1, 2]), shown(torch.nn.ReLU())
    ('a tensor of shape (2, 3)', '[1, 2]', 'a ReLU')
    """
    if _is_torch("nn.Module", value):
        return f"a {type(value).__name__}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        noun = "a tensor" if _is_torch("Tensor", value) else "an array"
        return f"{noun} of shape {tuple(value.shape)}"
    return one_line(repr(value))


def _is_torch(kind: str, value: Any) -> bool:
    """Tell whether a value is of a class of torch; nothing is before torch is imported.

    This module doesn't import it, so that recipes are declared, and their help is shown, at once.
    """
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, attrgetter(kind)(torch))


def refused(name: str, value: Any, wanted: str) -> BadSetting:
    """The error for an argument that isn't what is wanted.

    Args:
        name: of the parameter.
        value: what was given.
        wanted: the end of a sentence that begins with "it".
    """
    return BadSetting(f"{name.replace('_', ' ')} is {shown(value)}; it {wanted}")


def whole(least: int, most: int = _LARGEST) -> Meaning:
    """A whole number in a range; numpy's will do, and True doesn't."""
    span = f"of at least {least}" if most == _LARGEST else f"from {least} to {most}"

    def meant(name: str, value: Any) -> int:
        counted = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not counted or not least <= value <= most:
            raise refused(name, value, f"must be a whole number {span}")
        return int(value)

    setattr(meant, _BOUNDS, (least, most))
    return _reads(int, meant)


seed = whole(0, LARGEST_SEED)
"""A random seed."""

side = whole(1, 1_000_000)
"""A height or a width in pixels."""

count = whole(1, 1_000_000)
"""A number of things; at least one."""


def number(
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
) -> Meaning:
    """A finite number in a range; whole ones and numpy's will do, and True doesn't."""
    limits = (("at least", least), ("above", above), ("at most", most), ("below", below))
    told = [f"{words} {limit:.10g}" for words, limit in limits if math.isfinite(limit)]
    wanted = f"must be {' and '.join(told)}" if told else "must be a number"
    wanted += "" if math.isfinite(most) or math.isfinite(below) else ", and finite"

    def meant(name: str, value: Any) -> float:
        real = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not real or not _is_finite(value):
            raise refused(name, value, wanted)
        if not (least <= value <= most and above < value < below):
            raise refused(name, value, wanted)
        return int(value) if isinstance(value, numbers.Integral) else float(value)

    setattr(meant, _BOUNDS, (max(least, above), min(most, below)))
    return _reads(float, meant)


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def as_given(name: str, value: Any) -> Any:
    """Whatever it is: for the values of a list that are told apart later."""
    return value


def flag(name: str, value: Any) -> bool:
    """True or False, and nothing that is like it."""
    if type(value).__name__ not in ("bool", "bool_"):
        raise refused(name, value, "is True or False")
    return bool(value)


_reads(bool, flag)


def text(name: str, value: Any) -> str:
    """A text that isn't empty."""
    if not isinstance(value, str) or not value:
        raise refused(name, value, "must be a text that isn't empty")
    return value


def path(name: str, value: Any) -> str | Path:
    """The name of a file: a text or a path."""
    if not isinstance(value, str | os.PathLike) or isinstance(os.fspath(value), bytes):
        raise refused(name, value, "must be the name of a file")
    if not str(value):
        raise refused(name, value, "must be the name of a file, which isn't empty")
    return value if isinstance(value, str | Path) else Path(value)


def one_of(*words: Any) -> Meaning:
    """One of a few words."""

    def meant(name: str, value: Any) -> Any:
        # Of the same type: True is equal to 1.
        if not any(type(value) is type(each) and value == each for each in words):
            raise refused(name, value, f"is one of {', '.join(map(str, words))}")
        return value

    setattr(meant, _WORDS, words)
    return meant


precision = one_of("auto", "fp32", "bf16", "fp16")
"""A number format that networks compute in; `auto` is the fastest that keeps the look."""


def either(*words: str, otherwise: Meaning) -> Meaning:
    """One of a few words, or a number, which may be typed as text."""

    def meant(name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return otherwise(name, value)
        if value.isascii() and value.isdigit() and len(value) < 10:
            return otherwise(name, int(value))
        if value not in words:
            raise refused(name, value, f"is {', '.join(words)}, or a number")
        return value

    return meant


def pair(each: Meaning, wanted: str) -> Meaning:
    """Two values, such as (height, width)."""

    def meant(name: str, value: Any) -> tuple[Any, Any]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise refused(name, value, f"wants {wanted}")
        return each(f"{name}'s first number", value[0]), each(f"{name}'s second number", value[1])

    return meant


def extent(most: int, *, both: bool = False) -> Meaning:
    """A side in pixels, or (height, width); as text, `"224"` or `"512x768"`.

    Args:
        most: of each side.
        both: whether one side alone is refused.

    >>> extent(1000)("size", "60x80"), extent(1000)("size", 48)
    ((60, 80), 48)
    """
    one = whole(1, most)
    wanted = "HEIGHTxWIDTH, such as 512x768"

    def meant(name: str, value: Any) -> int | tuple[int, int]:
        sides = value
        if isinstance(value, str):
            words = value.lower().split("x")
            typed = all(each.isascii() and each.isdigit() for each in words)
            if not typed or len(words) > 2 or (both and len(words) < 2):
                raise refused(name, value, f"wants {'' if both else 'a number, or '}{wanted}")
            lengths = [int(each[:20]) for each in words]  # longer ones are too large anyway
            sides = lengths[0] if len(lengths) == 1 else lengths
        if both and not (isinstance(sides, list | tuple) and len(sides) == 2):
            raise refused(name, value, "wants (height, width)")
        if isinstance(sides, list | tuple) and len(sides) == 2:
            height, width = (
                one(f"{name}'s {each}", side)
                for each, side in zip(("height", "width"), sides, strict=True)
            )
            return height, width
        side: int = one(name, sides)
        return side

    return meant


_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {f"{unit}I": 2 ** (10 * power) for power, unit in enumerate("KMGT", 1)}
_MEMORY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([KMGT]?I?)B?")


def memory(name: str, value: Any) -> int:
    """Bytes: a number of them, or a text like `4GiB`, `500 MB`.

    >>> memory("memory", "4GiB"), memory("memory", "1.5 GB")
    (4294967296, 1500000000)
    """
    if isinstance(value, str):
        found = _MEMORY.fullmatch(value.strip().upper())
        if found is None or found[2] not in _UNITS:
            raise BadSetting(f"{name} {value!r}; write it like 4GiB or 500MB")
        value = int(float(found[1]) * _UNITS[found[2]])
    counted = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not counted or not 1 << 20 <= value < _LARGEST:
        raise refused(name, value, "must be at least 1MiB, as 4GiB or 500MB")
    return int(value)


def several(each: Meaning, wanted: str) -> Meaning:
    """A list of values: anything that can be gone through, but no text."""

    def meant(name: str, value: Any) -> tuple[Any, ...]:
        listed = isinstance(value, Iterable) and not isinstance(value, str | bytes | dict)
        if not listed or hasattr(value, "dtype") or _is_torch("nn.Module", value):
            raise refused(name, value, f"must be a list of {wanted}")
        return tuple(each(name, one) for one in value)

    return meant


def instance(kind: type | tuple[type, ...], wanted: str) -> Meaning:
    """A value of a class.

    Args:
        kind: the class, or several.
        wanted: what is wanted, in words.
    """

    def meant(name: str, value: Any) -> Any:
        if not isinstance(value, kind):
            raise refused(name, value, f"must be {wanted}")
        return value

    return meant


def function(name: str, value: Any) -> Any:
    """Something that can be called, and no class."""
    if not callable(value) or isinstance(value, type):
        raise refused(name, value, "must be a function")
    return value


def planes(name: str, value: Any) -> Tensor:
    """Floating-point numbers of (batch, channels, height, width), none of which is 0."""
    if not _is_torch("Tensor", value) or value.ndim != 4 or 0 in value.shape:
        raise BadPicture(
            f"{name} is {shown(value)}; it must be a tensor of (batch, channels, height, width), "
            "none of them 0"
        )
    if not value.is_floating_point():
        raise BadPicture(
            f"{name} is a tensor of {value.dtype}; it must hold floating-point numbers"
        )
    tensor: Tensor = value
    return tensor


def generator(name: str, value: Any) -> Any:
    """A seed, or a CPU generator to go on with."""
    if _is_torch("Generator", value):
        if value.device.type == "cpu":
            return value
        raise refused(name, value, "must be a number, or a generator of the CPU")
    return seed(name, value)

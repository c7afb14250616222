"""Objective expressions as text: one grammar, read from the left, never run.

    sum     = product { ("+" | "-") product }
    product = signed { ("*" | "/") signed }
    signed  = { "+" | "-" } power
    power   = atom [ "**" [ "-" ] NUMBER ]
    atom    = NUMBER | TEXT | "None" | UNIT | CLASS | NAME "(" arguments ")" | "(" sum ")" | list

A UNIT is LAYER:CHANNEL, where LAYER is written as it is; one that begins with a digit may hold no
slash, so that 2/fire7:3 is a half of two channels' worth. LAYER:3-9,12 are several channels, and
stand alone: inside an expression a hyphen is a minus. A CLASS is class:NAME, which ends before a
bracket, or before a sign that stands between spaces.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from entoptic.checks import instance, taking
from entoptic.errors import BadExpression, one_line
from entoptic.objectives.algebra import Const, Objective, objective_like, per_image
from entoptic.objectives.terms import vocabulary
from entoptic.objectives.units import channel, channels, log_odds

# Room for a direction among 4096 channels.
_LONGEST = 65_000
# Room for the brackets of an objective that is as deep as objectives may be.
_DEEPEST = 160
# No channel, row or class has a larger number; and int() itself balks at very long ones.
_LARGEST = 10**18

# What an error names of the vocabulary, which is too long for a line.
_BEST_KNOWN = ("energy", "mean", "channel", "neuron", "logit", "match", "total_variation", "l2")

_LAYER = r"(?:[^\W\d][\w./\-]*|\d[\w.]*)(?:\#\d+)?(?:<in>)?"
# A name that begins with a letter may hold hyphens: without its channel it would be no operand.
_TOKEN = re.compile(
    rf"""
    (?P<space>\s+)
    | (?P<klass>class:)
    | (?P<layer>{_LAYER}):(?P<index>\d{{1,18}})(?![\w.])(?P<range>-\d+(?![\w.]))?
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])
    | (?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    | (?P<name>[^\W\d]\w*)
    | (?P<sign>\*\*|[-+*/(),=\[\]])
    """,
    re.VERBOSE,
)
# Alone, channels may be several.
_UNIT = re.compile(rf"\s*(?!class:)({_LAYER}):(\d+(?:-\d+)?(?:\s*,\s*\d+(?:-\d+)?)*)\s*")
_QUOTED_CLASS = re.compile(r"\s*(?:'([^'\n]*)'|\"([^\"\n]*)\")")
# Among arguments a comma ends the name of a class, too.
_CLASS, _CLASS_INSIDE = (
    re.compile(rf"\s*([^\s{ends}][^{ends}]*?)\s*(?=$|[{ends}]|\s(?:\*\*|[-+*/])(?:\s|$))")
    for ends in (r"()\[\]:", r"()\[\]:,")
)


@taking(text=instance(str, "a text"))
def parse(text: str) -> Objective:
    """Read an objective from text.

    Understood are the names of the vocabulary with their arguments, numbers, `+ - * /`,
    `** NUMBER`, `abs(...)`, brackets, `per_image([...])`, lucid's short form `layer:channel`, and
    `class:NAME` for the log-odds of a class, by label, number, synset, or a pattern with * and ?.

    Args:
        text: such as `"channel('fire7', 3) - 0.5 * total_variation()"`.

    Raises:
        BadExpression: says where reading stopped and what is understood.

    >>> parse("channel('fire7', 3) - 0.5 * total_variation()")
    (channel('fire7', 3) - (0.5 * total_variation('input')))
    >>> parse("-fire7:3 / 2 + class:great white shark")
    ((-1 * channel('fire7', 3) / 2) + log_odds('great white shark', 'logits'))
    >>> parse("fire7:3-5")
    channels('fire7', (3, 4, 5))
    """
    if len(text) > _LONGEST:
        raise BadExpression(f"an objective of {len(text)} characters; {_LONGEST} is the most")
    unit = _unit(text)
    if unit is not None:
        return unit
    result = _Reader(text).read()
    if isinstance(result, Const | int | float):
        raise BadExpression(f"the objective {one_line(text)!r} is a number; it can't be optimised")
    if not isinstance(result, Objective):
        raise BadExpression(f"the objective {one_line(text)!r} is no objective; {_known()}")
    return result


def is_short(text: str) -> bool:
    """Return whether a text is LAYER:CHANNELS and nothing else.

    >>> is_short("fire7:3-5"), is_short("channels('fire7', '3-5')")
    (True, False)
    """
    return _UNIT.fullmatch(text) is not None


def _unit(text: str) -> Objective | None:
    """The channel, or the channels, that a short form names; None where it isn't one."""
    found = _UNIT.fullmatch(text)
    if found is None:
        return None
    layer, numbers = found[1], found[2].strip()
    if not numbers.isdigit():
        return channels(layer, numbers)
    return channel(layer, int(numbers)) if len(numbers) <= len(str(_LARGEST)) else None


def _known() -> str:
    others = len(vocabulary) - len(_BEST_KNOWN)
    known = ", ".join(_BEST_KNOWN)
    return f"there are {known}, per_image and {others} more (docs/reference/expressions.md)"


@dataclass(frozen=True)
class _Token:
    """A piece of the text: its kind, what it stands for, and where it begins and ends."""

    kind: str
    value: Any
    start: int
    end: int


_CLOSING = {"(": ")", "[": "]"}
# How tightly signs bind; those before an operand bind more tightly than those between.
_BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "negative": 3}


@dataclass
class _Level:
    """The operands read so far between two brackets, or of the whole text.

    Args:
        opening: the bracket.
        call: the name before the bracket, None where there is none.
        values: those before the last comma.
        named: arguments by name before the last comma.
        key: the name of the argument that is being read.
        operands, signs: of the sum that is being read.
        comma: whether the last thing read was one.
    """

    opening: str
    call: str | None = None
    values: list[Any] = field(default_factory=list)
    named: dict[str, Any] = field(default_factory=dict)
    key: str | None = None
    operands: list[Any] = field(default_factory=list)
    signs: list[str] = field(default_factory=list)
    comma: bool = False

    @property
    def begins(self) -> bool:
        """True where nothing has been read since the bracket or the last comma."""
        return not (self.operands or self.signs or self.key)


class _Reader:
    """Turns one text into one objective; knows the text for its messages.

    Brackets are kept in a list, so that deep ones need no deep calls.
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()

    def read(self) -> Any:
        if not self.text:
            raise BadExpression(f"the objective is empty; {_known()}")
        self.levels = [_Level("")]
        self.tokens = list(self._tokens())
        at, wants_operand = 0, True
        while self.tokens[at].kind != "end":
            step = self._operand if wants_operand else self._operator
            at, wants_operand = step(at)
        if wants_operand or len(self.levels) > 1:
            self._refuse(self.tokens[at])
        return self._summed(self.levels[0])

    def _operand(self, at: int) -> tuple[int, bool]:
        """Read what begins an operand; where reading goes on, and whether an operand is wanted."""
        token, following, level = self.tokens[at], self.tokens[at + 1], self.levels[-1]
        match token.kind, token.value:
            case (("number" | "text" | "unit"), value):
                level.operands.append(value)
                return at + 1, False
            case "name", name if following.value == "(" and following.kind == "sign":
                self._open(_Level("(", name))
                return at + 2, True
            case "name", name if following.value == "=" and level.call and level.begins:
                if name in level.named:
                    raise BadExpression(
                        f"{level.call} is given an argument twice in {one_line(self.text)!r}"
                    )
                level.key = name
                return at + 2, True
            case "name", "None":
                level.operands.append(None)
                return at + 1, False
            case "name", name if name in vocabulary or name in ("abs", "per_image"):
                raise BadExpression(f"{name} wants its arguments in brackets: {name}(...)")
            case "name", name:
                raise BadExpression(
                    f"{one_line(name)!r} is no number and no objective; {_known()}; a channel of a "
                    "layer is written fire7:3, a whole layer energy('fire7')"
                )
            case "sign", ("(" | "[") as bracket:
                self._open(_Level(bracket))
                return at + 1, True
            case "sign", ("+" | "-") as sign:
                level.signs += ["negative"] * (sign == "-")
                level.comma = False
                return at + 1, True
            case "sign", sign if level.begins and sign == _CLOSING.get(level.opening):
                self._close()
                return at + 1, False
        return self._refuse(token)

    def _operator(self, at: int) -> tuple[int, bool]:
        """Read what follows an operand; see `_operand`."""
        token, level = self.tokens[at], self.levels[-1]
        match token.kind, token.value:
            case "sign", ("+" | "-" | "*" | "/") as sign:
                self._reduce(level, _BINDING[sign])
                level.signs.append(sign)
                return at + 1, True
            case "sign", "**":
                return self._power(at + 1), False
            case "sign", "," if len(self.levels) > 1:
                self._argument(level)
                level.comma = True
                return at + 1, True
            case "sign", sign if sign == _CLOSING.get(level.opening):
                self._argument(level)
                self._close()
                return at + 1, False
        return self._refuse(token)

    def _power(self, at: int) -> int:
        sign = -1 if self.tokens[at].value == "-" else 1
        at += sign == -1
        if self.tokens[at].kind != "number":
            self._refuse(self.tokens[at], "an exponent is a number, as in a ** 2")
        operands = self.levels[-1].operands
        base = self._calculable(operands.pop())
        operands.append(self._joined("**", base, sign * self.tokens[at].value))
        return at + 1

    def _open(self, level: _Level) -> None:
        self.levels[-1].comma = False
        self.levels.append(level)
        if len(self.levels) > _DEEPEST:
            raise BadExpression(f"the objective's brackets are nested deeper than {_DEEPEST}")

    def _close(self) -> None:
        level = self.levels.pop()
        value: Any = level.values
        if level.call is not None:
            value = self._called(level.call, level.values, level.named)
        elif level.opening == "(" and len(level.values) == 1 and not level.comma:
            (value,) = level.values
        self.levels[-1].operands.append(value)

    def _argument(self, level: _Level) -> None:
        """Put what was read since the last comma to the values, or under its name."""
        value = self._summed(level)
        if level.key is not None:
            level.named[level.key] = value
        elif level.named:
            raise BadExpression(
                f"{level.call} has an argument by position after one by name in "
                f"{one_line(self.text)!r}; name it, too"
            )
        else:
            level.values.append(value)
        level.key, level.comma = None, False

    def _summed(self, level: _Level) -> Any:
        self._reduce(level, 0)
        return level.operands.pop()

    def _reduce(self, level: _Level, binding: int) -> None:
        """Carry out the signs that bind as tightly, or more."""
        while level.signs and _BINDING[level.signs[-1]] >= binding:
            sign = level.signs.pop()
            right = self._calculable(level.operands.pop())
            if sign == "negative":
                level.operands.append(-right)
            else:
                left = self._calculable(level.operands.pop())
                level.operands.append(self._joined(sign, left, right))

    def _called(self, name: str, args: list[Any], named: dict[str, Any]) -> Objective:
        if name == "per_image":
            several = args[0] if len(args) == 1 and not named else None
            if not isinstance(several, list) or not all(isinstance(o, Objective) for o in several):
                raise BadExpression("per_image wants one list of objectives: per_image([...])")
            return per_image(several)
        if name == "abs":
            of = args[0] if len(args) == 1 and not named else None
            if not isinstance(of, Objective):
                raise BadExpression("abs wants one objective: abs(...)")
            return abs(of)
        return vocabulary[name](*args, **named)

    def _joined(self, sign: str, left: Any, right: Any) -> Any:
        try:
            match sign:
                case "+":
                    value = left + right
                case "-":
                    value = left - right
                case "*":
                    value = left * right
                case "/":
                    value = left / right
                case _:
                    # Whole numbers would take ever longer.
                    value = (left if isinstance(left, Objective) else float(left)) ** right
        except ZeroDivisionError:
            raise BadExpression(f"{one_line(self.text)!r} divides by zero") from None
        except OverflowError:
            raise BadExpression(f"a number in {one_line(self.text)!r} is too large") from None
        if isinstance(value, complex):
            raise BadExpression(f"{one_line(self.text)!r} has a root of a negative number")
        return self._sized(value)

    def _sized(self, value: Any) -> Any:
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise BadExpression(f"a number in {one_line(self.text)!r} is too large")
        return value

    def _calculable(self, value: Any) -> Any:
        if isinstance(value, str | list | None):
            raise BadExpression(
                f"{one_line(repr(value))} stands where a number or an objective belongs "
                f"in {one_line(self.text)!r}"
            )
        return value

    def _tokens(self) -> Iterator[_Token]:
        at = depth = 0
        while at < len(self.text):
            found = _TOKEN.match(self.text, at)
            if found is None:
                self._refuse(_Token("", self.text[at], at, at + 1))
            end = found.end()
            match found.lastgroup:
                case "klass":
                    value, end = self._class(end, alone=depth == 0)
                    yield _Token("unit", value, at, end)
                case "index" | "range":
                    yield _Token("unit", self._channel(found), at, end)
                case "number":
                    yield _Token("number", self._number(found["number"]), at, end)
                case "text":
                    yield _Token("text", self._text(found), at, end)
                case "name" | "sign" as kind:
                    depth += (found[kind] in "([") - (found[kind] in ")]") if kind == "sign" else 0
                    yield _Token(kind, found[kind], at, end)
            at = end
        yield _Token("end", "", at, at)

    def _class(self, at: int, *, alone: bool) -> tuple[Objective, int]:
        """The class whose name begins there, and where it ends; alone, it may hold commas."""
        found = _QUOTED_CLASS.match(self.text, at)
        found = found or (_CLASS if alone else _CLASS_INSIDE).match(self.text, at)
        name = next(filter(None, found.groups()), "") if found else ""
        if found is None or not name or self.text[found.end() : found.end() + 1] == ":":
            self._refuse(
                _Token("", "class:", at, at),
                "a class is class:NAME, with spaces around the sign after it",
            )
        return self._odds(name), found.end()

    def _odds(self, name: str) -> Objective:
        return log_odds(int(name) if name.isascii() and name.isdigit() else name)

    def _channel(self, found: re.Match[str]) -> Objective:
        if found["range"] is not None:
            raise BadExpression(
                f"{one_line(found[0])!r} in {one_line(self.text)!r} is several channels or a "
                f"difference; write channels({found['layer']!r}, "
                f"'{found['index']}{found['range']}'), or put spaces around the minus"
            )
        return channel(found["layer"], int(found["index"]))

    def _number(self, text: str) -> int | float:
        if not text.isdigit():
            return float(text)
        if len(text) > len(str(_LARGEST)):
            raise BadExpression(f"a number in {one_line(self.text)!r} is too large")
        return int(self._sized(int(text)))

    def _text(self, found: re.Match[str]) -> str:
        try:
            with warnings.catch_warnings():
                # What Python warns of, such as '\\d' in a file name, is read otherwise than meant.
                warnings.simplefilter("error")
                return str(ast.literal_eval(found["text"]))
        except (SyntaxError, ValueError):
            self._refuse(_Token("", found["text"], found.start(), found.end()))

    def _refuse(self, token: _Token, why: str = "") -> NoReturn:
        if token.kind == "end":
            why = "it ends too early"
        elif not why:
            part = one_line(self.text[token.start : token.end])
            why = f"{part!r} isn't understood there"
        raise BadExpression(
            f"can't read the objective {one_line(self.text)!r} at character {token.start + 1}: "
            f"{why}; "
            "write for example \"channel('fire7', 3) - 0.5 * total_variation()\""
        )


def objective_of(given: Objective | str, name: str = "objective") -> Objective:
    """Return an objective given in any form; an expression is read.

    Raises:
        BadExpression: it is neither, or can't be read.

    >>> objective_of("fire7:3")
    channel('fire7', 3)
    """
    return parse(given) if isinstance(given, str) else objective_like(name, given)

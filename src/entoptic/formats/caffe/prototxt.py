"""Caffe's text files (.prototxt): protobuf's text format, read without a schema.

The reader keeps what is written, with its line; the typed questions (`integer`, `flag`, ...) are
asked later, by whoever knows what the field means.

Source: protobuf.dev, "Text Format Language Specification".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from entoptic.errors import BadModelFile

# Caffe's own files nest four deep; a file that nests deeper than this only wants to exhaust us.
_DEEPEST = 32
_SMALLEST_INTEGER, _LARGEST_INTEGER = -(2**63), 2**63 - 1
# All of Caffe's parameters are 32-bit floats.
_LARGEST_NUMBER = 3.4e38

_TOKEN = re.compile(
    r"""
      (?P<blank> \s+ | \#[^\n]* )
    | (?P<text> "(?:[^"\\\n]|\\.)*+" | '(?:[^'\\\n]|\\.)*+' )
    | (?P<number> [-+]?(?:0[xX][0-9a-fA-F]++
                        | (?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?[fF]?)(?!\w) )
    | (?P<word> -?[A-Za-z_]\w* )
    | (?P<mark> [{}<>\[\]:,;] )
    """,
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(
    rb"\\(?:(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9a-fA-F]{1,2})"
    rb"|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<plain>.))",
    re.DOTALL,
)
_PLAIN_ESCAPES = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))
_CLOSING = {"{": "}", "<": ">"}
_TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


@dataclass(frozen=True)
class Scalar:
    """One value as written: a string (unquoted here), a number or a bare word."""

    text: str
    quoted: bool
    line: int


@dataclass(frozen=True)
class Message:
    """A `{...}` block, or the whole file: the values of each field, in the order written.

    Args:
        file: what errors call the file.
        line: where the block starts, counted from 1.
        fields: values by field name.
    """

    file: str
    line: int
    fields: Mapping[str, Sequence[Scalar | Message]] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def error(self, problem: str, line: int | None = None) -> BadModelFile:
        """An error that names the file and the line."""
        return BadModelFile(f"{self.file}, line {line or self.line}: {problem}")

    def messages(self, name: str) -> tuple[Message, ...]:
        """The blocks of a field that may be repeated."""
        values = self.fields.get(name, ())
        blocks = tuple(value for value in values if isinstance(value, Message))
        if len(blocks) < len(values):
            raise self.error(f"{name!r} must be a block {{...}}", values[0].line)
        return blocks

    def message(self, name: str) -> Message:
        """The block of a field; an empty one where the field isn't given."""
        blocks = self.messages(name)
        if len(blocks) > 1:
            raise self.error(f"{name!r} is given twice", blocks[1].line)
        return blocks[0] if blocks else Message(self.file, self.line)

    def strings(self, name: str) -> tuple[str, ...]:
        """The texts of a field that may be repeated; a bare word counts as a text."""
        return tuple(scalar.text for scalar in self._scalars(name))

    def string(self, name: str, default: str = "") -> str:
        """The text of a field."""
        scalar = self._scalar(name)
        return default if scalar is None else scalar.text

    def integers(self, name: str, low: int = 0, high: int = _LARGEST_INTEGER) -> tuple[int, ...]:
        """The whole numbers of a field that may be repeated, each from `low` to `high`."""
        return tuple(self._as_integer(name, s, low, high) for s in self._scalars(name))

    def integer(self, name: str, default: int, low: int = 0, high: int = _LARGEST_INTEGER) -> int:
        """The whole number of a field, from `low` to `high`."""
        scalar = self._scalar(name)
        return default if scalar is None else self._as_integer(name, scalar, low, high)

    def numbers(self, name: str) -> tuple[float, ...]:
        """The numbers of a field that may be repeated."""
        return tuple(self._as_number(name, scalar) for scalar in self._scalars(name))

    def number(self, name: str, default: float) -> float:
        """The number of a field."""
        scalar = self._scalar(name)
        return default if scalar is None else self._as_number(name, scalar)

    def flag(self, name: str, default: bool) -> bool:
        """The truth of a field."""
        scalar = self._scalar(name)
        if scalar is None:
            return default
        if scalar.text.lower() not in _TRUTH:
            raise self.error(f"{name}: {scalar.text!r} is neither true nor false", scalar.line)
        return _TRUTH[scalar.text.lower()]

    def choice(self, name: str, options: Sequence[str], default: str) -> str:
        """One of the words of an enumeration, which may also be given by its number."""
        scalar = self._scalar(name)
        if scalar is None:
            return default
        if scalar.text in options:
            return scalar.text
        if re.fullmatch(r"\d{1,3}", scalar.text) and int(scalar.text) < len(options):
            return options[int(scalar.text)]
        known = ", ".join(options)
        raise self.error(f"{name}: {scalar.text!r} is none of {known}", scalar.line)

    def _scalars(self, name: str) -> tuple[Scalar, ...]:
        values = self.fields.get(name, ())
        scalars = tuple(value for value in values if isinstance(value, Scalar))
        if len(scalars) < len(values):
            raise self.error(f"{name!r} must be a single value, not a block", values[0].line)
        return scalars

    def _scalar(self, name: str) -> Scalar | None:
        scalars = self._scalars(name)
        if len(scalars) > 1:
            raise self.error(f"{name!r} is given twice", scalars[1].line)
        return scalars[0] if scalars else None

    def _as_integer(self, name: str, scalar: Scalar, low: int, high: int) -> int:
        text = scalar.text
        if scalar.quoted or not re.fullmatch(r"[-+]?(0[xX][0-9a-fA-F]{1,16}|\d{1,19})", text):
            raise self.error(f"{name}: {text[:40]!r} is not a whole number", scalar.line)
        digits = text.lstrip("+-").lower()
        octal = len(digits) > 1 and digits.isdecimal() and digits[0] == "0"
        if octal and set(digits) & set("89"):
            raise self.error(f"{name}: {text!r} is not an octal number", scalar.line)
        value = int(digits, 16 if "x" in digits else 8 if octal else 10)
        value = -value if text[0] == "-" else value
        if not max(low, _SMALLEST_INTEGER) <= value <= min(high, _LARGEST_INTEGER):
            raise self.error(f"{name}: {text} is not from {low} to {high}", scalar.line)
        return value

    def _as_number(self, name: str, scalar: Scalar) -> float:
        try:
            value = float(scalar.text.rstrip("fF")) if not scalar.quoted else math.nan
        except ValueError:
            value = math.nan
        if not abs(value) < _LARGEST_NUMBER:
            raise self.error(f"{name}: {scalar.text[:40]!r} is not a number", scalar.line)
        return value


def parse_prototxt(text: str, file: str) -> Message:
    """Read a text file of Caffe.

    Args:
        text: the file's text.
        file: what errors call the file.

    Raises:
        BadModelFile: the text isn't in protobuf's text format; the message says the line.

    >>> net = parse_prototxt('layer { name: "conv1"  pad: [1, 2] } # a comment', "net.prototxt")
    >>> net.messages("layer")[0].string("name"), net.messages("layer")[0].integers("pad")
    ('conv1', (1, 2))
    """
    return _Reader(text, file).file_message()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    line: int


def _tokens(text: str, file: str) -> Iterator[_Token]:
    """The words of the file without blanks and comments, ended by a token of kind 'end'."""
    position, line = 0, 1
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            what = "a string that doesn't end" if text[position] in "\"'" else "what is"
            near = text[position : position + 20].split("\n")[0]
            raise BadModelFile(f"{file}, line {line}: {what} {near!r}? This isn't Caffe's text")
        if found.lastgroup not in (None, "blank"):
            yield _Token(str(found.lastgroup), found[0], line)
        line += found[0].count("\n")
        position = found.end()
    yield _Token("end", "the end of the file", line)


class _Reader:
    """Reads fields from left to right with one token of look-ahead."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.coming = _tokens(text, file)
        self.token = next(self.coming)

    def file_message(self) -> Message:
        return Message(self.file, 1, self.fields_until("end", depth=0))

    def advance(self) -> _Token:
        """The token at hand; the next one takes its place."""
        token = self.token
        self.token = next(self.coming, token)
        return token

    def error(self, wanted: str) -> BadModelFile:
        given = self.token.text[:40]
        return BadModelFile(
            f"{self.file}, line {self.token.line}: {wanted} should stand where {given!r} stands"
        )

    def fields_until(self, closing: str, depth: int) -> dict[str, list[Scalar | Message]]:
        if depth > _DEEPEST:
            raise BadModelFile(
                f"{self.file}, line {self.token.line}: blocks nest deeper than {_DEEPEST}; "
                "this isn't a network that Caffe wrote"
            )
        fields: dict[str, list[Scalar | Message]] = {}
        while closing not in (self.token.kind, self.token.text):
            if self.token.kind != "word":
                raise self.error(f"a field's name or {closing!r}")
            fields.setdefault(self.advance().text, []).extend(self.values(depth))
            if self.token.text in (",", ";"):
                self.advance()
        self.advance()
        return fields

    def values(self, depth: int) -> list[Scalar | Message]:
        """What follows a field's name: a value, a block, or a list of either."""
        colon = self.token.text == ":" and self.token.kind == "mark"
        if colon:
            self.advance()
        if self.token.kind == "mark" and self.token.text == "[":
            return self.listed(depth)
        if not colon and not self.opens_block():
            raise self.error("':' or '{'")
        return [self.value(depth)]

    def listed(self, depth: int) -> list[Scalar | Message]:
        self.advance()
        values: list[Scalar | Message] = []
        while self.token.text != "]" or self.token.kind != "mark":
            values.append(self.value(depth))
            if self.token.text == ",":
                self.advance()
            elif self.token.text != "]":
                raise self.error("',' or ']'")
        self.advance()
        return values

    def opens_block(self) -> bool:
        return self.token.kind == "mark" and self.token.text in _CLOSING

    def value(self, depth: int) -> Scalar | Message:
        line = self.token.line
        if self.opens_block():
            closing = _CLOSING[self.advance().text]
            return Message(self.file, line, self.fields_until(closing, depth + 1))
        if self.token.kind == "text":
            pieces = []
            while self.token.kind == "text":
                pieces.append(_unquoted(self.advance().text))
            return Scalar(b"".join(pieces).decode(errors="replace"), True, line)
        if self.token.kind in ("number", "word"):
            return Scalar(self.advance().text, False, line)
        raise self.error("a value")


def _unquoted(literal: str) -> bytes:
    """The bytes that a quoted string stands for."""
    content = literal[1:-1].encode(errors="replace")
    return _ESCAPE.sub(_meant, content) if b"\\" in content else content


def _meant(escape: re.Match[bytes]) -> bytes:
    """The bytes that a backslash and what follows it stand for."""
    if escape["octal"]:
        return bytes([int(escape["octal"], 8) & 0xFF])
    if escape["hex"]:
        return bytes([int(escape["hex"], 16)])
    if code := escape["u"] or escape["U"]:
        # Beyond Unicode, or half a surrogate pair: the sign for "unreadable".
        number = int(code, 16)
        return (chr(number) if number < 0x110000 else "\ufffd").encode(errors="replace")
    plain = escape["plain"][0]
    return bytes([_PLAIN_ESCAPES.get(plain, plain)])

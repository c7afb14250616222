"""Caffe's text files (.prototxt): protobuf's text format, read without a schema.

The reader keeps what is written, with its line; the typed questions (`integer`, `flag`, ...) are
asked later, by whoever knows what the field means. The protobuf package finds the tokens; its
parser isn't used, since it forgets the lines, and either refuses or forgets fields of no schema.

Source: protobuf.dev, "Text Format Language Specification".
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from entoptic.errors import BadModelFile

# Caffe's own files nest four deep; a file that nests deeper than this only wants to exhaust us.
_DEEPEST = 32
_SMALLEST_INTEGER, _LARGEST_INTEGER = -(2**63), 2**63 - 1
# All of Caffe's parameters are 32-bit floats.
_LARGEST_NUMBER = 3.4e38

_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_PLAIN = re.compile(
    r"-?[A-Za-z_]\w* | [-+]?(0[xX][0-9a-fA-F]++ | (\d++(\.\d*+)?|\.\d++)([eE][-+]?\d++)?[fF]?)",
    re.VERBOSE | re.ASCII,
)
_QUOTES = ('"', "'")
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
        file: its name in errors.
        line: where the block starts, counted from 1.
        fields: values by field name.
    """

    file: str
    line: int
    fields: Mapping[str, Sequence[Scalar | Message]] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def error(self, problem: str, line: int | None = None) -> BadModelFile:
        """Return an error that names the file and the line."""
        return BadModelFile(f"{self.file}, line {line or self.line}: {problem}")

    def messages(self, name: str) -> tuple[Message, ...]:
        """Return the blocks of a field that may be repeated."""
        values = self.fields.get(name, ())
        blocks = tuple(value for value in values if isinstance(value, Message))
        if len(blocks) < len(values):
            raise self.error(f"{name!r} must be a block {{...}}", values[0].line)
        return blocks

    def message(self, name: str) -> Message:
        """Return the block of a field; an empty one where the field isn't given."""
        blocks = self.messages(name)
        if len(blocks) > 1:
            raise self.error(f"{name!r} is given twice", blocks[1].line)
        return blocks[0] if blocks else Message(self.file, self.line)

    def strings(self, name: str) -> tuple[str, ...]:
        """Return the texts of a field that may be repeated; a bare word counts as a text."""
        return tuple(scalar.text for scalar in self._scalars(name))

    def string(self, name: str, default: str = "") -> str:
        """Return the text of a field."""
        scalar = self._scalar(name)
        return default if scalar is None else scalar.text

    def integers(self, name: str, low: int = 0, high: int = _LARGEST_INTEGER) -> tuple[int, ...]:
        """Return the whole numbers of a field that may be repeated, each from `low` to `high`."""
        return tuple(self._as_integer(name, s, low, high) for s in self._scalars(name))

    def integer(self, name: str, default: int, low: int = 0, high: int = _LARGEST_INTEGER) -> int:
        """Return the whole number of a field, from `low` to `high`."""
        scalar = self._scalar(name)
        return default if scalar is None else self._as_integer(name, scalar, low, high)

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return the numbers of a field that may be repeated."""
        return tuple(self._as_number(name, scalar) for scalar in self._scalars(name))

    def number(self, name: str, default: float) -> float:
        """Return the number of a field."""
        scalar = self._scalar(name)
        return default if scalar is None else self._as_number(name, scalar)

    def flag(self, name: str, default: bool) -> bool:
        """Return whether a field is true."""
        scalar = self._scalar(name)
        if scalar is None:
            return default
        if scalar.text.lower() not in _TRUTH:
            raise self.error(f"{name}: {scalar.text!r} is neither true nor false", scalar.line)
        return _TRUTH[scalar.text.lower()]

    def choice(self, name: str, options: Sequence[str], default: str) -> str:
        """Return one of the words of an enumeration, which may also be given by its number."""
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
        octal = re.fullmatch(r"([-+]?0)([0-7]+)", scalar.text, re.ASCII)
        try:
            value = (
                None
                if scalar.quoted
                else int("o".join(octal.groups()) if octal else scalar.text, 0)
            )
        except ValueError:
            value = None
        if value is None or not max(low, _SMALLEST_INTEGER) <= value <= min(high, _LARGEST_INTEGER):
            raise self.error(
                f"{name}: {scalar.text[:40]!r} is not a whole number from {low} to {high}",
                scalar.line,
            )
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
        file: its name in errors.

    Raises:
        BadModelFile: the text isn't in protobuf's text format; the message says the line.

    >>> net = parse_prototxt('layer { name: "conv1"  pad: [1, 2] } # a comment', "net.prototxt")
    >>> net.messages("layer")[0].string("name"), net.messages("layer")[0].integers("pad")
    ('conv1', (1, 2))
    """
    with warnings.catch_warnings():
        # Paths of training data have backslashes that escape nothing; Python warns of those.
        warnings.simplefilter("ignore", DeprecationWarning)
        return Message(file, 1, _Reader(text, file).fields_until(""))


class _Reader:
    """Reads fields from left to right; a token is the text that the tokenizer is at."""

    def __init__(self, text: str, file: str) -> None:
        from google.protobuf import text_format  # comes with the onnx package

        self.file, self.line = file, 0
        self.no_token = text_format.ParseError
        self.tokens = text_format.Tokenizer(self.lines(text))

    def lines(self, text: str) -> Iterator[str]:
        """Yield the lines; the tokenizer takes one once it has found all tokens before it."""
        for self.line, line in enumerate(text.split("\n"), start=1):
            yield line

    def error(self, wanted: str) -> BadModelFile:
        given = repr(self.tokens.token[:40]) if self.tokens.token else "the end of the file"
        return BadModelFile(
            f"{self.file}, line {self.line}: {wanted} should stand where {given} stands"
        )

    def fields_until(self, closing: str, depth: int = 0) -> dict[str, list[Scalar | Message]]:
        """Return the fields of a block, or those of the whole file, which is closed by ''."""
        if depth > _DEEPEST:
            raise BadModelFile(
                f"{self.file}, line {self.line}: blocks nest deeper than {_DEEPEST}; "
                "this isn't a network that Caffe wrote"
            )
        fields: dict[str, list[Scalar | Message]] = {}
        while not self.tokens.TryConsume(closing):
            name = self.tokens.token
            if not _WORD.fullmatch(name):
                raise self.error(
                    f"a field's name or {repr(closing) if closing else 'the end of the file'}"
                )
            self.tokens.NextToken()
            fields.setdefault(name, []).extend(self.values(depth))
            if self.tokens.token in (",", ";"):
                self.tokens.NextToken()
        return fields

    def values(self, depth: int) -> list[Scalar | Message]:
        """Return what follows a field's name: a value, a block, or a list of either."""
        colon = self.tokens.TryConsume(":")
        if not self.tokens.TryConsume("["):
            if not colon and self.tokens.token not in _CLOSING:
                raise self.error("':' or '{'")
            return [self.value(depth)]
        values: list[Scalar | Message] = []
        while not self.tokens.TryConsume("]"):
            values.append(self.value(depth))
            if not self.tokens.TryConsume(",") and self.tokens.token != "]":
                raise self.error("',' or ']'")
        return values

    def value(self, depth: int) -> Scalar | Message:
        token, line = self.tokens.token, self.line
        if token in _CLOSING:
            self.tokens.NextToken()
            return Message(self.file, line, self.fields_until(_CLOSING[token], depth + 1))
        if token.startswith(_QUOTES):
            return Scalar(self.string(), True, line)
        if not _PLAIN.fullmatch(token):
            raise self.error("a value")
        self.tokens.NextToken()
        return Scalar(token, False, line)

    def string(self) -> str:
        try:
            text: str = self.tokens.ConsumeByteString().decode(errors="replace")
        except self.no_token:
            raise self.error("a string with an end and known escapes") from None
        return text

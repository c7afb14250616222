"""Reads the attributes of an MXNet operator, which its files keep as text ("(3, 3)", "True")."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from entoptic.errors import BadModelFile
from entoptic.formats.attributes import REQUIRED, Attributes, D, NotInForm, several, whole

_INTEGER = re.compile(r"([+-]?\d{1,20})L?", re.ASCII)  # "-1L" is Python 2's long
_REAL = re.compile(
    r"[+-]?(\d{1,400}\.?\d{0,400}|\.\d{1,400})(e[+-]?\d{1,4})?|[+-]?inf", re.A | re.I
)
_WORDS = {"true": True, "false": False, "none": None}
_MOST_ITEMS = 64
_LARGEST_FLOAT32 = 3.4028235677973366e38


@dataclass(frozen=True)
class TextAttributes(Attributes):
    """The attributes of one node.

    Args:
        place: file, node and operator, as errors begin with.
        written: the attributes as the file has them.
    """

    place: str
    written: Mapping[str, str]
    lone = True  # "3" may stand for "(3,)"

    def value(self, key: str) -> object | None:
        return _parsed(self.written.get(key, "None"))

    def fail(self, reason: str) -> BadModelFile:
        return BadModelFile(f"{self.place}: {reason}")

    def real(self, key: str, default: D = REQUIRED) -> float | D:
        """Read a number that fits in a float32, or an infinity."""
        return self._read(key, default, _float32, "a number that fits in 32 bits")

    def integers_or_none(self, key: str, default: D = REQUIRED) -> tuple[int | None, ...] | D:
        """Read several whole numbers, some of which may be None."""

        def read(value: object) -> int | None:
            return None if value is None else whole()(value)

        return self._read(key, default, several(read, lone=True), "whole numbers or None")


def _float32(value: object) -> float:
    if not isinstance(value, int | float) or _LARGEST_FLOAT32 < abs(value) < math.inf:
        raise NotInForm
    return float(value)


def _parsed(text: str) -> object | None:
    """Return the value that a text means as Python writes it; the text itself for a word."""
    text = text.strip()
    bracketed = text[:1] + text[-1:] in ("()", "[]")
    if not bracketed and "," not in text:
        return _scalar(text)
    items = (text[1:-1] if bracketed else text).split(",")
    if not items[-1].strip():  # "(1,)" and "()"
        items.pop()
    return tuple(map(_scalar, items)) if len(items) <= _MOST_ITEMS else text


def _scalar(text: str) -> object | None:
    text = text.strip()
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if found := _INTEGER.fullmatch(text):
        return int(found[1])
    return float(text) if _REAL.fullmatch(text) else text

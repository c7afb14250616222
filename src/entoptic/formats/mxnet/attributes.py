"""Reads the attributes of an MXNet operator, which its files keep as text ("(3, 3)", "True")."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from entoptic.errors import BadModelFile

T = TypeVar("T")

_INTEGER = re.compile(r"\s*([+-]?\d{1,20})L?\s*", re.ASCII)  # "-1L" is Python 2's long
_REAL = re.compile(r"\s*[+-]?(\d{1,400}\.?\d{0,400}|\.\d{1,400})(e[+-]?\d{1,4})?\s*", re.A | re.I)
_INFINITE = {"inf": float("inf"), "-inf": float("-inf")}
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_MOST_ITEMS = 64
_LARGEST_INTEGER = 2**63 - 1
_LARGEST_FLOAT32 = 3.4028235677973366e38


class NotInForm(ValueError):
    """A text that isn't of the form asked for; `Attributes` says where."""


@dataclass(frozen=True)
class Attributes:
    """The attributes of one node; every error names it.

    Args:
        place: file, node and operator, as errors begin with.
        texts: the attributes as the file has them.
    """

    place: str
    texts: Mapping[str, str]

    def has(self, key: str) -> bool:
        """Whether the attribute is set to something."""
        return self.texts.get(key, "None") != "None"

    def choice(self, key: str, options: tuple[str, ...], default: str | None = None) -> str:
        """One of several words."""

        def read(text: str) -> str:
            if text not in options:
                raise NotInForm(f"one of {', '.join(options)}")
            return text

        return self._read(key, read, default)

    def flag(self, key: str, default: bool) -> bool:
        """True or False."""

        def read(text: str) -> bool:
            if text.strip().lower() not in _FLAGS:
                raise NotInForm("True or False")
            return _FLAGS[text.strip().lower()]

        return self._read(key, read, default)

    def real(self, key: str, default: float | None = None) -> float:
        """A number that fits in a float32, or an infinity."""
        return self._read(key, _real, default)

    def integer(
        self,
        key: str,
        default: int | None = None,
        low: int = -_LARGEST_INTEGER,
        high: int = _LARGEST_INTEGER,
    ) -> int:
        """A whole number from low to high."""
        return self._read(key, lambda text: _integer(text, low, high), default)

    def integers(
        self,
        key: str,
        default: tuple[int, ...] | None = None,
        low: int = -_LARGEST_INTEGER,
        high: int = _LARGEST_INTEGER,
    ) -> tuple[int, ...]:
        """Several whole numbers from low to high; a single one may stand without brackets."""

        def read(text: str) -> tuple[int, ...]:
            return tuple(_integer(item, low, high) for item in _items(text))

        return self._read(key, read, default)

    def integers_or_none(
        self, key: str, default: tuple[int | None, ...] | None = None
    ) -> tuple[int | None, ...]:
        """Several whole numbers, some of which may be None."""

        def read(text: str) -> tuple[int | None, ...]:
            return tuple(
                None if item.strip() == "None" else _integer(item) for item in _items(text)
            )

        return self._read(key, read, default)

    def fail(self, text: str) -> BadModelFile:
        return BadModelFile(f"{self.place}: {text}")

    def _read(self, key: str, read: Callable[[str], T], default: T | None) -> T:
        if not self.has(key):
            if default is None:
                raise self.fail(f"attribute {key!r} is missing")
            return default
        try:
            return read(self.texts[key])
        except NotInForm as wanted:
            raise self.fail(
                f"attribute {key!r} is {self.texts[key][:60]!r}, but must be {wanted}"
            ) from None


def _real(text: str) -> float:
    if text.strip().lower() in _INFINITE:
        return _INFINITE[text.strip().lower()]
    if not _REAL.fullmatch(text) or abs(float(text)) > _LARGEST_FLOAT32:
        raise NotInForm("a number that fits in 32 bits")
    return float(text)


def _integer(text: str, low: int = -_LARGEST_INTEGER, high: int = _LARGEST_INTEGER) -> int:
    found = _INTEGER.fullmatch(text)
    if found is None:
        raise NotInForm("made of whole numbers")
    value = int(found[1])
    if abs(value) > _LARGEST_INTEGER:
        raise NotInForm("made of numbers that fit in 64 bits")
    if not low <= value <= high:
        limit = f"at least {low}" if high == _LARGEST_INTEGER else f"from {low} to {high}"
        raise NotInForm(limit)
    return value


def _items(text: str) -> list[str]:
    text = text.strip()
    if text[:1] + text[-1:] in ("()", "[]"):
        text = text[1:-1]
    items = text.split(",", _MOST_ITEMS)
    if not items[-1].strip():  # "(1,)" and "()"
        items.pop()
    if len(items) > _MOST_ITEMS:
        raise NotInForm(f"at most {_MOST_ITEMS} numbers")
    return items

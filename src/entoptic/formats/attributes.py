"""The settings of one node of a graph file, by name: each is checked when it is asked for."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from entoptic.errors import BadModelFile

D = TypeVar("D")
T = TypeVar("T")

REQUIRED: Any = object()
"""In place of a default: the attribute must be set."""

LARGEST = 2**63 - 1
"""Whole numbers of files have 64 bits."""


class Attributes(ABC):
    """Reads attributes as what they must be; where they aren't, the error names the node."""

    lone: ClassVar[bool] = False
    """A single value may stand for a list of one."""

    @abstractmethod
    def value(self, key: str) -> object | None:
        """Return an attribute as the file has it, None where it isn't set."""

    @abstractmethod
    def fail(self, reason: str) -> BadModelFile:
        """Return an error that names file, node and operator."""

    def has(self, key: str) -> bool:
        """Return True where the attribute is set to something."""
        return self.value(key) is not None

    def integer(
        self, key: str, default: D = REQUIRED, low: int = -LARGEST, high: int = LARGEST
    ) -> int | D:
        """Read a whole number from low to high."""
        return self._read(key, default, whole(low, high), _range("a whole number", low, high))

    def integers(
        self,
        key: str,
        default: D = REQUIRED,
        low: int = -LARGEST,
        high: int = LARGEST,
        count: int | None = None,
    ) -> tuple[int, ...] | D:
        """Read several whole numbers from low to high; so many, where a count is given."""
        some = "whole numbers" if count is None else f"{count} whole numbers"
        return self._read(
            key, default, several(whole(low, high), count, self.lone), _range(some, low, high)
        )

    def number(self, key: str, default: D = REQUIRED) -> float | D:
        """Read a finite number."""
        return self._read(key, default, _finite, "a finite number")

    def numbers(self, key: str, default: D = REQUIRED) -> tuple[float, ...] | D:
        """Read several finite numbers."""
        return self._read(key, default, several(_finite), "a list of finite numbers")

    def flag(self, key: str, default: D = REQUIRED) -> bool | D:
        """Read yes or no, which may be written as a number."""
        return self._read(key, default, lambda value: whole()(value) != 0, "True or False")

    def text(self, key: str, default: D = REQUIRED, options: Sequence[str] = ()) -> str | D:
        """Read a text; one of the options, where some are given."""

        def read(value: object) -> str:
            if not isinstance(value, str) or (options and value not in options):
                raise NotInForm
            return value

        wanted = f"one of {', '.join(options)}" if options else "a text"
        return self._read(key, default, read, wanted)

    def texts(self, key: str, default: D = REQUIRED) -> tuple[str, ...] | D:
        """Read several texts."""
        return self._read(key, default, several(instance(str)), "a list of texts")

    def _read(self, key: str, default: D, read: Callable[[object], T], wanted: str) -> T | D:
        value = self.value(key)
        if value is None:
            if default is REQUIRED:
                raise self.fail(f"attribute {key!r} is missing")
            return default
        try:
            return read(value)
        except NotInForm:
            shown = repr(list(value) if isinstance(value, tuple) else value)[:60]
            raise self.fail(f"attribute {key!r} is {shown}, but must be {wanted}") from None


class NotInForm(ValueError):
    """A value that isn't of the form asked for; `Attributes` says where."""


def _range(noun: str, low: int, high: int) -> str:
    if high != LARGEST:
        return f"{noun} from {low} to {high}"
    return noun if low == -LARGEST else f"{noun}, at least {low}"


def whole(low: int = -LARGEST, high: int = LARGEST) -> Callable[[object], int]:
    """Return a reader of whole numbers from low to high."""

    def read(value: object) -> int:
        if not isinstance(value, int) or not low <= value <= high:
            raise NotInForm
        return value

    return read


def _finite(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise NotInForm
    return float(value)


def instance(kind: type[T]) -> Callable[[object], T]:
    """Return a reader of values of one type."""

    def read(value: object) -> T:
        if not isinstance(value, kind):
            raise NotInForm
        return value

    return read


def several(
    read: Callable[[object], T], count: int | None = None, lone: bool = False
) -> Callable[[object], tuple[T, ...]]:
    """Return a reader of lists; a lone value may stand for a list of one."""

    def read_all(value: object) -> tuple[T, ...]:
        value = (value,) if lone and not isinstance(value, tuple) else value
        if not isinstance(value, tuple) or count not in (None, len(value)):
            raise NotInForm
        return tuple(map(read, value))

    return read_all

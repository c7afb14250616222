"""Settings that change over the time of a film: values at keys, and between them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from entoptic.checks import Meaning, of_text, refused

_KEY = re.compile(r"\s*(\d+(?:\.\d+)?)s\s*:\s*(.+?)\s*", re.DOTALL)


@dataclass(frozen=True)
class Keys:
    """Values of a setting at times of a film; before the first and after the last they stay.

    Args:
        times: seconds, in increasing order.
        values: as many.
    """

    times: tuple[float, ...]
    values: tuple[Any, ...]

    def at(self, time: float) -> tuple[Any, Any, float]:
        """Return the values around a time, and the share of the second, from 0 to 1."""
        after = next((n for n, each in enumerate(self.times) if each > time), len(self.times))
        if after in (0, len(self.times)):
            value = self.values[max(0, after - 1)]
            return value, value, 0.0
        begin, end = self.times[after - 1], self.times[after]
        return self.values[after - 1], self.values[after], (time - begin) / (end - begin)

    def number(self, time: float) -> float:
        """Return the number at a time, on a line between the keys around it.

        >>> Keys((0, 4), (0.5, 1.5)).number(1)
        0.75
        """
        first, second, share = self.at(time)
        return float(first + (second - first) * share)

    def text(self) -> str:
        """Return them as they are typed.

        >>> Keys((0, 4.5), (0.5, 1.5)).text()
        '0s:0.5,4.5s:1.5'
        """
        pairs = zip(self.times, self.values, strict=True)
        return ",".join(f"{time:g}s:{value}" for time, value in pairs)


def value_at(value: Keys | float, time: float) -> float:
    """Return a number that may change over time, at a time."""
    return value.number(time) if isinstance(value, Keys) else float(value)


def largest(value: Keys | float) -> float:
    """Return the largest of the numbers that a setting has over time."""
    return max(map(float, value.values)) if isinstance(value, Keys) else float(value)


def over_time(meaning: Meaning) -> Meaning:
    """Return what reads one value, or values at times: `0s:0.3,4s:1.5`.

    >>> from entoptic.checks import number
    >>> over_time(number(least=0))("strength", "0s:0.5,4s:1.5")
    Keys(times=(0.0, 4.0), values=(0.5, 1.5))
    """
    one = of_text(meaning, "must be a number, or as in 0s:0.3,4s:1.5")

    def meant(name: str, value: Any) -> Any:
        if isinstance(value, Keys):
            pairs: Sequence[Any] = list(zip(value.times, value.values, strict=True))
        elif isinstance(value, str) and _KEY.fullmatch(value.split(",")[0]):
            pairs = [_pair(name, value, each) for each in value.split(",")]
        else:
            return one(name, value)
        times = tuple(float(time) for time, _ in pairs)
        if any(later <= earlier for earlier, later in itertools.pairwise(times)):
            raise refused(name, value, "must have its times in increasing order")
        return Keys(times, tuple(one(name, each) for _, each in pairs))

    return meant


def _pair(name: str, value: str, text: str) -> tuple[float, str]:
    found = _KEY.fullmatch(text)
    if found is None:
        raise refused(name, value, "must have a time for each value, as in 0s:0.3,4s:1.5")
    return float(found[1]), found[2]

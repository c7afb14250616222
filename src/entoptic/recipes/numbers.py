"""Settings that are numbers, checked."""

from __future__ import annotations

from typing import Any

from entoptic.errors import BadSetting

# A weight above this leaves nothing of what it is weighed against.
_MOST = 1_000_000


def whole(name: str, value: Any, least: int, most: int) -> None:
    """Refuse whatever isn't a whole number in a range.

    Raises:
        BadSetting: with the range.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadSetting(f"{name} is {value!r}; it must be a whole number from {least} to {most}")


def real(name: str, value: Any, above: float, most: float) -> None:
    """Refuse whatever isn't a finite number in a range.

    Raises:
        BadSetting: with the range.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not above < value <= most:
        raise BadSetting(f"{name} is {value!r}; it must be above {above} and at most {most}")


def least(name: str, value: Any, lowest: float) -> None:
    """Refuse whatever isn't a finite number of at least so much.

    Raises:
        BadSetting: with the range.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not lowest <= value <= _MOST:
        raise BadSetting(f"{name} is {value!r}; it must be from {lowest} to {_MOST}")

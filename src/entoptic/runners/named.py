"""Runners by the text that users type: `local`, `ray`, `ray:auto`, `ray://host:10001?gpus=0.5`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from entoptic.checks import refused
from entoptic.errors import BadSetting
from entoptic.runners.local import Local
from entoptic.runners.ray import Ray
from entoptic.runners.runner import Runner

FORMS = "local, ray, ray:auto or ray://HOST:PORT"
"""The forms of the text, for help and errors."""

# What a text may set of Ray beside its address; numbers.
_SETTINGS = {"gpus": float, "cpus": int}


def runner_of(on: object, workers: int | None = None) -> Runner:
    """Return the runner that is meant.

    Args:
        on: a runner; or the text of one, in which `?gpus=0.5&cpus=2` says what each worker has.
        workers: their number, where the text is to have one.

    Raises:
        BadSetting: the text is none, or the number of workers is given twice.

    >>> runner_of("local", 2), runner_of("ray:auto?gpus=0.5")
    (Local(workers=2), Ray(address='auto', workers=None, gpus=0.5, cpus=1))
    """
    if isinstance(on, Runner):
        if workers is not None:
            raise BadSetting(f"workers is {workers} beside a runner; say it where that is made")
        return on
    if not isinstance(on, str):
        raise refused("on", on, f"must be a runner, or one of {FORMS}")
    where, _, more = on.partition("?")
    kind, colon, address = where.partition(":")
    if kind == "local" and not colon and not more:
        return Local(workers)
    if kind != "ray" or (colon and not address) or address == "//":
        raise BadSetting(f"on is {on!r}; it must be {FORMS}, such as ray:auto?gpus=0.5")
    chosen = Ray(workers=workers, **_settings(on, more))
    if not address:
        return chosen
    return replace(chosen, address=where if address.startswith("//") else address)


def check_workers(on: object, workers: int | None) -> None:
    """Refuse a number of workers where it isn't said where they are.

    Raises:
        BadSetting: with what to say.
    """
    if on is None and workers is not None:
        raise BadSetting("workers are given, but not where they are; say on='local' or on='ray'")


def _settings(on: str, text: str) -> dict[str, Any]:
    """Return the settings behind the `?`."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name not in _SETTINGS:
            raise BadSetting(f"on is {on!r}; {name!r} is none of {', '.join(_SETTINGS)}")
        try:
            found[name] = _SETTINGS[name](value)
        except ValueError:
            raise BadSetting(f"on is {on!r}; {name} must be a number") from None
    return found

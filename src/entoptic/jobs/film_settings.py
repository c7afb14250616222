"""Settings that all films have: where they go, and in what form."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from entoptic.checks import one_of, path, refused
from entoptic.jobs.recipe import setting

FILM = "The film"
"""The heading under which they stand."""


def _frames_a_second(name: str, value: Any) -> Fraction:
    """Return frames per second: a number, or a fraction as text."""
    try:
        found = Fraction(str(value)).limit_denominator(10_000)
    except (ValueError, ZeroDivisionError):
        raise refused(name, value, "must be frames per second: 25 or 30000/1001") from None
    if not 0 < found <= 1000:
        raise refused(name, value, "must be above 0 and at most 1000")
    return found


def output(told: str) -> Any:
    """Declare the film that is made."""
    return setting(
        None,
        path,
        "Film that is made: .mp4, .mov, .mkv, .webm, .gif, .webp, .apng; without an ending a "
        "folder of pictures.",
        under=FILM,
        metavar="OUT",
        short="-o",
        told=told,
        kept=False,
    )


def rate(help: str) -> Any:
    """Declare frames per second."""
    return setting(None, _frames_a_second, help, under=FILM, metavar="R", told="25")


def codec() -> Any:
    """Declare the codec."""
    return setting(
        None,
        one_of("h264", "hevc", "vp9", "prores"),
        "Codec: h264, hevc, vp9, prores.",
        under=FILM,
        metavar="C",
        told="the format's usual one",
    )

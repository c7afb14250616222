"""What all recipes of films share: where films go, in what form, and what they return."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from entoptic.checks import one_of, path, refused
from entoptic.jobs.keys import Keys
from entoptic.jobs.recipe import Recipe, setting

if TYPE_CHECKING:
    from entoptic.jobs.film_making import FilmMade

FILM = "The film"
"""The heading under which they stand."""


@dataclass(frozen=True)
class FilmRecipe(Recipe, ABC):
    """A recipe that makes a film."""

    makes_no_job: ClassVar[bool] = True
    returns: ClassVar[str] = "FilmMade"
    made: ClassVar[str] = "The film: its file, its frames, the job that makes it again."

    def kept(self) -> dict[str, Any]:
        """See `Recipe.kept`; as texts what JSON doesn't know."""
        found = super().kept()
        for name, value in found.items():
            if isinstance(value, Keys):
                found[name] = value.text()
            elif isinstance(value, Fraction | Path):
                found[name] = str(value)
        return found

    def run(self) -> FilmMade:  # type: ignore[override]
        """Make the film; raises as `plan` does."""
        return self.plan().run()  # type: ignore[return-value]


def _frames_a_second(name: str, value: Any) -> Fraction:
    """Return frames per second: a number, or a fraction as text."""
    try:
        found = Fraction(str(value)).limit_denominator(10_000)
    except (ValueError, ZeroDivisionError):
        raise refused(name, value, "must be frames per second: 25 or 30000/1001") from None
    if not 0 < found <= 1000:
        raise refused(name, value, "must be above 0 and at most 1000")
    return found


def _bits_of_a_channel(name: str, value: Any) -> int:
    # Of a number first: what is compared with others may be an array.
    if type(value) not in (int, str) or str(value) not in ("8", "16"):
        raise refused(name, value, "must be 8 or 16")
    return int(value)


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


def bits() -> Any:
    """Declare bits per channel."""
    return setting(
        None,
        _bits_of_a_channel,
        "Bits per channel of a folder of pictures, and of .apng: 8, 16.",
        under=FILM,
        metavar="N",
        told="8",
    )

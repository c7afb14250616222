"""Zooms without end: each frame dreamt from the one before, enlarged a little."""

from __future__ import annotations

from abc import ABC
from dataclasses import KW_ONLY, dataclass, make_dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from entoptic.checks import flag, number, path, refused
from entoptic.jobs.film_settings import FILM, bits, codec, output, rate
from entoptic.jobs.keys import Keys, over_time
from entoptic.jobs.recipe import PHOTO, recipe, required, setting
from entoptic.recipes.film import DreamedFilm, dream_fields

if TYPE_CHECKING:
    from entoptic.images import PictureLike
    from entoptic.jobs.zooms import ZoomPlan
    from entoptic.objectives.files import Files
    from entoptic.types import PathLike
    from entoptic.video.pixels import Bits

CAMERA = "How the camera moves"

STRONGEST = "strongest"
"""The center that drifts to where the layer responds most."""


def _center(name: str, value: Any) -> str | tuple[float, float]:
    """Return (down, across) as shares of the picture, or the word."""
    if isinstance(value, str) and value == STRONGEST:
        return STRONGEST
    parts = value.split(",") if isinstance(value, str) else value
    try:
        down, across = (float(each) for each in parts)
    except (TypeError, ValueError):
        wanted = "must be two shares, down and across: 0.5,0.5; or strongest"
        raise refused(name, value, wanted) from None
    if not (0 <= down <= 1 and 0 <= across <= 1):
        raise refused(name, value, "must be two shares from 0 to 1, down and across")
    return down, across


@dataclass(frozen=True)
class ZoomOfDreams(DreamedFilm, ABC):
    """The settings of zooms beside those of dreams."""

    photo: PictureLike = required(*PHOTO, role="photo", positional=True)
    _: KW_ONLY
    output: PathLike | None = output("PHOTO-zoom.mp4")
    seconds: float = setting(
        10.0,
        number(above=0, most=36_000),
        "Length of the film.",
        under=FILM,
        metavar="S",
        slider=(1, 60, 1),
    )
    rate: Fraction | float | str | None = rate("Frames per second.")
    codec: str | None = codec()
    bits: Bits | None = bits()
    zoom: float | str | Keys = setting(
        1.6,
        over_time(number(least=0.05, most=20)),
        "Factor by which the picture grows in a second; over time as 0s:A,4s:B.",
        under=CAMERA,
        metavar="X",
        slider=(1, 3, 0.05),
    )
    turn: float | str | Keys = setting(
        0.0,
        over_time(number(least=-3600, most=3600)),
        "Degrees that the picture turns in a second, clockwise; over time as 0s:A,4s:B.",
        under=CAMERA,
        metavar="X",
        slider=(-60, 60, 1),
    )
    down: float | str | Keys = setting(
        0.0,
        over_time(number(least=-10, most=10)),
        "Share of the height that the camera moves down in a second; over time as 0s:A,4s:B.",
        under=CAMERA,
        metavar="X",
    )
    across: float | str | Keys = setting(
        0.0,
        over_time(number(least=-10, most=10)),
        "Share of the width that the camera moves right in a second; over time as 0s:A,4s:B.",
        under=CAMERA,
        metavar="X",
    )
    center: str | tuple[float, float] = setting(
        (0.5, 0.5),
        _center,
        "Point that the camera goes to, as shares down and across; strongest drifts to where the "
        "layer responds most.",
        under=CAMERA,
        metavar="Y,X",
        told="0.5,0.5",
    )
    loop: bool = setting(
        False,
        flag,
        "Let the beginning grow out of the middle of the end, so that the film can be repeated "
        "endlessly; where little grows, the end is cross-faded into it.",
        under=FILM,
    )

    def destination(self) -> Path:
        """See `DreamedFilm.destination`."""
        if self.output is not None:
            return Path(self.output)
        if isinstance(self.photo, str | Path):
            stem = Path(path("photo", self.photo))
        else:
            stem = Path(getattr(self.photo, "path", None) or "photo")
        return stem.parent / f"{stem.stem}-zoom.mp4"

    def plan(  # type: ignore[override]
        self, files: Files | None = None
    ) -> ZoomPlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.zooms import plan_zoom

        return plan_zoom(self, files)  # type: ignore[arg-type]


_Fields: Any = make_dataclass(
    "_Fields",
    dream_fields("photo", strength=0.5, steps=4),
    bases=(ZoomOfDreams,),
    frozen=True,
    kw_only=True,
)


@recipe("zoom", order=16)
@dataclass(frozen=True)
class Zoom(_Fields):  # type: ignore[misc]
    """Zoom into a dream without end.

    Each frame is the one before, enlarged and turned a little, and dreamt again. Mean and contrast
    of each color stay those of the first frame, so that nothing fades or burns out.

    Source: the zoom of Mordvintsev, Olah, Tyka, "DeepDreaming with Caffe", 2015.
    """

    examples: ClassVar[str] = """
  entoptic zoom sky.jpg                                  makes sky-zoom.mp4, 10 seconds
  entoptic zoom sky.jpg --seconds 40 --turn 6 --size 640
  entoptic zoom sky.jpg --center strongest --look eyes
  entoptic zoom sky.jpg --layer 0s:fire3,20s:fire7 --seconds 20
  entoptic zoom sky.jpg --loop -o loop.gif --size 320 --seconds 4
"""

"""Films: each frame dreamt, and what was added carried along with what moves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, make_dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from entoptic.checks import as_given, flag, number, path, text, whole
from entoptic.errors import BadSetting
from entoptic.jobs.film_settings import FILM, FilmRecipe, bits, codec, output, rate
from entoptic.jobs.keys import Keys, over_time
from entoptic.jobs.recipe import recipe, required, setting, settings, with_default
from entoptic.recipes.dream import Dream

if TYPE_CHECKING:
    from entoptic.jobs.films import FilmPlan
    from entoptic.objectives.files import Files
    from entoptic.types import PathLike
    from entoptic.video.motion import Flow
    from entoptic.video.pixels import Bits

COHERE = "How frames cohere"

# Of a dream's settings: what is of one picture alone.
_OF_A_PICTURE = {"photo", "mask", "noise", "tile", "memory", "batch", "together"}
_SHARED = {"seed", "precision", "device", "model"}
OVER_TIME = ("layer", "strength", "step_size", "smoothing", "headroom", "mix")
"""The settings that may change over the time of a film."""


@dataclass(frozen=True)
class DreamedFilm(FilmRecipe, ABC):
    """A film each frame of which is dreamt, by the settings of dreams."""

    defaults_as: ClassVar[str] = Dream.name

    @abstractmethod
    def destination(self) -> Path:
        """Return the file of the film that is made, or the folder of its pictures."""

    def dream(self) -> Dream:
        """Return what each frame is dreamt by, without its photo, strength and what changes."""
        given = {name: getattr(self, name) for name in DREAMT if name != "strength"}
        still = {name: each for name, each in given.items() if not isinstance(each, Keys)}
        return Dream(**still | {name: getattr(self, name) for name in _SHARED})

    def keys(self) -> dict[str, Keys]:
        """Return what changes over time of a dream's settings."""
        found = {name: getattr(self, name) for name in OVER_TIME}
        return {name: each for name, each in found.items() if isinstance(each, Keys)}


DREAMT = tuple(
    name
    for name, declared in settings(Dream).items()
    if name not in _OF_A_PICTURE | _SHARED and not declared.hidden
)
"""The settings of a dream that a film has."""


def dream_fields(source: str, **defaults: Any) -> list[tuple[str, str, Any]]:
    """Return the fields of a film that are a dream's, some of which may change over time.

    Args:
        source: what it is made of, in a word.
        defaults: of the film, where they aren't the dream's.
    """
    return [_field(name, source, defaults) for name in DREAMT]


def _field(name: str, source: str, defaults: Mapping[str, Any]) -> tuple[str, str, Any]:
    each = Dream.__dataclass_fields__[name]
    kind, default = str(each.type), defaults.get(name, each.default)
    if name not in OVER_TIME:
        words = {"told": f"the {source}'s"} if name == "size" else {}
        return name, kind, with_default(Dream, name, default, **words)
    declared = settings(Dream)[name]
    meanings = {"layer": text, "strength": number(least=0, most=1000)}
    changed = with_default(
        Dream,
        name,
        default,
        meaning=over_time(meanings.get(name, declared.meaning)),
        help=f"{declared.help.removesuffix('.')}; over time as 0s:A,4s:B.",
        kept=True,
    )
    kinds = [each for each in kind.split(" | ") if each not in ("str", "None")]
    kinds += ["str", "Keys", *(["None"] if default is None else [])]
    return name, " | ".join(kinds), changed


@dataclass(frozen=True)
class FilmOfDreams(DreamedFilm, ABC):
    """The settings of films beside those of dreams."""

    film: PathLike = required(
        path,
        "Film: a video, a GIF, or a folder of pictures.",
        under=FILM,
        positional=True,
        role="photo",
    )
    _: KW_ONLY
    output: PathLike | None = output("FILM-dream.mp4")
    start: float = setting(
        0.0, number(least=0), "First second of the film that is dreamt.", under=FILM, metavar="S"
    )
    end: float | None = setting(
        None,
        number(above=0),
        "Last second of the film that is dreamt.",
        under=FILM,
        metavar="S",
        told="its end",
    )
    every: int = setting(
        1, whole(1, 10_000), "Number of frames of which one is kept.", under=FILM, metavar="N"
    )
    rate: Fraction | float | str | None = rate("Frames per second of a folder of pictures.")
    codec: str | None = codec()
    bits: Bits | None = bits()
    silent: bool = setting(False, flag, "Leave the sound out.", under=FILM)
    preview: bool = setting(
        False, flag, "Small and short: 256 pixels, the first 3 seconds.", under=FILM, kept=False
    )
    mask: PathLike | None = setting(
        None,
        path,
        "Mask, a picture or a film: steps have full strength where it is white, and the film stays "
        "where it is black.",
        metavar="FILE",
    )
    coherence: float = setting(
        0.75,
        number(least=0, most=1),
        "Coherence: at 0 each frame is dreamt by itself and flickers, at 1 what was added moves "
        "with the film and changes only where something new is seen.",
        under=COHERE,
        metavar="X",
        slider=(0, 1, 0.05),
    )
    flow: Flow | None = setting(
        None,
        as_given,
        "Optical flow: a function of two frames.",
        under=COHERE,
        told="OpenCV's dense inverse search",
        hidden=True,
        kept=False,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.end is not None and self.end <= self.start:
            raise BadSetting(f"end is {self.end:g}; it must be after start, {self.start:g}")

    def destination(self) -> Path:
        """See `DreamedFilm.destination`."""
        if self.output is not None:
            return Path(self.output)
        from entoptic.video.writing import ENDINGS

        film = Path(self.film)
        known = film.suffix.lower() in ENDINGS and not film.is_dir()
        stem = film.stem or film.resolve().name  # of the current folder
        return film.parent / f"{stem}-dream{film.suffix.lower() if known else '.mp4'}"

    def plan(  # type: ignore[override]
        self, files: Files | None = None
    ) -> FilmPlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.films import plan_film

        return plan_film(self, files)  # type: ignore[arg-type]


_Fields: Any = make_dataclass(
    "_Fields", dream_fields("film"), bases=(FilmOfDreams,), frozen=True, kw_only=True
)


@recipe("film", order=14)
@dataclass(frozen=True)
class Film(_Fields):  # type: ignore[misc]
    """Dream a film without flicker.

    The optical flow between two frames carries what was added to one, its detail, to the next; the
    steps then change it a little, and fully where something new is seen. Nothing is carried over a
    cut. The brightness of each frame is the source's; its sound is copied. Finished parts are kept
    beside OUT while it is made, so that the same command continues after any interruption.

    Source: samim, "DeepDreamAnim", 2015, for the flow; Ruder, Dosovitskiy, Brox, "Artistic Style
    Transfer for Videos", 2016, for what is covered.
    """

    examples: ClassVar[str] = """
  entoptic film holiday.mp4                          makes holiday-dream.mp4
  entoptic film holiday.mp4 --preview                the first 3 seconds, small
  entoptic film holiday.mp4 -o dream.webm --look eyes --size 640
  entoptic film holiday.mp4 --strength 0s:0,5s:1.5   stronger and stronger
  entoptic film holiday.mp4 --layer 0s:fire3,10s:fire7
  entoptic film frames/ --rate 24 -o dream.mp4       from a folder of pictures
"""

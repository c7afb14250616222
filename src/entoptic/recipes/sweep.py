"""Sweeps of a dream: one photo by several values of any settings, as a contact sheet."""

from __future__ import annotations

from abc import ABC
from dataclasses import KW_ONLY, dataclass, make_dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from entoptic.checks import Meaning, extent, of_text, refused
from entoptic.jobs.recipe import (
    OPTIMIZE,
    PHOTO,
    Recipe,
    recipe,
    required,
    setting,
    settings,
    with_default,
)
from entoptic.recipes.dream import Dream

if TYPE_CHECKING:
    from entoptic.images import PictureLike
    from entoptic.jobs.sweeps import SweepPlan
    from entoptic.objectives.files import Files

# Of a dream's settings: what is a file, or of no dream of a small picture.
_OF_DREAMS_ALONE = {"photo", "guide", "mask", "region", "noise", "tile", "memory", "batch"}
_SHARED = {"size", "seed", "precision", "device", "model"}


def several_of(meaning: Meaning) -> Meaning:
    """Return what reads one value or a list of different ones, each of which may be typed."""
    one = of_text(meaning)

    def meant(name: str, value: Any) -> tuple[Any, ...]:
        values = tuple(
            one(name, each) for each in (value if isinstance(value, list | tuple) else [value])
        )
        if any(each in values[:number] for number, each in enumerate(values)):
            raise refused(name, value, "names one value twice")
        return values

    return meant


@dataclass(frozen=True)
class SweepOfDreams(Recipe, ABC):
    """The settings of sweeps beside those of dreams."""

    photo: PictureLike = required(*PHOTO, role="photo", positional=True)
    _: KW_ONLY
    size: int | tuple[int, int] = setting(
        320,
        extent(10_000),
        "Size of each picture in pixels: its long side, or HxW.",
        under=OPTIMIZE,
        metavar="PIXELS",
    )

    def plan(self, files: Files | None = None) -> SweepPlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.sweeps import plan_sweep

        values = {name: getattr(self, name) for name in VARIED}
        return plan_sweep(
            self, {name: each for name, each in values.items() if each is not None}, Dream, files
        )


VARIED = tuple(
    name
    for name, declared in settings(Dream).items()
    if name not in _OF_DREAMS_ALONE | _SHARED and not declared.hidden
)
"""The settings of a dream of which a sweep has several values."""


def _field(name: str) -> tuple[str, str, Any]:
    declared = settings(Dream)[name]
    kind = str(Dream.__dataclass_fields__[name].type)
    one = kind.removesuffix(" | None")
    several = with_default(
        Dream,
        name,
        None,
        meaning=several_of(declared.meaning),
        many=True,
        role="own",
        kept=True,
        usual=None,
        told="that of a dream",
        metavar=declared.metavar or "yes,no",
    )
    return name, f"{one} | Sequence[Any] | None", several


_Fields: Any = make_dataclass(
    "_Fields", map(_field, VARIED), bases=(SweepOfDreams,), frozen=True, kw_only=True
)


@recipe("sweep", order=12)
@dataclass(frozen=True)
class Sweep(_Fields):  # type: ignore[misc]
    """Dream a photo with several values of any settings.

    The dreams are shown side by side. Each setting takes one value, or several with commas between
    them (in Python a list): all combinations are dreamt. With `-o FOLDER/` each picture is a file
    of its own, with the job that makes it alone.

    >>> import entoptic as ent
    >>> photo = ent.Pixels.noise(40, 60, seed=0)()
    >>> swept = ent.sweep(ent.load(), photo, strength=[0.5, 1], steps=1, octaves=1, size=60)
    >>> swept.labels
    ('--strength 0.5', '--strength 1')
    """

    examples: ClassVar[str] = """
  entoptic sweep sky.jpg --look eyes,fur,waves
  entoptic sweep sky.jpg -l fire3,fire5,fire7 --strength 0.5,1,2
  entoptic sweep sky.jpg --layer fire5 --shaping "none,decorrelate" -o variants/
"""

"""Growth: the optimization of a picture as a film."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

from entoptic.checks import number, one_of, refused
from entoptic.jobs.easings import EASINGS
from entoptic.jobs.film_settings import FILM, FilmRecipe, bits, codec, output, rate
from entoptic.jobs.recipe import Recipe, recipe, required, setting, with_default

if TYPE_CHECKING:
    from entoptic.jobs.growth import GrowthPlan
    from entoptic.jobs.plan import Plan
    from entoptic.networks import DeviceLike, ModelLike
    from entoptic.objectives.files import Files
    from entoptic.types import PathLike
    from entoptic.video.pixels import Bits

# Longer films are for `zoom`.
_LONGEST_S = 36_000


def _picture(name: str, value: Any) -> Any:
    """Return a recipe that optimises a picture, or its plan."""
    if isinstance(value, Recipe):
        if value.optimizes and not value.makes_no_job:
            return value
        raise refused(name, value, f"must be a recipe that optimises a picture, not {value.name}")
    from entoptic.jobs.plan import Plan

    if isinstance(value, Plan):
        return value
    raise refused(name, value, "must be a recipe or a plan: Dream(model, photo)")


@recipe("grow", order=18)
@dataclass(frozen=True)
class Grow(FilmRecipe):
    """Show how a picture is optimised, as a film.

    The film goes through the steps of any recipe that optimises: a dream grows out of its photo, a
    unit out of noise. Between two steps it fades from one to the next. Of an interpolation it goes
    through the finished pictures, from the first unit to the second.

    >>> import entoptic as ent, tempfile
    >>> unit = ent.Visualize(ent.load(), "fire5:3", size=48, steps=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ent.grow(unit, output=f"{folder}/unit.apng", seconds=0.2, hold_last=0).frames
    17
    """

    examples: ClassVar[str] = """
  entoptic grow sky.jpg                              makes sky-grow.mp4
  entoptic grow sky-dream.png                        a picture that entoptic made
  entoptic grow dream sky.jpg --look eyes --seconds 4 --easing out
  entoptic grow visualize fire7:3 --size 320 -o unit.gif
  entoptic grow interpolate fire7:3 fire7:12 --pictures 16
"""

    recipe: Recipe | Plan = required(
        _picture,
        "Recipe of the picture: Dream(model, photo), Visualize(model, units), Interpolate(model, "
        "unit, unit), ...; or its plan.",
        role="recipe",
        positional=True,
    )
    _: KW_ONLY
    # The picture has its own.
    model: ModelLike = with_default(FilmRecipe, "model", "", hidden=True)
    seed: int = with_default(FilmRecipe, "seed", 0, hidden=True)
    precision: str = with_default(FilmRecipe, "precision", "fp32", hidden=True, kept=False)
    device: DeviceLike = with_default(FilmRecipe, "device", "auto", hidden=True)

    output: PathLike | None = output("NAME-grow.mp4, named for the photo or unit")
    seconds: float = setting(
        8.0,
        number(above=0, most=_LONGEST_S),
        "Seconds in which the picture grows.",
        under=FILM,
        metavar="S",
    )
    hold_first: float = setting(
        0.5,
        number(least=0, most=_LONGEST_S),
        "Seconds for which the first frame is held.",
        under=FILM,
        metavar="S",
    )
    hold_last: float = setting(
        2.0,
        number(least=0, most=_LONGEST_S),
        "Seconds for which the last frame is held.",
        under=FILM,
        metavar="S",
    )
    easing: str = setting(
        "smooth",
        one_of(*EASINGS),
        "Easing: smooth (slow at both ends), linear, in (slow at the start), out (slow at the "
        "end).",
        under=FILM,
        metavar="E",
    )
    rate: Fraction | float | str | None = rate("Frames per second.")
    codec: str | None = codec()
    bits: Bits | None = bits()

    def plan(  # type: ignore[override]
        self, files: Files | None = None
    ) -> GrowthPlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.growth import plan_growth

        return plan_growth(self, files)

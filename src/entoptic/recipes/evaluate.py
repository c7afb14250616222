"""Evaluation: pictures of units, measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import TYPE_CHECKING

from entoptic.checks import as_given, several, whole
from entoptic.jobs.recipe import recipe, required, setting, with_default
from entoptic.jobs.visualization import MANY_UNITS, Visualization, units_given
from entoptic.recipes.visualize import Visualize

if TYPE_CHECKING:
    from entoptic.images import PictureLike
    from entoptic.jobs.evaluation import EvaluatePlan, Evaluation
    from entoptic.jobs.sheets import SheetPlan
    from entoptic.networks import ModelLike
    from entoptic.objectives import Objective
    from entoptic.objectives.files import Files

WITH = "What to compare with"


@recipe("evaluate", order=90)
@dataclass(frozen=True)
class Evaluate(Visualization):
    """Measure how well pictures show units.

    Make the pictures as `visualize` does, and measure their scores, the share of photographs that
    score less, whether other networks recognise the class, the diversity of pictures of different
    seeds, seconds, and memory.

    >>> import entoptic as ent
    >>> found = ent.evaluate(ent.load(), "fire5:3", size=48, steps=1)
    >>> found.rows[0].unit, found.rows[0].percentile
    ('fire5:3', None)
    """

    examples = """
  entoptic evaluate class:goldfish fire7:5 --photos holidays/
  entoptic evaluate fire5:0-7 --seeds 3 --save pictures/
  entoptic evaluate -m efficientnet_lite0 class:volcano --judges timm:resnet18.a1_in1k --json
"""
    makes_no_job = True
    returns = "Evaluation"
    made = "The figures, with the pictures as sheets, one for each seed."

    units: Sequence[str | Objective] = required(
        units_given, MANY_UNITS, role="units", metavar="UNIT", positional=True, many=True
    )
    _: KW_ONLY
    judges: Sequence[ModelLike] | None = setting(
        None,
        as_given,
        "Other classifiers, which are asked whether they recognise the class.",
        under=WITH,
        metavar="M,M",
        many=True,
        told="the other embedded networks",
    )
    photos: Sequence[PictureLike] = setting(
        (),
        several(as_given, "files, folders and pictures"),
        "Photographs to compare scores with: files and folders.",
        under=WITH,
        metavar="FILE,FOLDER",
        many=True,
    )
    seeds: int = setting(
        1,
        whole(1, 1000),
        "Number of pictures of each unit, each from another random seed.",
        under=WITH,
        metavar="N",
    )
    method: str | None = with_default(Visualization, "method", None, usual="natural")

    def sheet(self) -> SheetPlan:
        """Return the plan of the pictures of one seed."""
        own = {each.name for each in fields(self)}
        shared = {each.name for each in fields(Visualize)} & own
        return Visualize(**{name: getattr(self, name) for name in shared}).plan()

    def plan(  # type: ignore[override]
        self, files: Files | None = None
    ) -> EvaluatePlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.evaluation import plan_evaluate

        return plan_evaluate(self)

    def run(self) -> Evaluation:  # type: ignore[override]
        """Make and measure the pictures; raises as `plan` does."""
        return self.plan().run()

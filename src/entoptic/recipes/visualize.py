"""Feature visualization: the pictures that maximise units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from entoptic.errors import BadSetting
from entoptic.jobs.recipe import recipe, required, with_default
from entoptic.jobs.visualization import MANY_UNITS, Visualization, units_given

if TYPE_CHECKING:
    from entoptic.images import Picture
    from entoptic.jobs.sheets import SheetPlan
    from entoptic.objectives import Objective


@recipe("visualize", order=20)
@dataclass(frozen=True)
class Visualize(Visualization):
    """Show the pictures that maximise units.

    A unit is a channel, LAYER:CHANNEL; a range of channels, LAYER:3-9; a class, class:NAME; or an
    expression. Several units make a contact sheet of pictures with their names.

    Source: Olah et al., "Feature Visualization", Distill, 2017.

    >>> import entoptic as ent
    >>> ent.visualize(ent.load(), "fire5:3", size=48, steps=1).image.shape
    torch.Size([1, 3, 48, 48])
    """

    examples = """
  entoptic visualize fire7:3                               makes fire7-3-visualize.png
  entoptic visualize fire5:0-15 -o sheet.png               sixteen channels on a contact sheet
  entoptic visualize fire5:0-15 -o channels/               sixteen files
  entoptic visualize class:goldfish                        a class
  entoptic visualize -m efficientnet_lite0 blocks.3:7 --steps 512 --size 400
"""
    objective_is = "units"
    unit_field = "units"

    units: Sequence[str | Objective] = required(
        units_given, MANY_UNITS, role="units", metavar="UNIT", positional=True, many=True
    )
    _: KW_ONLY
    method: str | None = with_default(Visualization, "method", None, usual="entoptic")

    def plan(self, read_guide: Callable[[str], Picture] | None = None) -> SheetPlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.sheets import Layout, plan_sheet
        from entoptic.jobs.units import MOST_UNITS, label_of, read_all
        from entoptic.objectives import per_image

        model = self.network()
        wanted = read_all(self.units)
        if not wanted:
            raise BadSetting("nothing to visualize; name a unit, such as fire7:3")
        if len(wanted) > MOST_UNITS:
            raise BadSetting(
                f"{len(wanted)} units are too many for one sheet; {MOST_UNITS} at most"
            )
        return plan_sheet(
            self.resolved(model),
            model,
            per_image(wanted),
            len(wanted),
            layout=Layout([label_of(each) for each in wanted]),
            read_guide=read_guide,
        )

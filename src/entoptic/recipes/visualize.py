"""Feature visualization: the pictures that maximise units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from entoptic.checks import one_of
from entoptic.errors import BadSetting
from entoptic.jobs.recipe import recipe, required, setting, with_default
from entoptic.jobs.visualization import MANY_UNITS, Visualization, units_given

if TYPE_CHECKING:
    from entoptic.jobs.sheets import SheetPlan
    from entoptic.networks import Model
    from entoptic.objectives import Objective
    from entoptic.objectives.files import Files
    from entoptic.transforms import Transform


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
  entoptic visualize fire4:24 --seamless both              a texture that tiles
  entoptic visualize -m efficientnet_lite0 blocks.3:7 --steps 512 --size 400
"""
    objective_is = "units"
    unit_field = "units"

    units: Sequence[str | Objective] = required(
        units_given, MANY_UNITS, role="units", metavar="UNIT", positional=True, many=True
    )
    _: KW_ONLY
    method: str | None = with_default(Visualization, "method", None, usual="natural")
    seamless: str = setting(
        "off",
        one_of("off", "both", "columns"),
        "Make pictures whose edges meet: off, both (for tiles), columns (left and right, for "
        "panoramas).",
        metavar="S",
    )

    def moves(self, model: Model) -> tuple[Transform, ...]:
        """See `Visualization.moves`; where edges meet, there is no border."""
        from entoptic.transforms import seamless

        moves = super().moves(model)
        if self.seamless == "off":
            return moves
        return seamless(moves, columns=self.seamless == "columns")

    def plan(self, files: Files | None = None) -> SheetPlan:
        """See `Recipe.plan`."""
        from entoptic.canvas import canvases
        from entoptic.jobs.plan_sheet import plan_sheet
        from entoptic.jobs.sheets import Layout
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
        how = self.resolved(model)
        if how.seamless != "off" and not canvases[how.kind].wraps:
            able = ", ".join(name for name in canvases if canvases[name].wraps)
            raise BadSetting(
                f"the canvas {how.kind} has edges that can't meet; for seamless pictures take one "
                f"of {able}"
            )
        return plan_sheet(
            how,
            model,
            per_image(wanted),
            len(wanted),
            layout=Layout([label_of(each) for each in wanted]),
            files=files,
        )

"""Interpolation: a row of pictures from one unit to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from entoptic.checks import MOST_WEIGHT, number
from entoptic.jobs.recipe import recipe, required, setting, with_default
from entoptic.jobs.visualization import (
    ONE_UNIT,
    Visualization,
    how_many,
    reference_layer,
    unit_given,
)

if TYPE_CHECKING:
    from entoptic.canvas import Canvas
    from entoptic.jobs.sheets import SheetPlan
    from entoptic.layers import Layer
    from entoptic.objectives import Objective
    from entoptic.objectives.files import Files


@recipe("interpolate", order=60)
@dataclass(frozen=True)
class Interpolate(Visualization):
    """Show a row of pictures from one unit to another.

    Of n pictures, picture i maximises (1 - w) times the first unit plus w times the second, with
    w = i / (n - 1). A term (`alignment`) keeps the activations of neighbors alike at a layer.

    Source: Mordvintsev et al., "Differentiable Image Parameterizations", Distill, 2018.

    >>> import entoptic as ent
    >>> ent.interpolate(ent.load(), "fire7:3", "fire7:5", size=48, steps=1).image.shape
    torch.Size([1, 3, 68, 256])
    """

    examples = """
  entoptic interpolate fire7:3 fire7:12                    makes fire7-3-interpolate.png
  entoptic interpolate fire7:3 fire7:12 --pictures 9 --size 160
  entoptic interpolate class:goldfish class:volcano
"""
    own_canvas = "natural"
    is_path: ClassVar[bool] = True
    renamed: ClassVar[Mapping[str, str]] = {"strength": "weight", "layer": "reference_layer"}

    first: str | Objective = required(unit_given, ONE_UNIT, role="unit", metavar="UNIT")
    second: str | Objective = required(unit_given, ONE_UNIT, role="unit", metavar="UNIT")
    _: KW_ONLY
    # By eye.
    pictures: int = how_many(5)
    weight: float = setting(
        0.1,
        number(least=0, most=MOST_WEIGHT),
        "Weight of the likeness of neighbors (`alignment`).",
        metavar="X",
    )
    reference_layer: Layer | str | None = reference_layer("Layer whose activations are aligned.")

    canvas: str | type[Canvas] | None = with_default(Visualization, "canvas", None, told="natural")

    @classmethod
    def upgraded(cls, stored: Mapping[str, Any]) -> dict[str, Any]:
        """See `Recipe.upgraded`; both units were one list."""
        found = super().upgraded(stored)
        units = found.get("units")
        if isinstance(units, list) and len(units) == 2:
            del found["units"]
            found["first"], found["second"] = units
        return found

    def plan(self, files: Files | None = None) -> SheetPlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.default_layers import middle_layer
        from entoptic.jobs.plan_sheet import plan_sheet
        from entoptic.jobs.scales import check_units, in_multiples_of_noise, natural_noise, scale_of
        from entoptic.jobs.sheets import Layout
        from entoptic.jobs.units import one_unit
        from entoptic.objectives import alignment, mean, per_image

        model = self.network()
        how = self.resolved(model)
        ends = [one_unit(self.first), one_unit(self.second)]
        aligned = how.reference_layer or middle_layer(model)
        check_units([*ends, mean(aligned)], model, how.height_width, self.device)
        first, second = (
            in_multiples_of_noise(each, model, how.height_width, self.device, files)
            for each in ends
        )
        noise = natural_noise(how.height_width)
        energy = scale_of(mean(aligned), model, noise, on=self.device, files=files)
        shares = [number / (self.pictures - 1) for number in range(self.pictures)]
        row = per_image([_between(first, second, share) for share in shares])
        return plan_sheet(
            replace(how, first=repr(ends[0]), second=repr(ends[1]), reference_layer=str(aligned)),
            model,
            row + self.weight / energy**2 * alignment(aligned),
            self.pictures,
            layout=Layout([f"{share:.0%}" for share in shares], columns=self.pictures),
            opening=row,
            files=files,
        )


def _between(first: Objective, second: Objective, share: float) -> Objective:
    """Return the objective of a picture between two units.

    The ends are the units themselves, so that neither needs the other's guides.
    """
    if share in (0, 1):
        return second if share else first
    return (1 - share) * first + share * second

"""Diversity: different pictures that maximise the same unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, ClassVar

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
    from entoptic.jobs.sheets import SheetPlan
    from entoptic.layers import Layer
    from entoptic.networks import Model
    from entoptic.objectives import Objective
    from entoptic.objectives.files import Files


@recipe("diversity", order=70, function="diversity_of")
@dataclass(frozen=True)
class Diversity(Visualization):
    """Show different pictures that maximise one unit.

    A unit may respond to several kinds of features, and one picture shows one of them. A term
    (`diversity`) keeps the pictures different.

    Source: Olah et al., "Feature Visualization", Distill, 2017.

    >>> import entoptic as ent
    >>> ent.diversity_of(ent.load(), "fire7:3", size=48, steps=1).image.shape
    torch.Size([1, 3, 100, 152])
    """

    examples = """
  entoptic diversity fire7:12                              makes fire7-12-diversity.png
  entoptic diversity fire7:12 --pictures 9 --weight 20
  entoptic diversity class:goldfish --reference-layer fire5
"""
    unit_field = "unit"
    renamed: ClassVar[Mapping[str, str]] = {"strength": "weight", "layer": "reference_layer"}

    unit: str | Objective = required(unit_given, ONE_UNIT, role="unit", metavar="UNIT")
    _: KW_ONLY
    method: str | None = with_default(Visualization, "method", None, usual="natural")
    # By eye.
    pictures: int = how_many(6)
    weight: float = setting(
        3.0,
        number(least=0, most=MOST_WEIGHT),
        "Weight of the difference between pictures; 0 leaves it to the random seed.",
        metavar="X",
    )
    reference_layer: Layer | str | None = reference_layer(
        "Layer at which textures differ.", told="the unit's own, if it has positions"
    )

    def plan(self, files: Files | None = None) -> SheetPlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.plan_sheet import plan_sheet
        from entoptic.jobs.scales import check_units, in_multiples_of_noise
        from entoptic.jobs.sheets import Layout
        from entoptic.jobs.units import one_unit
        from entoptic.objectives import diversity

        model = self.network()
        how = self.resolved(model)
        wanted = one_unit(self.unit)
        check_units([wanted], model, how.height_width, self.device)
        varied = how.reference_layer or _own_layer(wanted, model, how.height_width)
        alike = in_multiples_of_noise(wanted, model, how.height_width, self.device, files)
        return plan_sheet(
            replace(how, unit=repr(wanted), reference_layer=str(varied)),
            model,
            alike + self.weight * diversity(varied),
            self.pictures,
            layout=Layout(columns=-(-self.pictures // 2) if self.pictures < 9 else None),
            opening=alike,
            files=files,
        )


def _own_layer(unit: Objective, model: Model, size: tuple[int, int]) -> str:
    """Return the unit's layer if it has positions, where textures are; else a middle one."""
    from entoptic.jobs.default_layers import in_order, middle_layer

    for layer in in_order(model, unit.layers()):
        positions = model.info(model.resolve(layer), size).spatial_size
        if positions is not None and min(positions) > 1:
            return str(layer)
    return middle_layer(model)

"""Feature accentuation: a photo, changed a little so that a unit responds to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from entoptic.checks import MOST_WEIGHT, flag, number
from entoptic.errors import BadSetting
from entoptic.jobs.recipe import PHOTO, recipe, required, setting, with_default
from entoptic.jobs.visualization import (
    MANY_UNITS,
    Visualization,
    photos_size,
    reference_layer,
    units_given,
)

if TYPE_CHECKING:
    from entoptic.images import PictureLike
    from entoptic.jobs.sheets import SheetPlan
    from entoptic.layers import Layer
    from entoptic.objectives import Objective
    from entoptic.objectives.files import Files


@recipe("accentuate", order=80)
@dataclass(frozen=True)
class Accentuate(Visualization):
    """Change a photo a little so that units respond to it.

    The unit's score is maximised together with the likeness to the photo at an early layer
    (`inversion`), which has a weight. The score is divided by the root mean square of its layer's
    activations for the photo. Several units make a contact sheet, with the photo first.

    Source: Hamblin et al., "Feature Accentuation: Revealing 'What' Features Respond to in Natural
    Images", 2024; there the two are weighed by the norms of their gradients.

    >>> import entoptic as ent, torch
    >>> photo = torch.rand(1, 3, 30, 40)
    >>> ent.accentuate(ent.load(), photo, "fire7:3", size=48, steps=1).image.shape
    torch.Size([1, 3, 36, 48])
    """

    examples = """
  entoptic accentuate cat.jpg class:tiger                  makes cat-accentuate.png
  entoptic accentuate cat.jpg fire7:3 fire7:5              a contact sheet of two channels
  entoptic accentuate cat.jpg class:tiger --weight 30      nearer to the photo
  entoptic accentuate cat.jpg class:tiger --transparency   only the pixels that mattered
"""
    unit_field = "units"
    renamed: ClassVar[Mapping[str, str]] = {"strength": "weight", "layer": "reference_layer"}

    photo: PictureLike = required(*PHOTO, role="photo", positional=True)
    units: Sequence[str | Objective] = required(
        units_given, MANY_UNITS, role="units", metavar="UNIT", positional=True, many=True
    )
    _: KW_ONLY
    size: int | tuple[int, int] | None = photos_size()  # type: ignore[assignment]
    # By eye: the photo is still itself. The source's crops give the same traits at ten times the
    # cost.
    weight: float | None = setting(
        None,
        number(least=0, most=MOST_WEIGHT),
        "Weight of the likeness to the photo: more is nearer to the photo.",
        metavar="X",
        usual=15.0,
    )
    reference_layer: Layer | str | None = reference_layer(
        "Layer at which the likeness to the photo is measured."
    )
    transparency: bool = setting(
        False, flag, "Make only the pixels opaque that mattered; for PNG, WebP and TIFF."
    )
    steps: int = with_default(Visualization, "steps", 100)

    def plan(self, files: Files | None = None) -> SheetPlan:
        """See `Recipe.plan`."""
        from entoptic.ascent.memory import check_picture
        from entoptic.jobs.default_layers import middle_layer
        from entoptic.jobs.inputs import photo_as_it_is
        from entoptic.jobs.plan_sheet import plan_sheet
        from entoptic.jobs.scales import scale_of
        from entoptic.jobs.sheets import Layout
        from entoptic.jobs.units import MOST_UNITS, label_of, read_all
        from entoptic.networks import devices
        from entoptic.objectives import inversion, per_image

        model = self.network()
        how = self.resolved(model)
        wanted = read_all(self.units)
        if not 0 < len(wanted) <= MOST_UNITS:
            raise BadSetting(f"{len(wanted)} units to accentuate; name 1 to {MOST_UNITS}")
        kept = how.reference_layer or middle_layer(model)
        layers = {model.resolve(kept)}
        for each in wanted:
            layers |= {model.resolve(layer) for layer in each.layers()}
        shown, side = photo_as_it_is(self.photo, how.size)
        check_picture(model, layers, (shown.height, shown.width), devices(self.device)[0])

        def alike(unit: Objective) -> Objective:
            scale = scale_of(unit, model, shown.image, on=self.device, files=files)
            return unit / scale

        assert how.weight is not None  # it has a usual value
        keeping = how.weight * inversion(kept, shown)
        labels = ["photo", *map(label_of, wanted)] if len(wanted) > 1 else []
        return plan_sheet(
            replace(
                how,
                size=side,
                units=[repr(each) for each in wanted],
                reference_layer=str(kept),
            ),
            model,
            per_image([alike(each) + keeping for each in wanted]),
            len(wanted),
            layout=Layout(labels, before=shown.image if labels else None),
            size=(shown.height, shown.width),
            photo=shown,
            begins=True,
            transparency=self.transparency,
            files=files,
        )

"""Feature maps of a layer on a photo."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING

from entoptic.checks import one_of, whole
from entoptic.jobs.looking import Looking
from entoptic.jobs.recipe import PHOTO, recipe, required, setting
from entoptic.jobs.visualization import one_layer

if TYPE_CHECKING:
    from entoptic.images import PictureLike
    from entoptic.jobs.still import StillPlan
    from entoptic.layers import Layer
    from entoptic.objectives.files import Files


@recipe("maps", order=80)
@dataclass(frozen=True)
class Maps(Looking):
    """Show all feature maps of a layer on a photo.

    The result is a contact sheet with a map for each channel: black is 0, white the scale's largest
    activation. Where a layer has negative activations, they are blue and positive ones orange. With
    `unit` one map is shown large over the photo. The photo is shown to the network with its long
    side at the network's own size.

    >>> import entoptic as ent, torch
    >>> photo = torch.rand(1, 3, 60, 80, generator=torch.Generator().manual_seed(0))
    >>> ent.maps(ent.load(), photo, layer="fire2", size=32).image.shape
    torch.Size([1, 3, 640, 356])
    """

    examples = """
  entoptic maps cat.jpg -l fire2                           makes cat-maps.png
  entoptic maps cat.jpg -l fire2 --scale shared            one scale for all maps
  entoptic maps cat.jpg -l fire7 --unit 3                  one map, large over the photo
"""

    photo: PictureLike = required(*PHOTO, role="photo", positional=True)
    _: KW_ONLY
    layer: Layer | str | None = one_layer("Layer whose feature maps are shown.")
    unit: int | None = setting(
        None, whole(0), "Channel that is shown large over the photo.", metavar="N"
    )
    scale: str = setting(
        "each",
        one_of("each", "shared"),
        "Scale of the brightness: each, up to a map's own largest activation, which is told below "
        "it; shared, one for all maps.",
        metavar="S",
    )
    size: int | None = setting(
        None,
        whole(8, 4096),
        "Long side of each map in pixels, about.",
        metavar="PIXELS",
        told="96, or 480 for one unit",
    )

    def plan(self, files: Files | None = None) -> StillPlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.default_layers import middle_layer
        from entoptic.jobs.feature_maps import plan_maps

        model = self.network()
        layer = model.resolve(self.layer or middle_layer(model))
        usual = 96 if self.unit is None else 480
        return plan_maps(replace(self, layer=str(layer), size=self.size or usual), model, layer)

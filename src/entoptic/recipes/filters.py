"""Kernels of a first layer as pictures."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING

from entoptic.checks import whole
from entoptic.jobs.looking import Looking
from entoptic.jobs.recipe import recipe, setting
from entoptic.layers import layer_name

if TYPE_CHECKING:
    from entoptic.jobs.still import StillPlan
    from entoptic.layers import Layer
    from entoptic.objectives.files import Files


@recipe("filters", order=82)
@dataclass(frozen=True)
class Filters(Looking):
    """Show the kernels of a first layer as pictures.

    A kernel that is fed the picture is itself a picture: each is shown with a scale of its own, 0
    as middle gray, the largest weight as black or as full color.

    >>> import entoptic as ent
    >>> ent.filters(ent.load(), size=30).image.shape
    torch.Size([1, 3, 448, 268])
    """

    examples = """
  entoptic filters                                         makes squeezenet1_1-filters.png
  entoptic filters -m efficientnet_lite0 --size 96
"""

    _: KW_ONLY
    layer: Layer | str | None = setting(
        None,
        layer_name,
        "Convolution that is fed the picture.",
        metavar="L",
        short="-l",
        told="the first one",
    )
    size: int = setting(
        64, whole(8, 4096), "Side of each kernel's picture in pixels, about.", metavar="PIXELS"
    )

    def plan(self, files: Files | None = None) -> StillPlan:
        """See `Recipe.plan`."""
        from entoptic.analysis.maps import first_layer
        from entoptic.jobs.feature_maps import plan_filters

        model = self.network()
        layer = model.resolve(self.layer or first_layer(model))
        return plan_filters(replace(self, layer=str(layer)), model, layer)

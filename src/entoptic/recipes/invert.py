"""Feature inversion: a picture with the activations of a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from entoptic.checks import MOST_WEIGHT, number
from entoptic.jobs.recipe import PHOTO, recipe, required, setting
from entoptic.jobs.visualization import Visualization, photos_size, some_layers

if TYPE_CHECKING:
    from entoptic.images import Picture, PictureLike
    from entoptic.jobs.sheets import SheetPlan
    from entoptic.layers import Layer
    from entoptic.objectives import Objective
    from entoptic.objectives.files import Files


@recipe("invert", order=84)
@dataclass(frozen=True)
class Invert(Visualization):
    """Invert a layer: make a picture with a photo's activations.

    It shows which information the layer keeps; the rest is noise, which depends on the random seed.
    Several layers make a contact sheet, from early to late, with the photo first.

    Source: Mahendran, Vedaldi, "Understanding Deep Image Representations by Inverting Them", 2015.

    >>> import entoptic as ent, torch
    >>> ent.invert(ent.load(), torch.rand(1, 3, 30, 40), size=48, steps=1).image.shape
    torch.Size([1, 3, 36, 48])
    """

    examples = """
  entoptic invert cat.jpg                                  makes cat-invert.png
  entoptic invert cat.jpg -l fire3,fire5,fire7             what is lost from layer to layer
  entoptic invert cat.jpg -m efficientnet_lite0 --steps 1024
"""

    photo: PictureLike = required(*PHOTO, role="photo", positional=True)
    _: KW_ONLY
    size: int | tuple[int, int] | None = photos_size()  # type: ignore[assignment]
    layer: Layer | str | Sequence[Layer | str] | None = some_layers(
        "Layer whose activations are inverted, or several: L,L,L."
    )
    # By eye.
    smoothness: float = setting(
        0.5,
        number(least=0, most=MOST_WEIGHT),
        "Weight of the picture's total variation, which is subtracted.",
        metavar="X",
    )

    def plan(self, files: Files | None = None) -> SheetPlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.photo_layers import plan_layers
        from entoptic.objectives import inversion, total_variation

        model = self.network()
        how = self.resolved(model)

        def wanted(layer: Layer, photo: Picture) -> Objective:
            return inversion(layer, photo) - self.smoothness * total_variation()

        return plan_layers(how, model, self.photo, how.layer, wanted)

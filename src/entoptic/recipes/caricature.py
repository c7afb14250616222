"""Feature inversion caricatures: the activations of a photo, exaggerated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from entoptic.checks import MOST_WEIGHT, number
from entoptic.jobs.recipe import PHOTO, recipe, required, setting, with_default
from entoptic.jobs.visualization import Visualization, photos_size, some_layers

if TYPE_CHECKING:
    from entoptic.images import Picture, PictureLike
    from entoptic.jobs.sheets import SheetPlan
    from entoptic.layers import Layer
    from entoptic.objectives import Objective
    from entoptic.objectives.files import Files


@recipe("caricature", order=82, function="caricature_of")
@dataclass(frozen=True)
class Caricature(Visualization):
    """Exaggerate the activations of a photo.

    From noise, the picture is optimised so that at each position the activations go as far as
    possible in the direction of the photo's (the objective `caricature`). Several layers make a
    contact sheet, from early to late, with the photo first.

    Source: lucid's notebook "Feature Inversion Caricatures", Olah, 2018.

    >>> import entoptic as ent, torch
    >>> ent.caricature_of(ent.load(), torch.rand(1, 3, 30, 40), size=48, steps=1).image.shape
    torch.Size([1, 3, 36, 48])
    """

    examples = """
  entoptic caricature cat.jpg                              makes cat-caricature.png
  entoptic caricature cat.jpg -l fire3,fire5,fire7         a contact sheet of three layers
  entoptic caricature cat.jpg --cosine-power 4             nearer to the photo
  entoptic caricature cat.jpg -m efficientnet_lite0 --size 400 --steps 512
"""

    photo: PictureLike = required(*PHOTO, role="photo", positional=True)
    _: KW_ONLY
    method: str | None = with_default(Visualization, "method", None, usual="natural")
    size: int | tuple[int, int] | None = photos_size()  # type: ignore[assignment]
    layer: Layer | str | Sequence[Layer | str] | None = some_layers(
        "Layer whose activations are exaggerated, or several: L,L,L."
    )
    cosine_power: float = setting(
        1.0,
        number(least=0, most=MOST_WEIGHT),
        "Power of the cosine similarity: more is nearer to the photo, less is more exaggerated.",
        metavar="X",
    )

    def plan(self, files: Files | None = None) -> SheetPlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.photo_layers import plan_layers
        from entoptic.objectives import caricature

        model = self.network()
        how = self.resolved(model)

        def wanted(layer: Layer, photo: Picture) -> Objective:
            return caricature(layer, photo, self.cosine_power)

        return plan_layers(how, model, self.photo, how.layer, wanted)

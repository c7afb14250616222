"""Activation grids: a picture of a layer's activations at each position of a photo."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING

from entoptic.checks import flag, whole
from entoptic.errors import BadSetting
from entoptic.jobs.recipe import PHOTO, recipe, required, setting, with_default
from entoptic.jobs.visualization import Visualization, one_layer

if TYPE_CHECKING:
    from torch import Tensor

    from entoptic.images import PictureLike
    from entoptic.jobs.sheets import SheetPlan
    from entoptic.layers import Layer
    from entoptic.objectives.files import Files


@recipe("grid", order=40)
@dataclass(frozen=True)
class Grid(Visualization):
    """Draw the activation grid of a photo.

    The result is a mosaic of small pictures, one for each position of a layer: it maximises the
    direction of the activation vector there. `size` is the side of each small picture.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill, 2018.

    >>> import entoptic as ent, torch
    >>> photo = torch.rand(1, 3, 60, 80, generator=torch.Generator().manual_seed(0))
    >>> ent.grid(ent.load(), photo, cells=4, size=32, layer="fire3", steps=1).image.shape
    torch.Size([1, 3, 96, 128])
    """

    examples = """
  entoptic grid cat.jpg                                    makes cat-grid.png
  entoptic grid cat.jpg --cells 12 --size 96               more and larger pictures
  entoptic grid cat.jpg --layer fire5                      simpler features, smaller ones
"""
    of_network = ("layer",)

    photo: PictureLike = required(*PHOTO, role="photo", positional=True)
    _: KW_ONLY
    layer: Layer | str | None = one_layer("Layer whose activations are shown.")
    cells: int = setting(
        8,
        whole(1, 1000),
        "Number of pictures along the long side, at most as many as the layer has positions.",
        metavar="N",
    )
    weighted: bool = setting(
        False, flag, "Fade a picture to grey where the layer's activations are small."
    )
    plain: bool = setting(
        False,
        flag,
        "Don't whiten directions: what all positions have in common counts, too.",
    )
    # Pictures as small as these still hold an eye or a texture, and a hundred of them a photo.
    # After more steps they only gain contrast.
    size: int | tuple[int, int] = with_default(Visualization, "size", 64)
    steps: int = with_default(Visualization, "steps", 80)
    batch: int | str = with_default(Visualization, "batch", 32)

    def plan(self, files: Files | None = None) -> SheetPlan:
        """See `Recipe.plan`."""
        import torch
        from torch.nn import functional

        from entoptic.analysis.activations import COSINE_POWER, activations_at, seen_size, whitened
        from entoptic.jobs.default_layers import middle_layer
        from entoptic.jobs.inputs import photo_of
        from entoptic.jobs.plan_sheet import plan_sheet
        from entoptic.jobs.sheets import Layout
        from entoptic.jobs.units import MOST_UNITS
        from entoptic.networks import devices
        from entoptic.objectives import direction, per_image

        model = self.network()
        how = self.resolved(model)
        layer = model.resolve(how.layer or middle_layer(model))
        seen = photo_of(self.photo, seen_size(model))
        held = activations_at(model, seen, layer, devices(self.device)[0])
        cells = _cells(held, self.cells)
        columns = cells.shape[-1]
        if cells[0].numel() > MOST_UNITS:
            raise BadSetting(
                f"{cells[0].numel()} cells are too many for one grid; {MOST_UNITS} at most, so "
                "lower --cells"
            )
        vectors = cells.flatten(1).T
        lengths = vectors.norm(dim=1)
        if not self.plain:
            vectors = whitened(vectors, held.flatten(1).T)
        # Where the layer holds nothing there is no direction: what is shown there fades to grey.
        vectors = torch.where(lengths[:, None] > 0, vectors, vectors.mean(0))
        units = functional.normalize(vectors, dim=1)
        strengths = lengths / lengths.max() if self.weighted else lengths > 0
        return plan_sheet(
            replace(how, layer=str(layer)),
            model,
            per_image([direction(layer, unit, COSINE_POWER) for unit in units]),
            len(units),
            layout=Layout(columns=columns, gap=0, strengths=strengths.float().tolist()),
            photo=seen,
            called=f"grid({str(layer)!r})",
        )


def _cells(activations: Tensor, most: int) -> Tensor:
    """Return means over as many areas, (channels, rows, columns)."""
    from torch.nn import functional

    from entoptic.images.resize import fit_long_side

    rows, columns = activations.shape[1:]
    size = fit_long_side(rows, columns, min(most, max(rows, columns)))
    means: Tensor = functional.adaptive_avg_pool2d(activations, size)
    return means

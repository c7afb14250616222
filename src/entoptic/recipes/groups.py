"""Neuron groups: the few directions that explain a layer's activations for a photo."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING

from entoptic.checks import whole
from entoptic.jobs.recipe import PHOTO, recipe, required, setting, with_default
from entoptic.jobs.visualization import Visualization, one_layer

if TYPE_CHECKING:
    from entoptic.images import PictureLike
    from entoptic.jobs.sheets import SheetPlan
    from entoptic.layers import Layer
    from entoptic.objectives.files import Files

# The photo is looked at larger than the network's own pictures are: finer maps of the groups.
_LARGER = 1.5


@recipe("groups", order=50)
@dataclass(frozen=True)
class Groups(Visualization):
    """Show the groups of channels that explain a photo.

    Non-negative matrix factorization finds groups of channels that are active together, so that the
    activations at each position are nearly a sum of groups; activations below 0 are ignored. For
    the pictures the groups are whitened, as in a grid. The result is a contact sheet: above, maps
    of all groups in colors over the photo, and of each group alone with its share; below, the photo
    and the picture that maximises each group. `size` is the long side of each picture.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill, 2018.

    >>> import entoptic as ent, torch
    >>> photo = torch.rand(1, 3, 60, 80, generator=torch.Generator().manual_seed(0))
    >>> ent.groups(ent.load(), photo, groups=2, layer="fire3", size=80, steps=1).image.shape
    torch.Size([1, 3, 164, 248])
    """

    examples = """
  entoptic groups cat.jpg                                  makes cat-groups.png
  entoptic groups cat.jpg --groups 4 --layer fire7
"""
    of_network = ("layer",)

    photo: PictureLike = required(*PHOTO, role="photo", positional=True)
    _: KW_ONLY
    layer: Layer | str | None = one_layer("Layer whose activations are grouped.")
    groups: int = setting(6, whole(1, 100), "Number of groups.", metavar="N")
    # After more steps the pictures only gain contrast.
    steps: int = with_default(Visualization, "steps", 96)

    def plan(self, files: Files | None = None) -> SheetPlan:
        """See `Recipe.plan`."""
        import torch

        from entoptic.analysis.activations import COSINE_POWER, activations_at, seen_size, whitened
        from entoptic.analysis.groups import colored, groups_of
        from entoptic.images.contact_sheet import sheet_size
        from entoptic.jobs.default_layers import middle_layer
        from entoptic.jobs.inputs import check_pixels, photo_of, scaled, size_for
        from entoptic.jobs.plan_sheet import plan_sheet
        from entoptic.jobs.sheets import Layout
        from entoptic.networks import devices
        from entoptic.objectives import direction, per_image

        model = self.network()
        how = self.resolved(model)
        layer = model.resolve(how.layer or middle_layer(model))
        whole_photo = photo_of(self.photo, None)
        columns = 1 + self.groups
        size = size_for(whole_photo, self.size)
        # The maps are made before the sheet is planned.
        check_pixels(*sheet_size(2 * columns, columns, *size, labelled=True))
        seen = scaled(whole_photo, seen_size(model, _LARGER))
        held = activations_at(model, seen, layer, devices(self.device)[0])
        table = held.clamp(min=0).flatten(1).T
        factors = groups_of(table, self.groups)
        # As they are, groups share the channels that are large everywhere: of a cat all show eyes.
        units = whitened(factors.parts.float(), table)
        tile = scaled(whole_photo, self.size)
        maps = factors.weights.T.reshape(-1, 1, *held.shape[1:]).float()
        names = [f"group {number}" for number in range(1, self.groups + 1)]
        shares = [f"{name}: {share:.0%}" for name, share in zip(names, factors.shares, strict=True)]
        plan = plan_sheet(
            replace(how, layer=str(layer)),
            model,
            per_image([direction(layer, unit, COSINE_POWER) for unit in units]),
            self.groups,
            layout=Layout(
                labels=[f"all of {layer}", *shares, "the photo", *names],
                columns=columns,
                before=torch.cat([colored(tile.image, maps), tile.image]),
            ),
            size=size,
            photo=tile,
            called=f"groups({str(layer)!r}, {self.groups})",
        )
        if (held >= 0).all():
            return plan
        note = f"{str(layer)!r} also holds numbers below 0, which groups leave out"
        return replace(plan, notes=(*plan.notes, note))

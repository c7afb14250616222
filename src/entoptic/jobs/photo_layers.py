"""Pictures of several layers that are shown the same photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from entoptic.images import Picture, PictureLike
from entoptic.jobs.default_layers import middle_layer
from entoptic.jobs.inputs import photo_as_it_is
from entoptic.jobs.plan_sheet import plan_sheet
from entoptic.jobs.sheets import Layout, SheetPlan
from entoptic.jobs.visualization import Visualization
from entoptic.layers import Layer
from entoptic.networks import Model
from entoptic.objectives import Objective, per_image


def plan_layers(
    how: Visualization,
    model: Model,
    photo: PictureLike,
    layers: Layer | str | Sequence[Layer | str] | None,
    wanted: Callable[[Layer, Picture], Objective],
) -> SheetPlan:
    """Lay out a picture of each layer, from early to late.

    Args:
        how: the recipe, resolved; it has a field `layer`.
        model: the network.
        photo: what all layers are shown.
        layers: None for one in the middle.
        wanted: the objective of a layer and the photo at its size.
    """
    named = layers or middle_layer(model)
    order = {layer.name: place for place, layer in enumerate(model.layers())}
    several = [named] if isinstance(named, str | Layer) else named
    # The picture itself is in no table; it is earlier than all.
    found = sorted(map(model.resolve, several), key=lambda each: order.get(each.name, -1))
    shown, side = photo_as_it_is(photo, how.size)
    labels = ["photo", *map(str, found)] if len(found) > 1 else []
    return plan_sheet(
        replace(how, size=side, layer=[str(each) for each in found]),  # type: ignore[call-arg]
        model,
        per_image([wanted(each, shown) for each in found]),
        len(found),
        layout=Layout(labels, before=shown.image if labels else None),
        size=(shown.height, shown.width),
        photo=shown,
    )

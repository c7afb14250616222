"""What layers make of a photo: what they see in it, exaggerated, or what they keep of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from entoptic import images
from entoptic.checks import MOST_WEIGHT, number, seed as a_seed, taking
from entoptic.images import Picture, PictureLike
from entoptic.jobs.defaults import middle_layer
from entoptic.jobs.inputs import photo_of
from entoptic.jobs.job import Result
from entoptic.jobs.methods import climb_settings
from entoptic.jobs.sheets import Layout, SheetPlan, plan_sheet
from entoptic.jobs.units import read_names
from entoptic.layers import Layer
from entoptic.networks import DeviceLike, Model, ModelLike, model_of
from entoptic.objectives import Objective, caricature, inversion, per_image, total_variation

# Chosen by eye: late enough for shapes, early enough that they stay where the photo has them.
_CARICATURED = {"squeezenet1_1": "fire6", "efficientnet_lite0": "blocks.3"}
_INVERTED = {"squeezenet1_1": "fire5", "efficientnet_lite0": "blocks.2"}

# Chosen by eye.
_SMOOTHNESS = 0.5


def caricature_of(
    model: ModelLike,
    photo: PictureLike,
    *,
    layer: Layer | str | Sequence[Layer | str] | None = None,
    cosine_power: float | None = None,
    seed: int = 0,
    device: DeviceLike = "auto",
    **settings: Any,
) -> Result:
    """What a layer sees in a photo, drawn anew from noise and exaggerated; or a sheet of layers.

    The objective that is climbed has the shorter name `caricature`.

    Args:
        model: from `load` or `Model.wrap`; or what `load` takes, or a module of torch.
        photo: a picture in any form, as `dream` takes it; its long side becomes the setting `size`.
        layer: one layer makes a picture, several a sheet from early to late with the photo first;
            by default one that looks best.
        cosine_power: of the objective; 1 by default, more is nearer to the photo and less wild.
        seed: of all chance.
        device: `auto`, `cpu`, `cuda`, ...
        settings: those of `ClimbSettings`.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: lucid's notebook "Feature Inversion Caricatures", Olah, 2018.

    >>> import entoptic as ent, torch
    >>> ent.caricature_of(ent.load(), torch.rand(1, 3, 30, 40), size=48, steps=1).image.shape
    torch.Size([1, 3, 36, 48])
    """
    return plan_caricature(
        model, photo, layer=layer, cosine_power=cosine_power, seed=seed, on=device, **settings
    ).run()


@taking(cosine_power=number(least=0, most=MOST_WEIGHT), seed=a_seed)
def plan_caricature(
    model: ModelLike,
    photo: PictureLike,
    *,
    layer: Layer | str | Sequence[Layer | str] | None = None,
    cosine_power: float | None = None,
    seed: int = 0,
    on: DeviceLike = "auto",
    read_guide: Callable[[str], Picture] = images.read,
    **settings: Any,
) -> SheetPlan:
    """Check caricatures and lay them out; arguments as for `caricature_of`."""
    model = model_of(model)
    power = 1.0 if cosine_power is None else cosine_power

    def wanted(layer: Layer, photo: Picture) -> Objective:
        return caricature(layer, photo, power)

    own = {"cosine_power": power}
    if layer is None:
        layer = _CARICATURED.get(model.source) or middle_layer(model)
    return _plan("caricature", model, photo, layer, wanted, own, seed, on, settings)


def invert(
    model: ModelLike,
    photo: PictureLike,
    *,
    layer: Layer | str | Sequence[Layer | str] | None = None,
    smoothness: float | None = None,
    seed: int = 0,
    device: DeviceLike = "auto",
    **settings: Any,
) -> Result:
    """A picture, found from noise, in which a layer sees what it sees in a photo.

    It shows what the layer keeps of the photo: what is lost comes out as chance has it.

    Args:
        model: from `load` or `Model.wrap`; or what `load` takes, or a module of torch.
        photo: a picture in any form, as `dream` takes it; its long side becomes the setting `size`.
        layer: one layer makes a picture, several a sheet from early to late with the photo first;
            by default one in the middle.
        smoothness: how much roughness, `total_variation`, counts against the picture.
        seed: of all chance.
        device: `auto`, `cpu`, `cuda`, ...
        settings: those of `ClimbSettings`.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Mahendran, Vedaldi, "Understanding Deep Image Representations by Inverting Them", 2015.

    >>> import entoptic as ent, torch
    >>> ent.invert(ent.load(), torch.rand(1, 3, 30, 40), size=48, steps=1).image.shape
    torch.Size([1, 3, 36, 48])
    """
    return plan_invert(
        model, photo, layer=layer, smoothness=smoothness, seed=seed, on=device, **settings
    ).run()


@taking(smoothness=number(least=0, most=MOST_WEIGHT), seed=a_seed)
def plan_invert(
    model: ModelLike,
    photo: PictureLike,
    *,
    layer: Layer | str | Sequence[Layer | str] | None = None,
    smoothness: float | None = None,
    seed: int = 0,
    on: DeviceLike = "auto",
    read_guide: Callable[[str], Picture] = images.read,
    **settings: Any,
) -> SheetPlan:
    """Check inversions and lay them out; arguments as for `invert`."""
    model = model_of(model)
    weight = _SMOOTHNESS if smoothness is None else smoothness

    def wanted(layer: Layer, photo: Picture) -> Objective:
        return inversion(layer, photo) - weight * total_variation()

    own = {"smoothness": weight}
    if layer is None:
        layer = _INVERTED.get(model.source) or middle_layer(model)
    return _plan("invert", model, photo, layer, wanted, own, seed, on, settings)


def _plan(
    recipe: str,
    model: Model,
    photo: PictureLike,
    layers: Layer | str | Sequence[Layer | str],
    wanted: Callable[[Layer, Picture], Objective],
    own: Mapping[str, Any],
    seed: int,
    on: DeviceLike,
    settings: Mapping[str, Any],
) -> SheetPlan:
    """Pictures of layers that look at the same photo, early to late."""
    how = climb_settings(recipe, settings, {"method": "gentle"})
    order = {layer.name: place for place, layer in enumerate(model.layers())}
    named = map(model.resolve, read_names("layer", layers))
    # The picture itself is in no table; it is earlier than all.
    found = sorted(named, key=lambda each: order.get(each.name, -1))
    shown = photo_of(photo, how.size)
    labels = ["photo", *map(str, found)] if len(found) > 1 else []
    return plan_sheet(
        recipe,
        model,
        per_image([wanted(each, shown) for each in found]),
        len(found),
        how,
        layout=Layout(labels, before=shown.image if labels else None),
        size=(shown.height, shown.width),
        photo=shown,
        extras={"layer": [str(each) for each in found], **own},
        seed=seed,
        on=on,
    )

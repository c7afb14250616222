"""Feature accentuation: a photo, changed no more than it must be, so that a unit responds to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from entoptic import images
from entoptic.ascent.memory import check_picture
from entoptic.checks import MOST_WEIGHT, flag, number, seed as a_seed, taking
from entoptic.errors import BadSetting
from entoptic.images import Picture, PictureLike
from entoptic.jobs.defaults import middle_layer
from entoptic.jobs.inputs import photo_of
from entoptic.jobs.job import Result
from entoptic.jobs.methods import climb_settings
from entoptic.jobs.scales import scale_of
from entoptic.jobs.sheets import Layout, SheetPlan, plan_sheet
from entoptic.jobs.units import MOST_UNITS, label_of, read_units
from entoptic.layers import Layer, layer_name
from entoptic.networks import DeviceLike, ModelLike, devices, model_of
from entoptic.objectives import Objective, inversion, per_image

# Chosen by eye: what these layers see of the photo stays.
_KEPT = {"squeezenet1_1": "fire3", "efficientnet_lite0": "blocks.1"}

# Chosen by eye: the photo is still itself. The source's crops give the same traits at ten times the
# cost.
_STRENGTH = 15.0
_STRENGTHS = {"efficientnet_lite0": 50.0}
_OWN = {"method": "gentle", "steps": 100}


def accentuate(
    model: ModelLike,
    photo: PictureLike,
    *units: str | Objective,
    strength: float | None = None,
    layer: Layer | str | None = None,
    transparency: bool | None = None,
    seed: int = 0,
    device: DeviceLike = "auto",
    **settings: Any,
) -> Result:
    """What of a photo a unit responds to, brought out in the photo itself; or a sheet of units.

    The unit's score is counted in multiples of the root mean square of its layer for the photo, and
    what another layer loses of the photo, `inversion`, is weighed against it.

    Args:
        model: from `load` or `Model.wrap`; or what `load` takes, or a module of torch.
        photo: a picture in any form, as `dream` takes it; its long side becomes the setting `size`.
        units: `layer:channel`, ranges `layer:3-9`, objectives, or expressions of them.
        strength: how much the photo is kept.
        layer: in whose eyes it is kept; by default an early one.
        transparency: whether only what has mattered in the climb is opaque.
        seed: of all chance.
        device: `auto`, `cpu`, `cuda`, ...; several with commas between share the pictures.
        settings: those of `ClimbSettings`.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Hamblin et al., "Feature Accentuation: Revealing 'What' Features Respond to in Natural
    Images", 2024; there the two are weighed by the sizes of their gradients.

    >>> import entoptic as ent, torch
    >>> photo = torch.rand(1, 3, 30, 40)
    >>> ent.accentuate(ent.load(), photo, "fire7:3", size=48, steps=1).image.shape
    torch.Size([1, 3, 36, 48])
    """
    return plan_accentuate(
        model,
        photo,
        units,
        strength=strength,
        layer=layer,
        transparency=transparency,
        seed=seed,
        on=device,
        **settings,
    ).run()


@taking(
    strength=number(least=0, most=MOST_WEIGHT), layer=layer_name, transparency=flag, seed=a_seed
)
def plan_accentuate(
    model: ModelLike,
    photo: PictureLike,
    units: str | Objective | Sequence[str | Objective],
    *,
    strength: float | None = None,
    layer: Layer | str | None = None,
    transparency: bool | None = None,
    seed: int = 0,
    on: DeviceLike = "auto",
    read_guide: Callable[[str], Picture] = images.read,
    **settings: Any,
) -> SheetPlan:
    """Check an accentuation and lay it out; arguments as for `accentuate`."""
    model = model_of(model)
    how = climb_settings("accentuate", settings, _OWN)
    weight = _STRENGTHS.get(model.source, _STRENGTH) if strength is None else strength
    several = [units] if isinstance(units, str | Objective) else units
    if not isinstance(several, list | tuple):
        raise BadSetting(f"units are {several!r}; give a list of them")
    wanted = [each for unit in several for each in read_units(unit)]
    if not 0 < len(wanted) <= MOST_UNITS:
        raise BadSetting(f"{len(wanted)} units to accentuate; name 1 to {MOST_UNITS}")
    kept = layer or _KEPT.get(model.source) or middle_layer(model)
    layers = {model.resolve(kept)}
    for each in wanted:
        layers |= {model.resolve(seen) for seen in each.layers()}
    shown = photo_of(photo, how.size)
    check_picture(model, layers, (shown.height, shown.width), devices(on)[0])

    def alike(unit: Objective) -> Objective:
        return unit / scale_of(unit, model, shown.image, on=on, read_guide=read_guide)

    keeping = weight * inversion(kept, shown)
    labels = ["photo", *map(label_of, wanted)] if len(wanted) > 1 else []
    return plan_sheet(
        "accentuate",
        model,
        per_image([alike(each) + keeping for each in wanted]),
        len(wanted),
        how,
        layout=Layout(labels, before=shown.image if labels else None),
        size=(shown.height, shown.width),
        photo=shown,
        begins=True,
        transparency=bool(transparency),
        extras={
            "units": [repr(each) for each in wanted],
            "strength": weight,
            "layer": str(kept),
            "transparency": bool(transparency),
        },
        seed=seed,
        on=on,
        read_guide=read_guide,
    )

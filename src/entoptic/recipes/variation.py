"""Pictures that belong together: from one unit to another, and different ones of the same unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from entoptic.ascent.memory import check_picture
from entoptic.checks import MOST_WEIGHT, number, seed as a_seed, taking, whole
from entoptic.errors import BadSetting
from entoptic.images import Picture, read
from entoptic.jobs.defaults import in_order, middle_layer
from entoptic.jobs.job import Result
from entoptic.jobs.methods import climb_settings
from entoptic.jobs.scales import natural_noise, scale_of
from entoptic.jobs.sheets import Layout, SheetPlan, plan_sheet
from entoptic.jobs.units import one_unit
from entoptic.layers import Layer, layer_name
from entoptic.networks import DeviceLike, Model, ModelLike, devices, model_of
from entoptic.objectives import Objective, alignment, diversity, mean, per_image

# More than this, which climb all together, is no row that anyone looks at.
_MOST = 64

# Chosen by eye.
_BETWEEN, _DIFFERENT = 5, 6
_ALIGNED, _DIVERSE = 0.1, 3.0
_ALIGNED_AT = {"squeezenet1_1": "fire5", "efficientnet_lite0": "blocks.3"}


def interpolate(
    model: ModelLike,
    first: str | Objective,
    second: str | Objective,
    *,
    pictures: int | None = None,
    strength: float | None = None,
    layer: Layer | str | None = None,
    seed: int = 0,
    device: DeviceLike = "auto",
    **settings: Any,
) -> Result:
    """A row of pictures from what one unit wants to what another wants.

    Of n pictures, picture i climbs (1 - w) times the first unit plus w times the second, with
    w = i / (n - 1). Their large shapes are common to all (the canvas `shared`), and a layer is to
    see the same in neighbours (`alignment`).

    Args:
        model: from `load` or `Model.wrap`; or what `load` takes, or a module of torch.
        first: `layer:channel`, an objective, or an expression of one.
        second: likewise.
        pictures: how many; 5 by default.
        strength: of the alignment.
        layer: that is aligned; by default one in the middle.
        seed: of all chance.
        device: `auto`, `cpu`, `cuda`, ...
        settings: those of `ClimbSettings`.

    Returns:
        The row, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Mordvintsev et al., "Differentiable Image Parameterizations", Distill, 2018.

    >>> import entoptic as ent
    >>> ent.interpolate(ent.load(), "fire7:3", "fire7:5", size=48, steps=1).image.shape
    torch.Size([1, 3, 68, 256])
    """
    return plan_interpolate(
        model,
        [first, second],
        pictures=pictures,
        strength=strength,
        layer=layer,
        seed=seed,
        on=device,
        **settings,
    ).run()


_ASKED = {
    "pictures": whole(2, _MOST),
    "strength": number(least=0, most=MOST_WEIGHT),
    "layer": layer_name,
    "seed": a_seed,
}


@taking(**_ASKED)
def plan_interpolate(
    model: ModelLike,
    units: Sequence[str | Objective],
    *,
    pictures: int | None = None,
    strength: float | None = None,
    layer: Layer | str | None = None,
    seed: int = 0,
    on: DeviceLike = "auto",
    read_guide: Callable[[str], Picture] = read,
    **settings: Any,
) -> SheetPlan:
    """Check a row from one unit to another and lay it out; arguments as for `interpolate`."""
    model = model_of(model)
    how = climb_settings("interpolate", settings, {"method": "gentle", "canvas": "shared"})
    if not isinstance(units, list | tuple) or len(units) != 2:
        raise BadSetting("a row goes from one unit to another; name two")
    wanted = [one_unit(each) for each in units]
    count = _BETWEEN if pictures is None else pictures
    weight = _ALIGNED if strength is None else strength
    aligned = layer or _ALIGNED_AT.get(model.source) or middle_layer(model)
    _check_size([*wanted, mean(aligned)], model, how.size, on)
    first, second = (_alike(each, model, how.size, on, read_guide) for each in wanted)
    energy = scale_of(mean(aligned), model, natural_noise(how.size), on=on, read_guide=read_guide)
    shares = [place / (count - 1) for place in range(count)]
    row = per_image([_between(first, second, share) for share in shares])
    return plan_sheet(
        "interpolate",
        model,
        row + weight / energy**2 * alignment(aligned),
        count,
        how,
        layout=Layout([f"{share:.0%}" for share in shares], columns=count),
        opening=row,
        extras={
            "units": [repr(each) for each in wanted],
            "pictures": count,
            "strength": weight,
            "layer": str(aligned),
        },
        seed=seed,
        on=on,
        read_guide=read_guide,
    )


def _check_size(units: Sequence[Objective], model: Model, side: int, on: DeviceLike) -> None:
    """Find out before anything is made of a size whether memory has room for it."""
    layers = frozenset[Layer]().union(*(each.layers() for each in units))
    check_picture(model, layers, (side, side), devices(on)[0])


def _alike(
    unit: Objective, model: Model, side: int, on: DeviceLike, read_guide: Callable[[str], Picture]
) -> Objective:
    """A unit in multiples of what its layers have for noise, so that all units weigh alike."""
    return unit / scale_of(unit, model, natural_noise(side), on=on, read_guide=read_guide)


def _between(first: Objective, second: Objective, share: float) -> Objective:
    """The ends are the units themselves, so that neither needs the other's guides."""
    if share in (0, 1):
        return second if share else first
    return (1 - share) * first + share * second


def diversity_of(
    model: ModelLike,
    unit: str | Objective,
    *,
    pictures: int | None = None,
    strength: float | None = None,
    layer: Layer | str | None = None,
    seed: int = 0,
    device: DeviceLike = "auto",
    **settings: Any,
) -> Result:
    """Several pictures that a unit wants, as different from each other as they may be.

    One picture shows one of the things that a unit responds to; these show more of them. The
    objective that keeps them different has the shorter name `diversity`.

    Args:
        model: from `load` or `Model.wrap`; or what `load` takes, or a module of torch.
        unit: `layer:channel`, an objective, or an expression of one.
        pictures: how many; 6 by default.
        strength: how much their difference counts; 0 leaves it to chance.
        layer: whose textures are to differ; by default the unit's own, if it has places.
        seed: of all chance.
        device: `auto`, `cpu`, `cuda`, ...
        settings: those of `ClimbSettings`.

    Returns:
        The sheet, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Olah et al., "Feature Visualization", Distill, 2017.

    >>> import entoptic as ent
    >>> ent.diversity_of(ent.load(), "fire7:3", size=48, steps=1).image.shape
    torch.Size([1, 3, 100, 152])
    """
    return plan_diversity(
        model,
        unit,
        pictures=pictures,
        strength=strength,
        layer=layer,
        seed=seed,
        on=device,
        **settings,
    ).run()


@taking(**_ASKED)
def plan_diversity(
    model: ModelLike,
    unit: str | Objective,
    *,
    pictures: int | None = None,
    strength: float | None = None,
    layer: Layer | str | None = None,
    seed: int = 0,
    on: DeviceLike = "auto",
    read_guide: Callable[[str], Picture] = read,
    **settings: Any,
) -> SheetPlan:
    """Check different pictures of a unit and lay them out; arguments as for `diversity_of`."""
    model = model_of(model)
    how = climb_settings("diversity", settings, {"method": "gentle"})
    wanted = one_unit(unit)
    count = _DIFFERENT if pictures is None else pictures
    weight = _DIVERSE if strength is None else strength
    _check_size([wanted], model, how.size, on)
    varied = layer or _own_layer(wanted, model, how.size)
    alike = _alike(wanted, model, how.size, on, read_guide)
    return plan_sheet(
        "diversity",
        model,
        alike + weight * diversity(varied),
        count,
        how,
        layout=Layout(columns=-(-count // 2) if count < 9 else None),
        opening=alike,
        extras={
            "unit": repr(wanted),
            "pictures": count,
            "strength": weight,
            "layer": str(varied),
        },
        seed=seed,
        on=on,
        read_guide=read_guide,
    )


def _own_layer(unit: Objective, model: Model, side: int) -> str:
    """The unit's layer if it has places, where textures are; else that of the network's dream."""
    for layer in in_order(model, unit.layers()):
        places = model.info(model.resolve(layer), (side, side)).places
        if places is not None and min(places) > 1:
            return str(layer)
    return middle_layer(model)

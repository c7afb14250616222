"""Neuron groups: the few things that a network tells apart in a photo, and where they are."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from entoptic.analysis.nmf import Factors, factorize
from entoptic.checks import seed as a_seed, taking, whole
from entoptic.errors import BadSetting
from entoptic.images import PictureLike
from entoptic.images.contact_sheet import sheet_size
from entoptic.images.resize import fit_long_side
from entoptic.jobs.inputs import check_pixels, photo_of, resized, scaled
from entoptic.jobs.job import Result
from entoptic.jobs.methods import climb_settings
from entoptic.jobs.seen import activations_at, layer_with_places, seen_size, whitened
from entoptic.jobs.sheets import Layout, SheetPlan, plan_sheet
from entoptic.layers import Layer, layer_name
from entoptic.networks import DeviceLike, ModelLike, devices, model_of
from entoptic.objectives import direction, per_image
from entoptic.types import Image

# By eye: where groups are parts of things, and nothing is below 0.
_LAYERS = {"squeezenet1_1": "fire8", "efficientnet_lite0": "blocks.4.1.act2"}

# After more steps the pictures only gain contrast.
_CLIMB = {"method": "gentle", "steps": 96}

# The photo is looked at larger than the network's own pictures are: finer maps of the groups.
_LARGER = 1.5

# The whole direction counts, not only its strongest channels.
_COSINE_POWER = 1.0

# A smaller share is none, but what rounding has left.
_ROUNDING = 1e-6

# Weights of red, green and blue in brightness, Rec. 709.
_BRIGHTNESS = (0.2126, 0.7152, 0.0722)


@taking(layer=layer_name, groups=whole(1, 100))
@dataclass(frozen=True)
class GroupSettings:
    """Which groups are looked for.

    Args:
        layer: whose activations; None for the network's own choice.
        groups: how many.

    Raises:
        BadSetting: a value out of its range.
    """

    layer: Layer | str | None = None
    groups: int = 6


def groups(
    model: ModelLike,
    photo: PictureLike,
    *,
    layer: Layer | str | None = None,
    groups: int = 6,
    seed: int = 0,
    device: DeviceLike = "auto",
    **settings: Any,
) -> Result:
    """The few things that a network tells apart in a photo: where they are, and their pictures.

    Channels that are active together are put into groups, so that what a layer holds at each place
    of the photo is nearly a sum of groups. What a layer holds below 0 is left out. For the pictures
    the groups are whitened, as in a grid: what all have in common counts less.

    Args:
        model: from `load` or `Model.wrap`; or what `load` takes, or a module of torch.
        photo: a picture in any form, as `dream` takes it.
        layer: whose activations; by default the one that says most of this network.
        groups: how many.
        seed: of all chance.
        device: `auto`, `cpu`, `cuda`, ...; several with commas between share the pictures.
        settings: those of `ClimbSettings`; `size` is the long side of each picture.

    Returns:
        A sheet, with the job that makes it again: above, all groups in their colours over the
        photo, then each alone with its share; below, the photo and each group's picture.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill, 2018.

    >>> import entoptic as ent
    >>> photo = torch.rand(1, 3, 60, 80, generator=torch.Generator().manual_seed(0))
    >>> ent.groups(ent.load(), photo, groups=2, layer="fire3", size=80, steps=1).image.shape
    torch.Size([1, 3, 164, 248])
    """
    own = GroupSettings(layer, groups)
    return plan_groups(model, photo, own, seed=seed, on=device, **settings).run()


@taking(seed=a_seed)
def plan_groups(
    model: ModelLike,
    photo: PictureLike,
    shown: GroupSettings | None = None,
    *,
    seed: int = 0,
    on: DeviceLike = "auto",
    **settings: Any,
) -> SheetPlan:
    """Check groups and lay them out; arguments as for `groups`."""
    model = model_of(model)
    shown = shown or GroupSettings()
    how = climb_settings("groups", settings, _CLIMB)
    layer = layer_with_places(model, shown.layer, _LAYERS)
    whole_photo = photo_of(photo, None)
    columns = 1 + shown.groups
    size = fit_long_side(whole_photo.height, whole_photo.width, how.size)
    # The maps are made before the sheet is planned.
    check_pixels(*sheet_size(2 * columns, columns, *size, labelled=True))
    seen = scaled(whole_photo, seen_size(model, _LARGER))
    held = activations_at(model, seen, layer, devices(on)[0])
    table = held.clamp(min=0).flatten(1).T
    factors = _groups_of(table, shown.groups)
    # As they are, groups share the channels that are large everywhere: of a cat all show eyes.
    units = whitened(factors.parts.float(), table)
    tile = scaled(whole_photo, how.size)
    maps = factors.weights.T.reshape(-1, 1, *held.shape[1:]).float()
    names = [f"group {number}" for number in range(1, shown.groups + 1)]
    shares = [f"{name}: {share:.0%}" for name, share in zip(names, factors.shares, strict=True)]
    plan = plan_sheet(
        "groups",
        model,
        per_image([direction(layer, unit, _COSINE_POWER) for unit in units]),
        shown.groups,
        how,
        layout=Layout(
            labels=[f"all of {layer}", *shares, "the photo", *names],
            columns=columns,
            before=torch.cat([_colored(tile.image, maps), tile.image]),
        ),
        size=size,
        photo=tile,
        called=f"groups({str(layer)!r}, {shown.groups})",
        extras={"layer": str(layer), "groups": shown.groups},
        seed=seed,
        on=on,
    )
    if (held >= 0).all():
        return plan
    note = f"{str(layer)!r} also holds numbers below 0, which groups leave out"
    return replace(plan, notes=(*plan.notes, note))


def _groups_of(table: Tensor, count: int) -> Factors:
    """Groups of channels, and how much of each is at each place.

    Args:
        table: (places, channels), nothing below 0.
        count: how many groups.

    Raises:
        BadSetting: the layer holds less than that.
    """
    if count > min(table.shape):
        places, channels = table.shape
        raise BadSetting(
            f"{count} groups are more than {channels} channels at {places} places can be told "
            f"into; ask for {min(table.shape)} at most"
        )
    factors = factorize(table, count)
    rank, shown = torch.linalg.matrix_rank(table), (factors.shares > _ROUNDING).sum()
    there = min(int(rank), int(shown))
    if there < count:
        raise BadSetting(
            f"the layer holds no more than {there} groups in this photo; ask for no more"
        )
    return factors


def _colored(photo: Image, maps: Tensor) -> Tensor:
    """A photo in grey under the colours of all groups, then of each, (1 + groups, 3, ...).

    Args:
        photo: (1, 3, height, width).
        maps: how much of each group is at each place, (groups, 1, rows, columns).
    """
    height, width = photo.shape[-2:]
    amounts = resized(maps / maps.amax((2, 3), keepdim=True), height, width)
    count = len(maps)
    hues = [colorsys.hls_to_rgb(each / count, 0.6, 0.85) for each in range(count)]
    colors = torch.tensor(hues)[:, :, None, None]
    gray = (photo * torch.tensor(_BRIGHTNESS).reshape(1, 3, 1, 1)).sum(1, keepdim=True)
    alone = _tinted(gray, colors, amounts)
    together = amounts.sum(0, keepdim=True)
    mixed = (amounts * colors).sum(0, keepdim=True) / together.clamp(min=1e-6)
    return torch.cat([_tinted(gray, mixed, amounts.amax(0, keepdim=True)), alone])


def _tinted(gray: Tensor, colors: Tensor, amounts: Tensor) -> Tensor:
    """Grey, darkened, with colour where there is some; both keep the photo's light and shade."""
    dark, lit = 0.4 * gray, colors * (0.3 + 0.7 * gray)
    return dark + amounts * (lit - dark)

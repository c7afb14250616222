"""Sheets of feature maps and of kernels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from entoptic.analysis.activations import activations_at, seen_size
from entoptic.analysis.maps import (
    enlarged,
    full_scale,
    kernel_pictures,
    kernels,
    map_pictures,
    over_photo,
    tile_size,
)
from entoptic.errors import ChannelOutOfRange
from entoptic.images.contact_sheet import headed, headed_size, sheet, sheet_size
from entoptic.jobs.inputs import photo_of, scaled, size_for
from entoptic.jobs.still import StillPlan, plan_still
from entoptic.layers import Layer
from entoptic.networks import Model, devices
from entoptic.types import Image

if TYPE_CHECKING:
    from entoptic.recipes.filters import Filters
    from entoptic.recipes.maps import Maps


def plan_maps(how: Maps, model: Model, layer: Layer) -> StillPlan:
    """Lay out the feature maps of a layer; the recipe names it, and has a size.

    Raises:
        BadSetting: the layer has no positions, or is zero everywhere.
        ChannelOutOfRange: it has no such channel.
    """
    assert how.size is not None
    photo = photo_of(how.photo, None)
    where = devices(how.device)[0]
    seen = scaled(photo, seen_size(model))
    held = activations_at(model, seen, layer, where)
    channels, rows, columns = held.shape
    span = f"{_number(min(0.0, float(held.min())))} to {_number(float(held.max()))}"
    if how.unit is not None:
        if how.unit >= channels:
            raise ChannelOutOfRange(
                f"channel {how.unit} of {str(layer)!r} does not exist; the layer has {channels} "
                f"channels (0..{channels - 1})"
            )
        values, size = held[how.unit], size_for(photo, how.size)
        top = (
            f"{layer}:{how.unit}, {_number(float(values.min()))} to {_number(float(values.max()))}"
        )

        def large() -> Image:
            tile = scaled(photo, how.size)
            pair = torch.cat([tile.image, over_photo(tile.image, values)])
            return sheet(pair, 2, labels=["photo", top])

        return plan_still(how, model, large, sheet_size(2, 2, *size, labelled=True), where, photo)
    size = tile_size((rows, columns), how.size)
    across = _columns(channels + 1, size)
    each = how.scale == "each"
    full = full_scale(held, each=each)
    if each:
        told, labels = "each on its own scale, which is told", _with_scales(full)
    else:
        told = f"on one scale, full at {_number(float(full))} of {span}"
        labels = list(map(str, range(channels)))
    title = f"{channels} feature maps of {layer}, {told}"

    def draw() -> Image:
        maps = enlarged(map_pictures(held, full), *size)
        first = scaled(photo, size).image
        return headed(title, sheet(torch.cat([first, maps]), across, labels=["photo", *labels]))

    shape = headed_size(sheet_size(channels + 1, across, *size, labelled=True))
    return plan_still(how, model, draw, shape, where, photo)


def plan_filters(how: Filters, model: Model, layer: Layer) -> StillPlan:
    """Lay out the kernels of a convolution; the recipe names it.

    Raises:
        BadSetting: it has none that are pictures.
    """
    values = kernels(model, layer)
    count, channels, rows, columns = values.shape
    size = tile_size((rows, columns), how.size)
    across = _columns(count, size)
    kind = "in gray" if channels == 1 else "in color"
    title = f"{count} kernels of {layer}, {rows}x{columns}, {kind}"

    def draw() -> Image:
        pictures = enlarged(kernel_pictures(values), *size)
        return headed(title, sheet(pictures, across, labels=list(map(str, range(count)))))

    shape = headed_size(sheet_size(count, across, *size, labelled=True))
    return plan_still(how, model, draw, shape, devices(how.device)[0])


def _columns(count: int, size: tuple[int, int]) -> int:
    """Return how many columns make a sheet about as wide as high."""
    return max(1, min(count, math.ceil(math.sqrt(count * size[0] / size[1]))))


def _with_scales(full: Tensor) -> list[str]:
    """Return the label of each map: its number, and the value that is shown white."""
    tiny = torch.finfo(full.dtype).tiny
    return [
        f"{number}: {'0' if value <= tiny else _number(value)}"
        for number, value in enumerate(full.tolist())
    ]


def _number(value: float) -> str:
    return f"{value:.3g}"

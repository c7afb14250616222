"""Feature maps and kernels as pictures."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from entoptic.errors import BadSetting
from entoptic.images.resize import resize
from entoptic.layers import Layer
from entoptic.networks import Model
from entoptic.types import Image

# From the most negative value over 0, which is black, to the largest: blue and orange of like
# lightness, which readers with any kind of colour vision tell apart.
_DIVERGING = (
    (0.72, 0.88, 1.00),
    (0.30, 0.62, 0.93),
    (0.09, 0.29, 0.55),
    (0.00, 0.00, 0.00),
    (0.58, 0.22, 0.05),
    (0.96, 0.55, 0.20),
    (1.00, 0.90, 0.74),
)
# Over a photo nothing is dark: from black by red and orange to a light yellow.
_HEAT = ((0.00, 0.00, 0.00), (0.55, 0.06, 0.20), (0.95, 0.38, 0.12), (1.00, 0.93, 0.55))

# Weights of red, green and blue in brightness, Rec. 709.
_BRIGHTNESS = (0.2126, 0.7152, 0.0722)

# On one scale for all, so large a share of the values is shown unclipped: a few extreme positions
# would leave the rest in the dark.
_SHOWN = 0.997

# Of a photo under a map, so that the map's colours stand out.
_DIMMED = 0.45


def map_pictures(maps: Tensor, full: Tensor) -> Image:
    """Return feature maps as pictures: gray, or blue below 0 and orange above.

    Args:
        maps: (channels, rows, columns).
        full: the value that is shown white, of all or (channels,) of each; above 0.

    Returns:
        (channels, 3, rows, columns), sRGB in [0, 1]; 0 is black in both.
    """
    values = (maps / full.reshape(-1, 1, 1)).clamp(-1, 1)
    if (maps >= 0).all():
        return values[:, None].expand(-1, 3, -1, -1)
    return colored(values / 2 + 0.5, _DIVERGING)


def full_scale(maps: Tensor, *, each: bool) -> Tensor:
    """Return the value that is shown white: of each map its largest, or one for all.

    Args:
        maps: (channels, rows, columns).
        each: whether every map has a scale of its own.

    Returns:
        (channels,) or (1,); above 0 also where a map is zero everywhere.
    """
    sizes = maps.abs()
    tiny = torch.finfo(maps.dtype).tiny
    if each:
        return sizes.amax((1, 2)).clamp(min=tiny)
    flat = sizes.flatten()
    shown = flat.kthvalue(math.ceil(_SHOWN * len(flat))).values
    return (shown if shown > 0 else flat.max()).clamp(min=tiny).reshape(1)


def over_photo(photo: Image, values: Tensor) -> Image:
    """Return a photo in gray with a feature map over it, in colors where there is some.

    Args:
        photo: (1, 3, height, width).
        values: the map, (rows, columns).
    """
    height, width = photo.shape[-2:]
    scaled = values / values.abs().max().clamp(min=torch.finfo(values.dtype).tiny)
    smooth = resize(scaled[None, None], height, width)[0].clamp(-1, 1)
    gray = (photo * torch.tensor(_BRIGHTNESS).reshape(1, 3, 1, 1)).sum(1, keepdim=True)
    if (values >= 0).all():
        color = colored(smooth.clamp(min=0), _HEAT)
    else:
        color = colored(smooth / 2 + 0.5, _DIVERGING)
    amount = smooth.abs()[:, None] ** 0.5
    return (gray * _DIMMED * (1 - 0.75 * amount) + color * amount).clamp(0, 1)


def colored(shares: Tensor, colors: tuple[tuple[float, float, float], ...]) -> Image:
    """Return numbers from 0 to 1 in colors, between which it goes evenly.

    Args:
        shares: (images, rows, columns).
        colors: those of evenly spaced numbers.

    Returns:
        (images, 3, rows, columns).

    >>> colored(torch.tensor([[[0.0, 0.25, 1.0]]]), ((0, 0, 0), (1, 0, 0), (1, 1, 1)))[0, :, 0].T
    tensor([[0.0000, 0.0000, 0.0000],
            [0.5000, 0.0000, 0.0000],
            [1.0000, 1.0000, 1.0000]])
    """
    table = torch.tensor(colors, dtype=torch.float32)
    place = shares.float().clamp(0, 1) * (len(table) - 1)
    low = place.floor().long().clamp(max=len(table) - 2)
    part = (place - low)[..., None]
    return torch.lerp(table[low], table[low + 1], part).permute(0, 3, 1, 2)


def tile_size(size: tuple[int, int], wanted: int) -> tuple[int, int]:
    """Return the size at which a small map is shown: each position a square of whole pixels.

    Args:
        size: rows and columns.
        wanted: the long side, in pixels, about.

    >>> tile_size((13, 9), 96), tile_size((3, 3), 64), tile_size((200, 100), 96)
    ((91, 63), (63, 63), (96, 48))
    """
    long = max(size)
    if long > wanted:
        height, width = (max(1, round(side * wanted / long)) for side in size)
        return height, width
    times = max(1, round(wanted / long))
    return size[0] * times, size[1] * times


def enlarged(pictures: Image, height: int, width: int) -> Tensor:
    """Return small pictures at a larger size, their pixels as squares; or larger ones smaller."""
    if height < pictures.shape[-2] or width < pictures.shape[-1]:
        return resize(pictures, height, width).clamp(0, 1)
    return functional.interpolate(pictures, (height, width), mode="nearest")


def first_layer(model: Model) -> str:
    """Return the first convolution that is fed the picture itself.

    Raises:
        BadSetting: there is none.
    """
    modules = model.modules_by_address()
    for layer in model.layers():
        weight = getattr(modules.get(layer.name), "weight", None)
        if _is_kernel(weight, model):
            return str(layer)
    raise BadSetting(
        f"{model.source} has no convolution of the picture's own channels that is a layer; "
        "name another layer with --layer"
    )


def _is_kernel(weight: object, model: Model) -> bool:
    if not isinstance(weight, Tensor) or weight.ndim != 4:
        return False
    return weight.shape[1] == model.preprocess.channels


def kernels(model: Model, layer: Layer) -> Tensor:
    """Return a first convolution's kernels, (kernels, channels, rows, columns).

    The channels are red, green, blue, whatever order the network wants them in.

    Raises:
        BadSetting: the layer has none, or isn't fed the picture.
    """
    if model.members:
        raise BadSetting(f"{model.source} is several networks; name one of them")
    weight = getattr(model.modules_by_address().get(layer.name), "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim != 4:
        raise BadSetting(
            f"{str(layer)!r} is no convolution; the first one of {model.source} is "
            f"{first_layer(model)!r}"
        )
    if weight.shape[1] not in (1, 3):
        raise BadSetting(
            f"the kernels of {str(layer)!r} have {weight.shape[1]} channels, which aren't colors; "
            f"those of {first_layer(model)!r} are pictures"
        )
    values = weight.detach().float().cpu()
    return values.flip(1) if weight.shape[1] == 3 and model.preprocess.order == "BGR" else values


def kernel_pictures(values: Tensor) -> Image:
    """Return kernels as pictures, each with a scale of its own: 0 is middle gray.

    Args:
        values: (kernels, 1 or 3, rows, columns).

    >>> kernel_pictures(torch.tensor([-2.0, 0, 1]).reshape(1, 3, 1, 1)).flatten()
    tensor([0.0000, 0.5000, 0.7500])
    """
    largest = values.abs().amax((1, 2, 3), keepdim=True)
    scaled = values / largest.clamp(min=torch.finfo(values.dtype).tiny)
    return (scaled / 2 + 0.5).expand(-1, 3, -1, -1)

"""Groups of channels that are active together, and their maps over a photo."""

from __future__ import annotations

import colorsys

import torch
from torch import Tensor

from entoptic.analysis.nmf import Factors, factorize
from entoptic.errors import BadSetting
from entoptic.images.resize import resize
from entoptic.types import Image

# A smaller share is none, but what rounding has left.
_ROUNDING = 1e-6

# Weights of red, green and blue in brightness, Rec. 709.
_BRIGHTNESS = (0.2126, 0.7152, 0.0722)


def groups_of(table: Tensor, count: int) -> Factors:
    """Return groups of channels, and how much of each is at each position.

    Args:
        table: (positions, channels), nothing below 0.
        count: how many groups.

    Raises:
        BadSetting: the layer holds less than that.
    """
    if count > min(table.shape):
        positions, channels = table.shape
        raise BadSetting(
            f"{count} groups are too many for {channels} channels at {positions} positions; ask "
            f"for {min(table.shape)} at most"
        )
    factors = factorize(table, count)
    rank, shown = torch.linalg.matrix_rank(table), (factors.shares > _ROUNDING).sum()
    there = min(int(rank), int(shown))
    if there < count:
        raise BadSetting(
            f"the layer holds no more than {there} groups in this photo; ask for no more"
        )
    return factors


def colored(photo: Image, maps: Tensor) -> Tensor:
    """Return a photo in grey under the colours of all groups, then of each, (1 + groups, 3, ...).

    Args:
        photo: (1, 3, height, width).
        maps: how much of each group is at each position, (groups, 1, rows, columns).
    """
    height, width = photo.shape[-2:]
    amounts = resize(maps / maps.amax((2, 3), keepdim=True), height, width).clamp(0, 1)
    count = len(maps)
    hues = [colorsys.hls_to_rgb(each / count, 0.6, 0.85) for each in range(count)]
    colors = torch.tensor(hues)[:, :, None, None]
    gray = (photo * torch.tensor(_BRIGHTNESS).reshape(1, 3, 1, 1)).sum(1, keepdim=True)
    alone = _tinted(gray, colors, amounts)
    together = amounts.sum(0, keepdim=True)
    mixed = (amounts * colors).sum(0, keepdim=True) / together.clamp(min=1e-6)
    return torch.cat([_tinted(gray, mixed, amounts.amax(0, keepdim=True)), alone])


def _tinted(gray: Tensor, colors: Tensor, amounts: Tensor) -> Tensor:
    """Return darkened grey with color where there is some; both keep the photo's shading."""
    dark, lit = 0.4 * gray, colors * (0.3 + 0.7 * gray)
    return dark + amounts * (lit - dark)

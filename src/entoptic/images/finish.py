"""Finishes after the steps: the photo's colors, its histogram, a share of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from entoptic.images.color import luma
from entoptic.images.stored import Stored, bands, combine, combined

# Of a histogram: 16 to a level of 8 bits.
_BINS = 4096


@dataclass(frozen=True)
class Finish:
    """Changes of a finished picture by the photo that it began as, in this order.

    Args:
        match_histogram: give each color channel the photo's histogram.
        keep_colors: keep the photo's color differences, and take the brightness of the picture as
            far as these have room in [0, 1].
        mix: share of the photo that is mixed in, from 0 to 1.
    """

    match_histogram: bool = False
    keep_colors: bool = False
    mix: float = 0.0

    def applied(self, photo: Stored, found: Stored) -> Stored:
        """Return the finished picture; without changes, `found` itself.

        Args:
            photo: (batch, channels, height, width), sRGB in [0, 1].
            found: of the same shape.
        """
        if self.match_histogram:
            found = matched(photo, found)
        if self.keep_colors:
            found = combined(in_colors_of, photo, found)
        if self.mix:
            found = combined(lambda ours, theirs: torch.lerp(ours, theirs, self.mix), found, photo)
        return found


def in_colors_of(photo: Tensor, found: Tensor) -> Tensor:
    """Return the photo, made lighter or darker until it is as bright as another image.

    The same number is added to all channels of a pixel, so that their differences stay; where they
    leave no room for it, the pixel ends with its largest channel at 1 or its least at 0.

    >>> photo = torch.tensor([0.2, 0.3, 0.4]).reshape(1, 3, 1, 1)
    >>> in_colors_of(photo, torch.ones(1, 3, 1, 1)).flatten()
    tensor([0.8000, 0.9000, 1.0000])
    """
    wanted = luma(found) - luma(photo)
    low, high = photo.aminmax(dim=1, keepdim=True)
    return (photo + torch.minimum(torch.maximum(wanted, -low), 1 - high)).clamp_(0, 1)


def matched(photo: Stored, found: Stored) -> Stored:
    """Return an image whose every channel has a photo's histogram, to a 4096th of the range."""
    ours, theirs = _shares(found), _shares(photo)
    edges = torch.linspace(0, 1, _BINS + 1, dtype=ours.dtype, device=ours.device)
    # Of equal shares the first: empty bins at the ends aren't reached.
    targets = _interpolated(ours.flatten(0, 1), theirs.flatten(0, 1), edges).view(ours.shape)
    result = found.copied()
    combine(result, lambda part: _looked_up(part, targets), found)
    return result


def _shares(image: Stored) -> Tensor:
    """Return the share of pixels below each edge of the bins, (batch, channels, bins + 1)."""
    batch, channels = image.tensor.shape[:2]
    counts = torch.zeros((batch, channels, _BINS), dtype=torch.float64, device=image.tensor.device)
    for band in bands(image):
        bins = (image.tensor[..., band, :].flatten(2) * _BINS).long().clamp_(0, _BINS - 1)
        counts.scatter_add_(2, bins, torch.ones_like(bins, dtype=counts.dtype))
    shares = counts.cumsum(2) / counts.sum(2, keepdim=True)
    return torch.cat([torch.zeros_like(shares[..., :1]), shares], 2)


def _interpolated(at: Tensor, shares: Tensor, edges: Tensor) -> Tensor:
    """Return the edges at which shares reach given ones, row by row, linear between two."""
    above = torch.searchsorted(shares.contiguous(), at.contiguous()).clamp_(1, _BINS)
    low, high = shares.gather(1, above - 1), shares.gather(1, above)
    part = torch.where(high > low, (at - low) / (high - low), torch.ones_like(at))
    return edges[above - 1] + part.clamp(0, 1) * (edges[above] - edges[above - 1])


def _looked_up(part: Tensor, targets: Tensor) -> Tensor:
    """Return the targets of an image's values, linear between two bins."""
    at = part.flatten(2).double() * _BINS
    below = at.long().clamp_(0, _BINS - 1)
    low, high = targets.gather(2, below), targets.gather(2, below + 1)
    return torch.lerp(low, high, at - below).to(part.dtype).view(part.shape)

"""The first convolution of a network with its ReLU and its pool, band by band.

Between the convolution and the pool lie the largest maps of the whole network, which nobody needs
at once. Bands of a picture are the images of a batch, among which a pool's way back is spread over
the CPU's threads; within one image it is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from entoptic.models.preparing.convolution import FrozenConv, Geometry, backward_of
from entoptic.models.preparing.pooling import LeanMaxPool, narrowed

# Numbers between convolution and pool that are there at once.
_AT_ONCE = 1 << 21
# Bands that are computed at once. Not as many as there are threads, or the sums where bands meet,
# and with them the last bits of pictures, would depend on it.
_TOGETHER = 4


class Stem(nn.Module):
    """A convolution whose rectified maps go to a pool and nowhere else.

    Args:
        conv: guarded by the pool.
        pool: which sees to the gradient of the convolution's rectifier.
    """

    def __init__(self, conv: FrozenConv, pool: LeanMaxPool) -> None:
        super().__init__()
        assert conv.weight is not None
        self.conv, self.pool = conv, pool
        across = replace(conv.geometry, padding=(0, conv.geometry.padding[1]))
        self.back = backward_of(across, conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        bands = self.bands(x)
        if bands is None:
            return self.pool(self.conv(x))  # type: ignore[no-any-return]
        # One by one, so that an image of a batch gives what it gives alone.
        found = [_Stem.apply(each, self, bands) for each in torch.split(x, 1)]
        return found[0] if len(found) == 1 else torch.cat(found)

    def bands(self, x: Tensor) -> Bands | None:
        """How pictures fall into bands; None where they are better left whole."""
        geometry, (kernel, stride, padding, dilation, ceil) = self.conv.geometry, self.pool.window
        conv = Windows.along(geometry, 0)
        pool = Windows(kernel[0], stride[0], padding[0], dilation[0], ceil)
        between = conv.count(x.shape[2])
        columns = Windows.along(geometry, 1).count(x.shape[3])
        numbers = len(self.conv.forth.weight) * between * columns
        if x.device.type != "cpu" or numbers <= _AT_ONCE:
            return None
        rows = pool.count(between)
        each = -(-rows // (_TOGETHER * -(-numbers // _AT_ONCE)))
        return Bands(conv, pool, x.shape[2], between, rows, each)


@dataclass(frozen=True)
class Windows:
    """Windows over one axis."""

    size: int
    stride: int
    padding: int
    dilation: int
    ceil: bool = False

    @classmethod
    def along(cls, geometry: Geometry, axis: int) -> Windows:
        return cls(
            geometry.kernel[axis],
            geometry.stride[axis],
            geometry.padding[axis],
            geometry.dilation[axis],
        )

    def count(self, length: int) -> int:
        """How many there are over so many numbers, as PyTorch counts."""
        spare = length + 2 * self.padding - self.dilation * (self.size - 1) - 1
        count = (spare + (self.stride - 1 if self.ceil else 0)) // self.stride + 1
        # The last one must begin inside.
        return (
            count - 1 if self.ceil and (count - 1) * self.stride >= length + self.padding else count
        )

    def span(self, count: int) -> int:
        """How many numbers windows in a row see."""
        return (count - 1) * self.stride + self.dilation * (self.size - 1) + 1


@dataclass(frozen=True)
class Bands:
    """How the rows of a picture fall into bands.

    Args:
        conv, pool: their windows, downwards.
        height: of the picture.
        between: rows that the convolution gives.
        rows: that the pool gives.
        each: of these, in a band; the last band may reach beyond.
    """

    conv: Windows
    pool: Windows
    height: int
    between: int
    rows: int
    each: int

    @property
    def count(self) -> int:
        """Whole groups, so that all have the same size."""
        needed = -(-self.rows // self.each)
        return -(-needed // _TOGETHER) * _TOGETHER

    @property
    def rows_between(self) -> int:
        return self.pool.span(self.each)

    @property
    def rows_seen(self) -> int:
        return self.conv.span(self.rows_between)

    def groups(self) -> Iterator[range]:
        for first in range(0, self.count, _TOGETHER):
            yield range(first, first + _TOGETHER)

    def seen(self, band: int) -> tuple[slice, slice]:
        """The rows of the picture that a band sees, in the picture and in the band."""
        first = self._first_between(band) * self.conv.stride - self.conv.padding
        return _overlap(first, self.rows_seen, self.height)

    def there(self, band: int) -> slice:
        """Of a band's rows between, those that there are; the others only pad."""
        return _overlap(self._first_between(band), self.rows_between, self.between)[1]

    def _first_between(self, band: int) -> int:
        return band * self.each * self.pool.stride - self.pool.padding


def _overlap(first: int, count: int, length: int) -> tuple[slice, slice]:
    start, stop = min(max(first, 0), length), max(min(first + count, length), 0)
    stop = max(start, stop)
    return slice(start, stop), slice(start - first, stop - first)


class _Stem(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, stem: Stem, bands: Bands) -> Tensor:
        kernel, stride, padding, dilation, ceil = stem.pool.window
        found, places = [], []
        for group in bands.groups():
            maps = _maps(x, stem.conv, bands, group)
            y, where = torch.ops.aten.max_pool2d_with_indices(
                maps, kernel, stride, [0, padding[1]], dilation, ceil
            )
            found.append(y.permute(0, 2, 3, 1).flatten(0, 1))
            places.append(narrowed(where, maps))
        rows = found[0] if len(found) == 1 else torch.cat(found)
        result = rows[: bands.rows][None].permute(0, 3, 1, 2)
        ctx.stem, ctx.bands, ctx.size, ctx.dtype = stem, bands, x.shape, x.dtype
        ctx.columns = maps.shape[3]
        ctx.save_for_backward(result, *places)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        stem, bands = ctx.stem, ctx.bands
        kernel, stride, padding, dilation, ceil = stem.pool.window
        result, *places = ctx.saved_tensors
        assert stem.pool.rectifier is not None
        gradient = stem.pool.rectifier.back(gradient, result)
        rows = gradient[0].permute(1, 2, 0).contiguous()
        rows = F.pad(rows, (0, 0, 0, 0, 0, bands.count * bands.each - bands.rows))
        parts = rows.view(bands.count, bands.each, *rows.shape[1:]).permute(0, 3, 1, 2)
        back = torch.zeros(ctx.size, dtype=ctx.dtype)
        size = _TOGETHER, gradient.shape[1], bands.rows_between, ctx.columns
        maps = torch.empty(size, dtype=gradient.dtype, memory_format=torch.channels_last)
        for group, where in zip(bands.groups(), places, strict=True):
            torch.ops.aten.max_pool2d_with_indices_backward.grad_input(
                *(parts[group.start : group.stop], maps, kernel, stride, [0, padding[1]]),
                *(dilation, ceil, where.to(torch.int64)),
                grad_input=maps,
            )
            found = stem.back(maps, (bands.rows_seen, ctx.size[3]))
            for band, part in zip(group, found, strict=True):
                picture, seen = bands.seen(band)
                back[0, :, picture] += part[:, seen]
        return back, None, None


def _maps(x: Tensor, conv: FrozenConv, bands: Bands, group: range) -> Tensor:
    """What the convolution gives for some bands; where it gives none, zeros, which no maximum of
    rectified numbers is below.
    """
    size = len(group), x.shape[1], bands.rows_seen, x.shape[3]
    shown = torch.empty(size, dtype=x.dtype, memory_format=torch.channels_last)
    for image, band in zip(shown, group, strict=True):
        picture, seen = bands.seen(band)
        image[:, : seen.start] = 0
        image[:, seen] = x[0, :, picture]
        image[:, seen.stop :] = 0
    maps = conv.forth(conv.shown(shown), conv.rectifier, padding=(0, conv.geometry.padding[1])).to(
        conv.dtype
    )
    for image, band in zip(maps, group, strict=True):
        there = bands.there(band)
        image[:, : there.start] = 0
        image[:, there.stop :] = 0
    return maps

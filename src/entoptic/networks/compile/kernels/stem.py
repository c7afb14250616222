"""The first convolutions of a network with their ReLUs and the pool after them, piece by piece.

Between them lie the largest maps of the whole network, which nobody needs at once: they are
computed of a few images at a time, or of large ones of a few bands of rows. These are the images of
a batch, over which a pool's backward pass is spread on a CPU; within one image it is not.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from entoptic.networks.compile.kernels.bands import Bands, Group, Windows
from entoptic.networks.compile.kernels.convolution import FrozenConv
from entoptic.networks.compile.kernels.input_gradient import input_gradient
from entoptic.networks.compile.kernels.max_pool import LeanMaxPool, narrowed
from entoptic.networks.compile.kernels.rectifier import MaskedBy, is_unfused

# Numbers between two layers that are there at once.
_AT_ONCE = 1 << 21
# The same of several convolutions, which use more rows than bands have: of VGG's, large enough that
# these are few.
_ROW_AT_ONCE = 1 << 23


class Stem(nn.Module):
    """Convolutions in a row whose rectified maps go to the next one, at last to a pool, and
    nowhere else.

    Args:
        convs: the pool masks the last one, the others mask themselves.
        pool: the one after them.
    """

    def __init__(self, convs: Sequence[FrozenConv], pool: LeanMaxPool) -> None:
        super().__init__()
        assert [each.mask is None for each in convs] == [False] * (len(convs) - 1) + [True]
        assert convs[-1].masked_by is MaskedBy.POOL
        self.convs, self.pool = tuple(convs), pool
        for number, conv in enumerate(convs):
            self.add_module(f"conv{number}", conv)
        # Bands have the rows that pad them.
        self.window = pool.window._replace(padding=[0, pool.window.padding[1]])
        self.paddings = tuple((0, conv.geometry.padding[1]) for conv in convs)
        self.input_gradients = tuple(
            input_gradient(replace(conv.geometry, padding=padding), conv.own_weight)
            for conv, padding in zip(convs, self.paddings, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        bands = self.bands(x)
        if x.device.type != "cpu" or bands is None or is_unfused():
            for conv in self.convs:
                x = conv(x)
            return self.pool(x)  # type: ignore[no-any-return]
        y = _Stem.apply(x, self, bands)
        assert isinstance(y, Tensor)
        return y

    def bands(self, x: Tensor) -> Bands | None:
        """Return how images fall into bands, alone as in a batch; None where there are none or they
        are too small, as PyTorch will say.
        """
        windows = *(Windows.along(conv.geometry, 0) for conv in self.convs), Windows.of(self.pool)
        lengths, columns = [x.shape[2]], self.columns(x.shape[3])
        for each in windows:
            lengths.append(each.count(lengths[-1]))
        if min(len(x), *lengths, *columns) < 1:
            return None
        numbers = max(
            len(conv.convolution.weight) * height * width
            for conv, height, width in zip(self.convs, lengths[1:-1], columns[1:], strict=True)
        )
        at_once = _AT_ONCE if len(self.convs) == 1 else _ROW_AT_ONCE
        return Bands.within(at_once, numbers, windows, tuple(lengths))

    def columns(self, width: int) -> list[int]:
        """Return the columns of an image, and of each convolution's maps."""
        found = [width]
        for conv in self.convs:
            found.append(Windows.along(conv.geometry, 1).count(found[-1]))
        return found


class _Stem(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, stem: Stem, bands: Bands) -> Tensor:
        banded = bands.of(x, 0)
        result: Tensor | None = None
        positions = []
        for group in bands.groups(len(x)):
            maps = collections.deque(_maps(group.of(banded), stem, bands, group), maxlen=1).pop()
            y, where = stem.window.maxima(maps)
            positions.append(narrowed(where, maps))
            if result is None:
                size = len(x), bands.count, bands.each, y.shape[3], y.shape[1]
                result = torch.empty(size, dtype=stem.convs[-1].dtype)
            given = group.of(result)
            given[:] = y.permute(0, 2, 3, 1).view(given.shape)
        assert result is not None
        result = result.flatten(1, 2)[:, : bands.lengths[-1]].contiguous().permute(0, 3, 1, 2)
        ctx.stem, ctx.bands, ctx.size, ctx.dtype = stem, bands, x.shape, x.dtype
        ctx.save_for_backward(result, x if len(stem.convs) > 1 else None, *positions)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        stem, bands = ctx.stem, ctx.bands
        result, x, *positions = ctx.saved_tensors
        assert stem.pool.rectifier is not None
        gradient = bands.of(stem.pool.rectifier.masked(gradient, result), -1)
        banded = None if x is None else bands.of(x, 0)
        columns = stem.columns(ctx.size[3])[-1]
        size = bands.together, gradient.shape[-1], bands.reaches[-2][2], columns
        whole = torch.empty(size, dtype=gradient.dtype, memory_format=torch.channels_last)
        back = torch.zeros(ctx.size, dtype=ctx.dtype)
        for group, where in zip(bands.groups(len(back)), positions, strict=True):
            maps = whole[: len(where)]
            stem.window.scatter(_batch(group.of(gradient)), where, maps)
            again = () if banded is None else _maps(group.of(banded), stem, bands, group)
            before = list(itertools.islice(again, len(stem.convs) - 1))
            found = _input_gradient(maps, before, stem, bands, ctx.size[3])
            for band, part in group.each(found):
                there, own = bands.rows(0, band)
                back[group.images, :, there] += part[:, :, own]
        return back, None, None


def _batch(banded: Tensor) -> Tensor:
    """Return bands as the images of a batch."""
    return banded.flatten(0, 1).permute(0, 3, 1, 2)


def _maps(banded: Tensor, stem: Stem, bands: Bands, group: Group) -> Iterator[Tensor]:
    """Yield each convolution's maps of some bands; the last ones in the precision of the sums,
    since a pool is as fast on it, and its maxima are fewer to round.

    Where a map has no rows there are zeros, which no maximum of rectified numbers is below.
    """
    maps = _batch(banded)
    for level, (conv, padding) in enumerate(zip(stem.convs, stem.paddings, strict=True), 1):
        maps = conv.computed(maps, conv.rectifier, padding)
        if level < len(stem.convs):
            maps = maps.to(conv.dtype)
        for band, part in group.each(maps):
            own = bands.rows(level, band)[1]
            for beyond in (slice(own.start), slice(own.stop, None)):
                if part[:, :, beyond].numel():
                    part[:, :, beyond] = 0
        yield maps


def _input_gradient(
    gradient: Tensor, before: list[Tensor], stem: Stem, bands: Bands, width: int
) -> Tensor:
    """Return the gradient of bands of images, from that of the last maps.

    Args:
        before: the maps before these.
    """
    columns = stem.columns(width)
    for level in reversed(range(len(stem.convs))):
        size = bands.reaches[level][2], columns[level]
        gradient = stem.input_gradients[level](gradient, size)
        if level:
            mask = stem.convs[level - 1].mask
            assert mask is not None
            gradient = mask.masked(gradient, before.pop())
    return gradient

"""The first convolutions of a network with their ReLUs and the pool after them, piece by piece.

Between them lie the largest maps of the whole network, which nobody needs at once: a few pictures
at a time, or of large ones a few bands of rows. These are the images of a batch, among which a
pool's way back is spread over the CPU's threads; within one image it is not.
"""

from __future__ import annotations

import collections
import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from entoptic.networks.compile.passes.convolution import FrozenConv, Geometry, backward_of
from entoptic.networks.compile.passes.pooling import LeanMaxPool, narrowed

# Numbers between two layers that are there at once.
_AT_ONCE = 1 << 21
# The same of several convolutions, which see more rows than bands have: of VGG's, large enough that
# these are few.
_ROW_AT_ONCE = 1 << 23
# Bands that are computed at once. Not as many as there are threads, or the sums where bands meet,
# and with them the last bits of pictures, would depend on it.
_TOGETHER = 4


class Stem(nn.Module):
    """Convolutions in a row whose rectified maps go to the next one, at last to a pool, and
    nowhere else.

    Args:
        convs: the last one is guarded by the pool, the others see to their own rectifiers.
        pool: which sees to the gradient of the last convolution's rectifier.
    """

    def __init__(self, convs: Sequence[FrozenConv], pool: LeanMaxPool) -> None:
        super().__init__()
        assert convs[-1].is_guarded
        assert all(conv.masks is not None for conv in convs[:-1])
        self.convs, self.pool = tuple(convs), pool
        for number, conv in enumerate(convs):
            self.add_module(f"conv{number}", conv)
        self.backs = tuple(
            backward_of(
                replace(conv.geometry, padding=(0, conv.geometry.padding[1])), conv.own_weight
            )
            for conv in convs
        )

    def forward(self, x: Tensor) -> Tensor:
        bands = self.bands(x)
        if x.device.type != "cpu" or bands is None:
            for conv in self.convs:
                x = conv(x)
            return self.pool(x)  # type: ignore[no-any-return]
        y = _Stem.apply(x, self, bands)
        assert isinstance(y, Tensor)
        return y

    def bands(self, x: Tensor) -> Bands | None:
        """How pictures fall into bands, alone as in a batch; None for none, and for those that are
        too small, as PyTorch will say.
        """
        kernel, stride, padding, dilation, ceil = self.pool.window
        pool = Windows(kernel[0], stride[0], padding[0], dilation[0], ceil)
        windows = *(Windows.along(conv.geometry, 0) for conv in self.convs), pool
        lengths, columns = [x.shape[2]], self.columns(x.shape[3])
        for each in windows:
            lengths.append(each.count(lengths[-1]))
        if min(len(x), *lengths, *columns) < 1:
            return None
        numbers = max(
            len(conv.forth.weight) * height * width
            for conv, height, width in zip(self.convs, lengths[1:-1], columns[1:], strict=True)
        )
        at_once = _AT_ONCE if len(self.convs) == 1 else _ROW_AT_ONCE
        if numbers <= at_once:
            return Bands(windows, tuple(lengths), lengths[-1], 1, at_once // numbers)
        each_has = -(-lengths[-1] // (_TOGETHER * -(-numbers // at_once)))
        needed = -(-lengths[-1] // each_has)
        # Whole groups, so that all have the same size.
        count = -(-needed // _TOGETHER) * _TOGETHER
        return Bands(windows, tuple(lengths), each_has, count, _TOGETHER)

    def columns(self, width: int) -> list[int]:
        """Of a picture, and of each convolution's maps."""
        found = [width]
        for conv in self.convs:
            found.append(Windows.along(conv.geometry, 1).count(found[-1]))
        return found


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
class Group:
    """What is computed at once: bands of one image, or images that are a band each."""

    images: slice
    bands: range

    def of(self, banded: Tensor) -> Tensor:
        """These of (images, bands, ...)."""
        return banded[self.images, self.bands.start : self.bands.stop]

    def each(self, pieces: Tensor) -> Iterator[tuple[int, Tensor]]:
        """The bands' numbers, and what is theirs of a batch of pieces."""
        for place, band in enumerate(self.bands):
            yield band, pieces[place :: len(self.bands)]


@dataclass(frozen=True)
class Bands:
    """How the rows of a picture fall into bands.

    Rows are those of a level: 0 is the picture, then come the convolutions' maps, -1 is what the
    pool gives.

    Args:
        windows: of the convolutions and the pool, downwards.
        lengths: rows of all levels.
        each: rows of the last level that are a band's; the last band may reach beyond.
        count: bands of a picture, where it is more than one in whole groups.
        together: pieces of a group.
    """

    windows: tuple[Windows, ...]
    lengths: tuple[int, ...]
    each: int
    count: int
    together: int

    @functools.cached_property
    def reaches(self) -> tuple[tuple[int, int, int], ...]:
        """Of all levels: the first row of the first band, those from band to band, and a band's."""
        reaches = [(0, self.each, self.each)]
        for windows in reversed(self.windows):
            first, step, span = reaches[0]
            first, step = first * windows.stride - windows.padding, step * windows.stride
            reaches.insert(0, (first, step, windows.span(span)))
        return tuple(reaches)

    def groups(self, images: int) -> Iterator[Group]:
        """The pieces of so many images that are computed at once."""
        if self.count == 1:
            for first in range(0, images, self.together):
                yield Group(slice(first, first + self.together), range(1))
            return
        for image in range(images):
            for first in range(0, self.count, self.together):
                yield Group(slice(image, image + 1), range(first, first + self.together))

    def rows(self, level: int, band: int) -> tuple[slice, slice]:
        """Those of a band that there are, counted in the level and in the band."""
        first, step, span = self.reaches[level]
        first += band * step
        start = min(max(first, 0), self.lengths[level])
        stop = max(start, min(first + span, self.lengths[level]))
        return slice(start, stop), slice(start - first, stop - first)


class _Stem(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, stem: Stem, bands: Bands) -> Tensor:
        kernel, stride, padding, dilation, ceil = stem.pool.window
        picture = _banded(x, bands, 0)
        result: Tensor | None = None
        places = []
        for group in bands.groups(len(x)):
            seen = _seen(group.of(picture), stem, bands, group)
            maps = collections.deque(seen, maxlen=1).pop()
            y, where = torch.ops.aten.max_pool2d_with_indices(
                maps, kernel, stride, [0, padding[1]], dilation, ceil
            )
            places.append(narrowed(where, maps))
            if result is None:
                size = len(x), bands.count, bands.each, y.shape[3], y.shape[1]
                result = torch.empty(size, dtype=stem.convs[-1].dtype)
            given = group.of(result)
            given[:] = y.permute(0, 2, 3, 1).view(given.shape)
        assert result is not None
        result = result.flatten(1, 2)[:, : bands.lengths[-1]].contiguous().permute(0, 3, 1, 2)
        ctx.stem, ctx.bands, ctx.size, ctx.dtype = stem, bands, x.shape, x.dtype
        ctx.save_for_backward(result, x if len(stem.convs) > 1 else None, *places)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        stem, bands = ctx.stem, ctx.bands
        kernel, stride, padding, dilation, ceil = stem.pool.window
        result, x, *places = ctx.saved_tensors
        assert stem.pool.rectifier is not None
        gradient = _banded(stem.pool.rectifier.back(gradient, result), bands, -1)
        picture = None if x is None else _banded(x, bands, 0)
        columns = stem.columns(ctx.size[3])[-1]
        size = bands.together, gradient.shape[-1], bands.reaches[-2][2], columns
        whole = torch.empty(size, dtype=gradient.dtype, memory_format=torch.channels_last)
        back = torch.zeros(ctx.size, dtype=ctx.dtype)
        for group, where in zip(bands.groups(len(back)), places, strict=True):
            maps = whole[: len(where)]
            torch.ops.aten.max_pool2d_with_indices_backward.grad_input(
                *(_pieces(group.of(gradient)), maps, kernel, stride, [0, padding[1]]),
                *(dilation, ceil, where.to(torch.int64)),
                grad_input=maps,
            )
            again = () if picture is None else _seen(group.of(picture), stem, bands, group)
            seen = list(itertools.islice(again, len(stem.convs) - 1))
            found = _back(maps, seen, stem, bands, ctx.size[3])
            for band, part in group.each(found):
                there, own = bands.rows(0, band)
                back[group.images, :, there] += part[:, :, own]
        return back, None, None


def _banded(x: Tensor, bands: Bands, level: int) -> Tensor:
    """A level's images as (images, bands, rows, columns, channels); zeros for rows that there
    aren't.
    """
    first, step, span = bands.reaches[level]
    rows, height = x.permute(0, 2, 3, 1), (bands.count - 1) * step + span
    if first or height > x.shape[2] or not rows.is_contiguous():
        there = min(x.shape[2], height + first)
        given, rows = rows, rows.new_empty((len(x), height, *rows.shape[2:]))
        rows[:, :-first] = 0
        rows[:, -first : there - first] = given[:, :there]
        rows[:, there - first :] = 0
    return rows[:, :height].unfold(1, span, step).permute(0, 1, 4, 2, 3)


def _pieces(banded: Tensor) -> Tensor:
    """Bands as the images of a batch."""
    return banded.flatten(0, 1).permute(0, 3, 1, 2)


def _seen(banded: Tensor, stem: Stem, bands: Bands, group: Group) -> Iterator[Tensor]:
    """What each convolution gives for some bands of pictures; the last one in what it computes
    in, since a pool is as fast on it, and gives less to lower.

    Where there are no rows there are zeros, which no maximum of rectified numbers is below.
    """
    maps = _pieces(banded)
    for level, conv in enumerate(stem.convs, 1):
        maps = conv.forth(conv.shown(maps), conv.rectifier, (0, conv.geometry.padding[1]))
        if level < len(stem.convs):
            maps = maps.to(conv.dtype)
        for band, part in group.each(maps):
            own = bands.rows(level, band)[1]
            for beyond in (slice(own.start), slice(own.stop, None)):
                if part[:, :, beyond].numel():
                    part[:, :, beyond] = 0
        yield maps


def _back(gradient: Tensor, seen: list[Tensor], stem: Stem, bands: Bands, width: int) -> Tensor:
    """The gradient of bands of pictures, from that of the last maps.

    Args:
        seen: the maps before.
    """
    columns = stem.columns(width)
    for level in reversed(range(len(stem.convs))):
        gradient = stem.backs[level](gradient, (bands.reaches[level][2], columns[level]))
        if level:
            masks = stem.convs[level - 1].masks
            assert masks is not None
            gradient = masks.back(gradient, seen.pop())
    return gradient

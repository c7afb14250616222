"""The rows of images and maps in bands that overlap as much as the windows over them do."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from entoptic.networks.compile.kernels.max_pool import LeanMaxPool
from entoptic.networks.compile.kernels.onednn import Geometry

# Bands that are computed at once. Not as many as there are threads, or the sums where bands meet,
# and with them the last bits of pictures, would depend on it.
_TOGETHER = 4


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
        """Return those of a convolution."""
        pairs = geometry.kernel, geometry.stride, geometry.padding, geometry.dilation
        size, stride, padding, dilation = (each[axis] for each in pairs)
        return cls(size, stride, padding, dilation)

    @classmethod
    def of(cls, pool: LeanMaxPool) -> Windows:
        """Return those of a pool over rows."""
        kernel, stride, padding, dilation, ceil = pool.window
        return cls(kernel[0], stride[0], padding[0], dilation[0], ceil)

    def count(self, length: int) -> int:
        """Return how many there are over so many numbers, as PyTorch counts."""
        spare = length + 2 * self.padding - self.dilation * (self.size - 1) - 1
        count = (spare + (self.stride - 1 if self.ceil else 0)) // self.stride + 1
        # The last one must begin inside.
        outside = self.ceil and (count - 1) * self.stride >= length + self.padding
        return count - 1 if outside else count

    def span(self, count: int) -> int:
        """Return how many numbers windows in a row see."""
        return (count - 1) * self.stride + self.dilation * (self.size - 1) + 1


@dataclass(frozen=True)
class Group:
    """A part that is computed at once: bands of one image, or images that are a band each."""

    images: slice
    bands: range

    def of(self, banded: Tensor) -> Tensor:
        """Return these of (images, bands, ...)."""
        return banded[self.images, self.bands.start : self.bands.stop]

    def each(self, batch: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Yield the bands' numbers, with the images of a batch that are theirs."""
        for position, band in enumerate(self.bands):
            yield band, batch[position :: len(self.bands)]


@dataclass(frozen=True)
class Bands:
    """A division of an image's rows into bands.

    Rows are those of a level: 0 is the image, then come the convolutions' maps, -1 is the pool's
    output.

    Args:
        windows: of the convolutions and the pool, downwards.
        lengths: rows of all levels.
        each: rows of the last level that are a band's; the last band may reach beyond.
        count: bands of an image, where it is more than one in whole groups.
        together: images or bands of a group.
    """

    windows: tuple[Windows, ...]
    lengths: tuple[int, ...]
    each: int
    count: int
    together: int

    @classmethod
    def within(
        cls, at_once: int, numbers: int, windows: tuple[Windows, ...], lengths: tuple[int, ...]
    ) -> Bands:
        """Return those of which a group has so many numbers at once, of so many of an image."""
        if numbers <= at_once:
            return cls(windows, lengths, lengths[-1], 1, at_once // numbers)
        each = -(-lengths[-1] // (_TOGETHER * -(-numbers // at_once)))
        needed = -(-lengths[-1] // each)
        # Whole groups, so that all have the same size.
        return cls(windows, lengths, each, -(-needed // _TOGETHER) * _TOGETHER, _TOGETHER)

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
        """Yield what is computed at once of so many images."""
        if self.count == 1:
            for first in range(0, images, self.together):
                yield Group(slice(first, first + self.together), range(1))
            return
        for image in range(images):
            for first in range(0, self.count, self.together):
                yield Group(slice(image, image + 1), range(first, first + self.together))

    def rows(self, level: int, band: int) -> tuple[slice, slice]:
        """Return the rows of a band that there are, counted in the level and in the band."""
        first, step, span = self.reaches[level]
        first += band * step
        start = min(max(first, 0), self.lengths[level])
        stop = max(start, min(first + span, self.lengths[level]))
        return slice(start, stop), slice(start - first, stop - first)

    def of(self, x: Tensor, level: int) -> Tensor:
        """Return a level's images as (images, bands, rows, columns, channels), with zeros for rows
        that there aren't.
        """
        first, step, span = self.reaches[level]
        rows, height = x.permute(0, 2, 3, 1), (self.count - 1) * step + span
        if first or height > x.shape[2] or not rows.is_contiguous():
            there = min(x.shape[2], height + first)
            given, rows = rows, rows.new_empty((len(x), height, *rows.shape[2:]))
            rows[:, :-first] = 0
            rows[:, -first : there - first] = given[:, :there]
            rows[:, there - first :] = 0
        return rows[:, :height].unfold(1, span, step).permute(0, 1, 4, 2, 3)

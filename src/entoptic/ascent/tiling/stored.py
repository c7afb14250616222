"""Pictures in files that are mapped into memory, and what is done to them band by band."""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from entoptic.ascent.optimizers import smoothed
from entoptic.images.mapped import mapped_zeros, release
from entoptic.images.resize import resize
from entoptic.types import Scores

# Of one band; a few of these are in memory at once. Bands of 64 MiB take three times as long to be
# smoothed: the system clears new memory for each.
_BAND_BYTES = 16 << 20
# Of some columns: so much that a row's part is about as long as a page of memory.
_COLUMN_BYTES = 64 << 20


class Stored:
    """A picture that is worked on band by band; in a file, or in ordinary memory.

    Args:
        tensor: (batch, channels, height, width).
        mapped: the file that the tensor lies in; None where it lies in ordinary memory.
    """

    def __init__(self, tensor: Tensor, mapped: mmap.mmap | None = None) -> None:
        self.tensor = tensor
        self.mapped = mapped

    @classmethod
    def zeros(cls, shape: tuple[int, ...]) -> Stored:
        """All zeros, in a file; see `mapped_zeros`."""
        return cls(*mapped_zeros(shape))

    @classmethod
    def copy(cls, tensor: Tensor) -> Stored:
        """The same numbers in a file."""
        stored = cls.zeros(tuple(tensor.shape))
        combine(stored, lambda part: part, cls(tensor))
        return stored

    def copied(self) -> Stored:
        """Another one with the same numbers."""
        return combined(lambda part: part, self)

    def release(self) -> None:
        """Let go of memory that the file gives back when it is asked for."""
        if self.mapped is not None:
            release(self.mapped)


def bands(stored: Stored, least: int = 1) -> Iterator[slice]:
    """Rows of a picture, a band at a time, each at least so high; memory is released after each."""
    row = stored.tensor[..., 0, :].numel() * 4
    yield from _stretches(stored.tensor.shape[-2], max(least, _BAND_BYTES // row), stored)


def _stretches(length: int, each: int, *used: Stored) -> Iterator[slice]:
    for start in range(0, length, each):
        yield slice(start, min(start + each, length))
        for stored in used:
            stored.release()


def resized(source: Stored, height: int, width: int) -> Stored:
    """The same as `resize`: first across, then down, as that does."""
    batch, channels, rows, columns = source.tensor.shape
    across = source
    if columns != width:
        across = Stored.zeros((batch, channels, rows, width))
        for band in bands(source):
            across.tensor[..., band, :] = resize(
                source.tensor[..., band, :], band.stop - band.start, width
            )
            across.release()
    if rows == height:
        return across
    down = Stored.zeros((batch, channels, height, width))
    column = batch * channels * max(rows, height) * 4
    for part in _stretches(width, max(2, _COLUMN_BYTES // column), across, down):
        # torch resizes a single column wrongly: it gets one of its neighbours beside it.
        part = slice(max(0, min(part.start, width - 2)), part.stop)
        down.tensor[..., part] = resize(
            across.tensor[..., part].contiguous(), height, part.stop - part.start
        )
    return down


def combine(target: Stored, how: Callable[..., Tensor], *others: Stored) -> None:
    """Put into a picture what comes of others of its size, of which it may be one."""
    for band in bands(target):
        target.tensor[..., band, :] = how(*(each.tensor[..., band, :] for each in others))
        for each in others:
            each.release()


def combined(how: Callable[..., Tensor], *others: Stored) -> Stored:
    """A new picture of what comes of others, in a file."""
    stored = Stored.zeros(tuple(others[0].tensor.shape))
    combine(stored, how, *others)
    return stored


def smooth(gradient: Stored, sigma: float, device: torch.device) -> None:
    """See `smoothed`; in place, computed on a device."""
    if sigma == 0:
        return
    reach = max(1, math.ceil(6 * sigma))  # of the wider of two Gaussians, cut off at three sigmas
    whole = gradient.tensor
    above = whole[..., :0, :].clone()
    for band in bands(gradient, least=reach):
        window = torch.cat([above, whole[..., band.start : band.stop + reach, :]], -2)
        above = window[..., : band.stop - band.start + above.shape[-2], :][..., -reach:, :].clone()
        skipped = min(reach, band.start)
        found = smoothed(window.to(device), sigma)[
            ..., skipped : skipped + band.stop - band.start, :
        ]
        whole[..., band, :] = found


def norms(gradient: Stored, norm: str) -> Scores:
    """The size by which `normalised` divides, image by image.

    Infinite where that says nothing, NaN where the gradient isn't finite.
    """
    batch = gradient.tensor.shape[0]
    total, squares, absolute = (torch.zeros(batch, dtype=torch.float64) for _ in range(3))
    largest = torch.zeros(batch)
    for band in bands(gradient):
        values = gradient.tensor[..., band, :].flatten(1)
        magnitudes = values.abs()
        total += values.sum(1, dtype=torch.float64)
        absolute += magnitudes.sum(1, dtype=torch.float64)
        squares += values.square().sum(1, dtype=torch.float64)
        largest = torch.maximum(largest, magnitudes.amax(1))
    count = gradient.tensor[0].numel()
    spread = (squares / count - (total / count) ** 2).clamp(min=0).sqrt()
    sizes = {
        "mean_abs": absolute / count,
        "max_abs": largest.double(),
        "std": spread.where(spread > 1e-6 * largest, 0),
        "l2": squares.sqrt(),
        "none": torch.ones(batch, dtype=torch.float64),
    }
    size = sizes[norm]
    return size.where(size != 0, torch.inf).where(absolute.isfinite(), torch.nan).float()

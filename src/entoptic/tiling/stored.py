"""Pictures in files that are mapped into memory, and what is done to them band by band."""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from entoptic.pictures.mapped import mapped_zeros, release
from entoptic.resample import resize
from entoptic.steprules import smoothed
from entoptic.types import Scores

# Of one band; a few of these are in memory at once.
_BAND_BYTES = 64 << 20


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
        for rows in bands(stored):
            stored.tensor[..., rows, :] = tensor[..., rows, :]
        return stored

    def copied(self) -> Stored:
        """Another one with the same numbers."""
        stored = type(self).zeros(tuple(self.tensor.shape))
        combine(stored, self, lambda _, other: other)
        return stored

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
    for part in _stretches(width, max(2, _BAND_BYTES // column), across, down):
        # torch resizes a single column wrongly: it gets one of its neighbours beside it.
        part = slice(max(0, min(part.start, width - 2)), part.stop)
        down.tensor[..., part] = resize(
            across.tensor[..., part].contiguous(), height, part.stop - part.start
        )
    return down


def combine(target: Stored, other: Stored, how: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Put into a picture what comes of it and of another."""
    for band in bands(target):
        part = target.tensor[..., band, :]
        part.copy_(how(part, other.tensor[..., band, :]))
        other.release()


def smooth(gradient: Stored, sigma: float) -> None:
    """See `smoothed`; in place."""
    if sigma == 0:
        return
    reach = max(1, math.ceil(6 * sigma))  # of the wider of two Gaussians, cut off at three sigmas
    whole = gradient.tensor
    above = whole[..., :0, :].clone()
    for band in bands(gradient, least=reach):
        window = torch.cat([above, whole[..., band.start : band.stop + reach, :]], -2)
        above = window[..., : band.stop - band.start + above.shape[-2], :][..., -reach:, :].clone()
        skipped = min(reach, band.start)
        found = smoothed(window, sigma)[..., skipped : skipped + band.stop - band.start, :]
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

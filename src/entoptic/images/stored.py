"""Images in ordinary memory, or in mapped files, on which one works band by band."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from entoptic.images.mapped import mapped_zeros, release
from entoptic.images.resize import resize
from entoptic.types import Scores

# Of one band of a file; a few of these are in memory at once. Bands of 64 MiB take three times as
# long to be smoothed: the system clears new memory for each.
_BAND_BYTES = 16 << 20
# Of some columns: so much that a row's part is about as long as a page of memory.
_COLUMN_BYTES = 64 << 20


class Stored:
    """An image that is worked on band by band where it lies in a file, else as a whole.

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
    """Rows of an image, a band at a time, each at least so high; memory is released after each."""
    if stored.mapped is None:
        yield slice(0, stored.tensor.shape[-2])
        return
    row = stored.tensor[..., 0, :].numel() * 4
    yield from _stretches(stored.tensor.shape[-2], max(least, _BAND_BYTES // row), stored)


def _stretches(length: int, each: int, *used: Stored) -> Iterator[slice]:
    for start in range(0, length, each):
        yield slice(start, min(start + each, length))
        for stored in used:
            stored.release()


def resized(source: Stored, height: int, width: int) -> Stored:
    """The same as `resize`: first across, then down, as that does."""
    if source.mapped is None:
        return Stored(resize(source.tensor, height, width))
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


def combined(how: Callable[..., Tensor], *others: Stored, channels: int | None = None) -> Stored:
    """Return a new image of what comes of others; in a file where one of them is.

    Args:
        how: makes a band of it from theirs.
        others: of one size.
        channels: of the new image; by default as many as the first has.
    """
    if all(each.mapped is None for each in others):
        return Stored(how(*(each.tensor for each in others)))
    batch, given, height, width = others[0].tensor.shape
    stored = Stored.zeros((batch, channels or given, height, width))
    combine(stored, how, *others)
    return stored


def filter_bands(
    stored: Stored, change: Callable[[Tensor], Tensor], reach: int, device: torch.device
) -> None:
    """Change an image in place, computed on a device.

    Args:
        stored: the image.
        change: of an image; each pixel depends on those that lie at most `reach` rows away.
        reach: in pixels.
        device: where to compute.
    """
    whole = stored.tensor
    if stored.mapped is None:
        whole.copy_(change(whole.to(device)))
        return
    above = whole[..., :0, :].clone()
    for band in bands(stored, least=max(1, reach)):
        window = torch.cat([above, whole[..., band.start : band.stop + reach, :]], -2)
        skipped = above.shape[-2]
        above = window[..., : band.stop - band.start + skipped, :]
        above = above[..., max(0, above.shape[-2] - reach) :, :].clone()
        found = change(window.to(device))
        whole[..., band, :] = found[..., skipped : skipped + band.stop - band.start, :]


def norms(gradient: Stored, norm: str) -> Scores:
    """The size by which `normalized` divides, image by image.

    Infinite where that says nothing, NaN where the gradient isn't finite.
    """
    batch, device = gradient.tensor.shape[0], gradient.tensor.device
    total, squares, absolute = torch.zeros(3, batch, dtype=torch.float64, device=device)
    largest = torch.zeros(batch, device=device)
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
        "rms": (squares / count).sqrt(),
        "none": torch.ones_like(total),
    }
    size = sizes[norm].where(sizes[norm] != 0, torch.inf)
    found: Scores = size.where(absolute.isfinite(), torch.nan).float()
    return found

"""A picture that is read and changed in parts, as if it were rolled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import EllipsisType
from typing import TypeAlias

import torch
from torch import Tensor

_Part: TypeAlias = "tuple[EllipsisType, slice, slice]"


class Sheet:
    """A tensor (batch, channels, height, width), seen as if rolled; it is never copied as a whole.

    Args:
        tensor: on any device, or in a mapped file.
        shift: by how many (rows, columns) it seems rolled, as by `Tensor.roll`.
        release: gives memory back that isn't needed for a while.

    >>> sheet = Sheet(torch.arange(4.0).reshape(1, 1, 1, 4), (0, 1))
    >>> sheet.read(slice(0, 1), slice(0, 3), torch.device("cpu")).flatten()
    tensor([3., 0., 1.])
    """

    def __init__(
        self,
        tensor: Tensor,
        shift: tuple[int, int] = (0, 0),
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self.tensor = tensor
        self.shift = shift
        self.release = release

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.tensor.shape[-2], self.tensor.shape[-1]

    def read(self, rows: slice, columns: slice, device: torch.device) -> Tensor:
        """A copy of a part."""
        shape = (*self.tensor.shape[:2], rows.stop - rows.start, columns.stop - columns.start)
        # A GPU fetches by itself what lies in memory that stays where it is.
        kind, place = self.tensor.dtype, self.tensor.device
        fetched = place.type == "cpu" and device.type == "cuda"
        part = torch.empty(shape, dtype=kind, device=place, pin_memory=fetched)
        for here, there in self._pieces(rows, columns):
            part[here] = self.tensor[there]
        return part.to(device, non_blocking=fetched)

    def add(self, rows: slice, columns: slice, values: Tensor) -> None:
        """Add to a part."""
        for here, there in self._pieces(rows, columns):
            self.tensor[there] += values[here].to(self.tensor.device)

    def _pieces(self, rows: slice, columns: slice) -> Iterator[tuple[_Part, _Part]]:
        """Yield the slices of each piece of a part, in the part and in the tensor."""
        for row, row_there in _unrolled(rows, self.shift[0], self.size[0]):
            for column, column_there in _unrolled(columns, self.shift[1], self.size[1]):
                yield (..., row, column), (..., row_there, column_there)


def _unrolled(part: slice, shift: int, length: int) -> Iterator[tuple[slice, slice]]:
    """The one or two pieces of a stretch, counted from its start, and where they come from."""
    done = 0
    while done < part.stop - part.start:
        there = (part.start + done - shift) % length
        count = min(part.stop - part.start - done, length - there)
        yield slice(done, done + count), slice(there, there + count)
        done += count

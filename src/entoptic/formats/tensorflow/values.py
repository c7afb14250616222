"""Sizes and values of a graph that is being translated, and how the values lie in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from entoptic.errors import BadModelFile

TO_NCHW = (0, 3, 1, 2)
TO_NHWC = (0, 2, 3, 1)


@dataclass(frozen=True)
class Free:
    """A size that isn't fixed: it follows from the picture that comes in.

    Args:
        natural: what it is for the picture size that the file gives; None where it gives none.
        batch: the number of pictures.
    """

    natural: int | float | None = None
    batch: bool = False


BATCH = Free(batch=True)
Size: TypeAlias = int | Free
Shape: TypeAlias = tuple[Size, ...]


@dataclass(frozen=True, eq=False)
class Value:
    """One value of the graph.

    Args:
        name: of the ONNX value; for a constant, of the TensorFlow node.
        shape: in TensorFlow's order of axes, whatever `nchw` says.
        nchw: the value has four axes and is kept (batch, channels, height, width), although
            TensorFlow counts its axes as (batch, height, width, channels).
        array: the entries of a constant in TensorFlow's order; of dtype object where some of
            them are `Free`.
    """

    name: str
    shape: Shape
    nchw: bool = False
    array: np.ndarray | None = None

    @property
    def rank(self) -> int:
        return len(self.shape)

    def axis(self, number: int) -> int:
        """An axis of TensorFlow's, which may be negative, counted from 0."""
        if not -self.rank <= number < self.rank:
            raise BadModelFile(f"axis {number} doesn't exist; the value has {self.rank} axes")
        return number % self.rank

    def stored(self, axis: int) -> int:
        """Return the axis of the ONNX value that an axis of TensorFlow's is."""
        return TO_NCHW.index(axis) if self.nchw else axis

    def channels(self, data_format: str) -> Size:
        return self.shape[1 if data_format == "NCHW" else -1]


def constant(name: str, array: np.ndarray) -> Value:
    """Return a value that is known now."""
    return Value(name, array.shape, array=array)


def natural(size: Size) -> int | float | None:
    """Return the size at the picture size that the file gives, if it gives one."""
    return size.natural if isinstance(size, Free) else size


def grown(size: Size, rule: Callable[[int], int]) -> Size:
    """Return a size that follows from another one.

    >>> grown(Free(224), lambda size: size // 2)
    Free(natural=112, batch=False)
    """
    known = natural(size)
    if known is None:
        return Free()
    result = rule(int(known))
    if result < 1:
        raise BadModelFile(f"a picture side of {known} pixels is too small for it")
    return Free(result) if isinstance(size, Free) else result


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape of an elementwise result."""
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(_meet(sizes) for sizes in zip(*padded, strict=True))


def _meet(sizes: Sequence[Size]) -> Size:
    fixed = {size for size in sizes if isinstance(size, int) and size != 1}
    if len(fixed) > 1:
        raise BadModelFile(f"sizes {sorted(fixed)} don't fit together")
    if fixed:
        return fixed.pop()
    free = [size for size in sizes if isinstance(size, Free)]
    if not free:
        return 1
    # A side that is 1 for the file's own picture size is stretched to the other one's.
    return max(free, key=lambda size: (size.batch, size.natural or 0))


def as_picture(array: np.ndarray) -> np.ndarray:
    """Lay a constant that meets a picture value anew, from (..., H, W, C) to (C, H, W).

    >>> as_picture(np.zeros(64)).shape
    (64, 1, 1)
    """
    if array.ndim == 0:
        return array
    laid = array.reshape((1,) * (4 - array.ndim) + array.shape).transpose(TO_NCHW)
    while laid.ndim > 1 and laid.shape[0] == 1:
        laid = laid[0]
    return laid

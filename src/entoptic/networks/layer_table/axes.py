"""Axes of a layer's output, and how all are brought to (batch, channels, positions)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from torch import Tensor

from entoptic.layers import LayerInfo, Layout

# Tokens that belong to no position: class, distillation, registers. No network has more of them.
_MOST_PREFIX = 16


def layout_of(
    shape: tuple[int, ...], axes: tuple[int, int] | None, grids: Sequence[tuple[int, int]]
) -> tuple[Layout | None, tuple[int, int] | None]:
    """Return the axes of an output for a batch of one, and the grid of its tokens.

    Args:
        shape: of the output.
        axes: which of them are rows and columns, where that could be followed.
        grids: (rows, columns) of the maps that the network has come by, the latest last.

    >>> layout_of((1, 197, 192), None, [(14, 14)])
    ('NLC', (14, 14))
    >>> layout_of((1, 7, 9, 96), (1, 2), [])
    ('NHWC', None)
    """
    if len(shape) == 4:
        return ("NHWC" if (axes or _rows_and_columns(shape, grids)) == (1, 2) else "NCHW"), None
    if len(shape) == 2:
        return "NC", None
    if len(shape) != 3:
        return None, None
    if shape[0] != 1:
        return ("LNC" if shape[1] == 1 else "NLC"), None
    return _tokens(shape[1], shape[2], grids)


def arranged(value: Tensor, info: LayerInfo) -> Tensor:
    """Return a layer's output as objectives take it.

    Args:
        value: the output as it is.
        info: what the table says of the layer, at the size of the image.

    Returns:
        (batch, channels, rows, columns) where there are such, without tokens that belong to no
        position; (batch, channels, tokens), or (batch, channels). As it is where its axes are
        unknown.
    """
    if info.layout is None:
        return value
    images = info.layout.index("N")
    value = value.movedim((images, info.layout.index("C")), (0, 1))
    parts = info.shape[images]
    if parts != 1:
        # Windows of a picture lie in the batch, those of one picture together.
        value = value.reshape(-1, parts, *value.shape[1:]).transpose(1, 2).flatten(2)
    if info.grid is not None:
        prefix = value.shape[2] - prod(info.grid)
        value = value[:, :, prefix:].reshape(*value.shape[:2], *info.grid)
    return value


def _tokens(
    first: int, second: int, grids: Sequence[tuple[int, int]]
) -> tuple[Layout, tuple[int, int] | None]:
    """Return which of two axes are tokens, and the grid that has so many positions.

    Maps that the network has come by say more than their halves. Tokens come before channels in
    nearly every network; that numbers of channels are those of positions happens (384 is 16x24).
    """
    maps, halves = list(reversed(grids)), list(_halves(grids))
    found = _near(first, maps)
    if found is None and (across := _near(second, maps, most=0)) is not None:
        return "NCL", across
    return "NLC", found or _near(first, halves, most=0)


def _near(
    tokens: int, grids: Sequence[tuple[int, int]], most: int = _MOST_PREFIX
) -> tuple[int, int] | None:
    """Return the grid with so many positions, or with fewer by at most a number."""
    for spare in (0, most):
        for grid in grids:
            if 0 <= tokens - prod(grid) <= spare:
                return grid
    return None


def _rows_and_columns(
    shape: tuple[int, ...], grids: Sequence[tuple[int, int]]
) -> tuple[int, int] | None:
    """Return the axes of a map's rows and columns, by its size; None where that says nothing."""
    if is_grid(shape[2:], grids):
        return (2, 3)
    return (1, 2) if is_grid(shape[1:3], grids) else None


def is_grid(size: tuple[int, ...] | None, grids: Sequence[tuple[int, int]]) -> bool:
    """Return whether rows and columns are those of an earlier map, or of its half."""
    return size in grids or size in set(_halves(grids))


def _halves(grids: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Yield what becomes of grids, the latest first, where tokens are thinned out."""
    for rows, columns in reversed(grids):
        while rows > 1 and columns > 1:
            rows, columns = -(-rows // 2), -(-columns // 2)
            yield rows, columns

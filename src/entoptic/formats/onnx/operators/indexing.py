"""Operators that pick numbers by their indices, or put them there."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from entoptic.formats.onnx.operators.operation import (
    MAX_FROM_NOTHING,
    Node,
    bounded,
    operation,
    operator,
)

# How new numbers join the old: ONNX's names, and torch's of those that don't replace them.
Joining: TypeAlias = Literal["none", "add", "mul", "max", "min"]
_JOININGS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


@operator("Gather")
def gather(node: Node) -> nn.Module:
    """Make a selection; one fixed index is the usual case, and needn't wait for the device."""
    index = node.constant(1)
    return gathered(node, only=int(index) if index is not None and index.dim() == 0 else None)


@operation(kind="Gather")
def gathered(x: Tensor, indices: Tensor, *, axis: int = 0, only: int | None) -> Tensor:
    """Slices of one axis, by their indices."""
    if only is not None:
        return x.select(axis, only)
    axis = axis % x.dim()
    found = x.index_select(axis, _from_start(indices, x.shape[axis]).flatten())
    return found.reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1 :])


def _from_start(indices: Tensor, size: int) -> Tensor:
    """Count indices from the start; ONNX lets negative ones count from the end."""
    indices = indices.long()
    return torch.where(indices < 0, indices + size, indices)


@operation("GatherElements")
def gather_elements(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """One number per index, along an axis."""
    return x.gather(axis, _from_start(indices, x.shape[axis]))


@operation("GatherND")
def gather_nd(x: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Tensor:
    """Slices by indices of several axes at once."""
    batch = x.shape[:batch_dims]
    x = x.reshape(batch.numel(), *x.shape[batch_dims:])
    shape = indices.shape[batch_dims:-1]
    indices = indices.reshape(batch.numel(), -1, indices.shape[-1])
    each = torch.arange(batch.numel(), device=x.device).unsqueeze(1)
    found = x[(each, *_along_axes(indices, x.shape[1:]))]
    return found.reshape(*batch, *shape, *found.shape[2:])


def _along_axes(indices: Tensor, sizes: torch.Size) -> tuple[Tensor, ...]:
    """Take indices of several axes apart, each counted from the start of its own."""
    return tuple(_from_start(index, sizes[axis]) for axis, index in enumerate(indices.unbind(-1)))


@operation("ScatterND")
def scatter_nd(
    x: Tensor, indices: Tensor, updates: Tensor, *, reduction: Joining = "none"
) -> Tensor:
    """A copy with some slices replaced, or joined with others."""
    count = indices.shape[-1]
    positions = _along_axes(indices, x.shape)
    if reduction == "none":
        return x.index_put(positions, updates)
    # One long axis instead of those that are indexed.
    flat = torch.zeros_like(positions[0])
    for position, size in zip(positions, x.shape, strict=False):
        flat = flat * size + position
    rest = x.shape[count:]
    rows = flat.reshape(-1, *(1,) * len(rest)).expand(-1, *rest)
    joined = x.reshape(-1, *rest).scatter_reduce(
        0, rows, updates.reshape(-1, *rest), _JOININGS[reduction]
    )
    return joined.reshape(x.shape)


@operation("ScatterElements", "Scatter")
def scatter_elements(
    x: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0, reduction: Joining = "none"
) -> Tensor:
    """A copy with one number per index replaced, or joined with another, along an axis."""
    positions = _from_start(indices, x.shape[axis])
    if reduction == "none":
        return x.scatter(axis, positions, updates)
    return x.scatter_reduce(axis, positions, updates, _JOININGS[reduction])


@operation("OneHot", settings=[1])
def one_hot(indices: Tensor, depth: Tensor, values: Tensor, *, axis: int = -1) -> Tensor:
    """One number at an index along a new axis, another elsewhere."""
    (count,) = bounded([int(depth)])
    bounded([*indices.shape, count])
    shape = [1] * (indices.dim() + 1)
    shape[axis] = count
    index = indices.unsqueeze(axis).to(torch.int64)
    inside = (index >= -count) & (index < count)
    positions = torch.arange(count, device=indices.device).reshape(shape)
    return torch.where(inside & (positions == _from_start(index, count)), values[1], values[0])


@operation("Compress", settings=[1])
def compress(x: Tensor, condition: Tensor, *, axis: int | None = None) -> Tensor:
    """The slices of an axis, or the numbers, for which a condition holds."""
    chosen = condition.nonzero().flatten().to(x.device)
    return x.flatten()[chosen] if axis is None else x.index_select(axis, chosen)


@operation("ReverseSequence")
def reverse_sequence(
    x: Tensor, lengths: Tensor, *, batch_axis: int = 1, time_axis: int = 0
) -> Tensor:
    """The first steps of each sequence of a batch, in the other order."""
    shape = [1] * x.dim()
    shape[batch_axis], shape[time_axis] = -1, 1
    last = lengths.long().reshape(shape)
    shape[batch_axis], shape[time_axis] = 1, -1
    step = torch.arange(x.shape[time_axis], device=x.device).reshape(shape)
    positions = torch.where(step < last, last - 1 - step, step)
    return x.gather(time_axis, positions.expand(x.shape))


@operation("EyeLike")
def eye_like(x: Tensor, *, k: int = 0, dtype: torch.dtype | None = None) -> Tensor:
    """Ones on a diagonal, zeros elsewhere."""
    rows, columns = x.shape
    bounded(x.shape, MAX_FROM_NOTHING)
    row = torch.arange(rows, device=x.device).unsqueeze(1)
    column = torch.arange(columns, device=x.device)
    return (column - row == k).to(dtype or x.dtype)


@operation("NonZero")
def non_zero(x: Tensor) -> Tensor:
    """Indices of the numbers that aren't zero."""
    return x.nonzero().T

"""Operators that pick numbers by their indices, or put them there."""

from __future__ import annotations

import torch
from torch import Tensor

from entoptic.formats.onnx.operators.operation import (
    MAX_FROM_NOTHING,
    Node,
    Operation,
    bounded,
    operator,
)


@operator("Gather")
class Gather(Operation):
    """Slices of one axis, by their indices."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.axis = node.integer("axis", 0)
        index = node.constant(1)
        # One fixed index is the usual case, and has no need to wait for the device.
        self.only = int(index) if index is not None and index.dim() == 0 else None

    def compute(self, x: Tensor, indices: Tensor) -> Tensor:
        if self.only is not None:
            return x.select(self.axis, self.only)
        axis = self.axis % x.dim()
        found = x.index_select(axis, _from_start(indices, x.shape[axis]).flatten())
        return found.reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1 :])


def _from_start(indices: Tensor, size: int) -> Tensor:
    """Indices counted from the start; ONNX lets negative ones count from the end."""
    indices = indices.long()
    return torch.where(indices < 0, indices + size, indices)


@operator("GatherElements")
class GatherElements(Operation):
    """One number per index, along an axis."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.axis = node.integer("axis", 0)

    def compute(self, x: Tensor, indices: Tensor) -> Tensor:
        return x.gather(self.axis, _from_start(indices, x.shape[self.axis]))


@operator("GatherND")
class GatherND(Operation):
    """Slices by indices of several axes at once."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.batch_axes = node.integer("batch_dims", 0)

    def compute(self, x: Tensor, indices: Tensor) -> Tensor:
        batch = x.shape[: self.batch_axes]
        x = x.reshape(batch.numel(), *x.shape[self.batch_axes :])
        shape = indices.shape[self.batch_axes : -1]
        indices = indices.reshape(batch.numel(), -1, indices.shape[-1])
        each = torch.arange(batch.numel(), device=x.device).unsqueeze(1)
        found = x[(each, *_places(indices, x.shape[1:]))]
        return found.reshape(*batch, *shape, *found.shape[2:])


def _places(indices: Tensor, sizes: torch.Size) -> tuple[Tensor, ...]:
    """Indices of several axes, their last axis; each counted from the start of its own."""
    return tuple(_from_start(index, sizes[axis]) for axis, index in enumerate(indices.unbind(-1)))


_REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def _reduction(node: Node) -> str | None:
    """The name that torch has for how new numbers join the old; None where they replace them."""
    given = node.text("reduction", "none", ("none", *_REDUCTIONS))
    return _REDUCTIONS.get(given)


@operator("ScatterND")
class ScatterND(Operation):
    """A copy with some slices replaced, or joined with others."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.reduction = _reduction(node)

    def compute(self, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
        count = indices.shape[-1]
        places = _places(indices, x.shape)
        if self.reduction is None:
            return x.index_put(places, updates)
        # One long axis instead of those that are indexed.
        flat = torch.zeros_like(places[0])
        for place, size in zip(places, x.shape, strict=False):
            flat = flat * size + place
        rest = x.shape[count:]
        rows = flat.reshape(-1, *(1,) * len(rest)).expand(-1, *rest)
        joined = x.reshape(-1, *rest).scatter_reduce(
            0, rows, updates.reshape(-1, *rest), self.reduction
        )
        return joined.reshape(x.shape)


@operator("ScatterElements", "Scatter")
class ScatterElements(Operation):
    """A copy with one number per index replaced, or joined with another, along an axis."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.axis = node.integer("axis", 0)
        self.reduction = _reduction(node)

    def compute(self, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
        places = _from_start(indices, x.shape[self.axis])
        if self.reduction is None:
            return x.scatter(self.axis, places, updates)
        return x.scatter_reduce(self.axis, places, updates, self.reduction)


@operator("OneHot")
class OneHot(Operation):
    """One number at an index along a new axis, another elsewhere."""

    settings = frozenset({1})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.axis = node.integer("axis", -1)

    def compute(self, indices: Tensor, depth: Tensor, values: Tensor) -> Tensor:
        (count,) = bounded([int(depth)])
        bounded([*indices.shape, count])
        places = torch.arange(count, device=indices.device)
        rank = indices.dim() + 1
        shape = [1] * rank
        shape[self.axis] = count
        index = indices.unsqueeze(self.axis).to(torch.int64)
        inside = (index >= -count) & (index < count)
        is_there = inside & (places.reshape(shape) == _from_start(index, count))
        return torch.where(is_there, values[1], values[0])


@operator("Compress")
class Compress(Operation):
    """The slices of an axis, or the numbers, for which a condition holds."""

    settings = frozenset({1})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.axis = node.integer("axis", 0) if node.given("axis") else None

    def compute(self, x: Tensor, condition: Tensor) -> Tensor:
        chosen = condition.nonzero().flatten().to(x.device)
        if self.axis is None:
            return x.flatten().index_select(0, chosen)
        return x.index_select(self.axis, chosen)


@operator("ReverseSequence")
class ReverseSequence(Operation):
    """The first steps of each sequence of a batch, in the other order."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.batch_axis = node.integer("batch_axis", 1)
        self.time_axis = node.integer("time_axis", 0)

    def compute(self, x: Tensor, lengths: Tensor) -> Tensor:
        shape = [1] * x.dim()
        shape[self.batch_axis], shape[self.time_axis] = -1, 1
        last = lengths.long().reshape(shape)
        shape[self.batch_axis], shape[self.time_axis] = 1, -1
        step = torch.arange(x.shape[self.time_axis], device=x.device).reshape(shape)
        places = torch.where(step < last, last - 1 - step, step)
        return x.gather(self.time_axis, places.expand(x.shape))


@operator("EyeLike")
class EyeLike(Operation):
    """Ones on a diagonal, zeros elsewhere."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.diagonal = node.integer("k", 0)
        self.dtype = node.dtype("dtype")

    def compute(self, x: Tensor) -> Tensor:
        rows, columns = x.shape
        bounded(x.shape, MAX_FROM_NOTHING)
        row = torch.arange(rows, device=x.device).unsqueeze(1)
        column = torch.arange(columns, device=x.device)
        return (column - row == self.diagonal).to(self.dtype or x.dtype)


@operator("NonZero")
class NonZero(Operation):
    """Where the numbers are that aren't zero."""

    def compute(self, x: Tensor) -> Tensor:
        return x.nonzero().T

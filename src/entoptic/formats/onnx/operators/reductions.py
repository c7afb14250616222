"""Operators that make one number of many, along axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from entoptic.formats.onnx.operators.layout import AlongAxes
from entoptic.formats.onnx.operators.operation import Node, Operation, operator


class Reduction(AlongAxes):
    """One number of all those along some axes, or along all."""

    function: ClassVar[Callable[[Tensor, list[int], bool], Tensor]]

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.keep = node.flag("keepdims", True)
        self.none_means_nothing = node.flag("noop_with_empty_axes")

    def compute(self, x: Tensor, axes: Tensor | None = None) -> Tensor:
        chosen = self.chosen(axes) or []
        if not chosen:
            if self.none_means_nothing:
                return x
            chosen = list(range(x.dim()))
        return type(self).function(x, chosen, self.keep)


@operator("ReduceMean")
class ReduceMean(Reduction):
    function = torch.mean


@operator("ReduceSum")
class ReduceSum(Reduction):
    def compute(self, x: Tensor, axes: Tensor | None = None) -> Tensor:
        return super().compute(x, axes).to(x.dtype)  # torch widens small whole numbers

    function = torch.sum


def _lowest(dtype: torch.dtype) -> float | int | bool:
    """The number below all others of a type."""
    if dtype == torch.bool:
        return False
    return -math.inf if dtype.is_floating_point else torch.iinfo(dtype).min


def _highest(dtype: torch.dtype) -> float | int | bool:
    """The number above all others of a type."""
    if dtype == torch.bool:
        return True
    return math.inf if dtype.is_floating_point else torch.iinfo(dtype).max


def _over_nothing(x: Tensor, axes: list[int], keep: bool, number: float | int | bool) -> Tensor:
    """What a reduction gives along axes of no length: its neutral number."""
    shape = [
        1 if axis in {axis % x.dim() for axis in axes} else size
        for axis, size in enumerate(x.shape)
    ]
    made = x.new_full(shape, number)
    return made if keep else made.squeeze(axes)


def _maximum(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    if x.numel() == 0:
        return _over_nothing(x, axes, keep, _lowest(x.dtype))
    return torch.amax(x, axes, keep)


def _minimum(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    if x.numel() == 0:
        return _over_nothing(x, axes, keep, _highest(x.dtype))
    return torch.amin(x, axes, keep)


@operator("ReduceMax")
class ReduceMax(Reduction):
    function = _maximum


@operator("ReduceMin")
class ReduceMin(Reduction):
    function = _minimum


def _log_sum(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return x.sum(axes, keep).log()


@operator("ReduceLogSum")
class ReduceLogSum(Reduction):
    function = _log_sum


@operator("ReduceLogSumExp")
class ReduceLogSumExp(Reduction):
    function = torch.logsumexp


def _product(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = torch.prod(x, axis, keep, dtype=x.dtype)
    return x


@operator("ReduceProd")
class ReduceProd(Reduction):
    function = _product


def _length(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(x, 2, axes, keep)  # its gradient at zero is zero
    return length


@operator("ReduceL2")
class ReduceL2(Reduction):
    function = _length


def _absolute_sum(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return x.abs().sum(axes, keep)


@operator("ReduceL1")
class ReduceL1(Reduction):
    function = _absolute_sum


def _square_sum(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return x.square().sum(axes, keep)


@operator("ReduceSumSquare")
class ReduceSumSquare(Reduction):
    function = _square_sum


class ArgReduction(Operation):
    """Where along an axis the largest (or smallest) number is."""

    function: ClassVar[Callable[[Tensor, int, bool], Tensor]]

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.axis = node.integer("axis", 0)
        self.keep = node.flag("keepdims", True)
        self.last = node.flag("select_last_index")

    def compute(self, x: Tensor) -> Tensor:
        if not self.last:
            return type(self).function(x, self.axis, self.keep)
        from_end = type(self).function(x.flip(self.axis), self.axis, self.keep)
        return x.shape[self.axis] - 1 - from_end


@operator("ArgMax")
class ArgMax(ArgReduction):
    function = torch.argmax


@operator("ArgMin")
class ArgMin(ArgReduction):
    function = torch.argmin


@operator("TopK")
class TopK(Operation):
    """The largest (or smallest) numbers along an axis, and where they are.

    Among equal numbers the first comes first, which torch's own `topk` doesn't promise.
    """

    settings = frozenset({1})
    several = True

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.axis = node.integer("axis", -1)
        self.largest = node.flag("largest", True)
        node.ignore("sorted")  # sorted ones are right where any order is
        self.count = node.integer("k", 0)

    def compute(self, x: Tensor, count: Tensor | None = None) -> tuple[Tensor, ...]:
        k = self.count if count is None else int(count)
        if not 0 <= k <= x.shape[self.axis]:
            raise ValueError(f"there are no {k} numbers along an axis of {x.shape[self.axis]}")
        numbers, places = torch.sort(x, dim=self.axis, descending=self.largest, stable=True)
        return numbers.narrow(self.axis, 0, k), places.narrow(self.axis, 0, k)


@operator("Hardmax")
class Hardmax(Operation):
    """One where the largest number along an axis is, the first among equals; zero elsewhere."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        # Before opset 13 all axes from the given one on are one, as for Softmax.
        self.is_flat = node.opset < 13
        self.axis = node.integer("axis", 1 if self.is_flat else -1)

    def compute(self, x: Tensor) -> Tensor:
        flat = x.flatten(self.axis) if self.is_flat else x
        axis = -1 if self.is_flat else self.axis
        largest = flat.argmax(axis, keepdim=True)
        return torch.zeros_like(flat).scatter(axis, largest, 1.0).reshape(x.shape)

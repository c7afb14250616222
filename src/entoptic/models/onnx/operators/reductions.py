"""Operators that make one number of many, along axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from entoptic.models.onnx.operators.layout import AlongAxes
from entoptic.models.onnx.operators.operation import Node, Operation, operator


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


@operator("ReduceMax")
class ReduceMax(Reduction):
    function = torch.amax


@operator("ReduceMin")
class ReduceMin(Reduction):
    function = torch.amin


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
    return x.square().sum(axes, keep).sqrt()


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
    """The largest (or smallest) numbers along an axis, and where they are."""

    settings = frozenset({1})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.axis = node.integer("axis", -1)
        self.largest = node.flag("largest", True)
        self.sorted = node.flag("sorted", True)
        self.count = node.integer("k", 0)

    def compute(self, x: Tensor, count: Tensor | None = None) -> tuple[Tensor, ...]:
        k = self.count if count is None else int(count)
        return tuple(torch.topk(x, k, self.axis, self.largest, self.sorted))

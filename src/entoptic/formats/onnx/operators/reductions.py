"""Operators that make one number of many, along axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from entoptic.formats.onnx.operators.layout import setting
from entoptic.formats.onnx.operators.operation import operation

Reduction: TypeAlias = Callable[[Tensor, list[int], bool], Tensor]


def _over_nothing(x: Tensor, axes: list[int], keep: bool, number: float | int | bool) -> Tensor:
    """Return the result along axes of no length: the reduction's neutral number."""
    chosen = {axis % x.dim() for axis in axes}
    made = x.new_full([1 if axis in chosen else n for axis, n in enumerate(x.shape)], number)
    return made if keep else made.squeeze(axes)


def _maximum(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    if x.numel():
        return torch.amax(x, axes, keep)
    return _over_nothing(x, axes, keep, _bounds(x.dtype)[0])


def _minimum(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    if x.numel():
        return torch.amin(x, axes, keep)
    return _over_nothing(x, axes, keep, _bounds(x.dtype)[1])


def _bounds(dtype: torch.dtype) -> tuple[float | int | bool, float | int | bool]:
    """Return the numbers below and above all others of a type."""
    if dtype == torch.bool:
        return False, True
    if dtype.is_floating_point:
        return -math.inf, math.inf
    return torch.iinfo(dtype).min, torch.iinfo(dtype).max


def _product(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = torch.prod(x, axis, keep, dtype=x.dtype)
    return x


_REDUCTIONS: dict[str, Reduction] = {
    "ReduceMean": torch.mean,
    "ReduceSum": lambda x, axes, keep: x.sum(axes, keep).to(x.dtype),  # not widened, as torch does
    "ReduceMax": _maximum,
    "ReduceMin": _minimum,
    "ReduceLogSum": lambda x, axes, keep: x.sum(axes, keep).log(),
    "ReduceLogSumExp": torch.logsumexp,
    "ReduceProd": _product,
    # Its gradient at zero is zero.
    "ReduceL2": lambda x, axes, keep: torch.linalg.vector_norm(x, 2, axes, keep),
    "ReduceL1": lambda x, axes, keep: x.abs().sum(axes, keep),
    "ReduceSumSquare": lambda x, axes, keep: x.square().sum(axes, keep),
}


def _reduction(function: Reduction) -> Callable[..., Tensor]:
    def compute(
        x: Tensor,
        along: Tensor | None = None,
        *,
        axes: tuple[int, ...] | None = None,
        keepdims: bool = True,
        noop_with_empty_axes: bool = False,
    ) -> Tensor:
        chosen = setting(along, axes)
        if not chosen and noop_with_empty_axes:
            return x
        return function(x, chosen or list(range(x.dim())), keepdims)

    return compute


for _name, _function in _REDUCTIONS.items():
    operation(_name, settings=[1])(_reduction(_function))


def _extreme(find: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def compute(
        x: Tensor, *, axis: int = 0, keepdims: bool = True, select_last_index: bool = False
    ) -> Tensor:
        if not select_last_index:
            return find(x, axis, keepdims)
        return x.shape[axis] - 1 - find(x.flip(axis), axis, keepdims)

    return compute


operation("ArgMax")(_extreme(torch.argmax))
operation("ArgMin")(_extreme(torch.argmin))


# Sorted numbers are right where any order is.
@operation("TopK", settings=[1], several=True, ignored="sorted")
def top_k(
    x: Tensor, count: Tensor | None = None, *, axis: int = -1, largest: bool = True, k: int = 0
) -> tuple[Tensor, ...]:
    """The largest (or smallest) numbers along an axis, and their indices.

    Among equal numbers the first comes first, which torch's own `topk` doesn't promise.
    """
    wanted = k if count is None else int(count)
    if not 0 <= wanted <= x.shape[axis]:
        raise ValueError(f"there are no {wanted} numbers along an axis of {x.shape[axis]}")
    numbers, indices = torch.sort(x, dim=axis, descending=largest, stable=True)
    return numbers.narrow(axis, 0, wanted), indices.narrow(axis, 0, wanted)


@operation("Hardmax")
def hardmax(x: Tensor, *, axis: int | None = None, opset: int) -> Tensor:
    """One where the largest number along an axis is, the first among equals; zero elsewhere."""
    if opset >= 13:
        axis = -1 if axis is None else axis
        return torch.zeros_like(x).scatter(axis, x.argmax(axis, keepdim=True), 1.0)
    flat = x.flatten(1 if axis is None else axis)  # as for Softmax, all axes from it on are one
    return torch.zeros_like(flat).scatter(-1, flat.argmax(-1, keepdim=True), 1.0).reshape(x.shape)

"""Pooling over windows and over everything."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from entoptic.formats.onnx.operators.operation import (
    Node,
    bounded,
    by_rank,
    operation,
    operator,
    repeated,
    whole_numbers,
)
from entoptic.formats.onnx.operators.windows import pad, pool_window, spatial_sizes
from entoptic.formats.windows import Window

_MAX_POOLS: tuple[Callable[..., Any], ...] = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
_AVERAGE_POOLS: tuple[Callable[..., Tensor], ...] = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


@operator("MaxPool")
def max_pool(node: Node) -> nn.Module:
    """Make a maximum over a window; padding never wins."""
    window = pool_window(node)
    by_columns = node.flag("storage_order", False)  # concerns only the second output
    if node.uses(1):
        return max_pool_with_positions(node, window=window, by_columns=by_columns)
    kind = by_rank((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), len(window.kernel) + 2)
    if window.pool_padding is None or kind is None:
        return padded_max_pool(node, window=window)
    sizes = window.kernel, window.stride, window.pool_padding, window.dilation
    return kind(*sizes, ceil_mode=window.ceil)


def _max_pooled(x: Tensor, window: Window, **options: Any) -> Any:
    # The lowest finite number: an infinity would give NaN where a window holds nothing else.
    padded = pad(x, window.exact(spatial_sizes(x, window)), torch.finfo(x.dtype).min)
    pool = _MAX_POOLS[len(window.kernel) - 1]
    return pool(padded, window.kernel, window.stride, dilation=window.dilation, **options)


@operation()
def padded_max_pool(x: Tensor, *, window: Window) -> Tensor:
    """Maximum over a window whose padding torch's own pooling doesn't have."""
    made: Tensor = _max_pooled(x, window)
    return made


@operation(several=True)
def max_pool_with_positions(x: Tensor, *, window: Window, by_columns: bool) -> tuple[Tensor, ...]:
    """Maximum over a window, and the number of the position that it comes from.

    Positions are counted through the whole tensor; within a channel row by row, or by columns.
    """
    made, positions = _max_pooled(x, window, return_indices=True)
    sizes = spatial_sizes(x, window)
    pads = window.exact(sizes)
    padded = [begin + size + end for size, (begin, end) in zip(sizes, pads, strict=True)]
    axes = list(zip(torch.unravel_index(positions, padded), pads, sizes, strict=True))
    flat = torch.zeros_like(positions)
    for position, (begin, _), size in reversed(axes) if by_columns else axes:
        flat = flat * size + position - begin
    first = torch.arange(x.shape[0] * x.shape[1], device=x.device) * math.prod(sizes)
    return made, flat + first.reshape(*x.shape[:2], *(1,) * len(sizes))


@operation("MaxUnpool", settings=[2])
def max_unpool(
    x: Tensor, positions: Tensor, wanted: Tensor | None = None, *, window: Window
) -> Tensor:
    """Maxima put back to the positions that they came from, zeros elsewhere."""
    shape = bounded([*x.shape[:2], *window.grown(spatial_sizes(x, window))])
    made = x.new_zeros(math.prod(shape)).scatter(0, positions.flatten(), x.flatten())
    made = made.reshape(shape)
    if wanted is None:
        return made
    larger = bounded(whole_numbers(wanted))
    return pad(made, [(0, new - old) for new, old in zip(larger, shape, strict=True)])


def summed(x: Tensor, window: Window) -> Tensor:
    """Sum over each window of an input that is padded already."""
    count = len(window.kernel)
    if all(dilation == 1 for dilation in window.dilation):
        mean = _AVERAGE_POOLS[count - 1](x, window.kernel, window.stride)
        return mean * math.prod(window.kernel)
    repeated(math.prod(window.kernel))
    rows = zip(x.shape[-count:], window.spans, window.stride, strict=True)
    lasts = [(size - span) // step * step + 1 for size, span, step in rows]
    parts = []
    for tap in itertools.product(*map(range, window.kernel)):
        along = zip(tap, window.dilation, lasts, window.stride, strict=True)
        cuts = [slice(at * apart, at * apart + last, step) for at, apart, last, step in along]
        where: tuple[Any, ...] = (..., *cuts)
        parts.append(x[where])
    return reduce(torch.add, parts)


@operator("AveragePool")
def average_pool(node: Node) -> nn.Module:
    """Make a mean over a window, with or without the padding."""
    window = pool_window(node)
    is_dilated = any(dilation != 1 for dilation in window.dilation)
    count_pads = node.flag("count_include_pad", False)
    kind = by_rank((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), len(window.kernel) + 2)
    if window.pool_padding is None or kind is None or is_dilated:
        return padded_average_pool(node, window=window, count_pads=count_pads)
    sizes = window.kernel, window.stride, window.pool_padding
    return kind(*sizes, ceil_mode=window.ceil, count_include_pad=count_pads)


@operation()
def padded_average_pool(x: Tensor, *, window: Window, count_pads: bool) -> Tensor:
    """Mean over a window whose padding torch's own pooling doesn't have."""
    sizes = spatial_sizes(x, window)
    exact = window.exact(sizes)
    counted = torch.ones((1, 1, *sizes), device=x.device, dtype=x.dtype)
    rest = exact
    if count_pads:  # what only hangs over the end is never counted
        declared = window.declared(sizes)
        counted = pad(counted, declared, 1.0)
        rest = [(0, whole - part) for (_, whole), (_, part) in zip(exact, declared, strict=True)]
    return summed(pad(x, exact), window) / summed(pad(counted, rest), window)


@operation("LpPool")
def lp_pool(x: Tensor, *, window: Window, p: float = 2.0) -> Tensor:
    """The p-norm over a window."""
    powers = pad(x.abs().pow(p), window.exact(spatial_sizes(x, window)))
    return root(summed(powers, window), p)


def root(x: Tensor, power: float) -> Tensor:
    """Return a root of positive numbers; of 0, where its gradient would be infinite, it is 0."""
    is_positive = x > 0
    return torch.where(is_positive, torch.where(is_positive, x, 1.0).pow(1 / power), x)


@operation("GlobalLpPool")
def global_lp_pool(x: Tensor, *, p: float = 2.0) -> Tensor:
    """The p-norm over all positions."""
    return root(x.abs().pow(p).sum(tuple(range(2, x.dim())), True), p)


_GLOBAL_AVERAGES = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
_GLOBAL_MAXIMA = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)


@operator("GlobalAveragePool")
def global_average_pool(node: Node) -> nn.Module:
    """Make a mean over all positions."""
    kind = by_rank(_GLOBAL_AVERAGES, node.rank())
    return kind(1) if kind is not None else unranked_average(node)


@operator("GlobalMaxPool")
def global_max_pool(node: Node) -> nn.Module:
    """Make a maximum over all positions."""
    kind = by_rank(_GLOBAL_MAXIMA, node.rank())
    return kind(1) if kind is not None else unranked_maximum(node)


@operation(kind="GlobalAveragePool")
def unranked_average(x: Tensor) -> Tensor:
    """Mean over all positions, however many axes they have."""
    return x.mean(tuple(range(2, x.dim())), keepdim=True)


@operation(kind="GlobalMaxPool")
def unranked_maximum(x: Tensor) -> Tensor:
    """Maximum over all positions, however many axes they have."""
    return x.amax(tuple(range(2, x.dim())), keepdim=True)

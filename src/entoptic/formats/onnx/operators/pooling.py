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
    Operation,
    bounded,
    by_rank,
    operator,
    repeated,
    whole_numbers,
)
from entoptic.formats.onnx.operators.windows import Window, pad, spatial_sizes

_MAX_POOLS: tuple[Callable[..., Tensor], ...] = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
_AVERAGE_POOLS: tuple[Callable[..., Tensor], ...] = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


def _pool_window(node: Node) -> Window:
    kernel = node.integers("kernel_shape") or ()
    if not 1 <= len(kernel) <= 3:
        node.refuse(f"kernel_shape is {list(kernel)}; it needs 1 to 3 numbers")
    return Window.read(node, node.sizes("kernel_shape", len(kernel), 1))


@operator("MaxPool")
def max_pool(node: Node) -> nn.Module:
    """Maximum over a window; what is padded never wins."""
    by_columns = node.flag("storage_order")  # concerns only the second output
    window = _pool_window(node)
    if node.uses(1):
        return MaxPoolWithPlaces(node, window, by_columns)
    kind = by_rank((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), len(window.kernel) + 2)
    if window.pool_padding is None or kind is None:
        return PaddedMaxPool(node, window)
    return kind(
        window.kernel,
        window.stride,
        window.pool_padding,
        window.dilation,
        ceil_mode=window.ceil,
    )


class PaddedMaxPool(Operation):
    """Maximum over a window whose padding torch's own pooling doesn't have."""

    def __init__(self, node: Node, window: Window) -> None:
        super().__init__(node)
        self.window = window

    def compute(self, x: Tensor) -> Tensor:
        window = self.window
        # The lowest finite number: an infinity would give NaN where a window holds nothing else.
        x = pad(x, window.exact(spatial_sizes(x, window)), torch.finfo(x.dtype).min)
        pool = _MAX_POOLS[len(window.kernel) - 1]
        return pool(x, window.kernel, window.stride, dilation=window.dilation)


class MaxPoolWithPlaces(Operation):
    """Maximum over a window, and the number of the place that it comes from.

    Places are counted through the whole tensor; within a channel row by row, or column by column.
    """

    several = True

    def __init__(self, node: Node, window: Window, by_columns: bool) -> None:
        super().__init__(node)
        self.window = window
        self.by_columns = by_columns

    def compute(self, x: Tensor) -> tuple[Tensor, ...]:
        window, sizes = self.window, spatial_sizes(x, self.window)
        pads = window.exact(sizes)
        padded = pad(x, pads, torch.finfo(x.dtype).min)
        pool = _MAX_POOLS[len(window.kernel) - 1]
        made, places = pool(
            padded, window.kernel, window.stride, dilation=window.dilation, return_indices=True
        )
        along = torch.unravel_index(places, padded.shape[2:])
        axes = list(zip(along, pads, sizes, strict=True))
        flat = torch.zeros_like(places)
        for place, (begin, _), size in reversed(axes) if self.by_columns else axes:
            flat = flat * size + place - begin
        channels = x.shape[0] * x.shape[1]
        first = torch.arange(channels, device=x.device) * math.prod(sizes)
        return made, flat + first.reshape(*x.shape[:2], *(1,) * len(sizes))


@operator("MaxUnpool")
class MaxUnpool(Operation):
    """Maxima put back to the places that they came from, zeros elsewhere."""

    settings = frozenset({2})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.window = _pool_window(node)

    def compute(self, x: Tensor, places: Tensor, wanted: Tensor | None = None) -> Tensor:
        window = self.window
        rows = zip(
            spatial_sizes(x, window),
            window.stride,
            window.kernel,
            window.begin,
            window.end,
            strict=True,
        )
        sizes = [(size - 1) * step + span - a - b for size, step, span, a, b in rows]
        shape = bounded([*x.shape[:2], *sizes])
        made = x.new_zeros(math.prod(shape)).scatter(0, places.flatten(), x.flatten())
        made = made.reshape(shape)
        if wanted is None:
            return made
        larger = bounded(whole_numbers(wanted))
        return pad(made, [(0, new - old) for new, old in zip(larger, shape, strict=True)])


def summed(x: Tensor, window: Window) -> Tensor:
    """The sum over each window of an input that is padded already."""
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
    """Mean over a window, with or without what is padded."""
    window = _pool_window(node)
    is_dilated = any(dilation != 1 for dilation in window.dilation)
    count_pads = node.flag("count_include_pad")
    kind = by_rank((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), len(window.kernel) + 2)
    if window.pool_padding is None or kind is None or is_dilated:
        return PaddedAveragePool(node, window, count_pads)
    return kind(
        window.kernel,
        window.stride,
        window.pool_padding,
        ceil_mode=window.ceil,
        count_include_pad=count_pads,
    )


class PaddedAveragePool(Operation):
    """Mean over a window whose padding torch's own pooling doesn't have."""

    def __init__(self, node: Node, window: Window, count_pads: bool) -> None:
        super().__init__(node)
        self.window = window
        self.count_pads = count_pads

    def compute(self, x: Tensor) -> Tensor:
        window = self.window
        sizes = spatial_sizes(x, window)
        exact, declared = window.exact(sizes), window.declared(sizes)
        counted = torch.ones((1, 1, *sizes), device=x.device, dtype=x.dtype)
        if self.count_pads:  # what only hangs over the end is never counted
            counted = pad(counted, declared, 1.0)
            rest = [
                (0, whole - part) for (_, whole), (_, part) in zip(exact, declared, strict=True)
            ]
            counted = pad(counted, rest)
        else:
            counted = pad(counted, exact)
        return summed(pad(x, exact), window) / summed(counted, window)


@operator("LpPool")
class LpPool(Operation):
    """The p-norm over a window."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.window = _pool_window(node)
        self.power = node.number("p", 2.0)

    def compute(self, x: Tensor) -> Tensor:
        window = self.window
        powers = pad(x.abs().pow(self.power), window.exact(spatial_sizes(x, window)))
        return root(summed(powers, window), self.power)


def root(x: Tensor, power: float) -> Tensor:
    """A root of what is positive, and 0 of 0, where its gradient would be infinite, is 0."""
    is_positive = x > 0
    return torch.where(is_positive, torch.where(is_positive, x, 1.0).pow(1 / power), x)


@operator("GlobalLpPool")
class GlobalLpPool(Operation):
    """The p-norm over all places."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.power = node.number("p", 2.0)

    def compute(self, x: Tensor) -> Tensor:
        return root(x.abs().pow(self.power).sum(tuple(range(2, x.dim())), True), self.power)


_GLOBAL_AVERAGES = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
_GLOBAL_MAXIMA = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)


@operator("GlobalAveragePool")
def global_average_pool(node: Node) -> nn.Module:
    """Mean over all places."""
    kind = by_rank(_GLOBAL_AVERAGES, node.rank())
    return kind(1) if kind is not None else GlobalAveragePool(node)


@operator("GlobalMaxPool")
def global_max_pool(node: Node) -> nn.Module:
    """Maximum over all places."""
    kind = by_rank(_GLOBAL_MAXIMA, node.rank())
    return kind(1) if kind is not None else GlobalMaxPool(node)


class GlobalAveragePool(Operation):
    """Mean over all places, however many axes they have."""

    def compute(self, x: Tensor) -> Tensor:
        return x.mean(tuple(range(2, x.dim())), keepdim=True)


class GlobalMaxPool(Operation):
    """Maximum over all places, however many axes they have."""

    def compute(self, x: Tensor) -> Tensor:
        return x.amax(tuple(range(2, x.dim())), keepdim=True)

"""Pooling over windows and over everything."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from entoptic.models.onnx.operators.operation import Node, Operation, by_rank, operator
from entoptic.models.onnx.operators.windows import Window, pad, spatial_sizes

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
    node.ignore("storage_order")  # concerns only the second output
    window = _pool_window(node)
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


@operator("AveragePool")
def average_pool(node: Node) -> nn.Module:
    """Mean over a window, with or without what is padded."""
    window = _pool_window(node)
    if any(dilation != 1 for dilation in window.dilation):
        node.refuse("dilated average pooling isn't imported")
    count_pads = node.flag("count_include_pad")
    kind = by_rank((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), len(window.kernel) + 2)
    if window.pool_padding is None or kind is None:
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
        pool = _AVERAGE_POOLS[len(window.kernel) - 1]
        total = pool(pad(x, exact), window.kernel, window.stride)
        return total / pool(counted, window.kernel, window.stride)


@operator("LpPool")
class LpPool(Operation):
    """The p-norm over a window."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.window = _pool_window(node)
        if any(dilation != 1 for dilation in self.window.dilation):
            node.refuse("dilated norm pooling isn't imported")
        self.power = node.number("p", 2.0)

    def compute(self, x: Tensor) -> Tensor:
        window = self.window
        powers = pad(x.abs().pow(self.power), window.exact(spatial_sizes(x, window)))
        pool = _AVERAGE_POOLS[len(window.kernel) - 1]
        count = torch.Size(window.kernel).numel()
        return (pool(powers, window.kernel, window.stride) * count).pow(1 / self.power)


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

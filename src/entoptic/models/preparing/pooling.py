"""Max-pooling that doesn't keep where its maxima were."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class LeanMaxPool(nn.Module):
    """Max-pooling that looks for its maxima again on the way back.

    PyTorch keeps their places as numbers of 64 bits: with windows that overlap they take up to four
    times the memory of the maps themselves in bfloat16.
    """

    def __init__(self, pool: nn.MaxPool2d) -> None:
        super().__init__()
        stride = pool.stride or pool.kernel_size
        self.window = (pool.kernel_size, stride, pool.padding, pool.dilation, pool.ceil_mode)

    def forward(self, x: Tensor) -> Tensor:
        y = _MaxPool.apply(x, self.window)
        assert isinstance(y, Tensor)
        return y


def is_plain_pool(layer: nn.Module | None) -> bool:
    """Whether a layer is max-pooling that gives nothing but maxima."""
    return type(layer) is nn.MaxPool2d and not layer.return_indices


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, window: Any) -> Tensor:
        ctx.window = window
        ctx.save_for_backward(x)
        y, _ = _pooled(x, window)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        _, places = _pooled(x, ctx.window)
        pairs = [_pair(each) for each in ctx.window[:4]]
        ceil = ctx.window[4]
        back: Tensor = torch.ops.aten.max_pool2d_with_indices_backward(
            gradient, x, *pairs, ceil, places
        )
        return back, None


def _pooled(x: Tensor, window: Any) -> tuple[Tensor, Tensor]:
    pairs = [_pair(each) for each in window[:4]]
    y, places = torch.ops.aten.max_pool2d_with_indices(x, *pairs, window[4])
    return y, places


def _pair(value: int | tuple[int, int]) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)

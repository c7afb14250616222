"""Max-pooling that keeps little of the forward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from entoptic.models.preparing.convolution import Rectifier


class LeanMaxPool(nn.Module):
    """Max-pooling that keeps where its maxima were in few bits, or else looks for them again.

    PyTorch keeps them in 64 bits, and the maps themselves. What is kept here is whatever is
    smaller: windows that are far apart have few maxima, and those that overlap at every place have
    as many as there are numbers.

    Args:
        pool: whose geometry holds.
        rectifier: of the maps, already done; its gradient is done here, on the fewer maxima.
    """

    def __init__(self, pool: nn.MaxPool2d, rectifier: Rectifier | None = None) -> None:
        super().__init__()
        self.window = (
            _pair(pool.kernel_size),
            _pair(pool.stride or pool.kernel_size),
            _pair(pool.padding),
            _pair(pool.dilation),
            pool.ceil_mode,
        )
        self.rectifier = rectifier

    def forward(self, x: Tensor) -> Tensor:
        y = _MaxPool.apply(x, self)
        assert isinstance(y, Tensor)
        return y


def is_plain_pool(layer: nn.Module | None) -> bool:
    """Whether a layer is max-pooling that gives nothing but maxima."""
    return type(layer) is nn.MaxPool2d and not layer.return_indices


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, pool: LeanMaxPool) -> Tensor:
        y, places = torch.ops.aten.max_pool2d_with_indices(x, *pool.window)
        assert isinstance(y, Tensor)
        ctx.pool = pool
        ctx.size, ctx.layout = x.shape, _layout(x)
        places = narrowed(places, x)
        kept = places if places.nbytes <= x.nbytes else x
        ctx.save_for_backward(kept, *([] if pool.rectifier is None else [y]))
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        pool: LeanMaxPool = ctx.pool
        kept, *rectified = ctx.saved_tensors
        if pool.rectifier is not None:
            gradient = pool.rectifier.back(gradient, *rectified)
        back = torch.empty(
            ctx.size, dtype=gradient.dtype, device=gradient.device, memory_format=ctx.layout
        )
        if not kept.is_floating_point():
            # Of the maps themselves nothing but the size is looked at, so that `back` does as well.
            x, places = back, kept.to(torch.int64)
        else:
            x = kept
            _, places = torch.ops.aten.max_pool2d_with_indices(x, *pool.window)
        torch.ops.aten.max_pool2d_with_indices_backward.grad_input(
            gradient, x, *pool.window, places, grad_input=back
        )
        return back, None


def narrowed(places: Tensor, x: Tensor) -> Tensor:
    """Places in maps with as few bits as these need."""
    short = x.shape[2] * x.shape[3] - 1 <= torch.iinfo(torch.int16).max
    return places.to(torch.int16 if short else torch.int32)


def _layout(x: Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


def _pair(value: int | tuple[int, int]) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)

"""Max-pooling that keeps little of the forward pass."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from entoptic.networks.compile.passes.convolution import Rectifier

# Numbers that a CPU pools at once: their places take 64 bits at first.
_AT_ONCE = 1 << 22
# Images that are, at least.
_TOGETHER = 4
# Bands into which an image falls at most.
_MOST_BANDS = 16


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
        bands = self._bands(x)
        y = _whole(_MaxPool.apply(_banded(x, bands), self), bands)
        assert isinstance(y, Tensor)
        return y

    def _bands(self, x: Tensor) -> int:
        """Into how many bands of rows images fall of which each window sees one alone.

        Bands are images of a batch, over which PyTorch's way back is spread on a CPU.
        """
        kernel, stride, padding, dilation, _ = self.window
        apart = kernel == stride and padding == [0, 0] and dilation == [1, 1]
        rows = x.shape[2] // stride[0]
        if x.device.type != "cpu" or not apart or rows * stride[0] != x.shape[2]:
            return 1
        return math.gcd(rows, _MOST_BANDS) if _layout(x) == torch.channels_last else 1


def _banded(x: Tensor, bands: int) -> Tensor:
    """Bands of images as the images of a batch."""
    if bands == 1:
        return x
    count, channels, height, width = x.shape
    rows = x.permute(0, 2, 3, 1).reshape(count * bands, height // bands, width, channels)
    return rows.permute(0, 3, 1, 2)


def _whole(x: Tensor, bands: int) -> Tensor:
    """Images of bands."""
    if bands == 1:
        return x
    count, channels, height, width = x.shape
    rows = x.permute(0, 2, 3, 1).reshape(count // bands, height * bands, width, channels)
    return rows.permute(0, 3, 1, 2)


def is_plain_pool(layer: nn.Module | None) -> bool:
    """Whether a layer is max-pooling that gives nothing but maxima."""
    return type(layer) is nn.MaxPool2d and not layer.return_indices


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, pool: LeanMaxPool) -> Tensor:
        few = max(_TOGETHER, _AT_ONCE // x.shape[1:].numel())
        ctx.together = few if x.device.type == "cpu" else len(x)
        found, places = [], []
        for part in torch.split(x, ctx.together):
            y, where = torch.ops.aten.max_pool2d_with_indices(part, *pool.window)
            found.append(y)
            places.append(narrowed(where, part))
        y = found[0] if len(found) == 1 else torch.cat(found)
        ctx.pool = pool
        ctx.size, ctx.layout = x.shape, _layout(x)
        ctx.looks_again = sum(each.nbytes for each in places) > x.nbytes
        ctx.save_for_backward(
            None if pool.rectifier is None else y, *([x] if ctx.looks_again else places)
        )
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        pool: LeanMaxPool = ctx.pool
        rectified, *kept = ctx.saved_tensors
        if pool.rectifier is not None:
            gradient = pool.rectifier.back(gradient, rectified)
        back = torch.empty(
            ctx.size, dtype=gradient.dtype, device=gradient.device, memory_format=ctx.layout
        )
        if ctx.looks_again:
            kept = torch.split(kept[0], ctx.together)
        parts = (torch.split(each, ctx.together) for each in (gradient, back))
        for given, part, own in zip(*parts, kept, strict=True):
            if ctx.looks_again:
                _, places = torch.ops.aten.max_pool2d_with_indices(own, *pool.window)
            else:
                places = own.to(torch.int64)
            # Of the maps themselves nothing but the size is looked at, so that `part` does as well.
            torch.ops.aten.max_pool2d_with_indices_backward.grad_input(
                given, part, *pool.window, places, grad_input=part
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

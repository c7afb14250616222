"""Max-pooling that keeps little of the forward pass."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from entoptic.networks.compile.kernels.rectifier import Rectifier, is_unfused

# Numbers that a CPU pools at once: their positions take 64 bits at first.
_AT_ONCE = 1 << 22
# Images that are, at least.
_TOGETHER = 4
# Bands into which an image falls at most.
_MOST_BANDS = 16


class Window(NamedTuple):
    """The window of a pool, as torch's operators are given it."""

    kernel: list[int]
    stride: list[int]
    padding: list[int]
    dilation: list[int]
    ceil: bool

    def maxima(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maxima, and the position of each in its map."""
        found: tuple[Tensor, Tensor] = torch.ops.aten.max_pool2d_with_indices(x, *self)
        return found

    def scatter(self, gradient: Tensor, positions: Tensor, back: Tensor) -> None:
        """Write into `back` the gradient of the maps, from that of the maxima."""
        # Of the maps themselves nothing but the size is looked at, so that `back` does as well.
        torch.ops.aten.max_pool2d_with_indices_backward.grad_input(
            gradient, back, *self, positions.to(torch.int64), grad_input=back
        )


class LeanMaxPool(nn.Module):
    """Max-pooling that keeps the positions of its maxima in few bits, or else finds them again.

    PyTorch keeps them in 64 bits, and the maps themselves. Here whatever is smaller is kept:
    windows that are far apart have few maxima, and those that overlap at every position have as
    many as there are numbers.

    Args:
        pool: the layer.
        rectifier: of the maps, already applied; its mask is applied here, to the fewer maxima.
    """

    def __init__(self, pool: nn.MaxPool2d, rectifier: Rectifier | None = None) -> None:
        super().__init__()
        self.window = Window(
            _pair(pool.kernel_size),
            _pair(pool.stride or pool.kernel_size),
            _pair(pool.padding),
            _pair(pool.dilation),
            pool.ceil_mode,
        )
        self.rectifier = rectifier

    def forward(self, x: Tensor) -> Tensor:
        if is_unfused():
            return F.max_pool2d(x, *self.window)
        bands = self._bands(x)
        y = _stacked(_MaxPool.apply(_stacked(x, 1, bands), self), bands, 1)
        assert isinstance(y, Tensor)
        return y

    def _bands(self, x: Tensor) -> int:
        """Return into how many bands of rows images fall such that no window sees two.

        Bands are images of a batch, over which PyTorch's backward pass is spread on a CPU.
        """
        kernel, stride, padding, dilation, _ = self.window
        apart = kernel == stride and padding == [0, 0] and dilation == [1, 1]
        rows = x.shape[2] // stride[0]
        if x.device.type != "cpu" or not apart or rows * stride[0] != x.shape[2]:
            return 1
        return math.gcd(rows, _MOST_BANDS) if _layout(x) == torch.channels_last else 1


def _stacked(x: Tensor, before: int, after: int) -> Tensor:
    """Return images of so many bands each, where each is of so many others; nothing is copied."""
    if before == after:
        return x
    count, channels, height, width = x.shape
    size = count * after // before, height * before // after, width, channels
    return x.permute(0, 2, 3, 1).reshape(size).permute(0, 3, 1, 2)


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, pool: LeanMaxPool) -> Tensor:
        few = max(_TOGETHER, _AT_ONCE // x.shape[1:].numel())
        ctx.together = few if x.device.type == "cpu" else len(x)
        found, positions = [], []
        for part in torch.split(x, ctx.together):
            y, where = pool.window.maxima(part)
            found.append(y)
            positions.append(narrowed(where, part))
        y = found[0] if len(found) == 1 else torch.cat(found)
        ctx.pool = pool
        ctx.size, ctx.layout = x.shape, _layout(x)
        ctx.finds_again = sum(each.nbytes for each in positions) > x.nbytes
        ctx.save_for_backward(
            None if pool.rectifier is None else y, *([x] if ctx.finds_again else positions)
        )
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        pool: LeanMaxPool = ctx.pool
        result, *kept = ctx.saved_tensors
        if pool.rectifier is not None:
            gradient = pool.rectifier.masked(gradient, result)
        back = torch.empty(
            ctx.size, dtype=gradient.dtype, device=gradient.device, memory_format=ctx.layout
        )
        if ctx.finds_again:
            kept = torch.split(kept[0], ctx.together)
        parts = (torch.split(each, ctx.together) for each in (gradient, back))
        for given, part, own in zip(*parts, kept, strict=True):
            pool.window.scatter(given, pool.window.maxima(own)[1] if ctx.finds_again else own, part)
        return back, None


def narrowed(positions: Tensor, x: Tensor) -> Tensor:
    """Return positions in maps with as few bits as they need."""
    short = x.shape[2] * x.shape[3] - 1 <= torch.iinfo(torch.int16).max
    return positions.to(torch.int16 if short else torch.int32)


def _layout(x: Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


def _pair(value: int | tuple[int, int]) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)

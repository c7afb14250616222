"""A convolution whose weights are frozen, with the rectifier that follows it.

The gradient of the input needs neither the input nor, without a rectifier, anything else of the
forward pass, so that nothing is kept; PyTorch's own convolution keeps its input.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Pair = tuple[int, int]

# The instructions of a CPU fill 16 channels at once: a gradient of a picture's 3 channels would
# waste the rest, see `_Blocks`.
_FEW_CHANNELS = 4


@dataclass(frozen=True)
class Rectifier:
    """What follows a convolution: numbers below 0 become 0, those above `high` become `high`."""

    high: float | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """In place."""
        return x.relu_() if self.high is None else F.hardtanh_(x, 0.0, self.high)

    def named(self) -> tuple[str, tuple[float, ...]]:
        """As oneDNN calls it."""
        return ("relu", ()) if self.high is None else ("hardtanh", (0.0, self.high))

    def back(self, gradient: Tensor, result: Tensor) -> Tensor:
        """The gradient of the input, from that of the result and the result itself."""
        back: Tensor
        if self.high is not None:
            back = torch.ops.aten.hardtanh_backward(gradient, result, 0.0, self.high)
            return back
        if gradient.dtype == result.dtype == torch.bfloat16:
            # As whole numbers, 0 stays 0 and what is above becomes 1: two thirds of the time.
            kept = result.view(torch.int16).clamp(0, 1)
            return kept.mul_(gradient.view(torch.int16)).view(torch.bfloat16)
        back = torch.ops.aten.threshold_backward(gradient, result, 0)
        return back


@dataclass(frozen=True, eq=False)
class Kernel:
    """One convolution.

    Args:
        fused: oneDNN computes it, and the rectifier along with it. Its weights are left as they
            are: packing them for another size than that of the picture made some of them, in
            bfloat16, ten times slower, and for the same size gained nothing.
    """

    weight: Tensor
    bias: Tensor | None
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int
    fused: bool

    @classmethod
    def of(
        cls,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Pair = (1, 1),
        padding: Pair = (0, 0),
        dilation: Pair = (1, 1),
        groups: int = 1,
    ) -> Kernel:
        weight = weight.contiguous(memory_format=torch.channels_last)
        fused = has_onednn(weight)
        if bias is not None:
            # oneDNN adds a bias in float32 to sums that are in float32.
            bias = bias.to(torch.float32 if fused else weight.dtype)
        return cls(weight, bias, stride, padding, dilation, groups, fused)

    def __call__(
        self, x: Tensor, rectifier: Rectifier | None = None, padding: Pair | None = None
    ) -> Tensor:
        padding = padding or self.padding
        if not self.fused:
            y = F.conv2d(
                x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
            )
            return y if rectifier is None else rectifier(y)
        then, limits = ("none", ()) if rectifier is None else rectifier.named()
        y = torch.ops.mkldnn._convolution_pointwise(
            x.contiguous(memory_format=torch.channels_last),
            self.weight,
            self.bias,
            padding,
            self.stride,
            self.dilation,
            self.groups,
            then,
            limits,
            "",
        )
        assert isinstance(y, Tensor)
        return y


def has_onednn(weight: Tensor) -> bool:
    """Whether oneDNN can compute with weights, by the operations that PyTorch's compiler uses."""
    mkldnn: Any = torch.backends.mkldnn
    return bool(
        weight.device.type == "cpu"
        and mkldnn.is_available()
        and mkldnn.enabled
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    )


class FrozenConv(nn.Module):
    """A convolution that gives no gradient to its weights.

    Args:
        conv: whose geometry holds.
        weight, bias: its own, or those with a batch-norm folded in.
        dtype: in which it computes, and of what it gives.
        rectifier: what follows it.
        guarded: whether what comes next takes from the gradient what the rectifier would.
    """

    def __init__(
        self,
        conv: nn.Conv2d,
        weight: Tensor,
        bias: Tensor | None,
        dtype: torch.dtype,
        rectifier: Rectifier | None = None,
        *,
        guarded: bool = False,
    ) -> None:
        super().__init__()
        self.geometry = Geometry.of(conv)
        self.dtype = dtype
        self.rectifier = rectifier
        self.masks = None if guarded else rectifier
        # What the network sees of the picture isn't rounded: a step is finer than bfloat16. Where
        # the result is so large that float32 takes long, it sees the sum of two pictures.
        sees = conv.in_channels <= _FEW_CHANNELS
        self.halves = (
            sees and dtype == torch.bfloat16 and conv.stride == (1, 1) and conv.groups == 1
        )
        self.inner = torch.float32 if sees and not self.halves else dtype
        geometry = self.geometry
        self.forth = Kernel.of(
            (torch.cat([weight, weight], 1) if self.halves else weight).to(self.inner),
            bias,
            geometry.stride,
            geometry.padding,
            geometry.dilation,
            geometry.groups,
        )
        self.back = backward_of(geometry, weight.to(dtype))
        # Of large convolutions a copy would be too much.
        self.weight = weight.to(dtype) if sees else None

    @property
    def is_guarded(self) -> bool:
        """Whether it has a rectifier whose gradient is seen to by what comes next."""
        return self.rectifier is not None and self.masks is None

    @property
    def own_weight(self) -> Tensor:
        """In its precision."""
        return self.forth.weight if self.weight is None else self.weight

    def unrectified(self) -> FrozenConv:
        """The convolution alone; its weights are the same memory."""
        alone = copy.copy(self)
        alone.rectifier = alone.masks = None
        return alone

    def shown(self, x: Tensor) -> Tensor:
        """What `forth` is given for an input."""
        if not self.halves:
            return x.to(self.inner)
        high = x.to(self.inner)
        return torch.cat([high, (x - high).to(self.inner)], 1)

    def forward(self, x: Tensor) -> Tensor:
        y = _Frozen.apply(x, self)
        assert isinstance(y, Tensor)
        return y


class _Frozen(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, conv: FrozenConv) -> Tensor:
        y = conv.forth(conv.shown(x), conv.rectifier).to(conv.dtype)
        ctx.conv = conv
        ctx.size = x.shape[-2], x.shape[-1]
        ctx.dtype = x.dtype
        if conv.masks is not None:
            ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        conv: FrozenConv = ctx.conv
        if conv.masks is not None:
            gradient = conv.masks.back(gradient, *ctx.saved_tensors)
        return conv.back(gradient, ctx.size).to(ctx.dtype), None


@dataclass(frozen=True)
class Geometry:
    """How a convolution's window goes over its input."""

    channels: int
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int

    @classmethod
    def of(cls, conv: nn.Conv2d) -> Geometry:
        rows, columns = conv.kernel_size
        assert isinstance(conv.padding, tuple)
        stride, padding, dilation = (
            (int(a), int(b)) for a, b in (conv.stride, conv.padding, conv.dilation)
        )
        return cls(conv.in_channels, (rows, columns), stride, padding, dilation, conv.groups)


def is_plain(conv: nn.Module) -> bool:
    """Whether a layer is a convolution that pads with nothing but zeros, equally on both sides."""
    return (
        type(conv) is nn.Conv2d and conv.padding_mode == "zeros" and isinstance(conv.padding, tuple)
    )


def backward_of(geometry: Geometry, weight: Tensor) -> _Correlation | _Blocks | _Transposed:
    """The fastest way back through a convolution."""
    around = _around(geometry)
    on_cpu = weight.device.type == "cpu"
    if on_cpu and geometry.channels <= _FEW_CHANNELS and _in_blocks(geometry):
        return _Blocks.of(geometry, weight)
    if on_cpu and geometry.stride == (1, 1) and min(around) >= 0:
        return _Correlation.of(geometry, weight)
    return _Transposed(geometry, weight)


def _around(geometry: Geometry) -> Pair:
    """What the gradient is padded with, so that its correlation has the size of the input."""
    rows, columns = (
        dilation * (kernel - 1) - padding
        for kernel, padding, dilation in zip(
            geometry.kernel, geometry.padding, geometry.dilation, strict=True
        )
    )
    return rows, columns


@dataclass(frozen=True, eq=False)
class _Correlation:
    """The way back with stride 1: a convolution, too, with the filters turned by half a circle."""

    kernel: Kernel

    @classmethod
    def of(cls, geometry: Geometry, weight: Tensor) -> _Correlation:
        out, each, *window = weight.shape
        groups = geometry.groups
        turned = weight.flip(2, 3).reshape(groups, out // groups, each, *window).transpose(1, 2)
        turned = turned.reshape(groups * each, out // groups, *window)
        return cls(
            Kernel.of(
                turned,
                padding=_around(geometry),
                dilation=geometry.dilation,
                groups=groups,
            )
        )

    def __call__(self, gradient: Tensor, size: Pair) -> Tensor:
        return self.kernel(gradient)


@dataclass(frozen=True, eq=False)
class _Transposed:
    """The way back in general."""

    geometry: Geometry
    weight: Tensor

    def __call__(self, gradient: Tensor, size: Pair) -> Tensor:
        geometry, weight = self.geometry, self.weight
        if geometry.groups > 1 and gradient.device.type == "cpu":
            # oneDNN has no fast way for these in bfloat16: 16 ms where float32 takes 0.6.
            gradient, weight = gradient.float(), weight.float()
        left_over = [
            length - ((out - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1)
            for length, out, stride, padding, dilation, kernel in zip(
                size,
                gradient.shape[-2:],
                geometry.stride,
                geometry.padding,
                geometry.dilation,
                geometry.kernel,
                strict=True,
            )
        ]
        return F.conv_transpose2d(
            gradient,
            weight,
            None,
            geometry.stride,
            geometry.padding,
            left_over,
            geometry.groups,
            geometry.dilation,
        )


def _in_blocks(geometry: Geometry) -> bool:
    rows, columns = geometry.stride
    return (
        rows == columns
        and geometry.dilation == (1, 1)
        and geometry.groups == 1
        and min(_around(geometry)) >= 0
    )


@dataclass(frozen=True, eq=False)
class _Blocks:
    """The way back to few channels: one convolution gives the gradients of a block of pixels.

    Its channels are those of the block's pixels, row by row, so that there are enough of them to
    keep the machine busy.

    Args:
        kernel: that convolution.
        side: pixels of a block, downwards and across.
    """

    kernel: Kernel
    side: int

    @classmethod
    def of(cls, geometry: Geometry, weight: Tensor) -> _Blocks:
        stride = geometry.stride[0]
        side = max(stride, 2)
        rows, columns = (
            _reached(length, padding, stride, side).to(weight)
            for length, padding in zip(geometry.kernel, geometry.padding, strict=True)
        )
        kernel = torch.einsum("ocab,iqa,jrb->icjoqr", weight, rows, columns).flatten(0, 2)
        before = tuple(
            (length - 1 - padding) // stride
            for length, padding in zip(geometry.kernel, geometry.padding, strict=True)
        )
        step = side // stride
        return cls(Kernel.of(kernel, stride=(step, step), padding=(before[0], before[1])), side)

    def __call__(self, gradient: Tensor, size: Pair) -> Tensor:
        spare = [self._spare(axis, length, gradient) for axis, length in enumerate(size)]
        padding = tuple(
            before + step * more
            for before, step, more in zip(
                self.kernel.padding, self.kernel.stride, spare, strict=True
            )
        )
        blocks = self.kernel(gradient, padding=(padding[0], padding[1]))
        rows, columns = (
            slice(self.side * more, self.side * more + length)
            for more, length in zip(spare, size, strict=True)
        )
        return _laid_side_by_side(blocks, self.side)[:, :, rows, columns]

    def _spare(self, axis: int, length: int, gradient: Tensor) -> int:
        """How many blocks more to begin before the first, so that the last one is reached too."""
        step, taps = self.kernel.stride[axis], self.kernel.weight.shape[2 + axis]
        there = gradient.shape[2 + axis] + 2 * self.kernel.padding[axis]
        wanted = (-(-length // self.side) - 1) * step + taps
        return max(0, -(-(wanted - there) // step))


# By their bytes.
_NUMBERS = {2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.complex128}


def _laid_side_by_side(blocks: Tensor, side: int) -> Tensor:
    """Blocks of pixels, whose channels are (row, channel, column), as a picture.

    A row of a block lies together before and after, and is moved as one number, where there is
    one of its length: a quarter of the time of `pixel_shuffle`.
    """
    count, channels, height, width = blocks.shape
    last = blocks.permute(0, 2, 3, 1).contiguous()
    rows = last.view(count, height, width, side, channels // side**2, side)
    whole = _NUMBERS.get(side * blocks.element_size())
    moved = (rows if whole is None else rows.view(whole)).permute(0, 4, 1, 3, 2, 5).contiguous()
    return moved.view(blocks.dtype).view(count, -1, side * height, side * width)


def _reached(length: int, padding: int, stride: int, side: int) -> Tensor:
    """By which places of the gradient a block's pixels are reached, through which taps.

    Returns:
        (pixel, place, tap), 1 where it is so; places are counted from the first that reaches any.
    """
    first = -((length - 1 - padding) // stride)
    last = (side - 1 + padding) // stride
    pixel = torch.arange(side).reshape(-1, 1, 1)
    place = torch.arange(first, last + 1).reshape(1, -1, 1)
    tap = torch.arange(length)
    return pixel + padding - tap == stride * place

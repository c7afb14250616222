"""The gradient of a convolution's input, by whatever is fastest for its geometry."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from entoptic.networks.compile.kernels.onednn import Convolution, Geometry, Pair

# The instructions of a CPU fill 16 channels at once: a gradient of an image's 3 channels would
# waste the rest, see `_Blocks`.
FEW_CHANNELS = 4

InputGradient: TypeAlias = Callable[[Tensor, Pair], Tensor]
"""From the gradient of the output and the (height, width) of the input to its gradient."""


def input_gradient(geometry: Geometry, weight: Tensor) -> InputGradient:
    """Return the fastest way to compute the gradient of a convolution's input."""
    around = _around(geometry)
    if weight.device.type == "cpu" and min(around) >= 0:
        if weight.shape[1] * geometry.groups <= FEW_CHANNELS and _in_blocks(geometry):
            return _Blocks.of(geometry, weight)
        if geometry.stride == (1, 1):
            return _correlation(geometry, weight, around)
    return functools.partial(_transposed, geometry, weight)


def _around(geometry: Geometry) -> Pair:
    """Return the padding with which the gradient's correlation has the size of the input."""
    axes = zip(geometry.kernel, geometry.padding, geometry.dilation, strict=True)
    rows, columns = (dilation * (kernel - 1) - padding for kernel, padding, dilation in axes)
    return rows, columns


def _correlation(geometry: Geometry, weight: Tensor, around: Pair) -> InputGradient:
    """Return that with stride 1: a convolution, too, with the filters turned by half a circle."""
    out, each, *window = weight.shape
    groups = geometry.groups
    turned = weight.flip(2, 3).reshape(groups, out // groups, each, *window).transpose(1, 2)
    turned = turned.reshape(groups * each, out // groups, *window)
    how = Geometry(geometry.kernel, padding=around, dilation=geometry.dilation, groups=groups)
    convolution = Convolution.of(turned, None, how)
    return lambda gradient, size: convolution(gradient)


def _transposed(how: Geometry, weight: Tensor, gradient: Tensor, size: Pair) -> Tensor:
    """Return the input's gradient in general."""
    if how.groups > 1 and gradient.device.type == "cpu":
        # oneDNN has no fast way for these in bfloat16: 16 ms where float32 takes 0.6.
        gradient, weight = gradient.float(), weight.float()
    axes = (size, gradient.shape[-2:], how.stride, how.padding, how.dilation, how.kernel)
    left_over = [
        length - ((out - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1)
        for length, out, stride, padding, dilation, kernel in zip(*axes, strict=True)
    ]
    return F.conv_transpose2d(
        *(gradient, weight, None, how.stride, how.padding, left_over, how.groups, how.dilation)
    )


def _in_blocks(geometry: Geometry) -> bool:
    rows, columns = geometry.stride
    return rows == columns and geometry.dilation == (1, 1) and geometry.groups == 1


@dataclass(frozen=True, eq=False)
class _Blocks:
    """The gradient of few channels: one convolution computes those of a block of pixels.

    Its channels are those of the block's pixels, row by row, so that there are enough of them to
    keep the machine busy.

    Args:
        convolution: the one.
        side: pixels of a block, downwards and across.
    """

    convolution: Convolution
    side: int

    @classmethod
    def of(cls, geometry: Geometry, weight: Tensor) -> _Blocks:
        stride = geometry.stride[0]
        side = max(stride, 2)
        axes = [*zip(geometry.kernel, geometry.padding, strict=True)]
        rows, columns = (
            _contributions(length, padding, stride, side).to(weight) for length, padding in axes
        )
        kernel = torch.einsum("ocab,iqa,jrb->icjoqr", weight, rows, columns).flatten(0, 2)
        above, before = ((length - 1 - padding) // stride for length, padding in axes)
        window, step = (kernel.shape[2], kernel.shape[3]), side // stride
        how = Geometry(window, stride=(step, step), padding=(above, before))
        return cls(Convolution.of(kernel, None, how), side)

    def __call__(self, gradient: Tensor, size: Pair) -> Tensor:
        spare = [self._spare(axis, length, gradient) for axis, length in enumerate(size)]
        how = self.convolution.geometry
        above, before = (
            padding + step * more
            for padding, step, more in zip(how.padding, how.stride, spare, strict=True)
        )
        blocks = self.convolution(gradient, padding=(above, before))
        rows, columns = (
            slice(self.side * more, self.side * more + length)
            for more, length in zip(spare, size, strict=True)
        )
        return _side_by_side(blocks, self.side)[:, :, rows, columns]

    def _spare(self, axis: int, length: int, gradient: Tensor) -> int:
        """Return how many blocks to add before the first, so that the last one is reached too."""
        how = self.convolution.geometry
        step, taps = how.stride[axis], how.kernel[axis]
        given = gradient.shape[2 + axis] + 2 * how.padding[axis]
        wanted = (-(-length // self.side) - 1) * step + taps
        return max(0, -(-(wanted - given) // step))


# By their bytes.
_NUMBERS = {2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.complex128}


def _side_by_side(blocks: Tensor, side: int) -> Tensor:
    """Return an image of blocks of pixels whose channels are (row, channel, column).

    A row of a block lies together before and after, and is moved as one number, where there is
    one of its length: a quarter of the time of `pixel_shuffle`.
    """
    count, channels, height, width = blocks.shape
    last = blocks.permute(0, 2, 3, 1).contiguous()
    rows = last.view(count, height, width, side, channels // side**2, side)
    whole = _NUMBERS.get(side * blocks.element_size())
    moved = (rows if whole is None else rows.view(whole)).permute(0, 4, 1, 3, 2, 5).contiguous()
    return moved.view(blocks.dtype).view(count, -1, side * height, side * width)


def _contributions(length: int, padding: int, stride: int, side: int) -> Tensor:
    """Return which positions of the gradient reach a block's pixels, through which taps.

    Returns:
        (pixel, position, tap), 1 where one does; positions count from the first that reaches any.
    """
    first = -((length - 1 - padding) // stride)
    last = (side - 1 + padding) // stride
    pixel = torch.arange(side).reshape(-1, 1, 1)
    position = torch.arange(first, last + 1).reshape(1, -1, 1)
    tap = torch.arange(length)
    return pixel + padding - tap == stride * position

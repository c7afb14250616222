"""Numbers of few bits: what a quantized network computes is a float that takes few values."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from entoptic.formats.onnx.operators.operation import Node, operation, operator
from entoptic.formats.onnx.operators.windows import pad_for, window_of
from entoptic.formats.windows import Window

_CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)

_QUANTIZED_RANGES = {torch.uint8: (0, 255), torch.int8: (-128, 127)}

_Range = tuple[int, int]


def _range_of(node: Node, index: int) -> _Range:
    """Return the least and the largest number of a zero point's type; without one, of uint8."""
    zero = node.constant(index)
    if node.has_input(index) and (zero is None or zero.dtype not in _QUANTIZED_RANGES):
        node.refuse("only 8-bit numbers with a fixed zero point are imported")
    return _QUANTIZED_RANGES[torch.uint8 if zero is None else zero.dtype]


def _rounded(exact: Tensor, zero: Tensor | None, limits: _Range) -> Tensor:
    """Round to the nearest value; the gradient passes as if nothing were rounded."""
    rounded = exact.round()
    if zero is not None:
        exact, rounded = exact + zero, rounded + zero
    return exact + (rounded.clamp(*limits) - exact).detach()


def _along(parameters: Tensor, x: Tensor, axis: int) -> Tensor:
    """Lay parameters along an axis: one number for all, or one per index."""
    if parameters.numel() == 1:
        return parameters.reshape(())
    shape = [1] * x.dim()
    shape[axis] = -1
    return parameters.reshape(shape)


@operator("QuantizeLinear", "DequantizeLinear")
def linear_quantization(node: Node) -> nn.Module:
    """Make a rounding to few values, or its inverse; blocks and other types are refused."""
    node.require("block_size", 0)
    node.require("output_dtype", 0)
    if node.source.op == "DequantizeLinear":
        return dequantized(node)
    return quantized(node, limits=_range_of(node, 2))


@operation(kind="QuantizeLinear", settings=[2], ignored="saturate precision")
def quantized(
    x: Tensor, scale: Tensor, zero: Tensor | None = None, *, axis: int = 1, limits: _Range
) -> Tensor:
    """Round to few values; the gradient passes as if nothing were rounded.

    Source: Bengio et al., "Estimating or Propagating Gradients Through Stochastic Neurons", 2013
    (the straight-through estimator).
    """
    exact = x / _along(scale, x, axis)
    return _rounded(exact, None if zero is None else _along(zero.to(x), x, axis), limits)


@operation(kind="DequantizeLinear")
def dequantized(x: Tensor, scale: Tensor, zero: Tensor | None = None, *, axis: int = 1) -> Tensor:
    """Numbers of few bits, back in their units."""
    return _from_zero(x, zero, scale, axis) * _along(scale, x, axis)


def _from_zero(x: Tensor, zero: Tensor | None, like: Tensor, axis: int) -> Tensor:
    """Return numbers as floats, counted from their zero point (one for all, or one per index)."""
    x = x.to(like.dtype)
    return x if zero is None else x - _along(zero.to(x), x, axis)


def _floating(*tensors: Tensor) -> Tensor:
    """Return a tensor of the floating type that a quantized operator computes in."""
    return next((tensor for tensor in tensors if tensor.is_floating_point()), torch.zeros(()))


@operation("DynamicQuantizeLinear", several=True)
def dynamically_quantized(x: Tensor) -> tuple[Tensor, ...]:
    """Round to 256 values between the least and the largest number."""
    fixed = x.detach()
    low, high = fixed.amin().clamp(max=0), fixed.amax().clamp(min=0)
    scale = (high - low) / 255
    scale = torch.where(scale == 0, 1.0, scale)
    zero = (-low / scale).round().clamp(0, 255)
    return _rounded(x / scale, zero, (0, 255)), scale, zero


@dataclass(frozen=True)
class IntegerConvolution:
    """A convolution of numbers of few bits: its window, and its groups."""

    window: Window
    groups: int

    @classmethod
    def at(cls, node: Node, weight_at: int) -> IntegerConvolution:
        """Return the convolution of a node whose weights are one of its inputs."""
        shape = node.operand(weight_at).shape
        if shape is None or not 3 <= len(shape) <= 5:
            node.refuse("weights of an unknown shape aren't imported")
        if node.integers("kernel_shape", shape[2:]) != shape[2:]:
            node.refuse(f"weights of shape {list(shape)} don't fit its kernel_shape")
        return cls(window_of(node, shape[2:]).fixed(), node.integer("group", 1))

    def __call__(self, x: Tensor, weight: Tensor) -> Tensor:
        window = self.window
        run = _CONVOLUTIONS[len(window.kernel) - 1]
        x = pad_for(x, window)
        return run(x, weight, None, window.stride, 0, window.dilation, self.groups)


@operator("ConvInteger")
def conv_integer(node: Node) -> nn.Module:
    """Make a convolution of numbers of few bits, not rounded again."""
    return integer_convolution(node, convolve=IntegerConvolution.at(node, 1))


@operation(kind="ConvInteger")
def integer_convolution(
    x: Tensor,
    weight: Tensor,
    x_zero: Tensor | None = None,
    weight_zero: Tensor | None = None,
    *,
    convolve: IntegerConvolution,
) -> Tensor:
    """A convolution of numbers of few bits, not rounded again."""
    like = _floating(x)
    return convolve(_from_zero(x, x_zero, like, 1), _from_zero(weight, weight_zero, like, 0))


@operator("QLinearConv")
def quantized_conv(node: Node) -> nn.Module:
    """Make a convolution of numbers of few bits, rounded to few again."""
    limits = _range_of(node, 7)
    return rounded_convolution(node, convolve=IntegerConvolution.at(node, 3), limits=limits)


@operation(kind="QLinearConv")
def rounded_convolution(
    x: Tensor,
    x_scale: Tensor,
    x_zero: Tensor,
    weight: Tensor,
    weight_scale: Tensor,
    weight_zero: Tensor,
    scale: Tensor,
    zero: Tensor,
    bias: Tensor | None = None,
    *,
    convolve: IntegerConvolution,
    limits: _Range,
) -> Tensor:
    """A convolution of numbers of few bits, rounded to few again."""
    made = convolve(_from_zero(x, x_zero, x_scale, 1), _from_zero(weight, weight_zero, x_scale, 0))
    if bias is not None:
        made = made + _along(bias.to(made), made, 1)
    made = made * _along(x_scale * weight_scale / scale, made, 1)
    return _rounded(made, zero.to(made), limits)


@operation("MatMulInteger")
def matmul_integer(
    a: Tensor, b: Tensor, a_zero: Tensor | None = None, b_zero: Tensor | None = None
) -> Tensor:
    """A product of matrices of numbers of few bits, not rounded again."""
    like = _floating(a, b)
    return _from_zero(a, a_zero, like, -2) @ _from_zero(b, b_zero, like, -1)


@operator("QLinearMatMul")
def quantized_matmul(node: Node) -> nn.Module:
    """Make a product of matrices of numbers of few bits, rounded to few again."""
    return rounded_matmul(node, limits=_range_of(node, 7))


@operation(kind="QLinearMatMul")
def rounded_matmul(
    a: Tensor,
    a_scale: Tensor,
    a_zero: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero: Tensor,
    scale: Tensor,
    zero: Tensor,
    *,
    limits: _Range,
) -> Tensor:
    """A product of matrices of numbers of few bits, rounded to few again."""
    made = _from_zero(a, a_zero, a_scale, -2) @ _from_zero(b, b_zero, a_scale, -1)
    made = made * _along(a_scale, made, -2) * _along(b_scale, made, -1) / scale
    return _rounded(made, zero.to(made), limits)

"""Numbers of few bits: what a quantized network computes is a float that takes few values."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from entoptic.formats.onnx.operators.operation import Node, Operation, operator
from entoptic.formats.onnx.operators.windows import Window, pad_for

_CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)

_QUANTIZED_RANGES = {torch.uint8: (0, 255), torch.int8: (-128, 127)}


_Range = tuple[int, int]


def _range_of(node: Node, index: int) -> _Range:
    """The least and the largest number of the type that a zero point has; without one, of uint8."""
    zero = node.constant(index)
    if node.has(index) and (zero is None or zero.dtype not in _QUANTIZED_RANGES):
        node.refuse("only 8-bit numbers with a fixed zero point are imported")
    return _QUANTIZED_RANGES[torch.uint8 if zero is None else zero.dtype]


def _rounded(exact: Tensor, zero: Tensor | None, limits: _Range) -> Tensor:
    """The nearest value that there is; the gradient passes as if nothing were rounded."""
    rounded = exact.round()
    if zero is not None:
        exact, rounded = exact + zero, rounded + zero
    return exact + (rounded.clamp(*limits) - exact).detach()


def _along(parameters: Tensor, x: Tensor, axis: int) -> Tensor:
    """One number for all, or one per index of an axis."""
    if parameters.numel() == 1:
        return parameters.reshape(())
    shape = [1] * x.dim()
    shape[axis] = -1
    return parameters.reshape(shape)


@operator("QuantizeLinear")
class QuantizeLinear(Operation):
    """Round to few values; the gradient passes as if nothing were rounded.

    Source: Bengio et al., "Estimating or Propagating Gradients Through Stochastic Neurons", 2013
    (the straight-through estimator).
    """

    settings = frozenset({2})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        node.ignore("saturate", "precision")
        node.require("block_size", 0)
        node.require("output_dtype", 0)
        self.axis = node.integer("axis", 1)
        self.range = _range_of(node, 2)

    def compute(self, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
        exact = x / _along(scale, x, self.axis)
        return _rounded(
            exact, None if zero is None else _along(zero.to(x), x, self.axis), self.range
        )


@operator("DequantizeLinear")
class DequantizeLinear(Operation):
    """Numbers of few bits, back in their units."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        node.require("block_size", 0)
        node.require("output_dtype", 0)
        self.axis = node.integer("axis", 1)

    def compute(self, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
        x = x.to(scale.dtype)
        if zero is not None:
            x = x - _along(zero.to(x), x, self.axis)
        return x * _along(scale, x, self.axis)


def _from_zero(x: Tensor, zero: Tensor | None, like: Tensor, axis: int) -> Tensor:
    """Numbers as floats, counted from their zero point (one for all, or one per index)."""
    x = x.to(like.dtype)
    return x if zero is None else x - _along(zero.to(like.dtype), x, axis)


def _floating(*tensors: Tensor) -> Tensor:
    """A tensor of the floating type that a quantized operator computes in."""
    return next((tensor for tensor in tensors if tensor.is_floating_point()), torch.zeros(()))


@operator("DynamicQuantizeLinear")
class DynamicQuantizeLinear(Operation):
    """Round to 256 values between the least and the largest number."""

    several = True

    def compute(self, x: Tensor) -> tuple[Tensor, ...]:
        fixed = x.detach()
        low, high = fixed.amin().clamp(max=0), fixed.amax().clamp(min=0)
        scale = (high - low) / 255
        scale = torch.where(scale == 0, 1.0, scale)
        zero = (-low / scale).round().clamp(0, 255)
        return _rounded(x / scale, zero, (0, 255)), scale, zero


class IntegerConv(Operation):
    """A convolution of numbers of few bits."""

    def __init__(self, node: Node, weight_at: int) -> None:
        super().__init__(node)
        shape = node.operand(weight_at).shape
        if shape is None or not 3 <= len(shape) <= 5:
            node.refuse("weights of an unknown shape aren't imported")
        if (node.integers("kernel_shape") or shape[2:]) != shape[2:]:
            node.refuse(f"weights of shape {list(shape)} don't fit its kernel_shape")
        self.window = Window.read(node, shape[2:])
        self.groups = node.integer("group", 1)

    def convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        window = self.window
        run = _CONVOLUTIONS[len(window.kernel) - 1]
        x = pad_for(x, window)
        return run(x, weight, None, window.stride, 0, window.dilation, self.groups)


@operator("ConvInteger")
class ConvInteger(IntegerConv):
    """A convolution of numbers of few bits, not rounded again."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, 1)

    def compute(
        self,
        x: Tensor,
        weight: Tensor,
        x_zero: Tensor | None = None,
        weight_zero: Tensor | None = None,
    ) -> Tensor:
        like = _floating(x)
        return self.convolved(
            _from_zero(x, x_zero, like, 1), _from_zero(weight, weight_zero, like, 0)
        )


@operator("QLinearConv")
class QLinearConv(IntegerConv):
    """A convolution of numbers of few bits, rounded to few again."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, 3)
        self.range = _range_of(node, 7)

    def compute(
        self,
        x: Tensor,
        x_scale: Tensor,
        x_zero: Tensor,
        weight: Tensor,
        weight_scale: Tensor,
        weight_zero: Tensor,
        scale: Tensor,
        zero: Tensor,
        bias: Tensor | None = None,
    ) -> Tensor:
        made = self.convolved(
            _from_zero(x, x_zero, x_scale, 1), _from_zero(weight, weight_zero, x_scale, 0)
        )
        if bias is not None:
            made = made + _along(bias.to(made), made, 1)
        made = made * _along(x_scale * weight_scale / scale, made, 1)
        return _rounded(made, zero.to(made), self.range)


@operator("MatMulInteger")
class MatMulInteger(Operation):
    """A product of matrices of numbers of few bits, not rounded again."""

    def compute(
        self, a: Tensor, b: Tensor, a_zero: Tensor | None = None, b_zero: Tensor | None = None
    ) -> Tensor:
        like = _floating(a, b)
        return _from_zero(a, a_zero, like, -2) @ _from_zero(b, b_zero, like, -1)


@operator("QLinearMatMul")
class QLinearMatMul(Operation):
    """A product of matrices of numbers of few bits, rounded to few again."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.range = _range_of(node, 7)

    def compute(
        self,
        a: Tensor,
        a_scale: Tensor,
        a_zero: Tensor,
        b: Tensor,
        b_scale: Tensor,
        b_zero: Tensor,
        scale: Tensor,
        zero: Tensor,
    ) -> Tensor:
        made = _from_zero(a, a_zero, a_scale, -2) @ _from_zero(b, b_zero, a_scale, -1)
        made = made * _along(a_scale, made, -2) * _along(b_scale, made, -1) / scale
        return _rounded(made, zero.to(made), self.range)

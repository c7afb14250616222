"""Arithmetic and comparison, number by number; matrix products; numbers as types."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce
from typing import ClassVar

import torch
from torch import Tensor, nn

from entoptic.models.onnx.operators.operation import (
    MAX_FROM_NOTHING,
    Node,
    Operation,
    bounded,
    operator,
    parameter,
)


class Unary(Operation):
    """One function of each number."""

    function: ClassVar[Callable[[Tensor], Tensor]]

    def compute(self, x: Tensor) -> Tensor:
        return type(self).function(x)


@operator("Abs")
class Abs(Unary):
    function = torch.abs


@operator("Neg")
class Neg(Unary):
    function = torch.neg


@operator("Reciprocal")
class Reciprocal(Unary):
    function = torch.reciprocal


@operator("Sqrt")
class Sqrt(Unary):
    function = torch.sqrt


@operator("Exp")
class Exp(Unary):
    function = torch.exp


@operator("Log")
class Log(Unary):
    function = torch.log


@operator("Erf")
class Erf(Unary):
    function = torch.erf


@operator("Sin")
class Sin(Unary):
    function = torch.sin


@operator("Cos")
class Cos(Unary):
    function = torch.cos


@operator("Floor")
class Floor(Unary):
    function = torch.floor


@operator("Ceil")
class Ceil(Unary):
    function = torch.ceil


@operator("Round")
class Round(Unary):
    function = torch.round


@operator("Sign")
class Sign(Unary):
    function = torch.sign


@operator("Not")
class Not(Unary):
    function = torch.logical_not


class Binary(Operation):
    """One function of two numbers, broadcast."""

    function: ClassVar[Callable[[Tensor, Tensor], Tensor]]

    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        return type(self).function(a, b)


@operator("Add")
class Add(Binary):
    function = torch.add


@operator("Sub")
class Sub(Binary):
    function = torch.sub


@operator("Mul")
class Mul(Binary):
    function = torch.mul


def _divide(a: Tensor, b: Tensor) -> Tensor:
    """Whole numbers are divided as in C: towards zero."""
    return torch.div(a, b, rounding_mode=None if a.is_floating_point() else "trunc")


@operator("Div")
class Div(Binary):
    function = _divide


def _power(a: Tensor, b: Tensor) -> Tensor:
    return torch.pow(a, b).to(a.dtype)


@operator("Pow")
class Pow(Binary):
    function = _power


@operator("Equal")
class Equal(Binary):
    function = torch.eq


@operator("Greater")
class Greater(Binary):
    function = torch.gt


@operator("GreaterOrEqual")
class GreaterOrEqual(Binary):
    function = torch.ge


@operator("Less")
class Less(Binary):
    function = torch.lt


@operator("LessOrEqual")
class LessOrEqual(Binary):
    function = torch.le


@operator("And")
class And(Binary):
    function = torch.logical_and


@operator("Or")
class Or(Binary):
    function = torch.logical_or


@operator("Xor")
class Xor(Binary):
    function = torch.logical_xor


@operator("Mod")
class Mod(Binary):
    """The rest of a division, with the sign of the divisor, or (`fmod`) of the dividend."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.as_in_c = node.flag("fmod")

    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.fmod(a, b) if self.as_in_c else torch.remainder(a, b)


class Variadic(Operation):
    """One function over any number of tensors, broadcast."""

    function: ClassVar[Callable[[Tensor, Tensor], Tensor]]

    def compute(self, *tensors: Tensor) -> Tensor:
        return reduce(type(self).function, tensors)


@operator("Sum")
class Sum(Variadic):
    function = torch.add


@operator("Min")
class Min(Variadic):
    function = torch.minimum


@operator("Max")
class Max(Variadic):
    function = torch.maximum


@operator("Mean")
class Mean(Variadic):
    function = torch.add

    def compute(self, *tensors: Tensor) -> Tensor:
        return super().compute(*tensors) / len(tensors)


@operator("Where")
class Where(Operation):
    """One tensor where the condition holds, the other elsewhere."""

    def compute(self, condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
        return torch.where(condition, yes, no)


# TensorProto.DataType of the whole numbers and booleans; unsigned ones as graph.to_tensor has them.
_WHOLE_TYPES = {
    2: torch.uint8,
    3: torch.int8,
    4: torch.int32,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    12: torch.int64,
    13: torch.int64,
}
_FLOATING_TYPES = (1, 10, 11, 16)


@operator("Cast")
class Cast(Operation):
    """Another type of number.

    All floating types are one here: a floating tensor stays in the type that the network runs in,
    others become float32.
    """

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        node.ignore("saturate", "round_mode")
        wanted = node.integer("to", 0)
        if wanted not in _FLOATING_TYPES and wanted not in _WHOLE_TYPES:
            node.refuse(f"numbers of type {wanted} aren't imported")
        self.dtype = _WHOLE_TYPES.get(wanted)

    def compute(self, x: Tensor) -> Tensor:
        if self.dtype is not None:
            return x.to(self.dtype)
        return x if x.is_floating_point() else x.to(torch.float32)


@operator("CastLike")
class CastLike(Operation):
    """The type of number that another tensor has."""

    settings = frozenset({1})

    def compute(self, x: Tensor, like: Tensor) -> Tensor:
        both_floating = x.is_floating_point() and like.is_floating_point()
        return x if both_floating else x.to(like.dtype)


@operator("Gemm")
def gemm(node: Node) -> nn.Module:
    """torch's linear layer, where the weights are in the file."""
    node.ignore("broadcast")
    transposed = node.flag("transA"), node.flag("transB")
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    weight, bias = node.constant(1), node.constant(2)
    constant = weight is not None and weight.dim() == 2 and (bias is not None or not node.has(2))
    if weight is None or not constant or transposed[0]:
        return Gemm(node, transposed, alpha, beta)
    weight = weight if transposed[1] else weight.T
    if bias is not None and bias.numel() not in (1, weight.shape[0]):
        return Gemm(node, transposed, alpha, beta)  # a different bias for each picture
    if bias is not None:
        bias = bias.flatten().expand(weight.shape[0])
    return _linear(
        weight if alpha == 1 else weight * alpha,
        bias if bias is None or beta == 1 else bias * beta,
    )


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    module = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    module.weight = parameter(weight)
    if bias is not None:
        module.bias = parameter(bias)
    return module


class Gemm(Operation):
    """alpha * A B + beta * C."""

    def __init__(
        self, node: Node, transposed: tuple[bool, bool], alpha: float, beta: float
    ) -> None:
        super().__init__(node)
        self.transposed = transposed
        self.alpha = alpha
        self.beta = beta

    def compute(self, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
        product = (a.T if self.transposed[0] else a) @ (b.T if self.transposed[1] else b)
        return self.alpha * product if c is None else self.alpha * product + self.beta * c


@operator("MatMul")
def matmul(node: Node) -> nn.Module:
    """torch's linear layer where the second matrix is in the file."""
    weight = node.constant(1)
    if weight is None or weight.dim() != 2 or node.is_host or not weight.is_floating_point():
        return MatMul(node)
    return _linear(weight.T, None)


class MatMul(Binary):
    """The product of matrices, over the last two axes."""

    function = torch.matmul


@operator("Einsum")
class Einsum(Operation):
    """A sum of products over named axes."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.equation = node.text("equation", "")
        if not re.fullmatch(r"[A-Za-z., ]+(->[A-Za-z. ]*)?", self.equation):
            node.refuse(f"{self.equation!r} isn't an einsum equation")

    def compute(self, *tensors: Tensor) -> Tensor:
        return torch.einsum(self.equation, *tensors)


@operator("CumSum")
class CumSum(Operation):
    """Running sums along an axis."""

    settings = frozenset({1})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.without_itself = node.flag("exclusive")
        self.backwards = node.flag("reverse")

    def compute(self, x: Tensor, axis: Tensor) -> Tensor:
        dim = int(axis)
        if self.backwards:
            x = x.flip(dim)
        sums = x.cumsum(dim, dtype=x.dtype)
        if self.without_itself:
            sums = sums - x
        return sums.flip(dim) if self.backwards else sums


@operator("Range")
class Range(Operation):
    """Numbers from a start to a limit."""

    settings = frozenset({0, 1, 2})

    def compute(self, start: Tensor, limit: Tensor, step: Tensor) -> Tensor:
        first, last, by = start.item(), limit.item(), step.item()
        bounded([max(0, int((last - first) / by) + 1)], MAX_FROM_NOTHING)
        return torch.arange(first, last, by, dtype=start.dtype, device="cpu")


@operator("Trilu")
class Trilu(Operation):
    """The upper or the lower triangle of each matrix."""

    settings = frozenset({1})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.upper = node.flag("upper", True)

    def compute(self, x: Tensor, diagonal: Tensor | None = None) -> Tensor:
        offset = 0 if diagonal is None else int(diagonal)
        return x.triu(offset) if self.upper else x.tril(offset)


# Numbers of few bits: what a quantized network computes is a float that takes few values.

_QUANTIZED_RANGES = {torch.uint8: (0, 255), torch.int8: (-128, 127)}


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
        zero = node.constant(2)
        if node.has(2) and (zero is None or zero.dtype not in _QUANTIZED_RANGES):
            node.refuse("only 8-bit numbers with a fixed zero point are imported")
        self.range = _QUANTIZED_RANGES[torch.uint8 if zero is None else zero.dtype]

    def compute(self, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
        exact = x / _along(scale, x, self.axis)
        rounded = exact.round()
        if zero is not None:
            zero = _along(zero.to(x), x, self.axis)
            exact, rounded = exact + zero, rounded + zero
        return exact + (rounded.clamp(*self.range) - exact).detach()


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

"""Arithmetic and comparison, number by number; matrix products; numbers as types."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce
from typing import ClassVar

import torch
from torch import Tensor, nn

from entoptic.formats.onnx.operators.operation import (
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

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        node.ignore("consumed_inputs")

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


@operator("Tan")
class Tan(Unary):
    function = torch.tan


@operator("Asin")
class Asin(Unary):
    function = torch.asin


@operator("Acos")
class Acos(Unary):
    function = torch.acos


@operator("Atan")
class Atan(Unary):
    function = torch.atan


@operator("Sinh")
class Sinh(Unary):
    function = torch.sinh


@operator("Cosh")
class Cosh(Unary):
    function = torch.cosh


@operator("Asinh")
class Asinh(Unary):
    function = torch.asinh


@operator("Acosh")
class Acosh(Unary):
    function = torch.acosh


@operator("Atanh")
class Atanh(Unary):
    function = torch.atanh


@operator("IsNaN")
class IsNaN(Unary):
    function = torch.isnan


@operator("Det")
class Det(Unary):
    function = torch.det


@operator("Erfc")  # a name that converters from TensorFlow leave as it is
class Erfc(Unary):
    function = torch.special.erfc


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

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        # Until opset 6 the second tensor is broadcast only where the file says so, and it lies at
        # the axes from `axis` on, or at the last ones.
        self.is_old = node.opset < 7
        if self.is_old:
            node.ignore("consumed_inputs")
            self.broadcasts = node.flag("broadcast")
            self.axis = node.integer("axis", 0) if node.given("axis") else None

    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        return type(self).function(a, self._aligned(a, b) if self.is_old else b)

    def _aligned(self, a: Tensor, b: Tensor) -> Tensor:
        if not self.broadcasts and a.shape != b.shape:
            raise ValueError(f"tensors of {tuple(a.shape)} and {tuple(b.shape)} aren't broadcast")
        if self.axis is None or not self.broadcasts:
            return b
        after = a.dim() - self.axis % a.dim() - b.dim()
        if after < 0:
            raise ValueError(f"{tuple(b.shape)} doesn't fit {tuple(a.shape)} from axis {self.axis}")
        return b.reshape(*b.shape, *(1,) * after)


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


@operator("IsInf")
class IsInf(Operation):
    """Where the numbers are infinite, of one sign or both."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.negative = node.flag("detect_negative", True)
        self.positive = node.flag("detect_positive", True)

    def compute(self, x: Tensor) -> Tensor:
        return (x.isneginf() & self.negative) | (x.isposinf() & self.positive)


class Variadic(Operation):
    """One function over any number of tensors, broadcast."""

    function: ClassVar[Callable[[Tensor, Tensor], Tensor]]

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        node.ignore("consumed_inputs")

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


@operator("Cast")
class Cast(Operation):
    """Another type of number.

    All floating types are one here: a floating tensor stays in the type that the network runs in,
    others become float32.
    """

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        node.ignore("saturate", "round_mode")
        self.dtype = node.dtype("to")
        if self.dtype is None:
            node.refuse("it doesn't say to which type")

    def compute(self, x: Tensor) -> Tensor:
        if self.dtype is not torch.float32:
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
        if not re.fullmatch(r"[A-Za-z., ]*(->[A-Za-z. ]*)?", self.equation):
            node.refuse(f"{self.equation!r} isn't an einsum equation")

    def compute(self, *tensors: Tensor) -> Tensor:
        return torch.einsum(self.equation, *tensors)


def _running_sum(x: Tensor, dim: int) -> Tensor:
    return x.cumsum(dim, dtype=x.dtype)


@operator("CumSum")
class CumSum(Operation):
    """Running sums along an axis."""

    settings = frozenset({1})
    running: ClassVar[Callable[[Tensor, int], Tensor]] = _running_sum
    nothing: ClassVar[int] = 0

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.without_itself = node.flag("exclusive")
        self.backwards = node.flag("reverse")

    def compute(self, x: Tensor, axis: Tensor) -> Tensor:
        dim = int(axis)
        if self.backwards:
            x = x.flip(dim)
        x = type(self).running(x, dim)
        if self.without_itself:
            x = x.roll(1, dim).index_fill(
                dim, torch.zeros(1, dtype=torch.long, device=x.device), type(self).nothing
            )
        return x.flip(dim) if self.backwards else x


def _running_product(x: Tensor, dim: int) -> Tensor:
    return x.cumprod(dim, dtype=x.dtype)


@operator("CumProd")
class CumProd(CumSum):
    """Running products along an axis."""

    running = _running_product
    nothing = 1


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

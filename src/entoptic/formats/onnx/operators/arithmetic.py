"""Arithmetic and comparison, number by number; matrix products; numbers as types."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor, nn

from entoptic.formats.onnx.operators.operation import (
    MAX_FROM_NOTHING,
    Node,
    bounded,
    operation,
    operator,
    parameter,
)

_UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "Abs": torch.abs,
    "Neg": torch.neg,
    "Reciprocal": torch.reciprocal,
    "Sqrt": torch.sqrt,
    "Exp": torch.exp,
    "Log": torch.log,
    "Erf": torch.erf,
    "Erfc": torch.special.erfc,  # a name that converters from TensorFlow leave as it is
    "Sin": torch.sin,
    "Cos": torch.cos,
    "Tan": torch.tan,
    "Asin": torch.asin,
    "Acos": torch.acos,
    "Atan": torch.atan,
    "Sinh": torch.sinh,
    "Cosh": torch.cosh,
    "Asinh": torch.asinh,
    "Acosh": torch.acosh,
    "Atanh": torch.atanh,
    "IsNaN": torch.isnan,
    "Det": torch.det,
    "Floor": torch.floor,
    "Ceil": torch.ceil,
    "Round": torch.round,
    "Sign": torch.sign,
    "Not": torch.logical_not,
}


def _divide(a: Tensor, b: Tensor) -> Tensor:
    """Divide; whole numbers as in C, towards zero."""
    return torch.div(a, b, rounding_mode=None if a.is_floating_point() else "trunc")


_BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
    "Div": _divide,
    "Pow": lambda a, b: torch.pow(a, b).to(a.dtype),
    "Equal": torch.eq,
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "And": torch.logical_and,
    "Or": torch.logical_or,
    "Xor": torch.logical_xor,
}
_VARIADIC: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Sum": torch.add,
    "Min": torch.minimum,
    "Max": torch.maximum,
}


def _unary(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor) -> Tensor:
        return function(x)

    return compute


@dataclass(frozen=True)
class Alignment:
    """The axes of the first tensor that the second lies at; until opset 6 it isn't always the last.

    Args:
        broadcasts: the shapes may differ.
        axis: the first of the axes; None for the last ones.
    """

    broadcasts: bool
    axis: int | None

    @staticmethod
    def read(node: Node) -> Alignment | None:
        """Return what an old node says; None where tensors are broadcast as in numpy."""
        if node.opset >= 7:
            return None
        return Alignment(node.flag("broadcast", False), node.integer("axis", None))

    def aligned(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the second tensor with axes of length 1 behind its own."""
        if not self.broadcasts and a.shape != b.shape:
            raise ValueError(f"tensors of {tuple(a.shape)} and {tuple(b.shape)} aren't broadcast")
        if self.axis is None or not self.broadcasts:
            return b
        after = a.dim() - self.axis % a.dim() - b.dim()
        if after < 0:
            raise ValueError(f"{tuple(b.shape)} doesn't fit {tuple(a.shape)} from axis {self.axis}")
        return b.reshape(*b.shape, *(1,) * after)


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(a: Tensor, b: Tensor, *, alignment: Alignment | None) -> Tensor:
        return function(a, b if alignment is None else alignment.aligned(a, b))

    return compute


def _variadic(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(*tensors: Tensor) -> Tensor:
        return reduce(function, tensors)

    return compute


for _name, _function in _UNARY.items():
    operation(_name)(_unary(_function))
for _name, _of_two in _BINARY.items():
    operation(_name)(_binary(_of_two))
for _name, _of_two in _VARIADIC.items():
    operation(_name)(_variadic(_of_two))


@operation("Mean")
def mean(*tensors: Tensor) -> Tensor:
    """Mean of any number of tensors, broadcast."""
    return reduce(torch.add, tensors) / len(tensors)


@operation("Mod")
def mod(a: Tensor, b: Tensor, *, fmod: bool = False) -> Tensor:
    """The rest of a division, with the sign of the divisor, or (`fmod`) of the dividend."""
    return torch.fmod(a, b) if fmod else torch.remainder(a, b)


@operation("IsInf")
def is_inf(x: Tensor, *, detect_negative: bool = True, detect_positive: bool = True) -> Tensor:
    """True where the numbers are infinite, of one sign or both."""
    return (x.isneginf() & detect_negative) | (x.isposinf() & detect_positive)


@operation("Where")
def where(condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """One tensor where the condition holds, the other elsewhere."""
    return torch.where(condition, yes, no)


@operation("Cast", ignored="saturate round_mode")
def cast(x: Tensor, *, to: torch.dtype) -> Tensor:
    """Another type of number.

    All floating types are one here: a floating tensor stays in the type that the network runs in,
    others become float32.
    """
    return x if to is torch.float32 and x.is_floating_point() else x.to(to)


@operation("CastLike", settings=[1])
def cast_like(x: Tensor, like: Tensor) -> Tensor:
    """The type of number that another tensor has."""
    both_floating = x.is_floating_point() and like.is_floating_point()
    return x if both_floating else x.to(like.dtype)


@operator("Gemm")
def gemm(node: Node) -> nn.Module:
    """Make torch's linear layer, where the weights are in the file."""
    node.ignore("broadcast")
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    weight, bias = node.constant(1), node.constant(2)
    constant = weight is not None and weight.dim() == 2
    constant = constant and (bias is not None or not node.has_input(2))
    if weight is None or not constant or node.flag("transA", False):
        return general_product(node)
    weight = weight if node.flag("transB", False) else weight.T
    if bias is not None and bias.numel() not in (1, weight.shape[0]):
        return general_product(node)  # a different bias for each picture
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


@operation(kind="Gemm")
def general_product(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    transA: bool = False,
    transB: bool = False,
    alpha: float = 1.0,
    beta: float = 1.0,
) -> Tensor:
    """alpha * A B + beta * C."""
    product = (a.T if transA else a) @ (b.T if transB else b)
    return alpha * product if c is None else alpha * product + beta * c


@operator("MatMul")
def matmul(node: Node) -> nn.Module:
    """Make torch's linear layer where the second matrix is in the file."""
    weight = node.constant(1)
    if weight is None or weight.dim() != 2 or node.is_host or not weight.is_floating_point():
        return computed_matmul(node)
    return _linear(weight.T, None)


@operation(kind="MatMul")
def computed_matmul(a: Tensor, b: Tensor) -> Tensor:
    """The product of matrices, over the last two axes."""
    return torch.matmul(a, b)


@operator("Einsum")
def einsum(node: Node) -> nn.Module:
    """Make a sum of products; its equation is checked first."""
    equation = node.text("equation", "")
    if not re.fullmatch(r"[A-Za-z., ]*(->[A-Za-z. ]*)?", equation):
        node.refuse(f"{equation!r} isn't an einsum equation")
    return sum_of_products(node, equation=equation)


@operation(kind="Einsum")
def sum_of_products(*tensors: Tensor, equation: str) -> Tensor:
    """A sum of products over named axes."""
    return torch.einsum(equation, *tensors)


@operation("CumSum", settings=[1])
def cumulative_sum(
    x: Tensor, axis: Tensor, *, exclusive: bool = False, reverse: bool = False
) -> Tensor:
    """Running sums along an axis."""
    return _running(torch.cumsum, 0, x, int(axis), exclusive, reverse)


@operation("CumProd", settings=[1])
def cumulative_product(
    x: Tensor, axis: Tensor, *, exclusive: bool = False, reverse: bool = False
) -> Tensor:
    """Running products along an axis."""
    return _running(torch.cumprod, 1, x, int(axis), exclusive, reverse)


def _running(
    run: Callable[..., Tensor], nothing: int, x: Tensor, dim: int, exclusive: bool, reverse: bool
) -> Tensor:
    x = run(x.flip(dim) if reverse else x, dim, dtype=x.dtype)
    if exclusive:
        first = torch.zeros(1, dtype=torch.long, device=x.device)
        x = x.roll(1, dim).index_fill(dim, first, nothing)
    return x.flip(dim) if reverse else x


@operation("Range", settings=(0, 1, 2))
def number_range(start: Tensor, limit: Tensor, step: Tensor) -> Tensor:
    """Numbers from a start to a limit."""
    first, last, by = start.item(), limit.item(), step.item()
    bounded([max(0, int((last - first) / by) + 1)], MAX_FROM_NOTHING)
    return torch.arange(first, last, by, dtype=start.dtype, device="cpu")


@operation("Trilu", settings=[1])
def triangle(x: Tensor, diagonal: Tensor | None = None, *, upper: bool = True) -> Tensor:
    """The upper or the lower triangle of each matrix."""
    offset = 0 if diagonal is None else int(diagonal)
    return x.triu(offset) if upper else x.tril(offset)

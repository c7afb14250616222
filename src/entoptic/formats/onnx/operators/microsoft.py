"""Operators of onnxruntime's own, which its optimizer writes into files."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from entoptic.formats.onnx.operators.arithmetic import gemm
from entoptic.formats.onnx.operators.convolutions import conv
from entoptic.formats.onnx.operators.operation import (
    OPERATORS,
    FunctionOperation,
    Node,
    operation,
    operator,
)


def microsofts(name: str) -> str:
    """Return an operator's name with its domain."""
    return f"com.microsoft.{name}"


@operator(microsofts("Gelu"))
def gelu(node: Node) -> nn.Module:
    """Make torch's GELU."""
    return nn.GELU()


@operation(microsofts("BiasGelu"))
def bias_gelu(x: Tensor, bias: Tensor | None = None) -> Tensor:
    """GELU of a sum."""
    return F.gelu(x if bias is None else x + bias)


@operation(microsofts("FastGelu"))
def fast_gelu(x: Tensor, bias: Tensor | None = None) -> Tensor:
    """GELU of a sum, by way of tanh."""
    return F.gelu(x if bias is None else x + bias, approximate="tanh")


@operation(microsofts("QuickGelu"))
def quick_gelu(x: Tensor, *, alpha: float = 1.702) -> Tensor:
    """A number times the sigmoid of its multiple."""
    return x * torch.sigmoid(alpha * x)


@operation(microsofts("FusedMatMul"))
def fused_matmul(
    a: Tensor,
    b: Tensor,
    *,
    transA: bool = False,
    transB: bool = False,
    transBatchA: Annotated[int, 0, 0] = 0,
    transBatchB: Annotated[int, 0, 0] = 0,
    alpha: float = 1.0,
) -> Tensor:
    """A product of matrices, each transposed where the file says so, times a factor."""
    a = a.transpose(-1, -2) if transA and a.dim() > 1 else a
    b = b.transpose(-1, -2) if transB and b.dim() > 1 else b
    return alpha * (a @ b)


# The settings of an activation function, as the standard calls them, by their place in a fused one.
_SETTINGS = {
    "Relu": (),
    "Tanh": (),
    "Sigmoid": (),
    "LeakyRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "Clip": ("min", "max"),
}


def _activation(node: Node, given: tuple[float, ...]) -> nn.Module:
    """Make the module of a fused activation function."""
    name = node.text("activation", "", tuple(_SETTINGS))
    settings = dict(zip(_SETTINGS[name], given, strict=False))
    source = replace(node.source, op=name, attributes=settings, opset=6)
    return OPERATORS[name](Node(source, 6, node.operands[:1]))


@operator(microsofts("FusedConv"))
def fused_conv(node: Node) -> nn.Module:
    """Make a convolution, then an activation function."""
    if node.has_input(3):
        node.refuse("a convolution to which another tensor is added isn't imported")
    return nn.Sequential(conv(node), _activation(node, node.numbers("activation_params", ())))


@operator(microsofts("FusedGemm"))
def fused_gemm(node: Node) -> nn.Module:
    """Make a linear layer, then an activation function."""
    given = [node.number(f"activation_{name}", 0.0) for name in ("alpha", "beta", "gamma")]
    linear = gemm(node)
    if not isinstance(linear, nn.Linear):
        node.refuse("a product of matrices that the network computes itself isn't imported")
    return nn.Sequential(linear, _activation(node, tuple(given)))


@operator(microsofts("SkipLayerNormalization"), microsofts("SkipSimplifiedLayerNormalization"))
def skip_norm(node: Node) -> nn.Module:
    """Make a (root mean square) norm of a sum."""
    if node.uses(1, 2):
        node.refuse("its mean and deviation aren't imported")
    kind: type[FunctionOperation] = (
        skip_rms_norm if "Simplified" in node.source.op else skip_layer_norm
    )
    return kind(node)


@operation(kind="SkipLayerNorm", several=True)
def skip_layer_norm(
    x: Tensor,
    skip: Tensor,
    scale: Tensor,
    shift: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    epsilon: float = 1e-12,
) -> tuple[Tensor, ...]:
    """A layer norm of a sum, and the sum."""
    total = x + skip if bias is None else x + skip + bias
    made = F.layer_norm(total, total.shape[-1:], scale, shift, epsilon)
    return made, made, made, total


@operation(kind="SkipRMSNorm", several=True)
def skip_rms_norm(
    x: Tensor, skip: Tensor, scale: Tensor, bias: Tensor | None = None, *, epsilon: float = 1e-12
) -> tuple[Tensor, ...]:
    """An RMS norm of a sum, and the sum."""
    total = x + skip if bias is None else x + skip + bias
    made = F.rms_norm(total, total.shape[-1:], scale, epsilon)
    return made, made, made, total

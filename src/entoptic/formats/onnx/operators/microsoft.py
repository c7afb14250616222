"""Operators of onnxruntime's own, which its optimizer writes into files."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from entoptic.formats.onnx.operators.arithmetic import gemm
from entoptic.formats.onnx.operators.convolutions import conv
from entoptic.formats.onnx.operators.normalization import RMSNorm
from entoptic.formats.onnx.operators.operation import OPERATORS, Node, Operation, operator


def microsofts(name: str) -> str:
    """An operator's name with its domain."""
    return f"com.microsoft.{name}"


@operator(microsofts("Gelu"))
def gelu(node: Node) -> nn.Module:
    return nn.GELU()


class BiasedGelu(Operation):
    """GELU of a sum."""

    approximate = "none"

    def compute(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        return F.gelu(x if bias is None else x + bias, approximate=self.approximate)


@operator(microsofts("BiasGelu"))
class BiasGelu(BiasedGelu):
    """GELU of a sum."""


@operator(microsofts("FastGelu"))
class FastGelu(BiasedGelu):
    """GELU of a sum, by way of tanh."""

    approximate = "tanh"


@operator(microsofts("QuickGelu"))
class QuickGelu(Operation):
    """A number times the sigmoid of its multiple."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.alpha = node.number("alpha", 1.702)

    def compute(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.alpha * x)


@operator(microsofts("FusedMatMul"))
class FusedMatMul(Operation):
    """A product of matrices, each transposed where the file says so, times a factor."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        node.require("transBatchA", 0)
        node.require("transBatchB", 0)
        self.transposed = node.flag("transA"), node.flag("transB")
        self.alpha = node.number("alpha", 1.0)

    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        a = a.transpose(-1, -2) if self.transposed[0] and a.dim() > 1 else a
        b = b.transpose(-1, -2) if self.transposed[1] and b.dim() > 1 else b
        return self.alpha * (a @ b)


# What a fused operator calls the settings of its activation function, and the standard does.
_SETTINGS = {
    "Relu": (),
    "Tanh": (),
    "Sigmoid": (),
    "LeakyRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "Clip": ("min", "max"),
}


def _activation(node: Node, given: tuple[float, ...]) -> nn.Module:
    """The module of a fused activation function."""
    name = node.text("activation", "", tuple(_SETTINGS))
    settings = dict(zip(_SETTINGS[name], given, strict=False))
    source = replace(node.source, op=name, attributes=settings, opset=6)
    return OPERATORS[name](Node(source, 6, node.operands[:1]))


@operator(microsofts("FusedConv"))
def fused_conv(node: Node) -> nn.Module:
    """A convolution, then an activation function."""
    if node.has(3):
        node.refuse("a convolution to which another tensor is added isn't imported")
    return nn.Sequential(conv(node), _activation(node, node.numbers("activation_params") or ()))


@operator(microsofts("FusedGemm"))
def fused_gemm(node: Node) -> nn.Module:
    """A linear layer, then an activation function."""
    given = [node.number(f"activation_{name}", 0.0) for name in ("alpha", "beta", "gamma")]
    linear = gemm(node)
    if not isinstance(linear, nn.Linear):
        node.refuse("a product of matrices that the network computes itself isn't imported")
    return nn.Sequential(linear, _activation(node, tuple(given)))


class SkipNorm(Operation):
    """A norm of a sum, and the sum."""

    several = True

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.eps = node.number("epsilon", 1e-12)
        if node.uses(1) or node.uses(2):
            node.refuse("its mean and deviation aren't imported")


@operator(microsofts("SkipLayerNormalization"))
class SkipLayerNorm(SkipNorm):
    """A layer norm of a sum, and the sum."""

    def compute(
        self,
        x: Tensor,
        skip: Tensor,
        scale: Tensor,
        shift: Tensor | None = None,
        bias: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        total = x + skip if bias is None else x + skip + bias
        made = F.layer_norm(total, total.shape[-1:], scale, shift, self.eps)
        return made, made, made, total


@operator("SimplifiedLayerNormalization")
class SimplifiedLayerNorm(RMSNorm):
    """What the standard calls RMSNormalization since opset 23."""


@operator(microsofts("SkipSimplifiedLayerNormalization"))
class SkipRMSNorm(SkipNorm):
    """An RMS norm of a sum, and the sum."""

    def compute(
        self, x: Tensor, skip: Tensor, scale: Tensor, bias: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        total = x + skip if bias is None else x + skip + bias
        made = F.rms_norm(total, total.shape[-1:], scale, self.eps)
        return made, made, made, total

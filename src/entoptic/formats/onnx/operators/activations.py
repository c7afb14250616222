"""Activation functions, clipping and softmax."""

from __future__ import annotations

from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from entoptic.formats.onnx.operators.operation import Node, Operation, operator, parameter

Bound: TypeAlias = int | float | None


@operator("Relu")
def relu(node: Node) -> nn.Module:
    node.ignore("consumed_inputs")
    return nn.ReLU()


@operator("LeakyRelu")
def leaky_relu(node: Node) -> nn.Module:
    node.ignore("consumed_inputs")
    return nn.LeakyReLU(node.number("alpha", 0.01))


@operator("ThresholdedRelu")
def thresholded_relu(node: Node) -> nn.Module:
    return nn.Threshold(node.number("alpha", 1.0), 0.0)


@operator("Elu")
def elu(node: Node) -> nn.Module:
    node.ignore("consumed_inputs")
    return nn.ELU(node.number("alpha", 1.0))


@operator("Celu")
def celu(node: Node) -> nn.Module:
    return nn.CELU(node.number("alpha", 1.0))


@operator("Sigmoid")
def sigmoid(node: Node) -> nn.Module:
    node.ignore("consumed_inputs")
    return nn.Sigmoid()


@operator("Tanh")
def tanh(node: Node) -> nn.Module:
    node.ignore("consumed_inputs")
    return nn.Tanh()


@operator("Swish")
class Swish(Operation):
    """The number times its sigmoid."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.alpha = node.number("alpha", 1.0)

    def compute(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.alpha * x)


@operator("SwiGLU")
class SwiGLU(Operation):
    """One tensor times the swish of another."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.alpha = node.number("alpha", 1.0)

    def compute(self, x: Tensor, other: Tensor) -> Tensor:
        return x * torch.sigmoid(self.alpha * x) * other


@operator("Shrink")
class Shrink(Operation):
    """Zero around zero, what is beyond drawn nearer."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.limit, self.bias = node.number("lambd", 0.5), node.number("bias", 0.0)

    def compute(self, x: Tensor) -> Tensor:
        below = torch.where(x < -self.limit, x + self.bias, torch.zeros_like(x))
        return torch.where(x > self.limit, x - self.bias, below).to(x.dtype)


@operator("HardSwish")
def hard_swish(node: Node) -> nn.Module:
    return nn.Hardswish()


@operator("Mish")
def mish(node: Node) -> nn.Module:
    return nn.Mish()


@operator("Softplus")
def softplus(node: Node) -> nn.Module:
    return nn.Softplus()


@operator("Softsign")
def softsign(node: Node) -> nn.Module:
    return nn.Softsign()


@operator("Gelu")
def gelu(node: Node) -> nn.Module:
    return nn.GELU(node.text("approximate", "none", ("none", "tanh")))


# The numbers of Klambauer et al., "Self-Normalizing Neural Networks", 2017, as torch has them;
# ONNX writes the same ones in its defaults, rounded to float32.
_SELU_ALPHA, _SELU_GAMMA = 1.6732632423543772, 1.0507009873554805


@operator("Selu")
def selu(node: Node) -> nn.Module:
    """torch's SELU where the numbers are the usual ones."""
    node.ignore("consumed_inputs")
    usual_numbers = (_SELU_ALPHA, _SELU_GAMMA) if node.opset >= 6 else (1.6732, 1.0507)
    alpha = node.number("alpha", usual_numbers[0])
    gamma = node.number("gamma", usual_numbers[1])
    usual = abs(alpha - _SELU_ALPHA) + abs(gamma - _SELU_GAMMA) < 1e-6
    return nn.SELU() if usual else Selu(node, alpha, gamma)


class Selu(Operation):
    """A scaled ELU with its own numbers."""

    def __init__(self, node: Node, alpha: float, gamma: float) -> None:
        super().__init__(node)
        self.alpha = alpha
        self.gamma = gamma

    def compute(self, x: Tensor) -> Tensor:
        return self.gamma * F.elu(x, self.alpha)


@operator("HardSigmoid")
def hard_sigmoid(node: Node) -> nn.Module:
    """torch's hard sigmoid where the slope is a sixth."""
    node.ignore("consumed_inputs")
    alpha, beta = node.number("alpha", 0.2), node.number("beta", 0.5)
    usual = abs(alpha - 1 / 6) < 1e-7 and beta == 0.5
    return nn.Hardsigmoid() if usual else HardSigmoid(node, alpha, beta)


class HardSigmoid(Operation):
    """A straight line between 0 and 1."""

    def __init__(self, node: Node, alpha: float, beta: float) -> None:
        super().__init__(node)
        self.alpha = alpha
        self.beta = beta

    def compute(self, x: Tensor) -> Tensor:
        return (self.alpha * x + self.beta).clamp(0, 1)


@operator("PRelu")
def prelu(node: Node) -> nn.Module:
    """torch's PReLU where there is one slope, or one per channel."""
    node.ignore("consumed_inputs")
    slope = node.constant(1)
    if slope is not None and not node.is_host:
        rank = node.rank() or 0
        padded = (1,) * (rank - slope.dim()) + tuple(slope.shape)
        others = padded[:1] + padded[2:]
        # Before opset 7 one axis meant the channels; since then it is the last axis.
        per_channel = (node.opset < 7 and slope.dim() == 1) or (
            len(padded) == rank and all(size == 1 for size in others)
        )
        if per_channel or slope.numel() == 1:
            module = nn.PReLU(slope.numel(), device="meta")
            module.weight = parameter(slope.flatten())
            return module
    return PRelu(node)


class PRelu(Operation):
    """A slope below zero for each place, broadcast."""

    def compute(self, x: Tensor, slope: Tensor) -> Tensor:
        return torch.where(x < 0, x * slope, x)


@operator("Clip")
def clip(node: Node) -> nn.Module:
    """ReLU6 where the bounds are 0 and 6."""
    node.ignore("consumed_inputs")
    lowest, highest = _bound(node, 1, "min"), _bound(node, 2, "max")
    if (lowest, highest) == (0, 6) and not node.is_host:
        return nn.ReLU6()
    return Clip(node, lowest, highest)


def _bound(node: Node, index: int, name: str) -> Bound:
    """A bound that is a number in the file; None where there is none, or it is computed."""
    if node.given(name):
        return node.number(name, 0.0)
    constant = node.constant(index)
    return None if constant is None else constant.item()


class Clip(Operation):
    """The nearest number between two bounds."""

    settings = frozenset({1, 2})

    def __init__(self, node: Node, lowest: Bound, highest: Bound) -> None:
        super().__init__(node)
        self.lowest = lowest
        self.highest = highest

    def compute(self, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
        lowest = self.lowest if low is None else low.item()
        highest = self.highest if high is None else high.item()
        if lowest is None and highest is None:
            return x
        return torch.clamp(x, lowest, highest)


@operator("Softmax")
def softmax(node: Node) -> nn.Module:
    """Softmax along an axis; before opset 13 over this axis and all after it."""
    return _softmax(node, nn.Softmax, FlatSoftmax)


@operator("LogSoftmax")
def log_softmax(node: Node) -> nn.Module:
    """The logarithm of `softmax`."""
    return _softmax(node, nn.LogSoftmax, FlatLogSoftmax)


def _softmax(node: Node, plain: type[nn.Module], flat: type[FlatSoftmax]) -> nn.Module:
    if node.opset >= 13:
        return plain(node.integer("axis", -1))
    axis, shape = node.integer("axis", 1), node.operand(0).shape
    if axis == -1 or (shape is not None and axis == len(shape) - 1):
        return plain(-1)
    return flat(node, axis)


class FlatSoftmax(Operation):
    """Softmax over an axis and all after it, as one."""

    def __init__(self, node: Node, axis: int) -> None:
        super().__init__(node)
        self.axis = axis

    def compute(self, x: Tensor) -> Tensor:
        return torch.softmax(x.flatten(self.axis), -1).reshape(x.shape)


class FlatLogSoftmax(FlatSoftmax):
    """The logarithm of the softmax over an axis and all after it, as one."""

    def compute(self, x: Tensor) -> Tensor:
        return torch.log_softmax(x.flatten(self.axis), -1).reshape(x.shape)

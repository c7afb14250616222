"""Activation functions, clipping and softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from entoptic.formats.onnx.operators.operation import Node, operation, operator, parameter

Bound: TypeAlias = int | float | None

# Those that are a module of torch; `alpha` is its number by default.
_MODULES: dict[str, tuple[Callable[..., nn.Module], float | None]] = {
    "Relu": (nn.ReLU, None),
    "LeakyRelu": (nn.LeakyReLU, 0.01),
    "ThresholdedRelu": (lambda alpha: nn.Threshold(alpha, 0.0), 1.0),
    "Elu": (nn.ELU, 1.0),
    "Celu": (nn.CELU, 1.0),
    "Sigmoid": (nn.Sigmoid, None),
    "Tanh": (nn.Tanh, None),
    "HardSwish": (nn.Hardswish, None),
    "Mish": (nn.Mish, None),
    "Softplus": (nn.Softplus, None),
    "Softsign": (nn.Softsign, None),
}


@operator(*_MODULES)
def activation(node: Node) -> nn.Module:
    """Make the module of torch that an activation function is."""
    make, alpha = _MODULES[node.source.op]
    return make() if alpha is None else make(node.number("alpha", alpha))


@operation("Swish")
def swish(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """The number times its sigmoid."""
    return x * torch.sigmoid(alpha * x)


@operation("SwiGLU")
def swiglu(x: Tensor, other: Tensor, *, alpha: float = 1.0) -> Tensor:
    """One tensor times the swish of another."""
    return x * torch.sigmoid(alpha * x) * other


@operation("Shrink")
def shrink(x: Tensor, *, lambd: float = 0.5, bias: float = 0.0) -> Tensor:
    """Zero around zero, numbers beyond drawn nearer."""
    below = torch.where(x < -lambd, x + bias, torch.zeros_like(x))
    return torch.where(x > lambd, x - bias, below).to(x.dtype)


@operator("Gelu")
def gelu(node: Node) -> nn.Module:
    """Make torch's GELU, exact or by way of tanh."""
    return nn.GELU(node.text("approximate", "none", ("none", "tanh")))


# The numbers of Klambauer et al., "Self-Normalizing Neural Networks", 2017, as torch has them;
# ONNX writes the same ones in its defaults, rounded to float32.
_SELU_ALPHA, _SELU_GAMMA = 1.6732632423543772, 1.0507009873554805


@operator("Selu")
def selu(node: Node) -> nn.Module:
    """Make torch's SELU where the numbers are the usual ones."""
    usual_numbers = (_SELU_ALPHA, _SELU_GAMMA) if node.opset >= 6 else (1.6732, 1.0507)
    alpha = node.number("alpha", usual_numbers[0])
    gamma = node.number("gamma", usual_numbers[1])
    usual = abs(alpha - _SELU_ALPHA) + abs(gamma - _SELU_GAMMA) < 1e-6
    return nn.SELU() if usual else scaled_elu(node, alpha=alpha, gamma=gamma)


@operation(kind="Selu")
def scaled_elu(x: Tensor, *, alpha: float, gamma: float) -> Tensor:
    """A scaled ELU with its own numbers."""
    return gamma * F.elu(x, alpha)


@operator("HardSigmoid")
def hard_sigmoid(node: Node) -> nn.Module:
    """Make torch's hard sigmoid where the slope is a sixth."""
    alpha, beta = node.number("alpha", 0.2), node.number("beta", 0.5)
    usual = abs(alpha - 1 / 6) < 1e-7 and beta == 0.5
    return nn.Hardsigmoid() if usual else clipped_line(node, alpha=alpha, beta=beta)


@operation(kind="HardSigmoid")
def clipped_line(x: Tensor, *, alpha: float, beta: float) -> Tensor:
    """A straight line between 0 and 1."""
    return (alpha * x + beta).clamp(0, 1)


@operator("PRelu")
def prelu(node: Node) -> nn.Module:
    """Make torch's PReLU where there is one slope, or one per channel."""
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
    return broadcast_prelu(node)


@operation(kind="PRelu")
def broadcast_prelu(x: Tensor, slope: Tensor) -> Tensor:
    """A slope below zero for each position, broadcast."""
    return torch.where(x < 0, x * slope, x)


@operator("Clip")
def clip(node: Node) -> nn.Module:
    """Make a ReLU6 where the bounds are 0 and 6."""
    lowest, highest = _bound(node, 1, "min"), _bound(node, 2, "max")
    if (lowest, highest) == (0, 6) and not node.is_host:
        return nn.ReLU6()
    return clamp(node, lowest=lowest, highest=highest)


def _bound(node: Node, index: int, name: str) -> Bound:
    """Return a bound that is a number in the file; None where there is none, or it is computed."""
    if node.given(name):
        return node.number(name)
    constant = node.constant(index)
    return None if constant is None else constant.item()


@operation(kind="Clip", settings=(1, 2))
def clamp(
    x: Tensor,
    low: Tensor | None = None,
    high: Tensor | None = None,
    *,
    lowest: Bound,
    highest: Bound,
) -> Tensor:
    """The nearest number between two bounds."""
    lowest = lowest if low is None else low.item()
    highest = highest if high is None else high.item()
    return x if lowest is None and highest is None else torch.clamp(x, lowest, highest)


@operator("Softmax", "LogSoftmax")
def softmax(node: Node) -> nn.Module:
    """Make a (logarithmic) softmax along an axis; before opset 13 over it and all after it."""
    is_log = node.source.op == "LogSoftmax"
    plain = nn.LogSoftmax if is_log else nn.Softmax
    if node.opset >= 13:
        return plain(node.integer("axis", -1))
    axis, rank = node.integer("axis", 1), node.rank()
    if axis == -1 or (rank is not None and axis == rank - 1):
        return plain(-1)
    return flat_log_softmax(node, axis=axis) if is_log else flat_softmax(node, axis=axis)


@operation()
def flat_softmax(x: Tensor, *, axis: int) -> Tensor:
    """Softmax over an axis and all after it, as one."""
    return x.flatten(axis).softmax(-1).reshape(x.shape)


@operation()
def flat_log_softmax(x: Tensor, *, axis: int) -> Tensor:
    """The logarithm of the softmax over an axis and all after it, as one."""
    return x.flatten(axis).log_softmax(-1).reshape(x.shape)

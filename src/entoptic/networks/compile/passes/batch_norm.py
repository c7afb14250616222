"""Batch-norms folded into the convolutions before them."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from entoptic.networks.compile import nodes
from entoptic.networks.compile.context import Context

Norm: TypeAlias = tuple[Tensor, Tensor, Tensor | None, Tensor | None, float]
"""The mean, variance, weight and bias of each channel, and the epsilon, of a batch-norm."""


def fold_batch_norms(module: fx.GraphModule, context: Context) -> None:
    """Fold batch-norms into the convolutions before them, where nobody reads what is between."""
    for node in list(module.graph.nodes):
        conv, after = nodes.plain_conv(module, node), nodes.only_user(node)
        norm = _norm(module, after)
        if conv is not None and after is not None and norm is not None:
            nodes.replace_layer(module, node, nodes.with_weights(conv, *_folded(conv, *norm)))
            nodes.remove(after)


def _norm(module: fx.GraphModule, node: fx.Node | None) -> Norm | None:
    """Return the batch-norm that a node is; None for any other, and where numbers aren't known."""
    layer = nodes.layer_of(module, node)
    if type(layer) is nn.BatchNorm2d:
        numbers = layer.running_mean, layer.running_var, layer.weight, layer.bias
        return _known(*numbers, layer.eps)
    if node is None or node.op != "call_function" or node.target is not F.batch_norm:
        return None
    args = [nodes.constant(module, each) for each in node.args]
    options = {name: nodes.constant(module, each) for name, each in node.kwargs.items()}
    return _called(*args, **options)


def _called(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: Any = False,
    momentum: Any = 0.1,
    eps: Any = 1e-5,
) -> Norm | None:
    """Return what is called; the parameters are those of `functional.batch_norm`."""
    return None if training else _known(running_mean, running_var, weight, bias, eps)


def _known(mean: Any, variance: Any, weight: Any, bias: Any, epsilon: Any) -> Norm | None:
    learnt = all(isinstance(each, Tensor | None) for each in (weight, bias))
    if learnt and isinstance(mean, Tensor) and isinstance(variance, Tensor):
        return mean, variance, weight, bias, epsilon
    return None


def _folded(
    conv: nn.Conv2d,
    mean: Tensor,
    variance: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    epsilon: float,
) -> tuple[Tensor, Tensor]:
    """Return weight and bias of the convolution that does what both do.

    Computed in float64, so that the only loss is that of rounding the result.

    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", 2017, section 3.2.
    """
    scale = (variance.double() + epsilon).rsqrt()
    if weight is not None:
        scale = scale * weight.double()
    start = torch.zeros_like(scale) if conv.bias is None else conv.bias.double()
    shift = (start - mean.double()) * scale
    if bias is not None:
        shift = shift + bias.double()
    scaled = conv.weight.double() * scale.reshape(-1, 1, 1, 1)
    dtype = conv.weight.dtype
    return scaled.to(dtype), shift.to(dtype)

"""Batch-norms folded into the convolutions before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from entoptic.networks.compile.context import Context
from entoptic.networks.compile.nodes import (
    constant,
    is_plain_conv,
    layer_of,
    only_user,
    remove,
    replace_layer,
    with_weights,
)

# Of torch.nn.functional.batch_norm, in order.
_ARGUMENTS = (
    *("input", "running_mean", "running_var", "weight", "bias"),
    *("training", "momentum", "eps"),
)


def fold_batch_norms(module: fx.GraphModule, context: Context) -> None:
    """Fold batch-norms into the convolutions before them, where nobody reads what is between."""
    for node in list(module.graph.nodes):
        conv, after = layer_of(module, node), only_user(node)
        norm = _norm(module, after)
        if after is not None and norm is not None and is_plain_conv(conv):
            conv = cast(nn.Conv2d, conv)
            replace_layer(module, node, with_weights(conv, *norm.folded(conv)))
            remove(after)


def _norm(module: fx.GraphModule, node: fx.Node | None) -> Norm | None:
    """Return the batch-norm that a node is, whose numbers are known; None for any other."""
    layer = layer_of(module, node)
    if layer is not None:
        return Norm.of(layer)
    if node is None or node.op != "call_function" or node.target is not F.batch_norm:
        return None
    return Norm.of_call(
        [constant(module, each) for each in node.args],
        {name: constant(module, each) for name, each in node.kwargs.items()},
    )


@dataclass(frozen=True, eq=False)
class Norm:
    """A batch-norm that scales and shifts each channel by numbers that are known."""

    mean: Tensor
    variance: Tensor
    weight: Tensor | None
    bias: Tensor | None
    epsilon: float

    @classmethod
    def of(cls, layer: nn.Module) -> Norm | None:
        """Return that of a layer; None where it is none, or normalizes by the batch itself."""
        if type(layer) is not nn.BatchNorm2d:
            return None
        if layer.running_mean is None or layer.running_var is None:
            return None
        return cls(layer.running_mean, layer.running_var, layer.weight, layer.bias, layer.eps)

    @classmethod
    def of_call(cls, arguments: Sequence[Any], options: Mapping[str, Any]) -> Norm | None:
        """Return that of a call of `functional.batch_norm`; None where numbers aren't known."""
        given = dict(zip(_ARGUMENTS, arguments, strict=False)) | dict(options)
        mean, variance = given.get("running_mean"), given.get("running_var")
        weight, bias = given.get("weight"), given.get("bias")
        known = all(isinstance(each, Tensor | None) for each in (weight, bias))
        if given.get("training") or not known:
            return None
        if not (isinstance(mean, Tensor) and isinstance(variance, Tensor)):
            return None
        return cls(mean, variance, weight, bias, given.get("eps", 1e-5))

    def folded(self, conv: nn.Conv2d) -> tuple[Tensor, Tensor]:
        """Return weight and bias of the convolution that does what both do.

        Computed in float64, so that the only loss is that of rounding the result.

        Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference", 2017, section 3.2.
        """
        scale = (self.variance.double() + self.epsilon).rsqrt()
        if self.weight is not None:
            scale = scale * self.weight.double()
        start = torch.zeros_like(scale) if conv.bias is None else conv.bias.double()
        bias = (start - self.mean.double()) * scale
        if self.bias is not None:
            bias = bias + self.bias.double()
        weight = conv.weight.double() * scale.reshape(-1, 1, 1, 1)
        dtype = conv.weight.dtype
        return weight.to(dtype), bias.to(dtype)

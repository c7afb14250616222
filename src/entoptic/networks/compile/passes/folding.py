"""Batch-norm folded into the convolution before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


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
        """None where the layer is none, or looks at the batch's own statistics."""
        if type(layer) is not nn.BatchNorm2d:
            return None
        if layer.running_mean is None or layer.running_var is None:
            return None
        return cls(layer.running_mean, layer.running_var, layer.weight, layer.bias, layer.eps)

    @classmethod
    def of_call(cls, arguments: Sequence[Any], options: Mapping[str, Any]) -> Norm | None:
        """What a call of `functional.batch_norm` does; None where its numbers aren't known."""
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
        """Weight and bias of the convolution that does what both do, one after the other.

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
        return weight.detach().to(dtype), bias.detach().to(dtype)


# Of torch.nn.functional.batch_norm, in order.
_ARGUMENTS = (
    "input",
    "running_mean",
    "running_var",
    "weight",
    "bias",
    "training",
    "momentum",
    "eps",
)

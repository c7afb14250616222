"""Batch-norm folded into the convolution before it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def folds(norm: nn.Module) -> bool:
    """Whether a layer only scales and shifts each channel by numbers that are known."""
    return type(norm) is nn.BatchNorm2d and norm.running_var is not None


def folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of the convolution that does what both do, one after the other.

    Computed in float64, so that the only loss is that of rounding the result.

    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", 2017, section 3.2.
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    weight, mean = conv.weight.double(), norm.running_mean.double()
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight.double()
    start = torch.zeros_like(mean) if conv.bias is None else conv.bias.double()
    bias = (start - mean) * scale
    if norm.bias is not None:
        bias = bias + norm.bias.double()
    dtype = conv.weight.dtype
    return (weight * scale.reshape(-1, 1, 1, 1)).to(dtype), bias.to(dtype)

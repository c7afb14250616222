"""A linear layer whose weights are frozen, multiplied by oneDNN."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from entoptic.networks.compile.kernels.onednn import has_onednn, product

# Fewer rows take oneDNN as long as what PyTorch has, or longer.
_ENOUGH_ROWS = 8


class FrozenLinear(nn.Linear):
    """A linear layer that gives no gradient to its weights.

    In float32 a CPU multiplies by oneDNN: as fast as by MKL, which PyTorch takes, where MKL knows
    the processor, and more than twice as fast where it doesn't, as on AMD's.
    """

    @classmethod
    def of(cls, linear: nn.Linear) -> FrozenLinear:
        """Return the same layer with the same weights."""
        made = copy.copy(linear)
        made.__class__ = cls
        assert isinstance(made, cls)
        return made

    def forward(self, x: Tensor) -> Tensor:
        plain = x.dtype == self.weight.dtype == torch.float32 and x.ndim > 1
        if not plain or x.numel() < _ENOUGH_ROWS * self.in_features or not has_onednn(self.weight):
            return super().forward(x)
        y = _Linear.apply(x, self.weight, self.bias)
        assert isinstance(y, Tensor)
        return y


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.weight = weight
        return product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return product(gradient, ctx.weight.t(), None), None, None

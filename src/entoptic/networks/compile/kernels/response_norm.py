"""Local response normalization as products of matrices, which machines are fast at."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from entoptic.networks.compile.kernels.onednn import Convolution, Geometry


class FastResponseNorm(nn.Module):
    """x / (k + alpha / size * the sum of x² over neighbouring channels) ** beta.

    The sums are one product with a band matrix. Computed in float32, given in the input's type.
    PyTorch's own averages a volume, which takes longer than all convolutions up to there.
    """

    def __init__(self, norm: nn.LocalResponseNorm) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = norm.size, norm.alpha, norm.beta, norm.k

    def forward(self, x: Tensor) -> Tensor:
        y = _ResponseNorm.apply(x, self)
        assert isinstance(y, Tensor)
        return y

    def band(self, x: Tensor) -> Tensor:
        """Return (channels, channels): how much each channel's square counts in each one's sum."""
        channel = torch.arange(x.shape[1], device=x.device)
        distance = channel - channel.reshape(-1, 1)  # of the one that is counted
        before = self.size // 2
        near = (distance >= -before) & (distance < self.size - before)
        return near.to(torch.float32) * (self.alpha / self.size)

    def power(self, base: Tensor) -> Tensor:
        """Return base ** -beta."""
        if self.beta != 0.75:  # of AlexNet and GoogLeNet, for which square roots do
            return base.pow(-self.beta)
        root = base.rsqrt()
        return root.mul_(root.sqrt())


class _ResponseNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, norm: FastResponseNorm) -> Tensor:
        ctx.norm = norm
        ctx.save_for_backward(x)
        values = x.float()
        base = _mixed(values.square(), norm.band(x)).add_(norm.k)
        return norm.power(base).mul_(values).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        norm: FastResponseNorm = ctx.norm
        (x,) = ctx.saved_tensors
        values, gradient, band = x.float(), gradient.float(), norm.band(x)
        base = _mixed(values.square(), band).add_(norm.k)
        power = norm.power(base)
        shared = (gradient * values).mul_(power).div_(base)
        through = _mixed(shared, band.T).mul_(values).mul_(-2 * norm.beta)
        return through.addcmul_(gradient, power).to(x.dtype), None


def _mixed(x: Tensor, weights: Tensor) -> Tensor:
    """Return each channel as a weighted sum of all channels."""
    return Convolution.of(weights[:, :, None, None], None, Geometry((1, 1)))(x)

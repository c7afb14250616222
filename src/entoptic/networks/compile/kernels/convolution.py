"""A convolution whose weights are frozen, with the ReLU that follows it.

The gradient of the input needs neither the input nor, without a ReLU, anything else of the forward
pass, so that nothing is kept; PyTorch's own convolution keeps its input.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from entoptic.networks.compile.kernels.input_gradient import FEW_CHANNELS, input_gradient
from entoptic.networks.compile.kernels.onednn import Convolution, Geometry
from entoptic.networks.compile.kernels.rectifier import MaskedBy, Rectifier, is_unfused


class FrozenConv(nn.Module):
    """A convolution that gives no gradient to its weights.

    Args:
        conv: the layer, padded with zeros, equally on both sides.
        dtype: in which it computes, and of its output.
        rectifier: what is fused with it.
        masked_by: who applies the mask of that, if there is one.
    """

    def __init__(
        self,
        conv: nn.Conv2d,
        dtype: torch.dtype,
        rectifier: Rectifier | None = None,
        masked_by: MaskedBy = MaskedBy.CONVOLUTION,
    ) -> None:
        super().__init__()
        self.geometry = Geometry.of(conv)
        self.dtype = dtype
        self.rectifier, self.masked_by = rectifier, masked_by
        # What the network is shown isn't rounded: a step is finer than bfloat16. Where the result
        # is so large that float32 takes long, it is shown the sum of two images.
        is_first = conv.in_channels <= FEW_CHANNELS
        self.halves = (
            is_first and dtype == torch.bfloat16 and conv.stride == (1, 1) and conv.groups == 1
        )
        self.inner = torch.float32 if is_first and not self.halves else dtype
        weight = conv.weight.detach()
        shown = torch.cat([weight, weight], 1) if self.halves else weight
        bias = None if conv.bias is None else conv.bias.detach()
        self.convolution = Convolution.of(shown.to(self.inner), bias, self.geometry)
        self.input_gradient = input_gradient(self.geometry, weight.to(dtype))
        # Of large convolutions a copy would be too much.
        self.weight = weight.to(dtype) if is_first else None

    @property
    def mask(self) -> Rectifier | None:
        """The rectifier whose mask it applies itself."""
        return self.rectifier if self.masked_by is MaskedBy.CONVOLUTION else None

    @property
    def own_weight(self) -> Tensor:
        """In its precision."""
        return self.convolution.weight if self.weight is None else self.weight

    def computed(
        self, x: Tensor, rectifier: Rectifier | None, padding: tuple[int, int] | None = None
    ) -> Tensor:
        """Return the rectified output in the precision of the sums, see `Convolution`."""
        shown = x.to(self.inner)
        if self.halves:
            shown = torch.cat([shown, (x - shown).to(self.inner)], 1)
        return self.convolution(shown, rectifier, padding)

    def forward(self, x: Tensor) -> Tensor:
        fused = not is_unfused()
        y = _Frozen.apply(x, self, fused)
        assert isinstance(y, Tensor)
        return y if fused or self.rectifier is None else self.rectifier(y)


class _Frozen(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, conv: FrozenConv, fused: bool) -> Tensor:
        y = conv.computed(x, conv.rectifier if fused else None).to(conv.dtype)
        ctx.conv, ctx.mask = conv, conv.mask if fused else None
        ctx.size = x.shape[-2], x.shape[-1]
        ctx.dtype = x.dtype
        if ctx.mask is not None:
            ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        if ctx.mask is not None:
            gradient = ctx.mask.masked(gradient, *ctx.saved_tensors)
        return ctx.conv.input_gradient(gradient, ctx.size).to(ctx.dtype), None, None

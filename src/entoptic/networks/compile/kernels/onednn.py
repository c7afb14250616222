"""Convolutions and matrix products with fixed weights, by oneDNN where it can compute them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from entoptic.networks.compile.kernels.rectifier import Rectifier

Pair = tuple[int, int]


def has_onednn(weight: Tensor) -> bool:
    """Return whether oneDNN can compute with weights, by the operators of PyTorch's compiler."""
    mkldnn: Any = torch.backends.mkldnn
    return bool(
        weight.device.type == "cpu"
        and mkldnn.is_available()
        and mkldnn.enabled
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    )


@dataclass(frozen=True)
class Geometry:
    """The windows of a convolution: their size, and how they go over its input."""

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    @classmethod
    def of(cls, conv: nn.Conv2d) -> Geometry:
        """Return that of a layer that is padded by numbers, equally on both sides."""
        assert isinstance(conv.padding, tuple)
        pairs = (conv.kernel_size, conv.stride, conv.padding, conv.dilation)
        kernel, stride, padding, dilation = ((int(rows), int(columns)) for rows, columns in pairs)
        return cls(kernel, stride, padding, dilation, conv.groups)


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution with fixed weights.

    Args:
        weight: left as it is. Packing it for another size than that of the image made some
            convolutions, in bfloat16, ten times slower, and for the same size gained nothing.
        bias: or none.
        geometry: of its windows.
        fused: whether oneDNN computes it, and its rectifier along with it.
    """

    weight: Tensor
    bias: Tensor | None
    geometry: Geometry
    fused: bool

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Convolution:
        """Return the fastest one with these weights."""
        weight = weight.contiguous(memory_format=torch.channels_last)
        fused = has_onednn(weight)
        if bias is not None:
            # oneDNN adds a bias in float32 to sums that are in float32.
            bias = bias.to(torch.float32 if fused else weight.dtype)
        return cls(weight, bias, geometry, fused)

    def __call__(
        self, x: Tensor, rectifier: Rectifier | None = None, padding: Pair | None = None
    ) -> Tensor:
        """Return its output, rectified.

        Args:
            padding: in place of its own.
        """
        how = self.geometry
        padding = padding or how.padding
        if not self.fused:
            y = F.conv2d(x, self.weight, self.bias, how.stride, padding, how.dilation, how.groups)
            return y if rectifier is None else rectifier(y)
        x = x.contiguous(memory_format=torch.channels_last)
        name, limits = ("none", ()) if rectifier is None else rectifier.named()
        y = torch.ops.mkldnn._convolution_pointwise(
            *(x, self.weight, self.bias, padding, how.stride, how.dilation, how.groups),
            *(name, limits, ""),
        )
        assert isinstance(y, Tensor)
        return y


def product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return `x @ weight.T + bias`."""
    y = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    assert isinstance(y, Tensor)
    return y

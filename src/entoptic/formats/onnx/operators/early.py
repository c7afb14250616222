"""Operators of the standard's first days, which CoreML's and Caffe2's converters wrote."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from entoptic.formats.onnx.operators.operation import Node, operation, operator


@operation("ImageScaler")
def image_scaler(x: Tensor, *, scale: float = 1.0, bias: tuple[float, ...] = (0.0,)) -> Tensor:
    """A factor for the whole picture, then a number added to each channel."""
    return x * scale + x.new_tensor(bias).reshape(-1, 1, 1)


@operator("Crop")
def crop(node: Node) -> nn.Module:
    """Make a crop; its numbers are checked first."""
    border, scale = node.integers("border", ()), node.integers("scale", None)
    if len(border) != 4 or (scale is not None and len(scale) != 2):
        node.refuse("it needs 4 numbers as 'border' and 2 as 'scale', or none")
    return cropped(node, border=border, scale=scale)


@operation(kind="Crop")
def cropped(x: Tensor, *, border: tuple[int, ...], scale: tuple[int, ...] | None) -> Tensor:
    """The picture without its borders, or that begins at them and has a size."""
    left, top, right, bottom = border
    height, width = x.shape[-2:]
    end, last = (height - bottom, width - right)
    if scale is not None:
        end, last = top + scale[0], left + scale[1]
    if not (0 <= top < end <= height and 0 <= left < last <= width):
        raise ValueError(f"a picture of {height}x{width} has no part {top}..{end}x{left}..{last}")
    return x[..., top:end, left:last]


@operation("Affine")
def affine(x: Tensor, *, alpha: float = 1.0, beta: float = 0.0) -> Tensor:
    """A factor, and a number added."""
    return alpha * x + beta


@operation("Scale")
def scaled(x: Tensor, *, scale: float = 1.0) -> Tensor:
    """A factor."""
    return scale * x


@operation("ScaledTanh")
def scaled_tanh(x: Tensor, *, alpha: float = 1.0, beta: float = 1.0) -> Tensor:
    """The hyperbolic tangent, its input and its output each times a factor."""
    return alpha * torch.tanh(beta * x)


@operation("ParametricSoftplus")
def parametric_softplus(x: Tensor, *, alpha: float = 1.0, beta: float = 1.0) -> Tensor:
    """The softplus, its input and its output each times a factor."""
    return alpha * F.softplus(beta * x)

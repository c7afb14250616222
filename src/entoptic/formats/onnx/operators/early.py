"""Operators of the standard's first days, which CoreML's and Caffe2's converters wrote."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from entoptic.formats.onnx.operators.operation import Node, Operation, operator


@operator("ImageScaler")
class ImageScaler(Operation):
    """A factor for the whole picture, then a number added to each channel."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.scale = node.number("scale", 1.0)
        self.register_buffer("shift", torch.tensor(node.numbers("bias") or (0.0,)))

    def compute(self, x: Tensor) -> Tensor:
        shift: Tensor = self.get_buffer("shift").to(x.dtype)
        return x * self.scale + shift.reshape(-1, 1, 1)


@operator("Crop")
class Crop(Operation):
    """The picture without its borders, or that begins at them and has a size."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.border = node.integers("border") or ()
        self.scale = node.integers("scale")
        if len(self.border) != 4 or (self.scale is not None and len(self.scale) != 2):
            node.refuse("it needs 4 numbers as 'border' and 2 as 'scale', or none")

    def compute(self, x: Tensor) -> Tensor:
        left, top, right, bottom = self.border
        height, width = x.shape[-2:]
        end, last = (height - bottom, width - right)
        if self.scale is not None:
            end, last = top + self.scale[0], left + self.scale[1]
        if not (0 <= top < end <= height and 0 <= left < last <= width):
            raise ValueError(
                f"a picture of {height}x{width} has no part {top}..{end}x{left}..{last}"
            )
        return x[..., top:end, left:last]


@operator("Affine")
class Affine(Operation):
    """A factor, and a number added."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.alpha, self.beta = node.number("alpha", 1.0), node.number("beta", 0.0)

    def compute(self, x: Tensor) -> Tensor:
        return self.alpha * x + self.beta


@operator("Scale")
class Scale(Operation):
    """A factor."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.factor = node.number("scale", 1.0)

    def compute(self, x: Tensor) -> Tensor:
        return self.factor * x


@operator("ScaledTanh")
class ScaledTanh(Operation):
    """The hyperbolic tangent, its input and its output each times a factor."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.alpha, self.beta = node.number("alpha", 1.0), node.number("beta", 1.0)

    def compute(self, x: Tensor) -> Tensor:
        return self.alpha * torch.tanh(self.beta * x)


@operator("ParametricSoftplus")
class ParametricSoftplus(Operation):
    """The softplus, its input and its output each times a factor."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.alpha, self.beta = node.number("alpha", 1.0), node.number("beta", 1.0)

    def compute(self, x: Tensor) -> Tensor:
        return self.alpha * F.softplus(self.beta * x)

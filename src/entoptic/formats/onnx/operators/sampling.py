"""Operators that look at a picture elsewhere: by coordinates, around its centre, patch by patch."""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from entoptic.formats.onnx.operators.operation import (
    MAX_FROM_NOTHING,
    Node,
    Operation,
    bounded,
    operator,
    repeated,
    whole_numbers,
)
from entoptic.formats.onnx.operators.windows import pad

# The names that torch has for them, also those of opset 16.
_MODES = {
    "linear": "bilinear",
    "bilinear": "bilinear",
    "nearest": "nearest",
    "cubic": "bicubic",
    "bicubic": "bicubic",
}


@operator("GridSample")
class GridSample(Operation):
    """A picture at the coordinates that another tensor holds."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.mode = _MODES[node.text("mode", "linear", tuple(_MODES))]
        self.outside = node.text("padding_mode", "zeros", ("zeros", "border", "reflection"))
        self.corners = node.flag("align_corners")

    def compute(self, x: Tensor, grid: Tensor) -> Tensor:
        return F.grid_sample(x, grid, self.mode, self.outside, self.corners)


@operator("AffineGrid")
class AffineGrid(Operation):
    """The coordinates that a matrix takes those of a picture to."""

    settings = frozenset({1})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.corners = node.flag("align_corners")

    def compute(self, matrix: Tensor, size: Tensor) -> Tensor:
        return F.affine_grid(matrix, bounded(whole_numbers(size), MAX_FROM_NOTHING), self.corners)


@operator("Col2Im")
class Col2Im(Operation):
    """Patches laid back to where they were cut out, summed where they overlap."""

    settings = frozenset({1, 2})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.stride = node.integers("strides")
        self.dilation = node.integers("dilations")
        self.pads = node.integers("pads")

    def compute(self, x: Tensor, image: Tensor, block: Tensor) -> Tensor:
        sizes, kernel = bounded(whole_numbers(image)), bounded(whole_numbers(block))
        repeated(math.prod(kernel))
        count = len(sizes)
        stride, dilation = self.stride or (1,) * count, self.dilation or (1,) * count
        pads = self.pads or (0,) * (2 * count)
        padded = [a + size + b for a, size, b in zip(pads, sizes, pads[count:], strict=False)]
        spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        rows = zip(padded, spans, stride, strict=True)
        steps = [(size - span) // step + 1 for size, span, step in rows]
        channels = x.shape[1] // math.prod(kernel)
        bounded([x.shape[0], channels, *padded])
        blocks = x.reshape(x.shape[0], channels, math.prod(kernel), *steps)
        made = x.new_zeros(x.shape[0], channels, *padded)
        for index, tap in enumerate(itertools.product(*map(range, kernel))):
            along = zip(tap, dilation, steps, stride, strict=True)
            cuts = [slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in along]
            where: tuple[Any, ...] = (..., *cuts)
            made[where] += blocks[:, :, index]
        cut = zip(pads, pads[count:], strict=False)
        return pad(made, [(-begin, -end) for begin, end in cut])


@operator("CenterCropPad")
class CenterCropPad(Operation):
    """Axes cut or padded to a length, both sides alike."""

    settings = frozenset({1})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.axes = node.integers("axes")

    def compute(self, x: Tensor, shape: Tensor) -> Tensor:
        axes = range(x.dim()) if self.axes is None else self.axes
        pads = [(0, 0)] * x.dim()
        target = list(x.shape)
        for axis, wanted in zip(axes, whole_numbers(shape), strict=True):
            missing = wanted - x.shape[axis]
            less = abs(missing) // 2
            sign = 1 if missing > 0 else -1
            pads[axis] = sign * less, missing - sign * less
            target[axis] = wanted
        bounded(target)
        return pad(x, pads)

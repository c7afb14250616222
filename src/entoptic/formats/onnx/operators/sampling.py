"""Operators that look at a picture elsewhere: by coordinates, around its centre, patch by patch."""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor

from entoptic.formats.onnx.operators.operation import (
    MAX_FROM_NOTHING,
    bounded,
    operation,
    repeated,
    whole_numbers,
)
from entoptic.formats.onnx.operators.windows import pad
from entoptic.formats.windows import Window

# torch's names of the modes that opset 20 has named anew.
_MODES = {"linear": "bilinear", "cubic": "bicubic"}


@operation("GridSample")
def grid_sample(
    x: Tensor,
    grid: Tensor,
    *,
    mode: Literal["linear", "bilinear", "nearest", "cubic", "bicubic"] = "linear",
    padding_mode: Literal["zeros", "border", "reflection"] = "zeros",
    align_corners: bool = False,
) -> Tensor:
    """A picture at the coordinates that another tensor holds."""
    return F.grid_sample(x, grid, _MODES.get(mode, mode), padding_mode, align_corners)


@operation("AffineGrid", settings=[1])
def affine_grid(matrix: Tensor, size: Tensor, *, align_corners: bool = False) -> Tensor:
    """The coordinates that a matrix takes those of a picture to."""
    return F.affine_grid(matrix, bounded(whole_numbers(size), MAX_FROM_NOTHING), align_corners)


@operation("Col2Im", settings=(1, 2))
def column_to_image(
    x: Tensor,
    image: Tensor,
    block: Tensor,
    *,
    strides: tuple[int, ...] | None = None,
    dilations: tuple[int, ...] | None = None,
    pads: tuple[int, ...] | None = None,
) -> Tensor:
    """Patches laid back to where they were cut out, summed where they overlap."""
    sizes, kernel = bounded(whole_numbers(image)), bounded(whole_numbers(block))
    taps = repeated(math.prod(kernel))
    ones, none = (1,) * len(sizes), (0,) * (2 * len(sizes))
    begin, end = (pads or none)[: len(sizes)], (pads or none)[len(sizes) :]
    window = Window(tuple(kernel), strides or ones, dilations or ones, begin, end)
    padded = [a + size + b for a, size, b in zip(begin, sizes, end, strict=True)]
    counts = window.positions(sizes)
    channels = x.shape[1] // taps
    bounded([x.shape[0], channels, *padded])
    blocks = x.reshape(x.shape[0], channels, taps, *counts)
    made = x.new_zeros(x.shape[0], channels, *padded)
    for index, tap in enumerate(itertools.product(*map(range, kernel))):
        along = zip(tap, window.dilation, counts, window.stride, strict=True)
        cuts = [slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in along]
        where: tuple[Any, ...] = (..., *cuts)
        made[where] += blocks[:, :, index]
    return pad(made, [(-a, -b) for a, b in zip(begin, end, strict=True)])


@operation("CenterCropPad", settings=[1])
def center_crop_pad(x: Tensor, shape: Tensor, *, axes: tuple[int, ...] | None = None) -> Tensor:
    """Axes cut or padded to a length, both sides alike."""
    pads = [(0, 0)] * x.dim()
    target = list(x.shape)
    for axis, wanted in zip(axes or range(x.dim()), whole_numbers(shape), strict=True):
        missing = wanted - x.shape[axis]
        less = abs(missing) // 2
        sign = 1 if missing > 0 else -1
        pads[axis] = sign * less, missing - sign * less
        target[axis] = wanted
    bounded(target)
    return pad(x, pads)

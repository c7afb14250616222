"""Operators that make a picture value larger or smaller, or trade pixels for channels."""

from __future__ import annotations

import numpy as np

from entoptic.errors import BadModelFile
from entoptic.formats.tensorflow.builder import Builder
from entoptic.formats.tensorflow.operators.convolution import as_map, joined, split
from entoptic.formats.tensorflow.operators.table import operator
from entoptic.formats.tensorflow.values import Free, Size, Value, grown, natural

_MAX_SIDE = 65_536  # pixels
_MAX_BLOCK = 4_096


@operator("ResizeBilinear", "ResizeNearestNeighbor", inputs=2)
def resize(builder: Builder, x: Value, size: Value) -> Value:
    x = as_map(builder, x)
    batch, channels, *sides = split(builder, x)
    if size.array is None or size.shape != (2,):
        raise BadModelFile("the size of its result must be a list of 2 constants")
    wanted = size.array.tolist()
    modes = _modes(builder)
    scales = [_scale(side, target) for side, target in zip(sides, wanted, strict=True)]
    if None not in scales:
        factors = builder.constant(
            np.array([1, 1, *scales], np.float32), f"{builder.node.name}/scales"
        )
        name = builder.emit("Resize", x, "", factors, **modes)
        results = [_scaled(side, factor) for side, factor in zip(sides, scales, strict=True)]
        return joined(builder, name, batch, channels, results)
    fixed = builder.whole_numbers(size, "size")
    if not all(1 <= side <= _MAX_SIDE for side in fixed):
        raise BadModelFile(f"a result of {fixed} pixels is absurd")
    start, end = builder.integers([0], "start"), builder.integers([2], "end")
    shape = builder.emit("Shape", x, step="shape")
    kept = builder.emit("Slice", shape, start, end, step="batch")
    whole = builder.emit("Concat", kept, builder.integers(fixed, "size"), step="sizes", axis=0)
    return joined(
        builder, builder.emit("Resize", x, "", "", whole, **modes), batch, channels, fixed
    )


def _modes(builder: Builder) -> dict[str, str]:
    """TensorFlow 1 maps corners to corners, or (by default) pixel 0 to pixel 0."""
    linear = builder.node.op == "ResizeBilinear"
    if builder.node.flag("align_corners", False):
        place, nearest = "align_corners", "round_prefer_ceil"
    elif builder.node.flag("half_pixel_centers", False):
        place, nearest = "half_pixel", "round_prefer_ceil"
    else:
        place, nearest = "asymmetric", "floor"
    modes = {"mode": "linear" if linear else "nearest", "coordinate_transformation_mode": place}
    return modes if linear else modes | {"nearest_mode": nearest}


def _scale(side: Size, target: object) -> int | None:
    """A whole factor, which then holds for pictures of any size; None where there is none."""
    known = natural(side)
    wanted = target.natural if isinstance(target, Free) else target
    if not isinstance(wanted, int | float) or known is None or wanted < known:
        return None
    return int(wanted // known) if wanted % known == 0 and wanted <= _MAX_SIDE else None


def _scaled(side: Size, factor: int | None) -> Size:
    return grown(side, lambda size: size * (factor or 1))


@operator("SpaceToDepth", "DepthToSpace", inputs=1)
def trade(builder: Builder, x: Value) -> Value:
    """Both number the channels of a block row by row, channel last, as ONNX does (DCR)."""
    block = builder.node.integer("block_size", 0)
    if not 2 <= block <= _MAX_BLOCK:
        raise BadModelFile(f"its block_size of {block} must be from 2 to {_MAX_BLOCK}")
    x = as_map(builder, x)
    batch, channels, *sides = split(builder, x)
    if not isinstance(channels, int):
        raise BadModelFile("the number of its channels isn't known")
    if builder.node.op == "SpaceToDepth":
        name = builder.emit("SpaceToDepth", x, blocksize=block)
        results = [grown(side, lambda size: size // block) for side in sides]
        return joined(builder, name, batch, channels * block**2, results)
    if channels % block**2:
        raise BadModelFile(f"{channels} channels don't make blocks of {block} x {block}")
    name = builder.emit("DepthToSpace", x, blocksize=block, mode="DCR")
    results = [grown(side, lambda size: size * block) for side in sides]
    return joined(builder, name, batch, channels // block**2, results)

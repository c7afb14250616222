"""Pooling, and the normalization across channels of the first networks."""

from __future__ import annotations

from entoptic.errors import BadModelFile
from entoptic.formats.tensorflow.builder import Builder
from entoptic.formats.tensorflow.operators.convolution import (
    as_map,
    attributes,
    joined,
    positions,
    split,
    window,
)
from entoptic.formats.tensorflow.operators.table import operator
from entoptic.formats.tensorflow.values import Value

_MAX_RADIUS = 65_536


@operator("MaxPool", "AvgPool", inputs=1)
def pool(builder: Builder, x: Value) -> Value:
    """Neither counts the padding: a mean is taken over the pixels that exist."""
    x = as_map(builder, x)
    batch, channels, height, width = split(builder, x)
    moved = window(builder)
    op = "MaxPool" if builder.node.op == "MaxPool" else "AveragePool"
    name = builder.emit(op, x, **attributes(moved))
    sides = [positions(moved, axis, side) for axis, side in enumerate((height, width))]
    return joined(builder, name, batch, channels, sides)


@operator("LRN", inputs=1)
def local_response_norm(builder: Builder, x: Value) -> Value:
    """TensorFlow sums over the neighbouring channels where ONNX takes their mean."""
    radius = builder.node.integer("depth_radius", 5)
    if not 0 <= radius <= _MAX_RADIUS:
        raise BadModelFile(f"its depth_radius of {radius} is absurd")
    size = 2 * radius + 1
    x = as_map(builder, x)
    return builder.result(
        "LRN",
        x,
        like=x,
        size=size,
        alpha=builder.node.number("alpha", 1.0) * size,
        beta=builder.node.number("beta", 0.5),
        bias=builder.node.number("bias", 1.0),
    )

"""Operators that take one number from many along an axis."""

from __future__ import annotations

from collections.abc import Sequence

from entoptic.formats.tensorflow.builder import Builder
from entoptic.formats.tensorflow.operators.table import operator
from entoptic.formats.tensorflow.values import TO_NCHW, Shape, Size, Value

_REDUCTIONS = {"Mean": "ReduceMean", "Sum": "ReduceSum", "Max": "ReduceMax", "Min": "ReduceMin"}


def droppable(builder: Builder, x: Value, axes: Sequence[int]) -> Value:
    """A value whose axes can be taken away with the others left in TensorFlow's order."""
    left = [axis for axis in TO_NCHW if axis not in axes]
    return builder.laid(x, False) if x.nchw and axes and left != sorted(left) else x


def without(shape: Shape, axes: Sequence[int]) -> Shape:
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


@operator(*_REDUCTIONS, inputs=2)
def reduce(builder: Builder, x: Value, over: Value) -> Value:
    axes = sorted({x.axis(number) for number in builder.whole_numbers(over, "axes")})
    if not axes:
        return builder.result("Identity", x, like=x)
    keep = builder.node.flag("keep_dims", False)
    if not keep:
        x = droppable(builder, x, axes)
    stored = sorted(x.stored(axis) for axis in axes)
    # In opset 17 the axes of a sum are an input, those of the others an attribute.
    name = (
        builder.emit("ReduceSum", x, builder.integers(stored, "axes"), keepdims=int(keep))
        if builder.node.op == "Sum"
        else builder.emit(_REDUCTIONS[builder.node.op], x, axes=stored, keepdims=int(keep))
    )
    if not keep:
        return Value(name, without(x.shape, axes))
    shape: tuple[Size, ...] = tuple(
        1 if axis in axes else size for axis, size in enumerate(x.shape)
    )
    return Value(name, shape, x.nchw)


@operator("ArgMax", inputs=2)
def argmax(builder: Builder, x: Value, over: Value) -> Value:
    axes = [x.axis(number) for number in builder.whole_numbers(over, "axis")]
    x = droppable(builder, x, axes)
    name = builder.emit("ArgMax", x, axis=x.stored(axes[0]), keepdims=0)
    return Value(name, without(x.shape, axes))


@operator("Softmax", "LogSoftmax", inputs=1)
def softmax(builder: Builder, x: Value) -> Value:
    return builder.result(builder.node.op, x, like=x, axis=x.stored(x.axis(-1)))

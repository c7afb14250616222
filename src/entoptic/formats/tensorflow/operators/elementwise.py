"""Operators that work entry by entry."""

from __future__ import annotations

import numpy as np

from entoptic.errors import BadModelFile
from entoptic.formats.tensorflow import fold
from entoptic.formats.tensorflow.builder import Builder
from entoptic.formats.tensorflow.graphdef import FLOATS
from entoptic.formats.tensorflow.operators.table import ANY, operator
from entoptic.formats.tensorflow.values import Value, broadcast

_UNARY = {op: name for op, (name, _) in fold.UNARY.items() if name} | {
    "Relu": "Relu",
    "Elu": "Elu",
    "Selu": "Selu",
    "Sigmoid": "Sigmoid",
    "Tanh": "Tanh",
    "Softplus": "Softplus",
    "Softsign": "Softsign",
    "CheckNumerics": "Identity",
    "PlaceholderWithDefault": "Identity",
}
_BINARY = {op: name for op, (name, _) in fold.BINARY.items() if name}


@operator(*_UNARY, inputs=1)
def unary(builder: Builder, x: Value) -> Value:
    return builder.result(_UNARY[builder.node.op], x, like=x)


@operator("Relu6", inputs=1)
def relu6(builder: Builder, x: Value) -> Value:
    low = builder.constant(np.array(0, np.float32), f"{builder.node.name}/min")
    high = builder.constant(np.array(6, np.float32), f"{builder.node.name}/max")
    return builder.result("Clip", x, low, high, like=x)


@operator("LeakyRelu", inputs=1)
def leaky_relu(builder: Builder, x: Value) -> Value:
    return builder.result("LeakyRelu", x, like=x, alpha=builder.node.number("alpha", 0.2))


@operator("Rsqrt", inputs=1)
def rsqrt(builder: Builder, x: Value) -> Value:
    return builder.result("Reciprocal", builder.emit("Sqrt", x, step="sqrt"), like=x)


@operator("Square", inputs=1)
def square(builder: Builder, x: Value) -> Value:
    return builder.result("Mul", x, x, like=x)


@operator("Cast", inputs=1)
def cast(builder: Builder, x: Value) -> Value:
    from onnx import TensorProto

    to = TensorProto.FLOAT if builder.node.integer("DstT", 1) in FLOATS else TensorProto.INT64
    return builder.result("Cast", x, like=x, to=to)


@operator(*_BINARY, inputs=2)
def binary(builder: Builder, x: Value, y: Value) -> Value:
    (x, y), nchw = builder.agreed([x, y])
    return Value(builder.emit(_BINARY[builder.node.op], x, y), broadcast(x.shape, y.shape), nchw)


@operator("SquaredDifference", inputs=2)
def squared_difference(builder: Builder, x: Value, y: Value) -> Value:
    (x, y), nchw = builder.agreed([x, y])
    difference = builder.emit("Sub", x, y, step="sub")
    return Value(builder.emit("Mul", difference, difference), broadcast(x.shape, y.shape), nchw)


@operator("AddN", inputs=1, most=ANY)
def add_n(builder: Builder, *inputs: Value) -> Value:
    terms, nchw = builder.agreed(inputs)
    return Value(builder.emit("Sum", *terms), broadcast(*(term.shape for term in terms)), nchw)


@operator("BiasAdd", "BiasAddV1", inputs=2)
def bias_add(builder: Builder, x: Value, bias: Value) -> Value:
    array = builder.weights(bias, "bias", 1)
    data_format = builder.node.text("data_format", "NHWC")
    channels = x.channels(data_format) if x.rank > 1 else 0
    if channels != array.size:
        raise BadModelFile(f"its bias has {array.size} entries for {channels} channels")
    if x.nchw and data_format == "NCHW":
        x = builder.laid(x, False)
    if x.nchw or data_format == "NCHW":
        array = array.reshape(-1, *[1] * (x.rank - 2))
    return builder.result("Add", x, builder.constant(array, bias.name), like=x)

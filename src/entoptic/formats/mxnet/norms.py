"""Operators that normalise: over the batch, a picture, a layer, a group, or neighbours."""

from __future__ import annotations

import numpy as np

from entoptic.formats.mxnet.graph import Call, Value, operator
from entoptic.formats.mxnet.params import Array


@operator("BatchNorm", "BatchNorm_v1", "CuDNNBatchNorm", "_contrib_SyncBatchNorm")
def _batch_norm(call: Call) -> Value:
    """With the stored statistics, as when a trained network runs."""
    gamma = call.parameter(1, "gamma", (None,))
    length = gamma.numbers.shape
    beta, mean, variance = (
        call.parameter(index, what, length)
        for index, what in ((2, "beta"), (3, "moving_mean"), (4, "moving_var"))
    )
    if call.attributes.flag("fix_gamma", True):
        gamma = call.constant("gamma", np.ones(length))
    eps = call.attributes.real("eps", 1e-3)
    axis = call.attributes.integer("axis", 1)
    data = call.input()
    if call.axis(axis) == 1:
        return call.last("BatchNormalization", data, gamma, beta, mean, variance, epsilon=eps)
    with np.errstate(all="ignore"):  # negative variances are for MXNet to excuse
        scale = gamma.numbers / np.sqrt(variance.numbers + np.float32(eps))
        shift = beta.numbers - mean.numbers * scale
    return _scaled(call, data, scale, shift, axis)


def _scaled(call: Call, data: Value, scale: Array, shift: Array, axis: int) -> Value:
    """data * scale + shift, both along one axis."""
    shape = (-1,) + (1,) * (call.rank() - 1 - call.axis(axis))
    product = call.step("scaled", "Mul", data, call.constant("scale", scale.reshape(shape)))
    return call.last("Add", product, call.constant("shift", shift.reshape(shape)))


@operator("InstanceNorm")
def _instance_norm(call: Call) -> Value:
    gamma = call.parameter(1, "gamma", (None,))
    beta = call.parameter(2, "beta", gamma.numbers.shape)
    eps = call.attributes.real("eps", 1e-3)
    data = call.input()
    return call.last("InstanceNormalization", data, gamma, beta, epsilon=eps)


@operator("LayerNorm")
def _layer_norm(call: Call) -> Value:
    gamma = call.parameter(1, "gamma", (None,))
    beta = call.parameter(2, "beta", gamma.numbers.shape)
    eps = call.attributes.real("eps", 1e-5)
    axis = call.attributes.integer("axis", -1)
    data = call.input()
    if call.axis(axis) == call.rank() - 1:
        return call.last("LayerNormalization", data, gamma, beta, axis=-1, epsilon=eps)
    mean = call.step("mean", "ReduceMean", data, axes=[axis], keepdims=1)
    centered = call.step("centred", "Sub", data, mean)
    square = call.step("square", "Mul", centered, centered)
    variance = call.step("variance", "ReduceMean", square, axes=[axis], keepdims=1)
    above_zero = call.step("plus_eps", "Add", variance, call.constant("eps", eps))
    deviation = call.step("deviation", "Sqrt", above_zero)
    normal = call.step("normal", "Div", centered, deviation)
    return _scaled(call, normal, gamma.numbers, beta.numbers, axis)


@operator("GroupNorm")
def _group_norm(call: Call) -> Value:
    """Gamma and beta are one per group; in MXNet 2, one per channel."""
    data, rank = call.input(), call.rank()
    groups = call.attributes.integer("num_groups", 1, low=1, high=65536)
    gamma = call.parameter(1, "gamma", (None,)).numbers
    beta = call.parameter(2, "beta", gamma.shape).numbers
    per_group = len(gamma) == groups
    rows = call.step("groups", "Reshape", data, call.integers("rows", (0, groups, -1)))
    normal = call.step(
        "normal",
        "InstanceNormalization",
        rows,
        call.constant("gamma", gamma if per_group else np.ones(groups)),
        call.constant("beta", beta if per_group else np.zeros(groups)),
        epsilon=call.attributes.real("eps", 1e-5),
    )
    shape = call.step("shape", "Shape", data)
    if per_group:
        return call.last("Reshape", normal, shape, rank=rank)
    back = call.step("back", "Reshape", normal, shape, rank=rank)
    return _scaled(call, back, gamma, beta, axis=1)


@operator("L2Normalization")
def _l2_normalization(call: Call) -> Value:
    data, rank = call.input(), call.rank()
    mode = call.attributes.text("mode", "instance", ("instance", "channel", "spatial"))
    axes = {"instance": range(1, rank), "channel": [1], "spatial": range(2, rank)}[mode]
    square = call.step("square", "Mul", data, data)
    total = call.step("sum", "ReduceSum", square, call.integers("axes", axes), keepdims=1)
    eps = call.constant("eps", call.attributes.real("eps", 1e-10))
    length = call.step("length", "Sqrt", call.step("plus_eps", "Add", total, eps))
    return call.last("Div", data, length)


@operator("LRN")
def _local_response_normalization(call: Call) -> Value:
    """Both formats divide alpha by the window."""
    return call.last(
        "LRN",
        call.input(),
        size=call.attributes.integer("nsize", low=1, high=65536),
        alpha=call.attributes.real("alpha", 1e-4),
        beta=call.attributes.real("beta", 0.75),
        bias=call.attributes.real("knorm", 2.0),
    )

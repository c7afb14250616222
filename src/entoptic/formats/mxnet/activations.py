"""Activation functions, softmaxes, and the losses at the end of a training network."""

from __future__ import annotations

import math

from entoptic.formats.mxnet.graph import Call, Value, operator

_ACTIVATIONS = {
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "softrelu": "Softplus",
    "softsign": "Softsign",
}


@operator("Activation")
def _activation(call: Call) -> Value:
    kind = call.attributes.text("act_type", options=tuple(_ACTIVATIONS))
    return call.last(_ACTIVATIONS[kind], call.input())


@operator("LeakyReLU")
def _leaky_relu(call: Call) -> Value:
    data = call.input()
    kinds = ("leaky", "prelu", "elu", "selu", "gelu", "rrelu")
    kind = call.attributes.text("act_type", "leaky", kinds)
    slope = call.attributes.real("slope", 0.25)
    if kind == "prelu":
        return call.last("PRelu", data, _slopes(call))
    if kind == "gelu":
        return _gelu(call)
    if kind == "selu":
        return call.last("Selu", data)
    if kind == "elu":
        return call.last("Elu", data, alpha=slope)
    if kind == "rrelu":  # random while training, its mean afterwards
        low = call.attributes.real("lower_bound", 0.125)
        slope = (low + call.attributes.real("upper_bound", 0.334)) / 2
    return call.last("LeakyRelu", data, alpha=slope)


def _slopes(call: Call) -> Value:
    """One slope for all, or one per channel, shaped so that it meets axis 1."""
    gamma = call.parameter(1, "gamma", (None,))
    if len(gamma.numbers) == 1 or call.rank() <= 2:
        return gamma
    return call.constant("slope", gamma.numbers.reshape(-1, *[1] * (call.rank() - 2)))


def _gelu(call: Call) -> Value:
    """x * (1 + erf(x / sqrt(2))) / 2"""
    data = call.input()
    narrow = call.step("narrow", "Mul", data, call.constant("root", math.sqrt(0.5)))
    error = call.step("plus_one", "Add", call.step("erf", "Erf", narrow), call.constant("one", 1.0))
    half = call.step("half", "Mul", data, call.constant("half_of", 0.5))
    return call.last("Mul", half, error)


@operator("hard_sigmoid")
def _hard_sigmoid(call: Call) -> Value:
    alpha, beta = call.attributes.real("alpha", 0.2), call.attributes.real("beta", 0.5)
    return call.last("HardSigmoid", call.input(), alpha=alpha, beta=beta)


@operator("softmax", "softmin", "log_softmax")
def _softmax(call: Call) -> Value:
    if call.attributes.flag("use_length", False):
        raise call.fail("use_length=True can't be imported")
    data = call.input()
    divisor = call.attributes.real("temperature", 1.0)
    if call.kind == "softmin":
        divisor = -divisor
    if divisor == 0:
        raise call.fail("temperature 0 can't be imported")
    if divisor != 1:
        data = call.step("tempered", "Div", data, call.constant("temperature", divisor))
    axis = call.attributes.integer("axis", -1, low=-16, high=15)
    return call.last("LogSoftmax" if call.kind == "log_softmax" else "Softmax", data, axis=axis)


@operator("SoftmaxActivation")
def _softmax_activation(call: Call) -> Value:
    mode = call.attributes.text("mode", "instance", ("instance", "channel"))
    return _softmax_over_axis(call, 1 if mode == "channel" else -1)


@operator("SoftmaxOutput", "Softmax")
def _softmax_output(call: Call) -> Value:
    """Emit the softmax alone, without labels and loss."""
    if call.attributes.flag("multi_output", False):
        return _softmax_over_axis(call, 1)
    if call.attributes.flag("preserve_shape", False):
        return _softmax_over_axis(call, -1)
    return _softmax_over_all(call)


def _softmax_over_axis(call: Call, axis: int) -> Value:
    return call.last("Softmax", call.input(), axis=axis)


def _softmax_over_all(call: Call) -> Value:
    """Over everything but the batch."""
    data = call.input()
    if data.rank == 2:
        return _softmax_over_axis(call, 1)
    rows = call.step("flatten", "Flatten", data, axis=1)
    parts = call.step("softmax", "Softmax", rows, axis=1)
    shape = call.step("shape", "Shape", data)
    return call.last("Reshape", parts, shape, rank=data.rank)

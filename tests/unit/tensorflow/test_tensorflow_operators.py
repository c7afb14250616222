"""Operators of TensorFlow, against answers from their documented definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from entoptic.errors import BadModelFile


def same_pads(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2"""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def patches(x, kernel, stride, padding, fill=0.0, dilation=1):
    """All windows of an NHWC picture: (batch, rows, columns, kernel rows, kernel columns, C)."""
    rows, columns = ((size - 1) * dilation + 1 for size in kernel)
    if padding == "SAME":
        pads = [same_pads(x.shape[1], rows, stride), same_pads(x.shape[2], columns, stride)]
        x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    down = range(0, x.shape[1] - rows + 1, stride)
    across = range(0, x.shape[2] - columns + 1, stride)
    return np.stack(
        [
            np.stack(
                [x[:, i : i + rows : dilation, j : j + columns : dilation] for j in across],
                1,
            )
            for i in down
        ],
        1,
    )


def convolve(x, kernel, stride=1, padding="SAME", dilation=1):
    windows = patches(x, kernel.shape[:2], stride, padding, dilation=dilation)
    return np.einsum("nijhwc,hwco->nijo", windows, kernel)


def close(result, answer):
    assert result.shape == answer.shape
    np.testing.assert_allclose(result, answer, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 4), (1, 1), (5, 2)])
@pytest.mark.parametrize("size", [(7, 10), (6, 5)])
def test_a_convolution_pads_as_tensorflow_does(graph, noise, padding, stride, kernel, size):
    x, weights = noise(2, *size, 3), noise(*kernel, 3, 5)
    graph.picture(-1, -1, -1, 3).const("w", weights)
    graph.node("y", "Conv2D", ["in", "w"], padding=padding, strides=[1, stride, stride, 1])
    close(graph.run(x), convolve(x, weights, stride, padding))


def test_one_graph_serves_pictures_of_every_size(graph, noise):
    weights = noise(3, 3, 3, 4)
    graph.picture(1, 8, 8, 3).const("w", weights)
    graph.node("y", "Conv2D", ["in", "w"], padding="SAME", strides=[1, 2, 2, 1])
    for size in [(1, 8, 8), (3, 9, 12), (2, 13, 6)]:
        x = noise(*size, 3)
        close(graph.run(x), convolve(x, weights, 2))


def test_a_convolution_can_be_dilated_and_grouped(graph, noise):
    x, weights = noise(1, 9, 11, 4), noise(3, 3, 2, 6)
    graph.picture(-1, -1, -1, 4).const("w", weights)
    settings = {"padding": "SAME", "strides": [1, 1, 1, 1], "dilations": [1, 2, 2, 1]}
    graph.node("y", "Conv2D", ["in", "w"], **settings)
    halves = [
        convolve(x[..., :2], weights[..., :3], dilation=2),
        convolve(x[..., 2:], weights[..., 3:], dilation=2),
    ]
    close(graph.run(x), np.concatenate(halves, -1))


def test_a_convolution_pads_explicitly(graph, noise):
    x, weights = noise(1, 5, 6, 3), noise(3, 2, 3, 4)
    graph.picture(-1, -1, -1, 3).const("w", weights)
    settings = {"padding": "EXPLICIT", "explicit_paddings": [0, 0, 2, 1, 0, 3, 0, 0]}
    graph.node("y", "Conv2D", ["in", "w"], strides=[1, 2, 2, 1], **settings)
    padded = np.pad(x, [(0, 0), (2, 1), (0, 3), (0, 0)])
    close(graph.run(x), convolve(padded, weights, 2, "VALID"))


@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_kernels_give_the_multiples_of_a_channel_next_to_each_other(graph, noise, stride):
    x, weights = noise(2, 6, 7, 3), noise(3, 3, 3, 2)
    graph.picture(-1, -1, -1, 3).const("w", weights)
    strides = [1, stride, stride, 1]
    graph.node("y", "DepthwiseConv2dNative", ["in", "w"], padding="SAME", strides=strides)
    windows = patches(x, (3, 3), stride, "SAME")
    answer = np.einsum("nijhwc,hwcm->nijcm", windows, weights)
    close(graph.run(x), answer.reshape(*answer.shape[:3], 6))


def conv_backprop(out_shape, weights, y, stride, padding):
    """Each entry of y puts its kernel where the convolution took it from."""
    rows, columns = weights.shape[:2]
    top = same_pads(out_shape[1], rows, stride) if padding == "SAME" else (0, 0)
    left = same_pads(out_shape[2], columns, stride) if padding == "SAME" else (0, 0)
    padded = np.zeros(
        (out_shape[0], out_shape[1] + sum(top), out_shape[2] + sum(left), out_shape[3]), np.float32
    )
    for i in range(y.shape[1]):
        for j in range(y.shape[2]):
            piece = np.einsum("no,hwco->nhwc", y[:, i, j], weights)
            padded[:, i * stride : i * stride + rows, j * stride : j * stride + columns] += piece
    return padded[:, top[0] : top[0] + out_shape[1], left[0] : left[0] + out_shape[2]]


@pytest.mark.parametrize(
    ("padding", "stride", "kernel", "size"),
    [
        ("SAME", 2, (3, 3), (8, 10)),
        ("SAME", 2, (4, 2), (7, 10)),
        ("SAME", 3, (2, 2), (12, 15)),
        ("SAME", 1, (3, 2), (4, 5)),
        ("VALID", 2, (3, 3), (9, 11)),
        ("VALID", 2, (3, 2), (10, 11)),
        ("VALID", 3, (2, 2), (11, 14)),
    ],
)
def test_a_transposed_convolution_gives_the_size_asked_for(
    graph, noise, padding, stride, kernel, size
):
    x, weights = noise(1, 4, 5, 3), noise(*kernel, 6, 3)
    graph.picture(-1, 4, 5, 3).const("w", weights).const("to", [1, *size, 6])
    strides = [1, stride, stride, 1]
    graph.node("y", "Conv2DBackpropInput", ["to", "w", "in"], padding=padding, strides=strides)
    close(graph.run(x), conv_backprop((1, *size, 6), weights, x, stride, padding))


def test_a_transposed_convolution_sized_by_its_input_stays_free(graph, noise):
    weights = noise(4, 4, 6, 3)
    graph.picture(-1, -1, -1, 3).const("w", weights)
    graph.node("shape", "Shape", ["in"])
    graph.const("factor", [1, 2, 2, 2]).node("to", "Mul", ["shape", "factor"])
    graph.node("y", "Conv2DBackpropInput", ["to", "w", "in"], padding="SAME", strides=[1, 2, 2, 1])
    for size in [(4, 5), (7, 3)]:
        x = noise(1, *size, 3)
        answer = conv_backprop((1, 2 * size[0], 2 * size[1], 6), weights, x, 2, "SAME")
        close(graph.run(x), answer)


@pytest.mark.parametrize("op", ["MaxPool", "AvgPool"])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(("kernel", "stride"), [((3, 3), 2), ((2, 3), 1), ((3, 2), 3)])
@pytest.mark.parametrize("size", [(7, 10), (6, 5)])
def test_pooling_leaves_the_padding_out(graph, noise, op, padding, kernel, stride, size):
    x = noise(2, *size, 3)
    settings = {"ksize": [1, *kernel, 1], "strides": [1, stride, stride, 1], "padding": padding}
    graph.picture(-1, -1, -1, 3).node("y", op, ["in"], **settings)
    windows = patches(x, kernel, stride, padding, np.nan)
    answer = (np.nanmax if op == "MaxPool" else np.nanmean)(windows, (3, 4))
    close(graph.run(x), answer)


def test_lrn_sums_over_the_neighbors_without_dividing(graph, noise):
    x = 5 * noise(1, 3, 4, 7)
    settings = {"depth_radius": 2, "bias": 1.5, "alpha": 0.3, "beta": 0.75}
    graph.picture(-1, -1, -1, 7).node("y", "LRN", ["in"], **settings)
    answer = np.empty_like(x)
    for channel in range(7):
        near = x[..., max(channel - 2, 0) : channel + 3]
        answer[..., channel] = x[..., channel] / (1.5 + 0.3 * (near**2).sum(-1)) ** 0.75
    close(graph.run(x), answer)


def test_lrn_without_settings_has_tensorflow_s_defaults(graph, noise):
    x = noise(1, 2, 3, 3)
    graph.picture(-1, -1, -1, 3).node("y", "LRN", ["in"])
    close(graph.run(x), x / np.sqrt(1 + (x**2).sum(-1, keepdims=True)))


UNARY = {
    "Relu": lambda x: np.maximum(x, 0),
    "Relu6": lambda x: np.clip(x, 0, 6),
    "Elu": lambda x: np.where(x < 0, np.exp(x) - 1, x),
    "Selu": lambda x: 1.0507009873554805 * np.where(x < 0, 1.6732632423543772 * (np.exp(x) - 1), x),
    "LeakyRelu": lambda x: np.where(x < 0, 0.2 * x, x),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Tanh": np.tanh,
    "Softplus": lambda x: np.log(1 + np.exp(x)),
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Exp": np.exp,
    "Neg": np.negative,
    "Abs": np.abs,
    "Square": np.square,
    "Identity": lambda x: x,
    "StopGradient": lambda x: x,
    "CheckNumerics": lambda x: x,
    "Floor": np.floor,
    "Ceil": np.ceil,
}


@pytest.mark.parametrize("op", UNARY)
def test_a_function_of_each_entry(graph, noise, op):
    x = 4 * noise(2, 3, 5, 3)
    graph.picture(-1, -1, -1, 3).node("y", op, ["in"])
    close(graph.run(x), UNARY[op](x))


@pytest.mark.parametrize(
    ("op", "answer"),
    [
        ("Rsqrt", lambda x: x**-0.5),
        ("Sqrt", np.sqrt),
        ("Log", np.log),
        ("Reciprocal", np.reciprocal),
    ],
)
def test_a_function_of_positive_entries(graph, noise, op, answer):
    x = np.abs(noise(1, 3, 5, 3)) + 0.1
    graph.picture(-1, -1, -1, 3).node("y", op, ["in"])
    close(graph.run(x), answer(x))


def test_leaky_relu_takes_its_slope(graph, noise):
    x = noise(1, 3, 5, 3)
    graph.picture(-1, -1, -1, 3).node("y", "LeakyRelu", ["in"], alpha=0.5)
    close(graph.run(x), np.where(x < 0, 0.5 * x, x))


BINARY = {
    "Add": np.add,
    "AddV2": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "Div": np.divide,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "SquaredDifference": lambda x, y: (x - y) ** 2,
}


@pytest.mark.parametrize("op", BINARY)
@pytest.mark.parametrize("shape", [(), (3,), (1,), (5, 1), (5, 3), (4, 5, 3), (1, 4, 1, 3)])
def test_two_values_meet_in_tensorflow_s_order_of_axes(graph, noise, op, shape):
    x, y = noise(2, 4, 5, 3), noise(*shape)
    graph.picture(-1, -1, -1, 3).const("c", y)
    graph.node("y", op, ["in", "c"]).node("z", op, ["c", "in"])
    close(graph.run(x, ["y"]), BINARY[op](x, y))
    close(graph.run(x, ["z"]), BINARY[op](y, x))


def test_a_power(graph, noise):
    x = np.abs(noise(1, 4, 5, 3))
    graph.picture(-1, -1, -1, 3).const("p", [0.5, 2.0, 3.0]).node("y", "Pow", ["in", "p"])
    close(graph.run(x), x ** np.array([0.5, 2.0, 3.0], np.float32))


def test_many_values_are_added(graph, noise):
    x = noise(1, 4, 5, 3)
    graph.picture(-1, -1, -1, 3).node("r", "Relu", ["in"])
    graph.node("y", "AddN", ["in", "r", "in"])
    close(graph.run(x), 2 * x + np.maximum(x, 0))


def test_channel_statistics_that_are_not_constant_meet_a_picture(graph, noise):
    """A (batch, channels) value can't be broadcast over NHWC by mistake: it is (W, C) there."""
    x = noise(3, 4, 3, 5)
    graph.picture(-1, -1, -1, 5).const("axes", [1, 2])
    graph.node("mean", "Mean", ["in", "axes"]).node("y", "Sub", ["in", "mean"])
    close(graph.run(x), x - x.mean((1, 2)))


def test_biases_are_added_to_channels(graph, noise):
    x, bias = noise(1, 3, 3, 3), noise(3)
    graph.picture(-1, -1, -1, 3).const("b", bias).node("y", "BiasAdd", ["in", "b"])
    close(graph.run(x), x + bias)


@pytest.mark.parametrize(("a", "b"), [(False, False), (False, True)])
def test_a_dense_layer(graph, noise, a, b):
    x, weights, bias = noise(2, 3, 4, 3), noise(36, 5), noise(5)
    graph.picture(-1, 3, 4, 3).const("to", [-1, 36]).node("flat", "Reshape", ["in", "to"])
    graph.const("w", weights.T if b else weights).const("b", bias)
    graph.node("dense", "MatMul", ["flat", "w"], transpose_a=a, transpose_b=b)
    graph.node("y", "BiasAdd", ["dense", "b"])
    close(graph.run(x), x.reshape(2, 36) @ weights + bias)


def test_a_product_of_two_values_that_follow_from_the_picture(graph, noise):
    x = noise(2, 3, 4, 3)
    graph.picture(-1, -1, -1, 3).const("axes", [1, 2]).node("mean", "Mean", ["in", "axes"])
    graph.node("y", "MatMul", ["mean", "mean"], transpose_a=True)
    mean = x.mean((1, 2))
    close(graph.run(x), mean.T @ mean)


@pytest.mark.parametrize("op", ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"])
def test_batch_normalization_in_inference(graph, noise, op):
    x, scale, offset, mean = noise(2, 4, 3, 5), noise(5), noise(5), noise(5)
    variance = np.abs(noise(5))
    graph.picture(-1, -1, -1, 5)
    for name, array in zip("somv", (scale, offset, mean, variance), strict=True):
        graph.const(name, array)
    graph.node("y", op, ["in", *"somv"], is_training=False, epsilon=0.01)
    close(graph.run(x), (x - mean) / np.sqrt(variance + np.float32(0.01)) * scale + offset)


@pytest.mark.parametrize("scales", [True, False])
def test_batch_normalization_of_the_first_release(graph, noise, scales):
    x, mean, beta, gamma = noise(2, 4, 3, 5), noise(5), noise(5), noise(5)
    variance = np.abs(noise(5))
    graph.picture(-1, -1, -1, 5)
    for name, array in zip("mvbg", (mean, variance, beta, gamma), strict=True):
        graph.const(name, array)
    settings = {"variance_epsilon": 0.01, "scale_after_normalization": scales}
    graph.node("y", "BatchNormWithGlobalNormalization", ["in", *"mvbg"], **settings)
    normal = (x - mean) / np.sqrt(variance + np.float32(0.01))
    close(graph.run(x), normal * (gamma if scales else 1) + beta)


REDUCTIONS = {"Mean": np.mean, "Sum": np.sum, "Max": np.max, "Min": np.min}


@pytest.mark.parametrize("op", REDUCTIONS)
@pytest.mark.parametrize("axes", [(1, 2), (3,), (-1,), (1,), (2, 3), ()])
@pytest.mark.parametrize("keep", [True, False])
def test_a_reduction_counts_axes_as_tensorflow_does(graph, noise, op, axes, keep):
    x = noise(2, 4, 5, 3)
    graph.picture(-1, -1, -1, 3).const("axes", np.array(axes, np.int32))
    graph.node("y", op, ["in", "axes"], keep_dims=keep)
    close(graph.run(x), REDUCTIONS[op](x, axes, keepdims=keep))


@pytest.mark.parametrize("axis", [3, -1, 1, 2])
def test_the_place_of_the_largest_entry(graph, noise, axis):
    x = noise(2, 4, 5, 3)
    graph.picture(-1, -1, -1, 3).const("axis", axis).node("y", "ArgMax", ["in", "axis"])
    assert graph.run(x).tolist() == x.argmax(axis).tolist()


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_softmax_runs_over_channels(graph, noise, flat, op):
    x = noise(2, 4, 5, 3)
    graph.picture(-1, -1, -1, 3).const("axes", [1, 2]).node("mean", "Mean", ["in", "axes"])
    graph.node("y", op, ["mean" if flat else "in"])
    scores = x.mean((1, 2)) if flat else x
    answer = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    close(graph.run(x, ["y"]), answer if op == "Softmax" else np.log(answer))


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
@pytest.mark.parametrize("op", ["Concat", "ConcatV2"])
def test_values_are_joined_along_tensorflow_s_axis(graph, noise, axis, op):
    x = noise(1, 4, 5, 3)
    extra = np.concatenate([np.zeros_like(x), x], axis).take([0, 1], axis) * 0 + 7
    graph.picture(-1, 4, 5, 3).node("r", "Relu", ["in"]).const("a", axis).const("c", extra)
    parts = ["in", "r", "c"]
    graph.node("y", op, ["a", *parts] if op == "Concat" else [*parts, "a"])
    close(graph.run(x), np.concatenate([x, np.maximum(x, 0), extra], axis))


def test_parts_of_a_split_are_values_of_their_own(graph, noise):
    x = noise(2, 4, 5, 6)
    graph.picture(-1, 4, 5, 6).const("a", 3).node("s", "Split", ["a", "in"], num_split=3)
    graph.node("y", "Sub", ["s:2", "s:1"]).node("z", "Relu", ["s:0"])
    close(graph.run(x, ["y"]), x[..., 4:] - x[..., 2:4])
    close(graph.run(x, ["z"]), np.maximum(x[..., :2], 0))


def test_parts_of_a_split_can_have_different_sizes(graph, noise):
    x = noise(2, 4, 5, 6)
    graph.picture(-1, 4, 5, 6).const("a", -1).const("sizes", [1, -1, 2])
    graph.node("s", "SplitV", ["in", "sizes", "a"]).node("y", "Relu", ["s:1"])
    close(graph.run(x, ["y"]), np.maximum(x[..., 1:4], 0))


@pytest.mark.parametrize(
    "target", [[-1, 60], [2, 60], [2, -1], [2, 5, 12], [-1, 3, 4, 5], [2, 3, 20]]
)
def test_a_feature_map_is_reshaped_in_tensorflow_s_order(graph, noise, target):
    x = noise(2, 4, 5, 3)
    graph.picture(2, 4, 5, 3).const("to", target).node("y", "Reshape", ["in", "to"])
    result = graph.model().graph
    assert [node.op_type for node in result.node] == ["Transpose", "Reshape"]
    assert [node.name for node in result.node] == ["y/nhwc", "y"]
    run = graph.node("z", "Neg", ["y"]).run(x, ["z"])
    answer = -x.reshape(target)
    close(run if answer.ndim != 4 else run.transpose(0, 3, 1, 2), answer)


def test_a_graph_frozen_with_a_batch_of_one_takes_more(graph, noise):
    x = noise(3, 2, 2, 3)
    graph.picture(1, 2, 2, 3).const("to", [1, 12]).node("y", "Reshape", ["in", "to"])
    close(graph.run(x), x.reshape(3, 12))


def test_a_shape_that_is_worked_out_while_running_is_worked_out_before(graph, noise):
    x = noise(2, 4, 5, 3)
    graph.picture(-1, 4, 5, 3).node("shape", "Shape", ["in"])
    graph.const("0", [0]).const("1", [1]).const("rest", -1)
    graph.node("n", "StridedSlice", ["shape", "0", "1", "1"], shrink_axis_mask=1)
    graph.node("to", "Pack", ["n", "rest"]).node("y", "Reshape", ["in", "to"])
    assert [node.op_type for node in graph.model().graph.node] == ["Transpose", "Reshape"]
    close(graph.run(x), x.reshape(2, 60))


def test_a_flatten_that_multiplies_the_sizes_serves_every_size(graph, noise):
    """What slim.flatten writes: Pack([N, Prod(Shape[1:])])."""
    graph.picture(-1, -1, -1, 3).node("shape", "Shape", ["in"])
    graph.const("0", [0]).const("1", [1]).const("3", [3]).const("axis", [0])
    graph.node("n", "Slice", ["shape", "0", "1"]).node("rest", "Slice", ["shape", "1", "3"])
    graph.node("all", "Prod", ["rest", "axis"], keep_dims=True).const("at", 0)
    graph.node("to", "ConcatV2", ["n", "all", "at"]).node("y", "Reshape", ["in", "to"])
    for size in [(4, 5), (2, 3)]:
        x = noise(2, *size, 3)
        close(graph.run(x), x.reshape(2, -1))


@pytest.mark.parametrize(
    ("axes", "shape"), [([1, 2], (2, 3)), ([], (2, 3)), ([1], (2, 1, 3)), ([-2], (2, 1, 3))]
)
def test_axes_of_size_one_are_dropped(graph, noise, axes, shape):
    x = noise(2, 1, 1, 3)
    graph.picture(-1, 1, 1, 3).node("y", "Squeeze", ["in"], squeeze_dims=axes)
    close(graph.run(x), x.reshape(shape))


def test_rows_and_columns_left_after_a_squeeze_are_in_order(graph, noise):
    x = noise(2, 1, 4, 3)
    graph.picture(-1, 1, 4, 3).node("y", "Squeeze", ["in"], squeeze_dims=[1])
    close(graph.run(x), x.reshape(2, 4, 3))


def test_an_axis_is_put_in(graph, noise):
    x = noise(2, 4, 5, 3)
    graph.picture(-1, -1, -1, 3).const("a", -1).node("y", "ExpandDims", ["in", "a"])
    close(graph.run(x), x[..., None])


def test_values_are_stacked(graph, noise):
    x = noise(2, 4, 5, 3)
    graph.picture(-1, -1, -1, 3).node("r", "Relu", ["in"])
    graph.node("y", "Pack", ["in", "r"], axis=1)
    close(graph.run(x), np.stack([x, np.maximum(x, 0)], 1))


@pytest.mark.parametrize("perm", [(0, 3, 1, 2), (0, 2, 1, 3), (0, 1, 2, 3), (3, 0, 2, 1)])
def test_axes_are_transposed(graph, noise, perm):
    x = noise(2, 4, 5, 3)
    graph.picture(-1, -1, -1, 3).const("p", perm).node("t", "Transpose", ["in", "p"])
    graph.const("axes", [1]).node("y", "Max", ["t", "axes"])
    close(graph.run(x), x.transpose(perm).max(1))


def test_a_transpose_to_nchw_and_back_moves_nothing(graph, noise):
    x, weights = noise(1, 4, 5, 3), noise(3, 3, 3, 2)
    graph.picture(-1, -1, -1, 3).const("p", [0, 3, 1, 2]).const("q", [0, 2, 3, 1])
    graph.const("w", weights).node("there", "Transpose", ["in", "p"])
    settings = {"padding": "SAME", "strides": [1, 1, 1, 1], "data_format": "NCHW"}
    graph.node("conv", "Conv2D", ["there", "w"], **settings).const("b", [1.0, 2.0])
    graph.node("bias", "BiasAdd", ["conv", "b"], data_format="NCHW")
    graph.node("y", "Transpose", ["bias", "q"])
    assert "Transpose" not in [node.op_type for node in graph.model().graph.node]
    close(graph.run(x), convolve(x, weights) + np.array([1, 2], np.float32))


@pytest.mark.parametrize(
    ("begin", "end", "strides", "masks", "index"),
    [
        (
            [0, 1, 0, 1],
            [0, 3, 0, 3],
            [1, 1, 2, 1],
            {"begin_mask": 5, "end_mask": 5},
            np.s_[:, 1:3, ::2, 1:3],
        ),
        ([0, 0, -1], [0, 0, 0], [1, 1, -1], {"begin_mask": 3, "end_mask": 7}, np.s_[:, :, ::-1]),
        (
            [0, 0, 0, 1],
            [0, 0, 0, 2],
            [1, 1, 1, 1],
            {"begin_mask": 7, "end_mask": 7, "shrink_axis_mask": 8},
            np.s_[..., 1],
        ),
        (
            [0, -1],
            [0, 0],
            [1, 1],
            {"begin_mask": 1, "end_mask": 1, "shrink_axis_mask": 2},
            np.s_[:, -1],
        ),
    ],
)
def test_a_slice_takes_what_python_s_would(graph, noise, begin, end, strides, masks, index):
    x = noise(2, 4, 5, 3)
    graph.picture(-1, -1, -1, 3)
    for name, value in {"b": begin, "e": end, "s": strides}.items():
        graph.const(name, value)
    graph.node("y", "StridedSlice", ["in", "b", "e", "s"], **masks)
    close(graph.run(x), x[index])


def test_a_slice_of_a_size(graph, noise):
    x = noise(2, 4, 5, 3)
    graph.picture(-1, -1, -1, 3).const("b", [0, 1, 2, 0]).const("n", [-1, 2, -1, 3])
    graph.node("y", "Slice", ["in", "b", "n"])
    close(graph.run(x), x[:, 1:3, 2:])


PADS = [[0, 0], [1, 0], [2, 1], [0, 0]]


@pytest.mark.parametrize(
    ("op", "mode", "pads", "numpy_mode"),
    [
        ("Pad", None, PADS, "constant"),
        ("PadV2", None, PADS, "constant"),
        ("MirrorPad", "REFLECT", PADS, "reflect"),
        ("MirrorPad", "SYMMETRIC", [[0, 0], [1, 0], [1, 1], [0, 0]], "symmetric"),
    ],
)
def test_padding(graph, noise, op, mode, pads, numpy_mode):
    x = noise(1, 4, 5, 3)
    graph.picture(-1, -1, -1, 3).const("p", pads).const("v", 7.0)
    settings = {"mode": mode} if mode else {}
    graph.node("y", op, ["in", "p", "v"] if op == "PadV2" else ["in", "p"], **settings)
    fill = {"constant_values": 7 if op == "PadV2" else 0} if numpy_mode == "constant" else {}
    close(graph.run(x, ["y"]), np.pad(x, pads, numpy_mode, **fill))


def resized(x, size, op, corners, halves):
    """One axis after the other, from the definition of tf.image.resize of TensorFlow 1."""
    for axis, wanted in ((1, size[0]), (2, size[1])):
        have = x.shape[axis]
        scale = (have - 1) / (wanted - 1) if corners and wanted > 1 else have / wanted
        places = np.arange(wanted) * scale
        if halves:
            places = (np.arange(wanted) + 0.5) * scale - (0.5 if op == "ResizeBilinear" else 0)
        if op == "ResizeBilinear":
            low = np.floor(places)
            share = (places - low).reshape([-1 if a == axis else 1 for a in range(4)])
            low, high = low.clip(0, have - 1), np.ceil(places).clip(0, have - 1)
            x = x.take(low.astype(int), axis) * (1 - share) + x.take(high.astype(int), axis) * share
        else:
            nearest = np.floor(places + 0.5) if corners else np.floor(places)
            x = x.take(nearest.clip(0, have - 1).astype(int), axis)
    return x.astype(np.float32)


@pytest.mark.parametrize("op", ["ResizeBilinear", "ResizeNearestNeighbor"])
@pytest.mark.parametrize("rule", [None, "align_corners", "half_pixel_centers"])
@pytest.mark.parametrize("size", [(8, 15), (7, 9), (2, 3), (4, 5)])
@pytest.mark.parametrize("sides", [(4, 5), (-1, -1)])
def test_resizing(graph, noise, op, rule, size, sides):
    x = noise(2, 4, 5, 3)
    graph.picture(-1, *sides, 3).const("to", size)
    graph.node("y", op, ["in", "to"], **({rule: True} if rule else {}))
    answer = resized(x, size, op, rule == "align_corners", rule == "half_pixel_centers")
    close(graph.run(x), answer)


def test_resizing_to_twice_the_size_serves_every_size(graph, noise):
    graph.picture(-1, 4, 6, 3).node("shape", "Shape", ["in"]).const("1", [1]).const("3", [3])
    graph.node("sides", "StridedSlice", ["shape", "1", "3", "1"]).const("2", [2, 2])
    graph.node("to", "Mul", ["sides", "2"]).node("y", "ResizeNearestNeighbor", ["in", "to"])
    for size in [(4, 6), (3, 5)]:
        x = noise(1, *size, 3)
        close(graph.run(x), x.repeat(2, 1).repeat(2, 2))


def test_resizing_to_a_fraction_of_the_size_fixes_the_size(graph, noise):
    graph.picture(-1, 4, 6, 3).node("shape", "Shape", ["in"]).const("1", [1]).const("3", [3])
    graph.node("sides", "StridedSlice", ["shape", "1", "3", "1"]).const("2", [2, 2])
    graph.node("to", "FloorDiv", ["sides", "2"]).node("y", "ResizeNearestNeighbor", ["in", "to"])
    sides = graph.model().graph.input[0].type.tensor_type.shape.dim[2:]
    assert [side.dim_value for side in sides] == [4, 6]
    x = noise(1, 4, 6, 3)
    close(graph.run(x), x[:, ::2, ::2])


def test_blocks_of_pixels_become_channels_and_pixels_again(graph, noise):
    x = noise(1, 4, 6, 3)
    graph.picture(-1, -1, -1, 3).node("d", "SpaceToDepth", ["in"], block_size=2)
    graph.node("y", "DepthToSpace", ["d"], block_size=2)
    deep = x.reshape(1, 2, 2, 3, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(1, 2, 3, 12)
    close(graph.run(x, ["d"]), deep)
    close(graph.run(x, ["y"]), x)


@pytest.mark.parametrize("op", ["Conv2D", "DepthwiseConv2dNative"])
@pytest.mark.parametrize("biased", [False, True])
def test_a_convolution_between_batch_and_space_is_a_dilated_one(graph, noise, op, biased):
    """SAME with a 3 x 3 kernel and a rate of 2: two rows before and after, one to fill a block."""
    x, weights = noise(2, 7, 9, 3), noise(3, 3, 3, 1)
    graph.picture(-1, 7, 9, 3).const("w", weights).const("block", [2, 2]).const("b", [0.5] * 3)
    graph.const("pads", [[2, 3], [2, 3]]).const("crops", [[0, 1], [0, 1]])
    graph.node("there", "SpaceToBatchND", ["in", "block", "pads"])
    graph.node("c", op, ["there", "w"], padding="VALID", strides=[1, 1, 1, 1])
    if biased:
        graph.const("bias", [0.5] * (3 if op != "Conv2D" else 1)).node(
            "d", "BiasAdd", ["c", "bias"]
        )
    graph.node("y", "BatchToSpaceND", ["d" if biased else "c", "block", "crops"])
    windows = patches(x, (3, 3), 1, "SAME", dilation=2)
    rule = "nijhwc,hwco->nijo" if op == "Conv2D" else "nijhwc,hwcm->nijc"
    answer = np.einsum(rule, windows, weights) + (0.5 if biased else 0)
    assert graph.model().graph.node[0].op_type == "Conv"
    close(graph.run(x), answer)


def test_paddings_that_are_worked_out_while_running_are_tensorflow_s_same(graph, noise):
    graph.picture(-1, -1, -1, 3).const("w", noise(3, 3, 3, 2)).const("block", [2, 2])
    graph.node("shape", "Shape", ["in"]).const("1", [1]).const("3", [3]).const("2", [2, 2])
    graph.node("sides", "StridedSlice", ["shape", "1", "3", "1"]).const("4", [4, 4])
    graph.node("full", "Add", ["sides", "4"]).node("over", "FloorMod", ["full", "2"])
    graph.node("less", "Sub", ["2", "over"]).node("extra", "FloorMod", ["less", "2"])
    graph.node("after", "Add", ["extra", "2"]).const("0", [0, 0])
    graph.node("pads", "Pack", ["2", "after"], axis=1).node("crops", "Pack", ["0", "extra"], axis=1)
    graph.node("there", "SpaceToBatchND", ["in", "block", "pads"])
    graph.node("c", "Conv2D", ["there", "w"], padding="VALID", strides=[1, 1, 1, 1])
    graph.node("y", "BatchToSpaceND", ["c", "block", "crops"])
    weights = np.random.default_rng(7).normal(size=(3, 3, 3, 2)).astype(np.float32)
    for size in [(7, 9), (4, 6)]:
        x = noise(1, *size, 3)
        close(graph.run(x), convolve(x, weights, dilation=2))


def test_constants_are_worked_out_before(graph, noise):
    """The unfused batch norm of slim: all but one product and one sum is known."""
    x, variance, gamma = noise(1, 3, 4, 3), np.abs(noise(3)), noise(3)
    graph.picture(-1, -1, -1, 3).const("v", variance).const("e", 0.001).const("g", gamma)
    graph.node("read", "Identity", ["v"]).node("add", "Add", ["read", "e"])
    graph.node("root", "Rsqrt", ["add"]).node("mul", "Mul", ["root", "g"])
    graph.node("y", "Mul", ["in", "mul"])
    assert [node.name for node in graph.model().graph.node] == ["y"]
    close(graph.run(x), x / np.sqrt(variance + np.float32(0.001)) * gamma)


@pytest.mark.parametrize(
    "given", [[2, 2, 1, 1], [1, 1, 1, 2], [1, 0, 1, 1], [1, 1], [1, 70000, 1, 1]]
)
def test_strides_that_make_no_sense_are_refused(graph, noise, given):
    graph.picture(-1, 8, 8, 3).const("w", noise(3, 3, 3, 2))
    graph.node("y", "Conv2D", ["in", "w"], padding="SAME", strides=given)
    with pytest.raises(BadModelFile, match=r"node 'y' \(Conv2D\): its strides (must|reach)"):
        graph.model()

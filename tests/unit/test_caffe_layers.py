"""Each layer type of Caffe against an answer by hand or by plain numpy, run by onnxruntime.

All pictures are rectangular, of another size than the prototxt declares, and come two at a time.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from entoptic.formats.caffe import read_caffe

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

Array = NDArray[np.float32]
Run = Callable[..., Array]


def length_delimited(number: int, body: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(body)) + body


def varint(value: int) -> bytes:
    low = value & 0x7F
    return bytes([low]) if value < 0x80 else bytes([low | 0x80]) + varint(value >> 7)


def caffemodel(weights: Mapping[str, Sequence[Array]]) -> bytes:
    """A V2 file: layer = 100 { name = 1, blobs = 7 { data = 5, shape = 7 { dim = 1 } } }."""
    layers = b""
    for name, arrays in weights.items():
        blobs = b"".join(
            length_delimited(
                7,
                length_delimited(7, length_delimited(1, b"".join(map(varint, a.shape))))
                + length_delimited(5, struct.pack(f"<{a.size}f", *a.ravel())),
            )
            for a in arrays
        )
        layers += length_delimited(100, length_delimited(1, name.encode()) + blobs)
    return layers


@pytest.fixture
def read(tmp_path: Path):
    """The model of some layers behind an input 'data' of a declared shape."""

    def do(layers: str, shape: Sequence[int], weights: Mapping[str, Sequence[Array]]):
        dims = " ".join(f"dim: {size}" for size in shape)
        prototxt, binary = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
        prototxt.write_text(f'input: "data" input_shape {{ {dims} }}\n{layers}')
        binary.write_bytes(caffemodel(weights))
        model = read_caffe(prototxt, binary)
        onnx.checker.check_model(model, full_check=True)
        return model

    return do


@pytest.fixture
def run_all(read):
    """All results of some layers for an input, by name."""

    def do(layers: str, x: Array, weights=None, declared: Sequence[int] | None = None):
        model = read(layers, declared or (1, *x.shape[1:]), weights or {})
        session = onnxruntime.InferenceSession(model.SerializeToString())
        names = [value.name for value in session.get_outputs()]
        return dict(zip(names, session.run(None, {"data": x}), strict=True))

    return do


@pytest.fixture
def run(run_all) -> Run:
    """The only result of some layers for an input."""

    def do(*args, **kwargs) -> Array:
        (value,) = run_all(*args, **kwargs).values()
        return value

    return do


def layer(kind: str, param: str = "", name: str = "it", bottom: str = "data", top: str = "") -> str:
    bottoms = " ".join(f'bottom: "{b}"' for b in bottom.split())
    tops = " ".join(f'top: "{t}"' for t in (top or name).split())
    return f'layer {{ name: "{name}" type: "{kind}" {bottoms} {tops} {param} }}\n'


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def close(found: Array, expected: Array) -> None:
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


# Convolution


def convolved(x, w, b, stride, pad, dilation, group):
    """By the definition: one sum per result."""
    x = np.pad(x, ((0, 0), (0, 0), (pad[0], pad[0]), (pad[1], pad[1])))
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    rows, cols = ((n - r) // s + 1 for n, r, s in zip(x.shape[2:], reach, stride, strict=True))
    y = np.zeros((len(x), len(w), rows, cols), np.float32)
    per_in, per_out = x.shape[1] // group, len(w) // group
    for o, i, j in np.ndindex(len(w), rows, cols):
        first = o // per_out * per_in
        top, left = i * stride[0], j * stride[1]
        patch = x[
            :,
            first : first + per_in,
            top : top + reach[0] : dilation[0],
            left : left + reach[1] : dilation[1],
        ]
        y[:, o, i, j] = (patch * w[o]).sum((1, 2, 3)) + b[o]
    return y


def test_convolution_with_everything_at_once(run):
    w, b, x = noise(6, 2, 3, 2), noise(6, seed=1), noise(2, 4, 9, 11, seed=2)
    param = (
        "convolution_param { num_output: 6 group: 2 kernel_h: 3 kernel_w: 2 stride_h: 2 "
        'stride_w: 1 pad_h: 1 pad_w: 2 dilation: 1 dilation: 3 weight_filler { type: "xavier" } }'
    )
    found = run(layer("Convolution", param), x, {"it": [w, b]}, declared=(5, 4, 12, 14))
    close(found, convolved(x, w, b, (2, 1), (1, 2), (1, 3), 2))


def test_convolution_without_bias_and_with_sizes_as_pairs(run):
    w, x = noise(2, 1, 2, 3), noise(2, 1, 4, 6, seed=2)
    param = "convolution_param { num_output: 2 bias_term: false kernel_size: [2, 3] stride: 2 }"
    found = run(layer("Convolution", param), x, {"it": [w]})
    close(found, convolved(x, w, np.zeros(2), (2, 2), (0, 0), (1, 1), 1))


def test_deconvolution_adds_a_stamp_per_pixel(run):
    w, b, x = noise(4, 3, 2, 3), noise(6, seed=1), noise(2, 4, 3, 5, seed=2)
    param = "convolution_param { num_output: 6 group: 2 kernel_size: 2 kernel_size: 3 stride: 2 }"
    expected = np.zeros((2, 6, 6, 11), np.float32)
    for c, i, j in np.ndindex(4, 3, 5):
        first, top, left = c // 2 * 3, 2 * i, 2 * j
        stamp = x[:, c, i, j, None, None, None] * w[c]
        expected[:, first : first + 3, top : top + 2, left : left + 3] += stamp
    expected += b[None, :, None, None]
    found = run(layer("Deconvolution", param), x, {"it": [w, b]}, declared=(1, 4, 7, 7))
    close(found, expected)


def test_deconvolution_takes_its_padding_away(run):
    w, b, x = np.ones((1, 1, 4, 4), np.float32), np.zeros(1, np.float32), np.ones((2, 1, 2, 3))
    param = "convolution_param { num_output: 1 kernel_size: 4 stride: 2 pad: 1 }"
    found = run(layer("Deconvolution", param), x.astype(np.float32), {"it": [w, b]})
    rows, columns = [1, 2, 2, 1], [1, 2, 2, 2, 2, 1]
    close(found[:1, 0], np.outer(rows, columns)[None].astype(np.float32))


# Pooling


def pooled(x, kernel, stride, pad, average):
    """Caffe's loops: sizes round up, the last window starts in the picture, an average counts
    the part of its window that lies in the padded picture."""
    height, width = x.shape[2:]
    sizes = []
    for n, k, s, p in zip((height, width), kernel, stride, pad, strict=True):
        size = math.ceil((n + 2 * p - k) / s) + 1
        sizes.append(size - 1 if any(pad) and (size - 1) * s >= n + p else size)
    y = np.zeros((*x.shape[:2], *sizes), np.float32)
    for i, j in np.ndindex(*sizes):
        top, left = i * stride[0] - pad[0], j * stride[1] - pad[1]
        bottom = min(top + kernel[0], height + pad[0])
        right = min(left + kernel[1], width + pad[1])
        area = (bottom - top) * (right - left)
        part = x[:, :, max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
        y[:, :, i, j] = part.sum((2, 3)) / area if average else part.max((2, 3))
    return y


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize(
    ("kernel", "stride", "pad"),
    [
        ((3, 3), (2, 2), (0, 0)),
        ((3, 3), (2, 2), (1, 1)),
        ((2, 2), (2, 2), (1, 1)),
        ((3, 3), (3, 3), (1, 1)),
        ((2, 3), (1, 3), (1, 0)),
        ((5, 2), (3, 2), (2, 1)),
        ((7, 5), (1, 1), (0, 0)),
    ],
)
def test_pooling_is_caffes_for_every_size_of_picture(method, kernel, stride, pad, read):
    names = ("kernel", "stride", "pad")
    numbers = " ".join(
        f"{name}_h: {pair[0]} {name}_w: {pair[1]}"
        for name, pair in zip(names, (kernel, stride, pad), strict=True)
    )
    model = read(
        layer("Pooling", f"pooling_param {{ pool: {method} {numbers} }}"), (1, 2, 8, 9), {}
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    torch_pool = torch.nn.functional.max_pool2d if method == "MAX" else average_like_caffe
    for height in range(7, 14):
        for width in (8, 11, 12, 13):
            x = noise(2, 2, height, width)
            expected = pooled(x, kernel, stride, pad, method == "AVE")
            close(session.run(None, {"data": x})[0], expected)
            like_torch = torch_pool(torch.from_numpy(x), kernel, stride, pad, ceil_mode=True)
            close(like_torch.numpy(), expected)


def average_like_caffe(x, kernel, stride, pad, ceil_mode):
    return torch.nn.functional.avg_pool2d(
        x, kernel, stride, pad, ceil_mode=ceil_mode, count_include_pad=True
    )


def test_average_of_ones_shows_caffes_divisor(run):
    # Rows of a 3x3 window, stride 2, pad 1 over 6 pixels: -1..1, 1..3, 3..5 and 5..6, where 6 is
    # padding and 7 lies outside of it: a share of 2/3, 1, 1 and 1/2 is picture.
    param = "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }"
    found = run(layer("Pooling", param), np.ones((1, 1, 6, 5), np.float32))
    share_rows, share_columns = [2 / 3, 1, 1, 1 / 2], [2 / 3, 1, 2 / 3]
    close(found[0, 0], np.outer(share_rows, share_columns).astype(np.float32))


def test_a_window_that_would_see_nothing_is_left_out(run):
    x = np.arange(12, dtype=np.float32).reshape(1, 1, 2, 6)
    found = run(layer("Pooling", "pooling_param { kernel_size: 2 stride: 3 }"), x)
    close(found, np.array([[[[7, 10]]]], np.float32))


def test_pooling_of_forks_can_round_down(run):
    x = np.arange(12, dtype=np.float32).reshape(1, 1, 2, 6)
    for param in ("ceil_mode: false", "round_mode: FLOOR"):
        found = run(layer("Pooling", f"pooling_param {{ kernel_size: 2 stride: 3 {param} }}"), x)
        close(found, np.array([[[[7, 10]]]], np.float32))
    found = run(layer("Pooling", "pooling_param { kernel_size: 2 stride: 3 }"), x[..., :5])
    close(found, np.array([[[[7, 10]]]], np.float32))


@pytest.mark.parametrize(("method", "reduce"), [("MAX", np.max), ("AVE", np.mean)])
def test_global_pooling_takes_any_size(method, reduce, run):
    x = noise(2, 3, 4, 7)
    param = f"pooling_param {{ pool: {method} global_pooling: true }}"
    found = run(layer("Pooling", param), x, declared=(1, 3, 5, 5))
    close(found, reduce(x, axis=(2, 3), keepdims=True))


# Normalisation


def test_lrn_divides_alpha_by_the_window(run):
    x = noise(2, 7, 3, 4)
    param = "lrn_param { local_size: 3 alpha: 0.6 beta: 0.5 k: 2 }"
    square = np.pad(x**2, ((0, 0), (1, 1), (0, 0), (0, 0)))
    total = square[:, :-2] + square[:, 1:-1] + square[:, 2:]
    close(run(layer("LRN", param), x), x / np.sqrt(2 + 0.2 * total))


def test_lrn_within_a_channel_averages_over_space(run):
    x = noise(2, 2, 5, 4)
    param = "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 alpha: 0.9 beta: 0.75 }"
    mean = pooled(x**2, (3, 3), (1, 1), (1, 1), average=True)
    close(run(layer("LRN", param), x, declared=(1, 2, 8, 9)), x / (1 + 0.9 * mean) ** 0.75)


def test_batch_norm_divides_its_sums_by_the_third_blob(run):
    x, mean = noise(2, 3, 2, 4), np.array([2, 4, -6], np.float32)
    blobs = [mean, np.array([8, 2, 18], np.float32), np.array([2], np.float32)]
    found = run(layer("BatchNorm", "batch_norm_param { eps: 0.25 }"), x, {"it": blobs})
    per_channel = (1, 3, 1, 1)
    variance = np.array([4, 1, 9], np.float32).reshape(per_channel)
    close(found, (x - mean.reshape(per_channel) / 2) / np.sqrt(variance + 0.25))


def test_batch_norm_that_never_saw_a_picture_only_divides_by_eps(run):
    blobs = [np.ones(3, np.float32), np.ones(3, np.float32), np.zeros(1, np.float32)]
    x = noise(2, 3, 2, 4)
    close(run(layer("BatchNorm", "batch_norm_param { eps: 0.25 }"), x, {"it": blobs}), x * 2)


def test_normalize_over_channels_and_over_everything(run):
    x, w = noise(2, 3, 2, 4), np.array([1, 2, 3], np.float32)
    param = "norm_param { across_spatial: false channel_shared: false eps: 0.5 }"
    norm = np.sqrt((x**2).sum(1, keepdims=True) + 0.5)
    close(run(layer("Normalize", param), x, {"it": [w]}), x / norm * w.reshape(1, 3, 1, 1))
    norm = np.sqrt((x**2).sum((1, 2, 3), keepdims=True) + 1e-10)
    close(run(layer("Normalize"), x, {"it": [np.array([4], np.float32)]}), x / norm * 4)


# Pointwise


@pytest.mark.parametrize(
    ("kind", "param", "answer"),
    [
        ("ReLU", "", lambda x: np.maximum(x, 0)),
        ("ReLU", "relu_param { negative_slope: 0.1 }", lambda x: np.where(x > 0, x, 0.1 * x)),
        ("ReLU6", "", lambda x: np.clip(x, 0, 6)),
        ("Clip", "clip_param { min: -1 max: 0.5 }", lambda x: np.clip(x, -1, 0.5)),
        ("ELU", "elu_param { alpha: 0.5 }", lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
        ("Sigmoid", "", lambda x: 1 / (1 + np.exp(-x))),
        ("TanH", "", np.tanh),
        ("AbsVal", "", np.abs),
        ("BNLL", "", lambda x: np.log1p(np.exp(x))),
        ("Dropout", "dropout_param { dropout_ratio: 0.9 }", lambda x: x),
        ("Power", "", lambda x: x),
        ("Power", "power_param { power: 2 scale: 3 shift: -1 }", lambda x: (3 * x - 1) ** 2),
        ("Power", "power_param { shift: 4 }", lambda x: x + 4),
        ("Exp", "", np.exp),
        ("Exp", "exp_param { base: 2 scale: 0.5 shift: 1 }", lambda x: 2 ** (0.5 * x + 1)),
        ("Log", "log_param { shift: 100 }", lambda x: np.log(x + 100)),
        ("Log", "log_param { base: 10 scale: 2 shift: 100 }", lambda x: np.log10(2 * x + 100)),
        ("Softmax", "", lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True)),
        (
            "Softmax",
            "softmax_param { axis: -1 }",
            lambda x: np.exp(x) / np.exp(x).sum(-1)[..., None],
        ),
    ],
)
def test_values_go_through_the_functions_formula(kind, param, answer, run):
    x = 3 * noise(2, 3, 2, 4)
    close(run(layer(kind, param), x, declared=(1, 3, 9, 8)), answer(x).astype(np.float32))


def test_prelu_has_a_slope_per_channel_or_one_for_all(run):
    x, slope = noise(2, 3, 2, 4), np.array([0.1, -0.5, 2], np.float32)
    found = run(layer("PReLU"), x, {"it": [slope]}, declared=(1, 3, 9, 8))
    close(found, np.where(x > 0, x, x * slope.reshape(1, 3, 1, 1)))
    shared = layer("PReLU", "prelu_param { channel_shared: true }")
    close(
        run(shared, x, {"it": [np.array([0.3], np.float32)]}),
        np.where(x > 0, x, x * np.float32(0.3)),
    )
    flat = noise(2, 3)
    close(run(layer("PReLU"), flat, {"it": [slope]}), np.where(flat > 0, flat, flat * slope))


def test_scale_and_bias_apply_along_their_axes(run):
    x = noise(2, 3, 2, 4)
    w, b = noise(3, seed=1), noise(3, seed=2)
    column = (1, 3, 1, 1)
    found = run(layer("Scale", "scale_param { bias_term: true }"), x, {"it": [w, b]})
    close(found, x * w.reshape(column) + b.reshape(column))
    close(run(layer("Scale"), x, {"it": [w]}, declared=(1, 3, 9, 8)), x * w.reshape(column))
    close(run(layer("Bias"), x, {"it": [b]}), x + b.reshape(column))
    matrix = noise(3, 2, seed=3)
    found = run(layer("Scale", "scale_param { num_axes: 2 }"), x, {"it": [matrix]})
    close(found, x * matrix[None, ..., None])
    found = run(layer("Scale", "scale_param { axis: -1 num_axes: -1 }"), x, {"it": [noise(4)]})
    close(found, x * noise(4))
    found = run(
        layer("Scale", "scale_param { num_axes: 0 }"), x, {"it": [np.array([7], np.float32)]}
    )
    close(found, x * 7)


def test_scale_by_a_second_blob_gates_channels(run):
    x = noise(2, 3, 2, 4)
    gate = layer("Pooling", "pooling_param { pool: AVE global_pooling: true }", "mean")
    gate += layer("Flatten", "", "gate", "mean")
    gate += layer("Scale", "scale_param { axis: 0 }", bottom="data gate")
    close(run(gate, x), x * x.mean((2, 3), keepdims=True))
    close(run(layer("Scale", "scale_param { axis: 0 }", bottom="data data"), x), x * x)


@pytest.mark.parametrize(
    ("param", "answer"),
    [
        ("", lambda a, b, c: a + b + c),
        ("eltwise_param { coeff: [1, -2, 0.5] }", lambda a, b, c: a - 2 * b + 0.5 * c),
        ("eltwise_param { operation: PROD }", lambda a, b, c: a * b * c),
        ("eltwise_param { operation: MAX }", lambda a, b, c: np.maximum(np.maximum(a, b), c)),
    ],
)
def test_eltwise_joins_three_blobs(param, answer, run):
    x = noise(2, 3, 2, 4)
    before = layer("TanH", name="b") + layer("Power", "power_param { power: 2 }", name="c")
    found = run(before + layer("Eltwise", param, bottom="data b c"), x, declared=(1, 3, 9, 8))
    close(found, answer(x, np.tanh(x), x**2))


# Shaping


@pytest.mark.parametrize("shape", [(4, 6), (1, 1, 4, 6)])
def test_inner_product_flattens_and_reads_legacy_shapes(shape, run):
    x, w, b = noise(2, 1, 2, 3), noise(*shape, seed=1), noise(4, seed=2)
    found = run(layer("InnerProduct", "inner_product_param { num_output: 4 }"), x, {"it": [w, b]})
    close(found, x.reshape(2, 6) @ w.reshape(4, 6).T + b)


def test_inner_product_along_a_later_axis_transposed_and_without_bias(run):
    x, w, b = noise(2, 3, 2, 4), noise(5, 8, seed=1), noise(5, seed=2)
    matrix = x.reshape(2, 3, 8)
    later = "inner_product_param { num_output: 5 axis: 2 }"
    close(run(layer("InnerProduct", later), x, {"it": [w, b]}), matrix @ w.T + b)
    later = "inner_product_param { num_output: 5 axis: 2 transpose: true bias_term: false }"
    close(run(layer("InnerProduct", later), x, {"it": [w.T]}), matrix @ w.T)
    flat = "inner_product_param { num_output: 5 transpose: true bias_term: false }"
    close(run(layer("InnerProduct", flat), x[:, :1], {"it": [w.T]}), matrix[:, 0] @ w.T)


def test_concat_joins_channels_or_the_named_axis(run):
    x = noise(2, 3, 2, 4)
    before = layer("TanH", name="b")
    found = run(before + layer("Concat", bottom="data b"), x, declared=(1, 3, 9, 8))
    close(found, np.concatenate([x, np.tanh(x)], 1))
    for param in ("axis: -2", "concat_dim: 2"):
        joined = layer("Concat", f"concat_param {{ {param} }}", bottom="data b")
        close(run(before + joined, x), np.concatenate([x, np.tanh(x)], 2))


def test_slice_parts_evenly_or_at_points(run_all):
    x = noise(2, 6, 2, 4)
    even = run_all(layer("Slice", top="a b c"), x, declared=(1, 6, 9, 8))
    for value, first in zip(even.values(), (0, 2, 4), strict=True):
        close(value, x[:, first : first + 2])
    param = "slice_param { slice_dim: 1 slice_point: 1 slice_point: 5 }"
    values = list(run_all(layer("Slice", param, top="a b c"), x).values())
    for value, part in zip(values, (x[:, :1], x[:, 1:5], x[:, 5:]), strict=True):
        close(value, part)


def test_split_gives_one_blob_several_names(run):
    x = noise(2, 3, 2, 4)
    both = layer("Split", top="a b") + layer("Eltwise", name="sum", bottom="a b")
    close(run(both, x), 2 * x)


@pytest.mark.parametrize(
    ("param", "shape"),
    [("", (2, 24)), ("axis: 2", (2, 3, 8)), ("axis: 1 end_axis: 2", (2, 6, 4)), ("axis: 0", (48,))],
)
def test_flatten_makes_one_axis_of_several(param, shape, run):
    x = noise(2, 3, 2, 4)
    close(run(layer("Flatten", f"flatten_param {{ {param} }}"), x), x.reshape(shape))


@pytest.mark.parametrize(
    ("param", "shape"),
    [
        ("shape { dim: 0 dim: -1 }", (2, 24)),
        ("shape { dim: 1 dim: -1 dim: 4 }", (2, 6, 4)),
        ("shape { dim: 0 dim: 6 dim: 0 dim: -1 }", (2, 6, 2, 2)),
        ("shape { dim: 1 dim: -1 } axis: 1", (2, 1, 24)),
        ("shape { dim: 6 } axis: 1 num_axes: 2", (2, 6, 4)),
        ("shape { dim: 1 } axis: -1 num_axes: 0", (2, 3, 2, 4, 1)),
        ("shape { dim: 1 } axis: 1 num_axes: 0", (2, 1, 3, 2, 4)),
    ],
)
def test_reshape_keeps_infers_and_leaves_the_batch_free(param, shape, run):
    x = noise(2, 3, 2, 4)
    close(run(layer("Reshape", f"reshape_param {{ {param} }}"), x), x.reshape(shape))


def test_permute_names_the_first_axes(run):
    x = noise(2, 3, 2, 4)
    order = layer("Permute", "permute_param { order: [0, 2, 3, 1] }")
    close(run(order, x, declared=(1, 3, 9, 8)), x.transpose(0, 2, 3, 1))
    close(run(layer("Permute", "permute_param { order: 0 order: 3 }"), x), x.transpose(0, 3, 1, 2))


def test_argmax_counts_along_an_axis_or_the_whole_picture(run):
    x = noise(2, 3, 2, 4)
    along = layer("ArgMax", "argmax_param { axis: 1 }")
    close(run(along, x, declared=(1, 3, 9, 8)), x.argmax(1)[:, None].astype(np.float32))
    value = layer("ArgMax", "argmax_param { axis: 1 out_max_val: true }")
    close(run(value, x), x.max(1, keepdims=True))
    whole = x.reshape(2, -1).argmax(1).astype(np.float32)
    close(run(layer("ArgMax"), x), whole.reshape(2, 1, 1, 1))


def test_crop_takes_the_size_of_the_second_blob(run):
    x = noise(2, 3, 6, 9)
    small = layer("Pooling", "pooling_param { kernel_size: 3 stride: 3 }", "small")
    cropped = small + layer("Crop", "crop_param { offset: 1 offset: 4 }", bottom="data small")
    close(run(cropped, x, declared=(1, 3, 12, 12)), x[:, :, 1:3, 4:7])
    last = small + layer("Crop", "crop_param { axis: -1 offset: 2 }", bottom="thin small")
    thin = layer(
        "Pooling", "pooling_param { kernel_h: 3 kernel_w: 1 stride_h: 3 stride_w: 1 }", "thin"
    )
    close(run(thin + last, x), pooled(x, (3, 1), (3, 1), (0, 0), False)[..., 2:5])


def test_interp_puts_corners_on_corners(run):
    ramp = np.array([[0, 1, 2], [10, 11, 12]], np.float32).reshape(1, 1, 2, 3).repeat(2, 0)
    rows, columns = np.linspace(0, 10, 3), np.linspace(0, 2, 5)
    expected = np.float32(rows[:, None] + columns)[None, None].repeat(2, 0)
    to_size = layer("Interp", "interp_param { height: 3 width: 5 }")
    close(run(to_size, ramp, declared=(1, 1, 7, 7)), expected)
    zoomed = layer("Interp", "interp_param { zoom_factor: 2 }")
    close(run(zoomed, ramp, declared=(1, 1, 7, 7)), expected)
    shrunk = layer("Interp", "interp_param { shrink_factor: 2 }", bottom="big")
    close(run(zoomed.replace('"it"', '"big"') + shrunk, ramp), ramp)


def test_upsample_repeats_pixels(run):
    x = noise(2, 3, 2, 4)
    found = run(layer("Upsample", "upsample_param { scale: 3 }"), x, declared=(1, 3, 9, 8))
    close(found, x.repeat(3, 2).repeat(3, 3))


# Names


def test_in_place_layers_keep_their_own_tensors(read):
    layers = layer("Power", "power_param { shift: 1 }", "up")
    layers += layer("ReLU", "", "relu", "up", "up") + layer("Dropout", "", "drop", "up", "up")
    graph = read(layers, (1, 3, 4, 5), {}).graph
    assert [(node.name, *node.input[:1], *node.output) for node in graph.node] == [
        ("up", "data", "up"),
        ("relu", "up", "relu"),
        ("drop", "relu", "drop"),
    ]
    assert [value.name for value in graph.output] == ["drop"]


def test_the_last_of_several_nodes_has_the_layers_name_and_no_name_is_taken_twice(read):
    layers = layer("Power", "power_param { scale: 2 shift: 1 }", "a/scale")
    layers += layer("Power", "power_param { scale: 2 shift: 1 }", "a", "a/scale")
    layers += layer("ReLU", "", "data", "a", "out")
    graph = read(layers, (1, 3, 4, 5), {}).graph
    names = [node.name for node in graph.node]
    assert names == ["a/scale/scale", "a/scale", "a/scale/2", "a", "data"]
    assert graph.node[-1].output[0] == "data/output"


def test_batch_height_and_width_are_free(read):
    model = read(layer("ReLU"), (10, 3, 4, 5), {})
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in dims] == ["batch", 3, "height", "width"]
    assert [opset.version for opset in model.opset_import] == [17]

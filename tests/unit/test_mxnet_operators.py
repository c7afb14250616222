"""Each MXNet operator against answers of MXNet itself, or answers by NumPy and by hand."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from entoptic.errors import BadModelFile
from entoptic.formats.mxnet import read_mxnet

pytest.importorskip("onnx", reason="needs the package onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")

Numbers = np.ndarray[Any, Any]


def _numbers(shape: tuple[int, ...], phase: int = 0) -> Numbers:
    """Eleven different numbers from -1.25 to 1.25, in an order that is no pattern."""
    count = int(np.prod(shape))
    return (((np.arange(count) * 7 + phase) % 11 - 5) / 4).reshape(shape).astype(np.float32)


def _weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Numbers]:
    weights = {name: _numbers(shape, at + 1) for at, (name, shape) in enumerate(shapes.items())}
    if "moving_var" in weights:
        weights["moving_var"] = np.abs(weights["moving_var"]) + np.float32(0.25)
    return weights


def _write(
    folder: Path,
    nodes: list[tuple[str, dict[str, str], list[str]]],
    arrays: Mapping[str, Numbers],
    heads: tuple[tuple[int, int], ...] = (),
) -> tuple[Path, Path]:
    """A network of nodes (operator, attributes, inputs): they are called it, it1, it2, ..."""
    made = ["it" if at == 0 else f"it{at}" for at in range(len(nodes))]
    given = {name: None for _, _, inputs in nodes for name in inputs if name not in made}
    index = {name: at for at, name in enumerate([*given, *made])}
    variables = [{"op": "null", "name": name, "inputs": []} for name in given]
    operators = [
        {"op": kind, "name": name, "attrs": attrs, "inputs": [[index[i], 0, 0] for i in inputs]}
        for name, (kind, attrs, inputs) in zip(made, nodes, strict=True)
    ]
    ends = [[index[made[node]], output, 0] for node, output in heads or ((len(nodes) - 1, 0),)]
    symbol, params = folder / "net-symbol.json", folder / "net-0000.params"
    symbol.write_text(json.dumps({"nodes": variables + operators, "heads": ends}))
    parts = [struct.pack("<QQQ", 0x112, 0, len(arrays))]
    for array in arrays.values():
        parts.append(struct.pack(f"<I{array.ndim}I", array.ndim, *array.shape))
        parts.append(struct.pack("<iii", 1, 0, 0) + array.astype("<f4").tobytes())
    parts.append(struct.pack("<Q", len(arrays)))
    parts += [struct.pack("<Q", len(name)) + name.encode() for name in arrays]
    params.write_bytes(b"".join(parts))
    return symbol, params


def _run(symbol: Path, params: Path, data: Numbers) -> list[Numbers]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    model = read_mxnet(symbol, params).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    outputs: list[Numbers] = session.run(None, {"data": data})
    return outputs


def _layer(
    folder: Path,
    kind: str,
    attributes: dict[str, str],
    data: Numbers,
    weights: Mapping[str, Numbers] | None = None,
) -> Numbers:
    arrays = {f"it_{name}": array for name, array in (weights or {}).items()}
    files = _write(folder, [(kind, attributes, ["data", *arrays])], arrays)
    return _run(*files, data)[0]


# What MXNet 1.9.1 answered for `_numbers` as data and weights: the layer, the shapes of the data
# and of the weights, and of the output, then the output.
_RECORDED = """\
Convolution kernel=(3,2) num_filter=2 stride=(2,1) pad=(1,0) dilate=(1,2) num_group=2
1,2,4,4 weight=2,1,3,2 bias=2 -> 1,2,2,2
-0.1875 -2.8125 -0.0625 1 2.8125 -1.25 3.25 -1.625

Convolution kernel=(3,) num_filter=1 no_bias=True pad=(1,)
1,2,5 weight=1,2,3 -> 1,1,5
-1.9375 3.1875 -1.9375 0.5 0.5625

Deconvolution kernel=(3,2) num_filter=1 stride=(2,1) pad=(1,0) adj=(1,0)
1,2,2,2 weight=2,1,3,2 -> 1,1,4,3
0.125 2.25 -1.375 1.125 -0.75 1.4375 -0.625 1.3125 -1.5625 -0.25 -0.125 -0.625

Deconvolution kernel=(4,4) num_filter=1 stride=(2,2) target_shape=(3,5)
1,1,2,3 weight=1,1,4,4 -> 1,1,3,5
-0.9375 0.375 1.0625 -1.875 0.1875 3.625 -0.5625 -1.0625 0.8125 -0.3125 -0.1875 -1 0.5625 -1 0

FullyConnected num_hidden=3
2,3,1,2 weight=3,6 bias=3 -> 2,3
-0.0625 1.9375 -0.875 -1.9375 5 0.9375

FullyConnected num_hidden=2 flatten=False no_bias=True
1,2,1,4 weight=2,4 -> 1,2,1,2
0.1875 -1.1875 -1.0625 1.75

FullyConnected num_hidden=2 flatten=False
1,2,1,4 weight=2,4 bias=2 -> 1,2,1,2
-0.5625 -0.1875 -1.8125 2.75

Pooling kernel=(3,3) stride=(2,2) pool_type=max
1,1,6,6 -> 1,1,2,2
1.25 1.25 1.25 1.25

Pooling kernel=(3,3) stride=(2,2) pool_type=max pooling_convention=full
1,1,6,6 -> 1,1,3,3
1.25 1.25 1 1.25 1.25 1 1.25 1 1

Pooling kernel=(3,3) stride=(2,2) pad=(1,1) pool_type=avg
1,1,4,4 -> 1,1,2,2
-0.138889 0.166667 -0.0833333 0.0555556

Pooling kernel=(3,3) stride=(2,2) pad=(1,1) pool_type=avg pooling_convention=full
1,1,4,4 -> 1,1,3,3
-0.138889 0.166667 0.208333 -0.0833333 0.0555556 -0.166667 0 0.166667 0.0625

Pooling kernel=(3,3) stride=(2,2) pad=(1,1) pool_type=avg pooling_convention=full \
count_include_pad=False
1,1,4,4 -> 1,1,3,3
-0.3125 0.25 0.625 -0.125 0.0555556 -0.333333 0 0.333333 0.25

Pooling kernel=(3,3) stride=(2,2) pad=(1,1) pool_type=sum pooling_convention=full
1,1,4,4 -> 1,1,3,3
-1.25 1.5 1.25 -0.75 0.5 -1 0 1 0.25

Pooling_v1 kernel=(3,3) stride=(2,2) pool_type=avg pooling_convention=full
1,1,4,4 -> 1,1,2,2
-0.138889 0.0277778 0.0833333 0

Pooling_v1 kernel=(2,2) stride=(2,2) pad=(1,1) pool_type=max
1,1,4,4 -> 1,1,3,3
0 0.5 1.25 0.25 1 0 0.5 1.25 0.25

Pooling global_pool=True pool_type=sum
1,2,2,3 -> 1,2,1,1
-0.5 -0.75

BatchNorm eps=0.5 fix_gamma=False
1,2,1,2 gamma=2 beta=2 moving_mean=2 moving_var=2 -> 1,2,1,2
0 -1.75 0.0719223 1

BatchNorm eps=0.5
1,2,1,2 gamma=2 beta=2 moving_mean=2 moving_var=2 -> 1,2,1,2
-1.5 0.25 -0.237437 1

BatchNorm axis=-1 fix_gamma=False
1,2,1,2 gamma=2 beta=2 moving_mean=2 moving_var=2 -> 1,2,1,2
0.309601 0.540874 -0.75 1

InstanceNorm
1,2,1,3 gamma=2 beta=2 -> 1,2,1,3
0.411347 -2.02748 -0.633865 1.91787 1 0.0821295

LayerNorm
1,2,1,3 gamma=3 beta=3 -> 1,2,1,3
0.412465 1.95903 0.0290616 -1.97474 1 0.306184

LayerNorm axis=1 eps=0.1
1,3,1,2 gamma=3 beta=3 -> 1,3,1,2
0.338214 -0.938646 1 1.77816 -0.272054 0.306549

GroupNorm num_groups=2
1,4,1,2 gamma=2 beta=2 -> 1,4,1,2
0.563057 -1.27522 -0.224777 -2.06306 1.15 -0.0499866 2.04999 0.850002

L2Normalization
1,2,1,2 -> 1,2,1,2
-0.656532 0.262613 -0.262613 0.656532

L2Normalization mode=channel
1,2,1,2 -> 1,2,1,2
-0.928477 0.371391 -0.371391 0.928477

L2Normalization mode=spatial
1,2,1,2 -> 1,2,1,2
-0.928477 0.371391 -0.371391 0.928477

LRN nsize=3 alpha=0.5 knorm=1
1,4,1,2 -> 1,4,1,2
-1.02549 0.410196 -0.407751 0.973385 0.215528 -0.597458 0.884901 0

LeakyReLU act_type=prelu
1,2,1,3 gamma=2 -> 1,2,1,3
1.25 0.5 0.5 1.25 0.25 -0.5625

LeakyReLU act_type=gelu
1,1,1,5 -> 1,1,1,5
-0.132062 0.345731 -0.154269 1.11794 0.149677

LeakyReLU act_type=selu
1,1,1,5 -> 1,1,1,5
-1.2544 0.525351 -0.691758 1.31338 0.262675

UpSampling scale=2 sample_type=bilinear num_filter=1
1,1,2,2 weight=1,1,4,4 -> 1,1,4,4
0.625 -1.3125 -0.5625 0.625 -1.625 -1.5 3.3125 -0.3125 0.5625 1.9375 -1.5 0.9375 -0.5 -0.9375
1.75 0

UpSampling scale=2 sample_type=nearest
1,1,2,2 -> 1,1,4,4
-1.25 -1.25 0.5 0.5 -1.25 -1.25 0.5 0.5 -0.5 -0.5 1.25 1.25 -0.5 -0.5 1.25 1.25

_contrib_BilinearResize2D height=3 width=4
1,1,2,3 -> 1,1,3,4
-1.25 -0.0833333 0.166667 -0.5 0 0.25 0.0416666 -0.625 1.25 0.583333 -0.0833334 -0.75

_contrib_BilinearResize2D height=3 width=4 align_corners=False
1,1,2,3 -> 1,1,3,4
-1.25 -0.15625 0.125 -0.5 0 0.234375 0 -0.625 1.25 0.625 -0.125 -0.75

_contrib_BilinearResize2D scale_height=2 scale_width=1.5
1,1,2,2 -> 1,1,4,3
-1.25 -0.375 0.5 -1 -0.125 0.75 -0.75 0.125 1 -0.5 0.375 1.25

Pad mode=reflect pad_width=(0,0,0,0,1,0,0,2)
1,1,2,3 -> 1,1,3,5
1.25 0.25 -0.75 0.25 1.25 -1.25 0.5 -0.5 0.5 -1.25 1.25 0.25 -0.75 0.25 1.25

SoftmaxActivation
1,2,1,2 -> 1,2,1,2
0.148047 0.851953 0.148047 0.851953

SoftmaxActivation mode=channel
1,2,1,2 -> 1,2,1,2
0.320821 0.320821 0.679179 0.679179

softmax axis=1 temperature=2.0
1,3,1,1 -> 1,3,1,1
0.206021 0.494219 0.299759
"""


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(length) for length in text.split(","))


def _pairs(words: list[str]) -> dict[str, str]:
    """["kernel=(3,3)", "pool_type=max"] as a dict."""
    return dict(word.split("=") for word in words)


@pytest.mark.parametrize("record", _RECORDED.split("\n\n"), ids=lambda text: text.split("\n")[0])
def test_an_operator_answers_as_mxnet_does(tmp_path: Path, record: str) -> None:
    layer, shapes, *numbers = record.splitlines()
    kind, *attributes = layer.split()
    (shape, *stored), (output_shape,) = (side.split() for side in shapes.split("->"))
    weights = {name: _shape(text) for name, text in _pairs(stored).items()}
    found = _layer(tmp_path, kind, _pairs(attributes), _numbers(_shape(shape)), _weights(weights))
    expected = np.array(" ".join(numbers).split(), np.float32).reshape(_shape(output_shape))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)


_X = _numbers((2, 4, 3, 6))


def _sigmoid(x: Numbers) -> Numbers:
    return 1 / (1 + np.exp(-x))


def _softmax(x: Numbers, axis: int) -> Numbers:
    raised = np.exp(x - x.max(axis, keepdims=True))
    return raised / raised.sum(axis, keepdims=True)


Answer = Callable[[Numbers], Numbers]
_BY_NUMPY: list[tuple[str, dict[str, str], Answer]] = [
    ("Activation", {"act_type": "relu"}, lambda x: np.maximum(x, 0)),
    ("Activation", {"act_type": "sigmoid"}, _sigmoid),
    ("Activation", {"act_type": "tanh"}, np.tanh),
    ("Activation", {"act_type": "softrelu"}, lambda x: np.log1p(np.exp(x))),
    ("Activation", {"act_type": "softsign"}, lambda x: x / (1 + np.abs(x))),
    ("LeakyReLU", {"slope": "0.1"}, lambda x: np.where(x > 0, x, 0.1 * x)),
    ("LeakyReLU", {"act_type": "rrelu"}, lambda x: np.where(x > 0, x, 0.2295 * x)),
    ("LeakyReLU", {"act_type": "elu", "slope": "2"}, lambda x: np.where(x > 0, x, 2 * np.expm1(x))),
    ("hard_sigmoid", {}, lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    ("relu", {}, lambda x: np.maximum(x, 0)),
    ("sigmoid", {}, _sigmoid),
    ("tanh", {}, np.tanh),
    ("exp", {}, np.exp),
    ("abs", {}, np.abs),
    ("negative", {}, np.negative),
    ("square", {}, np.square),
    ("sign", {}, np.sign),
    ("floor", {}, np.floor),
    ("ceil", {}, np.ceil),
    ("sin", {}, np.sin),
    ("cos", {}, np.cos),
    ("softsign", {}, lambda x: x / (1 + np.abs(x))),
    ("clip", {"a_min": "-0.5", "a_max": "inf"}, lambda x: np.maximum(x, -0.5)),
    ("_plus_scalar", {"scalar": "2"}, lambda x: x + 2),
    ("_PlusScalar", {"scalar": "2"}, lambda x: x + 2),
    ("_minus_scalar", {"scalar": "2"}, lambda x: x - 2),
    ("_rminus_scalar", {"scalar": "2"}, lambda x: 2 - x),
    ("_mul_scalar", {"scalar": "-2"}, lambda x: -2 * x),
    ("_div_scalar", {"scalar": "4"}, lambda x: x / 4),
    ("_power_scalar", {"scalar": "3"}, lambda x: x**3),
    ("_rpower_scalar", {"scalar": "2"}, lambda x: 2**x),
    ("_maximum_scalar", {"scalar": "0.5"}, lambda x: np.maximum(x, 0.5)),
    ("_minimum_scalar", {"scalar": "0.5"}, lambda x: np.minimum(x, 0.5)),
    ("_greater_scalar", {"scalar": "0.5"}, lambda x: x > 0.5),
    ("_lesser_equal_scalar", {"scalar": "0.5"}, lambda x: x <= 0.5),
    ("identity", {}, lambda x: x),
    ("Dropout", {"p": "0.5"}, lambda x: x),
    ("BlockGrad", {}, lambda x: x),
    ("MakeLoss", {}, lambda x: x),
    ("Cast", {"dtype": "float16"}, lambda x: x),
    ("Cast", {"dtype": "int32"}, np.trunc),
    ("Cast", {"dtype": "bool"}, lambda x: x != 0),
    ("Flatten", {}, lambda x: x.reshape(2, 72)),
    ("transpose", {}, lambda x: x.transpose()),
    ("transpose", {"axes": "(0, 2, 3, 1)"}, lambda x: x.transpose(0, 2, 3, 1)),
    ("SwapAxis", {"dim1": "1", "dim2": "-1"}, lambda x: x.swapaxes(1, 3)),
    ("expand_dims", {"axis": "-1"}, lambda x: x[..., None]),
    ("slice", {"begin": "(None, 1)", "end": "(1, 3)"}, lambda x: x[:1, 1:3]),
    (
        "slice",
        {"begin": "(0, None, 2)", "end": "(2, None, None)", "step": "(1, -2, -1)"},
        lambda x: x[0:2, ::-2, 2::-1],
    ),
    ("slice_axis", {"axis": "-1", "begin": "-3", "end": "None"}, lambda x: x[..., -3:]),
    ("slice_axis", {"axis": "1", "begin": "1", "end": "-1"}, lambda x: x[:, 1:-1]),
    ("Crop", {"offset": "(1, 2)", "h_w": "(2, 3)"}, lambda x: x[:, :, 1:3, 2:5]),
    ("Crop", {"center_crop": "True", "h_w": "(2, 3)"}, lambda x: x[:, :, 0:2, 1:4]),
    (
        "Pad",
        {"mode": "constant", "constant_value": "7", "pad_width": "(0,0,0,0,1,0,2,3)"},
        lambda x: np.pad(x, ((0, 0), (0, 0), (1, 0), (2, 3)), constant_values=7),
    ),
    (
        "Pad",
        {"mode": "edge", "pad_width": "(0,0,0,0,1,0,2,3)"},
        lambda x: np.pad(x, ((0, 0), (0, 0), (1, 0), (2, 3)), mode="edge"),
    ),
    ("softmax", {}, lambda x: _softmax(x, -1)),
    ("softmin", {"axis": "1"}, lambda x: _softmax(-x, 1)),
    ("log_softmax", {"axis": "1"}, lambda x: np.log(_softmax(x, 1))),
    ("SoftmaxOutput", {"multi_output": "True"}, lambda x: _softmax(x, 1)),
    ("SoftmaxOutput", {"preserve_shape": "True"}, lambda x: _softmax(x, -1)),
    ("SoftmaxOutput", {}, lambda x: _softmax(x.reshape(2, 72), 1).reshape(x.shape)),
    ("sum", {"axis": "(2, 3)", "keepdims": "True"}, lambda x: x.sum((2, 3), keepdims=True)),
    ("sum", {"axis": "1"}, lambda x: x.sum(1)),
    ("mean", {}, lambda x: x.mean().reshape(1)),
    ("mean", {"axis": "(-1, -2)"}, lambda x: x.mean((2, 3))),
    ("mean", {"axis": "(0, 1)", "exclude": "True"}, lambda x: x.mean((2, 3))),
    ("max", {"axis": "1", "keepdims": "True"}, lambda x: x.max(1, keepdims=True)),
    ("min", {"axis": "()"}, lambda x: x.min().reshape(1)),
    ("prod", {"axis": "3"}, lambda x: x.prod(3)),
    ("norm", {"axis": "1"}, lambda x: np.sqrt((x**2).sum(1))),
    ("norm", {"ord": "1", "axis": "1"}, lambda x: np.abs(x).sum(1)),
    ("_contrib_AdaptiveAvgPooling2D", {}, lambda x: x.mean((2, 3), keepdims=True)),
    ("Pooling", {"global_pool": "True"}, lambda x: x.max((2, 3), keepdims=True)),
    (
        "Pooling",
        {"global_pool": "True", "pool_type": "avg", "kernel": "(7, 7)"},
        lambda x: x.mean((2, 3), keepdims=True),
    ),
    (  # 'same' of a width of 6 by 4 has 2 places: 0..3, and 4, 5
        "Pooling",
        {"kernel": "(1, 4)", "stride": "(1, 4)", "pooling_convention": "same", "pool_type": "avg"},
        lambda x: np.stack([x[..., :4].mean(-1), x[..., 4:].mean(-1)], -1),
    ),
    (
        "Pooling",
        {"kernel": "(1, 4)", "stride": "(1, 4)", "pooling_convention": "same"},
        lambda x: np.stack([x[..., :4].max(-1), x[..., 4:].max(-1)], -1),
    ),
    ("Reshape", {"shape": "(0, -1)"}, lambda x: x.reshape(2, 72)),
    ("Reshape", {"shape": "(-1, 6)"}, lambda x: x.reshape(24, 6)),
    ("Reshape", {"shape": "(0, 0, -1)"}, lambda x: x.reshape(2, 4, 18)),
    ("Reshape", {"shape": "(0, -4, 2, -1, -2)"}, lambda x: x.reshape(2, 2, 2, 3, 6)),
    ("Reshape", {"shape": "(0, -4, -1, 2, -3)"}, lambda x: x.reshape(2, 2, 2, 18)),
    ("Reshape", {"shape": "(0, -4, 2, 2, 0, 0)"}, lambda x: x.reshape(2, 2, 2, 3, 6)),
    ("Reshape", {"shape": "(-3, -2)"}, lambda x: x.reshape(8, 3, 6)),
    ("Reshape", {"shape": "(-3, -3)"}, lambda x: x.reshape(8, 18)),
    ("Reshape", {"shape": "(-2, 1)"}, lambda x: x.reshape(2, 4, 3, 6, 1)),
    ("Reshape", {"shape": "(8, -1, 0)", "reverse": "True"}, lambda x: x.reshape(8, 3, 6)),
    ("Reshape", {"shape": "(-1, 0)", "reverse": "True"}, lambda x: x.reshape(24, 6)),
    ("Reshape", {"target_shape": "(0, 72)"}, lambda x: x.reshape(2, 72)),
    ("Reshape", {"target_shape": "(0, 0)", "keep_highest": "True"}, lambda x: x.reshape(2, 72)),
]


@pytest.mark.parametrize(
    ("kind", "attributes", "answer"), _BY_NUMPY, ids=[f"{k}-{a}" for k, a, _ in _BY_NUMPY]
)
def test_an_operator_answers_as_numpy_does(
    tmp_path: Path, kind: str, attributes: dict[str, str], answer: Answer
) -> None:
    found = _layer(tmp_path, kind, attributes, _X)
    expected = answer(_X).astype(np.float32)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("sqrt", np.sqrt),
        ("log", np.log),
        ("log1p", np.log1p),
        ("rsqrt", lambda x: 1 / np.sqrt(x)),
        ("reciprocal", lambda x: 1 / x),
    ],
)
def test_operators_of_positive_numbers(tmp_path: Path, kind: str, answer: Answer) -> None:
    data = np.abs(_X) + np.float32(0.5)
    np.testing.assert_allclose(_layer(tmp_path, kind, {}, data), answer(data), rtol=1e-6)


def test_erf_of_a_half(tmp_path: Path) -> None:
    found = _layer(tmp_path, "erf", {}, np.full((1, 1, 1, 1), 0.5, np.float32))
    assert found.item() == pytest.approx(0.5204999, rel=1e-6)


_Y = _numbers((1, 4, 1, 1), 3)
_TWO: list[tuple[str, dict[str, str], Callable[[Numbers, Numbers], Numbers]]] = [
    ("broadcast_add", {}, np.add),
    ("elemwise_add", {}, np.add),
    ("_Plus", {}, np.add),
    ("_plus", {}, np.add),
    ("ElementWiseSum", {}, np.add),
    ("add_n", {}, np.add),
    ("broadcast_sub", {}, np.subtract),
    ("_sub", {}, np.subtract),
    ("broadcast_mul", {}, np.multiply),
    ("_mul", {}, np.multiply),
    ("broadcast_div", {}, np.divide),
    ("_div", {}, np.divide),
    ("broadcast_maximum", {}, np.maximum),
    ("broadcast_minimum", {}, np.minimum),
    ("broadcast_greater", {}, np.greater),
    ("broadcast_greater_equal", {}, np.greater_equal),
    ("broadcast_lesser", {}, np.less),
    ("broadcast_lesser_equal", {}, np.less_equal),
    ("broadcast_equal", {}, np.equal),
]


@pytest.mark.parametrize(("kind", "attributes", "answer"), _TWO, ids=[each[0] for each in _TWO])
def test_an_operator_of_two_inputs_answers_as_numpy_does(
    tmp_path: Path,
    kind: str,
    attributes: dict[str, str],
    answer: Callable[[Numbers, Numbers], Numbers],
) -> None:
    found = _layer(tmp_path, kind, attributes, _X, {"other": _Y})
    np.testing.assert_allclose(found, answer(_X, _Y).astype(np.float32), rtol=1e-6)


_DOUBLE = ("_mul_scalar", {"scalar": "2"}, ["data"])
_HALF_SIZE = ("Pooling", {"kernel": "(2, 2)", "stride": "(2, 2)"}, ["data"])
_ROWS = ("Reshape", {"shape": "(0, 0, -1)"}, ["data"])
_SEVERAL: list[tuple[list[tuple[str, dict[str, str], list[str]]], Answer]] = [
    (
        [_DOUBLE, ("Concat", {"dim": "-1"}, ["data", "it"])],
        lambda x: np.concatenate([x, 2 * x], -1),
    ),
    ([_DOUBLE, ("stack", {"axis": "1"}, ["data", "it"])], lambda x: np.stack([x, 2 * x], 1)),
    (
        [("relu", {}, ["data"]), ("where", {}, ["it", "data", "it"])],
        lambda x: np.where(x > 0, x, 0),
    ),
    (
        [_HALF_SIZE, ("slice_like", {"axes": "(2, 3)"}, ["data", "it"])],
        lambda x: x[:, :, :1, :3],
    ),
    ([_HALF_SIZE, ("slice_like", {}, ["data", "it"])], lambda x: x[:, :, :1, :3]),
    (
        [_HALF_SIZE, ("Crop", {"offset": "(2, 1)"}, ["data", "it"])],
        lambda x: x[:, :, 2:3, 1:4],
    ),
    (
        [_HALF_SIZE, ("Crop", {"center_crop": "True"}, ["data", "it"])],
        lambda x: x[:, :, 1:2, 1:4],
    ),
    (
        [("expand_dims", {"axis": "2"}, ["data"]), ("squeeze", {"axis": "2"}, ["it"])],
        lambda x: x,
    ),
    (
        [_ROWS, ("batch_dot", {"transpose_b": "True"}, ["it", "it"])],
        lambda x: np.einsum("bcn,bdn->bcd", x.reshape(2, 4, 18), x.reshape(2, 4, 18)),
    ),
    (
        [("Flatten", {}, ["data"]), ("dot", {"transpose_a": "True"}, ["it", "it"])],
        lambda x: x.reshape(2, 72).T @ x.reshape(2, 72),
    ),
    (  # the shuffle of ShuffleNet
        [
            ("Reshape", {"shape": "(0, -4, 2, -1, -2)"}, ["data"]),
            ("SwapAxis", {"dim1": "1", "dim2": "2"}, ["it"]),
            ("Reshape", {"shape": "(0, -3, -2)"}, ["it1"]),
        ],
        lambda x: x[:, [0, 2, 1, 3]],
    ),
    (
        [
            ("UpSampling", {"scale": "2", "sample_type": "nearest", "num_args": "1"}, ["data"]),
            ("_contrib_BilinearResize2D", {"mode": "like"}, ["data", "it"]),
            ("slice", {"begin": "(0,0,5,11)", "end": "(2,4,6,12)"}, ["it1"]),
        ],
        lambda x: x[:, :, 2:3, 5:6],  # corners are aligned
    ),
]


@pytest.mark.parametrize(
    ("nodes", "answer"), _SEVERAL, ids=["-".join(node[0] for node in each[0]) for each in _SEVERAL]
)
def test_operators_in_concert_answer_as_numpy_does(
    tmp_path: Path, nodes: list[tuple[str, dict[str, str], list[str]]], answer: Answer
) -> None:
    found = _run(*_write(tmp_path, nodes, {}), _X)[0]
    expected = answer(_X)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("squeeze", ["False", "True"])
def test_a_split_has_an_output_for_every_part(tmp_path: Path, squeeze: str) -> None:
    attributes = {"num_outputs": "4", "axis": "1", "squeeze_axis": squeeze}
    heads = ((0, 2), (0, 0), (0, 3))
    files = _write(tmp_path, [("SliceChannel", attributes, ["data"])], {}, heads)
    for found, part in zip(_run(*files, _X), (2, 0, 3), strict=True):
        expected = _X[:, part] if squeeze == "True" else _X[:, part : part + 1]
        np.testing.assert_array_equal(found, expected)


def test_dot_with_a_stored_matrix(tmp_path: Path) -> None:
    matrix = _numbers((6, 2), 4)
    np.testing.assert_allclose(
        _layer(tmp_path, "dot", {}, _X, {"other": matrix}), _X @ matrix, rtol=1e-5, atol=1e-6
    )


_CONV = {"kernel": "(3, 3)", "num_filter": "1"}
_WEIGHT = {"weight": (1, 4, 3, 3), "bias": (1,)}
_REFUSED: list[tuple[str, str, dict[str, str], dict[str, tuple[int, ...]]]] = [
    ("attribute 'kernel' is missing", "Convolution", {"num_filter": "1"}, {}),
    ("its kernel has 4 axes; 1 to 3", "Convolution", {"kernel": "(1, 1, 1, 1)"}, {}),
    ("layout 'NHWC' can't be imported", "Convolution", _CONV | {"layout": "NHWC"}, {}),
    ("'stride' has 1 numbers, but the kernel has 2", "Convolution", _CONV | {"stride": "(1,)"}, {}),
    ("'pad' is [9999, 0]", "Convolution", _CONV | {"pad": "(9999, 0)"}, {}),
    ("it has 1 inputs, but needs 2", "Convolution", _CONV, {}),
    ("it has 2 inputs, but needs 3", "Convolution", _CONV, {"weight": (1, 4, 3, 3)}),
    (
        "its weight 'it_weight' has shape (1, 4, 3, 2), but must be 1 x any x 3 x 3",
        "Convolution",
        _CONV,
        {"weight": (1, 4, 3, 2), "bias": (1,)},
    ),
    ("its bias 'it_bias' has shape (2,)", "Convolution", _CONV, _WEIGHT | {"bias": (2,)}),
    (
        "target_shape (4, 0) must be positive",
        "Deconvolution",
        _CONV | {"target_shape": "(4,0)"},
        {},
    ),
    (
        "pooling_convention 'same' can't have a pad",
        "Pooling",
        {"kernel": "(2, 2)", "pad": "(1, 1)", "pooling_convention": "same"},
        {},
    ),
    ("'pool_type' is 'lp', but must be one of max, avg, sum", "Pooling", {"pool_type": "lp"}, {}),
    ("layout 'NHWC' can't be imported", "Pooling", {"global_pool": "True", "layout": "NHWC"}, {}),
    (
        "nearest up-sampling of 2 inputs",
        "UpSampling",
        {"scale": "2", "sample_type": "nearest"},
        {"x": (1,)},
    ),
    (
        "output_size (7, 7) can't be imported; only 1",
        "_contrib_AdaptiveAvgPooling2D",
        {"output_size": "(7, 7)"},
        {},
    ),
    ("mode 'odd_scale' can't be imported", "_contrib_BilinearResize2D", {"mode": "odd_scale"}, {}),
    (
        "can't resize by [0.0, 2.0]",
        "_contrib_BilinearResize2D",
        {"scale_height": "0", "scale_width": "2"},
        {},
    ),
    ("axis 4 doesn't exist; there are 4 axes", "Concat", {"dim": "4"}, {}),
    ("ord 3 can't be imported; only 1 and 2 can", "norm", {"ord": "3"}, {}),
    ("axis (1, 1) names an axis twice", "sum", {"axis": "(1, -3)"}, {}),
    ("it excludes every axis", "sum", {"axis": "(0, 1, 2, 3)", "exclude": "True"}, {}),
    ("only products with a matrix on the right", "dot", {}, {"x": (1, 4, 6, 3)}),
    ("must have the same number of axes, 3 at least", "batch_dot", {}, {"x": (6, 3)}),
    ("only a matrix can be transposed", "dot", {"transpose_a": "True"}, {"x": (6, 3)}),
    ("a condition with other axes than its choices", "where", {}, {"x": (1,), "y": (1,)}),
    ("use_length=True can't be imported", "softmax", {"use_length": "True"}, {}),
    ("temperature 0 can't be imported", "softmax", {"temperature": "0"}, {}),
    (
        "axes (0, 0, 1, 2) aren't an order of the input's 4 axes",
        "transpose",
        {"axes": "(0,0,1,2)"},
        {},
    ),
    ("without an axis it can't be imported", "squeeze", {}, {}),
    ("differ in length", "slice", {"begin": "(0, 1)", "end": "(1,)"}, {}),
    ("a step of 0 can't be taken", "slice", {"begin": "(0,)", "end": "(1,)", "step": "(0,)"}, {}),
    ("'h_w' is [3], but must be 2 whole numbers from 1", "Crop", {"h_w": "(3,)"}, {}),
    (
        "pad_width has 2 numbers, but must have 8",
        "Pad",
        {"mode": "edge", "pad_width": "(1, 1)"},
        {},
    ),
    ("reverse=True with -4", "Reshape", {"shape": "(-4, 1, -1)", "reverse": "True"}, {}),
    ("attribute 'shape' is missing", "Reshape", {}, {}),
    ("asks for more axes than the input's 4", "Reshape", {"shape": "(0, 0, 0, 0, 0)"}, {}),
    ("leaves more than one length open", "Reshape", {"shape": "(-1, -1)"}, {}),
    ("-4 in a shape needs two lengths behind it", "Reshape", {"shape": "(0, -4, 2)"}, {}),
    ("-4 in a shape needs two lengths behind it", "Reshape", {"shape": "(0, -4, -1, -1)"}, {}),
    ("its result has 17 axes; at most 16", "Reshape", {"shape": str((1,) * 17)}, {}),
]


@pytest.mark.parametrize(
    ("message", "kind", "attributes", "weights"),
    _REFUSED,
    ids=[f"{each[1]}-{each[0]}" for each in _REFUSED],
)
def test_what_cannot_be_translated_is_refused_with_file_node_and_operator(
    tmp_path: Path,
    message: str,
    kind: str,
    attributes: dict[str, str],
    weights: dict[str, tuple[int, ...]],
) -> None:
    with pytest.raises(BadModelFile) as caught:
        _layer(tmp_path, kind, attributes, _X, _weights(weights))
    place = f"{tmp_path / 'net-symbol.json'}: node 'it' ({kind}): "
    assert str(caught.value).startswith(place)
    assert message in str(caught.value)


def test_an_operator_for_pictures_refuses_a_row(tmp_path: Path) -> None:
    nodes = [("Flatten", {}, ["data"]), ("Pooling", {"kernel": "(2, 2)"}, ["it"])]
    with pytest.raises(
        BadModelFile, match=r"'it1' \(Pooling\): its input must have 4 axes, but it has 2"
    ):
        read_mxnet(*_write(tmp_path, nodes, {}))
    nodes = [("Flatten", {}, ["data"]), ("Pooling", {"global_pool": "True"}, ["it"])]
    with pytest.raises(BadModelFile, match="its input must have 3 axes at least, but it has 2"):
        read_mxnet(*_write(tmp_path, nodes, {}))


def test_a_weight_that_is_computed_is_refused(tmp_path: Path) -> None:
    nodes = [("abs", {}, ["w"]), ("Convolution", _CONV | {"no_bias": "True"}, ["data", "it"])]
    files = _write(tmp_path, nodes, {"w": _numbers((1, 4, 3, 3))})
    with pytest.raises(BadModelFile, match="its weight 'it' is computed; only stored ones"):
        read_mxnet(*files)

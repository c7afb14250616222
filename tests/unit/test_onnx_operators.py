"""Every operator says what onnxruntime says, over its settings and the opsets' ages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from entoptic.formats.onnx import from_graph  # noqa: E402
from entoptic.formats.onnx.operators import OPERATORS  # noqa: E402
from entoptic.networks.gradient_rules import applied, redirected_relu  # noqa: E402


@dataclass(frozen=True)
class Case:
    """One node: its operator, opset, shape of the picture, constant inputs, settings."""

    op: str
    opset: int
    shape: tuple[int, ...]
    constants: tuple[Any, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    kind: str | None = None  # class of the module, where it matters
    positive: bool = False
    outputs: int = 1
    picture_at: int = 0  # which input is the picture

    def __str__(self) -> str:
        return f"{self.op}-{self.opset} {self.settings} {self.shape}"


def numbers(*shape: int, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    return np.random.default_rng(sum(shape)).uniform(low, high, shape).astype(np.float32)


def whole(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def scalar(value: float) -> np.ndarray:
    return np.array(value, np.float32)


def model_of(case: Case) -> onnx.ModelProto:
    names, weights = [], []
    for index, constant in enumerate(case.constants):
        names.append("" if constant is None else f"constant_{index}")
        if constant is not None:
            weights.append(numpy_helper.from_array(np.asarray(constant), names[-1]))
    names.insert(case.picture_at, "x")
    outputs = [f"y{index}" for index in range(case.outputs)]
    domain, _, op = case.op.rpartition(".")
    node = helper.make_node(op, names, outputs, name="it", domain=domain, **case.settings)
    return model_with([node], case.shape, outputs, weights, case.opset)


def model_with(
    nodes: Iterable[Any],
    shape: Sequence[int],
    outputs: Sequence[str],
    weights: Iterable[Any] = (),
    opset: int = 17,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        list(weights),
    )
    # The output's type is left for onnxruntime to find.
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def check(model: onnx.ModelProto, x: np.ndarray, tolerance: float = 1e-5) -> torch.nn.Module:
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    session = runtime.InferenceSession(model.SerializeToString(), options)
    expected = session.run(None, {"x": x})
    module = from_graph(model).module
    got = module(torch.from_numpy(x))
    for right, ours in zip(expected, got if isinstance(got, tuple) else (got,), strict=True):
        assert tuple(ours.shape) == right.shape
        largest = max(1e-6, float(np.abs(right.astype(np.float64)).max())) if right.size else 1.0
        error = np.abs(ours.numpy().astype(np.float64) - right.astype(np.float64))
        assert error.max(initial=0) <= tolerance * largest
    return module


X = (2, 6, 9, 11)
W = numbers(4, 6, 3, 2)
FLAT = (2, 3, 4, 5)
UNARY = "Abs Neg Sigmoid Tanh Exp Floor Ceil Round Sign Relu Erf Sin Cos Softplus Softsign"
BINARY = "Add Sub Mul Div Pow"


def unary() -> list[Case]:
    cases = [Case(op, 13, FLAT) for op in UNARY.split() if op not in {"Softplus"}]
    cases += [Case(op, 7, FLAT) for op in ["Relu", "Sigmoid", "Tanh", "Elu", "LeakyRelu", "Selu"]]
    cases += [Case(op, 13, FLAT, positive=True) for op in ["Sqrt", "Log", "Reciprocal"]]
    return [
        *cases,
        Case("Softplus", 1, FLAT),
        Case("LeakyRelu", 16, FLAT, settings={"alpha": 0.3}, kind="LeakyReLU"),
        Case("Elu", 6, FLAT, settings={"alpha": 2.0}, kind="ELU"),
        Case("Celu", 12, FLAT, settings={"alpha": 2.0}, kind="CELU"),
        Case("Selu", 6, FLAT, kind="SELU"),
        Case("Selu", 6, FLAT, settings={"alpha": 1.5, "gamma": 0.7}, kind="Selu"),
        Case("ThresholdedRelu", 10, FLAT, settings={"alpha": 0.4}, kind="Threshold"),
        Case("HardSigmoid", 6, FLAT, kind="HardSigmoid"),
        Case("HardSigmoid", 6, FLAT, settings={"alpha": 1 / 6, "beta": 0.5}, kind="Hardsigmoid"),
        Case("HardSwish", 14, FLAT, kind="Hardswish"),
        Case("Mish", 18, FLAT, kind="Mish"),
        Case("Gelu", 20, FLAT, kind="GELU"),
        Case("Gelu", 20, FLAT, settings={"approximate": "tanh"}, kind="GELU"),
        Case("Identity", 13, FLAT, kind="Identity"),
        Case("Dropout", 7, FLAT, settings={"ratio": 0.3}, kind="Dropout"),
        Case("Dropout", 13, FLAT, (scalar(0.3), np.array(False)), kind="Dropout"),
        Case("Clip", 6, FLAT, settings={"min": -0.2, "max": 0.5}, kind="Clip"),
        Case("Clip", 6, FLAT, settings={"min": 0.0, "max": 6.0}, kind="ReLU6"),
        Case("Clip", 13, FLAT, (scalar(0), scalar(6)), kind="ReLU6"),
        Case("Clip", 13, FLAT, (None, scalar(0.2)), kind="Clip"),
        Case("Clip", 13, FLAT, (scalar(0.2),), kind="Clip"),
        Case("PRelu", 7, X, (numbers(6, 1, 1),), kind="PReLU"),
        Case("PRelu", 9, X, (numbers(1),), kind="PReLU"),
        Case("PRelu", 16, X, (numbers(11),), kind="PRelu"),
        Case("PRelu", 16, X, (numbers(6, 9, 11),), kind="PRelu"),
        Case("PRelu", 16, (2, 6), (numbers(6),), kind="PReLU"),
        Case("Softmax", 7, FLAT, kind="FlatSoftmax"),
        Case("Softmax", 11, FLAT, settings={"axis": 2}, kind="FlatSoftmax"),
        Case("Softmax", 11, FLAT, settings={"axis": 3}, kind="Softmax"),
        Case("Softmax", 11, (2, 7), kind="Softmax"),
        Case("Softmax", 13, FLAT, settings={"axis": 1}, kind="Softmax"),
        Case("Softmax", 13, FLAT, kind="Softmax"),
        Case("LogSoftmax", 11, FLAT, kind="FlatLogSoftmax"),
        Case("LogSoftmax", 13, FLAT, settings={"axis": -2}, kind="LogSoftmax"),
        Case("Cast", 13, FLAT, settings={"to": TensorProto.INT64}),
        Case("Cast", 13, FLAT, settings={"to": TensorProto.BOOL}),
        Case("Cast", 13, FLAT, settings={"to": TensorProto.DOUBLE}),
        Case("CastLike", 15, FLAT, (np.zeros(1, np.int32),)),
    ]


def arithmetic() -> list[Case]:
    cases = [Case(op, 13, FLAT, (numbers(4, 1, low=0.5),), positive=True) for op in BINARY.split()]
    cases += [
        Case(op, 7, FLAT, (numbers(3, 1, 1, low=0.5),), positive=True) for op in ("Add", "Mul")
    ]
    cases += [Case(op, 13, FLAT, (numbers(5),), picture_at=1) for op in ("Sub", "Div", "Add")]
    cases += [
        Case(op, 16, FLAT, (numbers(4, 5),))
        for op in ["Greater", "GreaterOrEqual", "Less", "LessOrEqual"]
    ]
    variadic = ["Min", "Max", "Sum", "Mean"]
    cases += [Case(op, 13, FLAT, (numbers(4, 5), numbers(1))) for op in variadic]
    cases += [Case(op, 8, FLAT, ()) for op in variadic]
    return [
        *cases,
        Case("Pow", 13, FLAT, (np.array(2, np.int64),)),
        Case("Mod", 13, FLAT, (numbers(5, low=0.2),), {"fmod": 1}),
        Case("Where", 16, FLAT, (numbers(4, 5) > 0, numbers(1)), picture_at=1),
        Case("Gemm", 7, (3, 5), (numbers(5, 4), numbers(4)), kind="Linear"),
        Case("Gemm", 9, (3, 5), (numbers(4, 5), numbers(1, 4)), {"transB": 1}, kind="Linear"),
        Case("Gemm", 13, (3, 5), (numbers(5, 4),), {"alpha": 0.5}, kind="Linear"),
        Case("Gemm", 13, (3, 5), (numbers(5, 4), numbers(1)), {"beta": 0.5}, kind="Linear"),
        Case("Gemm", 13, (3, 5), (numbers(3, 4), numbers(5, 4)), {"transA": 1}, kind="Gemm"),
        Case("Gemm", 13, (3, 5), (numbers(5, 4), numbers(3, 1)), kind="Gemm"),
        Case("Gemm", 13, (5, 4), (numbers(3, 5),), picture_at=1, kind="Gemm"),
        Case("MatMul", 13, FLAT, (numbers(5, 7),), kind="Linear"),
        Case("MatMul", 13, FLAT, (numbers(3, 5, 2),), kind="MatMul"),
        Case("MatMul", 9, FLAT, (numbers(7, 4),), picture_at=1, kind="MatMul"),
        Case("Einsum", 12, FLAT, (numbers(3, 5, 2),), {"equation": "bchw, cwd -> bchd"}),
        Case("Einsum", 12, FLAT, (), {"equation": "...hw->...wh"}),
        Case("CumSum", 14, FLAT, (np.array(2),)),
        Case("CumSum", 11, FLAT, (np.array(-1),), {"exclusive": 1, "reverse": 1}),
        Case("Trilu", 14, FLAT, (), {"upper": 0}),
        Case("Trilu", 14, FLAT, (np.array(1),)),
    ]


def windows() -> list[Case]:
    bias = numbers(4)
    same = {"auto_pad": "SAME_UPPER"}
    lower = {"auto_pad": "SAME_LOWER"}
    shape = {"kernel_shape": [3, 2]}
    cases = [
        Case("Conv", 7, X, (W,), kind="Conv2d"),
        Case("Conv", 11, X, (W, bias), {"pads": [1, 2, 1, 2], "strides": [2, 1]}, "Conv2d"),
        Case("Conv", 11, X, (W, bias), {"dilations": [2, 3], **shape}, "Conv2d"),
        Case("Conv", 11, X, (W, bias), {"pads": [0, 1, 2, 0]}, "PaddedConv2d"),
        Case("Conv", 11, X, (W, bias), {**same, "strides": [2, 3]}, "PaddedConv2d"),
        Case("Conv", 11, X, (W, bias), {**lower, "strides": [2, 2]}, "PaddedConv2d"),
        Case("Conv", 11, X, (W, bias), same, "PaddedConv2d"),
        Case("Conv", 11, X, (W, bias), lower, "PaddedConv2d"),
        Case("Conv", 11, X, (numbers(4, 6, 3, 5),), same, "Conv2d"),
        Case("Conv", 11, X, (W, bias), {"auto_pad": "VALID"}, "Conv2d"),
        Case("Conv", 11, X, (numbers(4, 3, 3, 2),), {"group": 2}, "Conv2d"),
        Case("Conv", 11, X, (numbers(12, 1, 3, 3),), {"group": 6, **same}, "Conv2d"),
        Case("Conv", 11, (2, 3, 13), (numbers(4, 3, 4),), {**same, "strides": [2]}, "PaddedConv1d"),
        Case("Conv", 11, (2, 3, 13), (numbers(4, 3, 4),), {"pads": [1, 1]}, "Conv1d"),
        Case("Conv", 11, (1, 2, 5, 6, 7), (numbers(3, 2, 2, 3, 1),), kind="Conv3d"),
        Case("Conv", 11, (1, 2, 5, 6, 7), (numbers(3, 2, 2, 3, 1),), same, "PaddedConv3d"),
    ]
    up = numbers(6, 4, 3, 2)
    cases += [
        Case("ConvTranspose", 7, X, (up,), kind="ConvTranspose2d"),
        Case("ConvTranspose", 11, X, (up, bias), {"strides": [2, 3], "pads": [1, 0, 1, 0]}),
        Case("ConvTranspose", 11, X, (up, bias), {"strides": [2, 3], "pads": [1, 0, 0, 1]}),
        Case("ConvTranspose", 11, X, (up, bias), {"strides": [2, 3], "output_padding": [1, 2]}),
        Case("ConvTranspose", 11, X, (up, bias), {"strides": [2, 2], **same}),
        Case("ConvTranspose", 11, X, (up, bias), {"strides": [2, 2], **lower}),
        Case("ConvTranspose", 11, X, (up,), {"strides": [2, 2], "output_shape": [18, 21]}),
        Case("ConvTranspose", 11, X, (numbers(6, 2, 3, 2),), {"group": 2, "dilations": [2, 1]}),
        Case("ConvTranspose", 11, (1, 2, 7), (numbers(2, 3, 4),), {"pads": [0, 1]}),
        Case("ConvTranspose", 11, (1, 2, 3, 4, 5), (numbers(2, 3, 2, 2, 2),), {"pads": [0, 1] * 3}),
    ]
    for op in ("MaxPool", "AveragePool"):
        torchs = op.replace("AveragePool", "AvgPool")
        cases += [
            Case(op, 7, X, (), shape, f"{torchs}2d"),
            Case(op, 7, X, (), {**shape, "strides": [2, 3], "pads": [1, 1, 1, 1]}, f"{torchs}2d"),
            Case(op, 10, X, (), {**shape, "strides": [2, 2], "ceil_mode": 1}, f"{torchs}2d"),
            Case(op, 11, X, (), {**shape, "strides": [2, 2], "pads": [0, 1, 1, 0]}, f"Padded{op}"),
            Case(op, 11, X, (), {**shape, "strides": [2, 2], **same}, f"Padded{op}"),
            Case(op, 11, X, (), {**shape, "strides": [2, 2], **lower}, f"Padded{op}"),
            Case(op, 11, X, (), {**shape, **same}, f"Padded{op}"),
            Case(op, 11, X, (), {"kernel_shape": [3, 3], **same}, f"{torchs}2d"),
            Case(
                op,
                11,
                X,
                (),
                {**shape, "strides": [3, 2], "pads": [0, 0, 2, 1], "ceil_mode": 1},
                f"Padded{op}",
            ),
            Case(op, 11, (2, 3, 12), (), {"kernel_shape": [3], "strides": [2]}, f"{torchs}1d"),
            Case(op, 11, (2, 3, 4, 5, 6), (), {"kernel_shape": [3, 2, 1]}, f"{torchs}3d"),
        ]
    counted = {"count_include_pad": 1}
    cases += [
        Case("MaxPool", 10, X, (), {**shape, "dilations": [2, 3]}, "MaxPool2d"),
        Case("AveragePool", 11, X, (), {**shape, **counted, "pads": [1, 1, 1, 1]}, "AvgPool2d"),
        Case("AveragePool", 11, X, (), {**shape, **counted, "pads": [1, 0, 0, 1]}),
        Case("AveragePool", 11, X, (), {**shape, **counted, **same, "strides": [2, 2]}),
        Case(
            "AveragePool",
            19,
            X,
            (),
            {**shape, **counted, "strides": [3, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1},
        ),
        Case("LpPool", 11, X, (), {**shape, "strides": [2, 2], "pads": [1, 0, 0, 1]}),
        Case("LpPool", 11, X, (), {**shape, "p": 3}),
        Case("GlobalAveragePool", 7, X, kind="AdaptiveAvgPool2d"),
        Case("GlobalAveragePool", 7, (2, 3, 7), kind="AdaptiveAvgPool1d"),
        Case("GlobalMaxPool", 7, X, kind="AdaptiveMaxPool2d"),
    ]
    return cases


def normalizations() -> list[Case]:
    scale, shift, mean = numbers(6), numbers(6, low=0), numbers(6, low=-0.5)
    variance = numbers(6, low=0.5)
    norm = (scale, shift, mean, variance)
    return [
        Case("BatchNormalization", 7, X, norm, {"epsilon": 1e-3}, "BatchNorm2d"),
        Case("BatchNormalization", 9, (2, 6), norm, {"momentum": 0.5}, "BatchNorm1d"),
        Case("BatchNormalization", 15, (2, 6, 7), norm, kind="BatchNorm1d"),
        Case("BatchNormalization", 15, (2, 6, 3, 4, 5), norm, kind="BatchNorm3d"),
        Case("InstanceNormalization", 6, X, (scale, shift), {"epsilon": 1e-2}, "InstanceNorm2d"),
        Case("InstanceNormalization", 6, (2, 6, 9), (scale, shift), kind="InstanceNorm1d"),
        Case("LayerNormalization", 17, FLAT, (numbers(5), numbers(5)), kind="LayerNorm"),
        Case("LayerNormalization", 17, FLAT, (numbers(4, 5),), {"axis": 2}, "LayerNorm"),
        Case("LayerNormalization", 17, FLAT, (numbers(5), numbers(1)), kind="LayerNorm"),
        Case("GroupNormalization", 21, X, (scale, shift), {"num_groups": 3}),
        Case("GroupNormalization", 18, X, (scale[:3], shift[:3]), {"num_groups": 3}),
        Case("LRN", 7, X, (), {"size": 3, "alpha": 0.7, "beta": 0.6, "bias": 2.0}),
        Case("LRN", 13, X, (), {"size": 5}, "LocalResponseNorm"),
        Case("LpNormalization", 1, FLAT, (), {"axis": 1, "p": 2}),
        Case("LpNormalization", 1, FLAT, (), {"p": 1}),
    ]


def layout() -> list[Case]:
    case = Case
    big = 2**62
    return [
        case("Shape", 13, FLAT),
        case("Shape", 15, FLAT, (), {"start": 1, "end": -1}),
        case("Size", 13, FLAT),
        case("Reshape", 7, FLAT, (whole(0, -1, 2),)),
        case("Reshape", 14, FLAT, (whole(3, 40),), {"allowzero": 1}),
        case("Flatten", 7, FLAT, kind="Flatten"),
        case("Flatten", 13, FLAT, (), {"axis": 0}),
        case("Flatten", 13, FLAT, (), {"axis": -1}),
        case("Transpose", 7, FLAT),
        case("Transpose", 13, FLAT, (), {"perm": [0, 2, 3, 1]}),
        case("Squeeze", 7, (1, 3, 1, 5), (), {"axes": [2]}),
        case("Squeeze", 13, (1, 3, 1, 5), (whole(-2, 0),)),
        case("Squeeze", 13, (1, 3, 1, 5)),
        case("Unsqueeze", 7, FLAT, (), {"axes": [0, 5]}),
        case("Unsqueeze", 13, FLAT, (whole(-1, 1),)),
        case("Concat", 7, FLAT, (numbers(2, 2, 4, 5),), {"axis": 1}),
        case("Concat", 13, FLAT, (numbers(2, 3, 4, 1),), {"axis": -1}, picture_at=1),
        case("Split", 7, FLAT, (), {"axis": 3, "split": [2, 3]}, outputs=2),
        case("Split", 11, FLAT, (), {"axis": 2}, outputs=2),
        case("Split", 13, FLAT, (whole(1, 2),), {"axis": 1}, outputs=2),
        case("Split", 18, FLAT, (), {"axis": 3, "num_outputs": 3}, outputs=3),
        case("Slice", 7, FLAT, (), {"starts": [1, -3], "ends": [big, -1], "axes": [1, 3]}),
        case("Slice", 10, FLAT, (whole(0, 1), whole(2, 3))),
        case("Slice", 13, FLAT, (whole(-1), whole(-big), whole(3), whole(-2))),
        case("Slice", 13, FLAT, (whole(3, 0), whole(0, big), whole(2, -1), whole(-1, 2))),
        case("Slice", 13, FLAT, (whole(-5), whole(-7), whole(3), whole(-1))),
        case("Gather", 7, FLAT, (np.array(-1),), {"axis": 1}),
        case("Gather", 13, FLAT, (np.array([[0, -1], [1, 2]]),), {"axis": 2}),
        case("GatherElements", 13, FLAT, (np.zeros(FLAT, np.int64) - 1,), {"axis": 2}),
        case("ScatterND", 16, FLAT, (np.array([[0, 2], [1, -1]]), numbers(2, 4, 5))),
        case("NonZero", 13, FLAT),
        case("Expand", 13, (3, 1), (whole(2, 1, 6),)),
        case("Expand", 8, FLAT, (whole(1, 1),)),
        case("Tile", 13, FLAT, (whole(1, 2, 1, 3),)),
        case("Pad", 7, FLAT, (), {"pads": [0, 1, 2, 0, 0, 0, 1, 3], "value": 0.5}),
        case("Pad", 13, FLAT, (whole(0, 0, -1, 2, 0, 0, 1, 3), scalar(0.5))),
        case("Pad", 18, FLAT, (whole(1, 2), None, whole(-1)), {"mode": "reflect"}),
        case("Pad", 13, FLAT, (whole(0, 2, 3, 4, 0, 1, 2, 0),), {"mode": "reflect"}),
        case("Pad", 7, FLAT, (), {"pads": [0, 2, 3, 4, 0, 1, 2, 6], "mode": "edge"}),
        case("Pad", 19, FLAT, (whole(0, 2, 3, 4, 0, 1, 2, 0),), {"mode": "wrap"}),
        case("DepthToSpace", 7, (2, 8, 3, 5), (), {"blocksize": 2}, "DepthToSpace"),
        case("DepthToSpace", 13, (2, 8, 3, 5), (), {"blocksize": 2, "mode": "CRD"}, "PixelShuffle"),
        case("SpaceToDepth", 7, (2, 3, 4, 6), (), {"blocksize": 2}),
    ]


def reductions() -> list[Case]:
    ops = ["Mean", "Sum", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSumExp"]
    cases = [Case(f"Reduce{op}", 11, FLAT, (), {"axes": [1, -1]}) for op in ops]
    cases += [Case(f"Reduce{op}", 11, FLAT, (), {"keepdims": 0}) for op in ops]
    cases += [Case(f"Reduce{op}", 18, FLAT, (whole(2, 3),), {"keepdims": 0}) for op in ops]
    return [
        *cases,
        Case("ReduceSum", 13, FLAT, (whole(-1),)),
        Case("ReduceSum", 13, FLAT, (), {"noop_with_empty_axes": 1}),
        Case("ArgMax", 13, FLAT, (), {"axis": 2}),
        Case("ArgMin", 11, FLAT, (), {"axis": -1, "keepdims": 0}),
        Case("ArgMax", 13, FLAT, (), {"axis": 1, "select_last_index": 1}),
        Case("TopK", 11, FLAT, (whole(3),), {"axis": 2}, outputs=2),
        Case("TopK", 11, FLAT, (whole(2),), {"largest": 0}, outputs=2),
        Case("TopK", 7, FLAT, (), {"k": 2}, outputs=2),
    ]


def resizes() -> list[Case]:
    up = np.array([1, 1, 2, 1.5], np.float32)
    down = np.array([1, 1, 0.6, 0.75], np.float32)
    roi = np.array([], np.float32)
    cases = [
        Case("Upsample", 7, X, (), {"scales": [1.0, 1.0, 2.0, 3.0]}),
        Case("Upsample", 7, X, (), {"scales": [1.0, 1.0, 2.0, 2.0], "mode": "linear"}),
        Case("Upsample", 9, X, (up,), {"mode": "nearest"}),
        Case("Resize", 10, X, (up,), {"mode": "nearest"}),
        Case("Resize", 10, X, (down,), {"mode": "linear"}),
        Case("Resize", 18, X, (None, None, whole(14, 7)), {"mode": "linear", "axes": [2, 3]}),
        Case("Resize", 11, X, (roi, roi, whole(2, 6, 12, 20)), {"mode": "cubic"}),
        Case("Resize", 13, X, (None, down), {"mode": "cubic", "exclude_outside": 1}),
        Case("Resize", 13, X, (None, up), {"mode": "cubic", "cubic_coeff_a": -0.5}),
        Case(
            "Resize", 19, X, (None, up), {"coordinate_transformation_mode": "half_pixel_symmetric"}
        ),
    ]
    for coordinates in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
        for mode in ("nearest", "linear", "cubic"):
            rule = {"mode": mode, "coordinate_transformation_mode": coordinates}
            cases += [Case("Resize", 13, X, (None, scales), rule) for scales in (up, down)]
    for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        rule = {"nearest_mode": rounding, "coordinate_transformation_mode": "asymmetric"}
        cases += [Case("Resize", 13, X, (None, scales), rule) for scales in (up, down)]
    return cases


def newer() -> list[Case]:
    """Operators of later opsets, of sequences, and of other coordinates."""
    sequence, hidden = (5, 2, 4), 3
    recurrent = [
        Case(
            op,
            opset,
            sequence,
            (
                numbers(count, gates * hidden, 4),
                numbers(count, gates * hidden, hidden, low=-0.9),
                numbers(count, 2 * gates * hidden, low=-0.8),
                None,
                numbers(count, 2, hidden),
                *((numbers(count, 2, hidden, low=-0.7),) if op == "LSTM" else ()),
            ),
            {"hidden_size": hidden, "direction": direction, **settings},
            outputs=3 if op == "LSTM" else 2,
        )
        for direction, count in (("forward", 1), ("reverse", 1), ("bidirectional", 2))
        for op, opset, gates, settings in (
            ("RNN", 14, 1, {}),
            ("GRU", 14, 3, {}),
            ("GRU", 7, 3, {"linear_before_reset": 1}),
            ("LSTM", 14, 4, {}),
            ("LSTM", 7, 4, {"input_forget": 1, "clip": 0.5}),
            ("RNN", 7, 1, {"activations": ["Relu"] * count}),
        )
    ]
    grid = numbers(2, 5, 7, 2, low=-1.4, high=1.4)
    samples = [
        Case("GridSample", 16, X, (grid,), {"mode": mode, "padding_mode": out, "align_corners": at})
        for mode in ("bilinear", "nearest", "bicubic")
        for out in ("zeros", "border", "reflection")
        for at in (0, 1)
    ]
    up = numbers(6, 4, 3, 2)
    transposed = [
        Case("ConvTranspose", 11, X, (up, numbers(4)), {"strides": [3, 2], **settings})
        for settings in (
            {"output_shape": [27, 23]},
            {"output_shape": [26, 21], "auto_pad": "SAME_UPPER"},
            {"output_shape": [26, 21], "auto_pad": "SAME_LOWER"},
            {"output_shape": [28, 22], "output_padding": [1, 1], "auto_pad": "SAME_UPPER"},
            {"auto_pad": "VALID", "dilations": [2, 1]},
            {"auto_pad": "SAME_UPPER", "output_padding": [1, 0]},
        )
    ]
    shape = {"kernel_shape": [3, 2]}
    return [
        *recurrent,
        *samples,
        *transposed,
        Case("MaxPool", 12, X, (), {**shape, "strides": [2, 2], "pads": [1, 0, 1, 1]}, outputs=2),
        Case("MaxPool", 12, X, (), {**shape, "storage_order": 1, "dilations": [2, 1]}, outputs=2),
        Case("AveragePool", 19, X, (), {**shape, "dilations": [2, 3], "pads": [1, 1, 2, 0]}),
        Case("AveragePool", 19, X, (), {**shape, "dilations": [2, 1], "count_include_pad": 1}),
        Case("LpPool", 18, X, (), {**shape, "dilations": [2, 3], "p": 3}),
        Case("GlobalLpPool", 2, X, (), {"p": 3}),
        Case("MeanVarianceNormalization", 13, X, (), {"axes": [0, 2, 3]}),
        Case("MeanVarianceNormalization", 9, X),
        Case("LayerNormalization", 17, FLAT, (numbers(5), numbers(5)), outputs=3),
        Case("Hardmax", 11, FLAT, (), {"axis": 2}),
        Case("Hardmax", 13, FLAT, (), {"axis": 1}),
        Case("Shrink", 9, FLAT, (), {"lambd": 0.4, "bias": 0.1}),
        Case("IsNaN", 13, FLAT),
        Case("IsInf", 10, FLAT),
        Case("Det", 11, (2, 3, 4, 4)),
        Case("ReduceLogSum", 13, FLAT, (), {"axes": [1]}, positive=True),
        Case("Tan", 7, FLAT),
        Case("Sinh", 9, FLAT),
        Case("Cosh", 9, FLAT),
        Case("Asinh", 9, FLAT),
        Case("Atan", 7, FLAT),
        Case("GatherND", 13, FLAT, (np.array([[0, 2], [1, -1]]),)),
        Case("GatherND", 12, FLAT, (np.array([[[0, -1]], [[2, 3]]]),), {"batch_dims": 1}),
        Case(
            "ScatterND", 18, FLAT, (np.array([[0], [0]]), numbers(2, 3, 4, 5)), {"reduction": "add"}
        ),
        Case(
            "ScatterElements",
            18,
            FLAT,
            (np.zeros((2, 3, 4, 2), np.int64) - 1, numbers(2, 3, 4, 2)),
            {"axis": 3, "reduction": "max"},
        ),
        Case("Scatter", 9, FLAT, (np.ones((1, 3, 4, 5), np.int64), numbers(1, 3, 4, 5))),
        Case("Compress", 11, FLAT, (np.array([True, False, True]),), {"axis": 1}),
        Case("ReverseSequence", 10, (5, 3, 2), (whole(2, 5, 1),)),
        Case("Col2Im", 18, (2, 12, 20), (whole(5, 6), whole(2, 2)), {"pads": [0, 0, 0, 0]}),
        Case("CenterCropPad", 18, FLAT, (whole(7, 2),), {"axes": [2, 3]}),
        Case("EyeLike", 9, (4, 5), (), {"k": 1}),
        *resizes_of_today(),
    ]


def resizes_of_today() -> list[Case]:
    down = np.array([1, 1, 0.4, 0.55], np.float32)
    up = np.array([1, 1, 1.7, 0.5], np.float32)
    smooth = [
        Case("Resize", 18, X, (None, scales), {"mode": mode, "antialias": 1, "exclude_outside": 1})
        for mode in ("linear", "cubic")
        for scales in (down, up)
    ]
    policies = [
        Case(
            "Resize",
            18,
            X,
            (None, None, whole(14, 7)),
            {"mode": "linear", "axes": [2, 3], "keep_aspect_ratio_policy": policy},
        )
        for policy in ("not_larger", "not_smaller")
    ]
    region = np.array([0, 0, 0.1, 0.3, 1, 1, 0.9, 1.2], np.float32)
    rule = {"coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 7.0}
    crop = Case("Resize", 13, X, (region, None, whole(2, 6, 5, 8)), {"mode": "linear", **rule})
    return [*smooth, *policies, crop]


def microsofts() -> list[Case]:
    ms = "com.microsoft."
    scale, shift = numbers(5, low=0.5), numbers(5)
    return [
        Case(ms + "Gelu", 17, FLAT, kind="GELU"),
        Case(ms + "BiasGelu", 17, FLAT, (numbers(5),)),
        Case(ms + "FastGelu", 17, FLAT, (numbers(5),)),
        Case(ms + "FastGelu", 17, FLAT),
        Case(ms + "QuickGelu", 17, FLAT, (), {"alpha": 1.2}),
        Case(ms + "FusedMatMul", 17, FLAT, (numbers(2, 3, 7, 5),), {"transB": 1, "alpha": 0.5}),
        Case(ms + "FusedMatMul", 17, FLAT, (numbers(2, 3, 4, 6),), {"transA": 1}),
        Case(
            ms + "FusedConv", 17, X, (W, numbers(4)), {"activation": "Relu", "pads": [1, 0, 1, 1]}
        ),
        Case(
            ms + "FusedConv",
            17,
            X,
            (W,),
            {"activation": "HardSigmoid", "activation_params": [0.3, 0.4]},
        ),
        Case(
            ms + "FusedConv",
            17,
            X,
            (W,),
            {"activation": "Clip", "activation_params": [-0.1, 0.4]},
        ),
        Case(ms + "FusedGemm", 17, (3, 5), (numbers(5, 4), numbers(4)), {"activation": "Tanh"}),
        Case(
            ms + "FusedGemm",
            17,
            (3, 5),
            (numbers(5, 4),),
            {"activation": "LeakyRelu", "activation_alpha": 0.2},
        ),
        Case(
            ms + "SkipLayerNormalization",
            17,
            (2, 4, 5),
            (numbers(2, 4, 5), scale, shift),
            {"epsilon": 1e-3},
        ),
        Case("SimplifiedLayerNormalization", 17, FLAT, (scale,), {"epsilon": 1e-3}),
        Case(
            ms + "SkipSimplifiedLayerNormalization",
            17,
            (2, 4, 5),
            (numbers(2, 4, 5), scale),
            {"epsilon": 1e-3},
        ),
    ]


ALL = [
    *newer(),
    *microsofts(),
    *unary(),
    *arithmetic(),
    *windows(),
    *normalizations(),
    *layout(),
    *reductions(),
    *resizes(),
]


@pytest.mark.parametrize("case", ALL, ids=str)
def test_operator_says_what_onnxruntime_says(case: Case) -> None:
    x = numbers(*case.shape, low=0.1 if case.positive else -2.0, high=2.0)
    module = check(model_of(case), x)
    assert case.kind is None or type(module.it).__name__ == case.kind


@pytest.mark.parametrize("op", ["And", "Or", "Xor"])
def test_logic_of_two_comparisons_says_what_onnxruntime_says(op: str) -> None:
    zero = numpy_helper.from_array(scalar(0.3), "limit")
    nodes = [
        helper.make_node("Greater", ["x", "limit"], ["a"]),
        helper.make_node("Less", ["x", "limit"], ["b0"]),
        helper.make_node("Not", ["b0"], ["b"]),
        helper.make_node(op, ["a", "b"], ["y"]),
    ]
    check(model_with(nodes, FLAT, ["y"], [zero]), numbers(*FLAT))


def test_arithmetic_of_sizes_says_what_onnxruntime_says() -> None:
    """Whole numbers divide towards zero, and the modulus has the divisor's sign."""
    weights = {
        "two": whole(2),
        "minus": whole(-4),
        "zero": np.array(0),
        "one": np.array(1),
        "last": np.array(3),
        "axes": whole(0),
    }
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Neg", ["shape"], ["negative"]),
        helper.make_node("Div", ["negative", "two"], ["half"]),
        helper.make_node("Mod", ["shape", "minus"], ["rest"]),
        helper.make_node("Equal", ["half", "minus"], ["same"]),
        helper.make_node("Where", ["same", "rest", "half"], ["chosen"]),
        helper.make_node("Gather", ["shape", "last"], ["width"]),
        helper.make_node("Range", ["zero", "width", "one"], ["columns"]),
        helper.make_node("Unsqueeze", ["width", "axes"], ["width1"]),
        helper.make_node("ConstantOfShape", ["width1"], ["ones"], value=_tensor(whole(3))),
        helper.make_node("Mul", ["columns", "ones"], ["tripled"]),
        helper.make_node("Cast", ["tripled"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["x", "floats"], ["y"]),
    ]
    held = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    model = model_with(nodes, (2, 3, 4, 7), ["y", "half", "rest", "chosen"], held)
    check(model, numbers(2, 3, 4, 7))


def _tensor(values: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(values)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_quantized_values_are_those_of_onnxruntime(dtype: type) -> None:
    weights = [
        numpy_helper.from_array(numbers(3, low=0.01, high=0.02), "scale"),
        numpy_helper.from_array(np.array([0, 3, 100], dtype), "zero"),
    ]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"], axis=1),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"], axis=1),
    ]
    check(model_with(nodes, FLAT, ["y"], weights), numbers(*FLAT, low=-3, high=3))


def test_quantizing_passes_the_gradient_on() -> None:
    weights = [numpy_helper.from_array(scalar(0.1), "scale")]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale"], ["y"]),
    ]
    module = from_graph(model_with(nodes, FLAT, ["y"], weights)).module
    x = torch.rand(FLAT, requires_grad=True)
    module(x).sum().backward()
    torch.testing.assert_close(x.grad, torch.ones(FLAT))


def test_every_operator_is_tested() -> None:
    """Here against onnxruntime, or in the standard's own tests, or by a known answer."""
    from unit.test_onnx_standard import standard_cases

    elsewhere = {case.model.graph.node[0].op_type for case in standard_cases()}
    elsewhere |= {"Affine", "Crop", "Erfc", "IdentityN", "ImageScaler"}
    elsewhere |= {"ParametricSoftplus", "Scale", "ScaledTanh"}
    assert set(OPERATORS) <= {case.op for case in ALL} | elsewhere


def test_an_even_response_norm_looks_one_channel_further_up_than_down() -> None:
    """Size 2 is this channel and the next; alpha 2 makes 1 + squares of a picture 1, 2, 3."""
    settings = {"size": 2, "alpha": 2.0, "beta": 1.0, "bias": 1.0}
    module = from_graph(model_of(Case("LRN", 13, (1, 3, 1, 2), (), settings))).module
    x = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1).expand(1, 3, 1, 2)
    expected = torch.tensor([1 / 6, 2 / 14, 3 / 10])
    torch.testing.assert_close(module(x)[0, :, 0, 1], expected)


def test_an_average_counts_only_pads_where_it_counts_them() -> None:
    """One corner of a 2x2 picture of ones, window 2x2, one pixel of padding before it."""
    for counted, corner in ((1, 0.25), (0, 1.0)):
        settings = {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0], "count_include_pad": counted}
        module = from_graph(model_of(Case("AveragePool", 11, (1, 1, 2, 2), (), settings))).module
        assert module(torch.ones(1, 1, 2, 2))[0, 0, 0, 0] == corner


@pytest.mark.parametrize(
    "case",
    [
        Case("Clip", 13, (1, 2, 1, 3), (scalar(0.25), scalar(9))),
        Case("Clip", 6, (1, 2, 1, 3), settings={"min": 0.25}),
        Case("Max", 13, (1, 2, 1, 3), (scalar(0.25),)),
        Case("ThresholdedRelu", 10, (1, 2, 1, 3), settings={"alpha": 0.25}),
    ],
    ids=str,
)
def test_what_is_flat_below_a_bound_is_redirected_as_a_relu(case: Case) -> None:
    module = from_graph(model_of(case)).module
    x = torch.full((1, 2, 1, 3), -1.0, requires_grad=True)
    gradient = torch.tensor([1.0, -2.0, 3.0]).expand(1, 2, 1, 3)
    with applied([redirected_relu()], {}):
        y = module(x)
    (found,) = torch.autograd.grad(y, x, gradient)
    assert found.tolist() == gradient.clamp(min=0).tolist()

"""A small undamaged file of every format that networks and weights come in."""

from __future__ import annotations

import io
import json
import struct
import warnings
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

Parts = Mapping[str, bytes]
"""The files that make one network, by the ends of their names."""


def wholes() -> dict[str, Parts]:
    """By format."""
    torch.manual_seed(5)
    net = _Network().eval()
    return {
        "export": {".pt2": _exported(net)},
        "pth": {".pth": _saved(net, True)},
        "legacy": {".pth": _saved(net, False)},
        "safetensors": {".safetensors": _safetensors(net)},
        "onnx": {".onnx": _onnx(net)},
        "caffe": {".prototxt": _PROTOTXT.encode(), ".caffemodel": _caffemodel()},
        "mxnet": {"-symbol.json": json.dumps(_SYMBOL).encode(), ".params": _params()},
        "tensorflow": {".pb": _frozen()},
    }


class _Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(True))
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 5)

    def forward(self, image: Tensor) -> Tensor:
        maps = nn.functional.max_pool2d(self.stem(image), 2)
        first, second = nn.functional.interpolate(maps, scale_factor=2.0).chunk(2, 1)
        tokens = self.norm(torch.cat([second, first * 2], 1).flatten(2).transpose(1, 2))
        scores: Tensor = self.head(tokens.mean(1))
        return scores


def _exported(net: nn.Module) -> bytes:
    auto = torch.export.Dim.AUTO
    data = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(
            net, (torch.rand((2, 3, 18, 22)),), dynamic_shapes=({0: auto, 2: auto, 3: auto},)
        )
        torch.export.save(program, data)
    return data.getvalue()


def _saved(net: nn.Module, as_archive: bool) -> bytes:
    data = io.BytesIO()
    torch.save(net.state_dict(), data, _use_new_zipfile_serialization=as_archive)
    return data.getvalue()


def _safetensors(net: nn.Module) -> bytes:
    import safetensors.torch

    return bytes(safetensors.torch.save(net.state_dict()))


def _onnx(net: nn.Module) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    weights = [
        numpy_helper.from_array(np.linspace(-1, 1, 108, dtype="f4").reshape(4, 3, 3, 3), "w"),
        numpy_helper.from_array(np.linspace(-1, 1, 20, dtype="f4").reshape(4, 5), "dense"),
        numpy_helper.from_array(np.array([0, -1]), "flat"),
        numpy_helper.from_array(np.array([1, 1, 2, 2], "f4"), "scales"),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["conv"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv"], ["relu"], name="relu"),
        helper.make_node("Resize", ["relu", "", "scales"], ["up"], name="up", mode="linear"),
        helper.make_node("GlobalAveragePool", ["up"], ["pool"], name="pool"),
        helper.make_node("Reshape", ["pool", "flat"], ["row"], name="row"),
        helper.make_node("Gemm", ["row", "dense"], ["y"], name="fc", alpha=0.5),
    ]
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 12, 16])
    scores = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])
    graph = helper.make_graph(nodes, "net", [image], [scores], weights)
    opset = helper.make_opsetid("", 17)
    model: bytes = helper.make_model(graph, opset_imports=[opset]).SerializeToString()
    return model


# Protobuf's wire format.


def _varint(number: int) -> bytes:
    low = number & 0x7F
    return bytes([low]) if number < 0x80 else bytes([low | 0x80]) + _varint(number >> 7)


def _part(field: int, *values: int | str | bytes) -> bytes:
    if values and isinstance(values[0], int):
        return _varint(field << 3) + _varint(values[0])
    body = b"".join(each.encode() if isinstance(each, str) else bytes(each) for each in values)
    return _varint(field << 3 | 2) + _varint(len(body)) + body


def _floats(count: int) -> bytes:
    return np.linspace(-1, 1, count, dtype="<f4").tobytes()


_PROTOTXT = """
name: "net"
input: "data" input_shape { dim: 1 dim: 3 dim: 12 dim: 16 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "norm" type: "LRN" bottom: "conv" top: "norm"
  lrn_param { local_size: 3 alpha: 0.1 beta: 0.75 } }
layer { name: "pool" type: "Pooling" bottom: "norm" top: "pool"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
  inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


def _caffemodel() -> bytes:
    def blob(*shape: int) -> bytes:
        dims = _part(7, _part(1, b"".join(map(_varint, shape))))
        return _part(7, dims, _part(5, _floats(int(np.prod(shape)))))

    conv = _part(100, _part(1, "conv"), blob(4, 3, 3, 3), blob(4))
    return conv + _part(100, _part(1, "fc"), blob(5, 4 * 3 * 4), blob(5))


def _symbol_node(op: str, name: str, *inputs: int, **attrs: str) -> dict[str, object]:
    return {"op": op, "name": name, "attrs": attrs, "inputs": [[each, 0, 0] for each in inputs]}


_SYMBOL = {
    "nodes": [
        _symbol_node("null", "data"),
        _symbol_node("null", "conv_weight"),
        _symbol_node("null", "conv_bias"),
        _symbol_node("Convolution", "conv", 0, 1, 2, kernel="(3, 3)", num_filter="4", pad="(1, 1)"),
        _symbol_node("Activation", "relu", 3, act_type="relu"),
        _symbol_node("Pooling", "pool", 4, kernel="(2, 2)", stride="(2, 2)", pool_type="max"),
        _symbol_node("Pooling", "mean", 5, kernel="(1, 1)", global_pool="True", pool_type="avg"),
        _symbol_node("Flatten", "flat", 6),
        _symbol_node("null", "fc_weight"),
        _symbol_node("null", "fc_bias"),
        _symbol_node("FullyConnected", "fc", 7, 8, 9, num_hidden="5"),
        _symbol_node("SoftmaxOutput", "softmax", 10),
    ],
    "arg_nodes": [0, 1, 2, 8, 9],
    "heads": [[11, 0, 0]],
}


def _params() -> bytes:
    shapes = {"conv_weight": (4, 3, 3, 3), "conv_bias": (4,), "fc_weight": (5, 4), "fc_bias": (5,)}
    arrays = [
        struct.pack(f"<Iii{len(shape)}q", 0xF993FAC9, 0, len(shape), *shape)
        + struct.pack("<iii", 1, 0, 0)
        + _floats(int(np.prod(shape)))
        for shape in shapes.values()
    ]
    names = [struct.pack("<Q", len(name) + 4) + f"arg:{name}".encode() for name in shapes]
    count = struct.pack("<Q", len(shapes))
    return b"".join([struct.pack("<QQ", 0x112, 0), count, *arrays, count, *names])


def _frozen() -> bytes:
    def shape(*sizes: int) -> bytes:
        return b"".join(_part(2, _part(1, size)) for size in sizes)

    def node(name: str, op: str, *inputs: str, **attrs: bytes) -> bytes:
        settings = (_part(5, _part(1, key), _part(2, value)) for key, value in attrs.items())
        return _part(
            1, _part(1, name), _part(2, op), *(_part(3, each) for each in inputs), *settings
        )

    def const(name: str, *sizes: int) -> bytes:
        tensor = _part(1, 1) + _part(2, shape(*sizes)) + _part(4, _floats(int(np.prod(sizes))))
        return node(name, "Const", value=_part(8, tensor))

    strides = _part(1, _part(3, b"".join(map(_varint, (1, 2, 2, 1)))))
    window = {"strides": strides, "padding": _part(2, "SAME")}
    return b"".join(
        [
            node("in", "Placeholder", dtype=_part(6, 1), shape=_part(7, shape(1, 12, 16, 3))),
            const("w", 3, 3, 3, 4),
            node("conv", "Conv2D", "in", "w", **window),
            const("b", 4),
            node("bias", "BiasAdd", "conv", "b"),
            node("relu", "Relu6", "bias"),
            node("pool", "MaxPool", "relu", ksize=strides, **window),
            node("y", "Softmax", "pool"),
        ]
    )

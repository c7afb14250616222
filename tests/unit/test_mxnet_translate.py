"""Whole MXNet networks in ONNX: names, inputs, outputs, metadata, and files that don't fit."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from entoptic.errors import BadModelFile, EntopticError, MissingExtra
from entoptic.formats import onnx_graph
from entoptic.formats.mxnet import read_mxnet, translate
from entoptic.networks import load

pytest.importorskip("onnx", reason="needs the package onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")

Numbers = np.ndarray[Any, Any]


def _variable(name: str, **attributes: str) -> dict[str, Any]:
    return {"op": "null", "name": name, "inputs": [], "attrs": attributes}


def _node(kind: str, name: str, inputs: list[int], **attributes: str) -> dict[str, Any]:
    return {"op": kind, "name": name, "inputs": [[i, 0, 0] for i in inputs], "attrs": attributes}


# A small network to train: 3 x 3 convolution, pooling by 2, full connection, loss.
_NODES = [
    _variable("data"),
    _variable("conv1_weight"),
    _variable("conv1_bias"),
    _node("Convolution", "conv1", [0, 1, 2], kernel="(3, 3)", num_filter="2"),
    _node("Pooling", "pool1", [3], kernel="(2, 2)", stride="(2, 2)", pool_type="max"),
    _variable("fc1_weight"),
    _variable("fc1_bias"),
    _node("FullyConnected", "fc1", [4, 5, 6], num_hidden="5"),
    _variable("softmax_label"),
    _node("SoftmaxOutput", "softmax", [7, 8]),
]
_SHAPES = {
    "conv1_weight": (2, 3, 3, 3),
    "conv1_bias": (2,),
    "fc1_weight": (5, 2 * 7 * 7),
    "fc1_bias": (5,),
}


def _arrays(shapes: Mapping[str, tuple[int, ...]] = _SHAPES) -> dict[str, Numbers]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def _write(
    folder: Path,
    nodes: list[dict[str, Any]] = _NODES,
    arrays: Mapping[str, Numbers] | None = None,
    heads: list[list[int]] | None = None,
) -> tuple[Path, Path]:
    arrays = _arrays() if arrays is None else arrays
    symbol, params = folder / "net-symbol.json", folder / "net-0000.params"
    heads = [[len(nodes) - 1, 0, 0]] if heads is None else heads
    symbol.write_text(json.dumps({"nodes": nodes, "arg_nodes": [0], "heads": heads}))
    parts = [struct.pack("<QQQ", 0x112, 0, len(arrays))]
    for array in arrays.values():
        parts.append(struct.pack(f"<I{array.ndim}I", array.ndim, *array.shape))
        parts.append(struct.pack("<iii", 1, 0, 0) + array.astype("<f4").tobytes())
    parts.append(struct.pack("<Q", len(arrays)))
    parts += [struct.pack("<Q", len(name)) + name.encode() for name in arrays]
    params.write_bytes(b"".join(parts))
    return symbol, params


def _run(model: Any, data: Numbers) -> list[Numbers]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    outputs: list[Numbers] = session.run(None, {session.get_inputs()[0].name: data})
    return outputs


def _axes(value: Any) -> list[int | str]:
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def _notes(model: Any) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


def test_onnx_nodes_have_the_names_of_the_mxnet_nodes(tmp_path: Path) -> None:
    model = read_mxnet(*_write(tmp_path))
    assert [(node.name, node.op_type) for node in model.graph.node] == [
        ("conv1", "Conv"),
        ("pool1", "MaxPool"),
        ("fc1/flatten", "Flatten"),
        ("fc1", "Gemm"),
        ("softmax", "Softmax"),
    ]
    assert [entry.version for entry in model.opset_import] == [17]


def test_only_the_picture_goes_in_and_the_labels_stay_behind(tmp_path: Path) -> None:
    model = read_mxnet(*_write(tmp_path))
    assert [value.name for value in model.graph.input] == ["data"]
    assert _axes(model.graph.input[0]) == ["batch", 3, "height", "width"]
    assert sorted(tensor.name for tensor in model.graph.initializer) == sorted(_SHAPES)
    assert [value.name for value in model.graph.output] == ["softmax"]
    assert _axes(model.graph.output[0])[1:] == [5]


def test_the_model_is_valid_onnx(tmp_path: Path) -> None:
    import onnx

    onnx.checker.check_model(read_mxnet(*_write(tmp_path)), full_check=True)


def test_the_metadata_say_where_it_comes_from_and_the_size_that_it_asks_for(
    tmp_path: Path,
) -> None:
    assert _notes(read_mxnet(*_write(tmp_path))) == {
        "entoptic.source": "mxnet",
        "entoptic.preprocess": "guess",
        "entoptic.input_size": "16,16",  # (16 - 2) / 2 = 7; 17 would fit as well
    }


def test_of_several_sizes_that_fit_the_usual_one_is_meant(tmp_path: Path) -> None:
    shapes = _SHAPES | {"fc1_weight": (5, 2 * 111 * 111)}
    model = read_mxnet(*_write(tmp_path, arrays=_arrays(shapes)))
    assert _notes(model)["entoptic.input_size"] == "224,224"


def test_a_picture_smaller_than_a_window_does_not_fit(tmp_path: Path) -> None:
    nodes = [
        _variable("data"),
        _node("Pooling", "pool", [0], kernel="(300, 300)", stride="(300, 300)"),
        _variable("conv_weight"),
        _node("Convolution", "conv", [1, 2], kernel="(1, 1)", num_filter="3", no_bias="True"),
        _variable("fc_weight"),
        _node("FullyConnected", "fc", [3, 4], num_hidden="2", no_bias="True"),
    ]
    arrays = _arrays({"conv_weight": (3, 3, 1, 1), "fc_weight": (2, 3)})
    model = read_mxnet(*_write(tmp_path, nodes, arrays))
    assert _notes(model)["entoptic.input_size"] == "331,331"  # 300..599 fit


@pytest.mark.parametrize("features", [2 * 7 * 8, 98 * 98 * 98])
def test_where_no_square_size_fits_none_is_noted(tmp_path: Path, features: int) -> None:
    shapes = _SHAPES | {"fc1_weight": (5, features)}
    model = read_mxnet(*_write(tmp_path, arrays=_arrays(shapes)))
    assert "entoptic.input_size" not in _notes(model)


def test_a_network_for_every_size_notes_none(tmp_path: Path) -> None:
    model = read_mxnet(*_write(tmp_path, nodes=_NODES[:5]))
    assert "entoptic.input_size" not in _notes(model)
    wide = np.zeros((2, 3, 12, 30), np.float32)
    assert _run(model, wide)[0].shape == (2, 2, 5, 14)


@pytest.mark.parametrize(
    ("declared", "size"),
    [("(1, 3, 40, 60)", "40,60"), ("(0, 3, 0, 0)", "16,16"), ("(1, x)", "16,16")],
)
def test_a_declared_size_is_believed(tmp_path: Path, declared: str, size: str) -> None:
    nodes = [_variable("data", __shape__=declared), *_NODES[1:]]
    model = read_mxnet(*_write(tmp_path, nodes=nodes))
    assert _notes(model)["entoptic.input_size"] == size


def test_several_heads_are_several_outputs(tmp_path: Path) -> None:
    files = _write(tmp_path, heads=[[9, 0, 0], [3, 0, 0]])
    model = read_mxnet(*files)
    assert [value.name for value in model.graph.output] == ["softmax", "conv1"]
    probabilities, features = _run(model, np.ones((2, 3, 16, 16), np.float32))
    assert features.shape == (2, 2, 14, 14)
    np.testing.assert_allclose(probabilities.sum(1), [1, 1], rtol=1e-6)


def test_what_no_output_needs_is_left_out(tmp_path: Path) -> None:
    nodes = [*_NODES, _variable("rois"), _node("ROIPooling", "roi_pool5", [4, 10])]
    model = read_mxnet(*_write(tmp_path, nodes=nodes, heads=[[4, 0, 0]]))
    assert [node.name for node in model.graph.node] == ["conv1", "pool1"]


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    nodes = [
        _variable("data"),
        _node("relu", "x", [0]),
        _node("relu", "x", [1]),
        _node("FullyConnected", "f", [2, 4], num_hidden="1", no_bias="True"),
        _variable("w"),
        _node("relu", "f/flatten", [3]),
    ]
    nodes[3], nodes[4] = nodes[4], nodes[3] | {"inputs": [[2, 0, 0], [3, 0, 0]]}
    nodes[5]["inputs"] = [[4, 0, 0]]
    files = _write(tmp_path, nodes=nodes, arrays=_arrays({"w": (1, 4)}))
    names = [node.name for node in read_mxnet(*files).graph.node]
    assert names == ["x", "x/2", "f/flatten/2", "f", "f/flatten"]


def test_the_channels_are_found_behind_a_batch_norm_and_arithmetic(tmp_path: Path) -> None:
    nodes = [
        _variable("data"),
        _node("_minus_scalar", "centred", [0], scalar="127.5"),
        *[_variable(f"bn_{name}") for name in ("gamma", "beta", "moving_mean", "moving_var")],
        _node("BatchNorm", "bn", [1, 2, 3, 4, 5]),
        _variable("conv_weight"),
        _node(
            "Convolution",
            "conv",
            [6, 7],
            kernel="(1, 1)",
            num_filter="2",
            num_group="2",
            no_bias="True",
        ),
    ]
    shapes = {f"bn_{name}": (6,) for name in ("gamma", "beta", "moving_mean", "moving_var")}
    files = _write(tmp_path, nodes, _arrays(shapes | {"conv_weight": (2, 3, 1, 1)}))
    assert _axes(read_mxnet(*files).graph.input[0]) == ["batch", 6, "height", "width"]


def test_a_one_dimensional_network_has_one_spatial_axis(tmp_path: Path) -> None:
    nodes = [_variable("data"), _node("Pooling", "pool", [0], kernel="(2,)")]
    model = read_mxnet(*_write(tmp_path, nodes, {}))
    assert _axes(model.graph.input[0]) == ["batch", "channels", "width"]
    assert _run(model, np.array([[[1, 3, 2]]], np.float32))[0].tolist() == [[[3, 3]]]


def _old_batch_norm() -> list[dict[str, Any]]:
    """Before MXNet 0.9 the moving averages weren't nodes."""
    variables = [_variable("data"), _variable("bn_gamma"), _variable("bn_beta")]
    return [*variables, _node("BatchNorm", "bn", [0, 1, 2], fix_gamma="True", eps="0")]


def test_an_old_batch_norm_finds_its_statistics_by_their_names(tmp_path: Path) -> None:
    arrays = {
        "bn_gamma": np.array([9], np.float32),  # fixed, so 1 is meant
        "bn_beta": np.array([0.5], np.float32),
        "bn_moving_mean": np.array([2], np.float32),
        "bn_moving_var": np.array([4], np.float32),
    }
    model = read_mxnet(*_write(tmp_path, _old_batch_norm(), arrays))
    assert _run(model, np.full((1, 1, 1, 1), 8, np.float32))[0].item() == pytest.approx(3.5)


def test_an_old_batch_norm_without_statistics_is_refused(tmp_path: Path) -> None:
    files = _write(tmp_path, _old_batch_norm(), _arrays({"bn_gamma": (1,), "bn_beta": (1,)}))
    with pytest.raises(BadModelFile, match=r"has no array for 'bn_moving_mean', 'bn_moving_var'"):
        read_mxnet(*files)


def test_all_unknown_operators_are_listed_before_the_weights_are_read(tmp_path: Path) -> None:
    nodes = [
        _variable("data"),
        _node("Proposal", "rpn", [0]),
        _node("ROIPooling", "roi4", [0, 1]),
        _node("ROIPooling", "roi5", [2, 1]),
    ]
    symbol, params = _write(tmp_path, nodes)
    params.unlink()
    with pytest.raises(BadModelFile) as caught:
        read_mxnet(symbol, params)
    assert str(caught.value) == (
        f"{symbol}: these operators can't be imported: 'Proposal' (node 'rpn'); "
        "'ROIPooling' (node 'roi4', 'roi5'); export the network up to the layer before them"
    )


def test_unknown_operators_at_the_end_are_left_off(tmp_path: Path) -> None:
    nodes = [*_NODES[:5], _node("Proposal", "rpn", [4]), _node("Flatten", "flat", [5])]
    shapes = {name: _SHAPES[name] for name in ("conv1_weight", "conv1_bias")}
    symbol, params = _write(tmp_path, nodes, _arrays(shapes))
    model = read_mxnet(symbol, params)
    assert [output.name for output in model.graph.output] == ["pool1"]
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert said["entoptic.left_off"] == "Proposal ('rpn')"
    notes = load(f"mxnet:{symbol}+{params}").notes
    assert notes[0] == (
        "left off, since it can't be imported, with all that follows: Proposal ('rpn'); the "
        "network ends at 'pool1' (?output=NAME ends it elsewhere)"
    )


def test_channels_that_are_cut_into_parts_are_counted(tmp_path: Path) -> None:
    """As in det4 of MTCNN: five pictures of three channels come in as one of fifteen."""
    nodes = [_variable("data"), _node("SliceChannel", "slice", [0], num_outputs="5")]
    arrays: dict[str, tuple[int, ...]] = {}
    ends = []
    for part in range(5):
        arrays |= {f"w{part}": (4, 3, 3, 3), f"b{part}": (4,)}
        conv = _node("Convolution", f"conv{part}", [], kernel="(3, 3)", num_filter="4")
        conv["inputs"] = [[1, part, 0], [len(nodes), 0, 0], [len(nodes) + 1, 0, 0]]
        nodes += [_variable(f"w{part}"), _variable(f"b{part}"), conv]
        ends.append(len(nodes) - 1)
    nodes.append(_node("Concat", "concat", ends, num_args="5"))
    model = read_mxnet(*_write(tmp_path, nodes, _arrays(arrays)))
    assert model.graph.input[0].type.tensor_type.shape.dim[1].dim_value == 15


def test_lost_weights_are_listed(tmp_path: Path) -> None:
    files = _write(tmp_path, arrays=_arrays({"conv1_weight": (2, 3, 3, 3), "fc1_bias": (5,)}))
    with pytest.raises(BadModelFile, match=r"params: no array for 'conv1_bias', 'fc1_weight'"):
        read_mxnet(*files)


def test_a_long_list_is_cut_short(tmp_path: Path) -> None:
    variables = [_variable(f"v{index}") for index in range(12)]
    files = _write(tmp_path, [*variables, _node("add_n", "sum", list(range(12)))], {})
    with pytest.raises(BadModelFile, match=r"but has 12: 'v0', .*'v7' and 4 more"):
        read_mxnet(*files)


def test_a_network_without_a_picture_is_refused(tmp_path: Path) -> None:
    files = _write(tmp_path, arrays=_arrays(_SHAPES | {"data": (1, 3, 16, 16)}))
    with pytest.raises(BadModelFile, match="but has 0: every variable is stored"):
        read_mxnet(*files)


def test_an_output_that_is_a_variable_is_refused(tmp_path: Path) -> None:
    files = _write(tmp_path, heads=[[4, 0, 0], [1, 0, 0]])
    with pytest.raises(BadModelFile, match="its output 'conv1_weight' is a variable, not a layer"):
        read_mxnet(*files)


def test_an_output_that_a_node_does_not_have_is_refused(tmp_path: Path) -> None:
    files = _write(tmp_path, heads=[[4, 1, 0]])
    with pytest.raises(BadModelFile, match="'heads': output 1 of node 'pool1', which it is given"):
        read_mxnet(*files)


def test_weights_for_other_channels_are_refused(tmp_path: Path) -> None:
    nodes = [
        *_NODES[:4],
        _variable("conv2_weight"),
        _node("Convolution", "conv2", [3, 4], kernel="(1, 1)", num_filter="1", no_bias="True"),
    ]
    files = _write(tmp_path, nodes, _arrays(_SHAPES | {"conv2_weight": (1, 5, 1, 1)}))
    with pytest.raises(
        BadModelFile, match="layer 'conv2' is given 2 channels, but its weights are for 5"
    ):
        read_mxnet(*files)


def test_shapes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    nodes = [*_NODES[:5], _variable("w"), _node("broadcast_add", "sum", [4, 5])]
    files = _write(tmp_path, nodes, _arrays(_SHAPES | {"w": (1, 7, 1, 1)}))
    with pytest.raises(BadModelFile, match=r"the shapes of its layers don't fit: .*sum"):
        read_mxnet(*files)


def test_more_weights_than_onnx_can_hold_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translate, "_LARGEST_GRAPH", 100)
    with pytest.raises(BadModelFile, match="more than 2 GiB of weights; ONNX can't hold them"):
        read_mxnet(*_write(tmp_path))


def test_a_graph_that_grows_beyond_all_measure_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_graph, "_MAX_NAMES", 9)
    with pytest.raises(BadModelFile, match=r"net-symbol\.json: it has more than 9 tensors"):
        read_mxnet(*_write(tmp_path))


def test_without_onnx_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"MXNet import needs the 'onnx' extra: pip install"):
        read_mxnet(*_write(tmp_path))


_WORDS = ["-1", "0", "(0, 0)", "(-3, -4)", "None", "99999999999", "nan", "[]", "True", "full"]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_damage_does_more_than_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    nodes = [dict(node, attrs=dict(node["attrs"])) for node in _NODES]
    for _ in range(data.draw(st.integers(1, 3))):
        node = data.draw(st.sampled_from(nodes))
        change = data.draw(st.sampled_from(["attribute", "inputs", "op", "name"]))
        if change == "attribute":
            keys = ["kernel", "stride", "pad", "num_filter", "num_group", "no_bias", "axis"]
            node["attrs"][data.draw(st.sampled_from(keys))] = data.draw(st.sampled_from(_WORDS))
        elif change == "inputs":
            node["inputs"] = data.draw(st.lists(st.lists(st.integers(0, 10), max_size=3)))
        elif change == "op":
            node["op"] = data.draw(st.sampled_from([*translate.OPERATORS, "null", "Custom"]))  # type: ignore[attr-defined]
        else:
            node["name"] = data.draw(st.text(max_size=3))
    symbol, params = _write(tmp_path_factory.getbasetemp(), nodes)
    message = ""
    try:
        assert read_mxnet(symbol, params).graph.node
    except EntopticError as error:
        message = str(error)
    assert "\n" not in message

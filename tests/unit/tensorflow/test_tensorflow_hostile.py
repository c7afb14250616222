"""Damaged and hostile files: an error in one line, or a result; never a hang or a huge array."""

from __future__ import annotations

import math
import os
import random

import numpy as np
import pytest

from entoptic.errors import BadModelFile, EntopticError
from entoptic.formats.tensorflow import read_tensorflow
from entoptic.formats.tensorflow.builder import Builder
from entoptic.formats.tensorflow.graphdef import parse_graph

resource = pytest.importorskip("resource", reason="only POSIX has it")

WRONG_FILES = [
    (b"", r"frozen\.pb: the file is empty"),
    (b'node {\n  name: "in"\n}', r"a graph as text; convert it to the binary form"),
    (b"# a graph\n\n  # of nodes\n versions {}", r"a graph as text; convert it to the binary form"),
    # It took a second for each 24 of them, and twice that for one more.
    (b"# " * 2000, r"frozen\.pb:"),
    (b"\x08\x01\x12\x00", r"not a frozen graph; a SavedModel must be frozen|no node in it"),
    (b"\x08\x01", r"not a frozen graph; a SavedModel must be frozen"),
    (b"\x22\x02\x08\x15", r"not a TensorFlow graph: there is no node in it"),
    (b"\x0a\x03\x0a\x01a", r"a node has no name or no operator"),
    (b"\x0a\x07\x0a\x02a\n\x12\x01b", r"'a\\n' isn't a name that a node can have"),
    (b"\x0a\x02\x08\x01", r"field 1 is a number where bytes belong"),
    (b"\x0a\x09\x0a\x01a\x12\x01b\x1a\x01:", r"'' isn't a name that a node can have"),
    (b"\x0a\x0b\x0a\x01a\x12\x01b\x1a\x03c:x", r"'c:x' isn't an output of a node"),
    (b"\x0a\x06\x0a\x01a\x12\x01b" * 2, r"two nodes have the name 'a'"),
]


@pytest.mark.parametrize(("data", "message"), WRONG_FILES)
def test_files_that_are_no_graph_are_refused(tmp_path, data, message):
    (tmp_path / "frozen.pb").write_bytes(data)
    with pytest.raises(BadModelFile, match=message) as caught:
        read_tensorflow(tmp_path / "frozen.pb")
    assert "\n" not in str(caught.value)


def test_a_file_that_isn_t_there_is_named(tmp_path):
    with pytest.raises(BadModelFile, match=r"can't read .*gone\.pb: No such file"):
        read_tensorflow(tmp_path / "gone.pb")


def test_a_file_larger_than_a_graph_can_be_isn_t_read(tmp_path):
    with (tmp_path / "large.pb").open("wb") as file:
        os.truncate(file.fileno(), 2**31 + 1)  # takes no space on the disk
    with pytest.raises(BadModelFile, match=r"is larger than 2147483648 bytes"):
        read_tensorflow(tmp_path / "large.pb")


def test_too_many_nodes_are_refused(graph, monkeypatch):
    monkeypatch.setattr("entoptic.formats.tensorflow.graphdef._MAX_NODES", 1000)
    data = b"".join(
        graph.part(1, graph.part(1, f"n{index}") + graph.part(2, "NoOp")) for index in range(1001)
    )
    with pytest.raises(BadModelFile, match=r"more nodes than any image network has"):
        parse_graph(memoryview(data))


def tensor(graph, code, shape, *parts):
    sizes = graph.part(2, graph.shape_message(shape))
    return graph.raw(graph.part(8, graph.part(1, code) + sizes + b"".join(parts)))


def wrong_constants(graph):
    part = graph.part
    unknown = part(1, 1) + part(2, part(3, 1))
    return {
        "bytes": (tensor(graph, 1, (3,), part(4, b"1234")), r"has 4 bytes, its shape needs 12"),
        "many": (tensor(graph, 3, (1,), part(7, b"\1\2")), r"field 7 has more than 1 numbers"),
        "more": (tensor(graph, 1, (1,), part(5, bytes(8))), r"has 2 entries, its shape 1"),
        "within": (tensor(graph, 1, (3,), part(5, b"12345")), r"ends within a number"),
        "fill": (tensor(graph, 1, (2**30, 8), part(5, b"1234")), r"repeats one number 8589934592"),
        "size": (tensor(graph, 1, (2**40,)), r"a size of 1099511627776 in a shape is absurd"),
        "less": (tensor(graph, 1, (-2,)), r"a size of -2 in a shape is absurd"),
        "free": (tensor(graph, 1, (-1,)), r"a constant has no complete shape"),
        "rank": (graph.raw(part(8, unknown)), r"a constant has no complete shape"),
        "axes": (tensor(graph, 1, (1,) * 9), r"a shape has more than 8 axes"),
        "type": (tensor(graph, 8, (1,)), r"data type 8, which isn't a plain number"),
        "text": (tensor(graph, 7, (), part(8, b"a")), r"data type 7, which isn't a plain number"),
        "none": (graph.raw(part(3, 1)), r"it has no setting 'value' with a constant in it"),
        "kind": (graph.raw(part(8, part(1, b""))), r"field 1 is bytes where a number belongs"),
    }


CONSTANTS = [
    "bytes",
    "many",
    "more",
    "within",
    "fill",
    "size",
    "less",
    "free",
    "rank",
    "axes",
    "type",
]


@pytest.mark.parametrize("case", [*CONSTANTS, "text", "none", "kind"])
def test_a_damaged_constant_is_refused_with_its_name(graph, case):
    value, message = wrong_constants(graph)[case]
    graph.picture(-1, 4, 4, 3).node("c", "Const", value=value).node("y", "Mul", ["in", "c"])
    with pytest.raises(BadModelFile, match=r"frozen\.pb: node 'c' \(Const\): .*" + message):
        graph.model()


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_setting_must_be_finite(graph, number):
    graph.picture(-1, 4, 4, 3).node("y", "LeakyRelu", ["in"], alpha=number)
    with pytest.raises(
        BadModelFile, match=r"attribute 'alpha' is (nan|inf), but must be a finite number"
    ):
        graph.model()


def test_a_setting_must_not_be_an_endless_list(graph):
    graph.picture(-1, 4, 4, 3)
    graph.node("y", "MaxPool", ["in"], ksize=[1] * 70_000, strides=[1], padding="SAME")
    with pytest.raises(BadModelFile, match=r"the setting 'ksize': .* more than 16384 numbers"):
        graph.model()


def test_a_small_file_can_t_ask_for_much_memory(graph):
    """Each constant alone is allowed; a hundred of them from a file of some kilobytes aren't."""
    graph.picture(-1, 4, 4, 3)
    one = tensor(graph, 1, (2**24,), graph.part(5, b"1234"))
    for index in range(100):
        graph.node(f"c{index}", "Const", value=one)
    graph.node("y", "AddN", ["in", *(f"c{index}" for index in range(100))])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadModelFile, match=r"its constants grow far beyond the size of the file"):
        graph.model()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # kilobytes


def test_constants_that_no_onnx_file_can_hold_are_refused():
    builder = Builder([], 2**40)
    with pytest.raises(BadModelFile, match=r"larger than an ONNX graph can be"):
        builder.constant(np.broadcast_to(np.zeros(1, np.float32), (2**30,)), "c")


WRONG_FOLDS = {
    "Add": (
        [np.zeros((3000, 1)), np.zeros((1, 6000))],
        r"a constant of 18000000 entries is absurd",
    ),
    "Fill": ([[1 << 20, 1 << 20], 1.0], r"a constant of 1099511627776 entries is absurd"),
    "Range": ([0, 1 << 30, 1], r"a constant of 1073741824 entries is absurd"),
    "Reshape": ([np.zeros(6), [4]], r"its constants don't fit together: cannot reshape"),
    "Sub": ([np.zeros(3), np.zeros(2)], r"its constants don't fit together: shape mismatch"),
    "Prod": ([np.zeros((2, 2)), [0]], r"a product is taken of lists of sizes only"),
    "GatherV2": ([np.zeros(3), [0], 1], r"only entries of the first axis are gathered"),
    "Gather": ([np.zeros(3), [7]], r"its constants don't fit together: index 7"),
    "Transpose": ([np.zeros((2, 2)), [0.5, 1.0]], r"whole numbers are needed"),
    "Slice": ([np.zeros(3), [-1], [1]], r"its begin and size don't fit together"),
    "StridedSlice": ([np.zeros(3), [0], [1], [0]], r"its begin, end and strides don't fit"),
    "ConcatV2": ([np.zeros(3), np.zeros(5000).astype(int)], r"a list of 5000 sizes is absurd"),
    "Neg": ([1.0, 2.0], r"damaged: 2 inputs are not as many as it has"),
}


@pytest.mark.parametrize("op", WRONG_FOLDS)
def test_constants_that_can_t_be_worked_out_are_refused(graph, op):
    arrays, message = WRONG_FOLDS[op]
    graph.picture(-1, 4, 4, 3)
    for index, array in enumerate(arrays):  # type: ignore[arg-type, var-annotated]
        graph.const(f"c{index}", array)
    graph.node("c", op, [f"c{index}" for index in range(len(arrays))])  # type: ignore[arg-type]
    graph.node("y", "Mul", ["in", "c"])
    with pytest.raises(BadModelFile, match=rf"node 'c' \({op}\): .*{message}"):
        graph.model()


def small_network(graph):
    """Something of everything, so that flipped bytes reach many operators."""
    rng = np.random.default_rng(1)
    draw = lambda *shape: rng.normal(size=shape)  # noqa: E731
    window = {"padding": "SAME", "strides": [1, 2, 2, 1]}
    graph.picture(1, 9, 7, 3).const("w", draw(3, 3, 3, 4)).const("b", draw(4))
    graph.node("conv", "Conv2D", ["in", "w"], **window).node("bias", "BiasAdd", ["conv", "b"])
    graph.node("n", "LRN", ["bias"], depth_radius=1).const("v", draw(4) ** 2).const("e", 0.1)
    graph.node("add", "Add", ["v", "e"]).node("root", "Rsqrt", ["add"])
    graph.node("mul", "Mul", ["n", "root"]).const("d", draw(3, 3, 4, 1))
    graph.const("block", [2, 2]).const("pads", [[2, 3], [2, 2]]).const("crops", [[0, 1], [0, 0]])
    graph.node("there", "SpaceToBatchND", ["mul", "block", "pads"])
    plain = {"padding": "VALID", "strides": [1, 1, 1, 1]}
    graph.node("deep", "DepthwiseConv2dNative", ["there", "d"], **plain)
    graph.node("back", "BatchToSpaceND", ["deep", "block", "crops"])
    graph.node("pool", "MaxPool", ["back"], ksize=[1, 3, 3, 1], **window).const("size", [4, 6])
    graph.node("up", "ResizeBilinear", ["pool", "size"]).const("a", 3)
    graph.node("s", "Split", ["a", "up"], num_split=2).node("cat", "ConcatV2", ["s:1", "s", "a"])
    graph.node("shape", "Shape", ["cat"]).const("0", [0]).const("1", [1]).const("rest", -1)
    graph.node("n0", "StridedSlice", ["shape", "0", "1", "1"], shrink_axis_mask=1)
    graph.node("to", "Pack", ["n0", "rest"]).node("flat", "Reshape", ["cat", "to"])
    graph.const("dense", draw(96, 5)).node("fc", "MatMul", ["flat", "dense"])
    return graph.node("y", "Softmax", ["fc"])


def outcome(path):
    """The model, or the error's text."""
    try:
        return read_tensorflow(path)
    except EntopticError as error:
        return str(error)


def test_a_file_that_is_cut_off_is_refused_or_shorter(graph, tmp_path):
    whole = small_network(graph).data
    assert graph.model().graph.node
    for length in range(0, len(whole), 37):
        graph.data = whole[:length]
        result = outcome(graph.file())
        assert not isinstance(result, str) or ("\n" not in result and len(result) < 2000)


def test_flipped_bytes_give_a_result_or_an_error_in_one_line(graph, tmp_path):
    whole = small_network(graph).data
    rng = random.Random(3)
    read = 0
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(rng.choice((1, 1, 2, 5))):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        graph.data = bytes(damaged)
        result = outcome(graph.file())
        assert not isinstance(result, str) or ("\n" not in result and len(result) < 2000)
        read += not isinstance(result, str)
    assert 0 < read < 200

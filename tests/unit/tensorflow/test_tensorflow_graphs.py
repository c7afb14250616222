"""Whole graphs: names, metadata, where a network starts and where it ends."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from entoptic.errors import BadModelFile, MissingExtra
from entoptic.formats.tensorflow import read_tensorflow

UINT8, INT32, STRING, HALF = 4, 3, 7, 19


def names(model):
    return [node.name for node in model.graph.node]


def kinds(model):
    return [node.op_type for node in model.graph.node]


def sizes(value):
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


def metadata(model):
    return {entry.key: entry.value for entry in model.metadata_props}


@pytest.fixture
def network(graph, noise):
    """Two convolutions and a classifier."""
    graph.picture(1, 8, 6, 3).const("w1", noise(3, 3, 3, 4)).const("w2", noise(1, 1, 4, 5))
    settings = {"padding": "SAME", "strides": [1, 2, 2, 1]}
    graph.node("net/w1/read", "Identity", ["w1"])
    graph.node("net/conv1", "Conv2D", ["in:0", "net/w1/read:0", "^w2"], **settings)
    graph.node("net/relu1", "Relu", ["net/conv1"]).node("net/copy", "Identity", ["net/relu1"])
    graph.node("net/conv2", "Conv2D", ["net/copy", "w2"], **settings).const("axes", [1, 2])
    graph.node("net/pool", "Mean", ["net/conv2", "axes"])
    return graph.node("net/prob", "Softmax", ["net/pool"])


def test_nodes_keep_their_names_and_constants_are_initializers(network):
    model = network.model()
    expected = ["net/conv1", "net/relu1", "net/copy", "net/conv2", "net/pool", "net/prob"]
    assert names(model) == expected
    assert [node.output[0] for node in model.graph.node] == expected
    assert {one.name for one in model.graph.initializer} == {"w1", "w2"}
    assert "Transpose" not in kinds(model)


def test_the_batch_and_the_sides_are_free(network):
    model = network.model()
    assert sizes(model.graph.input[0]) == ["batch", 3, "height", "width"]
    assert sizes(model.graph.output[0]) == ["batch", 5]
    assert (model.opset_import[0].version, model.ir_version) == (17, 8)


def test_what_an_importer_must_know_stands_in_the_metadata(network):
    assert metadata(network.model()) == {
        "entoptic.source": "tensorflow",
        "entoptic.input_size": "8,6",
        "entoptic.preprocess": "guess",
        "entoptic.channel_order": "RGB",
        "entoptic.scale": "1",
        "entoptic.mean": "0.5,0.5,0.5",
        "entoptic.std": "0.5,0.5,0.5",
    }


@pytest.mark.parametrize("shape", [(), (-1, -1, -1, -1), (-1, -1, -1, 3)])
def test_a_placeholder_without_sizes_gives_no_input_size(graph, noise, shape):
    graph.picture(*shape).const("w", noise(3, 3, 3, 2))
    graph.node("y", "Conv2D", ["in", "w"], padding="SAME", strides=[1, 1, 1, 1])
    assert "entoptic.input_size" not in metadata(graph.model())
    assert sizes(graph.model().graph.input[0]) == ["batch", 3, "height", "width"]


def test_outputs_can_be_chosen(network):
    assert names(network.model(["net/relu1:0"])) == ["net/conv1", "net/relu1"]
    model = network.model(["net/prob", "net/relu1", "net/prob"])
    assert [one.name for one in model.graph.output] == ["net/prob", "net/relu1"]


def test_outputs_of_a_graph_are_what_nobody_uses_and_follows_from_the_picture(network):
    network.node("log", "ScalarSummary", ["net/pool"]).node("init", "NoOp", ["^net/prob"])
    network.const("unused", 1.0).node("apart", "Unknown", ["unused"])
    network.const("axis", 1).node("best", "ArgMax", ["net/prob", "axis"])
    model = network.model()
    assert [one.name for one in model.graph.output] == ["best"]


def test_whole_numbers_stay_whole_in_what_follows(network, noise):
    network.const("axis", 1).node("best", "ArgMax", ["net/prob", "axis"])
    network.node("same", "Identity", ["best"]).node("y", "Cast", ["best"])
    assert network.run(noise(2, 8, 6, 3), ["same"]).dtype == np.int64
    assert network.run(noise(2, 8, 6, 3), ["y"]).dtype == np.float32


def test_an_earlier_step_doesn_t_take_the_name_of_another_node(graph):
    graph.picture(-1, 4, 4, 3).node("y/nhwc", "Relu", ["in"]).const("to", [-1, 48])
    graph.node("y", "Reshape", ["y/nhwc", "to"])
    assert names(graph.model()) == ["y/nhwc", "y/nhwc/2", "y"]


def test_a_value_is_turned_once_for_all_that_need_it(graph):
    graph.picture(-1, 4, 4, 3).const("to", [-1, 48])
    graph.node("a", "Reshape", ["in", "to"]).node("b", "Reshape", ["in", "to"])
    graph.node("y", "Add", ["a", "b"])
    assert kinds(graph.model()) == ["Transpose", "Reshape", "Reshape", "Add"]


def test_weights_of_half_precision_become_floats(graph):
    shape = graph.part(2, graph.shape_message((2,)))
    halves = b"".join(graph.part(13, bits) for bits in (0x3C00, 0xC000))  # 1 and -2
    tensor = graph.raw(graph.part(8, graph.part(1, HALF) + shape + halves))
    graph.picture(-1, -1, -1, 2, dtype=HALF).node("c", "Const", value=tensor)
    x = np.ones((1, 1, 1, 2), np.float32)
    assert graph.node("y", "Mul", ["in", "c"]).run(x).ravel().tolist() == [1, -2]


@pytest.mark.parametrize(
    ("dtype", "number"),
    [(1, 5), (2, 6)],
)
def test_the_last_entry_of_a_constant_is_repeated(graph, dtype, number):
    entries = np.array([2, 3], {1: "<f4", 2: "<f8"}[dtype]).tobytes()
    shape = graph.part(2, graph.shape_message((4,)))
    tensor = graph.part(1, dtype) + shape + graph.part(number, entries)
    graph.picture(-1, -1, -1, 4).node("c", "Const", value=graph.raw(graph.part(8, tensor)))
    x = np.ones((1, 1, 1, 4), np.float32)
    assert graph.node("y", "Mul", ["in", "c"]).run(x).ravel().tolist() == [2, 3, 3, 3]


@pytest.mark.parametrize(
    ("dtype", "number", "negative"),
    [(3, 7, -1), (9, 10, -1), (9, 10, -(2**40)), (5, 7, -300), (6, 7, -100)],
)
def test_whole_numbers_of_every_width_are_read(graph, dtype, number, negative):
    """As the start of a slice that is cut at the first channel, whatever the number."""
    packed = graph.part(number, negative)
    tensor = graph.part(1, dtype) + graph.part(2, graph.shape_message((1,))) + packed
    graph.picture(-1, -1, -1, 3).node("c", "Const", value=graph.raw(graph.part(8, tensor)))
    graph.const("0", 0).node("n", "Gather", ["c", "0"]).node("f", "Cast", ["n"], DstT=1)
    x = np.ones((1, 1, 1, 3), np.float32)
    assert graph.node("y", "Mul", ["in", "f"]).run(x).ravel().tolist() == [negative] * 3


def decoded(graph, op="DecodeJpeg"):
    graph.node("bytes", "Placeholder", dtype=graph.raw(graph.part(6, STRING)))
    graph.node("jpeg", op, ["bytes"]).node("float", "Cast", ["jpeg"], DstT=graph.raw(b"\x30\x01"))
    graph.const("0", 0).node("in", "ExpandDims", ["float", "0"])
    return graph


def test_a_network_that_decodes_files_starts_at_the_resized_float_picture(graph, noise):
    decoded(graph).const("size", [9, 7]).node("resized", "ResizeBilinear", ["in", "size"])
    graph.const("128", 128.0).node("sub", "Sub", ["resized", "128"])
    model = graph.const("s", 1 / 128).node("mul", "Mul", ["sub", "s"]).model()
    assert names(model) == ["sub", "mul"]
    assert model.graph.input[0].name == "resized"
    facts = metadata(model)
    assert facts["entoptic.input_size"] == "9,7"
    assert (facts["entoptic.scale"], facts["entoptic.mean"]) == ("255", "0,0,0")


def test_a_network_that_takes_bytes_starts_where_they_are_floats(graph, noise):
    graph.picture(1, 5, 4, 3, name="bytes", dtype=UINT8)
    graph.node("in", "Cast", ["bytes"], DstT=graph.raw(b"\x30\x01")).const("s", 1 / 255)
    x = np.full((1, 5, 4, 3), 51, np.float32)
    np.testing.assert_allclose(graph.node("y", "Mul", ["in", "s"]).run(x), 0.2, rtol=1e-6)
    assert metadata(graph.model())["entoptic.input_size"] == "5,4"


def test_a_picture_that_may_be_left_out_comes_in_all_the_same(graph, noise):
    shape = graph.raw(graph.part(7, graph.shape_message((-1, 4, 5, 3))))
    dtype = graph.raw(graph.part(6, 1))
    graph.const("none", np.zeros((1, 4, 5, 3)))
    graph.node("in", "PlaceholderWithDefault", ["none"], shape=shape, dtype=dtype)
    x = noise(2, 4, 5, 3)
    np.testing.assert_array_equal(graph.node("y", "Neg", ["in"]).run(x), -x)


def test_a_setting_with_a_default_has_it(graph, noise):
    scalar = {"shape": graph.raw(graph.part(7, b"")), "dtype": graph.raw(graph.part(6, 1))}
    graph.picture(-1, 4, 5, 3).const("two", 2.0)
    graph.node("factor", "PlaceholderWithDefault", ["two"], **scalar)
    x = noise(2, 4, 5, 3)
    np.testing.assert_array_equal(graph.node("y", "Mul", ["in", "factor"]).run(x), 2 * x)


@pytest.mark.parametrize("release", ["floor", "select", "cast"])
def test_dropout_passes_everything_on(graph, noise, release):
    scalar = {"shape": graph.raw(graph.part(7, b"")), "dtype": graph.raw(graph.part(6, 1))}
    graph.picture(-1, 4, 5, 3).node("keep", "Placeholder", **scalar).node("s", "Shape", ["in"])
    graph.node("d/random_uniform/RandomUniform", "RandomUniform", ["s"]).const("one", 1.0)
    graph.node("d/uniform", "Mul", ["d/random_uniform/RandomUniform", "one"])
    graph.node("d/div", "RealDiv", ["in", "keep"])
    if release == "floor":
        graph.node("d/add", "Add", ["keep", "d/uniform"]).node("d/Floor", "Floor", ["d/add"])
        graph.node("d/mul", "Mul", ["d/div", "d/Floor"])
    else:
        graph.node("d/mask", "GreaterEqual", ["d/uniform", "keep"]).const("zero", 0.0)
        if release == "cast":
            graph.node("d/cast", "Cast", ["d/mask"])
            graph.node("d/mul", "Mul", ["d/cast", "d/div"])
        else:
            graph.node("d/mul", "SelectV2", ["d/mask", "d/div", "zero"])
    graph.node("y", "Relu", ["d/mul"])
    assert names(graph.model()) == ["d/mul", "y"]
    x = noise(1, 4, 5, 3)
    np.testing.assert_array_equal(graph.run(x), np.maximum(x, 0))


def test_noise_that_is_no_dropout_is_not_thrown_away(graph):
    graph.picture(-1, 4, 5, 3).node("s", "Shape", ["in"]).node("r", "RandomUniform", ["s"])
    graph.node("y", "Mul", ["in", "r"])
    with pytest.raises(BadModelFile, match=r"can't be read: RandomUniform \('r'\)"):
        graph.model()


def test_a_long_chain_needs_no_deep_stack(graph):
    graph.picture(-1, 4, 5, 3).node("n0", "Relu", ["in"])
    for index in range(1, 5000):
        graph.node(f"n{index}", "Relu", [f"n{index - 1}"])
    assert len(graph.model().graph.node) == 5000


def test_all_operators_that_can_t_be_read_are_listed_at_once(graph):
    graph.picture(-1, 4, 5, 3).node("a", "Bucketize", ["in"]).node("b", "Fft", ["a"])
    graph.node("y", "Bucketize", ["b"])
    message = r"frozen\.pb: .*can't be read: Bucketize \('y', 'a'\); Fft \('b'\); ask for outputs"
    with pytest.raises(BadModelFile, match=message):
        graph.model()


def test_what_comes_before_operators_that_can_t_be_read_is_kept(graph):
    graph.picture(-1, 4, 5, 3).node("a", "Relu", ["in"]).node("b", "Tanh", ["a"])
    graph.node("odd", "Bucketize", ["b"]).node("odder", "Fft", ["a"]).node("y", "Relu", ["odd"])
    model = graph.model()
    assert names(model) == ["a", "b"]
    assert {value.name for value in model.graph.output} == {"a", "b"}
    assert metadata(model)["entoptic.left_off"] == "Bucketize ('odd'), Fft ('odder')"


def test_a_graph_with_variables_isn_t_frozen(graph):
    graph.picture(-1, 4, 5, 3).node("v", "VariableV2").node("y", "Mul", ["in", "v"])
    with pytest.raises(BadModelFile, match=r"VariableV2 \('v'\); the graph isn't frozen"):
        graph.model()


def test_a_second_input_is_refused(graph):
    scalar = {"shape": graph.raw(graph.part(7, b"")), "dtype": graph.raw(graph.part(6, 1))}
    graph.picture(-1, 4, 5, 3).node("k", "Placeholder", **scalar).node("y", "Mul", ["in", "k"])
    with pytest.raises(BadModelFile, match=r"Placeholder \('k'\); only the picture can come in"):
        graph.model()


def test_no_onnx_package_names_the_extra(graph, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r'the \'onnx\' extra: pip install "entoptic\[onnx\]"'):
        read_tensorflow(graph.picture(1, 4, 4, 3).file())


WRONG_OUTPUTS = [
    (["net/con1"], r"no node named 'net/con1'; did you mean 'net/conv1'"),
    ([], r"no outputs were asked for"),
    (["in"], r"output 'in' doesn't follow from the picture 'in'"),
    (["w1"], r"no picture comes in"),
    (["net/prob", "w1"], r"output 'w1' doesn't follow from the picture 'in'"),
]


@pytest.mark.parametrize(("outputs", "message"), WRONG_OUTPUTS)
def test_outputs_must_exist_and_follow_from_the_picture(network, outputs, message):
    with pytest.raises(BadModelFile, match=message):
        network.model(outputs)


def test_an_output_that_is_only_a_size_is_refused(graph):
    graph.picture(-1, 4, 4, 3).node("y", "Shape", ["in"])
    with pytest.raises(BadModelFile, match=r"output 'y' is a constant; it doesn't follow from"):
        graph.model()


def test_a_graph_without_results_is_refused(graph):
    graph.picture(-1, 4, 4, 3).node("y", "Relu", ["in"]).node("z", "NoOp", ["y"])
    with pytest.raises(BadModelFile, match=r"no picture comes in; a float placeholder"):
        graph.model()


def test_results_that_don_t_follow_from_the_picture_are_none(graph):
    graph.picture(-1, 4, 4, 3).node("y", "Fft", ["y2"]).node("y2", "Relu", ["in"])
    graph.data = graph.data.replace(b"Relu", b"NoOp")
    with pytest.raises(BadModelFile, match=r"can't be read: Fft \('y'\); NoOp \('y2'\)"):
        graph.model()


def test_two_pictures_are_one_too_many(graph):
    graph.picture(-1, 4, 4, 3).picture(-1, 4, 4, 3, name="other").node("y", "Add", ["in", "other"])
    with pytest.raises(BadModelFile, match=r"2 pictures come in \('.*', '.*'\); one is needed"):
        graph.model()


@pytest.mark.parametrize("shape", [(1, 0, 4, 3), (1, 100_000, 4, 3), (1, 4, 4, 0)])
def test_a_picture_of_an_absurd_size_is_refused(graph, shape):
    graph.picture(*shape).node("y", "Relu", ["in"])
    with pytest.raises(BadModelFile, match=r"node 'in' \(Placeholder\): a picture of the shape"):
        graph.model()


def test_decoding_that_never_makes_a_picture_is_refused(graph):
    decoded(graph).node("y", "Relu", ["float"])
    with pytest.raises(BadModelFile, match=r"'jpeg' \(DecodeJpeg\): it isn't turned into a float"):
        graph.model(["y"])


def test_a_missing_input_is_named(graph):
    graph.picture(-1, 4, 4, 3).node("y", "Add", ["in", "gone"])
    with pytest.raises(BadModelFile, match=r"node 'y' \(Add\): its input 'gone' doesn't exist"):
        graph.model()


def test_a_control_input_that_is_missing_doesn_t_matter(graph):
    assert names(graph.picture(-1, 4, 4, 3).node("y", "Relu", ["in", "^gone"]).model()) == ["y"]


@pytest.mark.parametrize("circle", [{"a": ["in", "b"], "b": ["a", "in"]}, {"a": ["in", "a"]}])
def test_circles_are_refused(graph, circle):
    graph.picture(-1, 4, 4, 3)
    for name, inputs in circle.items():
        graph.node(name, "Add", inputs)
    with pytest.raises(BadModelFile, match=r"node '[ab]' \(Add\): it needs its own result"):
        graph.model(["a"])

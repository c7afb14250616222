"""An ONNX file is data from a stranger: what can't be is refused, and nothing else happens."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper

from entoptic.errors import BadModelFile, EntopticError, MissingExtra
from entoptic.formats.onnx import from_graph, load_graph


def relu(name: str = "relu", inputs: tuple[str, ...] = ("x",), output: str = "y") -> Any:
    return helper.make_node("Relu", inputs, [output], name=name)


def model(
    *nodes: Any, weights: tuple[Any, ...] = (), shape: Any = (1, 3, 8, 6), **kwargs: Any
) -> Any:
    graph = helper.make_graph(
        list(nodes) or [relu()],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [onnx.ValueInfoProto(name="y")],
        list(weights),
    )
    opset = kwargs.pop("opset", 17)
    imports = [helper.make_opsetid("", opset)] if opset else []
    return helper.make_model(graph, opset_imports=imports, ir_version=8, **kwargs)


def weights_of(array: np.ndarray, name: str = "w") -> Any:
    return numpy_helper.from_array(array, name)


def convolution() -> Any:
    """Conv, Relu, MaxPool, Flatten, Reshape and Gemm: something of everything to damage."""
    rng = np.random.default_rng(0)
    weights = (
        weights_of(rng.normal(size=(4, 3, 3, 3)).astype(np.float32), "w"),
        weights_of(rng.normal(size=(4,)).astype(np.float32), "b"),
        weights_of(rng.normal(size=(48, 5)).astype(np.float32), "fc"),
        weights_of(np.array([1, -1]), "target"),
    )
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        relu("relu", ("c",), "r"),
        helper.make_node("MaxPool", ["r"], ["p"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Reshape", ["p", "target"], ["flat"], name="flat"),
        helper.make_node("Gemm", ["flat", "fc"], ["y"], name="fc"),
    ]
    return model(*nodes, weights=weights)


def saved(tmp_path: Path, proto: Any) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    imported = from_graph(load_graph(saved(tmp_path, convolution())))
    assert imported.module(torch.zeros(1, 3, 8, 6)).shape == (1, 5)


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, convolution())
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r'pip install "entoptic\[onnx\]"'):
        load_graph(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match=r"can't read .*nothing\.onnx: No such file"):
        load_graph(tmp_path / "nothing.onnx")


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"not a model at all" * 9])
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.onnx"
    path.write_bytes(content)
    with pytest.raises(BadModelFile, match=r"picture\.onnx isn't an ONNX file"):
        load_graph(path)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as stream:
        stream.truncate(2**31 + 1)
    with pytest.raises(BadModelFile, match="is larger than 2147483647 bytes"):
        load_graph(path)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="a folder, a device or a pipe, not a file"):
        load_graph(tmp_path)


def external(location: str, offset: str = "0", length: str | None = None) -> Any:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3, 1, 1])
    tensor.data_location = TensorProto.EXTERNAL
    entries = {"location": location, "offset": offset} | ({"length": length} if length else {})
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return model(helper.make_node("Add", ["x", "w"], ["y"], name="add"), weights=(tensor,))


def test_external_weights_beside_the_model_are_read(tmp_path: Path) -> None:
    numbers = np.array([9, 1, 2, 3], np.float32)
    (tmp_path / "w.bin").write_bytes(numbers.tobytes())
    module = from_graph(load_graph(saved(tmp_path, external("w.bin", offset="4")))).module
    assert module(torch.zeros(1, 3, 8, 6))[0, :, 0, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize("location", ["../w.bin", "sub/../../w.bin", "", "link.bin", "a\0b"])
def test_external_weights_elsewhere_are_refused(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(100))
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    with pytest.raises(BadModelFile, match="lies outside the model's folder"):
        load_graph(saved(folder, external(location)))


def test_external_weights_that_repeat_each_other_beyond_their_file_are_refused(
    tmp_path: Path,
) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(12))
    proto = external("w.bin")
    other = proto.graph.initializer.add()
    other.CopyFrom(proto.graph.initializer[0])
    other.name = "again"
    with pytest.raises(BadModelFile, match=r"'again' repeats the data in 'w\.bin' beyond its size"):
        load_graph(saved(tmp_path, proto))


def test_thousands_of_axes_are_refused_wherever_they_stand() -> None:
    weight = weights_of(np.ones((1, 3, 1, 1), np.float32))
    weight.dims[:] = [1] * 3000
    add = helper.make_node("Add", ["x", "w"], ["y"], name="add")
    with pytest.raises(BadModelFile, match="tensor 'w' has 3000 axes; at most 16 are imported"):
        from_graph(model(add, weights=(weight,)))
    with pytest.raises(BadModelFile, match="input 'x' has more than 16 axes"):
        from_graph(model(shape=[1] * 3000))
    target = weights_of(np.ones(3000, np.int64))
    reshape = helper.make_node("Reshape", ["one", "w"], ["y"], name="reshape")
    mean = helper.make_node("ReduceMean", ["x"], ["one"], name="mean", keepdims=0)
    with pytest.raises(BadModelFile, match=r"node 'reshape' \(Reshape\): .*shape \[1, 1"):
        from_graph(model(mean, reshape, weights=(target,)))


def test_more_nodes_than_any_network_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entoptic.formats.onnx.graph.MAX_NODES", 2)
    chain = [relu("a", ("x",), "p"), relu("b", ("p",), "q"), relu("c", ("q",), "y")]
    with pytest.raises(BadModelFile, match="the graph has 3 nodes; at most 2 are imported"):
        from_graph(model(*chain))


def test_an_absolute_path_of_external_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(100))
    with pytest.raises(BadModelFile, match="lies outside the model's folder"):
        load_graph(saved(tmp_path, external(str(tmp_path / "w.bin"))))


def test_an_external_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match=r"the file 'w\.bin' with external data isn't there"):
        load_graph(saved(tmp_path, external("w.bin")))


@pytest.mark.parametrize(
    ("offset", "length"), [("92", None), ("-4", None), ("0", "8"), ("0", "13")]
)
def test_external_weights_beyond_their_file_are_refused(
    tmp_path: Path, offset: str, length: str | None
) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(100))
    with pytest.raises(BadModelFile, match="tensor 'w' needs 12 bytes, but points at"):
        load_graph(saved(tmp_path, external("w.bin", offset, length)))


def test_an_offset_that_is_no_number_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(100))
    with pytest.raises(BadModelFile, match="isn't a number"):
        load_graph(saved(tmp_path, external("w.bin", "many")))


def test_external_weights_that_were_not_loaded_are_refused() -> None:
    with pytest.raises(BadModelFile, match="read the file by load_graph"):
        from_graph(external("w.bin"))


def tensor(
    data_type: int = TensorProto.FLOAT, dims: tuple[int, ...] = (3, 1, 1), **data: Any
) -> Any:
    return TensorProto(name="w", data_type=data_type, dims=dims, **data)


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        (tensor(dims=(2**20, 2**11), raw_data=bytes(12)), "needs 8589934592 bytes, but has 12"),
        (tensor(dims=(3,), float_data=[1.0]), "needs 3 numbers, but has 1"),
        (tensor(dims=(-3,), raw_data=bytes(12)), "impossible dimension"),
        (tensor(dims=(0, 2**62), raw_data=b""), "impossible dimension"),
        (tensor(TensorProto.STRING, string_data=[b"a"] * 3), "numbers of type 8"),
        (tensor(99), "numbers of type 99"),
    ],
)
def test_weights_that_are_not_what_they_declare_are_refused(weights: Any, reason: str) -> None:
    add = helper.make_node("Add", ["x", "w"], ["y"], name="add")
    with pytest.raises(BadModelFile, match=f"tensor 'w'.*{reason}"):
        from_graph(model(add, weights=(weights,)))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (tensor(float_data=[1, 2, 3]), [1, 2, 3]),
        (tensor(TensorProto.DOUBLE, double_data=[1, 2, 3]), [1, 2, 3]),
        (tensor(TensorProto.FLOAT16, int32_data=[0x3C00, 0xC000, 0x3800]), [1, -2, 0.5]),
        (tensor(TensorProto.FLOAT16, raw_data=bytes.fromhex("003c00c00038")), [1, -2, 0.5]),
        (tensor(TensorProto.BFLOAT16, int32_data=[0x3F80, 0xC000, 0x3F00]), [1, -2, 0.5]),
        (tensor(TensorProto.BFLOAT16, raw_data=bytes.fromhex("803f00c0003f")), [1, -2, 0.5]),
    ],
)
def test_weights_of_every_floating_type_become_float32(weights: Any, expected: list[float]) -> None:
    add = helper.make_node("Add", ["x", "w"], ["y"], name="add")
    got = from_graph(model(add, weights=(weights,))).module(torch.zeros(1, 3, 8, 6))
    assert got.dtype == torch.float32
    assert got[0, :, 7, 5].tolist() == expected


def test_a_circle_is_refused() -> None:
    nodes = [
        helper.make_node("Add", ["x", "b"], ["a"], name="first"),
        relu("second", ("a",), "b"),
        relu("last", ("b",), "y"),
    ]
    with pytest.raises(BadModelFile, match="runs in a circle through 'first', 'second', 'last'"):
        from_graph(model(*nodes))


def test_nodes_in_the_wrong_order_run_in_the_right_one() -> None:
    nodes = [relu("second", ("a",), "y"), helper.make_node("Neg", ["x"], ["a"], name="first")]
    imported = from_graph(model(*nodes))
    assert list(imported.addresses) == ["first", "second"]
    assert imported.module(torch.full((1, 3, 8, 6), -2.0)).max() == 2


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ([relu(inputs=("nowhere",))], "node 'relu' needs 'nowhere', which nothing makes"),
        ([relu(output="z")], "nothing makes the graph's output 'y'"),
        ([relu(), relu("again")], "node 'again' makes 'y', which exists already"),
        ([relu(output="x")], "makes 'x', which exists already"),
        ([helper.make_node("Relu", ["x"], [], name="relu")], "node 'relu' .* has no outputs"),
    ],
)
def test_values_that_do_not_join_up_are_refused(nodes: list[Any], reason: str) -> None:
    with pytest.raises(BadModelFile, match=reason):
        from_graph(model(*nodes))


def test_two_inputs_are_refused_by_name() -> None:
    proto = model()
    proto.graph.input.add().CopyFrom(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1]))
    with pytest.raises(BadModelFile, match="one input; this graph has 2: 'x', 'mask'"):
        from_graph(proto)


@pytest.mark.parametrize("size", [-2, 2**40])
def test_an_absurd_input_is_refused(size: int) -> None:
    with pytest.raises(BadModelFile, match=f"input 'x' has a dimension of {size}"):
        from_graph(model(shape=(1, 3, size, 8)))


def test_a_model_without_opset_is_refused() -> None:
    with pytest.raises(BadModelFile, match="which opset"):
        from_graph(model(opset=0))


def test_all_unknown_operators_are_named_in_one_error() -> None:
    nodes = [
        helper.make_node("NonMaxSuppression", ["x"], ["a"], name="nms"),
        helper.make_node("Attention", ["a"], ["b"], name="attention", domain="com.microsoft"),
        helper.make_node("Loop", ["b"], ["y"], name="loop"),
        helper.make_node("NeverUsed", ["x"], ["unused"], name="unused"),
    ]
    with pytest.raises(BadModelFile) as caught:
        from_graph(model(*nodes))
    text = str(caught.value)
    for part in (
        "NonMaxSuppression ('nms'",
        "com.microsoft.Attention ('attention'",
        "Loop ('loop'",
    ):
        assert part in text
    assert "NeverUsed" not in text


def test_an_attribute_that_nobody_knows_is_refused() -> None:
    node = helper.make_node("Relu", ["x"], ["y"], name="relu", slope=0.5)
    with pytest.raises(BadModelFile, match=r"node 'relu' \(Relu\): attribute 'slope' isn't known"):
        from_graph(model(node))


def pool(**settings: Any) -> Any:
    return helper.make_node("MaxPool", ["x"], ["y"], name="pool", **settings)


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (pool(kernel_shape=[0, 2]), "'kernel_shape' is"),
        (pool(kernel_shape=[2, 2], strides=[0, 1]), "'strides' is"),
        (pool(kernel_shape=[2, 2], pads=[1, 2**30, 0, 0]), "'pads' is"),
        (pool(kernel_shape=[2, 2], pads=[1, 1]), "'pads' is"),
        (pool(kernel_shape=[2, 2], auto_pad="SAME"), "'auto_pad' is 'SAME'"),
        (pool(kernel_shape=[30, 30]), "can't run with an input of"),
        (helper.make_node("Softmax", ["x"], ["y"], name="s", axis=1.5), "whole number"),
        (helper.make_node("Add", ["x"], ["y"], name="a"), "it has 1 inputs: missing .* 'b'"),
        (helper.make_node("Sub", ["", "x"], ["y"], name="a"), "its input 'a' is missing"),
        (helper.make_node("Neg", ["x", "x"], ["y"], name="n"), "it has 2 inputs: too many"),
        (helper.make_node("Relu", ["x", "x"], ["y"], name="r"), "all its inputs but the first"),
        (helper.make_node("Flatten", ["x"], ["y"], name="f", axis=9), "can't run with an input"),
    ],
)
def test_settings_that_make_no_sense_are_refused(node: Any, reason: str) -> None:
    with pytest.raises(BadModelFile, match=reason):
        from_graph(model(node))


def test_a_small_file_may_not_fill_the_memory_with_constants() -> None:
    weights = (weights_of(np.array([2**20, 2**12])), weights_of(np.zeros(1, np.float32), "zero"))
    nodes = [
        helper.make_node("ConstantOfShape", ["w"], ["big"], name="fill"),
        helper.make_node("Add", ["x", "big"], ["y"], name="add"),
    ]
    with pytest.raises(BadModelFile, match="which can't be"):
        from_graph(model(*nodes, weights=weights))


def test_constants_may_not_grow_by_broadcasting() -> None:
    column = np.zeros((2**15, 1), np.float32)
    weights = (weights_of(column, "a"), weights_of(column.T.copy(), "b"))
    nodes = [
        helper.make_node("Add", ["a", "b"], ["big"], name="outer"),
        helper.make_node("Add", ["x", "big"], ["y"], name="add"),
    ]
    with pytest.raises(BadModelFile, match=r"node 'outer' .*grow to more than"):
        from_graph(model(*nodes, weights=weights))


def test_a_tensor_larger_than_any_network_has_is_refused_before_it_runs() -> None:
    weights = (weights_of(np.array([1, 1, 2**15, 2**15])),)
    node = helper.make_node("Tile", ["x", "w"], ["y"], name="tile")
    with pytest.raises(BadModelFile, match=r"node 'tile' .*which can't be"):
        from_graph(model(node, weights=weights))


def test_an_output_that_ignores_the_picture_is_refused() -> None:
    constant = helper.make_node("Constant", [], ["y"], value=weights_of(np.ones(3, np.float32)))
    with pytest.raises(BadModelFile, match="the output 'y' doesn't depend on the input"):
        from_graph(model(constant))


def attempt(path: Path, content: bytes) -> None:
    """Reading damaged bytes gives a network or an EntopticError, nothing else."""
    path.write_bytes(content)
    try:
        from_graph(load_graph(path))
    except EntopticError:
        return


def test_a_file_cut_off_anywhere_is_refused_or_read(tmp_path: Path) -> None:
    content = convolution().SerializeToString()
    for length in range(0, len(content), 7):
        attempt(tmp_path / "cut.onnx", content[:length])


def test_a_file_with_flipped_bits_is_refused_or_read(tmp_path: Path) -> None:
    whole = convolution().SerializeToString()
    rng = random.Random(0)
    structure = [*range(160), *range(len(whole) - 120, len(whole))]  # not only weights
    for _ in range(600):
        content = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            content[rng.choice(structure)] ^= 1 << rng.randrange(8)
        attempt(tmp_path / "flipped.onnx", bytes(content))

"""What graphs in files may be like: channels last, unknown operators at their ends, odd names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor

import entoptic as ent
from entoptic import Layer
from entoptic.cli.main import outcome
from entoptic.errors import BadModelFile, BadSetting

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper

node = helper.make_node
PLAIN = "mean=0&std=1"


def saved(
    path: Path,
    nodes: Sequence[Any],
    outputs: Sequence[str],
    shape: Sequence[int | str] = (1, 3, 8, 10),
    **weights: np.ndarray,
) -> str:
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [onnx.ValueInfoProto(name=output) for output in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return f"onnx:{path}"


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def picture(height: int = 8, width: int = 10) -> Tensor:
    return torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(0))


def output(model: ent.Model, image: Tensor) -> Tensor:
    return model.activations(image, ["output"])[Layer("output")]


# Channels last


def channels_last(path: Path, shape: Sequence[int | str]) -> str:
    """A classifier: transposed, a convolution, the mean over places, a matrix."""
    nodes = [
        node("Transpose", ["x"], ["t"], name="turn", perm=[0, 3, 1, 2]),
        node("Conv", ["t", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        node("Relu", ["c"], ["r"], name="relu"),
        node("ReduceMean", ["r"], ["m"], name="mean", axes=[2, 3], keepdims=0),
        node("MatMul", ["m", "fc"], ["l"], name="fc"),
        node("Softmax", ["l"], ["y"], name="prob", axis=1),
    ]
    return saved(path, nodes, ["y"], shape, w=numbers(4, 3, 3, 3), fc=numbers(4, 5))


@pytest.mark.parametrize(
    "shape",
    [(1, 8, 10, 3), ("batch", 8, 10, 3), ("batch", "height", "width", 3), ("n", "a", "b", "c")],
)
def test_channels_last_give_what_onnxruntime_gives(tmp_path: Path, shape: Any) -> None:
    runtime = pytest.importorskip("onnxruntime")
    spec = channels_last(tmp_path / "net.onnx", shape)
    model = ent.load(f"{spec}?{PLAIN}&size=8x10")
    assert model.preprocess.size == (8, 10)
    session = runtime.InferenceSession(tmp_path / "net.onnx")
    (theirs,) = session.run(None, {"x": picture().permute(0, 2, 3, 1).numpy()})
    torch.testing.assert_close(output(model, picture()), torch.from_numpy(theirs))


def test_a_layout_that_is_ambiguous_can_be_said(tmp_path: Path) -> None:
    nodes = [node("ReduceSum", ["x", "axes"], ["y"], name="sums", keepdims=0)]
    spec = saved(tmp_path / "net.onnx", nodes, ["y"], (1, 3, 4, 3), axes=np.array([1, 2]))
    image = picture(4, 3)
    columns = output(ent.load(f"{spec}?{PLAIN}"), image)
    torch.testing.assert_close(columns, image.sum((1, 2)))
    channels = output(ent.load(f"{spec}?{PLAIN}&layout=nhwc"), picture(3, 4))
    torch.testing.assert_close(channels, picture(3, 4).sum((2, 3)))
    with pytest.raises(BadSetting, match="no layout 'hwc'; there are nchw and nhwc"):
        ent.load(f"{spec}?layout=hwc")


def test_a_classifier_with_channels_last_is_dreamt_and_visualised_in_a_line_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = channels_last(tmp_path / "net.onnx", ("batch", 24, 32, 3))
    dreamt = outcome(
        ["dream", "--noise", "40x50", "-m", spec, "--octaves", "2", "--steps", "2", "-o", "d.png"]
    )
    assert dreamt == 0
    seen = outcome(
        ["visualize", "-m", spec, "class:3", "--steps", "2", "--size", "24", "-o", "v.png"]
    )
    assert seen == 0
    assert ent.read("d.png").image.shape == (1, 3, 40, 50)
    assert ent.read("v.png").image.shape[1] == 3


# What can't be imported


def detector(path: Path) -> str:
    """Two heads on a convolution; what follows one of them is nothing that can be imported."""
    nodes = [
        node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        node("Relu", ["c"], ["r"], name="relu"),
        node("Sigmoid", ["r"], ["s"], name="scores"),
        node("Suppress", ["s", "r"], ["n"], name="nms", domain="com.example"),
        node("Relu", ["n"], ["y"], name="after"),
    ]
    return saved(path, nodes, ["y"], w=numbers(4, 3, 3, 3))


def test_an_unknown_operator_at_the_end_is_left_off_and_that_is_said(tmp_path: Path) -> None:
    model = ent.load(f"{detector(tmp_path / 'net.onnx')}?{PLAIN}")
    assert model.names == ("conv", "relu", "scores", "output")
    assert model.notes[0] == (
        "left off, since it can't be imported, with all that follows: com.example.Suppress "
        "('nms'); the network ends at 'scores' (?output=NAME ends it elsewhere)"
    )
    assert output(model, picture()).shape == (1, 4, 8, 10)
    both = model.activations(picture(), ["relu", "scores"])
    torch.testing.assert_close(both[Layer("scores")], both[Layer("relu")].sigmoid())


def test_what_else_comes_out_stays_the_output(tmp_path: Path) -> None:
    nodes = [
        node("Relu", ["x"], ["r"], name="relu"),
        node("Unknown", ["r"], ["u"], name="odd"),
        node("Sigmoid", ["r"], ["s"], name="scores"),
        node("Tanh", ["u"], ["t"], name="late"),
    ]
    model = ent.load(saved(tmp_path / "net.onnx", nodes, ["t", "s"]) + f"?{PLAIN}")
    assert model.notes[0].endswith("ends at 'scores' (?output=NAME ends it elsewhere)")
    torch.testing.assert_close(output(model, picture()), picture().sigmoid())


def test_a_setting_that_is_not_imported_is_left_off_too(tmp_path: Path) -> None:
    nodes = [
        node("Relu", ["x"], ["r"], name="relu"),
        node("Relu", ["r"], ["y"], name="odd", strange=1),
    ]
    model = ent.load(saved(tmp_path / "net.onnx", nodes, ["y"]) + f"?{PLAIN}")
    assert model.names == ("relu", "output")
    assert "node 'odd' (Relu): attribute 'strange' isn't known" in model.notes[0]


def test_where_nothing_comes_before_it_the_network_is_refused(tmp_path: Path) -> None:
    nodes = [node("Unknown", ["x"], ["r"], name="odd"), node("Relu", ["r"], ["y"], name="relu")]
    with pytest.raises(BadModelFile, match=r"can't be imported: Unknown \('odd'\)"):
        ent.load(saved(tmp_path / "net.onnx", nodes, ["y"]))


def test_an_output_that_is_constant_is_left_off(tmp_path: Path) -> None:
    nodes = [
        node("Relu", ["x"], ["r"], name="relu"),
        node("Neg", ["w"], ["boxes"], name="prior"),
    ]
    spec = saved(tmp_path / "net.onnx", nodes, ["boxes", "r"], w=numbers(4, 4))
    model = ent.load(f"{spec}?{PLAIN}")
    assert model.notes[0] == (
        "left off, since it is the same for every picture: the output 'boxes'"
    )
    torch.testing.assert_close(output(model, picture()), picture())


def test_the_output_can_be_chosen_by_node_or_value(tmp_path: Path) -> None:
    spec = detector(tmp_path / "net.onnx")
    for name in ("relu", "r"):
        model = ent.load(f"{spec}?{PLAIN}&output={name}")
        assert model.names == ("conv", "relu", "output")
        assert not any("left off" in note for note in model.notes)
    with pytest.raises(BadSetting, match="no node named 'score' to end at; did you mean 'scores'"):
        ent.load(f"{spec}?output=score")
    with pytest.raises(BadModelFile, match=r"can't be imported: com\.example\.Suppress \('nms'\)"):
        ent.load(f"{spec}?output=after")


# Names of files


@pytest.mark.parametrize(
    "name", ["a+b.onnx", "a?b.onnx", "what?x=1.onnx", "a+b?c.onnx", "c++.onnx"]
)
def test_files_may_have_a_plus_or_a_question_mark_in_their_names(tmp_path: Path, name: str) -> None:
    nodes = [node("Relu", ["x"], ["y"], name="relu")]
    spec = saved(tmp_path / name, nodes, ["y"])
    assert ent.load(spec).names == ("relu", "output")
    model = ent.load(f"{spec}?{PLAIN}&size=20x30")
    assert model.preprocess.size == (20, 30)

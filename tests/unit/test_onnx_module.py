"""An imported graph is an ordinary module: hooks, copies, tracing, other sizes and batches."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper

from entoptic.formats.onnx import Imported, from_graph

node = helper.make_node


def build(
    nodes: list[Any],
    outputs: tuple[str, ...] = ("y",),
    shape: Any = (1, 3, 8, 6),
    opset: int = 17,
    **weights: Any,
) -> Imported:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    model.metadata_props.add(key="author", value="somebody")
    return from_graph(model)


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def classifier(shape: Any = (1, 3, 8, 6)) -> Imported:
    """conv/1 -> norm -> relu:0 -> global pool -> Reshape [1, 4] -> fc -> softmax."""
    return build(
        [
            node("Conv", ["x", "w", "b"], ["c"], name="conv/1", pads=[1, 1, 1, 1]),
            node("BatchNormalization", ["c", "s", "s", "b", "s"], ["n"], name="norm.1"),
            node("Relu", ["n"], ["r"], name="relu:0"),
            node("GlobalAveragePool", ["r"], ["p"], name="1.pool"),
            node("Reshape", ["p", "target"], ["flat"]),
            node("Gemm", ["flat", "fc"], ["logits"], name="fc"),
            node("Softmax", ["logits"], ["y"], name="prob", axis=1),
        ],
        shape=shape,
        w=numbers(4, 3, 3, 3),
        b=numbers(4),
        s=np.abs(numbers(4)) + 0.5,
        target=np.array([1, 4]),
        fc=numbers(4, 5),
    )


def test_every_node_keeps_its_name_as_address() -> None:
    imported = classifier()
    assert list(imported.addresses) == [
        "conv/1",
        "norm.1",
        "relu:0",
        "1.pool",
        "flat",
        "fc",
        "prob",
    ]
    kinds = [type(imported.module.get_submodule(path)) for path in imported.addresses.values()]
    assert kinds[:4] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.AdaptiveAvgPool2d]
    assert kinds[5:] == [nn.Linear, nn.Softmax]


def test_names_that_are_empty_or_taken_give_way_to_the_output() -> None:
    imported = build(
        [
            node("Relu", ["x"], ["a"], name="twin"),
            node("Relu", ["a"], ["b"], name="twin"),
            node("Relu", ["b"], ["c"], name="y"),
            node("Relu", ["c"], ["y"]),
        ]
    )
    assert list(imported.addresses) == ["a", "b", "y", "y_2"]


def test_names_that_a_module_may_not_have_are_changed_and_stay_apart() -> None:
    names = ["a.b", "a/b", "forward", "steps", "é", "0", "..."]
    values = ["x", *(f"v{index}" for index in range(len(names) - 1)), "y"]
    nodes = [
        node("Relu", [values[index]], [values[index + 1]], name=name)
        for index, name in enumerate(names)
    ]
    imported = build(nodes)
    assert list(imported.addresses) == names
    assert len(set(imported.addresses.values())) == len(names)
    assert imported.module(torch.ones(1, 3, 8, 6)).sum() == 144


def test_output_and_logits_are_known() -> None:
    imported = classifier()
    assert (imported.output, imported.logits) == ("prob", "fc")
    assert imported.input_shape == (1, 3, 8, 6)
    assert imported.metadata == {"author": "somebody"}


def test_without_a_softmax_the_output_is_the_logits() -> None:
    assert build([node("Relu", ["x"], ["y"], name="relu")]).logits == "relu"


def test_a_reshape_after_the_softmax_is_looked_through() -> None:
    nodes = [
        node("Relu", ["x"], ["a"], name="scores"),
        node("Softmax", ["a"], ["b"], name="prob"),
        node("Flatten", ["b"], ["y"], name="flat"),
    ]
    imported = build(nodes)
    assert (imported.output, imported.logits) == ("flat", "scores")


def test_free_sizes_are_none() -> None:
    imported = build([node("Relu", ["x"], ["y"])], shape=("batch", 3, None, 0))
    assert imported.input_shape == (None, 3, None, None)


def test_several_outputs_come_as_a_tuple() -> None:
    nodes = [node("Relu", ["x"], ["y"]), node("Neg", ["y"], ["z"])]
    first, second = build(nodes, ("y", "z")).module(torch.ones(1, 3, 8, 6))
    assert (first.sum(), second.sum()) == (144, -144)


def test_weights_are_frozen_and_the_gradient_reaches_the_picture() -> None:
    module = classifier().module
    assert not any(weight.requires_grad for weight in module.parameters())
    x = torch.rand(2, 3, 8, 6, requires_grad=True)
    module(x)[:, 2].sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_a_hook_sees_the_inputs_and_the_output_of_one_node() -> None:
    imported = build(
        [
            node("Relu", ["x"], ["a"], name="relu"),
            node("Add", ["a", "x"], ["b"], name="add"),
            node("Add", ["b", "one"], ["y"], name="more"),
        ],
        one=np.ones(1, np.float32),
    )
    seen = {}
    for address, path in imported.addresses.items():
        imported.module.get_submodule(path).register_forward_hook(
            lambda module, inputs, output, address=address: seen.update({address: (inputs, output)})
        )
    imported.module(torch.full((1, 3, 8, 6), 2.0))
    assert [len(inputs) for inputs, _ in seen.values()] == [1, 2, 1]
    assert [output.mean() for _, output in seen.values()] == [2, 4, 5]


def test_a_hook_may_stop_the_run() -> None:
    class Enough(Exception):
        pass

    def stop(*_: Any) -> None:
        raise Enough

    imported = classifier()
    imported.module.get_submodule(imported.addresses["relu:0"]).register_forward_hook(stop)
    with pytest.raises(Enough):
        imported.module(torch.zeros(1, 3, 8, 6))


def test_values_are_forgotten_after_their_last_use() -> None:
    steps = classifier().module.steps
    forgotten = [name for step in steps for name in step.forget]
    assert forgotten == ["x", "c", "n", "r", "p", "flat", "logits"]


def sizes_graph() -> Imported:
    """Add the columns' numbers and double the height: all by arithmetic of sizes."""
    return build(
        [
            node("Shape", ["x"], ["shape"]),
            node("Gather", ["shape", "three"], ["width"]),
            node("Gather", ["shape", "two"], ["height"]),
            node("Range", ["zero", "width", "one"], ["columns"]),
            node("Cast", ["columns"], ["floats"], to=TensorProto.FLOAT),
            node("Add", ["x", "floats"], ["added"]),
            node("Mul", ["height", "two"], ["twice"]),
            node("Unsqueeze", ["twice", "axes"], ["h"]),
            node("Unsqueeze", ["width", "axes"], ["w"]),
            node("Slice", ["shape", "axes", "first_two"], ["front"]),
            node("Concat", ["front", "h", "w"], ["sizes"], axis=0),
            node("Resize", ["added", "", "", "sizes"], ["y"], mode="nearest"),
        ],
        shape=("b", 3, "h", "w"),
        zero=np.array(0),
        one=np.array(1),
        two=np.array(2),
        three=np.array(3),
        axes=np.array([0]),
        first_two=np.array([2]),
    )


@pytest.mark.parametrize("size", [(1, 3, 8, 6), (3, 3, 5, 13)])
def test_arithmetic_of_sizes_follows_the_picture(size: tuple[int, ...]) -> None:
    x = torch.rand(size)
    expected = (x + torch.arange(size[3])).repeat_interleave(2, dim=2)
    torch.testing.assert_close(sizes_graph().module(x), expected)


@pytest.mark.parametrize("make", [classifier, sizes_graph])
def test_a_graph_can_be_traced_copied_pickled_and_moved(make: Any) -> None:
    module = make().module
    x = torch.rand(1, 3, 8, 6)
    expected = module(x)
    assert torch.equal(torch.fx.symbolic_trace(module)(x), expected)
    assert torch.equal(copy.deepcopy(module)(x), expected)
    assert torch.equal(pickle.loads(pickle.dumps(module))(x), expected)
    bare = copy.deepcopy(module).to("meta")(x.to("meta"))
    assert (bare.device.type, bare.shape) == ("meta", expected.shape)


@pytest.mark.parametrize("make", [classifier, sizes_graph])
def test_a_graph_runs_in_bfloat16(make: Any) -> None:
    module = make().module.bfloat16()
    assert module(torch.rand(1, 3, 8, 6).bfloat16()).dtype == torch.bfloat16


def test_the_batch_of_one_of_a_reshape_gives_way_to_the_real_batch() -> None:
    module = classifier().module
    x = torch.rand(3, 3, 8, 6)
    torch.testing.assert_close(module(x), torch.cat([module(one[None]) for one in x]))


@pytest.mark.parametrize("target", [[1, -1], [1, 144], [1, 3, -1, 2], [1, 0, 48]])
def test_a_reshape_for_one_works_for_three(target: list[int]) -> None:
    imported = build([node("Reshape", ["x", "target"], ["y"])], target=np.array(target))
    x = torch.rand(3, 3, 8, 6)
    expected = torch.cat([imported.module(one[None]) for one in x])
    assert torch.equal(imported.module(x), expected)


def test_a_class_token_that_stands_once_is_repeated_for_each_picture() -> None:
    nodes = [
        node("Reshape", ["x", "target"], ["rows"]),
        node("Concat", ["token", "rows"], ["y"], axis=1),
    ]
    module = build(nodes, target=np.array([1, 24, 6]), token=numbers(1, 1, 6)).module
    x = torch.rand(3, 3, 8, 6)
    assert torch.equal(module(x), torch.cat([module(one[None]) for one in x]))


def test_an_axis_of_length_one_that_is_not_the_batch_stays_one() -> None:
    """Rows become the first axis: the 1 of the Reshape is then no batch."""
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[2, 0, 1, 3]),
        node("Reshape", ["t", "target"], ["y"]),
    ]
    module = build(nodes, target=np.array([1, -1, 6])).module
    assert module(torch.rand(2, 3, 8, 6)).shape == (1, 48, 6)


def test_constants_are_computed_once_and_have_no_address() -> None:
    imported = build(
        [
            node("Identity", ["w"], ["same"], name="shared"),
            node("Transpose", ["same"], ["turned"], name="turn", perm=[1, 0, 2, 3]),
            node("Conv", ["x", "turned"], ["y"], name="conv"),
        ],
        w=numbers(3, 4, 2, 1),
    )
    assert list(imported.addresses) == ["conv"]
    assert isinstance(imported.module.conv, nn.Conv2d)
    assert imported.module.conv.weight.shape == (4, 3, 2, 1)


def test_places_of_a_constant_are_found_when_it_is_built() -> None:
    nodes = [
        node("NonZero", ["mask"], ["places"]),
        node("Squeeze", ["places", "axes"], ["columns"]),
        node("Gather", ["x", "columns"], ["y"], name="pick", axis=3),
    ]
    imported = build(nodes, mask=np.array([0.0, 1, 0, 0, 1, 0]), axes=np.array([0]))
    x = torch.rand(1, 3, 8, 6)
    assert list(imported.addresses) == ["pick"]
    assert torch.equal(imported.module(x), x[..., [1, 4]])


def test_an_output_that_only_training_needs_is_ignored() -> None:
    names = ["y", "mean", "var", "saved_mean", "saved_var"]
    nodes = [node("BatchNormalization", ["x", "s", "b", "m", "v"], names, name="norm")]
    parts = dict.fromkeys("sbmv", np.ones(3, np.float32))
    module = build(nodes, opset=9, **parts).module  # type: ignore[arg-type]
    torch.testing.assert_close(module(torch.ones(1, 3, 8, 6)), torch.ones(1, 3, 8, 6))

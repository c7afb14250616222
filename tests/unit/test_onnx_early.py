"""Files of the standard's first days, and functions that a file defines for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper

from entoptic.errors import BadModelFile
from entoptic.formats.onnx import from_graph

SHAPE = (2, 3, 2, 4)
X = torch.arange(48.0).reshape(SHAPE) / 10 - 2


def model_of(
    nodes: list[Any],
    weights: dict[str, Any] | None = None,
    *,
    opset: int | None = 6,
    shape: tuple[int, ...] = SHAPE,
    functions: tuple[Any, ...] = (),
    ir: int = 8,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [onnx.ValueInfoProto(name="y")],
        [
            numpy_helper.from_array(np.asarray(value), name)
            for name, value in (weights or {}).items()
        ],
    )
    opsets = (
        [] if opset is None else [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    )
    model = helper.make_model(graph, functions=functions, ir_version=ir)
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    return model


def made_by(
    op: str, x: torch.Tensor, *constants: Any, opset: int = 6, **settings: Any
) -> torch.Tensor:
    weights = {f"c{index}": constant for index, constant in enumerate(constants)}
    node = helper.make_node(op, ["x", *weights], ["y"], **settings)
    return from_graph(model_of([node], weights, opset=opset, shape=tuple(x.shape))).module(x)


ROW = np.array([1, 10, 100], np.float32)


def test_until_opset_6_the_second_tensor_lies_at_the_axis_that_is_said() -> None:
    expected = X + torch.from_numpy(ROW).reshape(3, 1, 1)
    assert torch.equal(made_by("Add", X, ROW, broadcast=1, axis=1), expected)
    assert torch.equal(made_by("Add", X, ROW, broadcast=1, axis=-3), expected)
    pair = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    expected = X * torch.from_numpy(pair).reshape(3, 2, 1)
    assert torch.equal(made_by("Mul", X, pair, broadcast=1, axis=1), expected)


def test_until_opset_6_without_an_axis_it_lies_at_the_last_ones() -> None:
    last = np.array([1, 2, 3, 4], np.float32)
    assert torch.equal(made_by("Sub", X, last, broadcast=1), X - torch.from_numpy(last))


def test_until_opset_6_nothing_is_broadcast_unasked() -> None:
    with pytest.raises(BadModelFile, match="aren't broadcast"):
        made_by("Add", X, np.array([1, 2, 3, 4], np.float32))


def test_the_first_upsample_has_two_scales() -> None:
    ours = made_by("Upsample", X, opset=1, height_scale=2.0, width_scale=3.0, mode="nearest")
    assert torch.equal(ours, X.repeat_interleave(2, 2).repeat_interleave(3, 3))


def test_the_first_cast_says_its_type_by_name() -> None:
    assert torch.equal(made_by("Cast", X, opset=5, to="INT32"), X.to(torch.int32))


def test_the_first_tile_has_a_count_and_an_axis() -> None:
    ours = made_by("Tile", X, np.array([2], np.float32), np.array([3], np.float32), opset=1)
    assert torch.equal(ours, X.repeat(1, 1, 1, 2))


EARLY = [
    (
        "ImageScaler",
        {"scale": 0.5, "bias": [1.0, 2.0, 3.0]},
        X * 0.5 + torch.tensor([[[1.0]], [[2]], [[3]]]),
    ),
    ("Crop", {"border": [1, 0, 2, 1]}, X[:, :, :1, 1:2]),
    ("Crop", {"border": [1, 0, 0, 0], "scale": [2, 3]}, X[:, :, :2, 1:4]),
    ("Affine", {"alpha": 2.0, "beta": 3.0}, 2 * X + 3),
    ("Scale", {"scale": 3.0}, 3 * X),
    ("ScaledTanh", {"alpha": 2.0, "beta": 0.5}, 2 * torch.tanh(0.5 * X)),
    ("ParametricSoftplus", {"alpha": 2.0, "beta": 0.5}, 2 * torch.log(1 + torch.exp(0.5 * X))),
    ("Erfc", {}, 1 - torch.erf(X)),
]


@pytest.mark.parametrize(("op", "settings", "expected"), EARLY, ids=lambda value: str(value)[:30])
def test_early_operators_say_what_their_text_says(
    op: str, settings: dict[str, Any], expected: torch.Tensor
) -> None:
    torch.testing.assert_close(made_by(op, X, opset=1, **settings), expected)


def test_a_crop_beyond_the_picture_is_refused() -> None:
    with pytest.raises(BadModelFile, match="has no part"):
        made_by("Crop", X, opset=1, border=[1, 0, 0, 0], scale=[2, 9])


def test_identities_of_several_pass_each_on() -> None:
    nodes = [
        helper.make_node("Neg", ["x"], ["n"]),
        helper.make_node("IdentityN", ["x", "n"], ["a", "b"]),
        helper.make_node("Max", ["a", "b"], ["y"]),
    ]
    assert torch.equal(from_graph(model_of(nodes, opset=13)).module(X), X.abs())


def test_a_file_of_the_first_formats_says_no_opset() -> None:
    node = helper.make_node("Add", ["x", "c"], ["y"], broadcast=1, axis=1)
    model = model_of([node], {"c": ROW}, opset=None, ir=2)
    assert torch.equal(from_graph(model).module(X), X + torch.from_numpy(ROW).reshape(3, 1, 1))


def test_sizes_of_minus_one_are_free() -> None:
    model = model_of([helper.make_node("Neg", ["x"], ["y"])], shape=(-1, 3, -1, -1))
    assert from_graph(model).input_shape == (None, 3, None, None)


@pytest.mark.parametrize("op", ["Crops", "Attentions"])
def test_an_unknown_operator_gets_no_hint_of_another(op: str) -> None:
    with pytest.raises(BadModelFile) as caught:
        made_by(op, X)
    assert op in str(caught.value)
    assert "did you mean" not in str(caught.value)


# Where torch's own functions have other ties, or a gradient that isn't a number.


def test_among_equal_numbers_the_first_comes_first() -> None:
    node = helper.make_node("TopK", ["x", "k"], ["values", "y"], axis=1)
    x = torch.tensor([[1.0, 3, 3, 2, 3, 1]])
    model = model_of([node], {"k": np.array([4])}, opset=11, shape=(1, 6))
    assert from_graph(model).module(x).tolist() == [[1, 2, 4, 3]]


ZEROS = [
    ("LpNormalization", {"axis": 1, "p": 2}),
    ("LpNormalization", {"axis": 1, "p": 1}),
    ("ReduceL2", {"axes": [1, 2, 3]}),
    ("LpPool", {"kernel_shape": [2, 2]}),
    ("GlobalLpPool", {"p": 3}),
]


@pytest.mark.parametrize(("op", "settings"), ZEROS, ids=str)
def test_norms_of_zeros_are_zeros_and_so_are_their_gradients(
    op: str, settings: dict[str, Any]
) -> None:
    x = torch.zeros(SHAPE, requires_grad=True)
    made = made_by(op, x, opset=11, **settings)
    made.sum().backward()
    assert made.eq(0).all()
    assert x.grad is not None
    assert x.grad.eq(0).all()


def test_an_output_shape_may_be_larger_than_what_the_taps_reach() -> None:
    """3 pixels, stride 3, 3 taps: 9 numbers, and a tenth that no tap reaches."""
    ones = np.ones((1, 1, 3), np.float32)
    x = torch.tensor([[[1.0, 2, 3]]])
    ours = made_by("ConvTranspose", x, ones, opset=11, strides=[3], output_shape=[10])
    assert ours.tolist() == [[[1, 1, 1, 2, 2, 2, 3, 3, 3, 0]]]
    ours = made_by("ConvTranspose", x, ones[..., :2], opset=11, strides=[3], auto_pad="SAME_UPPER")
    assert ours.shape == (1, 1, 9)


def test_a_batch_norm_in_training_takes_the_batchs_statistics() -> None:
    one, zero = np.ones(3, np.float32), np.zeros(3, np.float32)
    ours = made_by("BatchNormalization", X, one, zero, zero, one, opset=15, training_mode=1)
    torch.testing.assert_close(ours.mean((0, 2, 3)), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(ours.var((0, 2, 3), correction=0), torch.ones(3), atol=1e-4, rtol=0)


def test_a_crop_by_scales_is_refused() -> None:
    region, scales = (
        np.array([0, 0, 0, 0, 1, 1, 1, 1], np.float32),
        np.array([1, 1, 2, 2], np.float32),
    )
    rule = {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize"}
    with pytest.raises(BadModelFile, match="by sizes, not by scales"):
        made_by("Resize", X, region, scales, opset=13, **rule)


# Gradients of what isn't one of torch's own modules, against differences.

SMALL = (1, 2, 3, 4)
SMOOTH = [
    (
        "Resize",
        18,
        (None, np.array([1, 1, 0.6, 0.5], np.float32)),
        {"mode": "cubic", "antialias": 1},
    ),
    ("GridSample", 16, (np.linspace(-0.9, 0.8, 12, dtype=np.float32).reshape(1, 2, 3, 2),), {}),
    ("LpNormalization", 1, (), {"axis": 1}),
    ("LpPool", 18, (), {"kernel_shape": [2, 2], "p": 3}),
    ("MeanVarianceNormalization", 13, (), {}),
    ("Swish", 24, (), {"alpha": 1.3}),
    ("Attention", 23, (np.linspace(-1, 1, 40, dtype=np.float32).reshape(1, 2, 5, 4),) * 2, {}),
    ("ConvTranspose", 11, (np.ones((2, 1, 2, 2), np.float32),), {"output_shape": [3, 6]}),
    ("GatherND", 12, (np.array([[0, 1], [0, -1]]),), {}),
    ("AveragePool", 19, (), {"kernel_shape": [2, 2], "dilations": [2, 1]}),
    ("RMSNormalization", 23, (np.ones(4, np.float32),), {}),
    ("CumProd", 26, (np.array(2),), {"exclusive": 1}),
]


@pytest.mark.parametrize(
    ("op", "opset", "constants", "settings"), SMOOTH, ids=lambda v: str(v)[:20]
)
def test_gradients_are_those_of_differences(
    op: str, opset: int, constants: tuple[Any, ...], settings: dict[str, Any]
) -> None:
    names = ["" if constant is None else f"c{i}" for i, constant in enumerate(constants)]
    weights = {name: value for name, value in zip(names, constants, strict=True) if name}
    node = helper.make_node(op, ["x", *names], ["y"], **settings)
    module = from_graph(model_of([node], weights, opset=opset, shape=SMALL)).module.double()
    x = (
        torch.rand(SMALL, generator=torch.Generator().manual_seed(1)).double() - 0.4
    ).requires_grad_()
    assert torch.autograd.gradcheck(module, (x,), eps=1e-5, atol=1e-4)


# Functions of the file's own.


def function(
    name: str, nodes: list[Any], *, attributes: tuple[str, ...] = (), opset: int = 13
) -> Any:
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["a"], ["b"], nodes, opsets, list(attributes))


def call(name: str, given: str, made: str, **settings: Any) -> Any:
    return helper.make_node(name, [given], [made], name=f"call_{made}", domain="own", **settings)


def test_functions_are_written_out_with_their_settings_and_addresses() -> None:
    leaky = helper.make_node("LeakyRelu", ["a"], ["b"], name="leaky")
    slope = leaky.attribute.add(name="alpha", type=onnx.AttributeProto.FLOAT)
    slope.ref_attr_name = "slope"
    inner = function("Inner", [leaky], attributes=("slope",))
    twice = [call("Inner", "a", "t", slope=0.5), call("Inner", "t", "b", slope=0.25)]
    outer = function("Outer", twice)
    nodes = [call("Outer", "x", "z"), helper.make_node("Neg", ["z"], ["y"], name="neg")]
    imported = from_graph(model_of(nodes, opset=13, functions=(inner, outer)))
    assert list(imported.addresses) == ["call_z/call_t/leaky", "call_z/call_b/leaky", "neg"]
    assert torch.equal(imported.module(X), -torch.where(X < 0, X * 0.125, X))


def test_a_function_has_an_opset_of_its_own() -> None:
    """Softmax over all axes after the first until opset 12, over the last one since 13."""
    old = function("Old", [helper.make_node("Softmax", ["a"], ["b"])], opset=11)
    ours = from_graph(model_of([call("Old", "x", "y")], opset=13, functions=(old,))).module(X)
    torch.testing.assert_close(ours.sum((1, 2, 3)), torch.ones(2))


def test_a_function_that_calls_itself_is_refused() -> None:
    one, two = function("One", [call("Two", "a", "b")]), function("Two", [call("One", "a", "b")])
    with pytest.raises(BadModelFile, match="calls itself"):
        from_graph(model_of([call("One", "x", "y")], opset=13, functions=(one, two)))


def test_functions_that_double_each_other_are_refused() -> None:
    """Thirty functions of two calls each would be a thousand million nodes."""
    last = function("F0", [helper.make_node("Neg", ["a"], ["b"])])
    rest = [
        function(f"F{n}", [call(f"F{n - 1}", "a", "t"), call(f"F{n - 1}", "t", "b")])
        for n in range(1, 31)
    ]
    with pytest.raises(BadModelFile, match="grow to more than"):
        from_graph(model_of([call("F30", "x", "y")], opset=13, functions=(last, *rest)))


def test_functions_too_deep_in_each_other_are_refused() -> None:
    last = function("F0", [helper.make_node("Neg", ["a"], ["b"])])
    rest = [function(f"F{n}", [call(f"F{n - 1}", "a", "b")]) for n in range(1, 200)]
    with pytest.raises(BadModelFile, match="deep in each other"):
        from_graph(model_of([call("F199", "x", "y")], opset=13, functions=(last, *rest)))


ENDLESS = [
    ("RNN", {"hidden_size": 1}, (np.ones((1, 1, 1)), np.ones((1, 1, 1))), (10**5, 1, 1)),
    ("AveragePool", {"kernel_shape": [99, 99], "dilations": [2, 2]}, (), (1, 1, 300, 300)),
    ("Col2Im", {}, (np.array([99, 99]), np.array([99, 99])), (1, 9801, 1)),
    (
        "Resize",
        {"mode": "linear", "antialias": 1},
        (None, np.array([1, 1, 1, 1e-5])),
        (1, 1, 1, 10**5),
    ),
]


@pytest.mark.parametrize(
    ("op", "settings", "constants", "shape"), ENDLESS, ids=lambda v: str(v)[:20]
)
def test_what_would_be_repeated_without_end_is_refused(
    op: str, settings: dict[str, Any], constants: tuple[Any, ...], shape: tuple[int, ...]
) -> None:
    names = ["" if constant is None else f"c{i}" for i, constant in enumerate(constants)]
    weights = {
        name: value.astype(np.int64 if value.dtype.kind == "i" else np.float32)
        for name, value in zip(names, constants, strict=True)
        if name
    }
    node = helper.make_node(op, ["x", *names], ["y"], **settings)
    with pytest.raises(BadModelFile, match="in a row, which can't be"):
        from_graph(model_of([node], weights, opset=19, shape=shape))


def test_a_layer_whose_first_output_alone_is_asked_for_shows_a_tensor() -> None:
    past = np.ones((1, 2, 5, 4), np.float32)
    node = helper.make_node("Attention", ["x", "c", "c"], ["y"], name="attention")
    imported = from_graph(model_of([node], {"c": past}, opset=23, shape=SMALL))
    child = imported.module.get_submodule(imported.addresses["attention"])
    assert isinstance(child(torch.ones(SMALL)), torch.Tensor)

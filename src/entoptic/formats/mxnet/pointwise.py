"""Operators that work number by number, and sums over axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from entoptic.formats.mxnet.graph import Call, Translation, Value, operator

_UNARY = {
    "Relu": ("relu",),
    "Sigmoid": ("sigmoid", "LogisticRegressionOutput"),
    "Tanh": ("tanh",),
    "Exp": ("exp",),
    "Log": ("log",),
    "Sqrt": ("sqrt",),
    "Abs": ("abs",),
    "Neg": ("negative",),
    "Reciprocal": ("reciprocal",),
    "Erf": ("erf",),
    "Floor": ("floor",),
    "Ceil": ("ceil",),
    "Sign": ("sign",),
    "Sin": ("sin",),
    "Cos": ("cos",),
    "Softsign": ("softsign",),
    # Those that do nothing in MXNet's forward pass, or only while training.
    "Identity": (
        *("identity", "_copy", "Dropout", "BlockGrad", "stop_gradient"),
        *("MakeLoss", "make_loss", "LinearRegressionOutput", "MAERegressionOutput", "SVMOutput"),
        *("IdentityAttachKLSparseReg", "_contrib_gradientmultiplier", "_CrossDeviceCopy"),
    ),
}
# The words of binary operators: `broadcast_add`, `_plus`, `_plus_scalar`; old files write `_Plus`
# and `_PlusScalar`.
_BINARY = {
    "Add": ("add", "plus"),
    "Sub": ("sub", "minus"),
    "Mul": ("mul",),
    "Div": ("div",),
    "Pow": ("power",),
    "Max": ("maximum",),
    "Min": ("minimum",),
    "Greater": ("greater",),
    "GreaterOrEqual": ("greater_equal",),
    "Less": ("lesser",),
    "LessOrEqual": ("lesser_equal",),
    "Equal": ("equal",),
}
_COMPARISONS = {"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal"}
_REVERSED = {"Sub": "rminus", "Div": "rdiv", "Pow": "rpower"}
_FLOAT, _INT32, _BOOL = 1, 6, 9  # onnx.TensorProto's numbers of types


def _unary(op: str) -> Translation:
    return lambda call: call.last(op, call.input())


def _binary(op: str) -> Translation:
    return lambda call: _combined(call, op, call.input(0), call.input(1))


def _with_scalar(op: str) -> Translation:
    return lambda call: _combined(call, op, call.input(), _scalar(call))


def _from_scalar(op: str) -> Translation:
    return lambda call: _combined(call, op, _scalar(call), call.input())


def _combined(call: Call, op: str, left: Value, right: Value) -> Value:
    """Add an operation of two tensors; MXNet compares to 0.0 and 1.0, ONNX to booleans."""
    rank = _common_rank(left, right)
    if op not in _COMPARISONS:
        return call.last(op, left, right, rank=rank)
    return call.last("Cast", call.step("compare", op, left, right), rank=rank, to=_FLOAT)


def _scalar(call: Call) -> Value:
    return call.constant("scalar", call.attributes.real("scalar", 1.0))


def _common_rank(*values: Value) -> int:
    return max(value.rank for value in values)


for _op, _names in _UNARY.items():
    operator(*_names)(_unary(_op))
for _op, _words in _BINARY.items():
    for _word in _words:
        _old = _word.title()
        operator(f"broadcast_{_word}", f"elemwise_{_word}", f"_{_word}", f"_{_old}")(_binary(_op))
        operator(f"_{_word}_scalar", f"_{_old.replace('_', '')}Scalar")(_with_scalar(_op))
for _op, _word in _REVERSED.items():
    operator(f"_{_word}_scalar", f"_R{_word[1:].title()}Scalar")(_from_scalar(_op))


@operator("square")
def _square(call: Call) -> Value:
    return call.last("Mul", call.input(), call.input())


@operator("rsqrt")
def _reciprocal_root(call: Call) -> Value:
    root = call.step("sqrt", "Sqrt", call.input())
    return call.last("Reciprocal", root)


@operator("log1p")
def _log_of_one_more(call: Call) -> Value:
    more = call.step("plus_one", "Add", call.input(), call.constant("one", 1.0))
    return call.last("Log", more)


@operator("add_n", "ElementWiseSum")
def _sum_of_several(call: Call) -> Value:
    call.input()
    return call.last("Sum", *call.inputs, rank=_common_rank(*call.inputs))


@operator("clip")
def _clip(call: Call) -> Value:
    low = call.constant("a_min", call.attributes.real("a_min"))
    high = call.constant("a_max", call.attributes.real("a_max"))
    return call.last("Clip", call.input(), low, high)


@operator("Cast", "cast", "amp_cast")
def _cast(call: Call) -> Value:
    """Floats stay float32, as the whole graph is; integers lose what is behind the point."""
    floats = ("float32", "float16", "float64", "bfloat16")
    integers = ("int32", "int64", "uint8", "int8", "bool")
    data = call.input()
    dtype = call.attributes.text("dtype", options=floats + integers)
    if dtype in floats:
        return call.last("Identity", data)
    whole = call.step("whole", "Cast", data, to=_BOOL if dtype == "bool" else _INT32)
    return call.last("Cast", whole, to=_FLOAT)


@operator("where")
def _where(call: Call) -> Value:
    condition, yes, no = (call.input(index) for index in range(3))
    if condition.rank != yes.rank:
        raise call.fail("a condition with other axes than its choices can't be imported")
    truth = call.step("truth", "Cast", condition, to=_BOOL)
    return call.last("Where", truth, yes, no, rank=_common_rank(condition, yes, no))


@operator("sum", "sum_axis", "mean", "max", "max_axis", "min", "min_axis", "prod")
def _reduction(call: Call) -> Value:
    return _reduced(call, f"Reduce{call.kind.removesuffix('_axis').title()}")


@operator("norm")
def _norm(call: Call) -> Value:
    order = call.attributes.integer("ord", 2)
    if order not in (1, 2):
        raise call.fail(f"ord {order} can't be imported; only 1 and 2 can")
    return _reduced(call, f"ReduceL{order}")


def _reduced(call: Call, op: str) -> Value:
    axes, keep = _axes(call), call.attributes.flag("keepdims", False)
    everything = len(axes) in (0, call.rank())
    inputs: tuple[Value, ...] = (call.input(),)
    attributes: dict[str, Any] = {"keepdims": int(keep)}
    if axes and op == "ReduceSum":  # in opset 17 the only one whose axes are an input
        inputs += (call.integers("axes", axes),)
    elif axes:
        attributes["axes"] = axes
    if everything and not keep:  # MXNet has no tensors without axes
        number = call.step("number", op, *inputs, **attributes)
        return call.last("Reshape", number, call.integers("one", [1]), rank=1)
    left = call.rank() - (0 if keep else len(axes))
    return call.last(op, *inputs, rank=left, **attributes)


def _axes(call: Call) -> tuple[int, ...]:
    """The axes to reduce; empty for all."""
    axes = tuple(call.axis(axis) for axis in call.attributes.integers("axis", ()))
    if len(set(axes)) != len(axes):
        raise call.fail(f"axis {axes} names an axis twice")
    exclude = call.attributes.flag("exclude", False)
    if axes and exclude:
        axes = tuple(axis for axis in range(call.rank()) if axis not in axes)
        if not axes:
            raise call.fail("it excludes every axis, so nothing is left to reduce")
    return axes


@operator("dot")
def _dot(call: Call) -> Value:
    """Sum over the last axis of the left and the first of the right."""
    if call.rank(1) != 2 or call.rank(0) < 2:
        raise call.fail("only products with a matrix on the right can be imported")
    return _product(call, call.rank(0))


@operator("batch_dot")
def _batch_dot(call: Call) -> Value:
    if call.rank(0) != call.rank(1) or call.rank(0) < 3:
        raise call.fail("its inputs must have the same number of axes, 3 at least")
    return _product(call, call.rank(0))


def _product(call: Call, rank: int) -> Value:
    sides = []
    for index, side in enumerate("ab"):
        value = call.input(index)
        if call.attributes.flag(f"transpose_{side}", False):
            if call.kind == "dot" and call.rank(index) != 2:
                raise call.fail("only a matrix can be transposed")
            order = np.arange(call.rank(index))
            order[-2:] = order[-2:][::-1]
            value = call.step(f"transpose_{side}", "Transpose", value, perm=order.tolist())
        sides.append(value)
    return call.last("MatMul", *sides, rank=rank)

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
    # What MXNet does nothing with in the forward pass, or only while training.
    "Identity": (
        *("identity", "_copy", "Dropout", "BlockGrad", "stop_gradient"),
        *("MakeLoss", "make_loss", "LinearRegressionOutput", "MAERegressionOutput", "SVMOutput"),
        *("IdentityAttachKLSparseReg", "_contrib_gradientmultiplier", "_CrossDeviceCopy"),
    ),
}
# Old files write _Plus and _PlusScalar for what new ones call elemwise_add and _plus_scalar.
_BINARY = {
    "Add": ("elemwise_add", "broadcast_add", "broadcast_plus", "_plus", "_Plus", "_add"),
    "Sub": ("elemwise_sub", "broadcast_sub", "broadcast_minus", "_minus", "_Minus", "_sub"),
    "Mul": ("elemwise_mul", "broadcast_mul", "_mul", "_Mul"),
    "Div": ("elemwise_div", "broadcast_div", "_div", "_Div"),
    "Pow": ("broadcast_power", "_power", "_Power"),
    "Max": ("broadcast_maximum", "_maximum", "_Maximum"),
    "Min": ("broadcast_minimum", "_minimum", "_Minimum"),
}
_COMPARE = {
    "Greater": ("broadcast_greater", "_greater", "_Greater"),
    "GreaterOrEqual": ("broadcast_greater_equal", "_greater_equal", "_Greater_Equal"),
    "Less": ("broadcast_lesser", "_lesser", "_Lesser"),
    "LessOrEqual": ("broadcast_lesser_equal", "_lesser_equal", "_Lesser_Equal"),
    "Equal": ("broadcast_equal", "_equal", "_Equal"),
}
_SCALAR = {
    "Add": ("_plus_scalar", "_PlusScalar"),
    "Sub": ("_minus_scalar", "_MinusScalar"),
    "Mul": ("_mul_scalar", "_MulScalar"),
    "Div": ("_div_scalar", "_DivScalar"),
    "Pow": ("_power_scalar", "_PowerScalar"),
    "Max": ("_maximum_scalar", "_MaximumScalar"),
    "Min": ("_minimum_scalar", "_MinimumScalar"),
}
_SCALAR_FIRST = {
    "Sub": ("_rminus_scalar", "_RMinusScalar"),
    "Div": ("_rdiv_scalar", "_RDivScalar"),
    "Pow": ("_rpower_scalar", "_RPowerScalar"),
}
_COMPARE_SCALAR = {
    "Greater": ("_greater_scalar", "_GreaterScalar"),
    "GreaterOrEqual": ("_greater_equal_scalar", "_GreaterEqualScalar"),
    "Less": ("_lesser_scalar", "_LesserScalar"),
    "LessOrEqual": ("_lesser_equal_scalar", "_LesserEqualScalar"),
    "Equal": ("_equal_scalar", "_EqualScalar"),
}
_FLOAT, _INT32, _BOOL = 1, 6, 9  # onnx.TensorProto's numbers of types


def _unary(kind: str) -> Translation:
    return lambda call: call.last(kind, call.input())


def _binary(kind: str) -> Translation:
    def translate(call: Call) -> Value:
        left, right = call.input(0), call.input(1)
        return call.last(kind, left, right, rank=_common_rank(left, right))

    return translate


def _compare(kind: str) -> Translation:
    """ONNX compares to booleans, MXNet to 0.0 and 1.0."""

    def translate(call: Call) -> Value:
        left, right = call.input(0), call.input(1)
        truth = call.step("compare", kind, left, right)
        return call.last("Cast", truth, rank=_common_rank(left, right), to=_FLOAT)

    return translate


def _with_scalar(kind: str, *, first: bool = False) -> Translation:
    def translate(call: Call) -> Value:
        data, scalar = call.input(), _scalar(call)
        inputs = (scalar, data) if first else (data, scalar)
        return call.last(kind, *inputs, rank=data.rank)

    return translate


def _compare_with_scalar(kind: str) -> Translation:
    def translate(call: Call) -> Value:
        truth = call.step("compare", kind, call.input(), _scalar(call))
        return call.last("Cast", truth, to=_FLOAT)

    return translate


def _scalar(call: Call) -> Value:
    return call.constant("scalar", call.attributes.real("scalar", 1.0))


def _common_rank(*values: Value) -> int:
    return max(value.rank for value in values)


for _make, _table in (
    (_unary, _UNARY),
    (_binary, _BINARY),
    (_compare, _COMPARE),
    (_with_scalar, _SCALAR),
    (lambda kind: _with_scalar(kind, first=True), _SCALAR_FIRST),
    (_compare_with_scalar, _COMPARE_SCALAR),
):
    for _kind, _names in _table.items():
        operator(*_names)(_make(_kind))


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
    dtype = call.attributes.choice("dtype", floats + integers)
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


@operator("sum", "sum_axis")
def _sum(call: Call) -> Value:
    return _reduced(call, "ReduceSum", axes_are_input=True)


@operator("mean")
def _mean(call: Call) -> Value:
    return _reduced(call, "ReduceMean")


@operator("max", "max_axis")
def _max(call: Call) -> Value:
    return _reduced(call, "ReduceMax")


@operator("min", "min_axis")
def _min(call: Call) -> Value:
    return _reduced(call, "ReduceMin")


@operator("prod")
def _prod(call: Call) -> Value:
    return _reduced(call, "ReduceProd")


@operator("norm")
def _norm(call: Call) -> Value:
    order = call.attributes.integer("ord", 2)
    if order not in (1, 2):
        raise call.fail(f"ord {order} can't be imported; only 1 and 2 can")
    return _reduced(call, f"ReduceL{order}")


def _reduced(call: Call, kind: str, *, axes_are_input: bool = False) -> Value:
    """In opset 17 only ReduceSum takes its axes as an input."""
    axes, keep = _axes(call), call.attributes.flag("keepdims", False)
    everything = len(axes) in (0, call.rank())
    inputs: tuple[Value, ...] = (call.input(),)
    attributes: dict[str, Any] = {"keepdims": int(keep)}
    if axes and axes_are_input:
        inputs += (call.integers("axes", axes),)
    elif axes:
        attributes["axes"] = axes
    if everything and not keep:  # MXNet has no tensors without axes
        number = call.step("number", kind, *inputs, **attributes)
        return call.last("Reshape", number, call.integers("one", [1]), rank=1)
    left = call.rank() - (0 if keep else len(axes))
    return call.last(kind, *inputs, rank=left, **attributes)


def _axes(call: Call) -> tuple[int, ...]:
    """The axes to reduce; empty for all."""
    axes = tuple(call.axis(axis) for axis in call.attributes.integers("axis", ()))
    if len(set(axes)) != len(axes):
        raise call.fail(f"axis {axes} names an axis twice")
    if axes and call.attributes.flag("exclude", False):
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

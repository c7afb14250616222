"""Caffe's layers that treat each value for itself, or each channel: activations, scales, sums.

Source: BVLC Caffe, src/caffe/layers/*.cpp; Normalize is of the SSD fork.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from entoptic.formats.caffe.site import Site, Tensor, caffe_layer

# The third blob counts training steps, so it's about 1 to 1e6; its inverse is far below this.
_LARGEST_FACTOR = 1e20


def _unary(op: str) -> Callable[[Site], Tensor]:
    return lambda site: site.step(op, [site.bottom()])


@caffe_layer("ReLU", "relu_param", "negative_slope engine")
def relu(site: Site) -> Tensor:
    """Relu, or LeakyRelu where there is a slope."""
    bottom, slope = site.bottom(), site.param.number("negative_slope", 0.0)
    if slope == 0:
        return site.step("Relu", [bottom])
    return site.step("LeakyRelu", [bottom], alpha=slope)


@caffe_layer("ReLU6")
def relu6(site: Site) -> Tensor:
    """Clip to 0..6."""
    return _clipped(site, 0.0, 6.0)


@caffe_layer("Clip", "clip_param", "min max")
def clip(site: Site) -> Tensor:
    """Clip to min..max."""
    if not {"min", "max"} <= set(site.param.fields):
        raise site.error("it must say min and max")
    return _clipped(site, site.param.number("min", 0.0), site.param.number("max", 0.0))


def _clipped(site: Site, low: float, high: float) -> Tensor:
    bottom = site.bottom()
    limits = [site.constant("min", low), site.constant("max", high)]
    return site.step("Clip", [bottom, *limits])


@caffe_layer("PReLU", "prelu_param", "filler channel_shared")
def prelu(site: Site) -> Tensor:
    """PRelu with one slope per channel, or one for all."""
    bottom = site.bottom()
    if bottom.rank < 2:
        raise site.error("it takes a blob with channels")
    shared = site.param.flag("channel_shared", False)
    (slope,) = site.weights(() if shared else (bottom.shape[1],))
    slope = slope.reshape((-1,) + (1,) * (bottom.rank - 2))
    return site.step("PRelu", [bottom, site.constant("slope", slope)])


@caffe_layer("ELU", "elu_param", "alpha")
def elu(site: Site) -> Tensor:
    """Elu."""
    bottom, alpha = site.bottom(), site.param.number("alpha", 1.0)
    return site.step("Elu", [bottom], alpha=alpha)


# Dropout does nothing: Caffe scales while training, so that the test phase needn't.
for _kind, _op, _param, _fields in (
    ("Sigmoid", "Sigmoid", "sigmoid_param", "engine"),
    ("TanH", "Tanh", "tanh_param", "engine"),
    ("AbsVal", "Abs", "", ""),
    ("BNLL", "Softplus", "", ""),
    ("Dropout", "Identity", "dropout_param", "dropout_ratio"),
):
    caffe_layer(_kind, _param, _fields)(_unary(_op))


@caffe_layer("Power", "power_param", "power scale shift")
def power(site: Site) -> Tensor:
    """(shift + scale * x) ** power."""
    exponent = site.param.number("power", 1.0)
    steps = [*_scale_and_shift(site), *([("Pow", "power", exponent)] if exponent != 1 else [])]
    return _chain(site, steps)


@caffe_layer("Exp", "exp_param", "base scale shift")
def exponential(site: Site) -> Tensor:
    """base ** (shift + scale * x); a base of -1 means e."""
    rate = _log_of_base(site)
    to_base_e = [("Mul", "log_base", rate)] if rate != 1 else []
    return _chain(site, [*_scale_and_shift(site), *to_base_e, ("Exp", "exp", None)])


@caffe_layer("Log", "log_param", "base scale shift")
def logarithm(site: Site) -> Tensor:
    """Logarithm of (shift + scale * x) to a base; a base of -1 means e."""
    rate = _log_of_base(site)
    if rate == 0:
        raise site.error("there is no logarithm to the base 1")
    from_base_e = [("Div", "log_base", rate)] if rate != 1 else []
    return _chain(site, [*_scale_and_shift(site), ("Log", "log", None), *from_base_e])


def _log_of_base(site: Site) -> float:
    base = site.param.number("base", -1.0)
    if base == -1:
        return 1.0
    if base <= 0:
        raise site.error(f"base {base:g} must be positive, or -1 for e")
    return math.log(base)


def _scale_and_shift(site: Site) -> list[tuple[str, str, float | None]]:
    scale, shift = site.param.number("scale", 1.0), site.param.number("shift", 0.0)
    steps: list[tuple[str, str, float | None]] = []
    if scale != 1:
        steps.append(("Mul", "scale", scale))
    if shift != 0:
        steps.append(("Add", "shift", shift))
    return steps


def _chain(site: Site, steps: list[tuple[str, str, float | None]]) -> Tensor:
    """Operations one after the other, each with a number or without; the last has the name."""
    value = site.bottom()
    for index, (op, part, number) in enumerate(steps or [("Identity", "", None)]):
        operand = [] if number is None else [site.constant(f"{part}_by", number)]
        last = index >= len(steps) - 1
        value = site.step(op, [value, *operand], part="" if last else part)
    return value


@caffe_layer("BatchNorm", "batch_norm_param", "use_global_stats moving_average_fraction eps")
def batch_normalization(site: Site) -> Tensor:
    """BatchNormalization without scale and shift, which are a Scale layer's in Caffe.

    Caffe stores sums: mean and variance must be divided by the third blob.
    """
    bottom = site.bottom()
    if bottom.rank < 2:
        raise site.error("it takes a blob with channels")
    if not site.param.flag("use_global_stats", True):
        raise site.error("use_global_stats is false, so a picture would change with its batch")
    channels = bottom.shape[1]
    mean, variance, (weight,) = site.weights((channels,), (channels,), (1,))
    factor = 0.0 if weight == 0 else 1 / float(weight)
    if not abs(factor) < _LARGEST_FACTOR:
        raise site.error(f"its third blob {weight:g} would make its mean infinite")
    parts: dict[str, NDArray[np.float32]] = {
        "scale": np.ones(channels, np.float32),
        "shift": np.zeros(channels, np.float32),
        "mean": mean * np.float32(factor),
        "variance": variance * np.float32(factor),
    }
    constants = [site.constant(part, array) for part, array in parts.items()]
    return site.step(
        "BatchNormalization",
        [bottom, *constants],
        bottom.shape,
        epsilon=site.param.number("eps", 1e-5),
    )


@caffe_layer("Scale", "scale_param", "axis num_axes filler bias_term bias_filler")
def scale(site: Site) -> Tensor:
    """Mul by weights or by a second blob, and Add where it has a bias."""
    factors = _operand_shape(site)
    bias = site.param.flag("bias_term", False)
    arrays = _operand_weights(site, [factors] * (1 + bias))
    factor = _operand(site, "weight", arrays)
    shape = site.bottoms[0].shape
    if not bias:
        return site.step("Mul", [site.bottoms[0], factor], shape)
    scaled = site.step("Mul", [site.bottoms[0], factor], shape, "scaled")
    offset = site.constant("bias", _aligned(site, arrays[-1]))
    return site.step("Add", [scaled, offset], shape)


@caffe_layer("Bias", "bias_param", "axis num_axes filler")
def bias(site: Site) -> Tensor:
    """Add weights or a second blob."""
    offset = _operand(site, "bias", _operand_weights(site, [_operand_shape(site)]))
    return site.step("Add", [site.bottoms[0], offset], site.bottoms[0].shape)


def _operand_shape(site: Site) -> tuple[int, ...]:
    """Shape of what a Scale or Bias layer applies along some axes of its first blob."""
    if len(site.bottoms) not in (1, 2):
        raise site.error(f"it takes one or two blobs, {len(site.bottoms)} are given")
    shape = site.bottoms[0].shape
    axis = _operand_axis(site)
    if len(site.bottoms) == 2:
        wanted = shape[axis : axis + site.bottoms[1].rank]
        if site.bottoms[1].shape != wanted:
            raise site.error(f"the second blob is {site.bottoms[1].shape}, not {wanted}")
        return wanted
    axes = site.param.integer("num_axes", 1, low=-1, high=len(shape))
    if axis + axes > len(shape):
        raise site.error(f"num_axes {axes} from axis {axis} on: there are only {len(shape)} axes")
    return shape[axis:] if axes == -1 else shape[axis : axis + axes]


def _operand_axis(site: Site) -> int:
    return site.axis("axis", 1, site.bottoms[0].rank)


def _operand_weights(site: Site, shapes: list[tuple[int, ...]]) -> list[NDArray[np.float32]]:
    """The layer's own weights; a second blob takes the place of the first of them."""
    shapes = shapes[len(site.bottoms) - 1 :]
    return site.weights(*shapes) if shapes else []


def _operand(site: Site, part: str, arrays: list[NDArray[np.float32]]) -> Tensor:
    if len(site.bottoms) == 1:
        return site.constant(part, _aligned(site, arrays[0]))
    second = site.bottoms[1]
    behind = site.bottoms[0].rank - _operand_axis(site) - second.rank
    if not behind:
        return second
    dims = site.integers("dims", *[0] * second.rank, *[1] * behind)
    return site.step("Reshape", [second, dims], second.shape + (1,) * behind, "aligned")


def _aligned(site: Site, array: NDArray[np.float32]) -> NDArray[np.float32]:
    """With axes of 1 behind, so that ONNX, which aligns at the end, applies it at the axis."""
    axis = _operand_axis(site) if array.ndim else site.bottoms[0].rank
    return array.reshape(array.shape + (1,) * (site.bottoms[0].rank - axis - array.ndim))


@caffe_layer("Eltwise", "eltwise_param", "operation coeff stable_prod_grad")
def elementwise(site: Site) -> Tensor:
    """Product, (weighted) sum or maximum of blobs of the same shape."""
    operation = site.param.choice("operation", ("PROD", "SUM", "MAX"), "SUM")
    coefficients = site.param.numbers("coeff")
    values = list(site.bottoms)
    if len(values) < 2 or len({value.shape for value in values}) != 1:
        raise site.error(f"it takes blobs of one shape, not {[v.shape for v in values[:9]]}")
    if coefficients and (operation != "SUM" or len(coefficients) != len(values)):
        raise site.error(f"{len(coefficients)} coeff for a {operation} of {len(values)} blobs")
    for index, coefficient in enumerate(coefficients):
        if coefficient != 1:
            factor = site.constant(f"coeff{index}", coefficient)
            values[index] = site.step(
                "Mul", [values[index], factor], values[index].shape, f"term{index}"
            )
    op = {"PROD": "Mul", "SUM": "Add", "MAX": "Max"}[operation]
    result = values[0]
    for index, value in enumerate(values[1:], start=2):
        part = f"first{index}" if index < len(values) else ""
        result = site.step(op, [result, value], part=part)
    return result


@caffe_layer("Normalize", "norm_param", "across_spatial scale_filler channel_shared eps")
def normalize(site: Site) -> Tensor:
    """x / sqrt(sum of squares + eps), over the channels or over everything, times weights."""
    x = site.bottom(rank=4)
    across = site.param.flag("across_spatial", True)
    shared = site.param.flag("channel_shared", True)
    (weight,) = site.weights((1,) if shared else (x.shape[1],))
    axes = (1, 2, 3) if across else (1,)
    reduced = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    square = site.step("Mul", [x, x], part="square")
    over = site.integers("axes", *axes)
    total = site.step("ReduceSum", [square, over], reduced, "sum", keepdims=1)
    eps = site.constant("eps", site.param.number("eps", 1e-10))
    padded = site.step("Add", [total, eps], reduced, "sum_eps")
    norm = site.step("Sqrt", [padded], reduced, "norm")
    unit = site.step("Div", [x, norm], part="unit")
    scale = site.constant("weight", weight.reshape(-1, 1, 1))
    return site.step("Mul", [unit, scale], x.shape)

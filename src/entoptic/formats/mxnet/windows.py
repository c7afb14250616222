"""Operators that look at a window or at all positions: convolution, pooling, full connection."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from entoptic.formats.mxnet.graph import NOTHING, Call, Value, operator
from entoptic.formats.windows import Window

_LARGEST_WINDOW = 4096  # also of strides and paddings; no picture network comes near
_LARGEST_COUNT = 2**31 - 1


def _window(call: Call) -> Window:
    kernel = call.attributes.integers("kernel", low=1, high=_LARGEST_WINDOW)
    axes = len(kernel)
    if not 1 <= axes <= 3:
        raise call.fail(f"its kernel has {axes} axes; 1 to 3 can be imported")
    _require_channels_second(call)
    call.require_rank(axes + 2)
    pads = _per_axis(call, "pad", axes, 0)
    stride, dilation = (_per_axis(call, key, axes, 1) for key in ("stride", "dilate"))
    return Window(kernel, stride, dilation, begin=pads, end=pads)


def _require_channels_second(call: Call) -> None:
    layout = call.attributes.written.get("layout", "None")
    if layout not in ("None", "NCHW", "NCW", "NCDHW"):
        raise call.fail(f"layout {layout!r} can't be imported; channels must come second")


def _per_axis(call: Call, key: str, axes: int, default: int) -> tuple[int, ...]:
    low = 0 if default == 0 else 1
    given = call.attributes.integers(key, (), low=low, high=_LARGEST_WINDOW)
    if len(given) not in (0, axes):
        raise call.fail(f"attribute {key!r} has {len(given)} numbers, but the kernel has {axes}")
    return given or (default,) * axes


def _bias(call: Call, length: int, *, none_by_default: bool = False) -> tuple[Value, ...]:
    if call.attributes.flag("no_bias", none_by_default):
        return ()
    return (call.parameter(2, "bias", (length,)),)


@operator("Convolution", "Convolution_v1")
def _convolution(call: Call) -> Value:
    window = _window(call)
    filters, groups = _filters(call)
    return call.last(
        "Conv",
        call.input(),
        call.parameter(1, "weight", (filters, None, *window.kernel)),
        *_bias(call, filters),
        **window.attributes(),
        group=groups,
    )


def _filters(call: Call) -> tuple[int, int]:
    """Read the number of filters, and into how many groups they are cut."""
    filters = call.attributes.integer("num_filter", low=1, high=_LARGEST_COUNT)
    return filters, call.attributes.integer("num_group", 1, low=1, high=filters)


@operator("Deconvolution")
def _deconvolution(call: Call) -> Value:
    window = _window(call)
    axes = len(window.kernel)
    filters, groups = _filters(call)
    target = _per_axis(call, "target_shape", axes, 0)
    words = window.attributes() | {"output_padding": _per_axis(call, "adj", axes, 0)}
    if any(target) and not all(target):
        raise call.fail(f"target_shape {target} must be positive")
    if any(target):  # then MXNet computes the padding, the larger half before the picture
        words |= {"output_shape": target, "output_padding": None, "pads": None}
    return call.last(
        "ConvTranspose",
        call.input(),
        call.parameter(1, "weight", (None, filters // groups, *window.kernel)),
        *_bias(call, filters, none_by_default=True),
        **words,
        group=groups,
    )


@operator("FullyConnected")
def _fully_connected(call: Call) -> Value:
    hidden = call.attributes.integer("num_hidden", low=1, high=_LARGEST_COUNT)
    weight = call.parameter(1, "weight", (hidden, None))
    bias = _bias(call, hidden)
    data = call.input()
    if call.attributes.flag("flatten", True) or data.rank == 2:
        if data.rank != 2:
            data = call.step("flatten", "Flatten", data, rank=2, axis=1)
        return call.last("Gemm", data, weight, *bias, rank=2, transB=1)
    turned = call.constant("weight", np.ascontiguousarray(weight.numbers.T))
    if not bias:
        return call.last("MatMul", data, turned)
    product = call.step("matmul", "MatMul", data, turned)
    return call.last("Add", product, *bias)


@operator("Pooling", "Pooling_v1")
def _pooling(call: Call) -> Value:
    kind = call.attributes.text("pool_type", "max", ("max", "avg", "sum"))
    if call.attributes.flag("global_pool", False):
        return _global_pooling(call, kind)
    convention = call.attributes.text("pooling_convention", "valid", ("valid", "full", "same"))
    window = replace(_window(call), ceil=convention == "full")
    if convention == "same":
        if any(window.begin):
            raise call.fail("pooling_convention 'same' can't have a pad")
        # ceil(size / stride) positions, as rounding down gives with kernel - 1 more.
        window = replace(window, end=tuple(length - 1 for length in window.kernel))
    if kind == "max":
        return _max_pooling(call, window)
    # The oldest operator divides by the whole kernel wherever the window lies.
    if kind == "sum" or call.kind == "Pooling_v1":
        return _sum_pooling(call, window, average=kind == "avg")
    return _average_pooling(call, window)


def _global_pooling(call: Call, kind: str) -> Value:
    _require_channels_second(call)
    if call.rank() < 3:
        raise call.fail(f"its input must have 3 axes at least, but it has {call.rank()}")
    if kind == "sum":
        axes = call.integers("axes", range(2, call.rank()))
        return call.last("ReduceSum", call.input(), axes, keepdims=1)
    return call.last({"max": "GlobalMaxPool", "avg": "GlobalAveragePool"}[kind], call.input())


def _max_pooling(call: Call, window: Window) -> Value:
    data = call.input()
    if call.kind == "Pooling_v1":  # the oldest operator pads with zeros here too
        data, window = _padded(call, window)
    return call.last("MaxPool", data, **window.attributes(pools=True))


def _average_pooling(call: Call, window: Window) -> Value:
    data = call.input()
    padding_counts = any(window.begin) and call.attributes.flag("count_include_pad", True)
    if padding_counts and window.ceil:
        # The padding counts, but not the overhang where the size is rounded up: readers of ONNX
        # differ on that, so the padding becomes part of the picture.
        (data, window), padding_counts = _padded(call, window), False
    words = window.attributes(pools=True) | {"count_include_pad": int(padding_counts)}
    return call.last("AveragePool", data, **words)


def _sum_pooling(call: Call, window: Window, *, average: bool) -> Value:
    if window.ceil:  # rounding up is rounding down with stride - 1 more at the end
        pairs = zip(window.end, window.stride, strict=True)
        window = replace(window, end=tuple(pad + step - 1 for pad, step in pairs), ceil=False)
    data, window = _padded(call, window)
    if average:
        return call.last("AveragePool", data, **window.attributes())
    mean = call.step("mean", "AveragePool", data, **window.attributes())
    return call.last("Mul", mean, call.constant("area", math.prod(window.kernel)))


def _padded(call: Call, window: Window) -> tuple[Value, Window]:
    """Add the window's zeros to the input, and return the window without them."""
    if not any((*window.begin, *window.end)):
        return call.input(), window
    amounts = call.integers("pads", (0, 0, *window.begin, 0, 0, *window.end))
    none = (0,) * len(window.kernel)
    return call.step("pad", "Pad", call.input(), amounts), replace(window, begin=none, end=none)


@operator("UpSampling")
def _upsampling(call: Call) -> Value:
    call.require_rank(4)
    scale = call.attributes.integer("scale", low=1, high=64)
    if call.attributes.text("sample_type", options=("nearest", "bilinear")) == "bilinear":
        return _bilinear_upsampling(call, scale)
    if len(call.inputs) != 1:
        raise call.fail(f"nearest up-sampling of {len(call.inputs)} inputs can't be imported")
    scales = call.constant("scales", [1, 1, scale, scale])
    return call.last(
        "Resize",
        call.input(),
        NOTHING,
        scales,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _bilinear_upsampling(call: Call, scale: int) -> Value:
    """MXNet does it with a stored, possibly trained, kernel for each channel."""
    kernel = 2 * scale - scale % 2
    weight = call.parameter(1, "weight", (None, 1, kernel, kernel))
    return call.last(
        "ConvTranspose",
        call.input(),
        weight,
        kernel_shape=(kernel, kernel),
        strides=(scale, scale),
        pads=(scale // 2,) * 4,  # ceil((scale - 1) / 2)
        group=weight.numbers.shape[0],
    )


@operator("_contrib_AdaptiveAvgPooling2D")
def _adaptive_average_pooling(call: Call) -> Value:
    call.require_rank(4)
    size = call.attributes.integers("output_size", ()) or (1, 1)
    if set(size) != {1}:
        raise call.fail(f"output_size {size} can't be imported; only 1 can")
    return call.last("GlobalAveragePool", call.input())


@operator("_contrib_BilinearResize2D")
def _bilinear_resize(call: Call) -> Value:
    call.require_rank(4)
    modes = ("size", "like", "odd_scale", "to_even_down", "to_even_up", "to_odd_down", "to_odd_up")
    mode = call.attributes.text("mode", "size", modes)
    if mode not in ("size", "like"):
        raise call.fail(f"mode {mode!r} can't be imported; only 'size' and 'like' can")
    corners = call.attributes.flag("align_corners", True)
    return call.last(
        "Resize",
        call.input(),
        NOTHING,
        *_resized_to(call, mode),
        mode="linear",
        coordinate_transformation_mode="align_corners" if corners else "half_pixel",
    )


def _resized_to(call: Call, mode: str) -> tuple[Value, ...]:
    """The inputs of ONNX's Resize that tell the new size: scales, or no scales and sizes."""
    if call.attributes.has("scale_height") or call.attributes.has("scale_width"):
        scales = [call.attributes.real(key) for key in ("scale_height", "scale_width")]
        if not all(0 < scale <= 64 for scale in scales):
            raise call.fail(f"can't resize by {scales}; scales must lie between 0 and 64")
        return (call.constant("scales", [1, 1, *scales]),)
    if mode == "like":
        size = spatial_size(call, call.input(1), "like")
    else:
        height, width = (
            call.attributes.integer(key, 1, low=1, high=16384) for key in ("height", "width")
        )
        size = call.integers("height_width", (height, width))
    shape = call.step("shape", "Shape", call.input(), start=0, end=2)
    return NOTHING, call.step("size", "Concat", shape, size, axis=0)


def spatial_size(call: Call, value: Value, suffix: str) -> Value:
    """Height and width of a tensor, as a tensor."""
    return call.step(f"{suffix}_size", "Shape", value, rank=1, start=2, end=4)

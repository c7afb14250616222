"""Caffe's layers that look at a neighbourhood: convolution, pooling, normalisation, resizing.

Pooling sizes round up in Caffe, except that a last window which would start in the padding is
left out; an average divides by the part of its window that lies in the padded picture. Both are
what `ceil_mode=1` and `count_include_pad=1` mean to onnxruntime and to torch (which took the rule
from Caffe), so the size of the picture stays free. One corner differs on purpose: without padding
and with a stride larger than the window, Caffe may give a last window that sees nothing (-FLT_MAX
or NaN); here it is left out.

Source: BVLC Caffe, src/caffe/layers/*.cpp.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from entoptic.formats.caffe.site import NOTHING, Site, Tensor, caffe_layer
from entoptic.formats.windows import Window

# Far beyond any network; a larger number is an attack on the machine's memory.
_LARGEST_WINDOW = 2**14

_WINDOW = "kernel_size kernel_h kernel_w pad pad_h pad_w stride stride_h stride_w"
_CONVOLUTION = (
    f"{_WINDOW} dilation num_output bias_term group axis engine weight_filler bias_filler "
    "force_nd_im2col"
)


def _window(site: Site) -> Window:
    kernel = _pair(site, "kernel_size", "kernel", 1, None)
    pad = _pair(site, "pad", "pad", 0, 0)
    stride, dilation = (_pair(site, name, name, 1, 1) for name in ("stride", "dilation"))
    return Window(kernel, stride, dilation, begin=pad, end=pad)


def _pair(site: Site, name: str, stem: str, low: int, default: int | None) -> tuple[int, int]:
    """Read `name: 3`, or twice (rows, columns), or `stem_h: 3 stem_w: 5`."""
    both = site.param.integers(name, low, _LARGEST_WINDOW)
    if f"{stem}_h" in site.param or f"{stem}_w" in site.param:
        missing = low - 1 if default is None else default
        rows = site.param.integer(f"{stem}_h", missing, low, _LARGEST_WINDOW)
        columns = site.param.integer(f"{stem}_w", missing, low, _LARGEST_WINDOW)
        if both or min(rows, columns) < low:
            raise site.error(f"give either {name}, or both {stem}_h and {stem}_w")
        return rows, columns
    if len(both) > 2:
        raise site.error(f"{name} has {len(both)} numbers; only pictures (2 axes) are understood")
    if not both and default is None:
        raise site.error(f"it says no {name}")
    return (both[0], both[-1]) if both else (default or 0, default or 0)


def _convolved(site: Site, op: str, window: Window, size: tuple[int, ...]) -> Tensor:
    """One convolution, either way round.

    Args:
        site: the layer.
        op: Conv, whose weights are (outputs, inputs / groups, rows, columns), or ConvTranspose,
            whose weights are (inputs, outputs / groups, rows, columns); to Caffe as to ONNX.
        window: what slides.
        size: rows and columns of the result at the declared input size.
    """
    bottom, param = site.bottom(rank=4), site.param
    inputs, outputs = bottom.shape[1], param.integer("num_output", 0)
    groups = param.integer("group", 1, low=1)
    if not outputs:
        raise site.error("it says no num_output")
    if outputs % groups or inputs % groups:
        raise site.error(f"{inputs} and {outputs} channels don't divide into {groups} groups")
    if param.integer("axis", 1, low=-3) not in (1, -3):
        raise site.error("only axis 1 (channels) is understood")
    first, second = (outputs, inputs) if op == "Conv" else (inputs, outputs)
    bias = [(outputs,)] if param.flag("bias_term", True) else []
    arrays = site.weights((first, second // groups, *window.kernel), *bias)
    weights = [site.constant(p, a) for p, a in zip(("weight", "bias"), arrays, strict=False)]
    shape = (bottom.shape[0], outputs, *size)
    return site.step(op, [bottom, *weights], shape, **window.attributes(), group=groups)


@caffe_layer("Convolution", "convolution_param", _CONVOLUTION)
def convolution(site: Site) -> Tensor:
    """Translate to Conv; sizes round down."""
    window = _window(site)
    return _convolved(site, "Conv", window, window.positions(site.bottom(rank=4).shape[2:]))


@caffe_layer("Deconvolution", "convolution_param", _CONVOLUTION)
def deconvolution(site: Site) -> Tensor:
    """Translate to ConvTranspose."""
    window = _window(site)
    return _convolved(site, "ConvTranspose", window, window.grown(site.bottom(rank=4).shape[2:]))


@caffe_layer(
    "Pooling",
    "pooling_param",
    f"{_WINDOW} pool global_pooling engine ceil_mode round_mode",
)
def pooling(site: Site) -> Tensor:
    """Translate to MaxPool or AveragePool, rounding up (see the top of this file)."""
    bottom = site.bottom(rank=4)
    method = site.param.choice("pool", ("MAX", "AVE", "STOCHASTIC"), "MAX")
    if method == "STOCHASTIC":
        raise site.error("stochastic pooling isn't understood; only MAX and AVE are")
    if site.param.flag("global_pooling", False):
        op = "GlobalMaxPool" if method == "MAX" else "GlobalAveragePool"
        return site.step(op, [bottom], (*bottom.shape[:2], 1, 1))
    window = _window(site)
    if any(pad >= kernel for pad, kernel in zip(window.begin, window.kernel, strict=True)):
        raise site.error(f"padding {window.begin} must be less than {window.kernel}")
    # Two well-known forks of Caffe can round down.
    ceil = site.param.flag("ceil_mode", True)
    ceil = ceil and site.param.choice("round_mode", ("CEIL", "FLOOR"), "CEIL") == "CEIL"
    window = replace(window, ceil=ceil)
    return site.step(
        "MaxPool" if method == "MAX" else "AveragePool",
        [bottom],
        (*bottom.shape[:2], *window.positions(bottom.shape[2:])),
        **window.attributes(pools=True),
        count_include_pad=None if method == "MAX" else 1,
    )


@caffe_layer("LRN", "lrn_param", "local_size alpha beta norm_region k engine")
def local_response_normalization(site: Site) -> Tensor:
    """LRN: across channels as ONNX has it (alpha over the window's size too), or over space."""
    bottom = site.bottom(rank=4)
    size = site.param.integer("local_size", 5, low=1, high=_LARGEST_WINDOW)
    alpha, beta = site.param.number("alpha", 1.0), site.param.number("beta", 0.75)
    region = site.param.choice(
        "norm_region", ("ACROSS_CHANNELS", "WITHIN_CHANNEL"), "ACROSS_CHANNELS"
    )
    if size % 2 == 0:
        raise site.error(f"local_size {size} must be odd")
    if region == "ACROSS_CHANNELS":
        k = site.param.number("k", 1.0)
        return site.step("LRN", [bottom], size=size, alpha=alpha, beta=beta, bias=k)
    return _within_channel(site, bottom, size, alpha, beta)


def _within_channel(site: Site, x: Tensor, size: int, alpha: float, beta: float) -> Tensor:
    """x / (1 + alpha * mean of x² over the window) ** beta; Caffe doesn't look at k here."""
    square = site.step("Mul", [x, x], part="square")
    mean = site.step(
        "AveragePool",
        [square],
        x.shape,
        "mean",
        kernel_shape=[size, size],
        pads=[size // 2] * 4,
        strides=[1, 1],
        count_include_pad=1,
    )
    scaled = site.step("Mul", [mean, site.constant("alpha", alpha)], x.shape, "scaled")
    shifted = site.step("Add", [scaled, site.constant("one", 1.0)], x.shape, "shifted")
    power = site.step("Pow", [shifted, site.constant("beta", beta)], x.shape, "power")
    return site.step("Div", [x, power])


@caffe_layer("Crop", "crop_param", "axis offset")
def crop(site: Site) -> Tensor:
    """The part of the first blob, from an offset on, that has the size of the second."""
    if len(site.bottoms) != 2 or site.bottoms[0].rank != site.bottoms[1].rank:
        raise site.error("it takes two blobs with the same number of axes")
    data, reference = site.bottoms
    axis = site.axis("axis", 2, data.rank)
    axes = range(axis, data.rank)
    offsets = site.param.integers("offset", 0, 2**31 - 1) or (0,)
    offsets = offsets * len(axes) if len(offsets) == 1 else offsets
    if len(offsets) != len(axes):
        raise site.error(f"{len(offsets)} offsets for {len(axes)} cropped axes")
    for i, offset in zip(axes, offsets, strict=True):
        if offset + reference.shape[i] > data.shape[i]:
            raise site.error(f"axis {i} has {data.shape[i]}, less than {offset} and the crop")
    size = site.step("Shape", [reference], (len(axes),), "size", start=axis)
    starts = site.integers("starts", *offsets)
    ends = site.step("Add", [size, starts], (len(axes),), "ends")
    inputs = [data, starts, ends, site.integers("axes", *axes)]
    return site.step("Slice", inputs, data.shape[:axis] + reference.shape[axis:])


@caffe_layer("Interp", "interp_param", "height width zoom_factor shrink_factor pad_beg pad_end")
def interp(site: Site) -> Tensor:
    """Bilinear resizing with corners on corners (DeepLab's and PSPNet's layer)."""
    bottom, param = site.bottom(rank=4), site.param
    height, width = (param.integer(n, 0, 0, _LARGEST_WINDOW) for n in ("height", "width"))
    zoom = param.integer("zoom_factor", 1, 1, _LARGEST_WINDOW)
    shrink = param.integer("shrink_factor", 1, 1, _LARGEST_WINDOW)
    if param.integer("pad_beg", 0, -(2**31)) or param.integer("pad_end", 0, -(2**31)):
        raise site.error("pad_beg and pad_end aren't understood")
    if bool(height) != bool(width) or (height and max(zoom, shrink) > 1):
        raise site.error("give either height and width, or zoom_factor and shrink_factor")
    if height:
        rows, columns = height, width
        size = site.integers("size", height, width)
    else:
        rows, columns = ((length - 1) // shrink * zoom + 1 for length in bottom.shape[2:])
        size = _zoomed_size(site, bottom, zoom, shrink)
    unchanged = site.step("Shape", [bottom], (2,), "unchanged", end=2)
    sizes = site.step("Concat", [unchanged, size], (4,), "sizes", axis=0)
    return site.step(
        "Resize",
        [bottom, NOTHING, NOTHING, sizes],
        (*bottom.shape[:2], rows, columns),
        mode="linear",
        coordinate_transformation_mode="align_corners",
    )


def _zoomed_size(site: Site, bottom: Tensor, zoom: int, shrink: int) -> Tensor:
    """(length - 1) // shrink * zoom + 1, for the picture's height and width."""
    one = site.integers("one", 1)
    size = site.step("Shape", [bottom], (2,), "size", start=2)
    gaps = site.step("Sub", [size, one], (2,), "gaps")
    shrunk = site.step("Div", [gaps, site.integers("shrink", shrink)], (2,), "shrunk")
    zoomed = site.step("Mul", [shrunk, site.integers("zoom", zoom)], (2,), "zoomed")
    return site.step("Add", [zoomed, one], (2,), "zoomed_size")


@caffe_layer("Upsample", "upsample_param", "scale")
def upsample(site: Site) -> Tensor:
    """Every pixel repeated `scale` times in both directions."""
    bottom = site.bottom(rank=4)
    scale = site.param.integer("scale", 2, 1, _LARGEST_WINDOW)
    rows, columns = (length * scale for length in bottom.shape[2:])
    scales = site.constant("scales", np.array([1, 1, scale, scale], np.float32))
    return site.step(
        "Resize",
        [bottom, NOTHING, scales],
        (*bottom.shape[:2], rows, columns),
        mode="nearest",
        nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )

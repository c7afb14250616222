"""Convolutions, dense layers and batch normalization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from entoptic.errors import BadModelFile
from entoptic.formats.tensorflow.builder import Builder
from entoptic.formats.tensorflow.operators.table import operator
from entoptic.formats.tensorflow.values import Free, Shape, Size, Value, constant, grown, natural
from entoptic.formats.windows import LARGEST, Window


def window(builder: Builder, kernel: tuple[int, int] | None = None) -> Window:
    """Read a window from a node's settings; the kernel's size is `ksize` where it isn't given."""
    kernel = kernel or _pair(builder, "ksize")
    padding = builder.node.text("padding", "")
    if padding not in ("SAME", "VALID", "EXPLICIT"):
        raise BadModelFile(f"its padding {padding!r} must be SAME, VALID or EXPLICIT")
    strides, dilations = _pair(builder, "strides"), _pair(builder, "dilations", (1, 1, 1, 1))
    found = Window(kernel, strides, dilations, (0, 0), (0, 0))
    if padding == "SAME":
        return replace(found, same="upper")
    if padding == "VALID":
        return found
    pads = builder.node.integers("explicit_paddings", ())
    if len(pads) != 8 or not all(0 <= pad <= LARGEST for pad in pads):
        raise BadModelFile("its explicit_paddings must be 8 numbers from 0 upwards")
    rows = 2 if _format(builder) == "NCHW" else 1
    top, bottom, left, right = pads[2 * rows : 2 * rows + 4]
    return replace(found, begin=(top, left), end=(bottom, right))


def attributes(moved: Window) -> dict[str, Any]:
    """Return a window in ONNX's words."""
    fixed = moved.fixed()
    if fixed.same and fixed.dilation != (1, 1):
        raise BadModelFile("SAME padding with both a stride and a dilation can't be read")
    return fixed.attributes()


def positions(moved: Window, axis: int, size: Size) -> Size:
    """Return the number of positions that a window takes along rows or columns."""
    return grown(size, lambda pixels: moved.positions((pixels, pixels))[axis])


def as_map(builder: Builder, x: Value) -> Value:
    """Return the input of a picture operator, kept (batch, channels, height, width)."""
    if x.rank != 4:
        raise BadModelFile(f"it needs a value with four axes, not {x.rank}")
    return builder.laid(x, _format(builder) == "NHWC")


def split(builder: Builder, x: Value) -> tuple[Size, Size, Size, Size]:
    """Batch, channels, height, width."""
    batch, first, second, third = x.shape
    return (
        (batch, first, second, third)
        if _format(builder) == "NCHW"
        else (batch, third, first, second)
    )


def joined(
    builder: Builder, name: str, batch: Size, channels: Size, sides: Sequence[Size]
) -> Value:
    """Return the result of a picture operator."""
    nchw = _format(builder) == "NHWC"
    shape: Shape = (batch, *sides, channels) if nchw else (batch, channels, *sides)
    return Value(name, shape, nchw)


def _format(builder: Builder) -> str:
    found = builder.node.text("data_format", "NHWC")
    if found not in ("NHWC", "NCHW"):
        raise BadModelFile(f"its data_format {found!r} must be NHWC or NCHW")
    return found


def _pair(builder: Builder, key: str, default: tuple[int, ...] = ()) -> tuple[int, int]:
    numbers = builder.node.integers(key, default)
    if len(numbers) != 4 or not all(1 <= number <= LARGEST for number in numbers):
        raise BadModelFile(f"its {key} must be 4 numbers from 1 upwards, not {list(numbers)[:8]}")
    batch, channels, rows, columns = (
        numbers if _format(builder) == "NCHW" else (numbers[0], numbers[3], *numbers[1:3])
    )
    if batch != 1 or channels != 1:
        raise BadModelFile(f"its {key} reach over pictures or channels; only rows and columns can")
    return rows, columns


@operator("Conv2D", inputs=2, most=6)
def conv2d(builder: Builder, x: Value, kernel: Value, *spread: Value) -> Value:
    array = builder.weights(kernel, "kernel", 4)
    return _convolved(builder, x, kernel, array.transpose(3, 2, 0, 1), spread)


@operator("DepthwiseConv2dNative", inputs=2, most=6)
def depthwise(builder: Builder, x: Value, kernel: Value, *spread: Value) -> Value:
    array = builder.weights(kernel, "kernel", 4)
    rows, columns, channels, multiplier = array.shape
    array = array.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, rows, columns)
    if split(builder, as_map(builder, x))[1] != channels:
        raise BadModelFile(f"its kernel is for {channels} channels, its input has another number")
    return _convolved(builder, x, kernel, array, spread)


def _convolved(
    builder: Builder,
    x: Value,
    kernel: Value,
    array: np.ndarray,
    spread: Sequence[Value],
) -> Value:
    """Emit a convolution with a kernel that is (out, in per group, rows, columns) already."""
    x = as_map(builder, x)
    batch, channels, height, width = split(builder, x)
    if not isinstance(channels, int) or channels % array.shape[1]:
        raise BadModelFile(
            f"its kernel takes {array.shape[1]} channels, its input has {_shown(channels)}"
        )
    moved = window(builder, (array.shape[2], array.shape[3]))
    if spread:
        moved = _dilated(builder, moved, spread)
    name = builder.emit(
        "Conv",
        x,
        builder.constant(array, kernel.name),
        **attributes(moved),
        group=channels // array.shape[1],
    )
    sides = [positions(moved, axis, side) for axis, side in enumerate((height, width))]
    return joined(builder, name, batch, array.shape[0], sides)


def _shown(size: Size) -> str:
    return "?" if isinstance(size, Free) else str(size)


def _dilated(builder: Builder, moved: Window, spread: Sequence[Value]) -> Window:
    """The window of a convolution between SpaceToBatchND and BatchToSpaceND."""
    if len(spread) != 4:
        raise BadModelFile(f"damaged: it has {2 + len(spread)} inputs, 2 are needed")
    block, paddings, back, crops = spread
    steps = builder.whole_numbers(block, "block_shape")
    if len(steps) != 2 or not all(1 <= step <= LARGEST for step in steps):
        raise BadModelFile("its block_shape must be 2 numbers from 1 upwards")
    if builder.whole_numbers(back, "block_shape") != steps:
        raise BadModelFile("its block_shape isn't the one that its result is put together with")
    if moved != Window(moved.kernel, (1, 1), (1, 1), (0, 0), (0, 0)):
        raise BadModelFile("between SpaceToBatchND and BatchToSpaceND it must be plain and VALID")
    pads = [
        _outer_pads(paddings, crops, axis, (size - 1) * step)
        for axis, (size, step) in enumerate(zip(moved.kernel, steps, strict=True))
    ]
    (top, bottom), (left, right) = pads
    return Window(moved.kernel, (1, 1), tuple(steps), (top, left), (bottom, right))


def _outer_pads(paddings: Value, crops: Value, axis: int, reach: int) -> tuple[int, int]:
    """The padding of the whole picture: what was added and isn't cut off again.

    The rest only rounds the size up to whole blocks. It follows from the picture's size, the
    difference doesn't; where the file gives no size, TensorFlow's SAME rule tells it.
    """
    if paddings.array is None or crops.array is None:
        raise BadModelFile("its paddings and crops must be constants")
    if paddings.shape != (2, 2) or crops.shape != (2, 2):
        raise BadModelFile("its paddings and crops must be two pairs")
    added, cut = (
        [natural(entry) for entry in array[axis].tolist()]
        for array in (paddings.array, crops.array)
    )
    before = _difference(added[0], cut[0])
    if before is None:
        raise BadModelFile("its paddings follow from the picture's size, which the file lacks")
    after = _difference(added[1], cut[1])
    if after is None:
        after = reach - before if before else 0
    if not (0 <= before <= LARGEST and 0 <= after <= LARGEST):
        raise BadModelFile("its crops cut more off than its paddings add")
    return before, after


def _difference(added: int | float | None, cut: int | float | None) -> int | None:
    return None if added is None or cut is None else int(added - cut)


@operator("Conv2DBackpropInput", inputs=3)
def transposed(builder: Builder, sizes: Value, kernel: Value, x: Value) -> Value:
    array = builder.weights(kernel, "kernel", 4)
    x = as_map(builder, x)
    batch, channels, *sides = split(builder, x)
    if channels != array.shape[3]:
        raise BadModelFile(f"its kernel takes {array.shape[3]} channels, not {_shown(channels)}")
    moved = window(builder, (array.shape[0], array.shape[1]))
    if any((*moved.begin, *moved.end)) or moved.dilation != (1, 1):
        raise BadModelFile("a transposed convolution with explicit padding or dilation")
    if sizes.array is None or sizes.shape != (4,):
        raise BadModelFile("the size of its result must be a list of 4 constants")
    _, _, *wanted = split(builder, Value("", tuple(sizes.array.tolist())))
    grown_sides = [
        _grown(builder, moved, axis, side, natural(size))
        for axis, (side, size) in enumerate(zip(sides, wanted, strict=True))
    ]
    befores, afters, extras, results = zip(*grown_sides, strict=True)
    name = builder.emit(
        "ConvTranspose",
        x,
        builder.constant(array.transpose(3, 2, 0, 1), kernel.name),
        kernel_shape=moved.kernel,
        strides=moved.stride,
        pads=(*befores, *afters),
        output_padding=extras,
    )
    return joined(builder, name, batch, array.shape[2], results)


def _grown(
    builder: Builder, moved: Window, axis: int, side: Size, wanted: int | float | None
) -> tuple[int, int, int, Size]:
    """Padding before and after, extra pixels at the end, and the size of one side's result.

    TensorFlow says how large the result is; ONNX works it out. For SAME it is nearly always the
    stride times the input, for VALID the least that the windows cover: so it is taken where
    the file gives no size.
    """
    kernel, stride = moved.kernel[axis], moved.stride[axis]
    least = 0 if moved.same else kernel - stride
    known = natural(side)
    extra = least
    if known is not None and wanted is not None:
        extra = int(wanted) - int(known) * stride
        if positions(moved, axis, int(wanted)) != known:
            raise BadModelFile(f"a result of {int(wanted)} pixels doesn't fit its input of {known}")
        builder.fixed_size |= extra != least and isinstance(side, Free)
    total = kernel - stride - extra
    before = max(total, 0) // 2 if moved.same else 0
    after = max(total, 0) - before
    return before, after, max(-total, 0), grown(side, lambda size: size * stride + extra)


@operator("MatMul", inputs=2)
def matmul(builder: Builder, x: Value, y: Value) -> Value:
    if x.rank != 2 or y.rank != 2:
        raise BadModelFile(f"it needs values with two axes, not {x.rank} and {y.rank}")
    x = _turned(builder, x, builder.node.flag("transpose_a", False), "transpose_a")
    y = _turned(builder, y, builder.node.flag("transpose_b", False), "transpose_b")
    inner = x.shape[1], y.shape[0]
    if all(isinstance(size, int) for size in inner) and inner[0] != inner[1]:
        raise BadModelFile(f"its inputs have {inner[0]} and {inner[1]} entries to sum over")
    return Value(builder.emit("MatMul", x, y), (x.shape[0], y.shape[1]))


def _turned(builder: Builder, value: Value, turn: bool, step: str) -> Value:
    if not turn:
        return value
    if value.array is not None:
        return constant(value.name, builder.numbers(value, "constant").T)
    name = builder.emit("Transpose", value, step=step, perm=(1, 0))
    return Value(name, value.shape[::-1])


@operator("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", inputs=5)
def fused_batch_norm(
    builder: Builder,
    x: Value,
    scale: Value,
    offset: Value,
    mean: Value,
    variance: Value,
) -> Value:
    if builder.node.flag("is_training", True):
        raise BadModelFile("it takes its statistics from the batch; freeze the graph for inference")
    epsilon = builder.node.number("epsilon", 1e-4)
    return _normalized(builder, x, [scale, offset, mean, variance], epsilon)


@operator("BatchNormWithGlobalNormalization", inputs=5)
def global_normalization(
    builder: Builder,
    x: Value,
    mean: Value,
    variance: Value,
    offset: Value,
    scale: Value,
) -> Value:
    if not builder.node.flag("scale_after_normalization", True):
        ones = np.ones_like(builder.weights(offset, "offset", 1))
        scale = constant(f"{builder.node.name}/scale", ones)
    epsilon = builder.node.number("variance_epsilon", 1e-4)
    return _normalized(builder, x, [scale, offset, mean, variance], epsilon)


def _normalized(builder: Builder, x: Value, statistics: list[Value], epsilon: float) -> Value:
    x = as_map(builder, x)
    channels = split(builder, x)[1]
    names = []
    for what, value in zip(("scale", "offset", "mean", "variance"), statistics, strict=True):
        array = builder.weights(value, what, 1)
        if array.size != channels:
            raise BadModelFile(
                f"its {what} has {array.size} entries for {_shown(channels)} channels"
            )
        names.append(builder.constant(array, value.name))
    return builder.result("BatchNormalization", x, *names, like=x, epsilon=epsilon)

"""Operators that move numbers and leave them as they are: reshape, slice, join, pad, turn."""

from __future__ import annotations

from entoptic.formats.mxnet.graph import Call, Value, operator
from entoptic.formats.mxnet.windows import spatial_size

_MOST_PAD = 4096
_MOST_PARTS = 4096
_TO_THE_END = 2**63 - 1


@operator("Flatten", "flatten")
def _flatten(call: Call) -> Value:
    return call.last("Flatten", call.input(), rank=2, axis=1)


@operator("transpose")
def _transpose(call: Call) -> Value:
    axes = call.attributes.integers("axes", ()) or tuple(reversed(range(call.rank())))
    perm = [call.axis(axis) for axis in axes]
    if sorted(perm) != list(range(call.rank())):
        raise call.fail(f"axes {axes} aren't an order of the input's {call.rank()} axes")
    return call.last("Transpose", call.input(), perm=perm)


@operator("SwapAxis", "swapaxes")
def _swap_axes(call: Call) -> Value:
    first, second = (call.axis(call.attributes.integer(key, 0)) for key in ("dim1", "dim2"))
    perm = list(range(call.rank()))
    perm[first], perm[second] = second, first
    return call.last("Transpose", call.input(), perm=perm)


@operator("expand_dims")
def _expand_dims(call: Call) -> Value:
    axis = call.axis(call.attributes.integer("axis"), more=1)
    return call.last("Unsqueeze", call.input(), call.integers("axes", [axis]), rank=call.rank() + 1)


@operator("squeeze")
def _squeeze(call: Call) -> Value:
    axes = sorted({call.axis(axis) for axis in call.attributes.integers("axis", ())})
    if not axes:  # the batch would vanish whenever it has one picture
        raise call.fail("without an axis it can't be imported; its result depends on the picture")
    left = call.rank() - len(axes)
    return call.last("Squeeze", call.input(), call.integers("axes", axes), rank=left)


@operator("Concat", "concat")
def _concat(call: Call) -> Value:
    axis = call.axis(call.attributes.integer("dim", 1))
    return call.last("Concat", call.input(), *call.inputs[1:], axis=axis)


@operator("stack")
def _stack(call: Call) -> Value:
    axis = call.axis(call.attributes.integer("axis", 0), more=1)
    axes = call.integers("axes", [axis])
    parts = [
        call.step(f"part{index}", "Unsqueeze", value, axes)
        for index, value in enumerate(call.inputs)
    ]
    return call.last("Concat", *parts, rank=call.rank() + 1, axis=axis)


@operator("SliceChannel", "split")
def _split(call: Call) -> tuple[Value, ...]:
    count = call.attributes.integer("num_outputs", low=1, high=_MOST_PARTS)
    axis = call.axis(call.attributes.integer("axis", 1))
    if not call.attributes.flag("squeeze_axis", False):
        return call.several("Split", call.input(), count=count, axis=axis)
    first, *others = call.several("Split", call.input(), count=count, suffix="split", axis=axis)
    axes, left = call.integers("axes", [axis]), call.rank() - 1
    more = [
        call.step(f"squeezed{at}", "Squeeze", part, axes, rank=left)
        for at, part in enumerate(others, 1)
    ]
    return call.last("Squeeze", first, axes, rank=left), *more


@operator("slice", "crop")
def _slice(call: Call) -> Value:
    begin = call.attributes.integers_or_none("begin")
    end = call.attributes.integers_or_none("end")
    step = call.attributes.integers_or_none("step", ())
    if len(begin) != len(end) or len(step) not in (0, len(begin)):
        raise call.fail(f"begin {begin}, end {end} and step {step} differ in length")
    steps = [1 if each is None else each for each in step] or [1] * len(begin)
    if 0 in steps:
        raise call.fail("a step of 0 can't be taken")
    starts = [
        (0 if step > 0 else _TO_THE_END) if start is None else start
        for start, step in zip(begin, steps, strict=True)
    ]
    ends = [
        (_TO_THE_END if step > 0 else -_TO_THE_END) if stop is None else stop
        for stop, step in zip(end, steps, strict=True)
    ]
    return _sliced(
        call,
        call.integers("starts", starts),
        call.integers("ends", ends),
        list(range(len(begin))),
        call.integers("steps", steps),
    )


@operator("slice_axis")
def _slice_axis(call: Call) -> Value:
    end = (_TO_THE_END,)
    if call.attributes.has("end"):
        end = (call.attributes.integer("end"),)
    start = call.integers("starts", [call.attributes.integer("begin")])
    axis = call.axis(call.attributes.integer("axis"))
    return _sliced(call, start, call.integers("ends", end), [axis])


@operator("slice_like")
def _slice_like(call: Call) -> Value:
    axes = [call.axis(axis) for axis in call.attributes.integers("axes", ())]
    axes = axes or list(range(call.rank(1)))
    shape = call.step("shape", "Shape", call.input(1))
    ends = call.step("ends", "Gather", shape, call.integers("wanted", axes), axis=0)
    return _sliced(call, call.integers("starts", [0] * len(axes)), ends, axes)


@operator("Crop")
def _crop(call: Call) -> Value:
    """Height and width from the attributes, or from a second input."""
    call.require_rank(4)
    if len(call.inputs) > 1:
        size = spatial_size(call, call.input(1), "like")
    else:
        pair = call.attributes.integers("h_w", low=1, high=2**31, count=2)
        size = call.integers("height_width", pair)
    if call.attributes.flag("center_crop", False):
        room = call.step("room", "Sub", spatial_size(call, call.input(), "whole"), size)
        start = call.step("starts", "Div", room, call.integers("two", [2]))
    else:
        offset = call.attributes.integers("offset", (0, 0), 0, 2**31, 2)
        start = call.integers("starts", offset)
    return _sliced(call, start, call.step("ends", "Add", start, size), [2, 3])


def _sliced(call: Call, starts: Value, ends: Value, axes: list[int], *steps: Value) -> Value:
    which = call.integers("axes", axes)
    return call.last("Slice", call.input(), starts, ends, which, *steps)


@operator("Pad", "pad")
def _pad(call: Call) -> Value:
    mode = call.attributes.text("mode", options=("constant", "edge", "reflect"))
    width = call.attributes.integers("pad_width", low=0, high=_MOST_PAD)
    if len(width) != 2 * call.rank():
        raise call.fail(
            f"pad_width has {len(width)} numbers, but must have {2 * call.rank()}: "
            f"before and after, for each of {call.rank()} axes"
        )
    pads = call.integers("pads", width[::2] + width[1::2])
    fill = call.constant("fill", call.attributes.real("constant_value", 0.0))
    inputs = (call.input(), pads, fill) if mode == "constant" else (call.input(), pads)
    return call.last("Pad", *inputs, mode=mode)

"""Operators that move entries without changing them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from entoptic.errors import BadModelFile
from entoptic.formats.tensorflow.builder import MAX_LIST, Builder
from entoptic.formats.tensorflow.fold import objects, sliced, strided
from entoptic.formats.tensorflow.operators.reductions import droppable, without
from entoptic.formats.tensorflow.operators.table import ANY, operator
from entoptic.formats.tensorflow.values import (
    BATCH,
    TO_NCHW,
    Free,
    Shape,
    Size,
    Value,
    constant,
    natural,
)

_MAX_PAD = 65_536
_END = 2**63 - 1  # ONNX's word for the end of an axis, however long it is


@operator("Shape", inputs=1)
def shape_of(builder: Builder, x: Value) -> Value:
    """Known now, as far as sizes are; nothing of it is left in the ONNX graph."""
    if all(isinstance(size, int) for size in x.shape):
        return constant(builder.node.name, np.array(x.shape, np.int64))
    return constant(builder.node.name, objects(x.shape))


@operator("Reshape", inputs=2)
def reshape(builder: Builder, x: Value, target: Value) -> Value:
    if target.array is None or len(target.shape) != 1:
        raise BadModelFile("its new shape isn't a list of constants")
    if x.nchw:
        x = builder.laid(x, False)
    written, shape = _reshaped(builder, x.shape, _sizes(target.array))
    return Value(builder.emit("Reshape", x, builder.integers(written, "to")), shape)


def _sizes(array: np.ndarray) -> list[Size]:
    sizes = [entry if isinstance(entry, Free) else int(entry) for entry in array.tolist()]
    whole = [size for size in sizes if isinstance(size, int)]
    if whole.count(-1) > 1 or any(size == 0 or size < -1 or size >= 2**31 for size in whole):
        raise BadModelFile(f"its new shape {whole} is absurd")
    return sizes


def _reshaped(builder: Builder, old: Shape, new: list[Size]) -> tuple[list[int], Shape]:
    """Return ONNX's target (0 copies a size, -1 is left over), and the shape of the result.

    The batch stays free: also where the file was frozen with a 1 or a -1 in its place, which is
    seen from the number of entries that is left for it.
    """
    each = _entries(old[1:]) if old[:1] == (BATCH,) else None
    known = _entries([size for size in new if size not in (BATCH, -1)])
    first_is_batch = old[:1] == (BATCH,) and (
        new[:1] == [BATCH] or (new[:1] in ([1], [-1]) and BATCH not in new and each == known)
    )
    written: list[int | None] = [None if isinstance(size, Free) else size for size in new]
    shape: list[Size] = [Free() if size == -1 else size for size in new]
    if first_is_batch:
        written[0], shape[0] = 0, BATCH
        if -1 in new[1:] and each is not None and known:
            shape[new.index(-1)] = Free(each // known)
    if written.count(None) == 1 and -1 not in written:
        written[written.index(None)] = -1
    if old[:1] != (BATCH,):
        _check_count(old, new)
    elif first_is_batch and each is not None and known and each % known:
        raise BadModelFile(f"{each} entries don't fit into the new shape")
    settled = [
        _settled(builder, size) if number is None else number
        for number, size in zip(written, new, strict=True)
    ]
    return settled, tuple(_sharpened(shape, old, first_is_batch))


def _sharpened(shape: list[Size], old: Shape, first_is_batch: bool) -> list[Size]:
    """Make a leftover axis a fixed number where no size of the picture takes part in it."""
    if not first_is_batch or not all(isinstance(size, int) for size in old[1:]):
        return shape
    return [
        int(size.natural) if isinstance(size, Free) and size.natural is not None else size
        for size in shape
    ]


def _settled(builder: Builder, size: Size) -> int:
    if size == BATCH:
        raise BadModelFile("its new shape moves the number of pictures to another axis")
    return builder.whole_numbers(constant("", objects([size])), "new shape")[0]


def _entries(sizes: Sequence[Size]) -> int | None:
    known = [natural(size) for size in sizes]
    return None if None in known else math.prod(int(size) for size in known if size is not None)


def _check_count(old: Shape, new: list[Size]) -> None:
    before, after = _entries(old), _entries([size for size in new if size != -1])
    if before is None or after is None:
        return
    if before % after or (-1 not in new and before != after):
        raise BadModelFile(f"{before} entries don't fit into the new shape")


@operator("Squeeze", inputs=1)
def squeeze(builder: Builder, x: Value) -> Value:
    axes = sorted({x.axis(number) for number in builder.node.integers("squeeze_dims", ())})
    if not axes:
        axes = [axis for axis, size in enumerate(x.shape) if natural(size) == 1]
        if any(natural(size) is None for size in x.shape if size != BATCH):
            raise BadModelFile("it drops the axes of size 1, and the file doesn't say which")
    for axis in axes:
        if x.shape[axis] == BATCH or natural(x.shape[axis]) not in (1, None):
            raise BadModelFile(f"axis {axis} can't be dropped: its size isn't 1")
    if not axes:
        return builder.result("Identity", x, like=x)
    x = droppable(builder, x, axes)
    stored = builder.integers(sorted(x.stored(axis) for axis in axes), "axes")
    return Value(builder.emit("Squeeze", x, stored), without(x.shape, axes))


@operator("ExpandDims", inputs=2)
def expand_dims(builder: Builder, x: Value, at: Value) -> Value:
    numbers = builder.whole_numbers(at, "axis")
    if len(numbers) != 1 or not -x.rank - 1 <= numbers[0] <= x.rank:
        raise BadModelFile(f"an axis can't be put in at {numbers} of {x.rank} axes")
    axis = numbers[0] % (x.rank + 1)
    x = builder.laid(x, False) if x.nchw else x
    name = builder.emit("Unsqueeze", x, builder.integers([axis], "axes"))
    return Value(name, (*x.shape[:axis], 1, *x.shape[axis:]))


@operator("Transpose", inputs=2)
def transpose(builder: Builder, x: Value, perm: Value) -> Value:
    order = builder.whole_numbers(perm, "perm")
    if sorted(order) != list(range(x.rank)):
        raise BadModelFile(f"its perm {order} isn't an order of {x.rank} axes")
    shape = tuple(x.shape[axis] for axis in order)
    for nchw in (x.nchw, not x.nchw) if x.rank == 4 else (False,):
        kept = [x.stored(order[axis]) for axis in (TO_NCHW if nchw else range(x.rank))]
        if kept == list(range(x.rank)):  # only the way of counting the axes changes
            return Value(builder.emit("Identity", x), shape, nchw)
    kept = [x.stored(order[axis]) for axis in (TO_NCHW if x.nchw else range(x.rank))]
    return Value(builder.emit("Transpose", x, perm=kept), shape, x.nchw)


@operator("ConcatV2", inputs=2, most=ANY)
def concat_v2(builder: Builder, *inputs: Value) -> Value:
    return _joined(builder, inputs[:-1], inputs[-1])


@operator("Concat", inputs=2, most=ANY)
def concat(builder: Builder, at: Value, *inputs: Value) -> Value:
    return _joined(builder, inputs, at)


def _joined(builder: Builder, inputs: Sequence[Value], at: Value) -> Value:
    axis = inputs[0].axis(_single(builder, at))
    if len({value.rank for value in inputs}) > 1:
        raise BadModelFile("its inputs have different numbers of axes")
    parts, nchw = builder.agreed(inputs)
    shape = list(parts[0].shape)
    shape[axis] = _total([part.shape[axis] for part in parts])
    return Value(builder.emit("Concat", *parts, axis=parts[0].stored(axis)), tuple(shape), nchw)


def _single(builder: Builder, value: Value) -> int:
    numbers = builder.whole_numbers(value, "axis")
    if len(numbers) != 1:
        raise BadModelFile(f"its axis must be one number, not {len(numbers)}")
    return numbers[0]


def _total(sizes: Sequence[Size]) -> Size:
    known = [natural(size) for size in sizes]
    total = None if None in known else sum(int(size) for size in known if size is not None)
    if total is not None and all(isinstance(size, int) for size in sizes):
        return total
    return Free(total)


@operator("Pack", inputs=1, most=ANY)
def pack(builder: Builder, *inputs: Value) -> Value:
    plain = [builder.laid(value, False) if value.nchw else value for value in inputs]
    rank = plain[0].rank
    axis = builder.node.integer("axis", 0)
    if any(value.rank != rank for value in plain) or not -rank - 1 <= axis <= rank:
        raise BadModelFile("its inputs can't be stacked: their axes don't fit")
    axis %= rank + 1
    axes = builder.integers([axis], "axes")
    raised = [builder.emit("Unsqueeze", value, axes, step="unsqueeze") for value in plain]
    shape = plain[0].shape
    return Value(
        builder.emit("Concat", *raised, axis=axis), (*shape[:axis], len(plain), *shape[axis:])
    )


@operator("Split", inputs=2)
def split(builder: Builder, at: Value, x: Value) -> tuple[Value, ...]:
    axis, parts = x.axis(_single(builder, at)), builder.node.integer("num_split", 0)
    size = x.shape[axis]
    if not isinstance(size, int) or not 1 <= parts <= MAX_LIST or size % parts:
        raise BadModelFile(f"axis {axis} can't be split into {parts} equal parts")
    return _parts(builder, x, axis, [size // parts] * parts)


@operator("SplitV", inputs=3)
def split_v(builder: Builder, x: Value, sizes: Value, at: Value) -> tuple[Value, ...]:
    axis, parts = x.axis(_single(builder, at)), builder.whole_numbers(sizes, "sizes")
    size = x.shape[axis]
    if isinstance(size, int) and parts.count(-1) == 1:
        parts[parts.index(-1)] = size - sum(parts) - 1
    if not parts or min(parts) < 1 or sum(parts) != size:
        raise BadModelFile(f"axis {axis} can't be split into parts of {parts[:8]}")
    return _parts(builder, x, axis, parts)


def _parts(builder: Builder, x: Value, axis: int, parts: list[int]) -> tuple[Value, ...]:
    sizes = builder.integers(parts, "sizes")
    builder.emit_parts("Split", x, sizes, parts=len(parts), axis=x.stored(axis))
    name = builder.node.name
    return tuple(
        Value(
            f"{name}:{index}" if index else name,
            (*x.shape[:axis], size, *x.shape[axis + 1 :]),
            x.nchw,
        )
        for index, size in enumerate(parts)
    )


@operator("StridedSlice", inputs=4)
def strided_slice(builder: Builder, x: Value, begin: Value, end: Value, strides: Value) -> Value:
    bounds = (
        builder.whole_numbers(value, what)
        for value, what in ((begin, "begin"), (end, "end"), (strides, "strides"))
    )
    return _taken(builder, x, strided(builder.node, x.rank, *bounds))


@operator("Slice", inputs=3)
def slice_(builder: Builder, x: Value, begin: Value, size: Value) -> Value:
    starts, sizes = builder.whole_numbers(begin, "begin"), builder.whole_numbers(size, "size")
    if len(starts) != x.rank:
        raise BadModelFile("its begin and size don't fit together")
    return _taken(builder, x, sliced(starts, sizes))


def _taken(builder: Builder, x: Value, index: tuple[slice | int, ...]) -> Value:
    single = [axis for axis, taken in enumerate(index) if isinstance(taken, int)]
    x = droppable(builder, x, single)
    ranges = {
        axis: slice(taken, taken + 1 or None) if isinstance(taken, int) else taken
        for axis, taken in enumerate(index)
        if taken != slice(None, None, 1) and taken != slice(None)
    }
    shape = [
        _length(size, ranges[axis]) if axis in ranges else size for axis, size in enumerate(x.shape)
    ]
    if not ranges:
        return builder.result("Identity", x, like=x)
    steps = [taken.step or 1 for taken in ranges.values()]
    starts = [_bound(taken.start, 0, taken.step) for taken in ranges.values()]
    stops = [_bound(taken.stop, _END, taken.step) for taken in ranges.values()]
    given = [
        builder.integers(starts, "starts"),
        builder.integers(stops, "ends"),
        builder.integers([x.stored(axis) for axis in ranges], "axes"),
        builder.integers(steps, "steps"),
    ]
    if not single:
        return Value(builder.emit("Slice", x, *given), tuple(shape), x.nchw)
    name = builder.emit("Slice", x, *given, step="slice")
    axes = builder.integers(sorted(x.stored(axis) for axis in single), "dropped")
    return Value(builder.emit("Squeeze", name, axes), without(tuple(shape), single))


def _bound(bound: int | None, missing: int, step: int | None) -> int:
    if bound is not None:
        return max(-_END, min(bound, _END))
    if step is None or step > 0:
        return missing
    return -_END if missing else _END


def _length(size: Size, taken: slice) -> Size:
    known = natural(size)
    if known is None:
        return Free()
    length = len(range(*taken.indices(int(known))))
    if length == 0:
        raise BadModelFile("its slice is empty")
    return Free(length) if isinstance(size, Free) else length


@operator("Pad", "PadV2", "MirrorPad", inputs=2, most=3)
def pad(builder: Builder, x: Value, paddings: Value, *filling: Value) -> Value:
    flat = builder.whole_numbers(Value("", (), array=_flat(paddings)), "paddings")
    if len(flat) != 2 * x.rank or not all(0 <= number <= _MAX_PAD for number in flat):
        raise BadModelFile(f"its paddings {flat[:10]} don't fit {x.rank} axes")
    pairs = list(zip(flat[::2], flat[1::2], strict=True))
    mode = _pad_mode(builder, max(flat, default=0))
    stored = [pairs[axis] for axis in (TO_NCHW if x.nchw else range(x.rank))]
    pads = builder.integers([pair[end] for end in (0, 1) for pair in stored], "pads")
    given: list[Value | str] = [x, pads]
    if filling:
        fill = builder.numbers(filling[0], "filling").astype(np.float32).reshape(-1)
        if fill.size != 1:
            raise BadModelFile("it fills with more than one number")
        given.append(builder.constant(fill.reshape(()), f"{builder.node.name}/value"))
    shape = tuple(_padded(size, sum(pair)) for size, pair in zip(x.shape, pairs, strict=True))
    return Value(builder.emit("Pad", *given, mode=mode), shape, x.nchw)


def _flat(paddings: Value) -> np.ndarray | None:
    return None if paddings.array is None else paddings.array.reshape(-1)


def _pad_mode(builder: Builder, widest: int) -> str:
    if builder.node.op != "MirrorPad":
        return "constant"
    mode = builder.node.text("mode", "")
    if mode == "SYMMETRIC" and widest <= 1:
        return "edge"  # the same as long as only one row is mirrored
    if mode != "REFLECT":
        raise BadModelFile(f"padding by {widest} in the mode {mode!r} can't be written in ONNX")
    return "reflect"


def _padded(size: Size, more: int) -> Size:
    if not more:
        return size
    known = natural(size)
    return Free(None if known is None else known + more) if isinstance(size, Free) else size + more

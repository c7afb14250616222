"""Arithmetic on constants, sizes that follow from the picture included."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from entoptic.errors import BadModelFile
from entoptic.formats.files import reason
from entoptic.formats.tensorflow.graphdef import FLOATS, Node
from entoptic.formats.tensorflow.values import Free

Array = np.ndarray
Fold = Callable[..., Array]

_MAX_ENTRIES = 2**24  # that a result may have, if no operand is that large
_MAX_SIZES = 4096  # entries of a list that is gone through one by one


def _rsqrt(x: Array) -> Array:
    result: Array = np.reciprocal(np.sqrt(x))
    return result


def _divide(x: Array, y: Array) -> Array:
    result: Array = np.floor_divide(x, y) if x.dtype.kind == "i" else np.divide(x, y)
    return result


# Each with its name in ONNX; none where it takes several operators there.
UNARY: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "Identity": ("Identity", lambda x: x),
    "StopGradient": ("Identity", lambda x: x),
    "Neg": ("Neg", np.negative),
    "Abs": ("Abs", np.abs),
    "Sqrt": ("Sqrt", np.sqrt),
    "Rsqrt": ("", _rsqrt),
    "Square": ("", np.square),
    "Exp": ("Exp", np.exp),
    "Log": ("Log", np.log),
    "Floor": ("Floor", np.floor),
    "Ceil": ("Ceil", np.ceil),
    "Reciprocal": ("Reciprocal", np.reciprocal),
}
BINARY: dict[str, tuple[str, Callable[[Array, Array], Array]]] = {
    "Add": ("Add", np.add),
    "AddV2": ("Add", np.add),
    "Sub": ("Sub", np.subtract),
    "Mul": ("Mul", np.multiply),
    "RealDiv": ("Div", _divide),
    "Div": ("Div", _divide),
    "FloorDiv": ("", np.floor_divide),
    "FloorMod": ("", np.mod),
    "Maximum": ("Max", np.maximum),
    "Minimum": ("Min", np.minimum),
    "Pow": ("Pow", np.power),
    "SquaredDifference": ("", lambda x, y: np.square(np.subtract(x, y))),
}


def folds(op: str) -> bool:
    """Return True for an operator that can be worked out now, if all its inputs are constants."""
    return op in UNARY or op in BINARY or op in _STRUCTURAL


def fold(node: Node, arrays: Sequence[Array]) -> Array:
    """Work out an operator whose inputs are all constants.

    Args:
        node: the operator.
        arrays: its inputs; of dtype object where entries are `Free`.

    Returns:
        Its first output.

    Raises:
        BadModelFile: the inputs don't fit together, or the result would be absurdly large.
    """
    try:
        with np.errstate(all="ignore"):
            return _plain(_fold(node, arrays))
    except (ValueError, IndexError, OverflowError) as error:
        if isinstance(error, BadModelFile):
            raise
        raise BadModelFile(f"its constants don't fit together: {reason(error)}") from None


def _fold(node: Node, arrays: Sequence[Array]) -> Array:
    count = len(arrays)
    if node.op in UNARY and count == 1:
        return _entrywise(UNARY[node.op][1], *arrays)
    if node.op in BINARY and count == 2:
        return _entrywise(BINARY[node.op][1], *arrays)
    if node.op in _STRUCTURAL:
        structural, fewest, most = _STRUCTURAL[node.op]
        if fewest <= count <= most:
            return structural(node, *arrays)
    raise BadModelFile(f"damaged: {count} inputs are not as many as it has")


def _plain(array: Array) -> Array:
    """Return whole numbers again, once no entry is free."""
    if array.dtype == object:
        _check_sizes(array)
    if array.dtype != object or any(isinstance(entry, Free) for entry in array.ravel()):
        return array
    return np.array(array.tolist()).reshape(array.shape)


def _entrywise(function: Callable[..., Array], *arrays: Array) -> Array:
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    _check_entries(math.prod(shape), arrays)
    if not any(array.dtype == object for array in arrays):
        result = np.asarray(function(*arrays))
        return result.astype(np.float32) if result.dtype == np.float64 else result
    _check_sizes(np.broadcast_to(np.empty(()), shape))
    spread = [np.broadcast_to(array, shape).ravel() for array in arrays]
    entries = [_free(function, *operands) for operands in zip(*spread, strict=True)]
    return objects(entries).reshape(shape)


def _free(function: Callable[..., Array], *operands: object) -> object:
    known = [operand.natural if isinstance(operand, Free) else operand for operand in operands]
    if any(number is None for number in known):
        return Free()
    result = function(*(np.asarray(number) for number in known)).item()
    return Free(result) if any(isinstance(operand, Free) for operand in operands) else result


def objects(entries: Iterable[object]) -> Array:
    """Return a list of sizes as an array; numpy left alone would look into the entries."""
    listed = list(entries)
    array = np.empty(len(listed), object)
    array[:] = listed
    return array


def _check_entries(count: int, arrays: Sequence[Array]) -> None:
    if count > max(_MAX_ENTRIES, *(array.size for array in arrays)):
        raise BadModelFile(f"a constant of {count} entries is absurd")


def _check_sizes(array: Array) -> None:
    if array.size > _MAX_SIZES:
        raise BadModelFile(f"a list of {array.size} sizes is absurd")


def as_integers(array: Array) -> list[int]:
    """Return whole numbers that must not follow from the picture's size."""
    _check_sizes(array)
    if array.dtype.kind != "i":
        raise BadModelFile("whole numbers are needed that don't follow from the picture's size")
    return [int(entry) for entry in array.ravel()]


def _cast(node: Node, x: Array) -> Array:
    code = node.integer("DstT", 1)
    if x.dtype != object:
        return x.astype(np.float32) if code in FLOATS else x.astype(np.int64)
    convert = float if code in FLOATS else int
    return objects(_converted(entry, convert) for entry in x.ravel()).reshape(x.shape)


def _converted(entry: object, convert: type[int] | type[float]) -> object:
    if isinstance(entry, Free):
        return entry if entry.natural is None else Free(convert(entry.natural))
    assert isinstance(entry, int | float), "arrays of objects hold sizes only"
    return convert(entry)


def _joined(arrays: Sequence[Array], axis: int) -> Array:
    _check_entries(sum(array.size for array in arrays), arrays)
    return np.concatenate(arrays, axis)


def _concat_v2(node: Node, *arrays: Array) -> Array:
    return _joined(arrays[:-1], as_integers(arrays[-1])[0])


def _concat(node: Node, axis: Array, *arrays: Array) -> Array:
    return _joined(arrays, as_integers(axis)[0])


def _pack(node: Node, *arrays: Array) -> Array:
    axis = node.integer("axis", 0)
    return _joined([np.expand_dims(array, axis) for array in arrays], axis)


def _prod(node: Node, x: Array, axes: Array) -> Array:
    _check_sizes(x)
    if x.ndim != 1:
        raise BadModelFile("a product is taken of lists of sizes only")
    total = np.array(1, np.int64 if x.dtype == object else x.dtype)
    for entry in x:
        total = _entrywise(np.multiply, total, np.asarray(entry))
    return total.reshape(1) if node.flag("keep_dims", False) else total


def _fill(node: Node, sizes: Array, x: Array) -> Array:
    shape = as_integers(sizes)
    _check_entries(math.prod(shape), [x])
    return np.full(shape, x)


def _range(node: Node, start: Array, stop: Array, step: Array) -> Array:
    numbers = range(*(as_integers(array)[0] for array in (start, stop, step)))
    _check_entries(len(numbers), [start])
    return np.array(numbers, np.int64)


def _gather(node: Node, x: Array, indices: Array, *axis: Array) -> Array:
    if axis and as_integers(axis[0]) != [0]:
        raise BadModelFile("only entries of the first axis are gathered")
    _check_entries(indices.size * math.prod(x.shape[1:]), [x])
    if indices.dtype.kind != "i":
        raise BadModelFile("whole numbers are needed that don't follow from the picture's size")
    return np.asarray(np.take(x, indices, axis=0))


def _squeeze(node: Node, x: Array) -> Array:
    return np.squeeze(x, node.integers("squeeze_dims", ()) or None)


def _strided_slice(node: Node, x: Array, begin: Array, end: Array, strides: Array) -> Array:
    return np.asarray(x[strided(node, x.ndim, *map(as_integers, (begin, end, strides)))])


def _slice(node: Node, x: Array, begin: Array, size: Array) -> Array:
    return x[sliced(as_integers(begin), as_integers(size))]


def strided(
    node: Node, rank: int, begin: list[int], end: list[int], strides: list[int]
) -> tuple[slice | int, ...]:
    """Return a StridedSlice as Python's own index: one slice or number per axis."""
    if not len(begin) == len(end) == len(strides) <= rank or 0 in strides:
        raise BadModelFile("its begin, end and strides don't fit together")
    if node.integer("ellipsis_mask", 0) or node.integer("new_axis_mask", 0):
        raise BadModelFile("a slice with '...' or a new axis can't be read")
    masks = [node.integer(f"{which}_mask", 0) for which in ("begin", "end", "shrink_axis")]
    taken: list[slice | int] = []
    for axis, step in enumerate(strides):
        from_start, to_end, single = (bool(mask >> axis & 1) for mask in masks)
        if single:
            taken.append(begin[axis])
        else:
            taken.append(
                slice(None if from_start else begin[axis], None if to_end else end[axis], step)
            )
    return tuple(taken)


def sliced(begin: list[int], size: list[int]) -> tuple[slice, ...]:
    """Return a Slice as Python's own index; the size -1 means all the rest."""
    if len(begin) != len(size) or min(begin, default=0) < 0 or min(size, default=0) < -1:
        raise BadModelFile("its begin and size don't fit together")
    return tuple(
        slice(start, None if count == -1 else start + count)
        for start, count in zip(begin, size, strict=True)
    )


_ANY = 1_000_000
# Each with the fewest and the most inputs that it can have.
_STRUCTURAL: dict[str, tuple[Fold, int, int]] = {
    "Cast": (_cast, 1, 1),
    "Reshape": (lambda node, x, shape: x.reshape(as_integers(shape)), 2, 2),
    "ExpandDims": (lambda node, x, axis: np.expand_dims(x, as_integers(axis)[0]), 2, 2),
    "Squeeze": (_squeeze, 1, 1),
    "Transpose": (lambda node, x, perm: x.transpose(as_integers(perm)), 2, 2),
    "ConcatV2": (_concat_v2, 2, _ANY),
    "Concat": (_concat, 2, _ANY),
    "Pack": (_pack, 1, _ANY),
    "Prod": (_prod, 2, 2),
    "Fill": (_fill, 2, 2),
    "Range": (_range, 3, 3),
    "Gather": (_gather, 2, 2),
    "GatherV2": (_gather, 3, 3),
    "StridedSlice": (_strided_slice, 4, 4),
    "Slice": (_slice, 3, 3),
}

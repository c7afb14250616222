"""MXNet's Reshape, whose special numbers copy, merge, split and infer lengths of axes."""

from __future__ import annotations

from dataclasses import dataclass

from entoptic.formats.mxnet.graph import Call, Value, operator

_COPY, _INFER, _COPY_REST, _MERGE, _SPLIT = 0, -1, -2, -3, -4
_LONGEST = 2**31 - 1


@dataclass(frozen=True)
class _Length:
    """The length of one new axis: a number, or that of source axes, multiplied or divided.

    Args:
        number: the length, or -1 for whatever is left; None where it comes from the source.
        source: the axes whose lengths are multiplied.
        divisor: what the product is divided by.
    """

    number: int | None = None
    source: tuple[int, ...] = ()
    divisor: int = 1


@operator("Reshape", "reshape")
def _reshape(call: Call) -> Value:
    pattern = _pattern(call)
    backwards = call.attributes.flag("reverse", False)
    if backwards and _SPLIT in pattern:
        raise call.fail("reverse=True with -4 in the shape can't be imported")
    lengths = _lengths(call, pattern[::-1] if backwards else pattern)
    if backwards:  # axes were counted from the end
        lengths = [
            _Length(each.number, tuple(call.rank() - 1 - axis for axis in each.source))
            for each in reversed(lengths)
        ]
    return call.last("Reshape", call.input(), _as_tensor(call, lengths), rank=len(lengths))


def _pattern(call: Call) -> tuple[int, ...]:
    """The attribute `shape`, or what it was before MXNet 0.7: `target_shape` with 0 for -1."""
    pattern = call.attributes.integers("shape", (), low=_SPLIT, high=_LONGEST)
    if not pattern:
        old = call.attributes.integers("target_shape", (), low=0, high=_LONGEST)
        pattern = tuple(length or _INFER for length in old)
        if call.attributes.flag("keep_highest", False):
            pattern = (_COPY, *pattern[1:])
    if not pattern:
        raise call.fail("attribute 'shape' is missing")
    return pattern


def _lengths(call: Call, pattern: tuple[int, ...]) -> list[_Length]:
    """Read the pattern from left to right, together with the axes of the input."""
    lengths: list[_Length] = []
    numbers = iter(pattern)
    axis = 0
    for number in numbers:
        if number == _COPY_REST:
            lengths += [_Length(source=(rest,)) for rest in range(axis, call.rank())]
            axis = call.rank()
        elif number == _MERGE:
            lengths.append(_Length(source=(axis, axis + 1)))
            axis += 2
        elif number == _SPLIT:
            lengths += _split(call, axis, next(numbers, None), next(numbers, None))
            axis += 1
        else:
            copied = number == _COPY
            lengths.append(_Length(source=(axis,)) if copied else _Length(number))
            axis += 1
    sources = [axis for length in lengths for axis in length.source]
    if sources and max(sources) >= call.rank():
        raise call.fail(f"shape {pattern} asks for more axes than the input's {call.rank()}")
    if sum(length.number == _INFER for length in lengths) > 1:
        raise call.fail(f"shape {pattern} leaves more than one length open")
    return lengths


def _split(call: Call, axis: int, first: int | None, second: int | None) -> list[_Length]:
    pair = (first, second)
    if any(length is None or length < 1 for length in pair if length != _INFER) or (
        pair == (_INFER, _INFER)
    ):
        raise call.fail("-4 in a shape needs two lengths behind it, of which one may be -1")
    if first == _INFER:
        assert second is not None
        return [_Length(source=(axis,), divisor=second), _Length(second)]
    if second == _INFER:
        assert first is not None
        return [_Length(first), _Length(source=(axis,), divisor=first)]
    return [_Length(first), _Length(second)]


def _as_tensor(call: Call, lengths: list[_Length]) -> Value:
    """ONNX's shape: 0 copies the axis in the same place, one -1 is inferred, all else computed."""
    plain = [0 if each == _Length(source=(at,)) else each.number for at, each in enumerate(lengths)]
    if None in plain and _INFER not in plain:
        plain[plain.index(None)] = _INFER
    if None not in plain:
        return call.integers("shape", [number for number in plain if number is not None])
    source = call.step("shape", "Shape", call.input())
    parts = [
        call.integers(f"length{at}", [number])
        if number is not None
        else _computed(call, at, source, lengths[at])
        for at, number in enumerate(plain)
    ]
    return call.step("lengths", "Concat", *parts, axis=0)


def _computed(call: Call, at: int, shape: Value, length: _Length) -> Value:
    axes = call.integers(f"axes{at}", length.source)
    found = call.step(f"source{at}", "Gather", shape, axes, axis=0)
    if len(length.source) > 1:
        found = call.step(f"merged{at}", "ReduceProd", found, keepdims=1)
    if length.divisor > 1:
        found = call.step(f"split{at}", "Div", found, call.integers(f"by{at}", [length.divisor]))
    return found

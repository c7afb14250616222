"""The arguments of operations in a file of torch.export: values made before, and plain ones."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from entoptic.errors import BadModelFile
from entoptic.formats.torch_export.operators import FORMATS, NUMBERS, TYPES, refusal

_LIMIT = 2**63
"""Whole numbers have 64 bits, as in torch."""

_MAX_LIST = 2**16


@dataclass(frozen=True)
class Named:
    """A value that was made before, by its name in the graph."""

    name: str


class Device:
    """Stands for the device that the network runs on, wherever it was exported."""


def argument(given: Mapping[str, Any]) -> Any:
    """Return an argument of a file: a plain value, a `Named`, a `Device`, or a list of them.

    Raises:
        BadModelFile: it is of a kind that isn't read, or isn't what it says that it is.
    """
    ((kind, value),) = given.items()
    match kind:
        case "as_tensor":
            return Named(_of(str, value["name"]))
        case "as_name":
            return Named(_of(str, value))
        case "as_none":
            return None
        case "as_optional_tensor" | "as_sym_int" | "as_sym_bool" | "as_sym_float":
            return argument(value)
        case "as_optional_tensors" | "as_sym_ints" | "as_sym_bools" | "as_sym_floats":
            return [argument(each) for each in _list(value)]
        case "as_tensors":
            return [Named(_of(str, each["name"])) for each in _list(value)]
        case "as_scalar_type":
            return TYPES[value]
        case "as_memory_format":
            return FORMATS[value]
        case "as_layout":
            return torch.strided
        case "as_device":
            return Device()
        case "as_int":
            return _whole(value)
        case "as_ints":
            return [_whole(each) for each in _list(value)]
        case "as_float":
            return _float(value)
        case "as_floats":
            return [_float(each) for each in _list(value)]
        case "as_bool":
            return _of(bool, value)
        case "as_string":
            return _of(str, value)
    raise BadModelFile(f"an argument {kind[:60]!r} isn't read; export the network without it")


def names(value: Any) -> list[str]:
    """Return names of the values that an argument is made of."""
    if isinstance(value, Named):
        return [value.name]
    return [each.name for each in value if isinstance(each, Named)] if type(value) is list else []


def filled(value: Any, made: Mapping[str, Any], device: torch.device) -> Any:
    """Return an argument with its names and devices replaced by what they stand for."""
    if isinstance(value, Named):
        return made[value.name]
    if isinstance(value, Device):
        return device
    return [filled(each, made, device) for each in value] if type(value) is list else value


def _list(value: Any) -> list[Any]:
    if len(_of(list, value)) > _MAX_LIST:
        raise BadModelFile(f"a list has {len(value)} entries; at most {_MAX_LIST} are read")
    return value  # type: ignore[no-any-return]


def _whole(value: Any) -> int:
    if not -_LIMIT <= _of(int, value) < _LIMIT:
        raise BadModelFile("a whole number has more than 64 bits; the file is damaged")
    return value  # type: ignore[no-any-return]


def _float(value: Any) -> float:
    # torch writes what isn't finite as a word.
    if value in ("Infinity", "-Infinity", "NaN"):
        return float(value)
    return float(_whole(value) if type(value) is int else _of(float, value))


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise BadModelFile(f"a {type(value).__name__} stands where a {kind.__name__} belongs")
    return value


def arithmetic(target: str) -> Callable[..., Any]:
    """Return a function that computes sizes from sizes.

    Raises:
        BadModelFile: there is nothing of that name.
    """
    if target not in _ARITHMETIC:
        raise refusal(target)
    return _bounded(_ARITHMETIC[target])


def check_numbers(target: str, inputs: list[tuple[str, Mapping[str, Any]]]) -> None:
    """Refuse sizes that are computed of more than three numbers.

    Raises:
        BadModelFile: of something else.
    """
    if len(inputs) > 3 or not all(kind in NUMBERS for _, given in inputs for kind in given):
        raise BadModelFile(f"{target!r} is given something else than numbers; the file is damaged")


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    def compute(*numbers: Any) -> Any:
        try:
            found = function(*numbers)
        except (ArithmeticError, TypeError, ValueError) as error:
            raise BadModelFile(f"a size can't be computed: {error}") from None
        if type(found) not in (int, float, bool) or (type(found) is int and abs(found) >= _LIMIT):
            raise BadModelFile("a size is computed that is no number of 64 bits")
        return found

    compute.__name__ = function.__name__
    return compute


def _power(base: float, exponent: float) -> Any:
    if abs(exponent) > 64:
        raise OverflowError(f"{exponent} is too large an exponent")
    return base**exponent


def _shift(number: int, bits: int) -> int:
    return number << min(bits, 64)


def _either(condition: bool, first: Any, second: Any) -> Any:
    return first if condition else second


_PLAIN = ("add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "pos")
_COMPARED = ("eq", "ne", "lt", "le", "gt", "ge", "and_", "or_", "rshift")
# Those that torch.export writes: see _SYM_OPS of torch/_export/serde/serialize.py.
_ARITHMETIC: Mapping[str, Callable[..., Any]] = {
    **{f"_operator.{name}": getattr(operator, name) for name in (*_PLAIN, *_COMPARED)},
    "_operator.lshift": _shift,
    "_operator.pow": _power,
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.trunc": math.trunc,
    "torch.sym_float": float,
    "torch.sym_int": int,
    "torch.sym_ite": _either,
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_not": operator.not_,
    "torch.sym_sqrt": math.sqrt,
}

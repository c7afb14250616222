"""Operators by the names that files of torch.export give them, and their arguments by schema."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch._ops import OpOverload

from entoptic.errors import BadModelFile
from entoptic.formats.torch_export.operator_table import INERT, OPERATORS, SHARING

# Numbers of types and formats, from torch/_export/serde/schema.py.
TYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    9: torch.complex32,
    10: torch.complex64,
    11: torch.complex128,
    12: torch.bool,
    13: torch.bfloat16,
}
FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format}

_TARGET = re.compile(r"torch\.ops\.aten\.([a-z_][A-Za-z0-9_]*)\.([A-Za-z][A-Za-z0-9_]*)")

# What a schema calls a type, and the kinds of arguments in a file that may stand for it.
_WHOLE = ("as_int", "as_sym_int")
NUMBERS = (*_WHOLE, "as_float", "as_sym_float", "as_bool", "as_sym_bool")
_KINDS: Mapping[str, Iterable[str]] = {
    "Tensor": ("as_tensor", "as_optional_tensor", *NUMBERS),
    "int": _WHOLE,
    "float": (*_WHOLE, "as_float", "as_sym_float"),
    "number": NUMBERS,
    "bool": ("as_bool", "as_sym_bool"),
    "str": ("as_string",),
    "ScalarType": ("as_scalar_type",),
    "MemoryFormat": ("as_memory_format",),
    "Layout": ("as_layout",),
    "Device": ("as_device",),
    "List[int]": ("as_ints", "as_sym_ints"),
    "List[float]": ("as_floats", "as_sym_floats", "as_ints"),
    "List[Tensor]": ("as_tensors",),
    "List[Optional[Tensor]]": ("as_tensors", "as_optional_tensors"),
}


def named(target: str) -> tuple[OpOverload, bool]:
    """Return the operator that a file names, if it is in the table.

    Returns:
        The operator, and whether the file names its form that works in place: that is never
        called; the result takes the changed value's name instead.

    Raises:
        BadModelFile: it isn't in the table, or this torch hasn't got it as a pure operator.
    """
    found = _TARGET.fullmatch(target)
    name, overload = found.groups() if found else ("", "")
    in_place = f"{name}.{overload}" not in OPERATORS
    name = name.removesuffix("_") if in_place else name
    if f"{name}.{overload}" not in OPERATORS:
        raise refusal(target)
    # Only names of the table get as far as here.
    operator = getattr(getattr(torch.ops.aten, name, None), overload, None)
    if not isinstance(operator, OpOverload) or not is_pure(operator):
        raise refusal(target)
    return operator, in_place


def refusal(target: object) -> BadModelFile:
    """Return an error that names an operation that isn't read."""
    shown = target if isinstance(target, str) else type(target).__name__
    return BadModelFile(
        f"the operation {shown[:100]!r} isn't read; export the network in torch's own operators, "
        "for inference (net.eval())"
    )


def is_pure(operator: OpOverload) -> bool:
    """Return True where an operator's schema says that it changes none of its arguments."""
    schema = operator._schema
    return not schema.is_mutable and not any(each.is_out for each in schema.arguments)


def check_arguments(operator: OpOverload, inputs: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Compare a node's arguments with the operator's schema.

    Args:
        operator: what is called.
        inputs: names of parameters, and arguments as the file has them.

    Raises:
        BadModelFile: there is no such parameter, it takes another type, or with such arguments the
            operator draws random numbers or counts.
    """
    parameters = {each.name: str(each.real_type) for each in operator._schema.arguments}
    given: dict[str, object] = {}
    for name, argument in inputs:
        ((kind, value),) = argument.items()
        if name not in parameters or name in given or not _fits(kind, parameters[name]):
            raise BadModelFile(
                f"{operator} can't be given {str(name)[:40]!r} as {kind.removeprefix('as_')[:40]}; "
                "export the network again"
            )
        given[name] = None if kind == "as_none" else value
    defaults = {each.name: each.default_value for each in operator._schema.arguments}
    pure = INERT.get(_name(operator), {})
    if pure and all((defaults | given)[name] != value for name, value in pure.items()):
        raise BadModelFile(
            f"{operator} is as in training, where it draws random numbers or counts; "
            "export the network for inference (net.eval())"
        )


def _fits(kind: str, wanted: str) -> bool:
    """Return True where a kind of argument may stand for a type (`Optional[List[int]]`)."""
    if wanted.startswith("Optional["):
        return kind == "as_none" or _fits(kind, wanted[len("Optional[") : -1])
    return kind in _KINDS.get(wanted, ())


def makes_from_nothing(operator: OpOverload) -> bool:
    """Return True where an operator makes a tensor of sizes alone, on a device that it is told."""
    types = {each.name: str(each.real_type) for each in operator._schema.arguments}
    return "device" in types and not any("Tensor" in each for each in types.values())


def shared(operator: OpOverload) -> set[str]:
    """Return names of the parameters that an operator's results may share memory with."""
    says_nothing = _name(operator) in SHARING
    return {
        each.name
        for each in operator._schema.arguments
        if each.alias_info or (says_nothing and "Tensor" in str(each.type))
    }


def _name(operator: OpOverload) -> str:
    return str(operator).removeprefix("aten.")

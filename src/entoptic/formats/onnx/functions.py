"""Functions that a file defines for itself, written out in place of their calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from entoptic.errors import BadModelFile

if TYPE_CHECKING:
    import onnx

DOMAINS = ("", "ai.onnx")
"""The names of the standard's own operators' domain."""

_MAX_NODES = 10**6
"""Nodes of a graph with its functions written out; the largest networks have some ten thousand."""

_MAX_DEPTH = 100
"""Functions within functions; networks have some ten of them."""

_Key: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True)
class Call:
    """A node that calls an operator, and the opset that gives it its meaning."""

    proto: onnx.NodeProto
    opset: int


def opset_of(imports: Iterable[onnx.OperatorSetIdProto]) -> int | None:
    """The version of the standard's operators; None where none is said."""
    versions = [int(entry.version) for entry in imports if entry.domain in DOMAINS]
    return max(versions, default=None)


def inlined(model: onnx.ModelProto, opset: int) -> Iterator[Call]:
    """The graph's nodes, each call of a function of the file's own replaced by what it does.

    A node inside gets the name `CALL/NODE`, so that what was a module stays recognisable.

    Raises:
        BadModelFile: a function calls itself, or all together are too many nodes.
    """
    functions = {_function_key(function): function for function in model.functions}
    if _written_out(model.graph.node, functions, {}) > _MAX_NODES:
        raise BadModelFile(f"its functions grow to more than {_MAX_NODES} nodes")
    for node in model.graph.node:
        yield from _expanded(node, opset, functions)


def _function_key(function: onnx.FunctionProto) -> _Key:
    return function.domain, function.name, function.overload


def _key(node: onnx.NodeProto) -> _Key:
    return node.domain, node.op_type, node.overload


def _written_out(
    nodes: Iterable[onnx.NodeProto],
    functions: Mapping[_Key, onnx.FunctionProto],
    sizes: dict[_Key, int],
    within: tuple[_Key, ...] = (),
) -> int:
    """Count the nodes that a list becomes when written out; `sizes` are of known functions."""
    if len(within) > _MAX_DEPTH:
        raise BadModelFile(f"its functions lie more than {_MAX_DEPTH} deep in each other")
    count = 0
    for node in nodes:
        key = _key(node)
        count += 1
        if key in within:
            raise BadModelFile(f"its function {node.op_type!r} calls itself")
        if key in functions and key not in sizes:
            sizes[key] = _written_out(functions[key].node, functions, sizes, (*within, key))
        count += sizes.get(key, 0)
    return count


def _expanded(
    node: onnx.NodeProto, opset: int, functions: Mapping[_Key, onnx.FunctionProto]
) -> Iterator[Call]:
    function = functions.get(_key(node))
    if function is None:
        yield Call(node, opset)
        return
    inner_opset = opset_of(function.opset_import) or opset
    for inner in _body(node, function):
        yield from _expanded(inner, inner_opset, functions)


def _body(call: onnx.NodeProto, function: onnx.FunctionProto) -> Iterator[onnx.NodeProto]:
    """The function's nodes, with the call's values and settings in the places of its own."""
    prefix = call.name or next(filter(None, call.output), function.name)
    names = {"": ""}
    for inner, outer in zip(
        function.input, (*call.input, *[""] * len(function.input)), strict=False
    ):
        names[inner] = outer
    for inner, outer in zip(function.output, call.output, strict=False):
        # An output that is an input passed on is made by no node of the function.
        if outer and inner not in names:
            names[inner] = outer
    settings = {given.name: given for given in (*function.attribute_proto, *call.attribute)}
    for node in function.node:
        copy = type(node)()
        copy.CopyFrom(node)
        copy.name = f"{prefix}/{node.name or next(filter(None, node.output), node.op_type)}"
        copy.input[:] = [names.get(name, f"{prefix}/{name}") for name in node.input]
        copy.output[:] = [names.get(name, f"{prefix}/{name}") for name in node.output]
        del copy.attribute[:]
        for attribute in node.attribute:
            given = settings.get(attribute.ref_attr_name) if attribute.ref_attr_name else attribute
            if given is not None:
                copy.attribute.add().CopyFrom(given)
                copy.attribute[-1].name = attribute.name
        yield copy
    for inner, outer in zip(function.output, call.output, strict=False):
        if outer and inner in function.input:
            yield _identity(call, names[inner], outer)


def _identity(call: onnx.NodeProto, given: str, made: str) -> onnx.NodeProto:
    node = type(call)()
    node.op_type, node.name = "Identity", f"{call.name or made}/Identity"
    node.input.append(given)
    node.output.append(made)
    return node

"""Checks an ONNX graph before anything is built from it, and turns it into plain values."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from torch import Tensor

from entoptic.errors import BadModelFile
from entoptic.formats.onnx.functions import DOMAINS, Call, inlined, opset_of
from entoptic.formats.onnx.tensors import ITEM_BYTES, MAX_AXES, to_tensor

if TYPE_CHECKING:
    import onnx

Attribute: TypeAlias = (
    int | float | str | Tensor | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]
)

MAX_NODES = 100_000
"""The largest published image networks have about 20 000."""

MAX_DIMENSION = 2**24
"""No picture and no layer is that long; a longer one is damage or an attack."""

_FIRST_WITH_OPSETS = 3
"""Version of the file format that began to say its opset; files before it are of opset 1."""

# AttributeProto.AttributeType of what is imported: the field with the value.
_FIELDS = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints", 8: "strings"}


@dataclass(frozen=True)
class GraphNode:
    """One operation, as the file has it.

    Args:
        op: ONNX operator, with its domain unless that is ONNX's own.
        name: its address: unique, and never empty.
        inputs: names of the values that it takes; empty where an optional one is left out.
        outputs: names of the values that it makes.
        attributes: its settings.
        opset: version of the operators' meaning; 0 for the graph's own.
    """

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(repr=False)
    opset: int = 0


@dataclass(frozen=True)
class Graph:
    """A checked graph: its nodes in running order, without those that no output depends on."""

    nodes: tuple[GraphNode, ...]
    constants: Mapping[str, Tensor]
    input: str
    input_shape: tuple[int | None, ...]
    outputs: tuple[str, ...]
    opset: int
    metadata: Mapping[str, str]


def read_graph(model: onnx.ModelProto) -> Graph:
    """Check a model's graph and turn it into plain values.

    Raises:
        BadModelFile: what the graph says can't be, or is of a kind that isn't imported.
    """
    proto = model.graph
    _check_texts(model)
    opset = _opset(model)
    if proto.sparse_initializer:
        raise BadModelFile("sparse initializers aren't imported; export with dense weights")
    constants: dict[str, Tensor] = {}
    for tensor in proto.initializer:
        if tensor.name in constants:
            raise BadModelFile(f"two initializers are named {tensor.name!r}")
        constants[tensor.name] = to_tensor(tensor)
    inputs = [value for value in proto.input if value.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(repr(value.name) for value in inputs) or "none"
        raise BadModelFile(f"a vision network has one input; this graph has {len(inputs)}: {names}")
    outputs = tuple(value.name for value in proto.output)
    if not outputs:
        raise BadModelFile("the graph has no outputs")
    nodes = _nodes(inlined(model, opset))
    _check_values(nodes, {inputs[0].name, *constants}, outputs)
    nodes = _running_order(needed(nodes, outputs), {inputs[0].name, *constants})
    metadata = {str(entry.key): str(entry.value) for entry in model.metadata_props}
    return Graph(
        nodes=tuple(nodes),
        constants=constants,
        input=inputs[0].name,
        input_shape=_input_shape(inputs[0]),
        outputs=outputs,
        opset=opset,
        metadata=metadata,
    )


def _check_texts(model: onnx.ModelProto) -> None:
    """Refuse names that aren't UTF-8, which protobuf hands out as bytes."""
    graph = model.graph
    texts: list[str | bytes] = [entry.domain for entry in model.opset_import]
    for named in (*graph.initializer, *graph.input, *graph.output):
        texts.append(named.name)
    inside = [node for function in model.functions for node in function.node]
    for node in (*graph.node, *inside):
        texts += [node.name, node.op_type, node.domain, *node.input, *node.output]
        texts += [attribute.name for attribute in node.attribute]
    for text in texts:
        if isinstance(text, bytes):
            raise BadModelFile(f"the name {text!r} in the graph isn't text; the file is damaged")


def _opset(model: onnx.ModelProto) -> int:
    version = opset_of(model.opset_import)
    if version is None and model.ir_version < _FIRST_WITH_OPSETS:
        return 1
    if version is None:
        raise BadModelFile("the model doesn't say which opset of ONNX it uses")
    if version < 1:
        raise BadModelFile(f"opset {version} of ONNX doesn't exist")
    return version


def _input_shape(value: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    """Return the declared shape; where the file says nothing, a free picture."""
    if not value.type.HasField("tensor_type"):
        raise BadModelFile(f"input {value.name!r} isn't a tensor")
    if value.type.tensor_type.elem_type not in {0, *ITEM_BYTES}:
        raise BadModelFile(
            f"input {value.name!r} holds numbers of type {value.type.tensor_type.elem_type}, "
            "which isn't imported"
        )
    if not value.type.tensor_type.HasField("shape"):
        return (None, None, None, None)
    sizes: list[int | None] = []
    if len(value.type.tensor_type.shape.dim) > MAX_AXES:
        raise BadModelFile(f"input {value.name!r} has more than {MAX_AXES} axes")
    for dimension in value.type.tensor_type.shape.dim:
        size = dimension.dim_value
        if size < -1 or size > MAX_DIMENSION:
            raise BadModelFile(f"input {value.name!r} has a dimension of {size}")
        sizes.append(size if size > 0 else None)  # many exporters write 0 or -1 for "any"
    return tuple(sizes)


def _nodes(calls: Iterable[Call]) -> list[GraphNode]:
    """Return the nodes with unique addresses: the node's own name, else its first output's."""
    calls = list(calls)
    if len(calls) > MAX_NODES:
        raise BadModelFile(f"the graph has {len(calls)} nodes; at most {MAX_NODES} are imported")
    own = Counter(call.proto.name for call in calls)
    taken = {name for name, count in own.items() if name and count == 1}
    nodes = []
    for call in calls:
        proto = call.proto
        op = proto.op_type if proto.domain in DOMAINS else f"{proto.domain}.{proto.op_type}"
        if not any(proto.output):
            raise BadModelFile(f"node {proto.name!r} ({op}) has no outputs")
        name = proto.name
        if name not in taken:
            name = _unused(next(filter(None, proto.output)), taken)
            taken.add(name)
        attributes = _attributes(proto, f"node {name!r} ({op})")
        taken_from, made = tuple(proto.input), tuple(proto.output)
        nodes.append(GraphNode(op, name, taken_from, made, attributes, call.opset))
    return nodes


def _unused(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _attributes(proto: onnx.NodeProto, where: str) -> dict[str, Attribute]:
    read: dict[str, Attribute] = {}
    for attribute in proto.attribute:
        # Graphs and the like are left out: no operator that is imported asks for one.
        if field_name := _FIELDS.get(attribute.type):
            if attribute.name in read:
                raise BadModelFile(f"{where} has its attribute {attribute.name!r} twice")
            value = getattr(attribute, field_name)
            several = field_name.endswith("s") and len(field_name) > 1
            read[attribute.name] = (
                tuple(_plain(each, where) for each in value) if several else _plain(value, where)
            )
    return read


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value if isinstance(value, int | float) else to_tensor(value, where)


def _check_values(nodes: list[GraphNode], given: set[str], outputs: tuple[str, ...]) -> None:
    """Refuse values that are made twice, and values that nothing makes."""
    made = set(given)
    for node in nodes:
        for output in filter(None, node.outputs):
            if output in made:
                raise BadModelFile(f"node {node.name!r} makes {output!r}, which exists already")
            made.add(output)
    for node in nodes:
        for name in filter(None, node.inputs):
            if name not in made:
                raise BadModelFile(f"node {node.name!r} needs {name!r}, which nothing makes")
    for name in outputs:
        if name not in made:
            raise BadModelFile(f"nothing makes the graph's output {name!r}")


def needed(nodes: list[GraphNode], outputs: tuple[str, ...]) -> list[GraphNode]:
    """Return the nodes that some values depend on, in their order."""
    makers = {output: node for node in nodes for output in filter(None, node.outputs)}
    needed: set[str] = set()
    waiting = list(outputs)
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.name not in needed:
            needed.add(node.name)
            waiting.extend(node.inputs)
    return [node for node in nodes if node.name in needed]


def _running_order(nodes: list[GraphNode], given: set[str]) -> list[GraphNode]:
    """Order nodes after those that they take values from, else as the file has them."""
    place = {node.name: index for index, node in enumerate(nodes)}
    waiting = {node.name: set(node.inputs) - given - {""} for node in nodes}
    takers: dict[str, list[GraphNode]] = {}
    for node in nodes:
        for name in waiting[node.name]:
            takers.setdefault(name, []).append(node)
    ready = [place[node.name] for node in nodes if not waiting[node.name]]
    order = []
    while ready:
        order.append(nodes[heapq.heappop(ready)])
        for output in order[-1].outputs:
            for taker in takers.get(output, ()):
                waiting[taker.name].discard(output)
                if not waiting[taker.name]:
                    heapq.heappush(ready, place[taker.name])
    if len(order) < len(nodes):
        done = {node.name for node in order}
        stuck = [repr(node.name) for node in nodes if node.name not in done][:5]
        raise BadModelFile(f"the graph runs in a circle through {', '.join(stuck)}")
    return order

"""TensorFlow's GraphDef: the nodes of a frozen graph with their settings and constants.

Source: tensorflow/core/framework/{graph,node_def,attr_value,tensor,tensor_shape,types}.proto
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from entoptic.errors import BadModelFile
from entoptic.formats.attributes import Attributes
from entoptic.formats.files import about, contents
from entoptic.formats.protobuf import Message

_MAX_BYTES = 2**31  # protocol buffers can't be larger
_MAX_NODES = 100_000  # the largest published image networks have about 20 000
_MAX_RANK = 8  # TensorFlow's own limit is 254; no picture network needs more than 5
_MAX_LIST = 2**14  # numbers of a setting that is a list
_MAX_FILL = 2**24  # entries that one constant may have beyond those written in the file
_NAME = re.compile(r"[A-Za-z0-9._>][A-Za-z0-9._>/\\-]{0,999}")
_NOTHING = Message(memoryview(b""))

UINT8 = 4
FLOATS = {1: "<f4", 2: "<f8", 19: "<f2"}
_INTEGERS = {3: "<i4", 4: "|u1", 5: "<i2", 6: "|i1", 9: "<i8", 17: "<u2", 10: "|u1"}
# Which field of TensorProto holds the entries, where tensor_content doesn't.
_PACKED_BYTES = {1: 5, 2: 6}
_PACKED_NUMBERS = {3: 7, 4: 7, 5: 7, 6: 7, 17: 7, 9: 10, 10: 11, 19: 13}


@dataclass(frozen=True)
class Node(Attributes):
    """One node of a graph.

    Args:
        name: its name, which becomes a layer's address.
        op: name of the operator.
        inputs: the values that it takes, `"node"` or `"node:1"`; control inputs are left out.
        attrs: its settings, as AttrValue messages.
    """

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    attrs: dict[str, Message] = field(default_factory=dict, repr=False)

    @property
    def label(self) -> str:
        """Name of the node in errors.

        >>> Node("mixed4a", "Concat").label
        "node 'mixed4a' (Concat)"
        """
        return f"node {self.name!r} ({self.op})"

    def value(self, key: str) -> object | None:
        setting = self._setting(key)
        if numbers := setting.message(1):
            with about(f"the setting {key!r}"):
                return tuple(numbers.integers(3, _MAX_LIST).tolist())
        if 2 in setting:
            return setting.text(2)
        if 4 in setting:
            return setting.number(4, 0.0)
        if 5 in setting:
            return setting.integer(5) != 0
        kind = next((kind for kind in (3, 6) if kind in setting), None)  # the latter a data type
        return None if kind is None else setting.integer(kind)

    def fail(self, reason: str) -> BadModelFile:
        return BadModelFile(reason)

    def shape(self, key: str) -> tuple[int, ...] | None:
        """Return a setting that is a shape, -1 where a size is free; None if the rank is."""
        shape = self._setting(key).message(7)
        return None if shape is None else _shape(shape)

    def tensor(self, key: str) -> np.ndarray:
        """Return a setting that is a constant: float32, or int64 for whole numbers and flags."""
        tensor = self._setting(key).message(8)
        if tensor is None:
            raise BadModelFile(f"it has no setting {key!r} with a constant in it")
        return _tensor(tensor)

    def _setting(self, key: str) -> Message:
        return self.attrs.get(key, _NOTHING)


def read_graph(path: Path) -> dict[str, Node]:
    """Read the nodes of a GraphDef file.

    Args:
        path: a frozen graph, usually `*.pb`.

    Returns:
        Names to nodes, in the order of the file.

    Raises:
        BadModelFile: the file isn't there, is too large, damaged, or something else than a graph.
    """
    data = contents(path, _MAX_BYTES)
    if not data:
        raise BadModelFile("the file is empty")
    # A comment ends with its line: were it in doubt where, "# # # ..." could be parted endlessly.
    if re.match(rb"\s*(?:#[^\n]*\n\s*)*(?:node|library|versions)\s*\{", data[:4096]):
        raise BadModelFile("a graph as text; convert it to the binary form (*.pb) first")
    return parse_graph(memoryview(data))


def parse_graph(data: memoryview) -> dict[str, Node]:
    """Read the nodes of a GraphDef from its bytes; see `read_graph`."""
    graph = Message(data)
    if any(isinstance(value, int) for value in graph.fields.get(1, ())):
        raise BadModelFile("not a frozen graph; a SavedModel must be frozen into one *.pb first")
    nodes: dict[str, Node] = {}
    for message in graph.messages(1):
        node = _node(message)
        if node.name in nodes:
            raise BadModelFile(f"damaged: two nodes have the name {node.name!r}")
        nodes[node.name] = node
        if len(nodes) > _MAX_NODES:
            raise BadModelFile("more nodes than any image network has")
    if not nodes:
        raise BadModelFile("not a TensorFlow graph: there is no node in it")
    return nodes


def _node(message: Message) -> Node:
    name, op = message.text(1), message.text(2)
    if not name or not op:
        raise BadModelFile("damaged, or not a TensorFlow graph: a node has no name or no operator")
    # Control inputs, "^node", order side effects; here are none.
    inputs = [_input(text) for text in message.texts(3) if not text.startswith("^")]
    attrs = {entry.text(1): entry.message(2) or _NOTHING for entry in message.messages(5)}
    return Node(_name(name), _name(op), tuple(inputs), attrs)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise BadModelFile(
            f"damaged, or not a TensorFlow graph: {text[:40]!r} isn't a name that a node can have"
        )
    return text


def _input(reference: str) -> str:
    """Return a reference to a node's output without the `":0"` of the first one."""
    name, _, port = reference.partition(":")
    if port in ("", "0"):
        return _name(name)
    if not re.fullmatch(r"[1-9][0-9]{0,3}", port):
        raise BadModelFile(f"damaged: {reference[:40]!r} isn't an output of a node")
    return f"{_name(name)}:{port}"


def _shape(message: Message) -> tuple[int, ...] | None:
    if message.integer(3):
        return None
    if len(message.fields.get(2, ())) > _MAX_RANK:
        raise BadModelFile(f"a shape has more than {_MAX_RANK} axes")
    sizes = tuple(axis.integer(1) for axis in message.messages(2))
    for size in sizes:
        if not -1 <= size < 2**31:
            raise BadModelFile(f"a size of {size} in a shape is absurd")
    return sizes


def _tensor(message: Message) -> np.ndarray:
    dtype, content, sizes = message.integer(1), message.data(4), message.message(2)
    shape = () if sizes is None else _shape(sizes)
    if dtype not in FLOATS and dtype not in _INTEGERS:
        raise BadModelFile(f"a constant has the data type {dtype}, which isn't a plain number")
    if shape is None or -1 in shape:
        raise BadModelFile("damaged: a constant has no complete shape")
    written = np.dtype(FLOATS.get(dtype) or _INTEGERS[dtype])
    flat = (
        _from_content(content, written, math.prod(shape))
        if content
        else _from_entries(message, dtype, written, math.prod(shape))
    )
    kind = np.float32 if dtype in FLOATS else np.int64
    with np.errstate(all="ignore"):
        return flat.astype(kind).reshape(shape)


def _from_content(content: memoryview, dtype: np.dtype, count: int) -> np.ndarray:
    if len(content) != count * dtype.itemsize:
        raise BadModelFile(
            f"damaged: a constant has {len(content)} bytes,"
            f" its shape needs {count * dtype.itemsize}"
        )
    return np.frombuffer(content, dtype)


def _from_entries(message: Message, code: int, dtype: np.dtype, count: int) -> np.ndarray:
    """Return entries given one by one; the last is repeated as often as the shape needs it."""
    if code in _PACKED_BYTES:
        packed = message.packed(_PACKED_BYTES[code])
        if len(packed) % dtype.itemsize:
            raise BadModelFile("damaged: a constant ends within a number")
        values = np.frombuffer(packed, dtype)
    else:
        values = message.integers(_PACKED_NUMBERS[code], most=count)
        if code == 19:  # halves travel as the numbers of their bits
            values = values.astype(np.uint16).view(np.float16)
    if len(values) > count:
        raise BadModelFile(f"damaged: a constant has {len(values)} entries, its shape {count}")
    if count - len(values) > _MAX_FILL:
        raise BadModelFile(f"a constant repeats one number {count} times, which is absurd")
    last = values[-1] if len(values) else 0
    return np.concatenate([values, np.full(count - len(values), last, values.dtype)])

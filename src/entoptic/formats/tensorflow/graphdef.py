"""TensorFlow's GraphDef: the nodes of a frozen graph with their settings and constants.

Source: tensorflow/core/framework/{graph,node_def,attr_value,tensor,tensor_shape,types}.proto
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from entoptic.errors import BadModelFile
from entoptic.formats.files import contents
from entoptic.formats.tensorflow.wire import Wire, as_bytes, as_int, fields, signed, varints

_MAX_BYTES = 2**31  # protocol buffers can't be larger
_MAX_NODES = 100_000  # the largest published image networks have about 20 000
_MAX_RANK = 8  # TensorFlow's own limit is 254; no picture network needs more than 5
_MAX_PARTS = 2_000_000  # inputs and settings of all nodes together
_MAX_LIST_BYTES = 2**16  # of a setting that is a list
_MAX_FILL = 2**24  # entries that one constant may have beyond those written in the file
_NAME = re.compile(r"[A-Za-z0-9._>][A-Za-z0-9._>/\\-]{0,999}")

UINT8 = 4
FLOATS = {1: "<f4", 2: "<f8", 19: "<f2"}
_INTEGERS = {3: "<i4", 4: "|u1", 5: "<i2", 6: "|i1", 9: "<i8", 17: "<u2", 10: "|u1"}
# Which field of TensorProto holds the entries, where tensor_content doesn't.
_PACKED_BYTES = {1: 5, 2: 6}
_PACKED_NUMBERS = {3: 7, 4: 7, 5: 7, 6: 7, 17: 7, 9: 10, 10: 11, 19: 13}


@contextmanager
def about(what: str) -> Iterator[None]:
    """Put in front of an error's text what the error is about: the file, then the node."""
    try:
        yield
    except BadModelFile as error:
        raise BadModelFile(f"{what}: {error}") from None


@dataclass(frozen=True)
class Node:
    """One node of a graph.

    Args:
        name: its name, which becomes a layer's address.
        op: name of the operator.
        inputs: the values that it takes, `"node"` or `"node:1"`; control inputs are left out.
        attrs: its settings, as undecoded AttrValue messages.
    """

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    attrs: dict[str, memoryview] = field(default_factory=dict, repr=False)

    @property
    def label(self) -> str:
        """How an error names the node.

        >>> Node("mixed4a", "Concat").label
        "node 'mixed4a' (Concat)"
        """
        return f"node {self.name!r} ({self.op})"

    def text(self, key: str, default: str) -> str:
        """A setting that is a word, like `padding`."""
        value = self._value(key, 2)
        return default if value is None else bytes(as_bytes(value)).decode("ascii", "replace")

    def integer(self, key: str, default: int) -> int:
        """A setting that is a whole number, or the number of a data type."""
        value = self._value(key, 3)
        value = self._value(key, 6) if value is None else value
        return default if value is None else as_int(value)

    def number(self, key: str, default: float) -> float:
        """A setting that is a finite number."""
        value = self._value(key, 4)
        if value is None:
            return default
        data = as_bytes(value)
        number = struct.unpack("<f", data)[0] if len(data) == 4 else math.nan
        if not math.isfinite(number):
            raise BadModelFile(f"the setting {key!r} isn't a finite number")
        return float(number)

    def flag(self, key: str, default: bool) -> bool:
        """A setting that is yes or no."""
        value = self._value(key, 5)
        return default if value is None else as_int(value) != 0

    def integers(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """A setting that is a list of whole numbers, like `strides`."""
        value = self._value(key, 1)
        if value is None:
            return default
        message = as_bytes(value)
        if len(message) > _MAX_LIST_BYTES:
            raise BadModelFile(f"the setting {key!r} is a list of {len(message)} bytes")
        return tuple(_numbers([item for number, item in fields(message) if number == 3]).tolist())

    def shape(self, key: str) -> tuple[int, ...] | None:
        """A setting that is a shape, -1 where a size is free; None where even the rank is."""
        value = self._value(key, 7)
        return None if value is None else _shape(as_bytes(value))

    def tensor(self, key: str) -> np.ndarray:
        """A setting that is a constant; float32 or int64, which yes and no are, too."""
        value = self._value(key, 8)
        if value is None:
            raise BadModelFile(f"it has no setting {key!r} with a constant in it")
        return _tensor(as_bytes(value))

    def _value(self, key: str, kind: int) -> Wire | None:
        found: Wire | None = None
        if key in self.attrs:
            for number, value in fields(self.attrs[key]):
                if number == kind:
                    found = value  # the last one counts, as in every protocol buffer
        return found


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
    if re.match(rb"\s*(#.*\s+)*(node|library|versions)\s*\{", data[:4096]):
        raise BadModelFile("a graph as text; convert it to the binary form (*.pb) first")
    return parse_graph(memoryview(data))


def parse_graph(data: memoryview) -> dict[str, Node]:
    """Read the nodes of a GraphDef from its bytes; see `read_graph`."""
    nodes: dict[str, Node] = {}
    parts = 0
    for number, value in fields(data):
        if number != 1:
            continue
        if isinstance(value, int):
            raise BadModelFile(
                "not a frozen graph; a SavedModel must be frozen into one *.pb first"
            )
        node = _node(value)
        if node.name in nodes:
            raise BadModelFile(f"damaged: two nodes have the name {node.name!r}")
        nodes[node.name] = node
        parts += len(node.inputs) + len(node.attrs)
        if len(nodes) > _MAX_NODES or parts > _MAX_PARTS:
            raise BadModelFile("more nodes, inputs or settings than any image network has")
    if not nodes:
        raise BadModelFile("not a TensorFlow graph: there is no node in it")
    return nodes


def _node(message: memoryview) -> Node:
    name = op = ""
    inputs: list[str] = []
    attrs: dict[str, memoryview] = {}
    for number, value in fields(message):
        if number == 1:
            name = _name(value)
        elif number == 2:
            op = _name(value)
        elif number == 3:
            text = bytes(as_bytes(value)).decode("utf-8", "replace")
            if not text.startswith("^"):  # control inputs order side effects; here are none
                inputs.append(_name(text.encode().partition(b":")[0]) + _port(text))
        elif number == 5:
            key, content = _attr(as_bytes(value))
            attrs[key] = content
    if not name or not op:
        raise BadModelFile("damaged, or not a TensorFlow graph: a node has no name or no operator")
    return Node(name, op, tuple(inputs), attrs)


def _attr(message: memoryview) -> tuple[str, memoryview]:
    key, content = "", memoryview(b"")
    for number, value in fields(message):
        if number == 1:
            key = bytes(as_bytes(value)).decode("utf-8", "replace")
        elif number == 2:
            content = as_bytes(value)
    return key, content


def _name(value: Wire | bytes) -> str:
    text = bytes(value if isinstance(value, bytes) else as_bytes(value)).decode("utf-8", "replace")
    if not _NAME.fullmatch(text):
        raise BadModelFile(
            f"damaged, or not a TensorFlow graph: {text[:40]!r} isn't a name that a node can have"
        )
    return text


def _port(reference: str) -> str:
    """`":1"` of `"split:1"`; nothing for the first output, however it is written."""
    number = reference.partition(":")[2]
    if number in ("", "0"):
        return ""
    if not re.fullmatch(r"[1-9][0-9]{0,3}", number):
        raise BadModelFile(f"damaged: {reference[:40]!r} isn't an output of a node")
    return f":{number}"


def _shape(message: memoryview) -> tuple[int, ...] | None:
    sizes: list[int] = []
    for number, value in fields(message):
        if number == 3 and as_int(value):
            return None
        if number == 2:
            size = 0
            for part, item in fields(as_bytes(value)):
                if part == 1:
                    size = as_int(item)
            if not -1 <= size < 2**31:
                raise BadModelFile(f"a size of {size} in a shape is absurd")
            sizes.append(size)
            if len(sizes) > _MAX_RANK:
                raise BadModelFile(f"a shape has more than {_MAX_RANK} axes")
    return tuple(sizes)


def _tensor(message: memoryview) -> np.ndarray:
    dtype, content = 0, memoryview(b"")
    shape: tuple[int, ...] | None = ()
    entries: dict[int, list[Wire]] = {}
    for number, value in fields(message):
        if number == 1:
            dtype = as_int(value)
        elif number == 2:
            shape = _shape(as_bytes(value))
        elif number == 4:
            content = as_bytes(value)
        else:
            entries.setdefault(number, []).append(value)
    if dtype not in FLOATS and dtype not in _INTEGERS:
        raise BadModelFile(f"a constant has the data type {dtype}, which isn't a plain number")
    if shape is None or -1 in shape:
        raise BadModelFile("damaged: a constant has no complete shape")
    written = np.dtype(FLOATS.get(dtype) or _INTEGERS[dtype])
    flat = (
        _from_content(content, written, math.prod(shape))
        if content
        else _from_entries(entries, dtype, written, math.prod(shape))
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


def _from_entries(
    entries: dict[int, list[Wire]], code: int, dtype: np.dtype, count: int
) -> np.ndarray:
    """Entries one by one; the last is repeated as often as the shape needs it."""
    if code in _PACKED_BYTES:
        joined = b"".join(as_bytes(value) for value in entries.get(_PACKED_BYTES[code], []))
        if len(joined) % dtype.itemsize:
            raise BadModelFile("damaged: a constant ends within a number")
        values = np.frombuffer(joined, dtype)
    else:
        values = _numbers(entries.get(_PACKED_NUMBERS[code], []))
        if code == 19:  # halves travel as the numbers of their bits
            values = values.astype(np.uint16).view(np.float16)
    if len(values) > count:
        raise BadModelFile(f"damaged: a constant has {len(values)} entries, its shape {count}")
    if count - len(values) > _MAX_FILL:
        raise BadModelFile(f"a constant repeats one number {count} times, which is absurd")
    last = values[-1] if len(values) else 0
    return np.concatenate([values, np.full(count - len(values), last, values.dtype)])


def _numbers(values: list[Wire]) -> np.ndarray:
    """A repeated field of numbers, packed, one by one, or both."""
    pieces = [
        np.array([signed(value)], np.int64) if isinstance(value, int) else varints(value)
        for value in values
    ]
    return np.concatenate([np.empty(0, np.int64), *pieces])

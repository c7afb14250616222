"""The base of all operators: the node as its builder sees it, and the module of an operation."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, NoReturn, TypeAlias, get_args, get_origin

import torch
from torch import Tensor, fx, nn

from entoptic.errors import BadModelFile
from entoptic.formats.attributes import REQUIRED, Attributes, D, instance
from entoptic.formats.onnx.graph import GraphNode

Builder: TypeAlias = Callable[["Node"], nn.Module]

Traced: TypeAlias = Any
"""A tensor (or a tuple of them), or what stands for one while torch.fx follows a network."""

OPERATORS: dict[str, Builder] = {}
"""ONNX operator to what makes a module of a node: a function, or the module's class itself."""

MAX_ELEMENTS = 2**30
"""No single tensor of a network may have more numbers (4 GiB of float32)."""

MAX_FROM_NOTHING = 2**27
"""Nor may one that is made from its size alone: masks and coordinates are smaller by far."""

_MAX_STEPS = 2**12
"""Nor does a network repeat anything more often: taps of a window, steps of a sequence."""

# TensorProto.DataType of the whole numbers and booleans; unsigned ones as graph.to_tensor has them.
_WHOLE_TYPES = {
    2: torch.uint8,
    3: torch.int8,
    4: torch.int32,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    12: torch.int64,
    13: torch.int64,
}
_FLOATING_TYPES = (1, 10, 11, 16)
# What the first operators noted for their own memory, and the type that a norm computes in.
_IGNORED = frozenset({"consumed_inputs", "stash_type"})


def operator(*names: str) -> Callable[[Builder], Builder]:
    """Register the builder of one or several ONNX operators."""

    def register(builder: Builder) -> Builder:
        for name in names:
            if name in OPERATORS:
                raise ValueError(f"operator {name!r} is registered already")
            OPERATORS[name] = builder
        return builder

    return register


@dataclass(frozen=True)
class Operand:
    """One input of a node, as far as it is known before anything runs.

    Args:
        present: False where an optional input is left out.
        constant: its value, None where it is computed at run time.
        shape: at the graph's declared input size and batch 1, None where that isn't known.
        is_batch: axis 0 is the batch, in a graph that was exported for batches of one only.
    """

    present: bool = True
    constant: Tensor | None = field(default=None, repr=False)
    shape: tuple[int, ...] | None = None
    is_batch: bool = False


@dataclass
class Node(Attributes):
    """One node of the graph, as the builder of its operator sees it.

    Each attribute that a builder asks for is marked as read; `check_all_read` refuses a node with
    one that nobody asked for, so that nothing in a file is ignored silently.

    Args:
        source: the node in the file.
        opset: version of the operators' meaning.
        operands: its inputs.
        is_host: it computes with sizes, not with pictures: its values stay on the CPU.
        used: for each output, True where anything asks for it.
    """

    source: GraphNode
    opset: int
    operands: tuple[Operand, ...]
    is_host: bool = False
    used: tuple[bool, ...] = (True,)
    _read_keys: set[str] = field(default_factory=set)

    def operand(self, index: int) -> Operand:
        return self.operands[index] if index < len(self.operands) else Operand(present=False)

    def has_input(self, index: int) -> bool:
        return self.operand(index).present

    def constant(self, index: int) -> Tensor | None:
        return self.operand(index).constant

    def rank(self, index: int = 0) -> int | None:
        shape = self.operand(index).shape
        return None if shape is None else len(shape)

    def uses(self, *outputs: int) -> bool:
        """Return True where anything asks for one of the outputs."""
        return any(self.used[output : output + 1] == (True,) for output in outputs)

    def fail(self, reason: str) -> BadModelFile:
        return BadModelFile(f"node {self.source.name!r} ({self.source.op}): {reason}")

    def refuse(self, reason: str) -> NoReturn:
        raise self.fail(reason)

    def value(self, key: str) -> object | None:
        self._read_keys.add(key)
        return self.source.attributes.get(key)

    def given(self, *keys: str) -> bool:
        """Return True where the file has one of the attributes; none is marked as read."""
        return not self.source.attributes.keys().isdisjoint(keys)

    def dtype(self, key: str, default: D = REQUIRED) -> torch.dtype | D:
        """Read a type of numbers; all floating types are float32 here."""
        return self._read(key, default, self._dtype, "a type of numbers")

    def _dtype(self, value: object) -> torch.dtype:
        if self.opset < 6 and isinstance(value, str):  # until then a type was said by its name
            from onnx import TensorProto

            value = dict(TensorProto.DataType.items()).get(value, value)
        if value in _FLOATING_TYPES:
            return torch.float32
        if not isinstance(value, int) or value not in _WHOLE_TYPES:
            self.refuse(f"numbers of type {value} aren't imported")
        return _WHOLE_TYPES[value]

    def tensor(self, key: str, default: D = REQUIRED) -> Tensor | D:
        """Read a tensor."""
        return self._read(key, default, instance(Tensor), "a tensor")

    def ignore(self, *keys: str) -> None:
        """Pass over attributes that don't change what a network computes once it is trained."""
        self._read_keys.update(keys)

    def require(self, key: str, value: int) -> None:
        """Refuse an attribute of which only one value is imported, where it has another."""
        given = self.integer(key, value)
        if given != value:
            self.refuse(f"attribute {key!r} is {given}; only {value} is imported")

    def check_all_read(self) -> None:
        """Refuse a node with attributes that nobody has asked for."""
        unread = sorted(set(self.source.attributes) - self._read_keys - _IGNORED)
        if unread:
            names = ", ".join(map(repr, unread))
            self.refuse(f"attribute {names} isn't known in opset {self.opset}")


class Operation(nn.Module):
    """A node that no module of torch says exactly: `compute` over its inputs and constants.

    A forward call gets the inputs that are computed at run time, in the node's order; the constant
    ones are kept inside. A subclass names in `settings` the inputs that are read as plain numbers
    (a target shape, axes): those stay on the CPU, so that they have values under 'meta' too.
    A class that is `several` computes a tuple; of an operation whose first output alone is asked
    for it is that one, so that the layer shows a tensor.
    """

    settings: ClassVar[frozenset[int]] = frozenset()
    several: bool = False
    compute: Callable[..., Tensor | tuple[Tensor, ...]]

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._host: dict[int, Tensor] = {}
        self._dynamic: list[int] = []
        self._count = len(node.operands)
        self.several = type(self).several and any(node.used[1:])
        for index, operand in enumerate(node.operands):
            if operand.constant is not None:
                if node.is_host or index in self.settings:
                    self._host[index] = operand.constant
                else:
                    self.register_buffer(f"constant_{index}", operand.constant)
            elif operand.present:
                self._dynamic.append(index)

    def forward(self, *values: Traced) -> Traced:
        return _compute(self, *values)

    def inputs(self) -> inspect.Signature:
        """Return the inputs that the node may have; those with a default may be left out."""
        return inspect.signature(self.compute)

    def operands(self, values: Sequence[Tensor]) -> list[Tensor | None]:
        """All inputs in the node's order, those left out as None."""
        if len(values) != len(self._dynamic):
            raise TypeError(
                f"{type(self).__name__} takes {len(self._dynamic)} inputs, not {len(values)}"
            )
        operands: list[Tensor | None] = [
            self._buffers.get(f"constant_{index}", self._host.get(index))
            for index in range(self._count)
        ]
        for index, value in zip(self._dynamic, values, strict=True):
            operands[index] = value
        data = [index for index in range(self._count) if index not in self.settings]
        for index, tensor in zip(data, _together([operands[i] for i in data]), strict=True):
            operands[index] = tensor
        return operands

    def on_meta(self, values: Sequence[Tensor]) -> list[Tensor]:
        """The run-time inputs without their numbers, except those that are read as settings."""
        return [
            value if index in self.settings else value.to("meta")
            for index, value in zip(self._dynamic, values, strict=True)
        ]


class FunctionOperation(Operation):
    """An operation that is one function of its inputs and its attributes; `operation` makes it.

    Args:
        node: in the graph.
        given: what is given to the function's keywords in place of the node's attributes.
    """

    key: ClassVar[str]
    function: ClassVar[Callable[..., Any]]
    signature: ClassVar[inspect.Signature]
    keywords: ClassVar[Mapping[str, inspect.Parameter]]
    ignored: ClassVar[tuple[str, ...]]

    def __init__(self, node: Node, **given: Any) -> None:
        super().__init__(node)
        node.ignore(*self.ignored)
        self.attributes = {
            name: given[name] if name in given else _attribute(node, parameter)
            for name, parameter in self.keywords.items()
        }

    def compute(self, *inputs: Tensor | None) -> Tensor | tuple[Tensor, ...]:
        made: Tensor | tuple[Tensor, ...] = type(self).function(*inputs, **self.attributes)
        return made

    def inputs(self) -> inspect.Signature:
        return self.signature

    def __reduce__(self) -> tuple[Any, ...]:
        return _blank, (self.key,), self.__dict__


_FUNCTIONS: dict[str, type[FunctionOperation]] = {}


def _blank(key: str) -> FunctionOperation:
    """Return an operation without its state, for copies and pickles."""
    kind = _FUNCTIONS[key]
    return kind.__new__(kind)


def operation(
    *names: str,
    kind: str = "",
    settings: Iterable[int] = (),
    several: bool = False,
    ignored: str = "",
) -> Callable[[Callable[..., Any]], type[FunctionOperation]]:
    """Make an operator's module of one function.

    Its positional parameters are the node's inputs, those with a default optional; its keywords are
    the node's attributes, read as their annotations say: `int`, `Annotated[int, 1, 9]`, `float`,
    `Literal["a", "b"]`, `tuple[int, ...] | None`, ... or a class that has a `read(node)`. A keyword
    `opset` is the version of the operators' meaning.

    Args:
        names: of the ONNX operators that are registered; none where a builder chooses it.
        kind: name of the module's class; by default the first operator's, else the function's.
        settings: numbers of the inputs that are read as plain numbers.
        several: the function returns a tuple, one tensor for each output.
        ignored: attributes that don't change what is computed, with blanks between.
    """

    def make(function: Callable[..., Any]) -> type[FunctionOperation]:
        plain = getattr(function, "__name__", "").title().replace("_", "")
        named = kind or (names[0].rpartition(".")[2] if names else plain)
        key = names[0] if names else named
        parameters = inspect.signature(function, eval_str=True).parameters.values()
        made = type(
            named,
            (FunctionOperation,),
            {
                "__doc__": function.__doc__,
                "__module__": function.__module__,
                "key": key,
                "function": staticmethod(function),
                "signature": inspect.Signature([p for p in parameters if p.kind != p.KEYWORD_ONLY]),
                "keywords": {p.name: p for p in parameters if p.kind == p.KEYWORD_ONLY},
                "settings": frozenset(settings),
                "several": several,
                "ignored": tuple(ignored.split()),
            },
        )
        if key in _FUNCTIONS:
            raise ValueError(f"operation {key!r} is registered already")
        _FUNCTIONS[key] = made
        operator(*names)(made)
        return made

    return make


READERS: dict[object, Callable[..., Any]] = {
    int: Node.integer,
    bool: Node.flag,
    float: Node.number,
    str: Node.text,
    torch.dtype: Node.dtype,
    Tensor: Node.tensor,
    tuple[int, ...]: Node.integers,
    tuple[float, ...]: Node.numbers,
    tuple[str, ...]: Node.texts,
}
"""The type of a keyword to what reads it: of a node, its name and its default."""


def _attribute(node: Node, parameter: inspect.Parameter) -> Any:
    """Read an attribute as a keyword of a function has it."""
    wanted, name, default = parameter.annotation, parameter.name, parameter.default
    default = REQUIRED if default is parameter.empty else default
    if name == "opset":
        return node.opset
    if get_origin(wanted) is Annotated:  # with the least and the largest number
        wanted, low, high = get_args(wanted)
        return READERS[wanted](node, name, default, low, high)
    if isinstance(wanted, UnionType):
        (wanted,) = (part for part in get_args(wanted) if part is not type(None))
    if get_origin(wanted) is Literal:
        return node.text(name, default, get_args(wanted))
    if hasattr(wanted, "read"):
        return wanted.read(node)
    return READERS[wanted](node, name, default)


def _compute(operation: Operation, *values: Tensor) -> Tensor | tuple[Tensor, ...]:
    made = operation.compute(*operation.operands(values))
    return made[0] if isinstance(made, tuple) and not operation.several else made


# One leaf for torch.fx: no operation needs to care that its inputs may be stand-ins.
fx.wrap("_compute")


def _together(tensors: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
    """Operands on one device, in one floating type.

    Sizes are computed on the CPU in float32; where they meet a picture they follow it. The
    narrowest floating type wins, so that a network in bfloat16 isn't widened by its sizes.
    """
    present = [tensor for tensor in tensors if tensor is not None]
    devices = {tensor.device for tensor in present}
    dtypes = {tensor.dtype for tensor in present if tensor.is_floating_point()}
    if len(devices) < 2 and len(dtypes) < 2:
        return tensors
    device = next((device for device in devices if device.type != "cpu"), torch.device("cpu"))
    dtype = min(dtypes, key=lambda dtype: dtype.itemsize, default=None)
    return [
        tensor
        if tensor is None
        else tensor.to(device, dtype if tensor.is_floating_point() else None)
        for tensor in tensors
    ]


def bounded(shape: Iterable[int], limit: int = MAX_ELEMENTS) -> list[int]:
    """The shape, if a tensor of that shape may be made.

    Raises:
        BadModelFile: it is larger than any tensor of a network, or negative.
    """
    sizes = list(shape)
    if any(size < 0 for size in sizes) or math.prod(sizes) > limit:
        raise BadModelFile(f"the network makes a tensor of shape {sizes}, which can't be")
    return sizes


def repeated(count: int) -> int:
    """The number of times that something is done, if a network may do it so often.

    Raises:
        BadModelFile: it is done more often than in any network.
    """
    if count > _MAX_STEPS:
        raise BadModelFile(f"the network does something {count} times in a row, which can't be")
    return count


def whole_numbers(tensor: Tensor) -> list[int]:
    """A tensor that is a setting, as a list of ints."""
    return [int(number) for number in tensor.flatten().tolist()]


def by_rank(modules: Sequence[type[nn.Module]], rank: int | None) -> type[nn.Module] | None:
    """The 1-, 2- or 3-dimensional module for inputs of rank 3, 4, 5; None for other ranks."""
    return modules[rank - 3] if rank is not None and 3 <= rank <= 5 else None


def parameter(tensor: Tensor) -> nn.Parameter:
    """Weights, frozen."""
    return nn.Parameter(tensor.contiguous(), requires_grad=False)

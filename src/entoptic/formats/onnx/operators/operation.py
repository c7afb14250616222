"""What all operators share: the node as its builder sees it, and the module of an operation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn, TypeAlias

import torch
from torch import Tensor, fx, nn

from entoptic.errors import BadModelFile
from entoptic.formats.onnx.graph import Attribute, GraphNode

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

_MAX_SETTING = 2**16
"""No window, stride or pad is larger; a larger one is damage or an attack."""

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
# Until opset 5 a type is said by its name.
_NAMED_TYPES = {
    "FLOAT": 1,
    "UINT8": 2,
    "INT8": 3,
    "UINT16": 4,
    "INT16": 5,
    "INT32": 6,
    "INT64": 7,
    "BOOL": 9,
    "FLOAT16": 10,
    "DOUBLE": 11,
    "UINT32": 12,
    "UINT64": 13,
}


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
class Node:
    """One node of the graph, as the builder of its operator sees it.

    Args:
        source: the node in the file.
        opset: version of the operators' meaning.
        operands: its inputs.
        is_host: it computes with sizes, not with pictures: its values stay on the CPU.
        used: for each output whether anything asks for it.
    """

    source: GraphNode
    opset: int
    operands: tuple[Operand, ...]
    is_host: bool = False
    used: tuple[bool, ...] = (True,)
    _read: set[str] = field(default_factory=set)

    def operand(self, index: int) -> Operand:
        return self.operands[index] if index < len(self.operands) else Operand(present=False)

    def has(self, index: int) -> bool:
        return self.operand(index).present

    def constant(self, index: int) -> Tensor | None:
        return self.operand(index).constant

    def rank(self, index: int = 0) -> int | None:
        shape = self.operand(index).shape
        return None if shape is None else len(shape)

    @property
    def output_count(self) -> int:
        return len(self.source.outputs)

    def uses(self, index: int) -> bool:
        """Whether anything asks for an output."""
        return index < len(self.used) and self.used[index]

    def refuse(self, reason: str) -> NoReturn:
        raise BadModelFile(f"node {self.source.name!r} ({self.source.op}): {reason}")

    # Attributes: each that a builder asks for is marked as read; `check_all_read` refuses a node
    # with one that nobody asked for, so that nothing in a file is ignored silently.

    def _attribute(self, name: str) -> Attribute | None:
        self._read.add(name)
        return self.source.attributes.get(name)

    def given(self, name: str) -> bool:
        return name in self.source.attributes

    def integer(self, name: str, default: int) -> int:
        value = self._attribute(name)
        if value is None:
            return default
        if not isinstance(value, int):
            self.refuse(f"attribute {name!r} must be a whole number")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        return self.integer(name, int(default)) != 0

    def number(self, name: str, default: float) -> float:
        value = self._attribute(name)
        if value is None:
            return default
        if not isinstance(value, int | float) or not math.isfinite(value):
            self.refuse(f"attribute {name!r} must be a finite number")
        return float(value)

    def text(self, name: str, default: str, allowed: Sequence[str] = ()) -> str:
        value = self._attribute(name)
        if value is None:
            return default
        if not isinstance(value, str) or (allowed and value not in allowed):
            known = " or ".join(allowed) or "a text"
            self.refuse(f"attribute {name!r} is {value!r}; what is imported is {known}")
        return value

    def integers(self, name: str) -> tuple[int, ...] | None:
        value = self._attribute(name)
        if value is None:
            return None
        if not isinstance(value, tuple) or not all(isinstance(number, int) for number in value):
            self.refuse(f"attribute {name!r} must be a list of whole numbers")
        return tuple(int(number) for number in value)

    def numbers(self, name: str) -> tuple[float, ...] | None:
        value = self._attribute(name)
        if value is None:
            return None
        if not isinstance(value, tuple):
            self.refuse(f"attribute {name!r} must be a list of numbers")
        if not all(isinstance(number, int | float) for number in value):
            self.refuse(f"attribute {name!r} must be a list of numbers")
        return tuple(float(number) for number in value)

    def sizes(self, name: str, count: int, default: int, minimum: int = 1) -> tuple[int, ...]:
        """Sizes in pixels, one per spatial axis."""
        values = self.integers(name) or (default,) * count
        if len(values) != count or not all(minimum <= size <= _MAX_SETTING for size in values):
            self.refuse(
                f"attribute {name!r} is {list(values)}; it needs {count} numbers "
                f"from {minimum} to {_MAX_SETTING}"
            )
        return values

    def texts(self, name: str) -> tuple[str, ...] | None:
        value = self._attribute(name)
        if value is None:
            return None
        if not isinstance(value, tuple) or not all(isinstance(text, str) for text in value):
            self.refuse(f"attribute {name!r} must be a list of texts")
        return tuple(map(str, value))

    def dtype(self, name: str) -> torch.dtype | None:
        """A type of numbers, None where none is given; all floating types are float32 here."""
        value = self._attribute(name)
        if value is None:
            return None
        wanted = _NAMED_TYPES.get(value) if self.opset < 6 and isinstance(value, str) else value
        if wanted in _FLOATING_TYPES:
            return torch.float32
        if not isinstance(wanted, int) or wanted not in _WHOLE_TYPES:
            self.refuse(f"numbers of type {value} aren't imported")
        return _WHOLE_TYPES[wanted]

    def tensor(self, name: str) -> Tensor | None:
        value = self._attribute(name)
        if value is not None and not isinstance(value, Tensor):
            self.refuse(f"attribute {name!r} must be a tensor")
        return value

    def ignore(self, *names: str) -> None:
        """Attributes that don't change what a network computes once it is trained."""
        self._read.update(names)

    def require(self, name: str, value: int) -> None:
        """An attribute of which only one value is imported."""
        given = self.integer(name, value)
        if given != value:
            self.refuse(f"attribute {name!r} is {given}; only {value} is imported")

    def check_all_read(self) -> None:
        unread = sorted(set(self.source.attributes) - self._read)
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

"""An ONNX graph while it is built, and one MXNet operator while it is translated into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from entoptic.errors import BadModelFile
from entoptic.formats.mxnet.attributes import Attributes
from entoptic.formats.mxnet.params import Array
from entoptic.registry import Registry

if TYPE_CHECKING:
    import onnx


_MOST_NAMES = 500_000
_MOST_AXES = 16


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the graph.

    Args:
        name: in the graph.
        rank: number of axes.
        array: its numbers, where they are constant.
    """

    name: str
    rank: int
    array: Array | None = None


class GraphBuilder:
    """Nodes and initializers of an ONNX graph; all floats are float32.

    A name belongs to one thing only: `claim` gives it away, with a number behind it where it
    is taken. The names of layers are claimed before all others, so they stay as they are.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self._taken: dict[str, int] = {}

    def claim(self, name: str) -> str:
        """The name, or the name with a number behind it where it is taken.

        Raises:
            BadModelFile: the graph grows beyond all measure.
        """
        if len(self._taken) >= _MOST_NAMES:
            raise BadModelFile(f"{self.path}: it has more than {_MOST_NAMES} tensors")
        free = name
        while free in self._taken:
            self._taken[name] += 1
            free = f"{name}/{self._taken[name]}"
        self._taken[free] = 1
        return free

    def constant(self, name: str, array: Array) -> Value:
        """A tensor of known numbers; it enters the graph when a node uses it."""
        return Value(self.claim(name), array.ndim, array)

    def add(
        self,
        kind: str,
        inputs: Sequence[Value],
        outputs: Sequence[str],
        name: str,
        attributes: Mapping[str, Any],
    ) -> None:
        """Append a node and whatever constants it needs."""
        from onnx import helper, numpy_helper

        for value in inputs:
            if value.array is not None and value.name not in self.initializers:
                self.initializers[value.name] = numpy_helper.from_array(value.array, value.name)
        names = [value.name for value in inputs]
        self.nodes.append(helper.make_node(kind, names, list(outputs), name, **attributes))


@dataclass(frozen=True, eq=False)
class Call:
    """One node of an MXNet network, about to be translated.

    Args:
        name: the node's name in the ONNX graph.
        kind: MXNet's name of the operator.
        inputs: what it is given.
        attributes: its options.
        graph: where the translation goes.
    """

    name: str
    kind: str
    inputs: tuple[Value, ...]
    attributes: Attributes
    graph: GraphBuilder

    def fail(self, text: str) -> BadModelFile:
        """An error that names file, node and operator."""
        return self.attributes.fail(text)

    def refuse(self, *keys: str) -> None:
        """Raise for options that change the meaning and can't be translated."""
        for key in keys:
            if self.attributes.has(key) and self.attributes.flag(key, False):
                raise self.fail(f"{key}=True can't be imported")

    def input(self, index: int = 0) -> Value:
        """One input.

        Raises:
            BadModelFile: the node has fewer.
        """
        if index >= len(self.inputs):
            raise self.fail(f"it has {len(self.inputs)} inputs, but needs {index + 1}")
        return self.inputs[index]

    def rank(self, index: int = 0) -> int:
        """The number of axes of an input."""
        return self.input(index).rank

    def require_rank(self, rank: int) -> None:
        """Raise where the first input has another number of axes."""
        if self.rank() != rank:
            raise self.fail(f"its input must have {rank} axes, but it has {self.rank()}")

    def axis(self, axis: int, more: int = 0) -> int:
        """An axis of the first input, counted from the front; or of a result with more axes."""
        rank = self.rank() + more
        if not -rank <= axis < rank:
            raise self.fail(f"axis {axis} doesn't exist; there are {rank} axes")
        return axis % rank

    def parameter(
        self, index: int, what: str, shape: tuple[int | None, ...] | None = None
    ) -> Value:
        """An input that is stored in the file, of the shape given; None stands for any length.

        Raises:
            BadModelFile: it is computed, or has another shape.
        """
        value = self.input(index)
        if value.array is None:
            raise self.fail(f"its {what} {value.name!r} is computed; only stored ones are imported")
        given = value.array.shape
        if shape is not None and not _matches(given, shape):
            wanted = " x ".join("any" if length is None else str(length) for length in shape)
            raise self.fail(f"its {what} {value.name!r} has shape {given}, but must be {wanted}")
        return value

    def constant(self, suffix: str, numbers: Any, dtype: Any = np.float32) -> Value:
        """A constant tensor that this node alone uses."""
        return self.graph.constant(f"{self.name}/{suffix}", np.asarray(numbers, dtype))

    def integers(self, suffix: str, numbers: Sequence[int]) -> Value:
        """A constant list of whole numbers: axes, sizes, a shape."""
        return self.constant(suffix, list(numbers), np.int64)

    def step(
        self, suffix: str, kind: str, *inputs: Value, rank: int | None = None, **attributes: Any
    ) -> Value:
        """Add an ONNX node on the way to the result; its name is `NAME/suffix`.

        The rank is that of the first input unless another one is given.
        """
        name = self.graph.claim(f"{self.name}/{suffix}")
        self.graph.add(kind, inputs, [name], name, attributes)
        return Value(name, _rank(rank, inputs))

    def last(self, kind: str, *inputs: Value, rank: int | None = None, **attributes: Any) -> Value:
        """Add the ONNX node that gives the result; it bears the MXNet node's own name."""
        self.graph.add(kind, inputs, [self.name], self.name, attributes)
        value = Value(self.name, _rank(rank, inputs))
        if value.rank > _MOST_AXES:
            raise self.fail(f"its result has {value.rank} axes; at most {_MOST_AXES} are imported")
        return value

    def last_of_several(
        self, kind: str, *inputs: Value, count: int, **attributes: Any
    ) -> tuple[Value, ...]:
        """Add the ONNX node that gives several results: `NAME`, `NAME:1`, `NAME:2`, ..."""
        more = [self.graph.claim(f"{self.name}:{index}") for index in range(1, count)]
        self.graph.add(kind, inputs, [self.name, *more], self.name, attributes)
        return tuple(Value(name, inputs[0].rank) for name in [self.name, *more])


Translation: TypeAlias = Callable[[Call], Value | tuple[Value, ...]]

OPERATORS: Registry[Translation] = Registry("MXNet operator", BadModelFile)


def operator(*kinds: str) -> Callable[[Translation], Translation]:
    """Register the translation of an MXNet operator under all of its names."""

    def register(translate: Translation) -> Translation:
        for kind in kinds:
            OPERATORS.add(kind, translate)
        return translate

    return register


def _rank(given: int | None, inputs: Sequence[Value]) -> int:
    return inputs[0].rank if given is None else given


def _matches(given: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(given) == len(wanted) and all(
        length in (None, actual) for actual, length in zip(given, wanted, strict=True)
    )

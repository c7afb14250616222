"""One MXNet operator while it is translated into an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from entoptic.errors import BadModelFile
from entoptic.formats.mxnet.attributes import TextAttributes
from entoptic.formats.mxnet.params import Array
from entoptic.formats.onnx_graph import GraphBuilder
from entoptic.registry import Registry

_MOST_AXES = 16


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the graph.

    Args:
        name: in the graph.
        rank: number of axes.
        array: its numbers, where they are constant; they enter the graph when a node uses them.
    """

    name: str
    rank: int
    array: Array | None = None

    @property
    def numbers(self) -> Array:
        """The numbers of a constant."""
        assert self.array is not None, "only parameters are asked for their numbers"
        return self.array


NOTHING = Value("", 1)
"""In place of an optional input that is left out."""


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
    attributes: TextAttributes
    graph: GraphBuilder

    def fail(self, text: str) -> BadModelFile:
        """Return an error that names file, node and operator."""
        return self.attributes.fail(text)

    def input(self, index: int = 0) -> Value:
        """Return one input.

        Raises:
            BadModelFile: the node has fewer.
        """
        if index >= len(self.inputs):
            raise self.fail(f"it has {len(self.inputs)} inputs, but needs {index + 1}")
        return self.inputs[index]

    def rank(self, index: int = 0) -> int:
        """Return the number of axes of an input."""
        return self.input(index).rank

    def require_rank(self, rank: int) -> None:
        """Raise where the first input has another number of axes."""
        if self.rank() != rank:
            raise self.fail(f"its input must have {rank} axes, but it has {self.rank()}")

    def axis(self, axis: int, more: int = 0) -> int:
        """Count an axis of the first input from the front; or one of a result with more axes."""
        rank = self.rank() + more
        if not -rank <= axis < rank:
            raise self.fail(f"axis {axis} doesn't exist; there are {rank} axes")
        return axis % rank

    def parameter(self, index: int, what: str, shape: tuple[int | None, ...]) -> Value:
        """Return an input that is stored in the file, of the shape given; None is any length.

        Raises:
            BadModelFile: it is computed, or has another shape.
        """
        value = self.input(index)
        if value.array is None:
            raise self.fail(f"its {what} {value.name!r} is computed; only stored ones are imported")
        given = value.array.shape
        if len(given) != len(shape) or any(
            length not in (None, actual) for actual, length in zip(given, shape, strict=True)
        ):
            wanted = " x ".join("any" if length is None else str(length) for length in shape)
            raise self.fail(f"its {what} {value.name!r} has shape {given}, but must be {wanted}")
        return value

    def constant(self, suffix: str, numbers: Any, dtype: Any = np.float32) -> Value:
        """Return a constant tensor that this node alone uses."""
        array = np.asarray(numbers, dtype)
        return Value(self.graph.claim(f"{self.name}/{suffix}"), array.ndim, array)

    def integers(self, suffix: str, numbers: Sequence[int]) -> Value:
        """Return a constant list of whole numbers: axes, sizes, a shape."""
        return self.constant(suffix, list(numbers), np.int64)

    def step(
        self, suffix: str, op: str, *inputs: Value, rank: int | None = None, **attributes: Any
    ) -> Value:
        """Add an ONNX node on the way to the result; its name is `NAME/suffix`.

        The rank is that of the first input unless another one is given.
        """
        name = self.graph.claim(f"{self.name}/{suffix}")
        return self._add(op, name, inputs, [name], rank, attributes)[0]

    def last(self, op: str, *inputs: Value, rank: int | None = None, **attributes: Any) -> Value:
        """Add the ONNX node that gives the result; it bears the MXNet node's own name."""
        return self._add(op, self.name, inputs, [self.name], rank, attributes)[0]

    def several(
        self, op: str, *inputs: Value, count: int, suffix: str = "", **attributes: Any
    ) -> tuple[Value, ...]:
        """Add an ONNX node that gives several results: `NAME`, `NAME:1`, `NAME:2`, ..."""
        name = self.graph.claim(f"{self.name}/{suffix}") if suffix else self.name
        outputs = [name, *(self.graph.claim(f"{name}:{index}") for index in range(1, count))]
        return self._add(op, name, inputs, outputs, None, attributes)

    def _add(
        self,
        op: str,
        name: str,
        inputs: Sequence[Value],
        outputs: Sequence[str],
        rank: int | None,
        attributes: dict[str, Any],
    ) -> tuple[Value, ...]:
        for value in inputs:
            if value.array is not None:
                self.graph.constant(value.name, value.array)
        self.graph.node(op, name, [value.name for value in inputs], outputs, attributes)
        rank = inputs[0].rank if rank is None else rank
        if rank > _MOST_AXES:
            raise self.fail(f"its result has {rank} axes; at most {_MOST_AXES} are imported")
        return tuple(Value(output, rank) for output in outputs)


Translation: TypeAlias = Callable[[Call], Value | tuple[Value, ...]]

OPERATORS: Registry[Translation] = Registry("MXNet operator", BadModelFile)


def operator(*kinds: str) -> Callable[[Translation], Translation]:
    """Register the translation of an MXNet operator under all of its names."""

    def register(translate: Translation) -> Translation:
        for kind in kinds:
            OPERATORS.add(kind, translate)
        return translate

    return register

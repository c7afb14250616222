"""The ONNX graph while it grows: nodes under TensorFlow's names, constants, changes of layout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from entoptic.errors import BadModelFile
from entoptic.formats.onnx_graph import GraphBuilder
from entoptic.formats.tensorflow.graphdef import Node
from entoptic.formats.tensorflow.values import (
    TO_NCHW,
    TO_NHWC,
    Free,
    Shape,
    Value,
    as_picture,
)

MAX_LIST = 4096  # entries of a list of sizes or axes


class Builder:
    """Collects ONNX nodes and initializers.

    Args:
        taken: names that belong to nodes of TensorFlow's.
        budget_bytes: how large the constants that are worked out may be, all together.
    """

    def __init__(self, taken: Iterable[str], budget_bytes: int) -> None:
        self.graph = GraphBuilder(taken)
        self.fixed_size = False
        """A size that follows from the picture's was written into the graph as a number."""
        self.whole: set[str] = set()
        """Names of values that are whole numbers; all others are floats."""
        self.node = Node("?", "?")
        """The node that is being translated: what is emitted takes its name."""
        self._laid: dict[tuple[str, bool], Value] = {}
        self._worked_out_bytes = 0
        self._budget_bytes = budget_bytes

    def emit(self, op: str, *inputs: Value | str, step: str = "", **attributes: Any) -> str:
        """Add one ONNX node.

        Args:
            op: the ONNX operator.
            inputs: values, or names of values.
            step: for all but the last node of an operator, what it does: `pad`.
            attributes: of the ONNX operator.

        Returns:
            The name of its output.
        """
        name = self.graph.claim(f"{self.node.name}/{step}") if step else self.node.name
        self._append(op, name, [name], inputs, attributes)
        return name

    def emit_parts(self, op: str, *inputs: Value | str, parts: int, **attributes: Any) -> None:
        """Add one ONNX node with several outputs, named as TensorFlow does: `split`, `split:1`."""
        name = self.node.name
        outputs = [name, *(f"{name}:{part}" for part in range(1, parts))]
        self._append(op, name, outputs, inputs, attributes)

    def result(self, op: str, *inputs: Value | str, like: Value, **attributes: Any) -> Value:
        """Add the last node of an operator, whose result lies and measures like another value."""
        return Value(self.emit(op, *inputs, **attributes), like.shape, like.nchw)

    def constant(self, array: np.ndarray, name: str) -> str:
        """Add an initializer, and return its name."""
        return self.graph.constant(name, array)

    def integers(self, numbers: Sequence[int], role: str) -> str:
        """Add an initializer of whole numbers for the node at hand, such as the axes."""
        return self.constant(np.array(numbers, np.int64), f"{self.node.name}/{role}")

    def charge(self, array: np.ndarray) -> None:
        """Count a constant that was worked out, so that a small file can't ask for much memory."""
        self._worked_out_bytes += array.nbytes
        if self._worked_out_bytes > self._budget_bytes:
            raise BadModelFile("its constants grow far beyond the size of the file")

    def numbers(self, value: Value, what: str) -> np.ndarray:
        """A constant's entries; a size that follows from the picture's is fixed by this."""
        if value.array is None:
            raise BadModelFile(f"its {what} isn't a constant")
        if value.array.dtype != object:
            return value.array
        settled = [self._settle(entry, what) for entry in value.array.ravel()]
        return np.array(settled).reshape(value.array.shape)

    def whole_numbers(self, value: Value, what: str) -> list[int]:
        """A constant's entries as a list of whole numbers."""
        array = self.numbers(value, what)
        if array.dtype.kind != "i" or array.ndim > 1 or array.size > MAX_LIST:
            raise BadModelFile(f"its {what} isn't a list of whole numbers")
        return [int(entry) for entry in array.ravel()]

    def weights(self, value: Value, what: str, rank: int) -> np.ndarray:
        """A constant's entries, which must be floats with so many axes."""
        array = self.numbers(value, what)
        if array.dtype != np.float32 or array.ndim != rank or array.size == 0:
            raise BadModelFile(
                f"its {what} must be floats with {rank} axes;"
                f" it is {array.dtype} with the shape {array.shape}"
            )
        return array

    def laid(self, value: Value, nchw: bool) -> Value:
        """The same value, with four axes, kept as a picture (NCHW) or in TensorFlow's order."""
        if value.nchw == nchw:
            return value
        assert value.rank == 4, "only pictures are laid"
        key = (value.name, nchw)
        if key not in self._laid:
            if value.array is not None:
                array = self.numbers(value, "constant").transpose(TO_NCHW)
                name = self.constant(array, f"{value.name}/nchw")
            else:
                perm, step = (TO_NCHW, "nchw") if nchw else (TO_NHWC, "nhwc")
                name = self.emit("Transpose", value, step=step, perm=perm)
            self._laid[key] = replace(value, name=name, nchw=nchw, array=None)
        return self._laid[key]

    def agreed(self, values: Sequence[Value]) -> tuple[list[Value], bool]:
        """Values that are combined entry by entry, all in one layout.

        Returns:
            The values, and True where they are pictures.
        """
        nchw = max(value.rank for value in values) == 4 and any(value.nchw for value in values)
        return [self._meeting(value, nchw) for value in values], nchw

    def sizes(self, shape: Shape) -> str:
        """An initializer with a whole shape in it."""
        return self.integers([int(self._settle(size, "shape")) for size in shape], "shape")

    def _meeting(self, value: Value, nchw: bool) -> Value:
        if value.rank == 4:
            return self.laid(value, nchw)
        if not nchw or value.rank == 0:
            return value
        if value.array is not None:
            array = as_picture(self.numbers(value, "constant"))
            return Value(self.constant(array, value.name), value.shape, True)
        missing = 4 - value.rank
        axes = self.integers(range(missing), "axes")
        name = self.emit("Unsqueeze", value, axes, step="unsqueeze")
        return self.laid(Value(name, (1,) * missing + value.shape), True)

    def _settle(self, entry: object, what: str) -> int | float:
        known = entry.natural if isinstance(entry, Free) else entry
        if not isinstance(known, int | float):
            raise BadModelFile(
                f"its {what} follows from the size of the picture, which the file doesn't give"
            )
        if isinstance(entry, Free):
            self.fixed_size = True
        return known

    def _append(
        self,
        op: str,
        name: str,
        outputs: list[str],
        inputs: Sequence[Value | str],
        attributes: dict[str, Any],
    ) -> None:
        from onnx import TensorProto

        names = [given if isinstance(given, str) else self._reference(given) for given in inputs]
        if op == "ArgMax" or attributes.get("to") == TensorProto.INT64:
            self.whole.add(name)
        elif op != "Cast" and names[0] in self.whole:
            self.whole.update(outputs)
        self.graph.node(op, name, names, outputs, attributes)

    def _reference(self, value: Value) -> str:
        if value.array is None:
            return value.name
        return self.constant(self.numbers(value, "constant"), value.name)

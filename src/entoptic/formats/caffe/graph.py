"""The graph that a Caffe network becomes: nodes with unique names, then an ONNX model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from entoptic.errors import MissingExtra

if TYPE_CHECKING:
    import onnx

# None: the attribute is left out.
Attribute: TypeAlias = int | float | str | Sequence[int] | None

_OPSET = 17
# The version of ONNX's file format that came with opset 17.
_IR_VERSION = 8

# Caffe keeps a blob's number of values in an int, and allows 32 axes (kMaxBlobAxes).
MOST_VALUES, MOST_AXES = 2**31 - 1, 32


@dataclass(frozen=True)
class Tensor:
    """A value in the graph.

    Args:
        name: unique in the graph.
        shape: what it would be at the declared input size. The graph leaves batch, height and
            width free; this shape is for checking weights and counting axes.
    """

    name: str
    shape: tuple[int, ...]

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)


@dataclass(frozen=True)
class Node:
    """One ONNX operation."""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


class Graph:
    """A graph that grows node by node.

    Args:
        names: the layers' names, which no derived name may take.
        inputs: what is given from outside.
    """

    def __init__(self, names: Iterable[str], inputs: Sequence[Tensor]) -> None:
        self.inputs = tuple(inputs)
        self.nodes: list[Node] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self._input_names = {tensor.name for tensor in inputs}
        self._taken = set(names) | self._input_names

    def constant(self, layer: str, part: str, array: NDArray[Any]) -> Tensor:
        """Add weights, named LAYER/PART."""
        name = self._free(f"{layer}/{part}")
        self.constants[name] = array
        return Tensor(name, array.shape)

    def node(
        self,
        op: str,
        layer: str,
        part: str,
        inputs: Sequence[Tensor],
        shapes: Sequence[tuple[int, ...]],
        attributes: Mapping[str, Attribute],
    ) -> tuple[Tensor, ...]:
        """Add a node: named as the layer, or LAYER/PART for a step on the way."""
        name = self._free(f"{layer}/{part}") if part else layer
        first = self._free(f"{name}/output") if name in self._input_names else name
        others = [self._free(f"{name}/output{index}") for index in range(1, len(shapes))]
        outputs = (first, *others)
        self.nodes.append(Node(op, name, tuple(t.name for t in inputs), outputs, attributes))
        return tuple(Tensor(n, shape) for n, shape in zip(outputs, shapes, strict=True))

    def _free(self, name: str) -> str:
        candidate, count = name, 1
        while candidate in self._taken:
            count += 1
            candidate = f"{name}_{count}"
        self._taken.add(candidate)
        return candidate

    def to_onnx(
        self, name: str, outputs: Sequence[Tensor], metadata: Mapping[str, str]
    ) -> onnx.ModelProto:
        """The graph as an ONNX model."""
        helper = require_onnx().helper
        from_array = require_onnx().numpy_helper.from_array
        nodes = [
            helper.make_node(n.op, n.inputs, n.outputs, name=n.name, **n.attributes)
            for n in self.nodes
        ]
        taken = {name for node in self.nodes for name in node.inputs}
        others = [tensor for tensor in self.inputs[1:] if tensor.name in taken]
        graph = helper.make_graph(
            nodes,
            name,
            [_value(self.inputs[0], _picture_axes(self.inputs[0]))]
            + [_value(tensor, [None, *tensor.shape[1:]]) for tensor in others],
            [_value(t, [None] * t.rank) for t in outputs],
            [from_array(array, key) for key, array in self.constants.items()],
        )
        model: onnx.ModelProto = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
            producer_name="entoptic",
        )
        helper.set_model_props(model, dict(metadata))
        return model


def _picture_axes(tensor: Tensor) -> list[str | int]:
    """The first input's axes: the batch is free, and so is a picture's size."""
    if tensor.rank == 4:
        return ["batch", tensor.shape[1], "height", "width"]
    return ["batch", *tensor.shape[1:]]


def _value(tensor: Tensor, axes: Sequence[str | int | None]) -> onnx.ValueInfoProto:
    package = require_onnx()
    kind = package.TensorProto.FLOAT
    value: onnx.ValueInfoProto = package.helper.make_tensor_value_info(tensor.name, kind, axes)
    return value


def require_onnx() -> Any:
    """The onnx package.

    Raises:
        MissingExtra: it isn't installed.
    """
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as missing:
        raise MissingExtra(
            "reading Caffe files needs the 'onnx' extra: pip install \"entoptic[onnx]\""
        ) from missing
    return onnx


def count(shape: Sequence[int]) -> int:
    """Number of values of an array of that shape."""
    return math.prod(shape)


def integers(*values: int) -> NDArray[np.int64]:
    """Whole numbers as ONNX wants axes and shapes."""
    return np.array(values, np.int64)

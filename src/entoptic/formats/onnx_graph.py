"""The ONNX graph that the readers of other formats make: its nodes, constants and names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from entoptic.errors import BadModelFile, MissingExtra

if TYPE_CHECKING:
    import onnx

Axes: TypeAlias = Sequence[int | str | None]
"""Lengths of a tensor's axes: numbers, names of those that are free, or None."""

OPSET = 17
_IR_VERSION = 8  # of the ONNX release that brought opset 17
_MAX_NAMES = 500_000
_MAX_CONSTANT_BYTES = 2**31 - 2**20  # protobuf's limit, with room for the nodes


def onnx_package(purpose: str) -> Any:
    """Import the package onnx, with what graphs are made by.

    Args:
        purpose: what it is needed for, as the error begins: "ONNX import".

    Raises:
        MissingExtra: it isn't installed.
    """
    try:
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise MissingExtra(
            f"{purpose} needs the 'onnx' extra: pip install \"entoptic[onnx]\""
        ) from error
    return onnx


class GraphBuilder:
    """Collects the nodes and the constants of an ONNX graph.

    Args:
        taken: names that are given away already, such as those of all layers, so that these stay
            as they are.
        place: what errors begin with.
    """

    def __init__(self, taken: Iterable[str] = (), place: str = "") -> None:
        self.place = place
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self._taken = dict.fromkeys(taken, 1)
        self._constant_bytes = 0

    def claim(self, name: str) -> str:
        """Give a name away: as it is, or with a number behind it where it is taken.

        Raises:
            BadModelFile: the graph grows beyond all measure.
        """
        if len(self._taken) >= _MAX_NAMES:
            raise BadModelFile(f"{self.place}it has more than {_MAX_NAMES} tensors")
        free = name
        while free in self._taken:
            self._taken[name] += 1
            free = f"{name}/{self._taken[name]}"
        self._taken[free] = 1
        return free

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Add an initializer; the same array under the same name is added once.

        Returns:
            Its name, which is longer where another array has that one.

        Raises:
            BadModelFile: the constants become larger than a graph can be.
        """
        # Counted each time that one is used: so damaged sharing can't take for ever either.
        self._constant_bytes += array.nbytes
        if self._constant_bytes > _MAX_CONSTANT_BYTES:
            raise BadModelFile("the constants are larger than an ONNX graph can be (2 GiB)")
        array = np.ascontiguousarray(array).reshape(array.shape)
        while (known := self.constants.get(name)) is not None:
            alike = known.shape == array.shape and known.dtype == array.dtype
            if alike and known.tobytes() == array.tobytes():
                return name
            name += "_"
        self.constants[name] = array
        return name

    def node(
        self,
        op: str,
        name: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        attributes: Mapping[str, Any],
    ) -> None:
        """Add a node; attributes that are None are left out."""
        from onnx import helper

        self.nodes.append(helper.make_node(op, inputs, outputs, name=name, **attributes))

    def model(
        self,
        name: str,
        inputs: Mapping[str, Axes],
        outputs: Mapping[str, Axes | None],
        *,
        whole: Collection[str] = (),
    ) -> onnx.ModelProto:
        """Return the graph as an ONNX model.

        Args:
            name: of the graph.
            inputs: names and axes of the tensors that are given, the picture first.
            outputs: names and axes of the tensors that are made; None where they aren't known.
            whole: names of outputs that are whole numbers; all other tensors are floats.
        """
        from onnx import TensorProto, helper

        def value(key: str, axes: Axes | None) -> onnx.ValueInfoProto:
            kind = TensorProto.INT64 if key in whole else TensorProto.FLOAT
            made: onnx.ValueInfoProto = helper.make_tensor_value_info(key, kind, axes)
            return made

        graph = helper.make_graph(
            self.nodes,
            name,
            [value(*each) for each in inputs.items()],
            [value(*each) for each in outputs.items()],
        )
        model: onnx.ModelProto = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR_VERSION,
            producer_name="entoptic",
        )
        # Last, and into the model itself: protobuf copies all that is put into another message.
        for key, array in self.constants.items():
            model.graph.initializer.add(
                name=key,
                dims=array.shape,
                data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
                raw_data=array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes(),
            )
        return model

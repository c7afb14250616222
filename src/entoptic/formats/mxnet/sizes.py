"""Checks that the shapes in an ONNX graph fit together, and finds the picture size it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from entoptic.errors import BadModelFile
from entoptic.formats.files import reason
from entoptic.formats.windows import Window

if TYPE_CHECKING:
    import onnx

_LARGEST_SHAPE = 64  # numbers in an initializer that may be a shape, axes, pads or scales
_LARGEST_SIZE = 1024
# Sizes that networks are trained at; among several that fit one of these is meant, else a
# multiple of 8.
_USUAL_SIZES = (224, 227, 256, 299, 331, 28)

Shape = tuple[int | None, ...]


def checked(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """Return the same model with the shapes of its outputs, once all shapes fit together.

    Raises:
        BadModelFile: they don't; the text names the layer where that is known.
    """
    from onnx.shape_inference import InferenceError

    try:
        inferred = _inferred(_without_weights(model))
    except InferenceError as error:
        raise BadModelFile(f"{path}: the shapes of its layers don't fit: {reason(error)}") from None
    shapes = _shapes(inferred.graph)
    for node in model.graph.node:
        _check_channels(node, shapes, path)
    del model.graph.output[:]
    model.graph.output.extend(inferred.graph.output)
    return model


def input_size(model: onnx.ModelProto) -> tuple[int, int] | None:
    """Return height and width of the square pictures that the fully connected layers ask for.

    Returns:
        None where nothing asks for a size, or no square one fits.
    """
    demand = _demand(model)
    if demand is None:
        return None
    low, high = 1, _LARGEST_SIZE  # features never become fewer when pictures grow
    while low < high:
        middle = (low + high) // 2
        if demand.features(middle) < demand.wanted:
            low = middle + 1
        else:
            high = middle
    if demand.features(low) != demand.wanted:
        return None
    rounded = -(-low // 8) * 8
    for size in (*_USUAL_SIZES, rounded):
        if size >= low and demand.features(size) == demand.wanted:
            return size, size
    return low, low


@dataclass(frozen=True)
class _Demand:
    """A fully connected layer that must be given a certain number of features.

    Args:
        graph: the model up to the layer's input, without its weights.
        wanted: the number of features that it must have.
    """

    graph: onnx.ModelProto
    wanted: int

    def features(self, size: int) -> int:
        """Count the features at one size of the picture; -1 where it is too small."""
        from onnx.shape_inference import InferenceError

        axes = self.graph.graph.input[0].type.tensor_type.shape.dim
        axes[2].dim_value, axes[3].dim_value = size, size
        try:
            shapes = _shapes(_inferred(self.graph).graph)
        except InferenceError:
            return -1
        if not all(_window_fits(node, shapes) for node in self.graph.graph.node):
            return -1
        features = shapes.get(self.graph.graph.output[0].name, (None,))[-1]
        return -1 if features is None else features


def _demand(model: onnx.ModelProto) -> _Demand | None:
    """Find the first fully connected layer whose inputs depend on the picture's size."""
    from onnx import helper

    if len(model.graph.input[0].type.tensor_type.shape.dim) != 4:
        return None
    skeleton = _without_weights(model)
    shapes = _shapes(_inferred(skeleton).graph)
    for index, node in enumerate(model.graph.node):
        if node.op_type != "Gemm":
            continue
        given, weight = (shapes.get(name, ()) for name in node.input[:2])
        if len(given) == 2 and given[1] is None and len(weight) == 2 and weight[1] is not None:
            del skeleton.graph.node[index:], skeleton.graph.output[:]
            skeleton.graph.output.append(helper.make_empty_tensor_value_info(node.input[0]))
            return _Demand(skeleton, weight[1])
    return None


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with large initializers as inputs, so that shapes are inferred quickly."""
    import onnx
    from onnx import helper

    skeleton = onnx.ModelProto()
    skeleton.ir_version = model.ir_version
    skeleton.opset_import.extend(model.opset_import)
    graph = skeleton.graph
    graph.name = model.graph.name
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) <= 8 * _LARGEST_SHAPE:
            graph.initializer.append(tensor)
        else:
            graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
    return skeleton


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    from onnx.shape_inference import infer_shapes

    return infer_shapes(model, strict_mode=True, data_prop=True)


def _shapes(graph: onnx.GraphProto) -> dict[str, Shape]:
    """Return the shapes of all tensors that are known; None for a length that isn't."""
    shapes: dict[str, Shape] = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.HasField("shape"):
            shapes[value.name] = tuple(
                axis.dim_value if axis.HasField("dim_value") else None
                for axis in value.type.tensor_type.shape.dim
            )
    for tensor in graph.initializer:
        shapes[tensor.name] = tuple(tensor.dims)
    return shapes


def _window_fits(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> bool:
    """Return True where input and padding are as large as the kernel; inference doesn't look."""
    found = {attribute.name: tuple(attribute.ints) for attribute in node.attribute}
    kernel = found.get("kernel_shape", ())
    lengths = [length for length in shapes.get(node.input[0], ())[2:] if length is not None]
    if node.op_type == "ConvTranspose" or len(lengths) != len(kernel):
        return True
    ones, pads = (1,) * len(kernel), found.get("pads", (0, 0) * len(kernel))
    begin, end = pads[: len(kernel)], pads[len(kernel) :]
    window = Window(kernel, ones, found.get("dilations", ones), begin, end)
    return min(window.positions(lengths), default=1) > 0


def _check_channels(node: onnx.NodeProto, shapes: Mapping[str, Shape], path: Path) -> None:
    """Compare channels of the input with those of the weights, as shape inference doesn't."""
    given, weight = (shapes.get(name, ()) for name in (*node.input[:2], "", "")[:2])
    if len(given) < 2 or given[1] is None or not weight:
        return
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    wanted = {
        "Conv": weight[-1] if len(weight) < 2 else weight[1],
        "ConvTranspose": weight[0],
        "BatchNormalization": weight[0],
        "InstanceNormalization": weight[0],
        "Gemm": weight[-1],
    }.get(node.op_type)
    if wanted is None:
        return
    if node.op_type == "Conv":
        wanted *= attributes["group"]
    if given[1] != wanted:
        raise BadModelFile(
            f"{path}: layer {node.name!r} is given {given[1]} channels, but its weights "
            f"are for {wanted}"
        )

"""A TensorFlow 1 frozen graph as an ONNX graph that counts (batch, channels, height, width)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from entoptic.errors import BadModelFile
from entoptic.formats.files import about
from entoptic.formats.onnx_graph import onnx_package
from entoptic.formats.tensorflow.builder import Builder
from entoptic.formats.tensorflow.fold import fold, folds
from entoptic.formats.tensorflow.graphdef import Node, read_graph
from entoptic.formats.tensorflow.operators import OPERATORS
from entoptic.formats.tensorflow.plan import Picture, Plan, plan
from entoptic.formats.tensorflow.values import BATCH, TO_NCHW, Free, Size, Value, constant

if TYPE_CHECKING:
    import onnx

_GROWTH = 8  # a byte of the file may become a number of 8 bytes
_ROOM_BYTES = 2**28  # and small files may have large constants to some extent
_MINUS_ONE_TO_ONE = ("1", "0.5,0.5,0.5", "0.5,0.5,0.5")  # scale, mean, std


def read_tensorflow(pb: Path, *, outputs: Sequence[str] | None = None) -> onnx.ModelProto:
    """Read a frozen graph and translate it into ONNX.

    Every ONNX node has the name of the TensorFlow node that it comes from; where several are
    needed for one, the last has the plain name. The batch is free, so are height and width unless
    the graph writes them into itself. Weights become float32.

    Args:
        pb: a GraphDef whose variables are constants.
        outputs: names of the nodes that are wanted; None for those that nobody uses.

    Returns:
        An ONNX model of opset 17 with one picture coming in. Its `metadata_props` say
        `entoptic.source`, `entoptic.input_size` ("height,width") where the file gives a size, and
        the usual guess of the range: `entoptic.preprocess`, `entoptic.scale`, `entoptic.mean`,
        `entoptic.std`.

    Raises:
        BadModelFile: the file is damaged, isn't a frozen graph, or uses what can't be translated.
        MissingExtra: the package `onnx` isn't installed.
    """
    onnx_package("reading TensorFlow graphs")
    with about(str(pb)):
        nodes = read_graph(pb)
        planned = plan(nodes, outputs, _supported)
        return _translated(planned, nodes, _GROWTH * pb.stat().st_size + _ROOM_BYTES)


def _supported(op: str) -> bool:
    return op == "Const" or op in OPERATORS or folds(op)


def _translated(planned: Plan, taken: dict[str, Node], budget_bytes: int) -> onnx.ModelProto:
    builder = Builder(taken, budget_bytes)
    values: dict[str, tuple[Value, ...]] = {
        planned.picture.name: (_picture_value(planned.picture),)
    }
    for node in planned.nodes:
        with about(node.label):
            builder.node = node
            values[node.name] = _results(
                builder, node, [_input(values, ref) for ref in node.inputs]
            )
    return _model(builder, planned, [values[name][0] for name in planned.outputs])


def _picture_value(picture: Picture) -> Value:
    height, width = Free(picture.height), Free(picture.width)
    if picture.nchw:
        return Value(picture.name, (BATCH, picture.channels, height, width))
    return Value(picture.name, (BATCH, height, width, picture.channels), nchw=True)


def _input(values: dict[str, tuple[Value, ...]], reference: str) -> Value:
    name, _, port = reference.partition(":")
    index = int(port or 0)
    if index >= len(values[name]):
        raise BadModelFile(f"output {index} of {name!r} isn't there, or isn't used in inference")
    return values[name][index]


def _results(builder: Builder, node: Node, inputs: list[Value]) -> tuple[Value, ...]:
    if node.op == "Const":
        array = node.tensor("value")
        builder.charge(array)
        return (constant(node.name, array),)
    arrays = [value.array for value in inputs if value.array is not None]
    if folds(node.op) and arrays and len(arrays) == len(inputs):
        array = fold(node, arrays)
        if all(array is not known for known in arrays):
            builder.charge(array)
        return (constant(inputs[0].name if node.op == "Identity" else node.name, array),)
    if node.op == "PlaceholderWithDefault" and len(arrays) == 1:
        return (constant(node.name, arrays[0]),)
    if node.op not in OPERATORS:
        raise BadModelFile("it can be read only where all its inputs are constants")
    return OPERATORS[node.op](builder, *inputs)


def _model(builder: Builder, planned: Plan, results: list[Value]) -> onnx.ModelProto:
    from onnx import helper

    picture = planned.picture
    sides: list[int | str] = ["height", "width"]
    if builder.fixed_size and picture.height and picture.width:
        sides = [picture.height, picture.width]
    for name, value in zip(planned.outputs, results, strict=True):
        if value.array is not None:
            raise BadModelFile(f"output {name!r} is a constant; it doesn't follow from the picture")
    model = builder.graph.model(
        "tensorflow",
        {picture.name: ["batch", picture.channels, *sides]},
        {name: _axes(value) for name, value in zip(planned.outputs, results, strict=True)},
        whole=builder.whole,
    )
    left_off = {"entoptic.left_off": planned.left_off} if planned.left_off else {}
    helper.set_model_props(model, _metadata(picture) | left_off)
    return model


def _axes(value: Value) -> list[int | str | None]:
    shape = [value.shape[axis] for axis in TO_NCHW] if value.nchw else list(value.shape)
    return [_declared(size) for size in shape]


def _declared(size: Size) -> int | str | None:
    if isinstance(size, Free):
        return "batch" if size.batch else None
    return size


def _metadata(picture: Picture) -> dict[str, str]:
    """Return notes for an importer; a frozen graph doesn't say how its pictures are scaled.

    The network is shown `(picture * scale - mean) / std`, the picture being in [0, 1]. Most
    networks of that time take [-1, 1]; those that decode picture files take [0, 255].
    """
    scale, mean, std = ("255", "0,0,0", "1,1,1") if picture.decoded else _MINUS_ONE_TO_ONE
    metadata = {
        "entoptic.source": "tensorflow",
        "entoptic.preprocess": "guess",
        "entoptic.channel_order": "RGB",
        "entoptic.scale": scale,
        "entoptic.mean": mean,
        "entoptic.std": std,
    }
    if picture.height and picture.width:
        metadata["entoptic.input_size"] = f"{picture.height},{picture.width}"
    return metadata

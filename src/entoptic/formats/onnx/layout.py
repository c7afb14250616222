"""Graphs whose pictures have their channels last: a transposition in front turns them round."""

from __future__ import annotations

from dataclasses import replace

from entoptic.errors import BadSetting
from entoptic.formats.onnx.graph import Graph, GraphNode

LAYOUTS = ("nchw", "nhwc")

GUESS = "guess"
"""The layout that an input looks like."""

# How many channels a picture has: grey, colours, colours and transparency.
_CHANNELS = (1, 3, 4)

_TO_NHWC, _TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)


def channels_second(graph: Graph, layout: str) -> Graph:
    """The graph with an input that counts (batch, channels, height, width).

    Args:
        graph: as the file has it.
        layout: of its input, `nchw` or `nhwc`; or `GUESS`, for what it looks like.

    Raises:
        BadSetting: another layout, or pictures that don't have four axes.
    """
    if layout not in (*LAYOUTS, GUESS):
        raise BadSetting(f"no layout {layout!r}; there are {' and '.join(LAYOUTS)}")
    if layout == "nhwc" and len(graph.input_shape) != 4:
        raise BadSetting(f"layout=nhwc is of four axes; the input has {len(graph.input_shape)}")
    if layout == "nchw" or (layout == GUESS and not _looks_last(graph)):
        return graph
    taken = {name for node in graph.nodes for name in (node.name, *node.inputs, *node.outputs)}
    name = next(each for each in (f"{'to_' * n}nhwc" for n in range(1, 99)) if each not in taken)
    turned = GraphNode("Transpose", name, (name + "/input",), (graph.input,), {"perm": _TO_NHWC})
    return replace(
        graph,
        nodes=(turned, *graph.nodes),
        input=name + "/input",
        input_shape=tuple(graph.input_shape[axis] for axis in _TO_NCHW),
    )


def _looks_last(graph: Graph) -> bool:
    """Return True where the last axis is as long as a picture has channels, and the second isn't.

    Where both are free, what turns the input round says so.
    """
    if len(graph.input_shape) != 4:
        return False
    _, second, _, last = graph.input_shape
    if (second, last) != (None, None):
        return last in _CHANNELS and second not in _CHANNELS
    takers = [node for node in graph.nodes if graph.input in node.inputs]
    return bool(takers) and all(
        node.op == "Transpose" and node.attributes.get("perm") == _TO_NCHW for node in takers
    )

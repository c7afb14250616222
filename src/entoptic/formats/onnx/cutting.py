"""Graphs cut short: at an output that is asked for, and before what can't be imported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from entoptic.errors import BadSetting, did_you_mean
from entoptic.formats.onnx.graph import Graph, GraphNode, needed

# What is computed from sizes alone isn't of the picture.
_SIZES = frozenset({"Shape", "Size"})


def ending_at(graph: Graph, output: str) -> Graph:
    """Cut a graph short: up to one node, or one value.

    Args:
        graph: the whole.
        output: name of a node, whose first value is meant, or of a value.

    Raises:
        BadSetting: with the nearest name.
    """
    by_name = {node.name: next(filter(None, node.outputs)) for node in graph.nodes}
    values = {value: value for node in graph.nodes for value in filter(None, node.outputs)}
    ends = values | by_name
    if output not in ends:
        hint = did_you_mean(output, ends) or f"; its last ones are {listed(list(by_name)[-3:])}"
        raise BadSetting(f"no node named {output!r} to end at{hint}")
    return _up_to(graph, (ends[output],))


def without(graph: Graph, left_off: Iterable[str]) -> Graph | None:
    """Leave off some nodes and all that depends on them.

    Outputs that remain stay, in order; the values from which what is left off began become outputs,
    the latest first. None where nothing remains that depends on the picture.

    Args:
        graph: the whole.
        left_off: names of nodes.
    """
    lost = _with_what_follows(graph, set(left_off))
    kept = [node for node in graph.nodes if node.name not in lost]
    of_picture = _of_picture(graph, kept)
    outputs = [name for name in graph.outputs if name in of_picture]
    wanted = {name for node in graph.nodes if node.name in lost for name in node.inputs}
    ends = [name for node in reversed(kept) for name in node.outputs if name in wanted & of_picture]
    outputs = list(dict.fromkeys([*outputs, *ends]))
    return _up_to(replace(graph, nodes=tuple(kept)), tuple(outputs)) if outputs else None


def without_constant_outputs(graph: Graph) -> Graph:
    """Leave off outputs that are the same for every picture, where others remain."""
    computed = _of_picture(graph, graph.nodes, sizes_too=True)
    outputs = tuple(name for name in graph.outputs if name in computed)
    return _up_to(graph, outputs) if outputs and outputs != graph.outputs else graph


def told(kept: Graph, left_off: Sequence[str]) -> str:
    """Return a sentence on the parts left off, and the part that is left."""
    makers = {value: node.name for node in kept.nodes for value in node.outputs}
    return (
        f"left off, since it can't be imported, with all that follows: {', '.join(left_off)}; the "
        f"network ends at {makers[kept.outputs[0]]!r} (?output=NAME ends it elsewhere)"
    )


def listed(names: Sequence[str], most: int = 3) -> str:
    """List names, of many the first ones."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def _up_to(graph: Graph, outputs: tuple[str, ...]) -> Graph:
    return replace(graph, nodes=tuple(needed(list(graph.nodes), outputs)), outputs=outputs)


def _with_what_follows(graph: Graph, lost: set[str]) -> set[str]:
    values: set[str] = set()
    for node in graph.nodes:  # each comes after those it takes values from
        if node.name in lost or not values.isdisjoint(node.inputs):
            lost.add(node.name)
            values.update(filter(None, node.outputs))
    return lost


def _of_picture(graph: Graph, nodes: Iterable[GraphNode], *, sizes_too: bool = False) -> set[str]:
    """Return the values that depend on the picture, and not only on its size."""
    found = {graph.input}
    for node in nodes:
        if (sizes_too or node.op not in _SIZES) and not found.isdisjoint(node.inputs):
            found.update(filter(None, node.outputs))
    return found - {graph.input}

"""A network as a graph of what its targets need, rewritten by `passes`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import fx, nn

from entoptic.layers import Layer
from entoptic.networks.compile.context import Context
from entoptic.networks.compile.passes import PASSES
from entoptic.networks.compile.trace import Tracer, Untraceable

_WRITING_OPERATORS = ("iadd", "isub", "imul", "itruediv", "setitem", "iand", "ior")


def fused(
    tracer: Tracer, graph: fx.Graph, targets: Mapping[Layer, str], context: Context
) -> fx.GraphModule:
    """Return the network as a module that gives the targets of images, in order, as float32.

    Args:
        tracer, graph: from `traced`; they aren't changed.
        targets: layers, with the paths of their modules.
        context: for the passes.

    Raises:
        Untraceable: a target isn't a value of the graph, or the order of its calls matters.
    """
    module = fx.GraphModule(tracer.root, _part(tracer, graph, targets))
    for rewrite in PASSES:
        rewrite(module, context)
    module.graph.lint()
    module.delete_all_unused_submodules()
    module.recompile()
    return module


def _part(tracer: Tracer, graph: fx.Graph, targets: Mapping[Layer, str]) -> fx.Graph:
    """Return the nodes that the targets depend on."""
    wanted = [_node(tracer, layer, path) for layer, path in targets.items()]
    kept = _needed(graph, wanted)
    tracer.refuse_regions(kept)
    _refuse_side_effects(graph, kept, tracer.root)
    part = fx.Graph()
    copies: dict[fx.Node, Any] = {}
    for node in graph.nodes:
        if node.op == "placeholder" and copies:
            # Only the image is given; what else a network may be given has its default.
            copies[node] = node.args[0] if node.args else None
        elif node in kept:
            copies[node] = part.node_copy(node, copies.__getitem__)
    part.output(tuple(copies[node] for node in wanted))
    return part


def _node(tracer: Tracer, layer: Layer, path: str) -> fx.Node:
    ports = tracer.inputs if layer.port == "input" else tracer.outputs
    calls = ports[path]
    node = calls[layer.call] if layer.call < len(calls) else None
    if node is None:
        raise Untraceable(f"{str(layer)!r} isn't a value of the graph")
    return node


def _needed(graph: fx.Graph, wanted: Sequence[fx.Node]) -> set[fx.Node]:
    """Return nodes with all that they depend on, and the network's inputs."""
    needed = {node for node in graph.nodes if node.op == "placeholder"}
    waiting = list(wanted)
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting += node.all_input_nodes
    return needed


def _refuse_side_effects(graph: fx.Graph, kept: set[fx.Node], root: nn.Module) -> None:
    """Raise Untraceable where a value is read after another node has overwritten it."""
    for node in graph.nodes:
        if _writes(node, root):
            written = node.all_input_nodes[0]
            if any(user is not node and user in kept for user in written.users):
                raise Untraceable(f"{node} overwrites what others read")


def _writes(node: fx.Node, root: nn.Module) -> bool:
    """Return whether a node changes its first argument, as far as can be seen from outside."""
    if not node.all_input_nodes:
        return False
    if node.op == "call_module":
        return bool(getattr(root.get_submodule(str(node.target)), "inplace", False))
    if node.kwargs.get("inplace"):
        return True
    if node.op == "call_method":
        return str(node.target).endswith("_") and not str(node.target).endswith("__")
    if node.op != "call_function":
        return False
    name = getattr(node.target, "__name__", "")
    if getattr(node.target, "__module__", "") == "_operator":
        return name in _WRITING_OPERATORS
    return name.endswith("_") and not name.startswith("_")

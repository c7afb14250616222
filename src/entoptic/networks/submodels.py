"""Parts of a network as networks of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor, fx, nn

from entoptic.errors import BadSetting, NoPath
from entoptic.layers import Layer
from entoptic.networks import taps
from entoptic.networks.compile.trace import Tracer, Untraceable, traced
from entoptic.networks.frozen import frozen_copy
from entoptic.networks.network import OUTPUT
from entoptic.networks.preprocess import Preprocess
from entoptic.networks.single import SingleNetwork


class UpTo(nn.Module):
    """A network that ends where one of its layers does."""

    def __init__(self, network: nn.Module, path: str, layer: Layer) -> None:
        super().__init__()
        self.network = network
        self.path = path
        self.layer = layer

    def forward(self, value: Tensor) -> Tensor:
        end = {self.layer.name: self.network.get_submodule(self.path)}
        return taps.run(self.network, end, value, {self.layer})[self.layer]


@dataclass(frozen=True)
class Part:
    """A part of a network, of which a Model can be made.

    Args:
        module: it shares the network's weights.
        preprocess: how it wants what it is fed.
        addresses: of the layers that still run.
    """

    module: nn.Module
    preprocess: Preprocess
    addresses: Mapping[str, str]


def upto(network: SingleNetwork, end: Layer) -> Part:
    """Return the part of a network from the image to a layer; see `Model.upto`."""
    paths = network.paths
    # Calls are listed in the order in which they end: what comes later doesn't run any more.
    run: list[str] = []
    for each in network.table(network.preprocess.size):
        if each == end:
            break
        run.append(each.name)
    kept = {name: f"network.{paths[name]}" for name in run if name != OUTPUT}
    if end.port == "output" and end.name != OUTPUT:
        kept[end.name] = f"network.{paths[end.name]}"
    return Part(UpTo(network.module, paths[end.name], end), network.preprocess, kept)


def between(network: SingleNetwork, start: Layer, end: Layer) -> Part:
    """Return the part of a network between two layers; see `Model.between`.

    Raises:
        NoPath: the last layer doesn't depend on the first one's input alone.
        BadSetting: the network's forward pass can't be traced.
    """
    try:
        tracer, graph = traced(frozen_copy(network.module))
    except Untraceable as reason:
        raise BadSetting(
            f"{network.source} can't be cut between layers, since its forward pass can't be traced "
            f"({reason}); upto works with every network"
        ) from None
    paths = network.paths
    (source,) = tracer.inputs[paths[start.name]][start.call : start.call + 1] or [None]
    (result,) = tracer.outputs[paths[end.name]][end.call : end.call + 1] or [None]
    if source is None or result is None:
        raise NoPath(f"{str(start if source is None else end)!r} isn't run; choose another layer")
    part = _cut(tracer, graph, source, result, start, end)
    module = fx.GraphModule(tracer.root, part).eval()
    fed = network.info(replace(start, port="input"), network.preprocess.size).shape
    inside = {str(node.target) for node in part.nodes if node.op == "call_module"}
    addresses = {name: path for name, path in paths.items() if path in inside}
    return Part(module, Preprocess.none((fed[2], fed[3]), fed[1]), addresses)


def _cut(
    tracer: Tracer, graph: fx.Graph, source: fx.Node, result: fx.Node, start: Layer, end: Layer
) -> fx.Graph:
    """Return the part of a graph that leads from one node to another."""
    needed: set[fx.Node] = set()
    waiting = [result]
    depends = False
    while waiting:
        node = waiting.pop()
        if node is source:
            depends = True
        elif node not in needed:
            needed.add(node)
            waiting += node.all_input_nodes
    around = [node for node in needed if node.op == "placeholder"]
    if not depends or around:
        how = "doesn't depend on it" if not depends else "also depends on the picture around it"
        raise NoPath(f"nothing leads only from {str(start)!r} to {str(end)!r}: the latter {how}")
    try:
        tracer.refuse_regions(needed)
    except Untraceable as reason:
        raise BadSetting(
            f"nothing can be cut from {str(start)!r} to {str(end)!r}: {reason}"
        ) from None
    part = fx.Graph()
    copies = {source: part.placeholder("value")}
    for node in graph.nodes:
        if node in needed:
            copies[node] = part.node_copy(node, copies.__getitem__)
    part.output(copies[result])
    return part

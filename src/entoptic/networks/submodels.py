"""Parts of a network as networks of their own."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, fx, nn

from entoptic.errors import BadSetting, NoPath
from entoptic.layers import Layer
from entoptic.networks import taps
from entoptic.networks.compile.trace import Tracer, Untraceable, traced
from entoptic.networks.frozen import frozen_copy
from entoptic.networks.model import OUTPUT, Model
from entoptic.networks.preprocess import Preprocess


class UpTo(nn.Module):
    """A network that ends where one of its layers does."""

    def __init__(self, network: nn.Module, path: str, layer: Layer) -> None:
        super().__init__()
        self.network = network
        self.path = path
        self.layer = layer

    def forward(self, value: Tensor) -> Tensor:
        place = {self.layer.name: self.network.get_submodule(self.path)}
        return taps.run(self.network, place, value, {self.layer})[self.layer]


def upto(model: Model, layer: Layer | str) -> Model:
    """The network from the picture to a layer, whose value becomes the output.

    Args:
        layer: an address; `...<in>` ends before the layer.

    Returns:
        A model with the addresses of all layers that still run; it shares the weights.

    Raises:
        UnknownLayer: with the nearest name.

    >>> import entoptic as ent
    >>> ent.load().upto("pool1").info(Layer("output"), (40, 60)).shape
    (1, 64, 9, 14)
    """
    end = model.resolve(layer)
    paths = model.paths
    # Calls are listed in the order in which they end: what comes later doesn't run any more.
    run: list[str] = []
    for each in model.table(model.preprocess.size):
        if each == end:
            break
        run.append(each.name)
    kept = {name: f"network.{paths[name]}" for name in run if name != OUTPUT}
    if end.port == "output" and end.name != OUTPUT:
        kept[end.name] = f"network.{paths[end.name]}"
    return replace(
        model,
        module=UpTo(model.module, paths[end.name], end),
        source=f"{model.source} up to {end}",
        labels=None,
        synsets=None,
        addresses=kept,
        logits=OUTPUT,
        _tables={},
    )


def between(model: Model, first: Layer | str, last: Layer | str) -> Model:
    """The network from what a layer is fed to what another one gives, both included.

    Args:
        first: address of the layer whose input becomes the input.
        last: address of the layer whose output becomes the output.

    Returns:
        A model without preprocessing, since it is fed what `first` was fed; it shares the weights.
        Only what lies between is run.

    Raises:
        UnknownLayer: with the nearest name.
        NoPath: `last` doesn't depend on `first`, or depends on the picture by a way around it.
        BadSetting: the network's forward pass can't be traced.
    """
    start, end = model.resolve(first), model.resolve(last)
    try:
        tracer, graph = traced(frozen_copy(model.module))
    except Untraceable as reason:
        raise BadSetting(
            f"{model.source} can't be cut between layers, since its forward pass can't be traced "
            f"({reason}); upto works with every network"
        ) from None
    paths = model.paths
    (source,) = tracer.inputs[paths[start.name]][start.call : start.call + 1] or [None]
    (result,) = tracer.outputs[paths[end.name]][end.call : end.call + 1] or [None]
    if source is None or result is None:
        raise NoPath(f"{str(start if source is None else end)!r} isn't run; choose another layer")
    part = _cut(tracer, graph, source, result, start, end)
    module = fx.GraphModule(tracer.root, part)
    fed = model.info(replace(start, port="input"), model.preprocess.size).shape
    inside = {str(node.target) for node in part.nodes if node.op == "call_module"}
    return Model(
        module.eval(),
        Preprocess.none((fed[2], fed[3]), fed[1]),
        source=f"{model.source} from {start} to {end}",
        addresses={name: path for name, path in paths.items() if path in inside},
    )


def _cut(
    tracer: Tracer, graph: fx.Graph, source: fx.Node, result: fx.Node, start: Layer, end: Layer
) -> fx.Graph:
    """The part of a graph that leads from one node to another."""
    needed: set[fx.Node] = set()
    waiting = [result]
    reached = False
    while waiting:
        node = waiting.pop()
        if node is source:
            reached = True
        elif node not in needed:
            needed.add(node)
            waiting += node.all_input_nodes
    around = [node for node in needed if node.op == "placeholder"]
    if not reached or around:
        how = "doesn't depend on it" if not reached else "also depends on the picture around it"
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

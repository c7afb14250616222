"""A network rewritten for one set of targets: nothing that they don't need, and that fused.

Layers become nodes of a graph, of which those that no target depends on are left out. A batch-norm
is folded into the convolution before it and a ReLU is fused with it, unless somebody wants to see
what lies between.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from entoptic.layers import Layer
from entoptic.networks.compile.passes.convolution import FrozenConv, Rectifier, is_plain
from entoptic.networks.compile.passes.folding import Norm
from entoptic.networks.compile.passes.linear import FrozenLinear
from entoptic.networks.compile.passes.pooling import LeanMaxPool, is_plain_pool
from entoptic.networks.compile.passes.response_norm import FastResponseNorm
from entoptic.networks.compile.passes.stem import Stem
from entoptic.networks.compile.trace import Tracer, Untraceable
from entoptic.networks.preprocess import Preprocess
from entoptic.networks.taps import first_tensor, with_copy

# Layers that do nothing in a network that isn't trained.
_IDLE = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
# Convolutions before the first pool that are computed again on the way back, but for the last one.
_LONGEST = 3
# Functions whose result nobody else has, and which don't need it for their own gradient.
_FRESH = (operator.add, operator.iadd, torch.add, torch.cat)
_PURE = (FrozenConv, Stem, LeanMaxPool, nn.AvgPool2d, nn.LayerNorm, nn.Linear)
_RECTIFIERS: Mapping[Any, Rectifier] = {
    F.relu: Rectifier(),
    torch.relu: Rectifier(),
    torch.relu_: Rectifier(),
    "relu": Rectifier(),
    "relu_": Rectifier(),
    F.relu6: Rectifier(6.0),
}
# All that such a call may be given besides: in place or not makes no difference to what is fused.
_HARMLESS = {"inplace"}


def rewritten(
    tracer: Tracer,
    graph: fx.Graph,
    targets: Mapping[Layer, str],
    dtype: torch.dtype,
    preprocess: Preprocess,
    *,
    fused: fx.GraphModule | None = None,
) -> fx.GraphModule:
    """The network as a module that gives the targets of a picture, in order, as float32.

    Args:
        tracer, graph: from `traced`; they aren't changed.
        targets: layers, with the paths of their modules.
        dtype: in which it computes.
        preprocess: what comes before the network.
        fused: a graph of the same targets that was made before. ReLUs and max-pooling then stay
            calls of torch's functions, which gradient rules see, and weights are shared with it.

    Raises:
        Untraceable: a target isn't a value of the graph, or the graph can't be trusted.
    """
    wanted = [_node(tracer, layer, path) for layer, path in targets.items()]
    kept = _needed(graph, wanted)
    tracer.refuse_regions(kept)
    _refuse_side_effects(graph, kept, tracer.root)
    part = fx.Graph()
    copies: dict[fx.Node, Any] = {}
    for node in graph.nodes:
        if node.op == "placeholder" and copies:
            # Only the picture is given; what else a network may be given has its default.
            copies[node] = node.args[0] if node.args else None
        elif node in kept:
            copies[node] = part.node_copy(node, copies.__getitem__)
    part.output(tuple(copies[node] for node in wanted))
    module = fx.GraphModule(tracer.root, part)
    _Rewriting(module, dtype, preprocess, fused).run()
    return module


def _node(tracer: Tracer, layer: Layer, path: str) -> fx.Node:
    ports = tracer.inputs if layer.port == "input" else tracer.outputs
    calls = ports[path]
    node = calls[layer.call] if layer.call < len(calls) else None
    if node is None:
        raise Untraceable(f"{str(layer)!r} isn't a value of the graph")
    return node


def _needed(graph: fx.Graph, wanted: Sequence[fx.Node]) -> set[fx.Node]:
    """Nodes that others depend on."""
    needed: set[fx.Node] = set()
    waiting = list(wanted)
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting += node.all_input_nodes
    # The network's own input stays its input.
    return needed | {node for node in graph.nodes if node.op == "placeholder"}


def _refuse_side_effects(graph: fx.Graph, kept: set[fx.Node], root: nn.Module) -> None:
    """What is written in place must be what is read from then on, or order would matter."""
    for node in graph.nodes:
        if _writes(node, root):
            written = node.all_input_nodes[0]
            later = [user for user in written.users if user is not node and user in kept]
            if later:
                raise Untraceable(f"{node} overwrites what others read")


def _writes(node: fx.Node, root: nn.Module) -> bool:
    """Whether a node changes its first argument, as far as can be seen from outside."""
    if not node.all_input_nodes:
        return False
    if node.op == "call_module":
        return bool(getattr(root.get_submodule(str(node.target)), "inplace", False))
    if node.kwargs.get("inplace"):
        return True
    if node.op == "call_method":
        return str(node.target).endswith("_") and not str(node.target).endswith("__")
    name = getattr(node.target, "__name__", "")
    if node.op == "call_function" and getattr(node.target, "__module__", "") == "_operator":
        return name in ("iadd", "isub", "imul", "itruediv", "setitem", "iand", "ior")
    return node.op == "call_function" and name.endswith("_") and not name.startswith("_")


class Feed(nn.Module):
    """What a network, or its first convolution, is fed for a picture."""

    def __init__(self, preprocess: Preprocess) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.centerd = False

    def forward(self, picture: Tensor) -> Tensor:
        return self.preprocess.centerd(picture) if self.centerd else self.preprocess(picture)


class _Rewriting:
    """One graph, made faster node by node."""

    def __init__(
        self,
        module: fx.GraphModule,
        dtype: torch.dtype,
        preprocess: Preprocess,
        fused: fx.GraphModule | None,
    ) -> None:
        self.module = module
        self.graph = module.graph
        self.dtype = dtype
        self.feed = Feed(preprocess)
        self.fuses = fused is None
        self.made = {} if fused is None else dict(fused.named_modules())
        self.modules = dict(module.named_modules())
        self.guarded: set[fx.Node] = set()  # rectifiers that need no gradient of their own
        (self.end,) = [node for node in self.graph.nodes if node.op == "output"]

    def run(self) -> None:
        self._feed()
        self._drop_idle()
        for node in list(self.graph.nodes):
            layer = self._layer(node)
            if self.fuses and isinstance(layer, nn.MaxPool2d) and is_plain_pool(layer):
                self._replace(node, LeanMaxPool(layer, self._rectified_before(node)))
        for node in list(self.graph.nodes):
            layer = self._layer(node)
            if layer is not None and is_plain(layer):
                self._freeze(node)
            elif type(layer) is nn.LocalResponseNorm:
                self._replace(node, FastResponseNorm(layer))
            elif type(layer) is nn.Linear:
                self._replace(node, FrozenLinear.of(layer))
        self._join_stem()
        self._rectify_in_place()
        self._keep_captured()
        self._lower()
        self.graph.lint()
        self.module.delete_all_unused_submodules()
        self.module.recompile()

    def _layer(self, node: fx.Node | None) -> nn.Module | None:
        if node is None or node.op != "call_module":
            return None
        layer: nn.Module = self.modules[str(node.target)]
        return layer

    def _feed(self) -> None:
        """The picture is given instead of the network's own input."""
        (picture,) = [node for node in self.graph.nodes if node.op == "placeholder"]
        self.modules["feed"] = self.feed
        self.module.add_submodule("feed", self.feed)
        with self.graph.inserting_after(picture):
            fed = self.graph.call_module("feed", (picture,))
        picture.replace_all_uses_with(fed, lambda user: user is not fed)

    def _drop_idle(self) -> None:
        for node in list(self.graph.nodes):
            if type(self._layer(node)) in _IDLE:
                node.replace_all_uses_with(node.all_input_nodes[0])
                self.graph.erase_node(node)

    def _freeze(self, node: fx.Node) -> None:
        """A convolution, with what follows it and nobody else sees."""
        conv = self._layer(node)
        assert isinstance(conv, nn.Conv2d)
        weight, bias = conv.weight, conv.bias
        norm = self._norm(_only_user(node))
        if norm is not None:
            weight, bias = norm.folded(conv)
            self._skip(_only_user(node))
        if self._is_fed_the_picture(node) and conv.groups == 1:
            self.feed.centerd = True
            weight = self.feed.preprocess.weights_for_centerd(weight)
        made = self.made.get(_fast(node))
        if isinstance(made, FrozenConv) and made.dtype == self.dtype:
            self._replace(node, made.unrectified())
            return
        after = _only_user(node)
        rectifier = self._rectifier(after) if self.fuses else None
        if rectifier is not None:
            self._skip(after)
        bias = None if bias is None else bias.detach()
        frozen = FrozenConv(
            conv, weight.detach(), bias, self.dtype, rectifier, guarded=after in self.guarded
        )
        self._replace(node, frozen)

    def _is_fed_the_picture(self, node: fx.Node) -> bool:
        """Whether a node, and no other, is fed what the network is, of 3 channels."""
        (given,) = node.all_input_nodes
        how = self.feed.preprocess
        fed = self._layer(given) is self.feed and _only_user(given) is node
        return fed and bool(how.mean) and how.channels == 3

    def _rectified_before(self, pool: fx.Node) -> Rectifier | None:
        """What rectifies all that a pool is given and nobody else sees, by way of `cat` or not.

        The pool sees to the gradient, whose numbers are fewer there.
        """
        (given,) = pool.all_input_nodes
        joined = given.op == "call_function" and given.target is torch.cat
        sources = given.all_input_nodes if joined else [given]
        rectifiers = {self._rectifier(each) for each in sources}
        if len(rectifiers) != 1 or any(_only_user(each) is None for each in (given, *sources)):
            return None
        self.guarded.update(sources)
        return rectifiers.pop()

    def _join_stem(self) -> None:
        """The first convolutions and their pool, where nobody else sees what lies between."""
        for node in list(self.graph.nodes):
            pool = self._layer(node)
            if not isinstance(pool, LeanMaxPool):
                continue
            row = self._row_before(node)
            convs = [conv for each in row if isinstance(conv := self._layer(each), FrozenConv)]
            if convs and convs[0].weight is not None and len(convs) <= _LONGEST:
                for each in row:
                    self._skip(each)
                self._replace(node, Stem(convs, pool))

    def _row_before(self, pool: fx.Node) -> list[fx.Node]:
        """Rectified convolutions, each seen by the next one alone, and the last by a pool."""
        row: list[fx.Node] = []
        (node,) = pool.all_input_nodes
        while self._is_of_row(node, last=not row):
            row.insert(0, node)
            (node,) = node.all_input_nodes
        return row

    def _is_of_row(self, node: fx.Node, *, last: bool) -> bool:
        conv = self._layer(node)
        if not isinstance(conv, FrozenConv) or _only_user(node) is None:
            return False
        return conv.is_guarded if last else conv.masks is not None

    def _replace(self, node: fx.Node, layer: nn.Module) -> None:
        name = _fast(node)
        self.module.add_submodule(name, layer)
        self.modules[name] = layer
        node.target = name

    def _norm(self, node: fx.Node | None) -> Norm | None:
        """The batch-norm that a node is, whose numbers are known; None for any other."""
        layer = self._layer(node)
        if layer is not None:
            return Norm.of(layer)
        if node is None or node.op != "call_function" or node.target is not F.batch_norm:
            return None
        return Norm.of_call(
            [self._constant(each) for each in node.args],
            {name: self._constant(each) for name, each in node.kwargs.items()},
        )

    def _constant(self, value: Any) -> Any:
        """The tensor that a node stands for; a node that is computed stays itself."""
        if not isinstance(value, fx.Node) or value.op != "get_attr":
            return value
        owner, _, name = str(value.target).rpartition(".")
        return getattr(self.module.get_submodule(owner), name)

    def _skip(self, node: fx.Node | None) -> None:
        assert node is not None
        node.replace_all_uses_with(node.all_input_nodes[0])
        self.graph.erase_node(node)

    def _rectifier(self, node: fx.Node | None) -> Rectifier | None:
        """What a node rectifies by; None for any other."""
        if node is None or len(node.all_input_nodes) != 1:
            return None
        layer = self._layer(node)
        if layer is not None:
            if type(layer) is nn.ReLU:
                return Rectifier()
            if isinstance(layer, nn.Hardtanh):  # ReLU6 is one
                return Rectifier(float(layer.max_val)) if layer.min_val == 0 else None
            return None
        plain = len(node.args) == 1 and node.kwargs.keys() <= _HARMLESS
        if node.op in ("call_function", "call_method") and plain:
            return _RECTIFIERS.get(node.target)
        return None

    def _rectify_in_place(self) -> None:
        """ReLUs that are left work in place where what they are given is new and theirs alone."""
        for node in self.graph.nodes:
            if self._rectifier(node) != Rectifier():
                continue
            (given,) = node.all_input_nodes
            fresh = given.op == "call_function" and given.target in _FRESH
            if fresh and len(given.users) == 1:
                node.op, node.target, node.kwargs = "call_function", torch.relu_, {}

    def _keep_captured(self) -> None:
        """The network goes on with a copy of what is captured, where it may be overwritten."""
        for node in {each for each in self.end.all_input_nodes if each.op != "placeholder"}:
            users = [user for user in node.users if user is not self.end]
            if all(isinstance(self._layer(user), _PURE) for user in users):
                continue
            with self.graph.inserting_after(node):
                clone = self.graph.call_function(_clone, (node,))
            for user in users:
                user.replace_input_with(node, clone)

    def _lower(self) -> None:
        """All but what comes before the first convolution computes in the chosen precision."""
        if self.dtype == torch.float32:
            return
        high = {node for node in self.graph.nodes if node.op == "placeholder"}
        lowered: dict[fx.Node, fx.Node] = {}
        for node in list(self.graph.nodes):
            layer = self._layer(node)
            given = [each for each in node.all_input_nodes if each in high]
            if node.op == "get_attr":
                self._lower_constant(node)
            if not given or node.op == "output" or isinstance(layer, FrozenConv | Stem):
                if layer is not None and not isinstance(layer, FrozenConv | Stem):
                    self._lower_layer(str(node.target), layer)
                continue
            if len(given) == len(node.all_input_nodes) and not _has_numbers(layer):
                high.add(node)
                continue
            for each in given:
                if each not in lowered:
                    with self.graph.inserting_after(each):
                        lowered[each] = self.graph.call_function(_as, (each, self.dtype))
                node.replace_input_with(each, lowered[each])
            if layer is not None:
                self._lower_layer(str(node.target), layer)
        with self.graph.inserting_before(self.end):
            self.end.args = (
                tuple(
                    self.graph.call_function(_as, (each, torch.float32))
                    for each in self.end.args[0]
                ),
            )

    def _lower_layer(self, name: str, layer: nn.Module) -> None:
        # Statistics of a batch-norm are used in float32 by every device.
        if isinstance(layer, nn.BatchNorm2d):
            return
        made = self.made.get(name)
        if made is None or _dtype(made) != self.dtype:
            made = copy.deepcopy(layer).to(self.dtype)
        self.module.add_submodule(name, made)

    def _lower_constant(self, node: fx.Node) -> None:
        value = self._constant(node)
        if isinstance(value, Tensor) and value.is_floating_point():
            name = f"lowered_{node.name}"
            self.module.register_buffer(name, value.detach().to(self.dtype))
            node.target = name


def _fast(node: fx.Node) -> str:
    """What the layer is called that a node's own is replaced by."""
    return f"fast_{node.name}"


def _only_user(node: fx.Node) -> fx.Node | None:
    """The one node that reads a node's value; None where there are several."""
    return next(iter(node.users)) if len(node.users) == 1 else None


def _has_numbers(layer: nn.Module | None) -> bool:
    return layer is not None and any(True for _ in (*layer.parameters(), *layer.buffers()))


def _dtype(layer: nn.Module) -> torch.dtype | None:
    """Of a layer's weights; None where it has none."""
    return next((each.dtype for each in layer.parameters()), None)


def _clone(value: Any) -> Any:
    """A copy of what is captured, alone or the first tensor of what a layer gives."""
    tensor = first_tensor(value)
    return value if tensor is None else with_copy(value, tensor)


def _as(value: Any, dtype: torch.dtype) -> Any:
    """A value in a precision, if it is one that has any: sizes are values of a graph, too."""
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.to(dtype)
    return value

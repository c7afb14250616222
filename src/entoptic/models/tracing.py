"""A network's forward pass as a graph, without running it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from torch import fx, nn

from entoptic.models.frozen import frozen_copy

# What a forward pass may raise when it meets stand-ins instead of tensors.
_REFUSALS = (
    fx.proxy.TraceError,
    TypeError,
    ValueError,
    RuntimeError,
    AttributeError,
    AssertionError,
    LookupError,
    ArithmeticError,
)


class Untraceable(Exception):
    """A forward pass whose course depends on what it is fed; never leaves `entoptic.models`."""


class Tracer(fx.Tracer):
    """Records which node each module is fed by, and which node it gives, call by call."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: dict[str, list[fx.Node | None]] = defaultdict(list)
        self.outputs: dict[str, list[fx.Node | None]] = defaultdict(list)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        # A layer without parts keeps its address.
        return not any(m.children()) or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        path = self.path_of_module(m)
        out = super().call_module(m, forward, args, kwargs)
        self.inputs[path].append(_node(next(iter((*args, *kwargs.values())), None)))
        self.outputs[path].append(_node(out))
        return out


def _node(value: Any) -> fx.Node | None:
    """None where a module takes or gives something else than one value."""
    return value.node if isinstance(value, fx.Proxy) else None


def traced(module: nn.Module) -> tuple[Tracer, fx.Graph]:
    """A network's graph, in which layers without parts are nodes.

    Args:
        module: a frozen copy.

    Raises:
        Untraceable: with the reason.
    """
    tracer = Tracer()
    try:
        graph = tracer.trace(frozen_copy(module, share_buffers=True))
    except _REFUSALS as error:
        lines = str(error).splitlines()
        raise Untraceable(lines[0] if lines else type(error).__name__) from None
    (fed,) = [node for node in graph.nodes if node.op == "placeholder"][:1]
    (end,) = [node for node in graph.nodes if node.op == "output"]
    tracer.inputs[""].append(fed)
    tracer.outputs[""].append(end.args[0] if isinstance(end.args[0], fx.Node) else None)
    return tracer, graph

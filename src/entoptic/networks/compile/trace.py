"""The graph of a network's forward pass, found without running it.

torch's own tracer patches `torch.nn.Module`, `math` and the users' modules for the whole process
while it traces, so that networks that run in other threads fail. This one sees calls and weights by
attributes of the very objects that it traces, which are a copy that nobody else has.
"""

from __future__ import annotations

import builtins
import functools
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, MethodType, SimpleNamespace
from typing import Any

import torch
from torch import fx, nn

from entoptic.networks.frozen import frozen_copy

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
    NameError,
)

_MATH = frozenset(value for value in vars(math).values() if callable(value))


class Untraceable(Exception):
    """A forward pass whose course depends on what it is fed; never leaves `entoptic.networks`."""


class Tracer(fx.Tracer):
    """Record which node each module is fed by, and which node it gives, call by call."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: dict[str, list[fx.Node | None]] = defaultdict(list)
        self.outputs: dict[str, list[fx.Node | None]] = defaultdict(list)
        # What is computed under `no_grad` or `autocast`, which no graph remembers.
        self.in_regions: set[fx.Node] = set()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        # A layer without parts keeps its address.
        return not [*m.children()] or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        path = self.path_of_module(m)
        out = super().call_module(m, forward, args, kwargs)
        self.inputs[path].append(_node(next(iter((*args, *kwargs.values())), None)))
        self.outputs[path].append(_node(out))
        return out

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        casts = any(map(torch.is_autocast_enabled, ("cpu", "cuda")))
        if casts or not torch.is_grad_enabled():
            self.in_regions.add(node)
        return node

    def refuse_regions(self, nodes: Collection[fx.Node]) -> None:
        """Raise Untraceable where one of some nodes is in such a region."""
        if not self.in_regions.isdisjoint(nodes):
            raise Untraceable("a part of it runs under torch.no_grad or autocast")

    @torch.enable_grad()
    def trace(self, root: Any, concrete_args: Any = None) -> fx.Graph:
        """Return the graph of a module that nobody else has, without patching classes."""
        self.root = root
        self.graph = fx.Graph(tracer_cls=type(self))
        self.submodule_paths = {module: path for path, module in root.named_modules()}
        self.tensor_attrs = {
            value: f"{path}.{name}".lstrip(".")
            for module, path in self.submodule_paths.items()
            for name, value in vars(module).items()
            if isinstance(value, torch.Tensor)
        }
        forward, args = self.create_args_for_root(self._forward(root), True)
        with self._watching(self.submodule_paths):
            end = self.create_arg(forward(*args))
        self.create_node("output", "output", (end,), {})
        return self.graph

    @contextmanager
    def _watching(self, paths: Mapping[nn.Module, str]) -> Iterator[None]:
        """Record calls of all modules, and the weights of those that aren't leaves."""
        before: list[tuple[nn.Module, dict[str, Any], dict[str, Any]]] = []
        try:
            for module, path in paths.items():
                # By way of this a module calls what `torch.compile` has made of it.
                seen: dict[str, Any] = {
                    "_compiled_call_impl": functools.partial(self._called, module)
                }
                if not self.is_leaf_module(module, path):
                    seen["forward"] = MethodType(self._forward(module), module)
                    for name, weight in module._parameters.items():
                        if weight is not None:
                            address = f"{path}.{name}".lstrip(".")
                            seen[name] = self.create_proxy("get_attr", address, (), {})
                own = {name: vars(module)[name] for name in seen if name in vars(module)}
                before.append((module, seen, own))
                vars(module).update(seen)
            yield
        finally:
            for module, seen, own in before:
                for name in seen:
                    del vars(module)[name]
                vars(module).update(own)

    def _called(self, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return self.call_module(module, module._call_impl, args, kwargs)

    def _forward(self, module: nn.Module) -> Callable[..., Any]:
        """Return a module's forward pass, which finds recording functions among its globals.

        These are the functions of `math`, and those that their authors have told `fx.wrap` of.
        """
        own = vars(module).get("forward")
        forward: Callable[..., Any] = getattr(own, "__func__", type(module).forward)
        if own is not None and getattr(own, "__self__", None) is not module:
            raise Untraceable("a module has got its forward pass from elsewhere")
        if not isinstance(forward, FunctionType):
            return forward
        known, wrapped = forward.__globals__, fx._symbolic_trace._wrapped_fns_to_patch
        recording: dict[str, Any] = {}
        for name in forward.__code__.co_names:
            value = known.get(name, getattr(builtins, name, None))
            if value is math:
                own = {key: self._recording(each) for key, each in vars(math).items()}
                recording[name] = SimpleNamespace(**own)
            elif (id(known), name) in wrapped or (callable(value) and value in _MATH):
                recording[name] = self._recording(value)
        if not recording:
            return forward
        same = FunctionType(
            forward.__code__,
            known | recording,
            forward.__name__,
            forward.__defaults__,
            forward.__closure__,
        )
        same.__kwdefaults__ = forward.__kwdefaults__
        return same

    def _recording(self, function: Any) -> Any:
        """Return a function that becomes a node where it is given stand-ins; else what is given."""
        if not callable(function):
            return function

        def recorded(*args: Any, **kwargs: Any) -> Any:
            found: list[Any] = []
            fx.node.map_aggregate(
                (args, kwargs), lambda each: found.append(each) if _node(each) else None
            )
            if not found:
                return function(*args, **kwargs)
            return self.create_proxy("call_function", function, args, kwargs)

        return recorded


def _node(value: Any) -> fx.Node | None:
    """Return the node of one value; None where a module takes or gives something else."""
    return value.node if isinstance(value, fx.Proxy) else None


def traced(module: nn.Module) -> tuple[Tracer, fx.Graph]:
    """Return a network's graph, in which layers without parts are nodes.

    Args:
        module: a frozen copy.

    Raises:
        Untraceable: with the reason.
    """
    _refuse_hooks(module)
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


def _refuse_hooks(module: nn.Module) -> None:
    for each in module.modules():
        forward, backward = each._forward_hooks, each._backward_hooks
        if forward or backward or each._forward_pre_hooks or each._backward_pre_hooks:
            raise Untraceable("hooks of the user's own want to be run")

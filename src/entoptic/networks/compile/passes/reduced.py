"""Reduced precision."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

from entoptic.networks.compile import nodes
from entoptic.networks.compile.context import Context
from entoptic.networks.compile.kernels.convolution import FrozenConv
from entoptic.networks.compile.kernels.stem import Stem

# These take float32 or their own precision, and give their own.
_MIXED = (FrozenConv, Stem)


def reduce_precision(module: fx.GraphModule, context: Context) -> None:
    """Let all but what comes before the first convolution compute in the context's precision."""
    if context.dtype == torch.float32:
        return
    graph, end = module.graph, module.graph.output_node()
    full = {node for node in graph.nodes if node.op == "placeholder"}
    reduced: dict[fx.Node, fx.Node] = {}
    for node in list(graph.nodes):
        layer = nodes.layer_of(module, node)
        given = [each for each in node.all_input_nodes if each in full]
        mixed = node.op == "output" or isinstance(layer, _MIXED)
        if node.op == "get_attr":
            _reduce_constant(module, node, context)
        if given and not mixed:
            if len(given) == len(node.all_input_nodes) and not _has_numbers(layer):
                full.add(node)
                continue
            for each in given:
                if each not in reduced:
                    with graph.inserting_after(each):
                        reduced[each] = graph.call_function(_as, (each, context.dtype))
                node.replace_input_with(each, reduced[each])
        if layer is not None and not mixed:
            _reduce_layer(module, str(node.target), layer, context)
    with graph.inserting_before(end):
        (targets,) = cast(tuple[tuple[fx.Node, ...]], end.args)
        end.args = (tuple(graph.call_function(_as, (each, torch.float32)) for each in targets),)


def _has_numbers(layer: nn.Module | None) -> bool:
    return layer is not None and any(True for _ in (*layer.parameters(), *layer.buffers()))


def _reduce_layer(module: fx.GraphModule, name: str, layer: nn.Module, context: Context) -> None:
    # Statistics of a batch-norm are used in float32 by every device.
    if not isinstance(layer, nn.BatchNorm2d):
        module.add_submodule(name, copy.deepcopy(layer).to(context.dtype))


def _reduce_constant(module: fx.GraphModule, node: fx.Node, context: Context) -> None:
    value = nodes.constant(module, node)
    if isinstance(value, Tensor) and value.is_floating_point():
        name = f"reduced_{node.name}"
        module.register_buffer(name, value.detach().to(context.dtype))
        node.target = name


def _as(value: Any, dtype: torch.dtype) -> Any:
    """Return a value in a precision, if it has any: sizes are values of a graph, too."""
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.to(dtype)
    return value

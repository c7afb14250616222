"""Targets that the network would overwrite."""

from __future__ import annotations

from typing import Any

from torch import fx, nn

from entoptic.networks.compile import nodes
from entoptic.networks.compile.context import Context
from entoptic.networks.compile.kernels.convolution import FrozenConv
from entoptic.networks.compile.kernels.max_pool import LeanMaxPool
from entoptic.networks.compile.kernels.stem import Stem
from entoptic.networks.taps import first_tensor, with_copy

# Layers that overwrite nothing.
_PURE = (FrozenConv, Stem, LeanMaxPool, nn.AvgPool2d, nn.LayerNorm, nn.Linear)


def copy_captured(module: fx.GraphModule, context: Context) -> None:
    """Let the network go on with a copy of a target's value, where it may be overwritten."""
    end = module.graph.output_node()
    for node in {each for each in end.all_input_nodes if each.op != "placeholder"}:
        users = [user for user in node.users if user is not end]
        if all(isinstance(nodes.layer_of(module, user), _PURE) for user in users):
            continue
        with module.graph.inserting_after(node):
            copied = module.graph.call_function(_copied, (node,))
        for user in users:
            user.replace_input_with(node, copied)


def _copied(value: Any) -> Any:
    """Return a copy of a value, alone or the first tensor of what a layer gives."""
    tensor = first_tensor(value)
    return value if tensor is None else with_copy(value, tensor)

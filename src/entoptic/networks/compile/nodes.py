"""Nodes of a graph: which layer one runs, who reads it, and how it is replaced."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from entoptic.networks.compile.kernels.rectifier import Rectifier

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


def layer_of(module: fx.GraphModule, node: fx.Node | None) -> nn.Module | None:
    """Return the layer that a node runs; None for any other node."""
    if node is None or node.op != "call_module":
        return None
    return module.get_submodule(str(node.target))


def constant(module: fx.GraphModule, value: Any) -> Any:
    """Return the tensor that a node stands for; a node that is computed stays itself."""
    if not isinstance(value, fx.Node) or value.op != "get_attr":
        return value
    owner, _, name = str(value.target).rpartition(".")
    return getattr(module.get_submodule(owner), name)


def only_user(node: fx.Node) -> fx.Node | None:
    """Return the one node that reads a node's value; None where there are several."""
    return next(iter(node.users)) if len(node.users) == 1 else None


def replace_layer(module: fx.GraphModule, node: fx.Node, layer: nn.Module) -> None:
    """Let a node run another layer than its own."""
    node.target = f"compiled_{node.name}"
    module.add_submodule(node.target, layer)


def remove(node: fx.Node) -> None:
    """Let all that read a node's value read its input instead."""
    node.replace_all_uses_with(node.all_input_nodes[0])
    node.graph.erase_node(node)


def rectifier_of(module: fx.GraphModule, node: fx.Node | None) -> Rectifier | None:
    """Return the ReLU that a node is; None for any other node."""
    if node is None or len(node.all_input_nodes) != 1:
        return None
    layer = layer_of(module, node)
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


def plain_conv(module: fx.GraphModule, node: fx.Node | None) -> nn.Conv2d | None:
    """Return the convolution that a node runs, if it pads with zeros, equally on both sides."""
    layer = layer_of(module, node)
    if type(layer) is not nn.Conv2d or isinstance(layer.padding, str):
        return None
    return layer if layer.padding_mode == "zeros" else None


def with_weights(conv: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """Return the same convolution with other weights."""
    made = copy.copy(conv)
    made._parameters = dict(conv._parameters)
    made.weight = nn.Parameter(weight, requires_grad=False)
    made.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
    return made

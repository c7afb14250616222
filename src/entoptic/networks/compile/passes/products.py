"""Layers that are products of matrices."""

from __future__ import annotations

from torch import fx, nn

from entoptic.networks.compile import nodes
from entoptic.networks.compile.context import Context
from entoptic.networks.compile.kernels.linear import FrozenLinear
from entoptic.networks.compile.kernels.response_norm import FastResponseNorm


def replace_products(module: fx.GraphModule, context: Context) -> None:
    """Replace linear layers and local response norms by those whose products are faster."""
    for node in module.graph.nodes:
        layer = nodes.layer_of(module, node)
        if type(layer) is nn.Linear:
            nodes.replace_layer(module, node, FrozenLinear.of(layer))
        elif type(layer) is nn.LocalResponseNorm:
            nodes.replace_layer(module, node, FastResponseNorm(layer))

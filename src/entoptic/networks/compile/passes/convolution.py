"""Convolutions with frozen weights, fused with the ReLUs after them."""

from __future__ import annotations

from typing import cast

from torch import fx, nn

from entoptic.networks.compile import nodes
from entoptic.networks.compile.context import Context
from entoptic.networks.compile.kernels.convolution import FrozenConv


def freeze_convolutions(module: fx.GraphModule, context: Context) -> None:
    """Replace convolutions by frozen ones, and leave out the ReLUs that these apply."""
    for node in list(module.graph.nodes):
        layer = nodes.layer_of(module, node)
        if not nodes.is_plain_conv(layer):
            continue
        conv, after = cast(nn.Conv2d, layer), nodes.only_user(node)
        masked_by = context.masked_by.get(after) if after is not None else None
        if after is None or masked_by is None:
            nodes.replace_layer(module, node, FrozenConv(conv, context.dtype))
            continue
        rectifier = nodes.rectifier_of(module, after)
        nodes.remove(after)
        nodes.replace_layer(module, node, FrozenConv(conv, context.dtype, rectifier, masked_by))

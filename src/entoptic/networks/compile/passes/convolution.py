"""Convolutions with frozen weights, fused with the ReLUs after them."""

from __future__ import annotations

from torch import fx

from entoptic.networks.compile import nodes
from entoptic.networks.compile.context import Context
from entoptic.networks.compile.kernels.convolution import FrozenConv
from entoptic.networks.compile.kernels.rectifier import MaskedBy


def freeze_convolutions(module: fx.GraphModule, context: Context) -> None:
    """Replace convolutions by frozen ones, and leave out the ReLUs that these apply."""
    for node in list(module.graph.nodes):
        conv, after = nodes.plain_conv(module, node), nodes.only_user(node)
        if conv is None:
            continue
        rectifier, masked_by = nodes.rectifier_of(module, after), MaskedBy.CONVOLUTION
        if after is not None and rectifier is not None:
            masked_by = context.masked_by.get(after, masked_by)
            nodes.remove(after)
        nodes.replace_layer(module, node, FrozenConv(conv, context.dtype, rectifier, masked_by))

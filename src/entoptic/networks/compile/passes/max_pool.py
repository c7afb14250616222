"""Max-pooling that keeps little of the forward pass."""

from __future__ import annotations

from typing import cast

from torch import fx, nn

from entoptic.networks.compile import nodes
from entoptic.networks.compile.context import Context
from entoptic.networks.compile.kernels.max_pool import LeanMaxPool
from entoptic.networks.compile.kernels.rectifier import MaskedBy


def shrink_max_pools(module: fx.GraphModule, context: Context) -> None:
    """Replace max-pooling by that which keeps little, and masks the ReLUs before it."""
    for node in module.graph.nodes:
        layer = nodes.layer_of(module, node)
        if nodes.is_plain_pool(layer):
            source = nodes.pooled(node)[0]
            masks = context.masked_by.get(source) is MaskedBy.POOL
            rectifier = nodes.rectifier_of(module, source) if masks else None
            nodes.replace_layer(module, node, LeanMaxPool(cast(nn.MaxPool2d, layer), rectifier))

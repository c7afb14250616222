"""Max-pooling that keeps little of the forward pass."""

from __future__ import annotations

from typing import cast

from torch import fx, nn

from entoptic.networks.compile.context import Context
from entoptic.networks.compile.kernels.max_pool import LeanMaxPool
from entoptic.networks.compile.kernels.rectifier import MaskedBy
from entoptic.networks.compile.nodes import (
    is_plain_pool,
    layer_of,
    pooled,
    rectifier_of,
    replace_layer,
)


def shrink_max_pools(module: fx.GraphModule, context: Context) -> None:
    """Replace max-pooling by that which keeps little, and masks the ReLUs before it."""
    for node in module.graph.nodes:
        layer = layer_of(module, node)
        if is_plain_pool(layer):
            source = pooled(node)[0]
            masks = context.masked_by.get(source) is MaskedBy.POOL
            rectifier = rectifier_of(module, source) if masks else None
            replace_layer(module, node, LeanMaxPool(cast(nn.MaxPool2d, layer), rectifier))

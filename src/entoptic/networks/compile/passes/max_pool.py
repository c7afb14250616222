"""Max-pooling that keeps little of the forward pass."""

from __future__ import annotations

import torch
from torch import fx, nn

from entoptic.networks.compile import nodes
from entoptic.networks.compile.context import Context
from entoptic.networks.compile.kernels.max_pool import LeanMaxPool
from entoptic.networks.compile.kernels.rectifier import MaskedBy, Rectifier


def shrink_max_pools(module: fx.GraphModule, context: Context) -> None:
    """Replace max-pooling by that which keeps little, and masks the ReLUs before it."""
    for node in module.graph.nodes:
        layer = nodes.layer_of(module, node)
        if type(layer) is nn.MaxPool2d and not layer.return_indices:
            sources = _pooled(node)
            rectifier = _rectifier(module, node, sources)
            if rectifier is not None:
                context.masked_by |= dict.fromkeys(sources, MaskedBy.POOL)
            nodes.replace_layer(module, node, LeanMaxPool(layer, rectifier))


def _pooled(pool: fx.Node) -> list[fx.Node]:
    """Return the nodes whose values a pool is given, joined by `cat` or alone."""
    (given,) = pool.all_input_nodes
    joined = given.op == "call_function" and given.target is torch.cat
    return given.all_input_nodes if joined else [given]


def _rectifier(module: fx.GraphModule, pool: fx.Node, sources: list[fx.Node]) -> Rectifier | None:
    """Return the one by which all that a pool is given, and nobody else reads, is rectified."""
    rectifiers = {nodes.rectifier_of(module, each) for each in sources}
    alone = all(map(nodes.only_user, (*pool.all_input_nodes, *sources)))
    return rectifiers.pop() if len(rectifiers) == 1 and alone else None

"""Who applies the mask of each ReLU."""

from __future__ import annotations

from torch import fx

from entoptic.networks.compile import nodes
from entoptic.networks.compile.context import Context
from entoptic.networks.compile.kernels.rectifier import MaskedBy


def assign_masks(module: fx.GraphModule, context: Context) -> None:
    """Let ReLUs be masked by the convolution before them, or by the pool after them."""
    for node in module.graph.nodes:
        if nodes.is_plain_conv(nodes.layer_of(module, node)):
            after = nodes.only_user(node)
            if after is not None and nodes.rectifier_of(module, after) is not None:
                context.masked_by[after] = MaskedBy.CONVOLUTION
    for node in module.graph.nodes:
        if nodes.is_plain_pool(nodes.layer_of(module, node)) and _is_rectified(module, node):
            context.masked_by |= dict.fromkeys(nodes.pooled(node), MaskedBy.POOL)


def _is_rectified(module: fx.GraphModule, pool: fx.Node) -> bool:
    """Return whether all that a pool is given, and nobody else reads, is rectified in one way."""
    sources = nodes.pooled(pool)
    rectifiers = {nodes.rectifier_of(module, each) for each in sources}
    read = (*pool.all_input_nodes, *sources)
    return len(rectifiers - {None}) == len(rectifiers) == 1 and all(map(nodes.only_user, read))

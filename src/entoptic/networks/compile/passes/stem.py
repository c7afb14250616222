"""The first convolutions and their pool, computed together."""

from __future__ import annotations

from torch import fx

from entoptic.networks.compile import nodes
from entoptic.networks.compile.context import Context
from entoptic.networks.compile.kernels.convolution import FrozenConv
from entoptic.networks.compile.kernels.max_pool import LeanMaxPool
from entoptic.networks.compile.kernels.rectifier import MaskedBy
from entoptic.networks.compile.kernels.stem import Stem

# All but the last one are computed again in the backward pass.
_MOST_CONVOLUTIONS = 3


def join_stem(module: fx.GraphModule, context: Context) -> None:
    """Join the first convolutions with the pool after them, where nobody reads what is between."""
    for node in list(module.graph.nodes):
        pool = nodes.layer_of(module, node)
        if not isinstance(pool, LeanMaxPool):
            continue
        row = _row_before(module, node)
        convs = [
            conv for each in row if isinstance(conv := nodes.layer_of(module, each), FrozenConv)
        ]
        if convs and convs[0].weight is not None and len(convs) <= _MOST_CONVOLUTIONS:
            for each in row:
                nodes.remove(each)
            nodes.replace_layer(module, node, Stem(convs, pool))


def _row_before(module: fx.GraphModule, pool: fx.Node) -> list[fx.Node]:
    """Return rectified convolutions, each read by the next one alone, and the last by a pool."""
    row: list[fx.Node] = []
    (node,) = pool.all_input_nodes
    while _is_of_row(module, node, MaskedBy.CONVOLUTION if row else MaskedBy.POOL):
        row.insert(0, node)
        (node,) = node.all_input_nodes
    return row


def _is_of_row(module: fx.GraphModule, node: fx.Node, masked_by: MaskedBy) -> bool:
    conv = nodes.layer_of(module, node)
    if not isinstance(conv, FrozenConv) or nodes.only_user(node) is None:
        return False
    return conv.rectifier is not None and conv.masked_by is masked_by

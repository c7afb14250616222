"""Layers that do nothing in a network that isn't trained."""

from __future__ import annotations

from torch import fx, nn

from entoptic.networks.compile import nodes
from entoptic.networks.compile.context import Context

_IDLE = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


def drop_idle_layers(module: fx.GraphModule, context: Context) -> None:
    """Leave out layers that do nothing."""
    for node in list(module.graph.nodes):
        if type(nodes.layer_of(module, node)) in _IDLE:
            nodes.remove(node)

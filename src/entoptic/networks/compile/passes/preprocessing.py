"""Preprocessing as a part of the graph, and of the first convolution's weights."""

from __future__ import annotations

from typing import cast

from torch import Tensor, fx, nn

from entoptic.networks.compile import nodes
from entoptic.networks.compile.context import Context
from entoptic.networks.preprocess import Preprocess

FEED = "compiled_feed"
"""The name of what feeds the network, see `Feed`."""


class Feed(nn.Module):
    """What a network, or its first convolution, is fed for an image.

    Args:
        preprocess: the network's.
    """

    def __init__(self, preprocess: Preprocess) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.centerd = False

    def forward(self, image: Tensor) -> Tensor:
        return self.preprocess.centerd(image) if self.centerd else self.preprocess(image)


def feed_images(module: fx.GraphModule, context: Context) -> None:
    """Let the graph be given images instead of the network's own input."""
    (image,) = [node for node in module.graph.nodes if node.op == "placeholder"]
    module.add_submodule(FEED, Feed(context.preprocess))
    with module.graph.inserting_after(image):
        fed = module.graph.call_module(FEED, (image,))
    image.replace_all_uses_with(fed, lambda user: user is not fed)


def fold_preprocessing(module: fx.GraphModule, context: Context) -> None:
    """Fold the scale of preprocessing into the weights of the first convolution.

    Only where no other layer is fed images. The mean stays apart, since what pads images is 0.
    """
    how = context.preprocess
    (fed,) = [node for node in module.graph.nodes if node.target == FEED]
    node = nodes.only_user(fed)
    conv = nodes.layer_of(module, node)
    if node is None or not nodes.is_plain_conv(conv) or not how.mean or how.channels != 3:
        return
    conv = cast(nn.Conv2d, conv)
    if conv.groups == 1:
        cast(Feed, module.get_submodule(FEED)).centerd = True
        weight = how.weights_for_centerd(conv.weight)
        nodes.replace_layer(module, node, nodes.with_weights(conv, weight, conv.bias))

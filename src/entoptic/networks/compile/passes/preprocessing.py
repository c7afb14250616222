"""Preprocessing as a part of the graph, and of the first convolution's weights."""

from __future__ import annotations

from torch import Tensor, fx, nn

from entoptic.networks.compile import nodes
from entoptic.networks.compile.context import Context
from entoptic.networks.preprocess import Preprocess

FEED = "compiled_feed"
"""The name of what feeds the network, see `Feed`."""


class Feed(nn.Module):
    """The input of a network, or of its first convolution, for an image.

    Args:
        preprocess: the network's.
    """

    def __init__(self, preprocess: Preprocess) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.centered = False

    def forward(self, image: Tensor) -> Tensor:
        return self.preprocess.centered(image) if self.centered else self.preprocess(image)


def feed_images(module: fx.GraphModule, context: Context) -> None:
    """Let the graph be given images instead of the network's own input.

    The scale of preprocessing is folded into the weights of the first convolution, where no other
    layer is fed images. The mean stays apart, since what pads images is 0.
    """
    (image,) = [node for node in module.graph.nodes if node.op == "placeholder"]
    feed, how = Feed(context.preprocess), context.preprocess
    node = nodes.only_user(image)
    conv = nodes.plain_conv(module, node) if how.mean and how.channels == 3 else None
    if node is not None and conv is not None and conv.groups == 1:
        feed.centered = True
        weight = how.weights_for_centered(conv.weight)
        nodes.replace_layer(module, node, nodes.with_weights(conv, weight, conv.bias))
    module.add_submodule(FEED, feed)
    with module.graph.inserting_after(image):
        fed = module.graph.call_module(FEED, (image,))
    image.replace_all_uses_with(fed, lambda user: user is not fed)

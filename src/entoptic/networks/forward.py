"""Networks that are run on images in a way of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from torch import Tensor, nn

Forward: TypeAlias = Callable[[nn.Module, Tensor], Any]
"""Runs a network on images: a function of the network and (batch, channels, height, width)."""


class Fed(nn.Module):
    """A network with the function by which it is run on images."""

    def __init__(self, network: nn.Module, forward: Forward) -> None:
        super().__init__()
        self.network = network
        self.way = forward

    def forward(self, image: Tensor) -> Any:
        return self.way(self.network, image)

"""SqueezeNet 1.1, with the layer names of its Caffe original."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn


class Concat(nn.Module):
    """Joins maps along their channels."""

    def forward(self, *maps: Tensor) -> Tensor:
        return torch.cat(maps, 1)


class GlobalAverage(nn.Module):
    """Mean over space: (batch, channels, height, width) to (batch, channels)."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.mean((2, 3))


class Fire(nn.Module):
    """A narrow layer of 1x1 filters, then 1x1 and 3x3 filters side by side."""

    def __init__(self, channels: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze1x1 = nn.Conv2d(channels, squeeze, 1)
        self.relu_squeeze1x1 = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.relu_expand1x1 = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)
        self.relu_expand3x3 = nn.ReLU(inplace=True)
        self.concat = Concat()

    def forward(self, maps: Tensor) -> Tensor:
        squeezed = self.relu_squeeze1x1(self.squeeze1x1(maps))
        narrow = self.relu_expand1x1(self.expand1x1(squeezed))
        wide = self.relu_expand3x3(self.expand3x3(squeezed))
        joined: Tensor = self.concat(narrow, wide)
        return joined


# Channels of squeeze and of each half of expand; a pooling layer before fire4 and fire6.
_FIRES = {
    "fire2": (64, 16, 64),
    "fire3": (128, 16, 64),
    "pool3": None,
    "fire4": (128, 32, 128),
    "fire5": (256, 32, 128),
    "pool5": None,
    "fire6": (256, 48, 192),
    "fire7": (384, 48, 192),
    "fire8": (384, 64, 256),
    "fire9": (512, 64, 256),
}


def squeezenet1_1() -> nn.Sequential:
    """Build the network, whose output are the scores of 1000 classes before the softmax.

    Source: Iandola et al., "SqueezeNet", 2016; version 1.1 of its authors' repository.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv1"] = nn.Conv2d(3, 64, 3, stride=2)
    layers["relu_conv1"] = nn.ReLU(inplace=True)
    layers["pool1"] = _pool()
    for name, sizes in _FIRES.items():
        layers[name] = Fire(*sizes) if sizes else _pool()
    layers["conv10"] = nn.Conv2d(512, 1000, 1)
    layers["relu_conv10"] = nn.ReLU(inplace=True)
    layers["pool10"] = GlobalAverage()
    return nn.Sequential(layers)


def _pool() -> nn.MaxPool2d:
    # Caffe rounds the size of pooled maps up.
    return nn.MaxPool2d(3, 2, ceil_mode=True)

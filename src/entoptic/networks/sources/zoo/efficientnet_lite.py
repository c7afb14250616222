"""EfficientNet-Lite, with the layer names of timm's `tf_efficientnet_lite0` and its siblings."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from entoptic.networks.sources.zoo.squeezenet import GlobalAverage


class SamePadding(nn.Module):
    """TensorFlow's "SAME" padding: as much as the stride needs, the odd pixel right and below."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, maps: Tensor) -> Tensor:
        down, across = (self._needed(size) for size in maps.shape[2:])
        edges = (across // 2, across - across // 2, down // 2, down - down // 2)
        return F.pad(maps, edges) if any(edges) else maps

    def _needed(self, size: int) -> int:
        covered = (-(-size // self.stride) - 1) * self.stride + self.kernel
        return max(covered - size, 0)


class InvertedResidual(nn.Module):
    """Widen by 1x1 filters, filter each channel on its own, narrow by 1x1 filters.

    The first stage has nothing to widen; there `conv_pw` is the narrowing layer, as in timm.
    """

    def __init__(self, channels: int, out: int, kernel: int, stride: int, widen: int) -> None:
        super().__init__()
        wide = channels * widen
        self.widens = widen > 1
        self.adds = stride == 1 and channels == out
        if self.widens:
            self.conv_pw = nn.Conv2d(channels, wide, 1, bias=False)
            self.bn1 = _norm(wide)
            self.act1 = nn.ReLU6(inplace=True)
        self.pad_dw = SamePadding(kernel, stride)
        self.conv_dw = nn.Conv2d(wide, wide, kernel, stride, groups=wide, bias=False)
        if self.widens:
            self.bn2 = _norm(wide)
            self.act2 = nn.ReLU6(inplace=True)
            self.conv_pwl = nn.Conv2d(wide, out, 1, bias=False)
            self.bn3 = _norm(out)
        else:
            self.bn1 = _norm(wide)
            self.act1 = nn.ReLU6(inplace=True)
            self.conv_pw = nn.Conv2d(wide, out, 1, bias=False)
            self.bn2 = _norm(out)

    def forward(self, maps: Tensor) -> Tensor:
        value = maps
        if self.widens:
            value = self.act1(self.bn1(self.conv_pw(value)))
            value = self.act2(self.bn2(self.conv_dw(self.pad_dw(value))))
            value = self.bn3(self.conv_pwl(value))
        else:
            value = self.act1(self.bn1(self.conv_dw(self.pad_dw(value))))
            value = self.bn2(self.conv_pw(value))
        joined: Tensor = maps + value if self.adds else value
        return joined


# Blocks, channels, kernel, stride of the first block, widening; those of Lite0.
_STAGES = (
    (1, 16, 3, 1, 1),
    (2, 24, 3, 2, 6),
    (2, 40, 5, 2, 6),
    (3, 80, 3, 2, 6),
    (3, 112, 5, 1, 6),
    (4, 192, 5, 2, 6),
    (1, 320, 3, 1, 6),
)


def efficientnet_lite(width: float = 1.0, depth: float = 1.0) -> nn.Sequential:
    """Build a network of the family, whose output are the scores of 1000 classes before a softmax.

    Args:
        width: factor for the channels of each stage; 1 for Lite0 and Lite1, 1.1 for Lite2.
        depth: factor for the blocks of all stages but the first and the last; 1, 1.1 and 1.2.

    Source: Liu, "Higher accuracy on vision models with EfficientNet-Lite", TensorFlow blog, 2020.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["pad_stem"] = SamePadding(3, 2)
    layers["conv_stem"] = nn.Conv2d(3, 32, 3, 2, bias=False)
    layers["bn1"] = _norm(32)
    layers["act1"] = nn.ReLU6(inplace=True)
    stages: list[nn.Module] = []
    channels = 32
    for number, (few, base, kernel, stride, widen) in enumerate(_STAGES):
        ends = number in (0, len(_STAGES) - 1)
        out = _in_eights(base * width)
        stage: list[nn.Module] = []
        for block in range(few if ends else math.ceil(few * depth)):
            first = block == 0
            stage.append(InvertedResidual(channels, out, kernel, stride if first else 1, widen))
            channels = out
        stages.append(nn.Sequential(*stage))
    layers["blocks"] = nn.Sequential(*stages)
    layers["conv_head"] = nn.Conv2d(channels, 1280, 1, bias=False)
    layers["bn2"] = _norm(1280)
    layers["act2"] = nn.ReLU6(inplace=True)
    layers["global_pool"] = GlobalAverage()
    layers["classifier"] = nn.Linear(1280, 1000)
    return nn.Sequential(layers)


def _in_eights(channels: float) -> int:
    """Return the nearest multiple of 8."""
    return int(channels + 4) // 8 * 8


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)

"""The embedded networks as the peers are given them: the same module, the input they expect."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import entoptic as ent
from benchmarks.peers import LAYER
from entoptic.networks import Model

MACO_CROPS = 4
"""In each step of those that follow MaCo, where 32 and 6 are usual: for a processor alone."""

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class FromImageNet(nn.Module):
    """A network fed as torchvision's are: with pictures less ImageNet's mean, over its deviation.

    The network's own preprocessing follows, so that it sees the very picture.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network = model.module
        self.preprocess = model.preprocess
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).reshape(1, 3, 1, 1))

    def forward(self, normalized: Tensor) -> Tensor:
        scores: Tensor = self.network(self.preprocess(self.picture(normalized)))
        return scores

    def picture(self, normalized: Tensor) -> Tensor:
        """sRGB in [0, 1] again."""
        return normalized * self.std + self.mean


def save(folder: Path, unit: int, picture: NDArray[np.float32]) -> None:
    """Write the picture of a unit, (height, width, 3) in [0, 1]."""
    image = torch.from_numpy(np.array(picture, np.float32)).permute(2, 0, 1)[None]
    ent.write(folder / f"{unit:04}.png", image)


@dataclass(frozen=True)
class Task:
    """Which pictures are wanted.

    Args:
        network: an embedded one.
        what: `classes` of the network, or `channels` of `fire7`.
        frozen: whether the network's weights are frozen, which no peer does by itself: it changes
            no picture, but spares gradients that nobody reads. Not to be measured with.
        device: `cpu` or `cuda`.
        batch: how many units climb together, where the method lets them.
        side: of the pictures in pixels; None for what the method makes by default.
        settings: the method's own, see `Method`.
    """

    network: str
    what: str
    frozen: bool = False
    device: str = "cpu"
    batch: int = 1
    side: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @functools.cached_property
    def model(self) -> Model:
        """The network, its weights trainable unless frozen, as networks come from elsewhere.

        There is one, so that what is prepared of it once serves all pictures.
        """
        model = ent.load(self.network)
        model.module.requires_grad_(not self.frozen)
        return model

    @property
    def module(self) -> nn.Module:
        """The network itself, where it is to run."""
        return self.model.module.to(self.device)

    @property
    def path(self) -> str:
        """Of the submodule whose channels are the units."""
        model = self.model
        address = str(model.resolve("logits")) if self.what == "classes" else LAYER
        return model.paths[address]

    def parts(self, units: Sequence[int]) -> Iterator[Sequence[int]]:
        """The units that climb together."""
        for start in range(0, len(units), self.batch):
            yield units[start : start + self.batch]

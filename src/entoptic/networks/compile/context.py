"""The context that the passes over one graph share."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import fx

from entoptic.networks.compile.kernels.rectifier import MaskedBy
from entoptic.networks.preprocess import Preprocess


@dataclass
class Context:
    """The purpose of a graph, and the facts that passes hand to those after them.

    Args:
        preprocess: comes before the network.
        dtype: in which the network computes.
        masked_by: who applies the masks of ReLUs, where it isn't the convolution before them.
    """

    preprocess: Preprocess
    dtype: torch.dtype
    masked_by: dict[fx.Node, MaskedBy] = field(default_factory=dict)

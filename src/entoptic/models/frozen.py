"""A frozen twin of a network, so that nothing is ever changed in the user's own."""

from __future__ import annotations

import copy

from torch import nn

from entoptic.modes import usual


def frozen_copy(module: nn.Module) -> nn.Module:
    """A copy in evaluation mode whose weights are the same memory and ask for no gradient."""
    shared: dict[int, object] = {}
    for weight in module.parameters():
        shared[id(weight)] = nn.Parameter(usual(weight.detach()), requires_grad=False)
    for buffer in module.buffers():
        shared[id(buffer)] = usual(buffer.detach())
    return copy.deepcopy(module, shared).eval()

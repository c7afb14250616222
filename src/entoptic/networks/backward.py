"""Gradients as torch gives them, and what to say where it gives none."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from entoptic.errors import NoPath
from entoptic.networks.memory import out_of_memory


def gradient_of(
    values: Sequence[Tensor], wrt: Tensor, weights: Sequence[Tensor], *, called: str
) -> Tensor | None:
    """Return the gradient of weighted values by a tensor; None where they don't depend on it.

    Args:
        values, wrt: of one graph.
        weights: shaped like the values.
        called: what the values are, for the message.

    Raises:
        NoPath: torch can't differentiate what the network does, and says why.
    """
    try:
        # Of one number: for gradients that begin at weights torch imports what its compiler is made
        # of, which takes as long as many steps. The gradient is the same to the last bit.
        with torch.enable_grad():
            products = [(each * weight).sum() for each, weight in zip(values, weights, strict=True)]
            number = sum(products[1:], products[0])
        (found,) = torch.autograd.grad(number, wrt, allow_unused=True)
    except RuntimeError as error:
        if out_of_memory(error):
            raise
        reason = str(error).splitlines()[0]
        raise NoPath(f"torch gives no gradient of {called}: {reason}") from error
    return found

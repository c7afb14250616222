"""ReLUs that are fused with the layer before them, and who applies their mask to the gradient."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


class MaskedBy(enum.Enum):
    """The layer that applies a fused ReLU's mask: no gradient passes where the ReLU was flat."""

    CONVOLUTION = "the convolution that it is fused with"
    POOL = "the max-pooling after it, on the maxima alone, which are fewer"


@dataclass(frozen=True)
class Rectifier:
    """A ReLU: numbers below 0 become 0, those above `high` become `high`."""

    high: float | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Rectify in place."""
        return x.relu_() if self.high is None else F.hardtanh_(x, 0.0, self.high)

    def named(self) -> tuple[str, tuple[float, ...]]:
        """Return the name and the limits by which oneDNN knows it."""
        return ("relu", ()) if self.high is None else ("hardtanh", (0.0, self.high))

    def masked(self, gradient: Tensor, result: Tensor) -> Tensor:
        """Return the gradient of the input, from that of the result and the result itself."""
        masked: Tensor
        if self.high is not None:
            masked = torch.ops.aten.hardtanh_backward(gradient, result, 0.0, self.high)
            return masked
        if gradient.dtype == result.dtype == torch.bfloat16:
            # As whole numbers, 0 stays 0 and what is above becomes 1: two thirds of the time.
            kept = result.view(torch.int16).clamp(0, 1)
            return kept.mul_(gradient.view(torch.int16)).view(torch.bfloat16)
        masked = torch.ops.aten.threshold_backward(gradient, result, 0)
        return masked


_unfused: ContextVar[bool] = ContextVar("unfused", default=False)


is_unfused = _unfused.get
"""Return whether fused ReLUs and pools now are calls of torch's functions."""


@contextmanager
def unfused() -> Iterator[None]:
    """Let fused ReLUs and pools be calls during a `with`, for gradient rules to see them."""
    before = _unfused.set(True)
    try:
        yield
    finally:
        _unfused.reset(before)

"""Gradient rules: other ways for gradients to flow back through a network that computes the same.

The gradient that a rule is given is that of a score that is maximised. While a rule holds, calls of
torch's functions are watched, whether a module makes them or the user's code; the network itself
isn't changed.
"""

from entoptic.networks.gradient_rules.calls import Backward, Call
from entoptic.networks.gradient_rules.lengths import NormalizedLayers, normalized_layers
from entoptic.networks.gradient_rules.max_pool import SmoothMaxPool, smooth_max_pool
from entoptic.networks.gradient_rules.rectifiers import (
    Guided,
    RedirectedReLU,
    guided,
    redirected_relu,
)
from entoptic.networks.gradient_rules.rule import GradientRule, applied
from entoptic.networks.gradient_rules.watching import FunctionRule

__all__ = [
    "Backward",
    "Call",
    "FunctionRule",
    "GradientRule",
    "Guided",
    "NormalizedLayers",
    "RedirectedReLU",
    "SmoothMaxPool",
    "applied",
    "guided",
    "normalized_layers",
    "redirected_relu",
    "smooth_max_pool",
]

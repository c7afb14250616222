"""Rules for activations: dead ones are revived, or only positive gradients pass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from entoptic.checks import taking
from entoptic.networks.gradient_rules.calls import (
    RISING,
    SHRINKS,
    Backward,
    Call,
    Limits,
    above,
    between,
    bounded,
    clipped,
    functions_named,
    largest,
)
from entoptic.networks.gradient_rules.rule import STEPS, GradientRule
from entoptic.networks.gradient_rules.watching import FunctionRule

# How long lucid redirects, while its step is at most 16, counted from 0: images that aren't dead by
# then have found their way.
_LUCID_STEPS = 17


@dataclass(frozen=True)
class RedirectedReLU(FunctionRule):
    """See `redirected_relu`."""

    def backward(self, call: Call) -> Backward | None:
        smooth = RISING.get(call.function)
        limits = smooth or clipped(call) or bounded(call)
        if limits is None and call.function not in SHRINKS:
            return None

        def redirected(x: Tensor, gradient: Tensor) -> Tensor:
            own = call.own_gradient(x, gradient)
            moves = between(smooth, x, own) if smooth else own
            dead = largest(_whole(moves.abs())) == 0
            if own.device.type != "cpu":
                # Chosen by the device itself: asking it whether an image is dead would wait for it.
                return _towards(limits, x, gradient).where(dead, own)
            for image in dead.flatten().nonzero().flatten().tolist():
                own[image] = _towards(limits, x[image], gradient[image])
            return own

        return redirected


def _towards(limits: Limits | None, x: Tensor, gradient: Tensor) -> Tensor:
    """Return what of a gradient pushes up from below the limits, or down from above them."""
    if limits is None:
        return gradient
    low, high = limits
    outside = gradient - between(limits, x, gradient)
    if high == torch.inf:
        return outside.clamp(min=0)
    upper = above((low + high) / 2, x, outside)
    return (outside - upper).clamp(min=0).add_(upper.clamp(max=0))


def _whole(positive: Tensor) -> Tensor:
    """Return the same bits as whole numbers, in the same order; a CPU is slow at 16-bit floats."""
    return positive.view(torch.int16) if positive.element_size() == 2 else positive


@taking(steps=STEPS)
def redirected_relu(steps: int | None = _LUCID_STEPS) -> GradientRule:
    """Revive dead activations: where nothing flows back, what pushes towards life does.

    An image is dead in a call of an activation if none of its positions is both active and asked to
    change. Then the gradient flows to those positions that it pushes towards being active, as if
    they were: up from below, and for ReLU6 down from above. Other images of the batch aren't
    concerned.

    Holds for ReLU, ReLU6, Hardtanh, GELU, SiLU, Mish, Hardswish and Hardsigmoid; for Threshold,
    clamps, maxima and minima whose bounds are numbers (ONNX's Clip, Max and Min become such); and
    for Hardshrink and Softshrink, flat around 0. What rises everywhere (LeakyReLU, ELU, sigmoid,
    ...) dies by rounding at most. One that is written out, as `x * (x > 0)` or by `where`, isn't
    recognised.

    Lucid's heeds ReLU and ReLU6 alone, and to it a position that is exactly 0 is active, which has
    no gradient in torch.

    Args:
        steps: of an optimisation, from its start, for which it holds; None for all.

    Raises:
        BadSetting: fewer than 0 steps.

    Source: Olah, Mordvintsev, Schubert, "Feature Visualization", Distill, 2017; lucid's redirected
    ReLU, and its 17 steps: it says 16, and counts from 0 to 16.

    >>> import entoptic as ent
    >>> grey = torch.full((1, 3, 40, 60), 0.5)
    >>> bool(ent.gradient(ent.load(), of="logit('cock')", at=grey).any())
    False
    >>> rules = [ent.redirected_relu()]
    >>> bool(ent.gradient(ent.load(), of="logit('cock')", at=grey, rules=rules).any())
    True
    """
    return RedirectedReLU(steps)


_RECTIFIERS = functions_named(
    *("relu", "relu6", "hardtanh", "leaky_relu", "prelu", "elu", "selu", "celu"),
    *("gelu", "silu", "mish", "hardswish"),
)


@dataclass(frozen=True)
class Guided(FunctionRule):
    """See `guided`."""

    def backward(self, call: Call) -> Backward | None:
        bounds = bounded(call)
        if call.function not in _RECTIFIERS and (bounds is None or bounds[0] != 0):
            return None

        def positive(x: Tensor, gradient: Tensor) -> Tensor:
            return above(0.0, x, call.own_gradient(x, gradient.clamp(min=0)))

        return positive


@taking(steps=STEPS)
def guided(steps: int | None = None) -> GradientRule:
    """Let only what both is active and makes the score grow flow back (guided back-propagation).

    At each ReLU (or ReLU6, LeakyReLU, PReLU, ELU, SELU, CELU, GELU, SiLU, Mish, Hardswish, or what
    is one by another name: a clamp, maximum or threshold at 0) the gradient passes where it and the
    activation are positive.

    Args:
        steps: of an optimisation, from its start, for which it holds; None for all.

    Raises:
        BadSetting: fewer than 0 steps.

    Source: Springenberg et al., "Striving for Simplicity: The All Convolutional Net", 2014.

    >>> import entoptic as ent
    >>> photo = torch.full((1, 3, 40, 60), 0.5)
    >>> ent.gradient(ent.load(), of="fire2", at=photo, rules=[ent.guided()]).shape
    torch.Size([1, 3, 40, 60])
    """
    return Guided(steps)

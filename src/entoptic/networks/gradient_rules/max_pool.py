"""A rule for max-pooling: its gradient is spread over the window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from entoptic.checks import number, taking
from entoptic.networks.gradient_rules.calls import Backward, Call, functions_named, largest
from entoptic.networks.gradient_rules.rule import STEPS, GradientRule
from entoptic.networks.gradient_rules.watching import FunctionRule

_AVERAGES: Mapping[Any, Callable[..., Tensor]] = {
    function: average
    for name, average in {
        "max_pool1d": F.avg_pool1d,
        "max_pool2d": F.avg_pool2d,
        "max_pool3d": F.avg_pool3d,
    }.items()
    for function in functions_named(name)
}
# torch's own adaptive pools give a pair, of which only F's know to drop the second.
_ADAPTIVE: Mapping[Any, Callable[..., Tensor]] = {
    F.adaptive_max_pool1d: F.adaptive_avg_pool1d,
    F.adaptive_max_pool2d: F.adaptive_avg_pool2d,
    F.adaptive_max_pool3d: F.adaptive_avg_pool3d,
}

# Numbers are divided by the largest of their image; smaller ones than this don't count. Up to its
# -3rd power, which the largest `power` needs, float32 has room.
_SMALLEST = 1e-12
_LARGEST_POWER = 4.0


@dataclass(frozen=True)
class SmoothMaxPool(FunctionRule):
    """See `smooth_max_pool`."""

    power: float = 2.0

    def backward(self, call: Call) -> Backward | None:
        average = _average(call)
        if average is None:
            return None

        def spread(x: Tensor, gradient: Tensor) -> Tensor:
            return _of_generalised_mean(average, self.power, x, gradient)

        return spread


@taking(power=number(least=1, most=_LARGEST_POWER), steps=STEPS)
def smooth_max_pool(power: float = 2.0, steps: int | None = None) -> GradientRule:
    """Spread the gradient of max-pooling over its window, as if it were a generalized mean.

    The mean of n numbers is ((x1^p + ... + xn^p) / n)^(1/p), of which only positive numbers are
    counted: the larger a number, the more it gets. A window without positive numbers shares evenly.
    Pooling with dilation, or that gives indices too, keeps its own gradient.

    Args:
        power: p; 1 spreads as average pooling does, 2 as L2 pooling. At most 4.
        steps: of an optimisation, from its start, for which it holds; None for all.

    Raises:
        BadSetting: a power below 1 or above 4, or fewer than 0 steps.

    Source: after Hénaff, Simoncelli, "Geodesics of learned representations", 2015, who pool by L2.

    >>> import entoptic as ent
    >>> photo = torch.full((1, 3, 40, 60), 0.5)
    >>> ent.gradient(ent.load(), of="pool1", at=photo, rules=[ent.smooth_max_pool()]).shape
    torch.Size([1, 3, 40, 60])
    """
    return SmoothMaxPool(steps, power)


def _average(call: Call) -> Callable[[Tensor], Tensor] | None:
    """Average pooling over the windows of a call of max-pooling."""
    if call.function in _ADAPTIVE:
        # The other arguments say where the maximum was.
        size = call.arguments[0] if call.arguments else call.options["output_size"]
        return lambda x: _ADAPTIVE[call.function](x, size)
    if call.function in _AVERAGES:
        return _windows(_AVERAGES[call.function], *call.arguments, **call.options)
    return None


def _windows(
    average: Callable[..., Tensor],
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Callable[[Tensor], Tensor] | None:
    dilations = dilation if isinstance(dilation, list | tuple) else [dilation]
    if any(each != 1 for each in dilations):
        return None  # torch has no average over such windows
    steps = stride or kernel_size  # exported graphs say [] for None
    return lambda x: average(x, kernel_size, steps, padding, ceil_mode, count_include_pad=False)


def _of_generalised_mean(
    average: Callable[[Tensor], Tensor], power: float, x: Tensor, gradient: Tensor
) -> Tensor:
    """Return the gradient of (average(x^p))^(1/p), where x is what is positive in x."""
    precise = torch.promote_types(x.dtype, torch.float32)
    values = x.detach().to(precise).clamp(min=0)
    # The rule doesn't depend on the scale.
    values = values / largest(values).clamp(min=torch.finfo(precise).tiny)
    values = F.threshold(values, _SMALLEST, 0)
    with torch.enable_grad():
        leaf = values.clone().requires_grad_()
        powers = average(leaf.pow(power))
        means = powers.detach().pow(1 / power)
        evenly = (means == 0).to(precise)
        outer = gradient * ((means + evenly).pow(1 - power) - evenly)
        shares = outer / power, gradient * evenly
        (found,) = torch.autograd.grad((powers, average(leaf)), leaf, shares)
    return found.to(x.dtype)

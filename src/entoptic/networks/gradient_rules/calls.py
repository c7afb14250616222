"""Calls of torch's functions, and the inputs between which activations rise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Call:
    """One call of a function whose first argument is the tensor of interest."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]

    def __call__(self, x: Tensor) -> Tensor:
        result: Tensor = self.function(x, *self.arguments, **self.options)
        return result

    def own_gradient(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Return the function's own gradient for the gradient of its output."""
        limits = clipped(self)
        if limits is not None:
            return between(limits, x, gradient)
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            # Of a copy, since the function may work in place.
            (own,) = torch.autograd.grad(self(x.clone()), x, gradient)
        return own


Backward: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From a function's input and the gradient of its output to the gradient of its input."""


def functions_named(*names: str, homes: Sequence[Any] = (F, torch, Tensor)) -> frozenset[Any]:
    """Return all functions of torch of these names, in place or not, and operators of graphs."""
    found: set[Any] = set()
    for name in (*names, *(f"{name}_" for name in names)):
        found |= {getattr(home, name) for home in homes if hasattr(home, name)}
        operator = getattr(torch.ops.aten, name, None)
        if operator is not None and "default" in operator.overloads():
            found.add(operator.default)
    return frozenset(found)


Limits: TypeAlias = tuple[float, float]
"""Between which inputs, without these two, an activation rises."""

# Between which inputs each activation rises; outside it is flat, or falls again towards zero. The
# smooth ones' numbers are where they are lowest. Those that rise everywhere (LeakyReLU, ELU, SELU,
# ...) die by rounding at most, and aren't here.
RISING: Mapping[Any, Limits] = {
    function: limits
    for name, limits in {
        "gelu": (-0.7518, torch.inf),
        "silu": (-1.2785, torch.inf),
        "mish": (-1.1924, torch.inf),
        "hardswish": (-1.5, torch.inf),
        "hardsigmoid": (-3.0, 3.0),
    }.items()
    for function in functions_named(name)
}
# Those that give what they are given between two numbers, and outside these the nearer of them.
_RELU, _RELU6, _HARDTANH = (
    functions_named("relu"),
    functions_named("relu6"),
    functions_named("hardtanh"),
)


def clipped(call: Call) -> Limits | None:
    """Between which inputs a call gives just these; None for a function that isn't such."""
    if call.function in _RELU:
        return 0.0, torch.inf
    if call.function in _RELU6:
        return 0.0, 6.0
    return _clip(*call.arguments, **call.options) if call.function in _HARDTANH else None


def _clip(min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Limits:
    return min_val, max_val


def _from_other(other: Any = None, *_: Any, **__: Any) -> Any:
    """Return the other of two tensors; torch's max and min may be told an axis in its place."""
    return other if isinstance(other, Tensor) else None


# What else gives the nearest number within bounds, or is flat below one: their low and high ends.
_MAXIMA, _MINIMA = functions_named("maximum", "max"), functions_named("minimum", "min")
EITHER_WAY = _MAXIMA | _MINIMA
_BOUNDS: Mapping[Any, Callable[..., tuple[Any, Any]]] = {
    **dict.fromkeys(functions_named("clamp", "clip"), lambda min=None, max=None: (min, max)),
    **dict.fromkeys(functions_named("clamp_min"), lambda min: (min, None)),
    **dict.fromkeys(functions_named("clamp_max"), lambda max: (None, max)),
    **dict.fromkeys(functions_named("threshold"), lambda threshold, *_, **__: (threshold, None)),
    **dict.fromkeys(_MAXIMA, lambda *found, **named: (_from_other(*found, **named), None)),
    **dict.fromkeys(_MINIMA, lambda *found, **named: (None, _from_other(*found, **named))),
}
# Flat where an input is near 0, so that whatever moves it brings it to life.
SHRINKS = functions_named("hardshrink", "softshrink")


def bounded(call: Call) -> Limits | None:
    """Between which numbers a clamp or the like isn't flat; None for what isn't one."""
    if call.function not in _BOUNDS:
        return None
    given = _BOUNDS[call.function](*call.arguments, **call.options)
    low, high = (_number(*each) for each in zip(given, (-torch.inf, torch.inf), strict=True))
    if low is None or high is None or (low, high) == (-torch.inf, torch.inf):
        return None
    return low, high


def _number(bound: float | Tensor | None, otherwise: float) -> float | None:
    """Return a bound that is one number for all positions; None where it isn't, or is learnt."""
    if bound is None:
        return otherwise
    if not isinstance(bound, Tensor):
        return float(bound)
    if bound.requires_grad or bound.numel() == 0:
        return None
    least, most = bound.aminmax()
    return float(least) if least == most else None


# Choosing by a mask takes a CPU ten times as long as these do (torch 2.14).
def between(limits: Limits, x: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient where x lies between the limits, 0 elsewhere."""
    low, high = limits
    if high == torch.inf:
        return above(low, x, gradient)
    kept: Tensor = torch.ops.aten.hardtanh_backward(gradient, x, low, high)
    return kept


def above(low: float, x: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient where x lies above a number, 0 elsewhere."""
    kept: Tensor = torch.ops.aten.threshold_backward(gradient, x, low)
    return kept


def largest(values: Tensor) -> Tensor:
    """Return the largest number of each image, with the axes of its positions."""
    return values.amax(tuple(range(1, values.dim())), keepdim=True) if values.dim() > 1 else values

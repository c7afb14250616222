"""Gradient rules: other ways for gradients to flow back through a network that computes the same.

The gradient that a rule is given is that of a score which is to grow. While a rule holds, calls of
torch's functions are seen, whether a module makes them or the user's code; the network itself isn't
changed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

from entoptic.checks import number, taking, whole
from entoptic.errors import BadSetting
from entoptic.layers import Layer, layer_name

# How long lucid redirects, while its step is at most 16, counted from 0: images that aren't dead by
# then have found their way.
_LUCID_STEPS = 17

_STEPS = whole(0)


@taking(steps=_STEPS)
@dataclass(frozen=True)
class GradientRule(ABC):
    """A change of how gradients flow back; see `redirected_relu`, `guided` and the others.

    Args:
        steps: of a climb, from its start, for which the rule holds; None for all.
    """

    steps: int | None = None

    holds_on_graphs: ClassVar[bool] = False
    """Whether it concerns activations and pooling alone, calls of which are seen in a graph, too.

    Convolutions and their batch-norms aren't calls there, nor are there modules with addresses.
    """

    def holds(self, step: int) -> bool:
        """Whether the rule holds in a step, counted from 0."""
        return self.steps is None or step < self.steps

    def bound(self, resolve: Callable[[Layer], Layer]) -> GradientRule:
        """Return the rule for a network's own layers.

        Args:
            resolve: see `Model.resolve`; it raises UnknownLayer where there is no such layer.
        """
        return self

    @abstractmethod
    def applied(self, modules: Mapping[str, nn.Module]) -> AbstractContextManager[Any]:
        """Holds for what a network, given by its modules' addresses, computes during a `with`."""


@contextmanager
def applied(rules: Sequence[GradientRule], modules: Mapping[str, nn.Module]) -> Iterator[None]:
    """Rules hold during a `with`, and nothing of them is left after it.

    Where two concern the same function, the first one holds.
    """
    with ExitStack() as stack:
        for rule in reversed(rules):  # the innermost sees a call first
            stack.enter_context(rule.applied(modules))
        yield


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
        """What the function itself gives back for the gradient of its output."""
        limits = _clipped(self)
        if limits is not None:
            return _between(limits, x, gradient)
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            # Of a copy, since the function may work in place.
            (own,) = torch.autograd.grad(self(x.clone()), x, gradient)
        return own


Backward: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From a function's input and the gradient of its output to the gradient of its input."""


class FunctionRule(GradientRule):
    """A rule for all calls of some activations or poolings."""

    holds_on_graphs = True

    @abstractmethod
    def backward(self, call: Call) -> Backward | None:
        """How gradients flow back through a call; None for the call's own way."""

    def applied(self, modules: Mapping[str, nn.Module]) -> AbstractContextManager[Any]:
        return _Watching(self)


class _Watching(TorchFunctionMode):
    """Sees all calls of torch's functions, and gives those that a rule concerns its backward."""

    def __init__(self, rule: FunctionRule) -> None:
        super().__init__()
        self.rule = rule

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        if not args and "input" in options:
            args = (options.pop("input"),)
        if func in _EITHER_WAY and len(args) == 2 and not _differentiable(args[0]):
            args = args[::-1] if _differentiable(args[1]) else args
        call = Call(func, args[1:], options)
        backward = self.rule.backward(call)
        if backward is None or not _differentiable(args[0]):
            return func(*args, **options)
        return _Ruled.apply(args[0], call, backward)


def _differentiable(x: Any) -> bool:
    return isinstance(x, Tensor) and x.dim() > 0 and x.requires_grad and torch.is_grad_enabled()


class _Ruled(torch.autograd.Function):
    """A call with another backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, call: Call, backward: Backward) -> Tensor:
        ctx.rule = backward
        # A copy: this call may work in place, and so may later ones on what it was given.
        ctx.save_for_backward(x.clone())
        result = call(x)
        if result is x:
            ctx.mark_dirty(x)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return ctx.rule(x, gradient), None, None


def _named(*names: str, homes: Sequence[Any] = (F, torch, Tensor)) -> frozenset[Any]:
    """All functions of torch of these names, in place or not, exported graphs' operators too."""
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
_ACTIVE: Mapping[Any, Limits] = {
    function: limits
    for name, limits in {
        "gelu": (-0.7518, torch.inf),
        "silu": (-1.2785, torch.inf),
        "mish": (-1.1924, torch.inf),
        "hardswish": (-1.5, torch.inf),
        "hardsigmoid": (-3.0, 3.0),
    }.items()
    for function in _named(name)
}
# Those that give what they are given between two numbers, and outside these the nearer of them.
_RELU, _RELU6, _HARDTANH = _named("relu"), _named("relu6"), _named("hardtanh")


def _clipped(call: Call) -> Limits | None:
    """Between which inputs a call gives just these; None for a function that isn't such."""
    if call.function in _RELU:
        return 0.0, torch.inf
    if call.function in _RELU6:
        return 0.0, 6.0
    return _clip(*call.arguments, **call.options) if call.function in _HARDTANH else None


def _clip(min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Limits:
    return min_val, max_val


def _from_other(other: Any = None, *_: Any, **__: Any) -> Any:
    """The other of two tensors; torch's max and min may be told an axis in its place."""
    return other if isinstance(other, Tensor) else None


# What else gives the nearest number within bounds, or is flat below one: their low and high ends.
_MAXIMA, _MINIMA = _named("maximum", "max"), _named("minimum", "min")
_EITHER_WAY = _MAXIMA | _MINIMA
_BOUNDS: Mapping[Any, Callable[..., tuple[Any, Any]]] = {
    **dict.fromkeys(_named("clamp", "clip"), lambda min=None, max=None: (min, max)),
    **dict.fromkeys(_named("clamp_min"), lambda min: (min, None)),
    **dict.fromkeys(_named("clamp_max"), lambda max: (None, max)),
    **dict.fromkeys(_named("threshold"), lambda threshold, *_, **__: (threshold, None)),
    **dict.fromkeys(_MAXIMA, lambda *found, **named: (_from_other(*found, **named), None)),
    **dict.fromkeys(_MINIMA, lambda *found, **named: (None, _from_other(*found, **named))),
}
# Flat where an input is near 0, so that whatever moves it brings it to life.
_SHRINKS = _named("hardshrink", "softshrink")


def _bounded(call: Call) -> Limits | None:
    """Between which numbers a clamp or the like isn't flat; None for what isn't one."""
    if call.function not in _BOUNDS:
        return None
    given = _BOUNDS[call.function](*call.arguments, **call.options)
    low, high = (_number(*each) for each in zip(given, (-torch.inf, torch.inf), strict=True))
    if low is None or high is None or (low, high) == (-torch.inf, torch.inf):
        return None
    return low, high


def _number(bound: float | Tensor | None, otherwise: float) -> float | None:
    """A bound that is one number for all places; None where it isn't, or is learnt itself."""
    if bound is None:
        return otherwise
    if not isinstance(bound, Tensor):
        return float(bound)
    if bound.requires_grad or bound.numel() == 0:
        return None
    least, most = bound.aminmax()
    return float(least) if least == most else None


# Choosing by a mask takes a CPU ten times as long as these do (torch 2.14).
def _between(limits: Limits, x: Tensor, gradient: Tensor) -> Tensor:
    """The gradient where x lies between the limits, 0 elsewhere."""
    low, high = limits
    if high == torch.inf:
        return _above(low, x, gradient)
    kept: Tensor = torch.ops.aten.hardtanh_backward(gradient, x, low, high)
    return kept


def _above(low: float, x: Tensor, gradient: Tensor) -> Tensor:
    """The gradient where x lies above a number, 0 elsewhere."""
    kept: Tensor = torch.ops.aten.threshold_backward(gradient, x, low)
    return kept


@dataclass(frozen=True)
class RedirectedReLU(FunctionRule):
    """See `redirected_relu`."""

    def backward(self, call: Call) -> Backward | None:
        smooth = _ACTIVE.get(call.function)
        limits = smooth or _clipped(call) or _bounded(call)
        if limits is None and call.function not in _SHRINKS:
            return None

        def redirected(x: Tensor, gradient: Tensor) -> Tensor:
            own = call.own_gradient(x, gradient)
            moves = _between(smooth, x, own) if smooth else own
            dead = _largest(_whole(moves.abs())) == 0
            if own.device.type != "cpu":
                # Chosen by the device itself: asking it whether an image is dead would wait for it.
                return _towards(limits, x, gradient).where(dead, own)
            for image in dead.flatten().nonzero().flatten().tolist():
                own[image] = _towards(limits, x[image], gradient[image])
            return own

        return redirected


def _towards(limits: Limits | None, x: Tensor, gradient: Tensor) -> Tensor:
    """What of a gradient pushes up from below the limits, or down from above them; else all."""
    if limits is None:
        return gradient
    low, high = limits
    outside = gradient - _between(limits, x, gradient)
    if high == torch.inf:
        return outside.clamp(min=0)
    above = _above((low + high) / 2, x, outside)
    return (outside - above).clamp(min=0).add_(above.clamp(max=0))


def _whole(positive: Tensor) -> Tensor:
    """The same bits as whole numbers, whose order is the same; a CPU is slow at 16 bits' floats."""
    return positive.view(torch.int16) if positive.element_size() == 2 else positive


@taking(steps=_STEPS)
def redirected_relu(steps: int | None = _LUCID_STEPS) -> GradientRule:
    """Dead activations are revived: where nothing flows back, what pushes towards life does.

    An image is dead in a call of an activation if none of its places is both active and asked to
    change. Then the gradient flows to those places that it pushes towards being active, as if they
    were: up from below, and for ReLU6 down from above. Other images of the batch aren't concerned.

    Holds for ReLU, ReLU6, Hardtanh, GELU, SiLU, Mish, Hardswish and Hardsigmoid; for Threshold,
    clamps, maxima and minima whose bounds are numbers (ONNX's Clip, Max and Min become such); and
    for Hardshrink and Softshrink, flat around 0. What rises everywhere (LeakyReLU, ELU, sigmoid,
    ...) dies by rounding at most. One that is written out, as `x * (x > 0)` or by `where`, isn't
    recognised.

    Lucid's heeds ReLU and ReLU6 alone, and to it a place that is exactly 0 is active, which has no
    gradient in torch.

    Args:
        steps: of a climb, from its start, for which it holds; None for all.

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


_RECTIFIERS = _named(
    *("relu", "relu6", "hardtanh", "leaky_relu", "prelu", "elu", "selu", "celu"),
    *("gelu", "silu", "mish", "hardswish"),
)


@dataclass(frozen=True)
class Guided(FunctionRule):
    """See `guided`."""

    def backward(self, call: Call) -> Backward | None:
        bounds = _bounded(call)
        if call.function not in _RECTIFIERS and (bounds is None or bounds[0] != 0):
            return None

        def positive(x: Tensor, gradient: Tensor) -> Tensor:
            return _above(0.0, x, call.own_gradient(x, gradient.clamp(min=0)))

        return positive


@taking(steps=_STEPS)
def guided(steps: int | None = None) -> GradientRule:
    """Guided back-propagation: only what both is active and makes the score grow flows back.

    At each ReLU (or ReLU6, LeakyReLU, PReLU, ELU, SELU, CELU, GELU, SiLU, Mish, Hardswish, or what
    is one by another name: a clamp, maximum or threshold at 0) the gradient passes where it and the
    activation are positive.

    Args:
        steps: of a climb, from its start, for which it holds; None for all.

    Raises:
        BadSetting: fewer than 0 steps.

    Source: Springenberg et al., "Striving for Simplicity: The All Convolutional Net", 2014.

    >>> import entoptic as ent
    >>> photo = torch.full((1, 3, 40, 60), 0.5)
    >>> ent.gradient(ent.load(), of="fire2", at=photo, rules=[ent.guided()]).shape
    torch.Size([1, 3, 40, 60])
    """
    return Guided(steps)


_AVERAGES: Mapping[Any, Callable[..., Tensor]] = {
    function: average
    for name, average in {
        "max_pool1d": F.avg_pool1d,
        "max_pool2d": F.avg_pool2d,
        "max_pool3d": F.avg_pool3d,
    }.items()
    for function in _named(name)
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


@taking(power=number(least=1, most=_LARGEST_POWER), steps=_STEPS)
def smooth_max_pool(power: float = 2.0, steps: int | None = None) -> GradientRule:
    """The gradient of max-pooling is spread over its window, as if it were a generalised mean.

    The mean of n numbers is ((x1^p + ... + xn^p) / n)^(1/p), of which only positive numbers are
    counted: the larger a number, the more it gets. A window without positive numbers shares evenly.
    Pooling with dilation, or that gives indices too, keeps its own gradient.

    Args:
        power: p; 1 spreads as average pooling does, 2 as L2 pooling. At most 4.
        steps: of a climb, from its start, for which it holds; None for all.

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
    """The gradient of (average(x^p))^(1/p), where x is what is positive in x."""
    precise = torch.promote_types(x.dtype, torch.float32)
    values = x.detach().to(precise).clamp(min=0)
    # The rule doesn't depend on the scale.
    values = values / _largest(values).clamp(min=torch.finfo(precise).tiny)
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


@dataclass(frozen=True)
class NormalizedLayers(GradientRule):
    """See `normalized_layers`."""

    layers: tuple[Layer, ...] = ()

    def bound(self, resolve: Callable[[Layer], Layer]) -> GradientRule:
        return replace(self, layers=tuple(map(resolve, self.layers)))

    @contextmanager
    def applied(self, modules: Mapping[str, nn.Module]) -> Iterator[None]:
        with ExitStack() as stack:
            for layer in self.layers:
                handle = modules[layer.name].register_forward_hook(_normalize)
                stack.callback(handle.remove)
            yield


@taking(layers=layer_name, steps=_STEPS)
def normalized_layers(*layers: Layer | str, steps: int | None = None) -> GradientRule:
    """The gradient at the output of some layers is scaled to length 1 (L2), image by image.

    So several layers (or the branches of one) have equal say in what comes before them. A gradient
    of zero stays zero.

    Args:
        layers: addresses; every call of each is concerned.
        steps: of a climb, from its start, for which it holds; None for all.

    Raises:
        BadSetting: no layer, the input of one, a single call of one, or fewer than 0 steps.
        UnknownLayer: by `ascend` and `gradient`, before any work.

    >>> import entoptic as ent
    >>> photo = torch.full((1, 3, 40, 60), 0.5)
    >>> rules = [ent.normalized_layers("fire2")]
    >>> found = ent.gradient(ent.load(), of="fire3", wrt="fire2", at=photo, rules=rules)
    >>> round(float(found.norm()), 4)
    1.0
    """
    parsed = tuple(Layer.parse(layer) for layer in layers)
    if not parsed:
        raise BadSetting("normalized_layers needs at least one layer")
    for layer in parsed:
        if layer != Layer(layer.name) or layer.name == "input":
            raise BadSetting(
                f"normalized_layers takes outputs of whole layers, not {str(layer)!r}; "
                "name a layer without <in> and #"
            )
    return NormalizedLayers(steps, parsed)


def _normalize(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
    """A hook on the tensor itself, which goes when the tensor goes."""
    if _differentiable(output):
        output.register_hook(_of_length_1)


def _of_length_1(gradient: Tensor) -> Tensor:
    length = _spread(_by_image(gradient).norm(dim=1), gradient)
    return gradient / length.where(length > 0, torch.inf)


def _largest(values: Tensor) -> Tensor:
    """The largest number of each image, with the axes of its places."""
    return values.amax(tuple(range(1, values.dim())), keepdim=True) if values.dim() > 1 else values


def _by_image(values: Tensor) -> Tensor:
    return values.reshape(len(values), -1)


def _spread(numbers: Tensor, like: Tensor) -> Tensor:
    """One number for each image, with the axes of all its places."""
    return numbers.reshape(-1, *[1] * (like.dim() - 1))

"""Optimizers: how far the canvas moves along the gradient; and their registry."""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, get_args, overload, runtime_checkable

import torch
from torch import Tensor

from entoptic.ascent.shaping import Shaping, ShapingLike, Smoothing, shaping_of
from entoptic.calls import read_calls
from entoptic.checks import Meaning, number, one_of, refused, shown, taking
from entoptic.errors import BadSetting
from entoptic.images.stored import Stored
from entoptic.registry import Registry

Norm: TypeAlias = Literal["mean_abs", "max_abs", "std", "l2", "none"]
NORMS: tuple[str, ...] = get_args(Norm)


@runtime_checkable
class Optimizer(Protocol):
    """Changes its parameters so that a loss becomes less; every optimizer of torch does."""

    def step(self, closure: Callable[[], Any]) -> Any:
        """Change them once, by the gradients that `closure` leaves with them."""


Rule: TypeAlias = Callable[[Iterable[Tensor]], Optimizer]
"""Makes an optimizer for parameters; a class of torch.optim with its settings bound is one."""

_Maker = TypeVar("_Maker", bound=Callable[..., Rule])

optimizers: Registry[Callable[..., Rule]] = Registry("optimizer", BadSetting, "entoptic.optimizers")
"""Makers of rules from their settings, by the names that `optimizer_of` reads."""


@dataclass(frozen=True)
class NamedRule:
    """A rule that a registered function has made; its `repr` makes it again."""

    name: str
    settings: tuple[tuple[str, Any], ...]
    rule: Rule = field(compare=False)

    def __call__(self, parameters: Iterable[Tensor]) -> Optimizer:
        return self.rule(parameters)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value!r}' for key, value in self.settings)})"


@overload
def optimizer(maker: _Maker, /) -> _Maker: ...
@overload
def optimizer(**meanings: Meaning) -> Callable[[_Maker], _Maker]: ...
def optimizer(maker: Any = None, /, **meanings: Meaning) -> Any:
    """Register a function that makes a rule for `ascend` from its settings, the first its rate.

    Args:
        maker: the function, such as `adam`.
        meanings: bounds of its settings, see `taking`.

    Raises:
        ValueError: the name is taken.

    >>> optimizers["adam"](0.1), optimizer_of("climb(norm='l2')")
    (adam(learning_rate=0.1), climb(norm='l2'))
    """
    if maker is None:
        return lambda later: _registered(taking(**meanings)(later))
    return _registered(maker)


def _registered(maker: Any) -> Any:
    if not callable(maker):
        raise refused("what is registered", maker, "must be a function or a class")
    if not maker.__name__.isidentifier():
        raise ValueError(f"an optimizer is registered by its name; define {maker!r} with def")
    signature = inspect.signature(maker)

    @functools.wraps(maker)
    def make(*args: Any, **kwargs: Any) -> Rule:
        given = signature.bind(*args, **kwargs).arguments
        return NamedRule(maker.__name__, tuple(given.items()), maker(*args, **kwargs))

    optimizers.add(maker.__name__, make, redefined=True)
    return make


def optimizer_of(given: str | Rule, rate: float | None = None, name: str = "optimizer") -> Rule:
    """Return the rule that is meant.

    Args:
        given: the name of a registered one, with settings or without: `"adam"`, `"adam(0.1)"`; or
            a rule, such as `adam(0.1)` or a class of torch.optim with its settings bound.
        rate: for a name without settings; its own default where this is None.
        name: of the parameter, for errors.

    Raises:
        BadSetting: there is no such name, a setting is out of its bounds, or the rate is given
            twice.

    >>> optimizer_of("adam", 0.1)
    adam(learning_rate=0.1)
    """
    call = None
    if isinstance(given, str):
        calls = read_calls(given, name)
        if len(calls) != 1:
            raise BadSetting(f"{name} is {shown(given)}; give one")
        (call,) = calls
    elif not callable(given):
        raise refused(name, given, "must be a rule, such as adam(0.05), or the name of one")
    if rate is not None and (call is None or call.args or call.named):
        raise BadSetting(f"{name} {shown(given)} has a rate of its own; leave the other one out")
    if call is None:
        return given  # type: ignore[return-value]
    call = call if rate is None else replace(call, args=(rate,))
    return call.of(optimizers[call.name])


_SIZES: dict[str, Callable[[Tensor], Tensor]] = {
    "mean_abs": lambda gradient: gradient.abs().mean(1),
    "max_abs": lambda gradient: gradient.abs().amax(1),
    "std": lambda gradient: _spread(gradient),
    "l2": lambda gradient: gradient.norm(dim=1),
}


class _Descent(ABC):
    """Optimizers of our own; like every one of torch's they go down, `ascend` negates the score.

    They aren't of torch's classes: before it makes one of these, torch imports its compiler, which
    takes as long as many steps.
    """

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self.parameters = tuple(parameters)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient, after the closure has been asked for them."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for parameter in self.parameters:
            if parameter.grad is not None:
                self.move(parameter, parameter.grad)
        return loss

    @abstractmethod
    def move(self, parameter: Tensor, gradient: Tensor) -> None:
        """Move one of them, in place."""


@dataclass(frozen=True)
class Steps:
    """The way in which `climb` makes a step of a gradient.

    Args:
        length: in units of the canvas.
        norm: what the shaped gradient is divided by.
        smoothing: see `Smoothing`.
        shaping: what follows it, in order.
        headroom: see `headroom_left`.
    """

    length: float
    norm: Norm
    smoothing: float
    shaping: tuple[Shaping, ...] = ()
    headroom: float = 0.0

    def shape(self, gradient: Stored, device: torch.device) -> None:
        """Shape a gradient in place; see `Shaping.shape`."""
        for each in self._shapings:
            each.shape(gradient, device)

    def shaped(self, gradient: Tensor) -> Tensor:
        """Return the shaped gradient of images in ordinary memory."""
        if not self._shapings:
            return gradient
        # One by one, so that sums round as they do for an image alone.
        each = [Stored(image.clone()) for image in torch.split(gradient, 1)]
        for one in each:
            self.shape(one, gradient.device)
        return torch.cat([one.tensor for one in each]) if len(each) > 1 else each[0].tensor

    @property
    def _shapings(self) -> tuple[Shaping, ...]:
        return (Smoothing(self.smoothing), *self.shaping) if self.smoothing else self.shaping

    def move(
        self, pixels: Tensor, gradient: Tensor, factors: Tensor, weight: Tensor | None = None
    ) -> None:
        """Add a gradient times factors, and times a map where there is one, to pixels in place."""
        if weight is None and not self.headroom:
            pixels.addcmul_(gradient, factors)  # rounded once
            return
        change = gradient * factors
        if weight is not None:
            change *= weight
        if self.headroom:
            change *= headroom_left(pixels, change, self.headroom)
        pixels.add_(change)


def headroom_left(pixels: Tensor, change: Tensor, width: float) -> Tensor:
    """Return the share of a change that pixels take which come near black or white.

    It falls in proportion from `width` before the end of the range that the change goes to, so that
    no pixel gets there by steps that are shorter than that.

    >>> pixels = torch.tensor([0.5, 0.95, 0.95])
    >>> headroom_left(pixels, torch.tensor([1.0, 1.0, -1.0]), 0.1)
    tensor([1.0000, 0.5000, 1.0000])
    """
    room = torch.where(change > 0, 1 - pixels, pixels)
    return room.div_(width).clamp_(0, 1)


class Climb(_Descent):
    """Gradient steps whose length is set by a norm of the gradient, image by image."""

    def __init__(self, parameters: Iterable[Tensor], steps: Steps) -> None:
        super().__init__(parameters)
        self.steps = steps

    def move(self, parameter: Tensor, gradient: Tensor) -> None:
        how = self.steps
        change = normalized(how.shaped(gradient), how.norm)
        how.move(parameter, change, change.new_full((), -how.length))


class Weighted:
    """The steps of another optimizer times a map: 1 makes them, 0 leaves every bit as it is."""

    def __init__(self, parameters: Iterable[Tensor], rule: Rule, weight: Tensor) -> None:
        self.parameters = tuple(parameters)
        self.optimizer = rule(self.parameters)
        self.weight = weight

    @torch.no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:
        """Let the other one make its step, and keep the map's share of it."""
        before = [each.clone() for each in self.parameters]
        loss = self.optimizer.step(closure)
        for each, was in zip(self.parameters, before, strict=True):
            each.copy_(torch.lerp(was, each, self.weight))
        return loss


class Adam(_Descent):
    """The same, to the last bit on a CPU, as torch.optim.Adam with its other settings as they are.

    Source: Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2014, algorithm 1.
    """

    # The paper's: how much of the mean gradient, and of its mean square, a step keeps.
    KEPT, KEPT_SQUARE = 0.9, 0.999
    # And what keeps from dividing by 0.
    LEAST = 1e-8

    def __init__(self, parameters: Iterable[Tensor], learning_rate: float) -> None:
        super().__init__(parameters)
        self.learning_rate = learning_rate
        self.moves = dict.fromkeys(self.parameters, 0)
        self.means = {parameter: torch.zeros_like(parameter) for parameter in self.parameters}
        self.squares = {parameter: torch.zeros_like(parameter) for parameter in self.parameters}

    def move(self, parameter: Tensor, gradient: Tensor) -> None:
        self.moves[parameter] += 1
        mean, square = self.means[parameter], self.squares[parameter]
        mean.lerp_(gradient, 1 - self.KEPT)
        square.mul_(self.KEPT_SQUARE).addcmul_(gradient, gradient, value=1 - self.KEPT_SQUARE)
        # Both begin at 0, which the first steps make up for.
        length = self.learning_rate / (1 - self.KEPT ** self.moves[parameter])
        known = 1 - self.KEPT_SQUARE ** self.moves[parameter]
        spread = square.sqrt().div_(known**0.5).add_(self.LEAST)
        parameter.addcdiv_(mean, spread, value=-length)


def normalized(gradient: Tensor, norm: Norm) -> Tensor:
    """A gradient divided by its own size, image by image; a gradient of zero stays zero.

    Args:
        gradient: (batch, ...).
        norm: the size: `mean_abs` (the original DeepDream's), `max_abs`, `std`, `l2`, `none`.

    >>> normalized(torch.tensor([[3.0, -1.0]]), "mean_abs")
    tensor([[ 1.5000, -0.5000]])
    """
    if norm == "none":
        return gradient
    # One by one: a sum over many numbers may round otherwise where several rows are summed at once.
    sizes = [_SIZES[norm](each.flatten(1)) for each in torch.split(gradient, 1)]
    size = torch.cat(sizes).reshape(-1, *[1] * (gradient.ndim - 1))
    # Where the size is 0 the gradient is 0 (or, for std, says nothing): no step, not NaN.
    return gradient / size.where(size > 0, torch.inf)


def _spread(gradient: Tensor) -> Tensor:
    """Standard deviation; 0 where it is but the rounding of equal numbers."""
    spread = gradient.std(1, correction=0)
    return spread.where(spread > 1e-6 * gradient.abs().amax(1), 0)


_RANGE = number(least=0, most=0.5)
"""Of a headroom: at most half of the range from black to white."""


@optimizer(step=number(above=0), norm=one_of(*NORMS), smoothing=number(least=0), headroom=_RANGE)
def climb(
    step: float = 1.5 / 255,
    norm: Norm = "mean_abs",
    smoothing: float = 0.0,
    shaping: ShapingLike = (),
    headroom: float = 0.0,
) -> Rule:
    """Plain gradient ascent with normalized steps.

    Args:
        step: length of a step, in units of the canvas (pixels: 1 is from black to white).
        norm: what the gradient is divided by; with `none` the step is a plain factor.
        smoothing: of the gradient before, see `Smoothing`; for canvases of pixels.
        shaping: of the gradient after that and before it is divided, see `shaping_of`; for canvases
            of pixels.
        headroom: from so far before black and white on, pixels move the less the nearer they are,
            so that none is clipped; for canvases of pixels.

    Returns:
        A rule for `ascend`.

    Raises:
        BadSetting: the step isn't finite and above 0, the smoothing isn't finite and at least 0,
            the headroom isn't from 0 to 0.5, or there is no such norm or shaping.

    Source: Mordvintsev, Olah, Tyka, "DeepDreaming with Caffe" notebook, 2015.
    """
    steps = Steps(step, norm, smoothing, shaping_of(shaping), headroom)
    return functools.partial(Climb, steps=steps)


def weighted(rule: Rule, weight: Tensor) -> Rule:
    """Return a rule whose steps are those of another times a map.

    Args:
        rule: the other.
        weight: from 0 to 1, of a shape that fits the parameter's.
    """
    return functools.partial(Weighted, rule=rule, weight=weight)


@optimizer(learning_rate=number(above=0))
def adam(learning_rate: float = 0.05) -> Rule:
    """Adam, the rule of most feature visualization.

    Args:
        learning_rate: how far a step goes.

    Raises:
        BadSetting: the rate isn't finite and above 0.

    Source: Kingma, Ba, 2014; lucid's default rate.
    """
    return functools.partial(Adam, learning_rate=learning_rate)


@optimizer(learning_rate=number(above=0))
def nadam(learning_rate: float = 1.0) -> Rule:
    """Adam with Nesterov's momentum, torch's own: the rule of MaCo.

    Args:
        learning_rate: how far a step goes.

    Raises:
        BadSetting: the rate isn't finite and above 0.

    Source: Dozat, "Incorporating Nesterov Momentum into Adam", 2016; as in xplique, at its rate.
    """
    return functools.partial(torch.optim.NAdam, lr=learning_rate)

"""Step rules: how far the canvas moves along the gradient."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol, TypeAlias, get_args, runtime_checkable

import torch
from torch import Tensor

from entoptic.checks import number, one_of, taking
from entoptic.images.resize import gaussian_blur

Norm: TypeAlias = Literal["mean_abs", "max_abs", "std", "l2", "none"]
NORMS: tuple[str, ...] = get_args(Norm)


@runtime_checkable
class Optimizer(Protocol):
    """Changes its parameters so that a loss becomes less; every optimizer of torch does."""

    def step(self, closure: Callable[[], Any]) -> Any:
        """Change them once, by the gradients that `closure` leaves with them."""


Rule: TypeAlias = Callable[[Iterable[Tensor]], Optimizer]
"""Makes an optimizer for parameters; a class of torch.optim with its settings bound is one."""

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


class Climb(_Descent):
    """Gradient steps whose length is set by a norm of the gradient, image by image."""

    def __init__(
        self, parameters: Iterable[Tensor], length: float, norm: Norm, smoothing: float
    ) -> None:
        super().__init__(parameters)
        self.length = length
        self.norm = norm
        self.smoothing = smoothing

    def move(self, parameter: Tensor, gradient: Tensor) -> None:
        change = normalized(smoothed(gradient, self.smoothing), self.norm)
        parameter.sub_(change, alpha=self.length)


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

    >>> normalised(torch.tensor([[3.0, -1.0]]), "mean_abs")
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


def smoothed(gradient: Tensor, sigma: float) -> Tensor:
    """A gradient plus itself blurred by `sigma` and by twice that: large shapes gain on fine grain.

    Args:
        gradient: (batch, channels, height, width) where sigma isn't 0.
        sigma: in pixels; 0 leaves the gradient as it is.

    Source: after the cascade of Gaussians of A. Gordić's pytorch-deepdream, 2021, and the Laplacian
    pyramid of TensorFlow's DeepDream notebook, 2015.
    """
    if sigma == 0:
        return gradient
    return gradient + gaussian_blur(gradient, sigma) + gaussian_blur(gradient, 2 * sigma)


@taking(step=number(above=0), norm=one_of(*NORMS), smoothing=number(least=0))
def climb(step: float = 1.5 / 255, norm: Norm = "mean_abs", smoothing: float = 0.0) -> Rule:
    """Plain gradient ascent with normalised steps.

    Args:
        step: length of a step, in units of the canvas (pixels: 1 is from black to white).
        norm: what the gradient is divided by; with `none` the step is a plain factor.
        smoothing: of the gradient before, see `smoothed`; for canvases of pixels.

    Returns:
        A rule for `ascend`.

    Raises:
        BadSetting: the step isn't finite and above 0, the smoothing isn't finite and at least 0, or
            there is no such norm.

    Source: Mordvintsev, Olah, Tyka, "DeepDreaming with Caffe" notebook, 2015.
    """
    return functools.partial(Climb, length=step, norm=norm, smoothing=smoothing)


@taking(learning_rate=number(above=0))
def adam(learning_rate: float = 0.05) -> Rule:
    """Adam, the rule of most feature visualization.

    Raises:
        BadSetting: the rate isn't finite and above 0.

    Source: Kingma, Ba, 2014; lucid's default rate.
    """
    return functools.partial(Adam, learning_rate=learning_rate)

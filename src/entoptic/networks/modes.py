"""torch's modes of the caller's, which hold inside whatever is called: left while we work.

Under `torch.inference_mode()` there is no gradient, and nothing made in it can get one; under
`torch.autocast` numbers are rounded as nobody has asked for, see `precision`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ParamSpec, TypeVar, cast

import torch

_P = ParamSpec("_P")
_R = TypeVar("_R")

_CASTING = ("cpu", "cuda")


@contextmanager
def usual_modes() -> Iterator[None]:
    """Leave inference mode and autocast during a `with`; whether gradients are wanted stays."""
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            wanted = torch.is_grad_enabled()
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.set_grad_enabled(wanted))
        for kind in _CASTING:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield


def in_usual_modes(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a function run in `usual_modes`; of a generator each step does, nothing between."""

    @functools.wraps(function)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with usual_modes():
            return function(*args, **kwargs)

    @functools.wraps(function)
    def stepped(*args: _P.args, **kwargs: _P.kwargs) -> Generator[Any, None, None]:
        steps = cast(Generator[Any, None, None], function(*args, **kwargs))
        try:
            while True:
                with usual_modes():
                    try:
                        step = next(steps)
                    except StopIteration:
                        return
                yield step
        finally:
            steps.close()

    generates = inspect.isgeneratorfunction(inspect.unwrap(function))
    return cast(Callable[_P, _R], stepped) if generates else called


def usual(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor that may have a gradient: itself, or a copy if made in inference mode."""
    return tensor.clone() if tensor.is_inference() else tensor

"""Rules for calls of functions, which are watched while they hold."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

from entoptic.networks.gradient_rules.calls import EITHER_WAY, Backward, Call
from entoptic.networks.gradient_rules.rule import GradientRule


class FunctionRule(GradientRule):
    """A rule for all calls of some activations or poolings."""

    holds_on_graphs = True

    @abstractmethod
    def backward(self, call: Call) -> Backward | None:
        """Return the backward of a call; None for the call's own."""

    def applied(self, modules: Mapping[str, nn.Module]) -> AbstractContextManager[Any]:
        return _Watching(self)


class _Watching(TorchFunctionMode):
    """Watches all calls of torch's functions, and gives those that a rule concerns its backward."""

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
        if func in EITHER_WAY and len(args) == 2 and not is_differentiable(args[0]):
            args = args[::-1] if is_differentiable(args[1]) else args
        call = Call(func, args[1:], options)
        backward = self.rule.backward(call)
        if backward is None or not is_differentiable(args[0]):
            return func(*args, **options)
        return _Ruled.apply(args[0], call, backward)


def is_differentiable(x: Any) -> bool:
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

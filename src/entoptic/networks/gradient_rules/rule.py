"""Gradient rules as such, and the time during which they hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from entoptic.checks import taking, whole
from entoptic.layers import Layer

STEPS = whole(0)
"""Numbers of steps for which a rule may hold."""


@taking(steps=STEPS)
@dataclass(frozen=True)
class GradientRule(ABC):
    """A change of how gradients flow back; see `redirected_relu`, `guided` and the others.

    Args:
        steps: of an optimisation, from its start, for which the rule holds; None for all.
    """

    steps: int | None = None

    holds_on_graphs: ClassVar[bool] = False
    """True of rules for activations and pooling alone, whose calls are watched in a graph, too.

    Convolutions and their batch-norms aren't calls there, nor are there modules with addresses.
    """

    def holds(self, step: int) -> bool:
        """Return whether the rule holds in a step, counted from 0."""
        return self.steps is None or step < self.steps

    def bound(self, resolve: Callable[[Layer], Layer]) -> GradientRule:
        """Return the rule for a network's own layers.

        Args:
            resolve: see `Model.resolve`; it raises UnknownLayer where there is no such layer.
        """
        return self

    @abstractmethod
    def applied(self, modules: Mapping[str, nn.Module]) -> AbstractContextManager[Any]:
        """Let it hold for a network, given by its modules' addresses, during a `with`."""


@contextmanager
def applied(rules: Sequence[GradientRule], modules: Mapping[str, nn.Module]) -> Iterator[None]:
    """Let rules hold during a `with`; nothing of them is left after it.

    Where two concern the same function, the first one holds.
    """
    with ExitStack() as stack:
        for rule in reversed(rules):  # the innermost is asked first
            stack.enter_context(rule.applied(modules))
        yield

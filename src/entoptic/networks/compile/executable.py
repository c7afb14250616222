"""Executables: modules that run instead of a network, verified before they first run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import nn

from entoptic.networks.batches import Run
from entoptic.networks.compile.verify import Reference


@dataclass(frozen=True, eq=False)
class Executable:
    """A module that gives a network's targets.

    Args:
        module: the one.
        dtype: the precision that it computes in.
        run: gives the targets' activations for images.
        parts: the parts of the network by address, where targets are captured by hooks; such a
            module is run by one thread at a time. None for a graph.
    """

    module: nn.Module
    dtype: torch.dtype
    run: Run
    parts: Mapping[str, nn.Module] | None = None


Make: TypeAlias = Callable[[torch.dtype], Executable | None]
"""From a precision to what computes in it; None where there is no such thing."""


class Candidate:
    """An executable, as long as nothing shows that it gives something else than the network.

    Args:
        make: makes it, when it is first needed.
        dtype: the precision in which it is made; float32 where that turns out to be too coarse.
    """

    def __init__(self, make: Make, dtype: torch.dtype) -> None:
        self._make, self._dtype = make, dtype
        self._is_made = False
        self._executable: Executable | None = None
        self._verified: set[tuple[bool, bool]] = set()
        self._turn = threading.RLock()

    @property
    def executable(self) -> Executable | None:
        """The executable, verified or not; None where there is none."""
        if not self._is_made:
            with self._turn:
                if not self._is_made:
                    self._executable = self._make(self._dtype)
                    self._is_made = True
        return self._executable

    def verified(
        self, differentiated: bool, is_unfused: bool, reference: Callable[[], Reference]
    ) -> Executable | None:
        """Return the executable if it gives what the network itself gives, compared once.

        Args:
            differentiated: whether gradients will be asked for.
            is_unfused: whether its ReLUs and pools are calls, for rules; a graph then computes
                something else, a copy of the network doesn't.
            reference: gives what the network itself gives, where that is needed.
        """
        executable = self.executable
        is_unfused = is_unfused and executable is not None and executable.parts is None
        if executable is None or (differentiated, is_unfused) in self._verified:
            return executable
        with self._turn:
            if self._executable is not None and (differentiated, is_unfused) not in self._verified:
                self._executable = self._compared(self._executable, reference())
                self._verified |= {(False, is_unfused), (differentiated, is_unfused)}
            return self._executable

    def _compared(self, executable: Executable, reference: Reference) -> Executable | None:
        # Whether it is the same network is seen in float32; reduced precision hides too much.
        exact = executable if executable.dtype == torch.float32 else self._make(torch.float32)
        if exact is None or not reference.agrees(exact.run, exact.dtype):
            return None
        if exact is executable or reference.agrees(executable.run, executable.dtype):
            return executable
        return exact

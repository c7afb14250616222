"""Frozen copies of one network on one device."""

from __future__ import annotations

import threading

import torch
from torch import fx, nn

from entoptic.networks.compile.kernels.linear import FrozenLinear
from entoptic.networks.compile.trace import Tracer, Untraceable, traced
from entoptic.networks.frozen import frozen_copy


class FrozenCopies:
    """Frozen copies of one network on one device, each made when it is needed.

    Args:
        module: the network; it isn't changed.
        device: where the copies are.
    """

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self.plain = frozen_copy(module, device)
        weights = (each.dtype for each in module.parameters() if each.is_floating_point())
        self.dtype = next(weights, None)
        # Held by the thread that makes one, or whose hooks hang on one.
        self.turn = threading.RLock()
        self._fast: dict[torch.dtype, nn.Module] = {}
        self._trace: tuple[Tracer, fx.Graph] | Untraceable | None = None

    def fast(self, dtype: torch.dtype) -> nn.Module:
        """Return the one with the fastest layout and the fastest products in a precision."""
        with self.turn:
            if dtype not in self._fast:
                made = self._laid_out() if dtype == torch.float32 else self._reduced(dtype)
                self._fast[dtype] = made
            return self._fast[dtype]

    def _laid_out(self) -> nn.Module:
        copied = frozen_copy(self.plain, share_buffers=True)
        made = copied.to(memory_format=fastest_layout(self.plain))
        for each in made.modules():
            if type(each) is nn.Linear:
                # The same object, which may stand in several positions.
                each.__class__ = FrozenLinear
        return made

    def _reduced(self, dtype: torch.dtype) -> nn.Module:
        """Return one in lower precision, but for batch-norms: their statistics stay in float32."""
        made = frozen_copy(self.fast(torch.float32), share_buffers=True)
        for each in made.modules():
            if not isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                own = {**each._parameters, **each._buffers}
                for value in own.values():
                    if value is not None and value.is_floating_point():
                        value.data = value.data.to(dtype)
        return made

    def traced(self) -> tuple[Tracer, fx.Graph]:
        """Return the graph of the whole network.

        Raises:
            Untraceable: with the reason.
        """
        with self.turn:
            if self._trace is None:
                try:
                    self._trace = traced(self.plain)
                except Untraceable as error:
                    self._trace = error.with_traceback(None)
        if isinstance(self._trace, Untraceable):
            raise Untraceable(*self._trace.args)
        return self._trace


def fastest_layout(module: nn.Module) -> torch.memory_format:
    """Return channels last for convolutions, which it is fastest for; matrices have no layout."""
    convolves = any(isinstance(each, nn.Conv2d) for each in module.modules())
    return torch.channels_last if convolves else torch.contiguous_format

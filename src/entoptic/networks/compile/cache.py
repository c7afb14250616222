"""A cache of compiled networks, as long as they live and stay the same."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import nn

from entoptic.layers import Layer
from entoptic.networks.compile.compiled import Compilable, Compiled
from entoptic.networks.compile.copies import FrozenCopies
from entoptic.networks.frozen import state

# An optimisation needs one, and one more for its guides.
_COMPILED_AT_MOST = 4

Key: TypeAlias = tuple[FrozenCopies, frozenset[Layer], bool, torch.dtype]
"""The key of a compiled network: its copies, targets, whether exactly, precision."""


@dataclass
class Kept:
    """The cache of one network.

    Args:
        state: of its weights when it was made; what is kept is out of date when they have changed.
        chosen: the precision that `auto` means, by device and targets.
    """

    state: object
    chosen: dict[tuple[str, frozenset[Layer]], torch.dtype] = field(default_factory=dict)
    _copies: dict[str, FrozenCopies] = field(default_factory=dict)
    _compiled: OrderedDict[Key, Compiled] = field(default_factory=OrderedDict)

    def copies(self, module: nn.Module, device: torch.device) -> FrozenCopies:
        """Return the copies on a device."""
        if str(device) not in self._copies:
            self._copies[str(device)] = FrozenCopies(module, device)
        return self._copies[str(device)]

    def compiled(self, key: Key, make: Callable[[], Compiled]) -> Compiled:
        """Return what was compiled before, or else what is compiled now."""
        if key not in self._compiled:
            self._compiled[key] = make()
        self._compiled.move_to_end(key)
        if len(self._compiled) > _COMPILED_AT_MOST:
            self._compiled.popitem(last=False)
        return self._compiled[key]


_kept: weakref.WeakKeyDictionary[Compilable, Kept] = weakref.WeakKeyDictionary()

turn = threading.RLock()
"""Held by the thread that looks into what is kept, and makes what isn't there."""


def kept_of(network: Compilable) -> Kept:
    """Return what is kept of a network as it is now."""
    now = state(network.module)
    kept = _kept.get(network)
    if kept is None or kept.state != now:
        kept = _kept[network] = Kept(now)
    return kept

"""Networks compiled for a set of targets: the one place that knows about speed."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

import torch

from entoptic.checks import precision as a_precision
from entoptic.errors import EntopticError
from entoptic.layers import Layer
from entoptic.networks.compile import cache
from entoptic.networks.compile.compiled import Compilable, Compiled, CompiledEnsemble
from entoptic.networks.compile.copies import FrozenCopies
from entoptic.networks.compile.precision import (
    DTYPES,
    Scores,
    energies,
    fast_dtype,
    keeps_the_look,
)
from entoptic.networks.ensembles import by_member
from entoptic.networks.memory import keep_freed_memory
from entoptic.networks.modes import in_usual_modes
from entoptic.networks.network import IMAGES

# Side of the images on which a precision is tried, where the network takes them.
_TRIAL_SIDE = 96


@runtime_checkable
class CompilableOrEnsemble(Compilable, Protocol):
    """A network, or several as one."""

    @property
    def members(self) -> Mapping[str, Compilable]:
        """The networks of an ensemble by name; a plain network has none."""


@in_usual_modes
def compiled(
    network: CompilableOrEnsemble,
    layers: Collection[Layer],
    device: torch.device,
    *,
    exact: bool = False,
    precision: str = "fp32",
) -> Compiled | CompiledEnsemble:
    """Compile a network for a set of targets on a device.

    The user's module isn't touched: frozen copies are made, which share the weights where they stay
    as they are. What is compiled is kept as long as the network lives and its weights stay the
    same, so that octaves, pictures and jobs share it. On a CPU, memory that a step frees is kept
    for the next one, see `keep_freed_memory`.

    Several threads may compile and run, the same network or others, while networks of the user's
    own run in still others: nothing outside the copies is touched. A network that runs by hooks is
    run by one thread at a time.

    Args:
        network: a Model.
        layers: the targets.
        device: where it runs.
        exact: run the network just as it is, so that every sum is taken in the network's own
            order; otherwise it is what is fastest, and results differ in their last bits.
        precision: what the network computes in: `fp32`, `bf16`, `fp16`; or `auto`, which is the
            reduced precision that the device is fast in, if optimisations score as high in it as in
            `fp32`. A network that gives something else in reduced precision runs in `fp32` whatever
            is asked; `Compiled.precision` says what was chosen.

    Raises:
        BadSetting: there is no such precision.
    """
    wanted = frozenset(layers)
    if not network.members:
        return _compiled(network, wanted, device, exact, precision)
    inner = by_member(network.members, wanted - IMAGES)
    members = {
        name: _compiled(each, frozenset(inner[name]), device, exact, precision)
        for name, each in network.members.items()
        if name in inner
    }
    return CompiledEnsemble(members, wanted & IMAGES)


def compiled_precision(
    network: CompilableOrEnsemble, layers: Collection[Layer], device: torch.device, precision: str
) -> str:
    """Return the precision that `compiled` would choose, for jobs to remember; arguments as there.

    Only `auto` takes time: the device and the network are tried.
    """
    if a_precision("precision", precision) != "auto":
        return precision
    return compiled(network, layers, device, precision=precision).precision.partition(",")[0]


def _compiled(
    network: Compilable, layers: frozenset[Layer], device: torch.device, exact: bool, precision: str
) -> Compiled:
    asked = DTYPES.get(a_precision("precision", precision))
    dtype = torch.float32 if exact else asked
    if device.type == "cpu":
        keep_freed_memory()
    with cache.turn:
        kept = cache.kept_of(network)
        copies = kept.copies(network.module, device)
        if dtype is None:
            key = str(device), layers
            if key not in kept.chosen:
                kept.chosen[key] = _chosen(network, layers, copies, device)
            dtype = kept.chosen[key]
        made = functools.partial(Compiled, network, layers, copies, exact=exact, dtype=dtype)
        return kept.compiled((copies, layers, exact, dtype), made)


def _chosen(
    network: Compilable, layers: frozenset[Layer], copies: FrozenCopies, device: torch.device
) -> torch.dtype:
    """Return the reduced precision that is fast, if it keeps the look; else float32."""
    dtype = fast_dtype(str(device))
    size = _trial_size(network, layers)
    if dtype is None or size is None or not layers - IMAGES:
        return torch.float32
    full, reduced = (
        Compiled(network, layers, copies, exact=False, dtype=each)
        for each in (torch.float32, dtype)
    )

    def scores(run: Compiled) -> Scores:
        return lambda images: energies(
            [value for layer, value in run(images).items() if layer not in IMAGES]
        )

    kept = reduced.precision != "fp32" and keeps_the_look(
        scores(full), scores(reduced), size, str(device)
    )
    # Whether it computes in it at all is seen when it is first run.
    return dtype if kept and reduced.precision != "fp32" else torch.float32


def _trial_size(network: Compilable, layers: frozenset[Layer]) -> tuple[int, int] | None:
    """Return how large images are on which precisions are tried; None if none goes through."""
    if network.preprocess.channels != 3:
        return None
    for size in ((_TRIAL_SIDE, _TRIAL_SIDE), network.preprocess.size):
        try:
            for layer in layers:
                network.info(layer, size)
        except EntopticError:
            continue
        return size
    return None

"""Compiled networks: fused graphs and frozen copies, run as far as the deepest of their targets."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, fx, nn

from entoptic.layers import Layer, LayerInfo
from entoptic.networks import taps
from entoptic.networks.batches import FAILURES, joined, keeps_apart, per_picture
from entoptic.networks.compile.context import Context
from entoptic.networks.compile.copies import FrozenCopies, fastest_layout
from entoptic.networks.compile.executable import Candidate, Executable
from entoptic.networks.compile.graph import fused
from entoptic.networks.compile.kernels.rectifier import unfused
from entoptic.networks.compile.precision import DTYPES
from entoptic.networks.compile.trace import Untraceable
from entoptic.networks.compile.verify import Reference, values_alike
from entoptic.networks.frozen import by_address
from entoptic.networks.gradient_rules import GradientRule, applied
from entoptic.networks.layer_table.tables import Tables
from entoptic.networks.memory import out_of_memory
from entoptic.networks.modes import in_usual_modes
from entoptic.networks.network import IMAGES
from entoptic.networks.preprocess import Preprocess

# Executables are compared with the network on an image of at most this side: what could be wrong of
# them doesn't depend on the size, since a forward pass that looks at sizes can't be traced.
_COMPARED_SIDE = 320


@runtime_checkable
class Compilable(Protocol):
    """A network that can be compiled, with its preprocessing and the addresses of its layers."""

    @property
    def module(self) -> nn.Module:
        """The network."""

    @property
    def preprocess(self) -> Preprocess:
        """Its preprocessing."""

    @property
    def paths(self) -> Mapping[str, str]:
        """Paths of its parts by address."""

    @property
    def tables(self) -> Tables:
        """Its layer tables by the size of images."""

    def info(self, layer: Layer, size: tuple[int, int]) -> LayerInfo:
        """Return the row of one layer; raise an EntopticError where it isn't reached."""


class Compiled:
    """A network compiled for a set of targets: run only as far as the deepest of them.

    Args:
        network: the network; only its copies are run.
        layers: the targets.
        copies: of the network.
        exact: the network is run just as it is.
        dtype: the precision asked for.
    """

    def __init__(
        self,
        network: Compilable,
        layers: frozenset[Layer],
        copies: FrozenCopies,
        *,
        exact: bool,
        dtype: torch.dtype,
    ) -> None:
        self._preprocess, self._paths = network.preprocess, network.paths
        self._tables, self._copies = network.tables, copies
        self._images, self._targets = layers & IMAGES, layers - IMAGES
        self._layout = torch.contiguous_format if exact else fastest_layout(copies.plain)
        self._takes_batches: bool | None = None
        self._itself = self._hooked(copies.plain, torch.float32)
        if copies.dtype != torch.float32:
            dtype = torch.float32  # that is, in its own
        # In order of preference, before the network itself.
        self._candidates = [Candidate(self._graph, dtype), Candidate(self._copy, dtype)]
        if exact or not self._targets:
            self._candidates.clear()

    def executables(self) -> Iterator[Executable]:
        """Yield what is run where it can be, in order of preference; the network itself is last."""
        yield from filter(None, (each.executable for each in self._candidates))
        yield self._itself

    @property
    def graph(self) -> fx.GraphModule | None:
        """The graph that runs while no rule holds; None where the network runs as it is."""
        module = next(self.executables()).module
        return module if isinstance(module, fx.GraphModule) else None

    @property
    def precision(self) -> str:
        """The precision that the network is run in; its own layers give float32 in any case."""
        dtype = next(self.executables()).dtype
        return next(name for name, each in DTYPES.items() if each == dtype)

    @in_usual_modes
    def __call__(self, image: Tensor, rules: Sequence[GradientRule] = ()) -> dict[Layer, Tensor]:
        """Return the targets' activations for images, differentiable in the images.

        `Model.info` says beforehand whether the network can work at their size.

        Args:
            image: (batch, channels, height, width).
            rules: bound to the model; they hold for the gradients of these activations.
        """
        with unfused() if rules else nullcontext():
            executable = self.executable(image, rules)
            with self.alone(executable), applied(rules, executable.parts or {}):
                return self.run(executable, image)

    def executable(self, image: Tensor, rules: Sequence[GradientRule]) -> Executable:
        """Return what is run for images, verified; rules mustn't be applied.

        It is compared with the network itself once, and once more when gradients are first asked
        for, and when rules are.
        """
        differentiated = torch.is_grad_enabled() and image.requires_grad
        reference = functools.cache(functools.partial(self._reference, image, differentiated))
        on_graphs = not rules or all(rule.holds_on_graphs for rule in rules)
        for each in self._candidates[not on_graphs :]:
            executable = each.verified(differentiated, bool(rules), reference)
            if executable is not None:
                return executable
        return self._itself

    def alone(self, executable: Executable) -> AbstractContextManager[object]:
        """Keep other threads' hooks off the executable, during a `with`."""
        return nullcontext() if executable.parts is None else self._copies.turn

    def run(self, executable: Executable, image: Tensor) -> dict[Layer, Tensor]:
        """Return the targets' activations, while rules are applied."""
        found: dict[Layer, Tensor] = {}
        if self._targets:
            fed = self._tables.fitted(image, self._targets)
            if len(fed) > 1 and not self._takes_several(fed):
                found = joined(
                    [_per_image(executable.run(each), 1) for each in torch.split(fed, 1)]
                )
            else:
                found = _per_image(executable.run(fed), len(fed))
        return found | dict.fromkeys(self._images, image)

    def _takes_several(self, image: Tensor) -> bool:
        """Return whether the network may be shown several images at a time; that is tried once."""

        def run(pair: Tensor) -> dict[Layer, Tensor]:
            return _per_image(self._itself.run(pair), len(pair))

        if self._takes_batches is None:
            self._takes_batches = keeps_apart(run, self._compared_part(image), values_alike)
        return self._takes_batches

    def _graph(self, dtype: torch.dtype) -> Executable | None:
        """Return the network as a graph; None where it has none."""
        if self._copies.dtype != torch.float32:
            return None
        layers = sorted(self._targets)
        try:
            tracer, graph = self._copies.traced()
            targets = {layer: self._paths[layer.name] for layer in layers}
            module = fused(tracer, graph, targets, Context(self._preprocess, dtype))
        except Untraceable:
            return None

        def run(image: Tensor) -> dict[Layer, Tensor]:
            values = map(taps.first_tensor, module(image.to(torch.float32)))
            pairs = zip(layers, values, strict=True)
            return {layer: value for layer, value in pairs if value is not None}

        return Executable(module, dtype, run)

    def _copy(self, dtype: torch.dtype) -> Executable:
        return self._hooked(self._copies.fast(dtype), dtype)

    def _hooked(self, module: nn.Module, dtype: torch.dtype) -> Executable:
        """Return a copy of the network whose targets are captured by hooks."""
        parts = by_address(module, self._paths)
        own = self._copies.dtype
        computed = own if dtype == torch.float32 else dtype

        def run(image: Tensor) -> dict[Layer, Tensor]:
            value = self._preprocess(image).to(computed or image.dtype)
            fed = value.contiguous(memory_format=self._layout)
            with self._copies.turn:
                found = taps.run(module, parts, fed, self._targets)
            if computed == own:
                return found
            return {layer: value.float() for layer, value in found.items()}

        return Executable(module, dtype, run, parts)

    def _reference(self, image: Tensor, differentiated: bool) -> Reference:
        """Return what the network itself gives for noise of the size of images, or of a part.

        Of noise no two maxima are equal, and what is found doesn't depend on the images.
        """
        rng = torch.Generator().manual_seed(0)
        size = self._tables.shown(self._targets, (image.shape[-2], image.shape[-1]))
        whole = torch.rand((1, image.shape[1], *size), generator=rng).to(image)
        small = self._compared_part(whole)
        try:
            return Reference(self._itself.run, small, differentiated=differentiated)
        except FAILURES as failure:
            # The network may work at other sizes alone, such as its own.
            if small.shape == whole.shape or out_of_memory(failure):
                raise
            return Reference(self._itself.run, whole, differentiated=differentiated)

    def _compared_part(self, image: Tensor) -> Tensor:
        """Return one image, no larger than comparisons need."""
        part = image[:1, :, :_COMPARED_SIDE, :_COMPARED_SIDE]
        size = part.shape[-2], part.shape[-1]
        return part if self._tables.reaches(self._targets, size) else image[:1]


class CompiledEnsemble:
    """The members of an ensemble that have targets, compiled; the others never run.

    Args:
        members: by name.
        images: the targets that are the image itself.
    """

    def __init__(self, members: Mapping[str, Compiled], images: frozenset[Layer]) -> None:
        self.members = members
        self._images = images

    @property
    def precision(self) -> str:
        """The precisions of the members."""
        return ", ".join(sorted({each.precision for each in self.members.values()}))

    @in_usual_modes
    def __call__(self, image: Tensor, rules: Sequence[GradientRule] = ()) -> dict[Layer, Tensor]:
        """Return the targets' activations, as `Compiled` does; rules name layers as targets do."""
        found = dict.fromkeys(self._images, image)
        with unfused() if rules else nullcontext(), ExitStack() as stack:
            chosen = {name: each.executable(image, rules) for name, each in self.members.items()}
            turns = (each.alone(chosen[name]) for name, each in self.members.items())
            for turn in sorted(turns, key=id):  # as every thread has it
                stack.enter_context(turn)
            parts = {
                f"{name}/{address}": part
                for name, executable in chosen.items()
                for address, part in (executable.parts or {}).items()
            }
            stack.enter_context(applied(rules, parts))
            for name, each in self.members.items():
                for layer, value in each.run(chosen[name], image).items():
                    found[layer.within(name)] = value
        return found


def _per_image(found: Mapping[Layer, Tensor], images: int) -> dict[Layer, Tensor]:
    return {layer: per_picture(value, images) for layer, value in found.items()}

"""A network made ready to climb: the one place that knows about speed."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from entoptic.layers import CANVAS, INPUT, Layer
from entoptic.models import taps
from entoptic.models.frozen import frozen_copy
from entoptic.models.memory import keep_freed_memory
from entoptic.models.model import Model
from entoptic.models.rules import GradientRule, applied


class Prepared:
    """A network that runs only as far as the deepest of its targets, on frozen weights.

    Args:
        model: whose preprocessing and addresses hold.
        layers: the targets.
        module: a copy of the model's module, ready to run.
        layout: of what the module is fed.
    """

    def __init__(
        self,
        model: Model,
        layers: frozenset[Layer],
        module: nn.Module,
        layout: torch.memory_format,
    ) -> None:
        self.preprocess = model.preprocess
        self.pictures = layers & {INPUT, CANVAS}
        self.targets = layers - self.pictures
        self.module = module
        self.layout = layout
        weights = (each.dtype for each in module.parameters() if each.is_floating_point())
        self.dtype = next(weights, None)
        self.modules = model.modules_by_address(module)

    def __call__(self, image: Tensor, rules: Sequence[GradientRule] = ()) -> dict[Layer, Tensor]:
        """The targets' activations for an image, differentiable in the image.

        `Model.info` says beforehand whether the network can work at the image's size.

        Args:
            rules: bound to the model; they hold for the gradients of these activations.
        """
        seen: dict[Layer, Tensor] = {}
        if self.targets:
            value = self.preprocess(image).to(self.dtype or image.dtype)
            value = value.contiguous(memory_format=self.layout)
            with applied(rules, self.modules):
                seen = taps.run(self.module, self.modules, value, self.targets)
        return seen | dict.fromkeys(self.pictures, image)


class Together:
    """The members of an ensemble that have targets, made ready; the others never run.

    Args:
        members: by name.
        pictures: the targets that are the picture itself.
    """

    def __init__(self, members: Mapping[str, Prepared], pictures: frozenset[Layer]) -> None:
        self.members = members
        self.pictures = pictures
        self._modules = {
            f"{name}/{address}": module
            for name, each in members.items()
            for address, module in each.modules.items()
        }

    def __call__(self, image: Tensor, rules: Sequence[GradientRule] = ()) -> dict[Layer, Tensor]:
        """As `Prepared` does; rules name layers as the ensemble does."""
        seen = dict.fromkeys(self.pictures, image)
        with applied(rules, self._modules):
            for name, each in self.members.items():
                seen |= {layer.within(name): value for layer, value in each(image).items()}
        return seen


_copies: weakref.WeakKeyDictionary[Model, dict[tuple[str, bool], nn.Module]] = (
    weakref.WeakKeyDictionary()
)


def prepare(
    model: Model, layers: Collection[Layer], device: torch.device, *, exact: bool = False
) -> Prepared | Together:
    """Make a network ready for a set of targets on a device.

    The user's module isn't touched: a frozen copy is made, once for each device, which shares the
    weights where they stay as they are. It is kept as long as the model lives, so that octaves,
    pictures and jobs share it. On a CPU, memory that a step frees is kept for the next one, see
    `keep_freed_memory`.

    Args:
        exact: leave the memory's layout as it is, so that every sum is taken in the network's own
            order; otherwise it is what is fastest, and results differ in their last bits.
    """
    if model.members:
        pictures = frozenset(layers) & {INPUT, CANVAS}
        named = {model.member(layer)[0] for layer in layers if layer not in pictures}
        return Together(
            {
                name: _prepared(each, _inner(model, name, layers), device, exact)
                for name, each in model.members.items()
                if name in named
            },
            pictures,
        )
    return _prepared(model, frozenset(layers), device, exact)


def _inner(model: Model, name: str, layers: Collection[Layer]) -> frozenset[Layer]:
    """The targets in one member of an ensemble, by its own addresses."""
    found = (model.member(layer) for layer in layers if layer not in (INPUT, CANVAS))
    return frozenset(layer for member, layer in found if member == name)


def _prepared(
    model: Model, layers: frozenset[Layer], device: torch.device, exact: bool
) -> Prepared:
    if device.type == "cpu":
        keep_freed_memory()
    copies = _copies.setdefault(model, {})
    key = (str(device), exact)
    if key not in copies:
        copies[key] = frozen_copy(model.module).to(device)
        if not exact:
            copies[key].to(memory_format=_fastest(copies[key]))
    module = copies[key]
    layout = torch.contiguous_format if exact else _fastest(module)
    return Prepared(model, layers, module, layout)


def _fastest(module: nn.Module) -> torch.memory_format:
    """Convolutions run fastest with the channels innermost; matrices have no such layout."""
    convolves = any(isinstance(each, nn.Conv2d) for each in module.modules())
    return torch.channels_last if convolves else torch.contiguous_format

"""A rule for layers: the gradients at their outputs get the same length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from entoptic.checks import taking
from entoptic.errors import BadSetting
from entoptic.layers import Layer, layer_name
from entoptic.networks.gradient_rules.rule import STEPS, GradientRule
from entoptic.networks.gradient_rules.watching import is_differentiable


@dataclass(frozen=True)
class NormalizedLayers(GradientRule):
    """See `normalized_layers`."""

    layers: tuple[Layer, ...] = ()

    def bound(self, resolve: Callable[[Layer], Layer]) -> GradientRule:
        return replace(self, layers=tuple(map(resolve, self.layers)))

    @contextmanager
    def applied(self, modules: Mapping[str, nn.Module]) -> Iterator[None]:
        with ExitStack() as stack:
            for layer in self.layers:
                handle = modules[layer.name].register_forward_hook(_normalize)
                stack.callback(handle.remove)
            yield


@taking(layers=layer_name, steps=STEPS)
def normalized_layers(*layers: Layer | str, steps: int | None = None) -> GradientRule:
    """Scale the gradient at the output of some layers to length 1 (L2), image by image.

    So several layers (or the branches of one) have equal say in what comes before them. A gradient
    of zero stays zero.

    Args:
        layers: addresses; every call of each is concerned.
        steps: of an optimisation, from its start, for which it holds; None for all.

    Raises:
        BadSetting: no layer, the input of one, a single call of one, or fewer than 0 steps.
        UnknownLayer: by `ascend` and `gradient`, before any work.

    >>> import entoptic as ent
    >>> photo = torch.full((1, 3, 40, 60), 0.5)
    >>> rules = [ent.normalized_layers("fire2")]
    >>> found = ent.gradient(ent.load(), of="fire3", wrt="fire2", at=photo, rules=rules)
    >>> round(float(found.norm()), 4)
    1.0
    """
    parsed = tuple(Layer.parse(layer) for layer in layers)
    if not parsed:
        raise BadSetting("normalized_layers needs at least one layer")
    for layer in parsed:
        if layer != Layer(layer.name) or layer.name == "input":
            raise BadSetting(
                f"normalized_layers takes outputs of whole layers, not {str(layer)!r}; "
                "name a layer without <in> and #"
            )
    return NormalizedLayers(steps, parsed)


def _normalize(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
    """Hook on the tensor itself, which goes when the tensor goes."""
    if is_differentiable(output):
        output.register_hook(_of_length_1)


def _of_length_1(gradient: Tensor) -> Tensor:
    length = _spread(_by_image(gradient).norm(dim=1), gradient)
    return gradient / length.where(length > 0, torch.inf)


def _by_image(values: Tensor) -> Tensor:
    return values.reshape(len(values), -1)


def _spread(numbers: Tensor, like: Tensor) -> Tensor:
    """One number for each image, with the axes of all its positions."""
    return numbers.reshape(-1, *[1] * (like.dim() - 1))

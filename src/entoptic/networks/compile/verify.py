"""Comparison of what is run instead of a network with the network: values and one gradient."""

from __future__ import annotations

import torch
from torch import Tensor

from entoptic.layers import Layer
from entoptic.networks.backward import gradient_of
from entoptic.networks.batches import FAILURES, Run
from entoptic.networks.memory import out_of_memory

# By how much values may differ, relative to their length. Wrong graphs differ by about 1. In 16
# bits EfficientNet-Lite0's logits of noise differ by 0.16, what other networks give by 0.02.
_VALUES, _VALUES_IN_16_BITS = 1e-3, 0.25
# The same of gradients. They differ by more than values do: where rounding turns the sign of what a
# rectifier is fed, or makes another number the largest of its pool, a part of the gradient comes or
# goes as a whole, of which there are few in float32 (measured: 1e-6, with one turned 0.01), more
# where convolutions round to TF32's 10 bits, and in 16 bits so many that up to 0.48 were measured.
# There what differs must have no more energy than what is right, so that the angle between the two
# is at most 45 degrees; whether the gradient is the network's at all is seen in float32.
_GRADIENT, _GRADIENT_ELSEWHERE, _GRADIENT_IN_16_BITS = 0.03, 0.25, 0.5**0.5


class Reference:
    """Values and gradient of the network itself for one image.

    Args:
        run: the network itself.
        image: a batch of one.
        differentiated: whether gradients count.
    """

    def __init__(self, run: Run, image: Tensor, *, differentiated: bool) -> None:
        self._image = image
        self._differentiated = differentiated
        self._weights: dict[Layer, Tensor] = {}
        self._values, self._gradient = self._found(run)

    def agrees(self, run: Run, dtype: torch.dtype) -> bool:
        """Return whether something gives the same but for the rounding of its precision."""
        try:
            values, gradient = self._found(run)
        except FAILURES as failure:
            if out_of_memory(failure):
                raise
            return False
        by_values, by_gradient = self._tolerances(dtype)
        return _alike(gradient, self._gradient, by_gradient) and all(
            _alike(values[layer], value, by_values) for layer, value in self._values.items()
        )

    def _tolerances(self, dtype: torch.dtype) -> tuple[float, float]:
        """Return those of values and of the gradient, where one computes in a precision."""
        if any(each.itemsize < 4 for each in (dtype, *self._dtypes())):
            return _VALUES_IN_16_BITS, _GRADIENT_IN_16_BITS
        elsewhere = self._image.device.type != "cpu"
        return _VALUES, _GRADIENT_ELSEWHERE if elsewhere else _GRADIENT

    def _dtypes(self) -> list[torch.dtype]:
        """Return the precisions of the network's own values."""
        return [each.dtype for each in self._values.values() if each.is_floating_point()]

    def _found(self, run: Run) -> tuple[dict[Layer, Tensor], Tensor | None]:
        """Return values, and the gradient of all of them by the image; None where there is none."""
        with torch.set_grad_enabled(self._differentiated):
            image = self._image.clone().requires_grad_(self._differentiated)
            values = dict(run(image))
        from_picture = [layer for layer in sorted(values) if values[layer].requires_grad]
        gradient = None
        if from_picture:
            gradient = gradient_of(
                [values[layer] for layer in from_picture],
                image,
                [self._weight(layer, values[layer]) for layer in from_picture],
                called=", ".join(repr(str(layer)) for layer in from_picture),
            )
        return {layer: value.detach() for layer, value in values.items()}, gradient

    def _weight(self, layer: Layer, value: Tensor) -> Tensor:
        """Return random weights of a target's numbers; targets count alike, however large."""
        if layer not in self._weights:
            rng = torch.Generator().manual_seed(len(self._weights))
            drawn = torch.randn(value.shape, generator=rng).to(value)
            size = value.detach().norm()
            self._weights[layer] = drawn / size.where(size > 0, 1)
        return self._weights[layer]


def values_alike(ours: Tensor, its: Tensor) -> bool:
    """Return whether two values are the same but for the rounding of their own precision."""
    exact = not its.is_floating_point() or its.dtype.itemsize >= 4
    return _alike(ours, its, _VALUES if exact else _VALUES_IN_16_BITS)


def _alike(ours: Tensor | None, its: Tensor | None, tolerance: float) -> bool:
    if ours is None or its is None:
        return ours is its
    if ours.shape != its.shape:
        return False
    if not (its.is_floating_point() or its.is_complex()):
        return torch.equal(ours, its)
    return bool((ours - its).norm() <= tolerance * its.norm())

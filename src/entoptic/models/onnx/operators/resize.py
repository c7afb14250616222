"""Enlarging and shrinking, with every rule of coordinates that ONNX has."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from entoptic.models.onnx.operators.operation import (
    Node,
    Operation,
    bounded,
    operator,
    whole_numbers,
)

# For places 0, 1, ... of the new axis: where they lie on the old one.
# Arguments: places, old size, new size, scale.
_COORDINATES: dict[str, Callable[[Tensor, int, int, float], Tensor]] = {
    "half_pixel": lambda x, old, new, scale: (x + 0.5) / scale - 0.5,
    "half_pixel_symmetric": lambda x, old, new, scale: _symmetric(x, old, new, scale),
    "pytorch_half_pixel": lambda x, old, new, scale: (
        (x + 0.5) / scale - 0.5 if new > 1 else torch.zeros_like(x)
    ),
    "align_corners": lambda x, old, new, scale: (
        x * (old - 1) / (new - 1) if new > 1 else torch.zeros_like(x)
    ),
    "asymmetric": lambda x, old, new, scale: x / scale,
    "tf_half_pixel_for_nn": lambda x, old, new, scale: (x + 0.5) / scale,
}

_ROUNDINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "round_prefer_floor": lambda x: (x - 0.5).ceil(),
    "round_prefer_ceil": lambda x: (x + 0.5).floor(),
    "floor": torch.floor,
    "ceil": torch.ceil,
}


def _symmetric(x: Tensor, old: int, new: int, scale: float) -> Tensor:
    """Half pixels around the common centre, where the new size was rounded."""
    adjusted = new / (scale * old)
    offset = old / 2 * (1 - adjusted)
    return offset + (x + 0.5) / scale - 0.5


@operator("Resize")
class Resize(Operation):
    """Pictures in another size, axis by axis."""

    settings = frozenset({1, 2, 3})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.mode = node.text("mode", "nearest", ("nearest", "linear", "cubic"))
        old = node.opset < 11  # as TensorFlow 1 did it
        self.coordinates = node.text(
            "coordinate_transformation_mode",
            "asymmetric" if old else "half_pixel",
            tuple(_COORDINATES),
        )
        default = "floor" if old else "round_prefer_floor"
        self.rounding = node.text("nearest_mode", default, tuple(_ROUNDINGS))
        self.cubic = node.number("cubic_coeff_a", -0.75)
        self.only_inside = node.flag("exclude_outside")
        self.axes = node.integers("axes")
        self.scales_first = old  # opset 10 has no region of interest
        node.text("keep_aspect_ratio_policy", "stretch", ("stretch",))
        node.require("antialias", 0)
        node.ignore("extrapolation_value")

    def compute(
        self,
        x: Tensor,
        region: Tensor | None = None,
        scales: Tensor | None = None,
        sizes: Tensor | None = None,
    ) -> Tensor:
        if self.scales_first:
            region, scales = None, region
        axes = list(self.axes) if self.axes is not None else list(range(x.dim()))
        old = [x.shape[axis] for axis in axes]
        if scales is not None and scales.numel():
            factors = [float(scale) for scale in scales.flatten().tolist()]
            new = [math.floor(o * f) for o, f in zip(old, factors, strict=True)]
        elif sizes is not None:
            new = whole_numbers(sizes)
            factors = [n / o for n, o in zip(new, old, strict=True)]
        else:
            raise ValueError("neither scales nor sizes are given")
        return self._resized(x, axes, new, factors)

    def _resized(self, x: Tensor, axes: list[int], new: list[int], factors: list[float]) -> Tensor:
        target = list(x.shape)
        for axis, size in zip(axes, new, strict=True):
            target[axis] = size
        bounded(target)
        for axis, size, factor in zip(axes, new, factors, strict=True):
            if factor != 1 or size != x.shape[axis]:
                x = self._along(x, axis, size, factor)
        return x

    def _along(self, x: Tensor, axis: int, new: int, factor: float) -> Tensor:
        old = x.shape[axis]
        places = torch.arange(new, dtype=torch.float32, device=x.device)
        where = _COORDINATES[self.coordinates](places, old, new, factor)
        if self.mode == "nearest":
            nearest = _ROUNDINGS[self.rounding](where).long().clamp(0, old - 1)
            return x.index_select(axis, nearest)
        first = where.floor()
        weights = self._weights(where - first)
        begin = 0 if self.mode == "linear" else -1
        shape = [1] * x.dim()
        shape[axis] = new
        taps = [first.long() + begin + number for number in range(len(weights))]
        if self.only_inside:
            weights = [
                torch.where((tap >= 0) & (tap < old), weight, 0.0)
                for tap, weight in zip(taps, weights, strict=True)
            ]
            total = sum(weights, torch.zeros_like(where))
            weights = [weight / total for weight in weights]
        parts = (
            x.index_select(axis, tap.clamp(0, old - 1)) * weight.to(x.dtype).reshape(shape)
            for tap, weight in zip(taps, weights, strict=True)
        )
        result = next(parts)
        for part in parts:
            result = result + part
        return result

    def _weights(self, rest: Tensor) -> list[Tensor]:
        """The weights of the neighbours, for places that lie `rest` after a pixel."""
        if self.mode == "linear":
            return [1 - rest, rest]
        return [
            self._cubic(rest + 1),
            self._cubic(rest),
            self._cubic(1 - rest),
            self._cubic(2 - rest),
        ]

    def _cubic(self, distance: Tensor) -> Tensor:
        """Source: Keys, "Cubic convolution interpolation for digital image processing", 1981."""
        a = self.cubic
        near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
        far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
        return torch.where(distance <= 1, near, far)


@operator("Upsample")
class Upsample(Resize):
    """The old name of Resize; its scales are an attribute in opset 7, an input in opset 9."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        if self.mode == "cubic":
            node.refuse("Upsample has no cubic mode")
        self.factors = node.numbers("scales")
        self.coordinates, self.rounding, self.scales_first = "asymmetric", "floor", True

    def compute(
        self,
        x: Tensor,
        region: Tensor | None = None,
        scales: Tensor | None = None,
        sizes: Tensor | None = None,
    ) -> Tensor:
        if self.factors is None:
            return super().compute(x, region)  # its second input are the scales
        new = [math.floor(size * f) for size, f in zip(x.shape, self.factors, strict=True)]
        return self._resized(x, list(range(x.dim())), new, list(self.factors))

"""Enlarging and shrinking, with every rule of coordinates that ONNX has."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from entoptic.formats.onnx.operators.operation import (
    Node,
    Operation,
    bounded,
    operator,
    repeated,
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
_CROP = "tf_crop_and_resize"
_POLICIES = {"not_larger": min, "not_smaller": max}

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


def _cropped(x: Tensor, old: int, new: int, crop: tuple[float, float]) -> Tensor:
    begin, end = crop
    if new == 1:
        return torch.full_like(x, 0.5 * (begin + end) * (old - 1))
    return begin * (old - 1) + x * (end - begin) * (old - 1) / (new - 1)


def _tent(distance: Tensor) -> Tensor:
    return (1 - distance).clamp(min=0)


@operator("Resize")
class Resize(Operation):
    """Pictures in another size, axis by axis."""

    settings = frozenset({1, 2, 3})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        modes = ("nearest", "linear", "cubic", *(("bilinear",) if node.opset < 7 else ()))
        self.mode = node.text("mode", "nearest", modes)
        old = node.opset < 11  # as TensorFlow 1 did it
        self.coordinates = node.text(
            "coordinate_transformation_mode",
            "asymmetric" if old else "half_pixel",
            (*_COORDINATES, _CROP),
        )
        default = "floor" if old else "round_prefer_floor"
        self.rounding = node.text("nearest_mode", default, tuple(_ROUNDINGS))
        self.cubic = node.number("cubic_coeff_a", -0.75)
        self.only_inside = node.flag("exclude_outside")
        self.axes = node.integers("axes")
        self.scales_first = old  # opset 10 has no region of interest
        policy = node.text("keep_aspect_ratio_policy", "stretch", ("stretch", *_POLICIES))
        self.one_scale = _POLICIES.get(policy)
        self.antialias = node.flag("antialias")
        self.outside = node.number("extrapolation_value", 0.0)
        scales = node.constant(2)
        by_scales = node.has(2) and (scales is None or scales.numel() > 0)
        if self.coordinates == _CROP and (by_scales or self.antialias):
            # The standard and onnxruntime contradict each other on the size that comes out.
            node.refuse(f"{_CROP} is imported by sizes, not by scales, and without antialias")

    def compute(
        self,
        x: Tensor,
        region: Tensor | None = None,
        scales: Tensor | None = None,
        sizes: Tensor | None = None,
    ) -> Tensor:
        if self.scales_first:
            region, scales = None, region
        axes = list(range(x.dim()) if self.axes is None else (axis % x.dim() for axis in self.axes))
        old = [x.shape[axis] for axis in axes]
        crops = self._crops(region, len(axes))
        if scales is not None and scales.numel():
            factors = [float(scale) for scale in scales.flatten().tolist()]
            new = [math.floor(size * factor) for size, factor in zip(old, factors, strict=True)]
        elif sizes is not None:
            new = whole_numbers(sizes)
            factors = [n / o for n, o in zip(new, old, strict=True)]
            if self.one_scale is not None:
                factors = [self.one_scale(factors)] * len(old)
                new = [math.floor(o * f + 0.5) for o, f in zip(old, factors, strict=True)]
        else:
            raise ValueError("neither scales nor sizes are given")
        return self._resized(x, axes, new, factors, crops)

    def _crops(self, region: Tensor | None, count: int) -> list[tuple[float, float]]:
        """Where each axis begins and ends, in parts of its length."""
        if self.coordinates != _CROP or region is None or not region.numel():
            return [(0.0, 1.0)] * count
        bounds = [float(bound) for bound in region.flatten().tolist()]
        return list(zip(bounds[:count], bounds[count:], strict=True))

    def _resized(
        self,
        x: Tensor,
        axes: list[int],
        new: list[int],
        factors: list[float],
        crops: list[tuple[float, float]],
    ) -> Tensor:
        target = list(x.shape)
        for axis, size in zip(axes, new, strict=True):
            target[axis] = size
        bounded(target)
        for axis, size, factor, crop in zip(axes, new, factors, crops, strict=True):
            if factor != 1 or size != x.shape[axis] or crop != (0.0, 1.0):
                x = self._along(x, axis, size, factor, crop)
        return x

    def _along(
        self, x: Tensor, axis: int, new: int, factor: float, crop: tuple[float, float]
    ) -> Tensor:
        old = x.shape[axis]
        places = torch.arange(new, dtype=torch.float32, device=x.device)
        if self.coordinates == _CROP:
            where = _cropped(places, old, new, crop)
        else:
            where = _COORDINATES[self.coordinates](places, old, new, factor)
        shape = [1] * x.dim()
        shape[axis] = new
        result = self._sampled(x, axis, where, min(factor, 1.0) if self.antialias else 1.0, shape)
        if self.coordinates == _CROP:
            is_outside = ((where < 0) | (where > old - 1)).reshape(shape)
            result = torch.where(is_outside, self.outside, result)
        return result

    def _sampled(
        self, x: Tensor, axis: int, where: Tensor, scale: float, shape: list[int]
    ) -> Tensor:
        """The pixels at (fractional) places of an axis; `scale` below 1 averages over more."""
        old = x.shape[axis]
        if self.mode == "nearest":
            nearest = _ROUNDINGS[self.rounding](where).long().clamp(0, old - 1)
            return x.index_select(axis, nearest)
        first = where.floor()
        reach = repeated(math.ceil((1 if self.mode == "linear" else 2) / scale))
        taps = [first.long() + number for number in range(1 - reach, 1 + reach)]
        kernel = _tent if self.mode == "linear" else self._cubic
        weights = [kernel(((tap - where) * scale).abs()) for tap in taps]
        if self.only_inside:
            weights = [
                torch.where((tap >= 0) & (tap < old), weight, 0.0)
                for tap, weight in zip(taps, weights, strict=True)
            ]
        if self.only_inside or scale != 1:
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

    def _cubic(self, distance: Tensor) -> Tensor:
        """Source: Keys, "Cubic convolution interpolation for digital image processing", 1981."""
        a = self.cubic
        near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
        far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
        return torch.where(distance <= 1, near, torch.where(distance < 2, far, 0.0))


@operator("Upsample")
class Upsample(Resize):
    """The old name of Resize; its scales are an attribute in opset 7, an input in opset 9."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        if self.mode == "cubic":
            node.refuse("Upsample has no cubic mode")
        self.factors = node.numbers("scales")
        if node.opset < 7:
            self.mode = "linear" if node.text("mode", "nearest") == "bilinear" else "nearest"
            self.factors = (1.0, 1.0, node.number("height_scale", 1), node.number("width_scale", 1))
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
        whole = [(0.0, 1.0)] * x.dim()
        return self._resized(x, list(range(x.dim())), new, list(self.factors), whole)

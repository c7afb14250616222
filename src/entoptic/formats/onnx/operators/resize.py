"""Enlarging and shrinking, with every rule of coordinates that ONNX has."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor, nn

from entoptic.formats.onnx.operators.operation import (
    Node,
    bounded,
    operation,
    operator,
    repeated,
    whole_numbers,
)

# For positions 0, 1, ... of the new axis: where they lie on the old one.
# Arguments: positions, old size, new size, scale.
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
    """Lay half pixels around the common center, where the new size was rounded."""
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


@dataclass(frozen=True)
class Sampling:
    """The rule by which an axis is resized.

    Args:
        mode: `nearest`, `linear` or `cubic`.
        coordinates: the rule of where a new position lies on the old axis.
        rounding: of coordinates, for `nearest`.
        cubic: the coefficient of Keys' kernel.
        only_inside: pixels beyond the edge have no weight.
        antialias: average over more pixels where the picture shrinks.
        outside: the number beyond the region of interest.
    """

    mode: str
    coordinates: str
    rounding: str
    cubic: float = -0.75
    only_inside: bool = False
    antialias: bool = False
    outside: float = 0.0

    @staticmethod
    def read(node: Node) -> Sampling:
        modes = ("nearest", "linear", "cubic", *(("bilinear",) if node.opset < 7 else ()))
        old = node.opset < 11  # as TensorFlow 1 did it
        return Sampling(
            node.text("mode", "nearest", modes),
            node.text(
                "coordinate_transformation_mode",
                "asymmetric" if old else "half_pixel",
                (*_COORDINATES, _CROP),
            ),
            node.text("nearest_mode", "floor" if old else "round_prefer_floor", tuple(_ROUNDINGS)),
            node.number("cubic_coeff_a", -0.75),
            node.flag("exclude_outside", False),
            node.flag("antialias", False),
            node.number("extrapolation_value", 0.0),
        )

    def along(
        self, x: Tensor, axis: int, new: int, factor: float, crop: tuple[float, float]
    ) -> Tensor:
        """Return a tensor with one axis in another length."""
        old = x.shape[axis]
        positions = torch.arange(new, dtype=torch.float32, device=x.device)
        if self.coordinates == _CROP:
            where = _cropped(positions, old, new, crop)
        else:
            where = _COORDINATES[self.coordinates](positions, old, new, factor)
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
        """Return the pixels at fractional positions; `scale` below 1 averages over more."""
        old = x.shape[axis]
        if self.mode == "nearest":
            nearest = _ROUNDINGS[self.rounding](where).long().clamp(0, old - 1)
            return x.index_select(axis, nearest)
        first = where.floor()
        reach = repeated(math.ceil((1 if self.mode == "linear" else 2) / scale))
        taps = [first.long() + number for number in range(1 - reach, 1 + reach)]
        kernel = _tent if self.mode == "linear" else self._keys
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
        return reduce(torch.add, parts)

    def _keys(self, distance: Tensor) -> Tensor:
        """Source: Keys, "Cubic convolution interpolation for digital image processing", 1981."""
        a = self.cubic
        near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
        far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
        return torch.where(distance <= 1, near, torch.where(distance < 2, far, 0.0))


@operator("Resize")
def resize(node: Node) -> nn.Module:
    """Make a change of size; scales of a region of interest are refused."""
    sampling, scales = Sampling.read(node), node.constant(2)
    by_scales = node.has_input(2) and (scales is None or scales.numel() > 0)
    if sampling.coordinates == _CROP and (by_scales or sampling.antialias):
        # The standard and onnxruntime contradict each other on the size that comes out.
        node.refuse(f"{_CROP} is imported by sizes, not by scales, and without antialias")
    policy = node.text("keep_aspect_ratio_policy", "stretch", ("stretch", *_POLICIES))
    return resized(node, sampling=sampling, policy=policy)


@operation(kind="Resize", settings=(1, 2, 3))
def resized(
    x: Tensor,
    region: Tensor | None = None,
    scales: Tensor | None = None,
    sizes: Tensor | None = None,
    *,
    sampling: Sampling,
    policy: str,
    axes: tuple[int, ...] | None = None,
    opset: int,
) -> Tensor:
    """Pictures in another size, axis by axis."""
    if opset < 11:  # no region of interest
        region, scales = None, region
    along = list(range(x.dim()) if axes is None else (axis % x.dim() for axis in axes))
    old = [x.shape[axis] for axis in along]
    crops = [(0.0, 1.0)] * len(along)
    if sampling.coordinates == _CROP and region is not None and region.numel():
        bounds = [float(bound) for bound in region.flatten().tolist()]
        crops = list(zip(bounds[: len(along)], bounds[len(along) :], strict=True))
    if scales is not None and scales.numel():
        factors = [float(scale) for scale in scales.flatten().tolist()]
        new = [math.floor(size * factor) for size, factor in zip(old, factors, strict=True)]
    elif sizes is not None:
        new = whole_numbers(sizes)
        factors = [n / o for n, o in zip(new, old, strict=True)]
        if policy in _POLICIES:
            factors = [_POLICIES[policy](factors)] * len(old)
            new = [math.floor(o * f + 0.5) for o, f in zip(old, factors, strict=True)]
    else:
        raise ValueError("neither scales nor sizes are given")
    return _in_size(x, sampling, along, new, factors, crops)


def _in_size(
    x: Tensor,
    sampling: Sampling,
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
            x = sampling.along(x, axis, size, factor, crop)
    return x


@operator("Upsample")
def upsample(node: Node) -> nn.Module:
    """Make what is called Resize since opset 10; its scales are an attribute until opset 7."""
    modes = ("nearest", "linear", *(("bilinear",) if node.opset < 7 else ()))
    mode = node.text("mode", "nearest", modes).replace("bilinear", "linear")
    factors = node.numbers("scales", None)
    if node.opset < 7:
        sides = node.number("height_scale", 1.0), node.number("width_scale", 1.0)
        factors = (1.0, 1.0, *sides)
    return upsampled(node, sampling=Sampling(mode, "asymmetric", "floor"), factors=factors)


@operation(kind="Upsample", settings=[1])
def upsampled(
    x: Tensor,
    scales: Tensor | None = None,
    *,
    sampling: Sampling,
    factors: tuple[float, ...] | None,
) -> Tensor:
    """Pictures enlarged, axis by axis."""
    if scales is not None:
        factors = tuple(float(scale) for scale in scales.flatten().tolist())
    if factors is None:
        raise ValueError("no scales are given")
    new = [math.floor(size * factor) for size, factor in zip(x.shape, factors, strict=True)]
    crops = [(0.0, 1.0)] * x.dim()
    return _in_size(x, sampling, list(range(x.dim())), new, list(factors), crops)

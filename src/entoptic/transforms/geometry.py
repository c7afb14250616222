"""Geometric transforms: scale, turn, shear and shift, all by one resampling."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final, get_args

import torch
from torch import Tensor
from torch.nn import functional

from entoptic.checks import flag, number, one_of, pair, whole
from entoptic.errors import BadSetting
from entoptic.transforms.base import Range, chosen, span, transform, uniform
from entoptic.transforms.sampling import Border, sampled
from entoptic.types import Planes

BORDERS: tuple[str, ...] = get_args(Border)

_PART = number(least=0, most=1)
_SHIFT = whole(-1_000_000, 1_000_000)
_WARPED = {"border": one_of(*BORDERS), "value": _PART, "shared": flag, "around": whole(0)}


@transform(pixels=whole(0), mode=one_of(*BORDERS), value=_PART)
@dataclass(frozen=True)
class Pad:
    """Grow the picture on all four sides.

    Args:
        pixels: on each side.
        mode: what is there: the picture mirrored, its edge repeated, `value`, or the picture once
            more (`circular`; `circular_columns` to the left and right only).
        value: of a constant border; 0.5 is grey.

    Raises:
        BadSetting: a negative number of pixels, an unknown mode, a value outside [0, 1]; when it is
            called, a picture too small to be mirrored so far.

    Source: lucid.optvis.transform.pad, 2018.

    >>> Pad(2, "constant")(torch.ones(1, 3, 4, 5), torch.Generator()).shape
    torch.Size([1, 3, 8, 9])
    """

    pixels: int
    mode: Border = "reflect"
    value: float = 0.5

    def __call__(self, image: Planes, rng: torch.Generator) -> Tensor:
        height, width = image.shape[-2:]
        if self.mode == "reflect" and self.pixels >= min(height, width):
            raise BadSetting(
                f"a picture of {height}x{width} can't be mirrored over {self.pixels} pixels; "
                "pad by less, or by mode 'replicate'"
            )
        if self.mode in ("circular", "circular_columns"):
            down, across = (
                torch.arange(-pixels, length + pixels, device=image.device).remainder(length)
                for length, pixels in zip(
                    (height, width), _beyond(self.mode, self.pixels), strict=True
                )
            )
            return image[:, :, down][..., across]
        sides = [self.pixels] * 4
        if self.mode == "constant":
            return functional.pad(image, sides, value=self.value)
        return functional.pad(image, sides, mode=self.mode)


@transform(horizontal=_PART, vertical=_PART)
@dataclass(frozen=True)
class Flip:
    """Mirror images of the batch, each with a draw of its own.

    Args:
        horizontal: how probably left and right change positions.
        vertical: how probably top and bottom do.

    Raises:
        BadSetting: a probability outside 0 to 1.

    >>> Flip(1)(torch.tensor([0.0, 1.0]).expand(1, 3, 1, 2), torch.Generator())[0, 0]
    tensor([[1., 0.]])
    """

    horizontal: float = 0.5
    vertical: float = 0.0

    def __call__(self, image: Planes, rng: torch.Generator) -> Planes:
        for axis, probability in ((3, self.horizontal), (2, self.vertical)):
            if probability:
                flipped = chosen(probability, len(image), rng)
                flipped = flipped.to(image.device, non_blocking=True)
                image = torch.where(flipped, image.flip(axis), image)
        return image


@dataclass(frozen=True, kw_only=True)
class Warp(ABC):
    """A change of position by a random matrix about the middle, sampled bilinearly; keeps the size.

    Args:
        border: what comes into view from outside: the picture mirrored, its edge repeated, `value`,
            or the picture once more (`circular`; `circular_columns` to the left and right, and
            mirrored above and below).
        value: of a constant border; 0.5 is grey.
        shared: whether all images of a batch share one draw, which takes a CPU a third of the time.
        around: pixels that come into view on each side, by which the image then grows; above and
            below none of them where only columns are circular.
    """

    border: Border = "reflect"
    value: float = 0.5
    shared: bool = False
    around: int = 0

    @abstractmethod
    def matrices(self, count: int, rng: torch.Generator) -> Tensor:
        """Random matrices from positions (x, y, 1) of the new picture to positions of the old.

        Positions are in pixels from the middle, x to the right and y down.

        Returns:
            (count, 3, 3), float64, on the CPU.
        """

    def __call__(self, image: Planes, rng: torch.Generator) -> Tensor:
        matrices = self.matrices(1 if self.shared else len(image), rng)
        return _warped(image, matrices, self)


@final
@transform(low=number(above=0), high=number(above=0), **_WARPED)
@dataclass(frozen=True)
class Scale(Warp):
    """Zoom about the middle, by a factor drawn uniformly from low..high; above 1 things grow.

    Args:
        low: smallest factor.
        high: largest factor.

    Raises:
        BadSetting: a factor that isn't above 0 and finite, low above high.

    >>> Scale(0.9, 1.1)(torch.ones(2, 3, 4, 6), torch.Generator()).shape
    torch.Size([2, 3, 4, 6])
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise BadSetting(f"a scale from {self.low} to {self.high}; low before high")

    def matrices(self, count: int, rng: torch.Generator) -> Tensor:
        return _scaled(uniform((self.low, self.high), (count,), rng))


@final
@transform(angle_deg=span(number()), **_WARPED)
@dataclass(frozen=True)
class Rotate(Warp):
    """Turn about the middle, counter-clockwise for angles above 0.

    Args:
        angle_deg: the range of angles: a for -a..a, or (low, high).

    Raises:
        BadSetting: an angle that isn't finite, a negative a, low above high.

    >>> Rotate(10)(torch.ones(2, 3, 4, 6), torch.Generator()).shape
    torch.Size([2, 3, 4, 6])
    """

    angle_deg: Range

    def matrices(self, count: int, rng: torch.Generator) -> Tensor:
        return _turned(uniform(self.angle_deg, (count,), rng))


@final
@transform(angle_deg=span(number(), most=90), **_WARPED)
@dataclass(frozen=True)
class Shear(Warp):
    """Lean to a side: rows shift against each other, so that uprights lean by an angle.

    Args:
        angle_deg: the range of angles: a for -a..a, or (low, high); above 0 the top leans right.

    Raises:
        BadSetting: an angle that isn't finite, a negative a, low above high, 90 degrees or more.

    >>> Shear(5)(torch.ones(2, 3, 4, 6), torch.Generator()).shape
    torch.Size([2, 3, 4, 6])
    """

    angle_deg: Range

    def matrices(self, count: int, rng: torch.Generator) -> Tensor:
        found = _still(count)
        found[:, 0, 1] = uniform(self.angle_deg, (count,), rng).deg2rad().tan()
        return found


@final
@transform(pixels=span(_SHIFT), **_WARPED)
@dataclass(frozen=True)
class Translate(Warp):
    """Shift by whole pixels; unlike `Jitter`, nothing wraps around, and each image moves by itself.

    Args:
        pixels: the range of shifts down and to the right: a for -a..a, or (low, high).

    Raises:
        BadSetting: a negative a, low above high.

    Source: stands for the random crop of a padded picture that lucid calls jitter.

    >>> Translate(3)(torch.ones(2, 3, 4, 6), torch.Generator()).shape
    torch.Size([2, 3, 4, 6])
    """

    pixels: int | tuple[int, int]

    def matrices(self, count: int, rng: torch.Generator) -> Tensor:
        low, high = self.pixels if isinstance(self.pixels, tuple) else (-self.pixels, self.pixels)
        found = _still(count)
        found[:, :2, 2] = -torch.randint(low, high + 1, (count, 2), generator=rng).double()
        return found


@final
@transform(
    scale=pair(number(above=0), "(low, high)"),
    angle_deg=span(number()),
    shear_deg=span(number(), most=90),
    shift=span(_SHIFT),
    margin=whole(0),
    **_WARPED,
)
@dataclass(frozen=True)
class Affine(Warp):
    """Scale, shear, turn and shift, in this order, by one resampling instead of four.

    Args:
        scale: the range (low, high) of factors, as in `Scale`.
        angle_deg: the range of angles, as in `Rotate`.
        shear_deg: the range of angles, as in `Shear`.
        shift: the range of shifts in pixels, as in `Translate`.
        margin: how much of the border comes into view on each side, in pixels; the picture shrinks
            a little to make room, so that its size, and what the network is fed, stay the same.

    Raises:
        BadSetting: a setting out of its range.

    >>> Affine(scale=(0.9, 1.1), angle_deg=10)(torch.ones(2, 3, 4, 6), torch.Generator()).shape
    torch.Size([2, 3, 4, 6])
    """

    scale: tuple[float, float] = (1.0, 1.0)
    angle_deg: Range = 0.0
    shear_deg: Range = 0.0
    shift: int | tuple[int, int] = 0
    margin: int = 0

    @functools.cached_property
    def parts(self) -> list[Warp]:
        """The same one after the other: the transforms that are fused, without those at rest."""
        parts: tuple[tuple[Warp, bool], ...] = (
            (Scale(*self.scale), self.scale != (1, 1)),
            (Shear(self.shear_deg), self.shear_deg != 0),
            (Rotate(self.angle_deg), self.angle_deg != 0),
            (Translate(self.shift), self.shift != 0),
        )
        return [
            replace(part, border=self.border, value=self.value, shared=self.shared)
            for part, moves in parts
            if moves
        ]

    def matrices(self, count: int, rng: torch.Generator) -> Tensor:
        drawn = [part.matrices(count, rng) for part in self.parts]
        # Positions go from the last picture back to the first: the first transform's matrix last.
        return functools.reduce(torch.matmul, drawn, _still(count))

    def __call__(self, image: Planes, rng: torch.Generator) -> Tensor:
        matrices = self.matrices(1 if self.shared else len(image), rng)
        return _warped(image, matrices, self, self.margin)


# What lucid's two crops, of 8 and of 4 pixels, shift a picture by.
_CROPS = Translate(4), Translate(2)


@final
@transform(margin=whole(0), **_WARPED)
@dataclass(frozen=True)
class LucidMoves(Warp):
    """Lucid's standard transforms by one resampling: crop, scale, turn, crop; see `LUCID`.

    Args:
        margin: as of `Affine`: of the padded pixels those that two crops leave in view.

    Source: lucid.optvis.transform.standard_transforms, 2018.
    """

    border: Border = "constant"
    margin: int = 6

    def matrices(self, count: int, rng: torch.Generator) -> Tensor:
        # A crop that takes d pixels away, at a position drawn evenly, shifts by up to d / 2.
        first = _CROPS[0].matrices(count, rng)
        scaled = _scaled(_drawn([1 + (number - 5) / 50 for number in range(11)], count, rng))
        turned = _turned(_drawn([*range(-10, 11), *5 * [0]], count, rng))
        last = _CROPS[1].matrices(count, rng)
        # Positions go from the last picture back to the first: the first transform's matrix last.
        return first @ scaled @ turned @ last

    def __call__(self, image: Planes, rng: torch.Generator) -> Tensor:
        matrices = self.matrices(1 if self.shared else len(image), rng)
        return _warped(image, matrices, self, self.margin)


def _drawn(choices: Sequence[float], count: int, rng: torch.Generator) -> Tensor:
    """Numbers out of a list, each position of it as probable."""
    places = torch.randint(len(choices), (count,), generator=rng)
    return torch.tensor(choices, dtype=torch.float64)[places]


def _still(count: int) -> Tensor:
    return torch.eye(3, dtype=torch.float64).repeat(count, 1, 1)


def _scaled(factors: Tensor) -> Tensor:
    found = _still(len(factors))
    found[:, 0, 0] = found[:, 1, 1] = 1 / factors
    return found


def _turned(angles_deg: Tensor) -> Tensor:
    angles, found = angles_deg.deg2rad(), _still(len(angles_deg))
    found[:, 0, 0] = found[:, 1, 1] = angles.cos()
    found[:, 1, 0] = angles.sin()
    found[:, 0, 1] = -angles.sin()
    return found


def _warped(image: Planes, matrices: Tensor, how: Warp, margin: int = 0) -> Tensor:
    """Return the picture sampled where `matrices` send the positions of the new one."""
    around = _beyond(how.border, how.around)
    if margin == 0 and not any(around) and torch.equal(matrices, _still(len(matrices))):
        return image
    height, width = image.shape[-2:]
    wider = torch.tensor(
        [(width + 2 * margin) / width, (height + 2 * margin) / height, 1.0], dtype=torch.float64
    )
    if how.border != "constant":
        return sampled(image, matrices * wider, how.border, around)
    return sampled(image - how.value, matrices * wider, how.border, around) + how.value


def _beyond(border: Border, pixels: int) -> tuple[int, int]:
    """How many rows and columns beyond the picture's edges come into view."""
    return (0 if border == "circular_columns" else pixels), pixels

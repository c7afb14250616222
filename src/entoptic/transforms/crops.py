"""One picture, looked at in many positions at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from entoptic.checks import count, flag, number, pair, side
from entoptic.errors import BadSetting
from entoptic.transforms.base import moved, normal, transform, uniform
from entoptic.types import Planes

# Of the largest window that fits: smaller crops of a usual picture are but a few pixels.
_SMALLEST = 0.05


@transform(
    count=count,
    side=pair(number(), "(mean, deviation), or (low, high)"),
    uniform=flag,
    size=pair(side, "(height, width)"),
)
@dataclass(frozen=True)
class RandomCrops:
    """Every image becomes `count` crops of it, of random sizes at random positions, all inside it.

    The crops have the proportions of what they are resized to, so that nothing is distorted. The
    batch is repeated: its first crops, then its second, and so on, each with a draw of its own.

    Args:
        count: crops per image.
        side: of a crop, as a part of the largest that fits into the picture: its mean and standard
            deviation, kept within 0.05..1.
        uniform: draw the side uniformly instead; then `side` is the lowest and the highest.
        size: (height, width) that the crops are resized to; by default the picture's own.

    Raises:
        BadSetting: less than one crop, a side outside its range, an empty size.

    Source: Fel et al., "Unlocking feature visualization for deeper networks with MAgnitude
    Constrained Optimization", 2023.

    >>> RandomCrops(4, size=(8, 8))(torch.ones(2, 3, 20, 30), torch.Generator()).shape
    torch.Size([8, 3, 8, 8])
    """

    count: int = 32
    side: tuple[float, float] = (0.25, 0.1)
    uniform: bool = False
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        first, second = self.side
        if self.uniform and not 0 < first <= second <= 1:
            raise BadSetting(f"a crop's side from {first} to {second}; above 0, at most 1")
        if not self.uniform and not (0 < first <= 1 and second >= 0):
            raise BadSetting(
                f"a crop's side of mean {first} and deviation {second}; "
                "the mean is above 0 and at most 1, the deviation not negative"
            )

    def __call__(self, image: Planes, rng: torch.Generator) -> Tensor:
        channels, rows, columns = image.shape[1:]
        height, width = self.size or (rows, columns)
        largest = min(rows / height, columns / width)
        side = self._sides(len(image) * self.count, rng)
        box = side[:, None] * largest * torch.tensor([width, height], dtype=torch.float64)
        part = box / torch.tensor([columns, rows], dtype=torch.float64)
        middle = (1 - part) * uniform(1.0, tuple(part.shape), rng)
        # Where most crops shrink, several samples make a pixel, or fine grain would be lost.
        samples = max(1, math.ceil(largest * float(side.mean()) - 0.01))
        sampled = (height * samples, width * samples)
        places = moved(_places(part, middle), image)
        grid = functional.affine_grid(places, [len(places), 1, *sampled], align_corners=False)
        # The crops of an image are sampled as one tall picture, so that it need not be repeated.
        grid = grid.reshape(len(image), -1, sampled[1], 2)
        tall = functional.grid_sample(image, grid, "bilinear", "border", align_corners=False)
        if samples > 1:
            tall = functional.avg_pool2d(tall, samples)
        crops = tall.reshape(len(image), channels, self.count, height, width)
        return crops.permute(2, 0, 1, 3, 4).reshape(-1, channels, height, width)

    def _sides(self, count: int, rng: torch.Generator) -> Tensor:
        first, second = self.side
        if self.uniform:
            return uniform((first, second), (count,), rng)
        return (first + normal(second, (count,), rng)).clamp(_SMALLEST, 1)


def _places(size: Tensor, middle: Tensor) -> Tensor:
    """Matrices of boxes of (x, y) parts of the picture, whose middles are in -1..1."""
    found = torch.zeros(len(size), 2, 3, dtype=torch.float64)
    found[:, 0, 0], found[:, 1, 1] = size.unbind(1)
    found[:, :, 2] = middle
    return found

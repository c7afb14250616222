"""A canvas of layers from coarse to fine, each adding the detail that the coarser one lacks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

import torch
from torch import Tensor, nn

from entoptic.canvas.base import Canvas, canvas
from entoptic.canvas.noise import in_range, noise
from entoptic.checks import count, flag, number, seed, side, taking
from entoptic.images import PictureLike, image_of
from entoptic.images.color import from_image, to_image
from entoptic.images.resize import resize
from entoptic.types import Image

# The coarsest layer's longer side, in pixels, is at most this.
_COARSEST = 8


@canvas(wraps=False)
@final
class Laplacian(Canvas):
    """A Laplacian pyramid: layers of half the size each, enlarged and summed; then a sigmoid.

    Args:
        height: in pixels.
        width: in pixels.
        batch: how many pictures.
        seed: of the start.
        sd: standard deviation of every layer at the start.
        decorrelated: whether colours have natural images' axes, or are red, green and blue.

    Raises:
        BadSetting: an empty size, a deviation that isn't finite or is negative.

    Source: Burt, Adelson, "The Laplacian Pyramid as a Compact Image Code", 1983.

    >>> [tuple(layer.shape[-2:]) for layer in Laplacian(20, 30).layers]
    [(20, 30), (10, 15), (5, 8)]
    """

    @taking(height=side, width=side, batch=count, seed=seed, sd=number(least=0), decorrelated=flag)
    def __init__(
        self,
        height: int,
        width: int,
        *,
        batch: int = 1,
        seed: int = 0,
        sd: float = 0.01,
        decorrelated: bool = True,
    ) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.decorrelated = decorrelated
        self._set(noise((batch, 3, *size), sd=sd, seed=rng) for size in _sizes(height, width))

    @classmethod
    @taking(decorrelated=flag)
    def of(cls, image: PictureLike, *, decorrelated: bool = True) -> Laplacian:
        """Make a canvas that begins as a given picture, exact to half of an 8-bit level.

        Args:
            image: (batch, 3, height, width), sRGB in [0, 1], and the canvas is where it is, and as
                precise; or a picture in any other form, see `picture_of`.
            decorrelated: as of the class.

        Raises:
            BadPicture: the picture has values that aren't finite, or outside [0, 1].
        """
        return cls._with(
            from_image(in_range(image_of(image)), decorrelated=decorrelated), decorrelated
        )

    @classmethod
    def _with(cls, values: Tensor, decorrelated: bool) -> Laplacian:
        height, width = values.shape[-2:]
        made = cls(height, width, decorrelated=decorrelated)
        made._set(_pyramid(values))
        return made

    def _set(self, layers: Iterable[Tensor]) -> None:
        self.layers = nn.ParameterList(nn.Parameter(layer) for layer in layers)

    def values(self) -> Tensor:
        """The picture before the sigmoid, (batch, 3, height, width), and before its colours."""
        finer, *coarser = list(self.layers)[::-1]
        values: Tensor = finer
        for layer in coarser:
            values = layer + resize(values, *layer.shape[-2:])
        return values

    def forward(self) -> Image:
        return to_image(self.values(), decorrelated=self.decorrelated)

    @torch.no_grad()
    @taking(height=side, width=side)
    def resized(self, height: int, width: int) -> Laplacian:
        return Laplacian._with(resize(self.values(), height, width), self.decorrelated)


def _sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Finest first."""
    sizes = [(height, width)]
    while max(sizes[-1]) > _COARSEST:
        rows, columns = sizes[-1]
        sizes.append((-(-rows // 2), -(-columns // 2)))
    return sizes


def _pyramid(values: Tensor) -> list[Tensor]:
    """Detail that each size adds to the next smaller one, finest first."""
    layers = []
    for size in _sizes(*values.shape[-2:])[1:]:
        smaller = resize(values, *size)
        layers.append(values - resize(smaller, *values.shape[-2:]))
        values = smaller
    return [*layers, values.clone()]

"""What canvases of waves share: the coefficients, and the way from them to a picture."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from entoptic.canvas.base import Canvas
from entoptic.canvas.noise import in_range, noise
from entoptic.errors import BadSetting
from entoptic.images import PictureLike, fourier, image_of
from entoptic.images.color import from_image, to_image
from entoptic.types import Planes

CONTRAST = 0.25
"""Lucid divides the picture by 4 before the sigmoid, so that its start is low in contrast."""

_Same = TypeVar("_Same", bound="Waves")


class Waves(Canvas):
    """Waves times sizes of their own, and a sigmoid that keeps the picture in [0, 1].

    Args:
        size: (height, width) in pixels.
        scale: sizes of the waves, (height, width // 2 + 1), or (channels, ...) of them.
        batch: how many pictures.
        channels: of each.
        sd: standard deviation of the coefficients at the start.
        seed: of the start.
        decorrelated: whether colors have natural images' axes, or are red, green and blue.

    Raises:
        BadSetting: decorrelated colors of other channels than 3.
    """

    scale: Tensor

    def __init__(
        self,
        size: tuple[int, int],
        scale: Tensor,
        *,
        batch: int,
        channels: int,
        sd: float,
        seed: int,
        decorrelated: bool,
    ) -> None:
        super().__init__()
        if decorrelated and channels != 3:
            raise BadSetting(
                f"only 3 channels are colours, not {channels}; set decorrelated to False"
            )
        self.size = size
        self.decorrelated = decorrelated
        # For both parts of a wave: a product of equal shapes takes a sixth of the time.
        both = scale.float()[..., None].expand(*scale.shape, 2).contiguous()
        self.register_buffer("scale", both, persistent=False)
        shape = (batch, channels, *both.shape[-3:])
        self.coefficients = nn.Parameter(noise(shape, sd=sd, seed=seed))

    @classmethod
    def _with(cls: type[_Same], values: Tensor, decorrelated: bool, **own: Any) -> _Same:
        """Return a canvas of given values before the sigmoid, with settings of its class."""
        batch, channels, height, width = values.shape
        how = {"batch": batch, "channels": channels, "decorrelated": decorrelated, **own}
        made = cls(height, width, sd=0, **how).to(values)  # type: ignore[arg-type]
        waves = torch.view_as_real(fourier.to_spectrum(values))
        made.coefficients = nn.Parameter(waves / made.scale)
        return made

    def values(self) -> Tensor:
        """The picture before the sigmoid, (batch, 3, height, width), and before its colors."""
        waves = torch.view_as_complex(self.coefficients * self.scale)
        return fourier.from_spectrum(waves, *self.size)

    def forward(self) -> Planes:
        return to_image(self.values(), decorrelated=self.decorrelated)


def values_of(image: PictureLike, decorrelated: bool) -> Tensor:
    """Return the values of which the sigmoid makes a picture, to half of an 8-bit level.

    Raises:
        BadPicture: the picture has values that aren't finite, or outside [0, 1].
    """
    return from_image(in_range(image_of(image)), decorrelated=decorrelated)

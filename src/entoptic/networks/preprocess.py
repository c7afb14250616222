"""Preprocessing: from sRGB in [0, 1] to what a network is fed."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from entoptic.checks import count, flag, number, one_of, pair, several, taking
from entoptic.errors import BadSetting
from entoptic.images.color import luma

_NUMBERS = several(number(), "numbers")
_SIZE = pair(count, "(height, width)")


GUESS = "the preprocessing is a guess"
"""With which each note of a guess begins."""

Normalize: TypeAlias = (
    tuple[float | Sequence[float], float | Sequence[float]] | Literal["guess"] | None
)
"""Mean and standard deviation of a network's channels, of pictures in [0, 1], one number for all or
one for each; None where it is fed the pictures as they are."""


@taking(
    size=_SIZE,
    mean=_NUMBERS,
    std=_NUMBERS,
    scale=number(),
    order=one_of("RGB", "BGR"),
    fixed_size=flag,
    multiple=count,
    channels=count,
    fill=number(least=0, most=1),
)
@dataclass(frozen=True)
class Preprocess:
    """From sRGB in [0, 1] to a network's own input: `(image * scale - mean) / std`, per channel.

    Args:
        size: (height, width) that the network was trained at; pictures of other sizes go in as
            they are where the network allows it.
        mean: in scaled units, in the network's channel order; empty for no preprocessing at all.
        std: likewise.
        scale: 1 for networks fed [0, 1], 255 for those fed 0..255.
        order: of the network's channels.
        fixed_size: whether the network accepts only `size`.
        multiple: of what the sides of pictures must be multiples; others grow to the next one,
            below and at the right, by repeating their edge.
        channels: how many the network is fed. With 1 it is fed the luma of pictures; with other
            numbers than 1 and 3 its pictures have as many, unless `fill` says how to show it
            photos.
        fill: of a network of other channels than 1 and 3, what it is shown in those that a photo
            lacks, 0 to 1: after the luma, of 2 channels; after red, green and blue, of more.
    """

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    scale: float = 1.0
    order: str = "RGB"
    fixed_size: bool = False
    multiple: int = 1
    channels: int = 3
    fill: float | None = None

    def __post_init__(self) -> None:
        if self.fill is not None and self.channels in (1, 3):
            raise BadSetting(
                f"fill is {self.fill} and the network is fed {self.channels} channels; it is from "
                "0 to 1, for networks of other channels than 1 and 3"
            )
        if not self.mean and not self.std:
            return
        if {len(self.mean), len(self.std)} != {self.channels} or 0 in self.std:
            raise BadSetting(
                f"mean {self.mean} and std {self.std} want {self.channels} numbers each, "
                "std none of them 0; Preprocess.plain(size, channels) is for pictures in [0, 1] as "
                "they are"
            )

    @classmethod
    def none(cls, size: tuple[int, int], channels: int) -> Preprocess:
        """Return no preprocessing, for a network that is fed something else than images."""
        return cls(size, (), (), channels=channels)

    @classmethod
    def plain(cls, size: tuple[int, int] = (224, 224), channels: int = 3) -> Preprocess:
        """Return the preprocessing of a network that is fed images in [0, 1] as they are.

        >>> Preprocess.plain((28, 28), channels=1).mean
        (0.0,)
        """
        return cls(size, (0.0,) * channels, (1.0,) * channels, channels=channels)

    @classmethod
    def usual(cls, channels: int, normalize: Normalize = "guess") -> Preprocess:
        """Return the preprocessing of a network of so many channels, as far as it is known.

        >>> Preprocess.usual(1, ((0.1307,), (0.3081,))).std
        (0.3081,)
        """
        if normalize is None or (normalize == "guess" and channels != 3):
            return cls.plain(channels=channels)
        if normalize == "guess":
            return cls()
        mean, std = (_each(part, channels) for part in normalize)
        return cls(mean=mean, std=std, channels=channels)

    def __call__(self, image: Tensor) -> Tensor:
        """Return the network's input for an image."""
        if not self.mean:
            return image
        image = self._of_its_channels(self._fitted(image))
        factor, offset = _affine(self, image.device, image.dtype)
        if self.order == "BGR" and self.channels >= 3:
            image = torch.cat([image[:, :3].flip(1), image[:, 3:]], 1)
        return torch.addcmul(offset, image, factor)

    def _of_its_channels(self, image: Tensor) -> Tensor:
        """Return an image with as many channels as the network is fed."""
        if self.channels == 1:
            return luma(image)
        given = image.shape[1]
        if given == self.channels:
            return image
        if given != 3 or self.fill is None:
            raise BadSetting(self.no_photos(given))
        colors = luma(image) if self.channels == 2 else image
        batch, count, height, width = colors.shape
        rest = colors.new_full((batch, self.channels - count, height, width), self.fill)
        return torch.cat([colors, rest], 1)

    def no_photos(self, given: int = 3) -> str:
        """Return why a network isn't shown images of so many channels, and what to do."""
        if given != 3:
            return f"a picture of {given} channels, but the network is fed {self.channels}"
        return (
            f"the network is fed {self.channels} channels and a photo has 3; say what the others "
            "hold, from 0 to 1: ?fill=1, or fill=1 of the Preprocess"
        )

    def centered(self, image: Tensor) -> Tensor:
        """Return an image less what becomes 0, for `weights_for_centered`; of 3 channels."""
        factor, offset = _affine(self, image.device, image.dtype)
        center = -offset / factor
        return self._fitted(image) - (center.flip(1) if self.order == "BGR" else center)

    def weights_for_centered(self, weight: Tensor) -> Tensor:
        """Return a convolution's weights, (out, 3, height, width), for `centered` images.

        With them it gives what it gives for the network's input; what pads it is 0 in both.
        """
        factor, _ = _affine(self, weight.device, torch.float64)
        scaled = (weight.double() * factor).to(weight.dtype)
        return scaled.flip(1) if self.order == "BGR" else scaled

    def _fitted(self, image: Tensor) -> Tensor:
        if self.multiple == 1:
            return image
        height, width = image.shape[-2:]
        rows, columns = self.grown((height, width))
        return functional.pad(image, (0, columns - width, 0, rows - height), "replicate")

    @property
    def shown(self) -> int:
        """Number of channels of its images: 3, where they are of colours."""
        is_shown_photos = self.channels == 1 or self.fill is not None
        return 3 if self.mean and is_shown_photos else self.channels

    def grown(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (height, width) at which an image of a size reaches the network.

        >>> Preprocess(multiple=32).grown((300, 224))
        (320, 224)
        """
        height, width = (-(-side // self.multiple) * self.multiple for side in size)
        return height, width


def _each(numbers: float | Sequence[float], channels: int) -> tuple[float, ...]:
    found = tuple(numbers) if isinstance(numbers, Sequence) else (numbers,)
    return found * channels if len(found) == 1 else found


@functools.lru_cache(maxsize=64)
def _affine(how: Preprocess, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """`image * factor + offset`, as (1, channels, 1, 1) tensors, made once for each device."""
    factor = torch.tensor([how.scale / std for std in how.std], dtype=torch.float64)
    offset = torch.tensor(
        [-mean / std for mean, std in zip(how.mean, how.std, strict=True)], dtype=torch.float64
    )
    shape = (1, how.channels, 1, 1)
    return factor.reshape(shape).to(device, dtype), offset.reshape(shape).to(device, dtype)

"""How a network wants its pictures."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from entoptic.arguments import count, flag, number, one_of, pair, several, taking
from entoptic.color import luma
from entoptic.errors import BadSetting

_NUMBERS = several(number(), "numbers")
_SIZE = pair(count, "(height, width)")


@taking(
    size=_SIZE,
    mean=_NUMBERS,
    std=_NUMBERS,
    scale=number(),
    order=one_of("RGB", "BGR"),
    fixed_size=flag,
    multiple=count,
    channels=count,
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
            numbers than 1 and 3 its pictures have as many.
    """

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    scale: float = 1.0
    order: str = "RGB"
    fixed_size: bool = False
    multiple: int = 1
    channels: int = 3

    def __post_init__(self) -> None:
        if not self.mean and not self.std:
            return
        if {len(self.mean), len(self.std)} != {self.channels} or 0 in self.std:
            raise BadSetting(
                f"mean {self.mean} and std {self.std} want {self.channels} numbers each, "
                "std none of them 0"
            )

    @classmethod
    def none(cls, size: tuple[int, int], channels: int) -> Preprocess:
        """No preprocessing, for a network that is fed something else than pictures."""
        return cls(size, (), (), channels=channels)

    def __call__(self, image: Tensor) -> Tensor:
        """The network's input for an image."""
        if not self.mean:
            return image
        image = self._fitted(image)
        factor, offset = _affine(self, image.device, image.dtype)
        if self.channels == 1:
            image = luma(image)
        elif self.order == "BGR":
            image = image.flip(1)
        return torch.addcmul(offset, image, factor)

    def centred(self, image: Tensor) -> Tensor:
        """An image less what becomes 0, for `weights_for_centred`; of a network fed 3 channels."""
        factor, offset = _affine(self, image.device, image.dtype)
        centre = -offset / factor
        return self._fitted(image) - (centre.flip(1) if self.order == "BGR" else centre)

    def weights_for_centred(self, weight: Tensor) -> Tensor:
        """A convolution's weights, (out, 3, height, width), as wanted by `centred` images.

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
        """How many channels its pictures have."""
        return 3 if self.channels == 1 and self.mean else self.channels

    def grown(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (height, width) at which a picture of a size reaches the network.

        >>> Preprocess(multiple=32).grown((300, 224))
        (320, 224)
        """
        height, width = (-(-side // self.multiple) * self.multiple for side in size)
        return height, width


@functools.lru_cache(maxsize=64)
def _affine(how: Preprocess, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """`image * factor + offset`, as (1, channels, 1, 1) tensors, made once for each device."""
    factor = torch.tensor([how.scale / std for std in how.std], dtype=torch.float64)
    offset = torch.tensor(
        [-mean / std for mean, std in zip(how.mean, how.std, strict=True)], dtype=torch.float64
    )
    shape = (1, how.channels, 1, 1)
    return factor.reshape(shape).to(device, dtype), offset.reshape(shape).to(device, dtype)

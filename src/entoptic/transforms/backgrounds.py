"""Random backgrounds of a picture with transparency, another one in every step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from entoptic.checks import number
from entoptic.errors import BadSetting
from entoptic.images import fourier
from entoptic.images.color import to_image
from entoptic.transforms.base import moved, transform, uniform
from entoptic.types import Image, Planes


@transform(contrast=number(least=0))
@dataclass(frozen=True)
class OverBackground:
    """Lay a picture with transparency on a random background; must be the first of the transforms.

    Each background is one colour plus noise with natural images' colours and fall-off, of a
    contrast that is drawn too, from none to all. The noise is made on the picture's device, from a
    seed drawn on the CPU.

    Args:
        contrast: largest standard deviation of the noise before the sigmoid; with 0 all backgrounds
            are plain.

    Raises:
        BadSetting: a contrast that is negative or not finite; when optimised, a picture without a
            fourth channel.

    Source: Mordvintsev et al., "Differentiable Image Parameterizations", Distill, 2018.

    >>> OverBackground()(torch.ones(2, 4, 5, 7), torch.Generator()).shape
    torch.Size([2, 3, 5, 7])
    """

    contrast: float = 1.5

    def __call__(self, image: Planes, rng: torch.Generator) -> Image:
        if image.shape[1] != 4:
            raise BadSetting(
                f"OverBackground wants a picture with transparency, 4 channels; this has "
                f"{image.shape[1]}: optimise a Transparent canvas, with this transform as the first"
            )
        batch, _, height, width = image.shape
        color = moved(uniform((-2.0, 2.0), (batch, 3, 1, 1), rng), image)
        contrast = moved(uniform((0.0, self.contrast), (batch, 1, 1, 1), rng), image)
        seed = int(torch.randint(2**62, (), generator=rng))
        noise = _natural_noise((batch, 3, height, width), image, seed)
        background = to_image(color + contrast * noise)
        return torch.lerp(background, image[:, :3], image[:, 3:])


def _natural_noise(shape: tuple[int, int, int, int], like: Tensor, seed: int) -> Tensor:
    """Return noise of variance about 1 whose spectrum falls off as 1 / frequency."""
    there = torch.Generator(like.device).manual_seed(seed)
    white = torch.randn(shape, generator=there, device=like.device, dtype=like.dtype)
    scale = fourier.falloff(*shape[2:])
    waves = fourier.to_spectrum(white) * (scale / scale.square().mean().sqrt()).to(like)
    return fourier.from_spectrum(waves, *shape[2:])

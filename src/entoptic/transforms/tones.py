"""Transforms of pixel values: blur, noise, shifts of color, grayscale."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from entoptic.checks import flag, number
from entoptic.errors import BadSetting
from entoptic.images.color import luma
from entoptic.transforms.base import chosen, moved, normal, transform, uniform
from entoptic.types import Planes

# In pixels; a Gaussian so narrow changes nothing, and one of width 0 can't be computed.
_NARROWEST = 0.01


@transform(low=number(least=0), high=number(least=0))
@dataclass(frozen=True)
class Blur:
    """Blur each image by a Gaussian whose width is drawn uniformly; edges are repeated beyond.

    Args:
        low: smallest standard deviation, in pixels.
        high: largest.

    Raises:
        BadSetting: a deviation that is negative or not finite, low above high.

    >>> Blur(0.5, 1.5)(torch.ones(2, 3, 8, 9), torch.Generator()).shape
    torch.Size([2, 3, 8, 9])
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise BadSetting(f"a blur from {self.low} to {self.high} pixels; low before high")

    def __call__(self, image: Planes, rng: torch.Generator) -> Planes:
        if self.high == 0:
            return image
        batch, channels, height, width = image.shape
        sigma = uniform((self.low, self.high), (batch, 1), rng).clamp(min=_NARROWEST)
        reach = max(1, math.ceil(3 * self.high))
        offsets = torch.arange(-reach, reach + 1, dtype=torch.float64)
        weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
        kernels = moved(weights / weights.sum(1, keepdim=True), image)
        down = kernels.repeat_interleave(channels, 0)[:, None, :, None]
        # Every channel of every image is a group, so that each image has its own kernel.
        planes = image.reshape(1, batch * channels, height, width)
        planes = functional.pad(planes, (reach, reach, reach, reach), mode="replicate")
        planes = functional.conv2d(planes, down, groups=batch * channels)
        planes = functional.conv2d(planes, down.transpose(2, 3), groups=batch * channels)
        return planes.reshape(image.shape)


@transform(sd=number(least=0), uniform=flag, relative=flag, shared=flag)
@dataclass(frozen=True)
class Noise:
    """Add noise to every value of every pixel.

    It is made on the image's device, from a seed drawn on the CPU: the same each time on one kind
    of device, not the same on another.

    Args:
        sd: standard deviation of normal noise, or how far uniform noise goes up and down.
        uniform: uniform noise in -sd..sd instead of normal.
        relative: `sd` is a multiple of each image's own standard deviation, so that a start that is
            nearly grey isn't drowned, and a finished picture is shaken all the same.
        shared: whether all images of a batch share one draw.

    Raises:
        BadSetting: an `sd` that is negative or not finite.

    >>> Noise(0.1)(torch.ones(2, 3, 4, 6), torch.Generator()).shape
    torch.Size([2, 3, 4, 6])
    """

    sd: float
    uniform: bool = False
    relative: bool = False
    shared: bool = False

    def __call__(self, image: Planes, rng: torch.Generator) -> Planes:
        if self.sd == 0:
            return image
        seed = int(torch.randint(2**62, (), generator=rng))
        there = torch.Generator(image.device).manual_seed(seed)
        noise = torch.empty_like(image[:1] if self.shared else image, requires_grad=False)
        if self.uniform:
            noise.uniform_(-self.sd, self.sd, generator=there)
        else:
            noise.normal_(0, self.sd, generator=there)
        if not self.relative:
            return image + noise
        # An image has no say in how much noise it gets.
        # Its standard deviation; torch's own takes 20 times as long.
        flat = image.detach().flatten(1)
        far = torch.stack([(each - each.mean()).norm() for each in flat])
        contrast = far / math.sqrt(flat.shape[1])
        return torch.addcmul(image, noise, contrast.reshape(-1, 1, 1, 1))


@transform(sd=number(least=0), brightness=number(least=0), contrast=number(least=0, most=1))
@dataclass(frozen=True)
class ColorShift:
    """Shift the colours, the brightness and the contrast of each image as a whole.

    Args:
        sd: standard deviation of what is added to each channel.
        brightness: standard deviation of what is added to all of them.
        contrast: distances from middle grey grow or shrink by 1 ± this, drawn uniformly.

    Raises:
        BadSetting: a setting that is negative or not finite, a contrast above 1.

    >>> ColorShift(0.1)(torch.ones(2, 3, 4, 6), torch.Generator()).shape
    torch.Size([2, 3, 4, 6])
    """

    sd: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0

    def __call__(self, image: Planes, rng: torch.Generator) -> Planes:
        batch, channels = image.shape[:2]
        gain = 1 + uniform(self.contrast, (batch, 1, 1, 1), rng)
        shift = normal(self.sd, (batch, channels, 1, 1), rng)
        shift = shift + normal(self.brightness, (batch, 1, 1, 1), rng)
        # (image - 0.5) * gain + 0.5 + shift
        return torch.addcmul(moved(0.5 - 0.5 * gain + shift, image), image, moved(gain, image))


@transform(probability=number(least=0, most=1))
@dataclass(frozen=True)
class Grayscale:
    """Take the colour out of images of the batch, each with a draw of its own.

    Args:
        probability: that an image becomes grey.

    Raises:
        BadSetting: a probability outside 0 to 1; when it is called, an image of other channels
            than 3, which are colours, or 1, which is grey already.

    >>> Grayscale(1)(torch.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1), torch.Generator()).flatten()
    tensor([0.2990, 0.2990, 0.2990])
    """

    probability: float = 1.0

    def __call__(self, image: Planes, rng: torch.Generator) -> Planes:
        gray = chosen(self.probability, len(image), rng).to(image.device, non_blocking=True)
        return torch.where(gray, luma(image), image)

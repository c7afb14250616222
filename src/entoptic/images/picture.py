"""A picture in memory: an Image, its transparency, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from entoptic.checks import shown
from entoptic.errors import BadPicture
from entoptic.images import png
from entoptic.images.decoding import Planes, decode
from entoptic.images.files import DAMAGE
from entoptic.types import Alpha, Image

# Rows that are worked on at once, so that large pictures need no second copy in memory.
_BAND = 256

_SHAPES = "(1, 3, height, width), or (height, width, 3) for an array"


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture, as `read` returns it.

    Args:
        image: (1, 3, height, width), float32 on the CPU, sRGB in [0, 1]. What is fully transparent
            keeps the colours that it has in the file: they aren't multiplied by alpha.
        alpha: (1, 1, height, width), float32 in [0, 1], 1 where opaque; None where the file
            doesn't store transparency.
        path: as the user gave it; None if it didn't come from a file.
        sha256: of the file's bytes.
        notes: what the user should be told, such as "first of 12 frames".
    """

    image: Image
    alpha: Alpha | None = None
    path: Path | None = None
    sha256: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return self.image.shape[-2]

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return self.image.shape[-1]

    @classmethod
    def of(cls, source: Tensor | NDArray[Any] | Pillow.Image | Picture) -> Picture:
        """A picture of what is in memory already.

        Args:
            source: a tensor (3, height, width) or (1, 3, height, width); an array
                (height, width) or (height, width, 1 to 4), of which the last of 2 or 4 channels
                is alpha; or a Pillow image. Floating-point numbers lie in [0, 1], whole numbers
                are uint8 or uint16 and use their whole range.

        Raises:
            BadPicture: another shape or type, no pixels, or numbers outside [0, 1].

        >>> Picture.of(torch.zeros(3, 4, 5)).image.shape
        torch.Size([1, 3, 4, 5])
        >>> float(Picture.of(np.full((2, 2), 255, np.uint8)).image.min())
        1.0
        """
        if isinstance(source, Picture):
            return source
        if isinstance(source, Tensor):
            return cls(_from_tensor(source))
        if isinstance(source, np.ndarray):
            return cls.of_planes(_from_array(source))
        if not isinstance(source, Pillow.Image):
            raise BadPicture(
                f"a picture is {shown(source)}; it must be a tensor of {_SHAPES}, or a Pillow image"
            )
        try:
            return cls.of_planes(decode(source.copy()))
        except DAMAGE as error:
            raise BadPicture(f"the Pillow image can't be used: {error}") from error

    @classmethod
    def of_planes(
        cls, planes: Planes, path: Path | None = None, sha256: str | None = None
    ) -> Picture:
        """A picture of decoded samples."""
        color = _scaled(planes.color, planes.top).expand(1, 3, -1, -1).contiguous()
        alpha = None
        if planes.alpha is not None:
            alpha = _scaled(planes.alpha[..., None], planes.alpha_top)
        return cls(color, alpha, path, sha256, planes.notes)

    def _repr_png_(self) -> bytes:
        """Return the picture for Jupyter."""
        return png.encode(to_samples(self.image, self.alpha, np.uint8))


def checked(image: Tensor) -> Tensor:
    """One picture's tensor, detached, on the CPU.

    Raises:
        BadPicture: not (1, 3, height, width) of floating-point numbers, or not finite.
    """
    if image.ndim != 4 or image.shape[:2] != (1, 3) or 0 in image.shape:
        raise BadPicture(f"a picture is a tensor of {_SHAPES}, not {tuple(image.shape)}")
    if not image.is_floating_point():
        raise BadPicture(
            f"a picture holds floating-point numbers in [0, 1], not {image.dtype}; use Picture.of"
        )
    return finite(image)


def finite(values: Tensor) -> Tensor:
    """The values, detached, on the CPU.

    Raises:
        BadPicture: NaN or infinity among them.
    """
    values = values.detach().cpu()
    starts = range(0, values.shape[-2], _BAND)
    fine = sum(int(values[..., at : at + _BAND, :].isfinite().sum().item()) for at in starts)
    wrong = values.numel() - fine
    if wrong:
        raise BadPicture(
            f"the picture has NaN or infinity at {wrong} of its {values.numel()} values;"
            " take smaller steps, or replace them with torch.nan_to_num"
        )
    return values


def to_samples(
    image: Tensor, alpha: Tensor | None, kind: type[np.uint8] | type[np.uint16]
) -> NDArray[Any]:
    """Whole numbers, (height, width, 3 or 4), rounded to the nearest and clipped to [0, 1]."""
    planes = [checked(image)]
    if alpha is not None:
        if tuple(alpha.shape) != (1, 1, *image.shape[-2:]):
            raise BadPicture(
                f"alpha must be (1, 1, {image.shape[-2]}, {image.shape[-1]}) like the picture,"
                f" not {tuple(alpha.shape)}"
            )
        planes.append(finite(alpha).to(image.dtype))
    samples = np.empty((*image.shape[-2:], sum(each.shape[1] for each in planes)), kind)
    top = np.iinfo(kind).max
    for start in range(0, len(samples), _BAND):
        rows = slice(start, start + _BAND)
        values = torch.cat([each[0, :, rows] for each in planes]).permute(1, 2, 0).double()
        rounded = values.clamp_(0, 1).mul_(top).add_(0.5).floor_()
        samples[rows] = rounded.numpy().astype(kind)
    return samples


def _from_tensor(source: Tensor) -> Tensor:
    image = source.detach().cpu()
    if image.ndim == 3:
        image = image[None]
    if image.dtype == torch.uint8:
        image = image / 255
    image = checked(image)
    _check_range(float(image.min()), float(image.max()))
    return image.to(torch.float32, memory_format=torch.contiguous_format, copy=True)


def _from_array(source: NDArray[Any]) -> Planes:
    samples = source[..., None] if source.ndim == 2 else source
    if samples.ndim != 3 or samples.shape[2] not in (1, 2, 3, 4) or 0 in samples.shape:
        raise BadPicture(f"a picture is a tensor of {_SHAPES}, not {source.shape}")
    if np.issubdtype(samples.dtype, np.floating):
        top = 1
        if not np.isfinite(samples).all():
            raise BadPicture("the picture has values that are NaN or infinite; replace them")
        _check_range(float(samples.min()), float(samples.max()))
    elif samples.dtype in (np.uint8, np.uint16):
        top = int(np.iinfo(samples.dtype).max)
    else:
        raise BadPicture(f"an array of {samples.dtype} has no known range; give uint8 or float32")
    if samples.shape[2] in (2, 4):
        return Planes(samples[..., :-1], samples[..., -1], top, top)
    return Planes(samples, None, top, top)


def _check_range(low: float, high: float) -> None:
    if low < 0 or high > 1:
        raise BadPicture(
            f"a picture's numbers lie in [0, 1], but these go from {low:g} to {high:g};"
            " divide by 255, or clamp"
        )


def _scaled(samples: NDArray[Any], top: int) -> Tensor:
    height, width, channels = samples.shape
    values = np.empty((channels, height, width), np.float32)
    for channel in range(channels):  # which is five times as fast as a transposed copy
        values[channel] = samples[..., channel]
    values /= np.float32(top)
    return torch.from_numpy(values)[None]


def of_8_bits(images: Tensor) -> Tensor:
    """Return pictures rounded as in a file of 8 bits."""
    samples = images.double().clamp(0, 1).mul(255).add(0.5).floor()
    return samples.div(255).to(images.dtype)

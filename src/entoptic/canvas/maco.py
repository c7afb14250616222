"""A canvas of waves of natural sizes, of which only the phases change."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn

from entoptic import fourier
from entoptic.arguments import count, instance, number, seed, side, taking
from entoptic.canvas.base import Canvas
from entoptic.canvas.noise import in_range
from entoptic.color import from_image, to_image
from entoptic.errors import BadSetting
from entoptic.pictures import PictureLike, image_of
from entoptic.resample import resize
from entoptic.types import Image


@final
class MaCo(Canvas):
    """Waves whose sizes are a natural image's and stay so, while their phases change.

    So the picture can't grow grain that natural images lack. A phase is an angle: steps are in
    radians, and Adam's rate may be up to 1.

    Args:
        height: in pixels.
        width: in pixels.
        spectrum: the sizes of the waves, as `spectrum_of` gives them for pictures of any size; by
            default 1 / frequency in all three axes of natural images' colours.
        batch: how many pictures.
        seed: of the phases at the start, uniform from -pi to pi.
        contrast: standard deviation of the picture before the sigmoid and in colours without
            correlation; by default 1 as in the source, or that of the given spectrum.

    Raises:
        BadSetting: an empty size or batch, a spectrum that isn't (3, rows, columns), not finite,
            negative, or zero everywhere, or a contrast that isn't above 0.

    Source: Fel et al., "Unlocking Feature Visualization for Deeper Networks with MAgnitude
    Constrained Optimization", 2023.

    >>> MaCo(5, 7)().shape
    torch.Size([1, 3, 5, 7])
    """

    magnitude: Tensor

    @taking(
        height=side,
        width=side,
        spectrum=instance(Tensor, "a tensor, as from spectrum_of"),
        batch=count,
        seed=seed,
        contrast=number(above=0),
    )
    def __init__(
        self,
        height: int,
        width: int,
        *,
        spectrum: Tensor | None = None,
        batch: int = 1,
        seed: int = 0,
        contrast: float | None = None,
    ) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        magnitude = _magnitude(height, width, spectrum, contrast)
        turns = torch.rand((batch, *magnitude.shape), generator=rng)
        self._set((height, width), magnitude[None], (2 * turns - 1) * math.pi)

    @classmethod
    def of(cls, image: PictureLike) -> MaCo:
        """A canvas that begins as a given picture, with its sizes and phases.

        Args:
            image: (batch, 3, height, width), sRGB in [0, 1], and the canvas is where it is, and as
                precise; or a picture in any other form, see `picture_of`.

        Raises:
            BadPicture: the picture has values that aren't finite, or outside [0, 1].
        """
        return cls._with(from_image(in_range(image_of(image))))

    @classmethod
    def _with(cls, values: Tensor) -> MaCo:
        size = values.shape[-2], values.shape[-1]
        waves = fourier.to_spectrum(values)
        # What has no phase keeps its sign here.
        fixed = fourier.self_paired(*size).to(values.device)
        made = cls(*size)
        made._set(size, waves.abs().where(~fixed, waves.real), waves.angle())
        return made

    def _set(self, size: tuple[int, int], magnitude: Tensor, phases: Tensor) -> None:
        self.size = size
        self.register_buffer("magnitude", magnitude)
        self.phases = nn.Parameter(phases)

    def values(self) -> Tensor:
        """The picture before the sigmoid and before its colours, (batch, 3, height, width)."""
        phases = fourier.paired(self.phases, self.size[1])
        waves = torch.complex(self.magnitude * phases.cos(), self.magnitude * phases.sin())
        return fourier.from_spectrum(waves, *self.size)

    def forward(self) -> Image:
        return to_image(self.values())

    @torch.no_grad()
    @taking(height=side, width=side)
    def resized(self, height: int, width: int) -> MaCo:
        return MaCo._with(resize(self.values(), height, width))


@torch.no_grad()
def spectrum_of(images: PictureLike) -> Tensor:
    """How large each wave is in photographs, on average: a `spectrum` for `MaCo`.

    The photographs fade towards their edges first: those don't meet, and would draw stripes.

    Args:
        images: (batch, 3, height, width), sRGB in [0, 1]; or a picture in any other form.

    Returns:
        (3, height, width // 2 + 1), float32: before the sigmoid and in colours without correlation.
        The mean is 0.

    Raises:
        BadPicture: values that aren't finite, or outside [0, 1].

    >>> spectrum_of(torch.full((2, 3, 4, 6), 0.5)).shape
    torch.Size([3, 4, 4])
    """
    waves = fourier.to_spectrum(
        fourier.tapered(from_image(in_range(image_of(images, "images")).float()))
    )
    magnitude = waves.abs().mean(0)
    magnitude[:, 0, 0] = 0
    return magnitude


def _magnitude(height: int, width: int, spectrum: Tensor | None, contrast: float | None) -> Tensor:
    """The sizes of the waves for a picture of one size, (3, height, width // 2 + 1), mean 0."""
    if spectrum is None:
        magnitude = fourier.falloff(height, width).float().repeat(3, 1, 1)
        contrast = 1.0 if contrast is None else contrast
    else:
        check_spectrum(spectrum)
        magnitude = fourier.magnitude_resized(spectrum.detach(), height, width).clone()
    magnitude[:, 0, 0] = 0
    if contrast is None or not magnitude.any():
        return magnitude
    # Whatever the phases are: the sum of squares is the same before and after the transform.
    now = fourier.from_spectrum(magnitude + 0j, height, width).square().mean().sqrt()
    return magnitude * (contrast / now)


def check_spectrum(spectrum: Tensor) -> None:
    """Refuse what can't be the sizes of waves.

    Raises:
        BadSetting: with what is wrong.
    """
    if spectrum.ndim != 3 or len(spectrum) != 3 or not spectrum.is_floating_point():
        raise BadSetting(
            f"a spectrum is (3, rows, columns) as from spectrum_of; this is {spectrum.dtype} of"
            f" shape {tuple(spectrum.shape)}"
        )
    if not (spectrum.isfinite().all() and (spectrum >= 0).all() and spectrum.any()):
        raise BadSetting("a spectrum must be finite, not negative, and not zero everywhere")

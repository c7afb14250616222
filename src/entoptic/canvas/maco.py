"""A Fourier canvas of which only the phases change; magnitudes are those of photographs."""

from __future__ import annotations

from typing import TypeAlias, final

import torch
from torch import Tensor, nn

from entoptic.canvas.base import Canvas, canvas
from entoptic.canvas.noise import in_range, noise
from entoptic.checks import count, instance, number, seed, side, taking
from entoptic.errors import BadSetting
from entoptic.images import PictureLike, fourier, image_of
from entoptic.images.color import from_image, to_image
from entoptic.images.resize import resize
from entoptic.types import Image

_Moments: TypeAlias = tuple[Tensor, Tensor]

# What xplique adds to a deviation before it divides by it.
_EPSILON = 1e-5


@canvas(natural=True)
@final
class MaCo(Canvas):
    """Fourier coefficients with fixed magnitudes, those of photographs, and phases that change.

    So the picture can't have more high frequencies than photographs. Before it is rendered the
    phases of each picture are normalised to mean 0 and a deviation of `spread`; then a step of 1
    radian, far too much for one coefficient, moves ever less the further the phases have spread.
    That is why Adam's rate is about 1. The picture, too, is brought to one mean and contrast.

    Where two coefficients are each other's mirror (those of vertical frequencies, and of the
    highest horizontal one), the source lets their phases differ, so that the magnitude changes
    after all; so it is here.

    Args:
        height: in pixels.
        width: in pixels.
        spectrum: the magnitudes, as `spectrum_of` gives them, for pictures of any size and in any
            unit; by default those of natural photographs, see `fourier.natural`.
        batch: how many pictures.
        seed: of the phases at the start, normal.
        contrast: standard deviation of the picture before the sigmoid and in colours without
            correlation; 1 as in the source, of whatever size the spectrum is.
        spread: standard deviation of the phases in radians. 1, the source's, leaves a bright corner
            where all phases agree; from about 3 on there is none, and steps of the same rate move
            the picture more.

    Raises:
        BadSetting: an empty size or batch, a spectrum that isn't (3, rows, columns), not finite,
            negative, or zero everywhere, or a contrast or spread that isn't above 0.

    Source: Fel et al., "Unlocking Feature Visualization for Deeper Networks with MAgnitude
    Constrained Optimization", 2023; for given sizes and phases the picture of their xplique.

    >>> MaCo(5, 7)().shape
    torch.Size([1, 3, 5, 7])
    """

    magnitude: Tensor
    center: Tensor
    spread: Tensor
    mean: Tensor
    contrast: Tensor

    @taking(
        height=side,
        width=side,
        spectrum=instance(Tensor, "a tensor, as from spectrum_of"),
        batch=count,
        seed=seed,
        contrast=number(above=0),
        spread=number(above=0),
    )
    def __init__(
        self,
        height: int,
        width: int,
        *,
        spectrum: Tensor | None = None,
        batch: int = 1,
        seed: int = 0,
        contrast: float = 1.0,
        spread: float = 1.0,
    ) -> None:
        super().__init__()
        magnitude = _magnitude(height, width, spectrum)[None]
        phases = noise((batch, *magnitude.shape[1:]), sd=1, seed=seed)
        still, one = torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)
        self._set(
            (height, width), magnitude, phases, (still, spread * one), (still, contrast * one)
        )

    @classmethod
    def of(cls, image: PictureLike) -> MaCo:
        """Make a canvas that begins as a picture, with its magnitudes, phases, mean and contrast.

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
        phases = waves.angle()
        made = cls(*size)
        made._set(size, waves.abs(), phases, _moments(phases), _moments(values))
        return made

    def _set(
        self,
        size: tuple[int, int],
        magnitude: Tensor,
        phases: Tensor,
        of_phases: _Moments,
        of_picture: _Moments,
    ) -> None:
        self.size = size
        self.register_buffer("magnitude", magnitude)
        self.phases = nn.Parameter(phases)
        for name, value in zip(("center", "spread"), of_phases, strict=True):
            self.register_buffer(name, value)
        for name, value in zip(("mean", "contrast"), of_picture, strict=True):
            self.register_buffer(name, value)

    def values(self) -> Tensor:
        """The picture before the sigmoid and before its colours, (batch, 3, height, width)."""
        phases = _standardized(self.phases) * self.spread + self.center
        waves = torch.complex(self.magnitude * phases.cos(), self.magnitude * phases.sin())
        picture = fourier.from_spectrum(waves, *self.size)
        return _standardized(picture) * self.contrast + self.mean

    def forward(self) -> Image:
        return to_image(self.values())

    @torch.no_grad()
    @taking(height=side, width=side)
    def resized(self, height: int, width: int) -> MaCo:
        return MaCo._with(resize(self.values(), height, width))


def _moments(values: Tensor) -> _Moments:
    """The mean and the standard deviation of each image, (batch, 1, 1, 1); as xplique's."""
    deviation, mean = torch.std_mean(values, (1, 2, 3), correction=0, keepdim=True)
    return mean, deviation + _EPSILON


def _standardized(values: Tensor) -> Tensor:
    mean, deviation = _moments(values)
    return (values - mean) / deviation


@torch.no_grad()
def spectrum_of(images: PictureLike) -> Tensor:
    """Return the mean Fourier magnitudes of photographs: a `spectrum` for `MaCo`.

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


def _magnitude(height: int, width: int, spectrum: Tensor | None) -> Tensor:
    """Return the magnitudes for a picture of one size, (3, height, width // 2 + 1).

    In the unit in which the picture's mean square is 1.
    """
    if spectrum is None:
        magnitude = fourier.natural(height, width)
    else:
        check_spectrum(spectrum)
        magnitude = fourier.magnitude_resized(spectrum.detach().double(), height, width)
    # Whatever the phases are: the sum of squares is the same before and after the transform.
    size = fourier.from_spectrum(magnitude + 0j, height, width).square().mean().sqrt()
    return (magnitude / size.where(size > 0, 1)).float()


def check_spectrum(spectrum: Tensor) -> None:
    """Refuse what can't be Fourier magnitudes.

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

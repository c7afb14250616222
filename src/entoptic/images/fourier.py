"""Fourier spectra of pictures: frequencies, the fall-off of natural images, and the inverse."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from entoptic.errors import BadSetting


def frequencies(height: int, width: int) -> Tensor:
    """Return the frequency of each Fourier coefficient of a real picture.

    Returns:
        (height, width // 2 + 1), float64, in cycles per pixel, 0 to about 0.71; laid out as the
        spectrum of `to_spectrum`.

    Raises:
        BadSetting: a size less than 1.

    >>> frequencies(4, 3)[:, 0]
    tensor([0.0000, 0.2500, 0.5000, 0.2500], dtype=torch.float64)
    """
    if height < 1 or width < 1:
        raise BadSetting(f"a size of {height} x {width} (height x width) is empty; at least 1 x 1")
    down = torch.fft.fftfreq(height, dtype=torch.float64)
    across = torch.fft.rfftfreq(width, dtype=torch.float64)
    return torch.hypot(down[:, None], across)


def falloff(height: int, width: int, decay: float = 1.0) -> Tensor:
    """Return magnitudes as natural images have, 1 / frequency ** decay; the mean as the lowest.

    Returns:
        (height, width // 2 + 1), float64, laid out as the spectrum of `to_spectrum`.

    Source: Field, 1987, for the law; lucid's `fft_image` for the limit, 1 / max(height, width).

    >>> falloff(4, 2)
    tensor([[4.0000, 2.0000],
            [4.0000, 1.7889],
            [2.0000, 1.4142],
            [4.0000, 1.7889]], dtype=torch.float64)
    """
    return frequencies(height, width).clamp(min=1 / max(height, width)) ** -decay


# Fourier magnitudes of natural photographs times frequency: nearly constant below 0.05 cycles
# a pixel, and far less above 0.1, where they are 512 pixels high. By frequency, for each of the
# axes without correlation of `entoptic.images.color`, in each of which the mean square is 1: by
# their scale they vary alike in ImageNet. Measured by `python -m benchmarks.natural_spectrum` on 14
# photographs: five of Kodak's (6, 14, 15, 20, 23), five of scikit-image's (astronaut, chelsea,
# coffee, motorcycle, rocket), the two of scikit-learn (china, flower), and sky1024px and flowers of
# google/deepdream. They were enlarged to 512 as those of ImageNet of which MaCo's source took its
# own: with that one it agrees up to 0.35 cycles a pixel, within 10% for the three axes together and
# 34% for each.
_NATURAL_SIDE = 512
_NATURAL = (
    (0.004, 0.2261, 0.2466, 0.2715),
    (0.006, 0.2112, 0.2115, 0.2180),
    (0.009, 0.1962, 0.1936, 0.2044),
    (0.013, 0.1721, 0.1785, 0.1728),
    (0.02, 0.1644, 0.1559, 0.1593),
    (0.03, 0.1450, 0.1371, 0.1418),
    (0.045, 0.1282, 0.1148, 0.1182),
    (0.065, 0.1131, 0.0966, 0.1064),
    (0.09, 0.1014, 0.0844, 0.0956),
    (0.12, 0.0909, 0.0694, 0.0828),
    (0.16, 0.0798, 0.0529, 0.0667),
    (0.2, 0.0649, 0.0378, 0.0503),
    (0.25, 0.0495, 0.0252, 0.0347),
    (0.3, 0.0345, 0.0164, 0.0232),
    (0.35, 0.0228, 0.0111, 0.0160),
    (0.4, 0.0178, 0.0092, 0.0131),
    (0.45, 0.0177, 0.0090, 0.0128),
    (0.5, 0.0148, 0.0070, 0.0101),
    (0.6, 0.0051, 0.0023, 0.0036),
    (0.7, 0.0051, 0.0022, 0.0032),
)


def natural(height: int, width: int) -> Tensor:
    """Return the magnitudes of photographs, as measured, at a picture's size; the mean is 0.

    A photograph is as soft as its camera, and the more so the more it is enlarged: they follow
    1 / frequency up to some 25 cycles along the shorter side, and above 50 they are far smaller, at
    whatever size it is shown. Directions aren't told apart.

    Returns:
        (3, height, width // 2 + 1), float64: for each axis of the colours without correlation, laid
        out as the spectrum of `to_spectrum`.

    Source: what is measured is what Fel et al. have measured of ImageNet, 2023, on other
    photographs (see above for which); there it is of 512 pixels, and of pictures of other sizes at
    the same cycles a pixel, so that small ones were as blurred as large ones.

    >>> fast, slow = natural(512, 512)[0, [128, 4], 0]
    >>> 32 * fast / slow  # 1 if the law were 1 / frequency
    tensor(0.2457, dtype=torch.float64)
    """
    at, *axes = torch.tensor(_NATURAL, dtype=torch.float64).T
    frequency = frequencies(height, width).clamp(min=1 / max(height, width))
    # Straight lines between the numbers, over the logarithm of the frequency.
    shown = frequency * min(height, width) / _NATURAL_SIDE
    place = shown.clamp(at[0], at[-1]).log()
    after = torch.bucketize(place, at.log()).clamp(min=1)
    share = (place - at.log()[after - 1]) / (at.log()[after] - at.log()[after - 1])
    found = torch.stack([axis[after - 1].lerp(axis[after], share) for axis in axes]) / frequency
    found[:, 0, 0] = 0
    return found


def to_spectrum(values: Tensor) -> Tensor:
    """Return the Fourier coefficients of a real picture.

    Args:
        values: (..., height, width).

    Returns:
        (..., height, width // 2 + 1), complex. The scale is that of the unitary transform: the sum
        of squares is the same on both sides.

    >>> to_spectrum(torch.ones(4, 4))[0, 0]
    tensor(4.+0.j)
    """
    spectrum: Tensor = torch.fft.rfft2(values, norm="ortho")
    return spectrum


def from_spectrum(spectrum: Tensor, height: int, width: int) -> Tensor:
    """Return the real picture with these coefficients: the inverse of `to_spectrum`, for any size.

    Args:
        spectrum: (..., height, width // 2 + 1), complex.

    >>> from_spectrum(to_spectrum(torch.ones(4, 5)), 4, 5).shape
    torch.Size([4, 5])
    """
    values: Tensor = torch.fft.irfft2(spectrum, s=(height, width), norm="ortho")
    return values


def tapered(values: Tensor) -> Tensor:
    """Return a picture without its mean that fades towards the edges; noise keeps its spectrum.

    To the transform a picture is repeated without end, and where its edges don't meet there are
    jumps: a cross along the axes of the spectrum that isn't in the picture. A frame does the same.

    Args:
        values: (..., height, width).

    Returns:
        (..., height, width).

    Source: the Hann window, a squared sine; Harris, "On the use of windows for harmonic analysis
    with the discrete Fourier transform", 1978.

    >>> tapered(torch.eye(2))
    tensor([[ 0.5000, -0.5000],
            [-0.5000,  0.5000]])
    """
    values = values - values.mean((-2, -1), keepdim=True)
    for axis in (-1, -2):
        side = values.shape[axis]
        window = (math.pi * (torch.arange(side, dtype=torch.float64) + 0.5) / side).sin().square()
        window = window / window.square().mean().sqrt()
        values = values * window.to(values).reshape(-1, *[1] * (-1 - axis))
    return values


def magnitude_resized(magnitude: Tensor, height: int, width: int) -> Tensor:
    """Return magnitudes for a picture of another size at the same cycles per pixel.

    What is interpolated is the magnitude times the frequency, which is nearly constant in natural
    images; so the lowest frequencies of a larger picture follow 1 / frequency. For a smaller
    picture it is averaged over all frequencies that fall together.

    Args:
        magnitude: (channels, rows, columns), as `to_spectrum` lays it out for some size. The mean
            of the picture stays what it is.

    Returns:
        (channels, height, width // 2 + 1); the same tensor if it has that size.

    >>> law = 1 / frequencies(32, 32).clamp(min=1 / 64)[None]
    >>> larger = magnitude_resized(law, 64, 64)[0]
    >>> (larger * frequencies(64, 64))[1:].aminmax()[0] > 0.99
    tensor(True)
    """
    rows, columns = magnitude.shape[-2:]
    if (rows, columns) == (height, width // 2 + 1):
        return magnitude
    across = 2 * (columns - 1) or 1
    flat = magnitude.double() * frequencies(rows, across)
    # The mean has no frequency; its place is taken by its neighbours.
    flat[..., 0, 0] = flat[..., 1 % rows, 0]
    # Both halves: the left one is the right one, upside down.
    left = flat[..., 1 : across - columns + 1].flip(-1, -2).roll(1, -2)
    read = _weights(rows, height) @ torch.cat([flat, left], -1)
    read = read @ _weights(across, width)[: width // 2 + 1].T
    read = read / frequencies(height, width).clamp(min=1 / max(height, width))
    read[:, 0, 0] = magnitude[:, 0, 0] * math.sqrt(height * width / (rows * across))
    return read.to(magnitude)


def _weights(before: int, after: int) -> Tensor:
    """Return the weight of each frequency of one size for each of another, (after, before).

    A triangle around each, as wide as the coarser of the two spacings; frequencies go in a circle.
    """
    apart = torch.fft.fftfreq(after, dtype=torch.float64)[:, None] - torch.fft.fftfreq(
        before, dtype=torch.float64
    )
    apart = (apart - apart.round()).abs()
    weights = (1 - apart * min(before, after)).clamp(min=0)
    shares: Tensor = weights / weights.sum(1, keepdim=True)
    return shares

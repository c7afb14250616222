"""Pictures as sums of waves: frequencies, the fall-off of natural images, and the way back."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from entoptic.errors import BadSetting


def frequencies(height: int, width: int) -> Tensor:
    """How fast each wave of a real picture oscillates.

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
    """The size of natural images' waves, 1 / frequency ** decay; the mean as the slowest wave.

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


def to_spectrum(values: Tensor) -> Tensor:
    """The waves of a real picture.

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
    """The real picture with these waves; the inverse of `to_spectrum`, for any size.

    Args:
        spectrum: (..., height, width // 2 + 1), complex.

    >>> from_spectrum(to_spectrum(torch.ones(4, 5)), 4, 5).shape
    torch.Size([4, 5])
    """
    values: Tensor = torch.fft.irfft2(spectrum, s=(height, width), norm="ortho")
    return values


def self_paired(height: int, width: int) -> Tensor:
    """Which waves are their own mirror image, and so have no phase but a sign.

    Returns:
        (height, width // 2 + 1), bool: the mean, and what alternates from pixel to pixel.

    >>> self_paired(4, 3).nonzero().tolist()
    [[0, 0], [2, 0]]
    """
    rows, columns = torch.arange(height), torch.arange(width // 2 + 1)
    return ((2 * rows) % height == 0)[:, None] & ((2 * columns) % width == 0)


def paired(phases: Tensor, width: int) -> Tensor:
    """Phases as a real picture may have them: opposite where two waves are each other's mirror.

    Without it such pairs, which stand in the outer columns, would interfere and change their size.

    Args:
        phases: (..., height, width // 2 + 1); of each pair the upper one is heeded.
        width: of the picture.

    >>> paired(torch.ones(4, 2), 3)[:, 0]
    tensor([ 0.,  1.,  0., -1.])
    """
    rows = torch.arange(phases.shape[-2], device=phases.device)
    mirrored = -rows % len(rows)
    sign = (mirrored - rows).sign()[:, None].to(phases.dtype)
    outer = [0, width // 2] if width % 2 == 0 else [0]
    result = phases.clone()
    result[..., outer] = phases[..., torch.minimum(rows, mirrored), :][..., outer] * sign
    return result


def tapered(values: Tensor) -> Tensor:
    """A picture without its mean that fades towards the edges; noise keeps its waves' sizes.

    To the transform a picture is repeated without end, and where its edges don't meet there are
    jumps: a cross of waves along the axes that isn't in the picture. A frame does the same.

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
    """Sizes of waves, for a picture of another size at the same cycles per pixel.

    What is interpolated is the magnitude times the frequency, which is nearly constant in natural
    images; so the slowest waves of a larger picture follow 1 / frequency. For a smaller picture it
    is averaged over all waves that fall together.

    Args:
        magnitude: (channels, rows, columns), as `to_spectrum` lays it out for some size.

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
    # Both halves: waves to the left are those to the right, upside down.
    left = flat[..., 1 : across - columns + 1].flip(-1, -2).roll(1, -2)
    read = _weights(rows, height) @ torch.cat([flat, left], -1)
    read = read @ _weights(across, width)[: width // 2 + 1].T
    slowest = 1 / max(height, width)
    return (read / frequencies(height, width).clamp(min=slowest)).to(magnitude)


def _weights(before: int, after: int) -> Tensor:
    """How much each frequency of one size counts for each of another, (after, before).

    A triangle around each, as wide as the coarser of the two spacings; frequencies go in a circle.
    """
    apart = torch.fft.fftfreq(after, dtype=torch.float64)[:, None] - torch.fft.fftfreq(
        before, dtype=torch.float64
    )
    apart = (apart - apart.round()).abs()
    weights = (1 - apart * min(before, after)).clamp(min=0)
    shares: Tensor = weights / weights.sum(1, keepdim=True)
    return shares

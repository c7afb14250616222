"""How natural a picture is: numbers that are known of pictures that are made for it."""

from __future__ import annotations

import pytest
import torch
from benchmarks.naturalness import at_one_contrast, naturalness

from entoptic.images import fourier
from entoptic.images.color import to_srgb


def waves(power: float, sd: float = 0.1) -> torch.Tensor:
    """Noise of photographs' waves, those of each frequency times it to a power."""
    rng = torch.Generator().manual_seed(3)
    white = fourier.to_spectrum(torch.randn((3, 224, 224), generator=rng, dtype=torch.float64))
    steeper = fourier.frequencies(224, 224).clamp(min=1 / 224) ** power
    values = fourier.from_spectrum(white * fourier.natural(224, 224) * steeper, 224, 224)
    return 0.5 + to_srgb((sd * values / values.std((1, 2), keepdim=True))[None])


def test_noise_of_photographs_waves_is_as_natural_as_a_picture_can_be() -> None:
    found = naturalness(waves(0))
    # But for what random waves are off, of which the slowest band has few.
    assert found["spectrum, dB"] < 1
    assert found["clipped"] == 0
    assert found["light"] == pytest.approx(0.1, rel=0.03)
    assert found["color"] == pytest.approx(0.1, rel=0.03)


def test_waves_of_another_power_are_so_many_decibels_away() -> None:
    # The amplitude doubles with the frequency: 3.01 dB a band of half an octave, nine of them.
    bands = torch.arange(9) * 10 * torch.tensor(2.0).log10()
    expected = float(bands.std(correction=0))
    assert naturalness(waves(1))["spectrum, dB"] == pytest.approx(expected, abs=0.5)
    assert naturalness(waves(0.5))["spectrum, dB"] == pytest.approx(expected / 2, abs=0.5)


def test_contrast_changes_nothing_but_contrast() -> None:
    high, low = naturalness(waves(0.5, 0.1)), naturalness(waves(0.5, 0.05))
    assert high["spectrum, dB"] == pytest.approx(low["spectrum, dB"], abs=0.1)
    assert high["light"] == pytest.approx(2 * low["light"], rel=0.02)


def test_pixels_of_which_a_channel_is_at_an_end_are_clipped() -> None:
    image = torch.full((1, 3, 224, 224), 0.5)
    image[0, 1, :56] = 251 / 255
    image[0, 2, 56:84] = 5 / 255
    image[0, 0, 84:112] = 6 / 255
    assert naturalness(image + 0.001 * waves(0))["clipped"] == pytest.approx(84 / 224, abs=0.01)


def test_at_one_contrast_pictures_differ_by_what_they_show() -> None:
    usual = at_one_contrast(waves(0.5, 0.1))
    torch.testing.assert_close(at_one_contrast(waves(0.5, 0.02)), usual)
    found = naturalness(usual)
    assert found["light"] == pytest.approx(0.4, rel=0.05)
    assert found["color"] == pytest.approx(0.4, rel=0.05)

"""Transforms of tone: blur, noise, colour, grey; and the sets of transforms by name."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from entoptic.errors import BadSetting
from entoptic.images.resize import gaussian_blur
from entoptic.transforms import (
    LUCID,
    NONE,
    ROBUST,
    Blur,
    ColorShift,
    Grayscale,
    Noise,
    Transform,
    presets,
)

IMAGE = torch.rand(2, 3, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


EVERY = [
    Blur(0.4, 1.1),
    Noise(0.1),
    Noise(0.1, uniform=True),
    Noise(0.1, shared=True),
    ColorShift(0.1, 0.2, 0.3),
    Grayscale(0.5),
]


@pytest.mark.parametrize("transform", EVERY, ids=repr)
def test_gradients_are_those_of_finite_differences(transform: Transform) -> None:
    assert isinstance(transform, Transform)
    image = IMAGE.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: transform(x, rng(3)), image)


@pytest.mark.parametrize("transform", EVERY, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_seed_decides_and_nothing_else(transform: Transform, dtype: torch.dtype) -> None:
    image = IMAGE.to(dtype)
    before = torch.get_rng_state()
    first, again = transform(image, rng(7)), transform(image, rng(7))
    assert torch.equal(first, again)
    assert first.dtype == dtype
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("still", [Blur(0, 0), Noise(0), Grayscale(0), ColorShift()], ids=repr)
def test_what_is_at_rest_changes_nothing(still: Transform) -> None:
    assert torch.allclose(still(IMAGE, rng()), IMAGE, atol=1e-15)


def test_a_blur_of_one_width_is_that_gaussian() -> None:
    image = torch.rand(2, 3, 20, 24, dtype=torch.float64, generator=rng(1))
    assert torch.allclose(Blur(1.5, 1.5)(image, rng()), gaussian_blur(image, 1.5), atol=1e-12)


def test_widths_of_blurs_are_drawn_for_each_image_within_their_range() -> None:
    dot = torch.zeros(200, 3, 41, 41, dtype=torch.float64)
    dot[:, :, 20, 20] = 1
    blurred = Blur(1, 3)(dot, rng())
    places = torch.arange(41, dtype=torch.float64) - 20
    widths = (blurred[:, 0].sum(1) * places**2).sum(1).sqrt()
    assert torch.allclose(blurred.sum((2, 3)), torch.ones(200, 3).double())
    assert 0.99 < widths.min() < 1.05
    assert 2.9 < widths.max() < 3.0  # cut off at three widths of the largest
    assert widths.mean().item() == pytest.approx(2, abs=3 * 2 / 12**0.5 / 200**0.5)


@pytest.mark.parametrize(("uniform", "sd"), [(False, 0.1), (True, 0.1 / math.sqrt(3))])
def test_noise_has_no_mean_and_the_deviation_asked_for(uniform: bool, sd: float) -> None:
    image = torch.full((2, 3, 100, 150), 0.5, dtype=torch.float64)
    noise = Noise(0.1, uniform)(image, rng()) - image
    assert noise.mean().item() == pytest.approx(0, abs=3 * sd / 90000**0.5)
    assert noise.std().item() == pytest.approx(sd, rel=0.01)
    assert bool(noise.abs().max() <= 0.1) == uniform
    assert not torch.equal(noise[0], noise[1])
    assert not torch.equal(noise[0, 0], noise[0, 1])


def test_noise_of_the_next_step_is_other_noise() -> None:
    generator = rng()
    assert not torch.equal(Noise(0.1)(IMAGE, generator), Noise(0.1)(IMAGE, generator))


def test_relative_noise_is_a_multiple_of_each_images_own_deviation() -> None:
    # Half black and half white: a standard deviation of a half; and a picture in one grey.
    halves = torch.zeros(1, 3, 40, 60)
    halves[..., 30:] = 1
    plain = torch.full_like(halves, 0.5)
    image = torch.cat([halves, plain, 0.2 * halves])
    noise = Noise(0.4, relative=True)(image, rng()) - image
    assert noise.flatten(1).std(1).tolist() == pytest.approx([0.2, 0, 0.04], rel=0.03)


def test_noise_that_is_shared_is_the_same_in_every_image_but_for_its_size() -> None:
    image = (
        torch.rand(3, 3, 40, 60, generator=rng(1))
        * torch.tensor([1.0, 1, 0.5])[:, None, None, None]
    )
    noise = Noise(0.1, shared=True)(image, rng()) - image
    torch.testing.assert_close(noise, noise[:1].expand_as(noise), atol=1e-6, rtol=0)
    assert noise.std().item() == pytest.approx(0.1, rel=0.03)
    relative = Noise(0.4, relative=True, shared=True)(image, rng()) - image
    contrast = image.flatten(1).std(1, correction=0)
    assert not torch.equal(relative[0], relative[1])
    alike = relative / contrast[:, None, None, None]
    torch.testing.assert_close(alike, alike[:1].expand_as(alike), atol=1e-5, rtol=0)


def test_colors_shift_as_a_whole_image_by_image() -> None:
    image = torch.full((4000, 3, 1, 2), 0.25, dtype=torch.float64)
    shift = ColorShift(0.1)(image, rng()) - image
    assert torch.equal(shift[..., 0], shift[..., 1])
    assert shift.mean().item() == pytest.approx(0, abs=3 * 0.1 / 12000**0.5)
    assert shift.std().item() == pytest.approx(0.1, rel=0.03)


def test_brightness_shifts_all_channels_alike() -> None:
    image = torch.full((4000, 3, 1, 1), 0.25, dtype=torch.float64)
    shift = (ColorShift(brightness=0.2)(image, rng()) - image)[..., 0, 0]
    assert torch.allclose(shift, shift[:, :1].expand(-1, 3))
    assert shift[:, 0].std().item() == pytest.approx(0.2, rel=0.04)


def test_contrast_scales_distances_from_middle_gray() -> None:
    image = torch.tensor([0.5, 0.7]).double().expand(4000, 3, 1, 2)
    changed = ColorShift(contrast=0.4)(image, rng())
    assert torch.allclose(changed[..., 0], torch.tensor(0.5).double())
    gains = (changed[:, 0, 0, 1] - 0.5) / 0.2
    assert 0.6 <= gains.min() < 0.61
    assert 1.39 < gains.max() <= 1.4 + 1e-9


def test_gray_is_luma_in_all_channels_as_often_as_asked() -> None:
    image = torch.tensor([1.0, 0.5, 0.25]).double().reshape(1, 3, 1, 1).expand(4000, 3, 1, 1)
    shown = Grayscale(0.3)(image, rng())[..., 0, 0]
    luma = 0.299 + 0.587 * 0.5 + 0.114 * 0.25
    gray = (shown[:, 0] != 1).double()
    assert torch.allclose(shown[gray > 0], torch.tensor(luma).double())
    assert torch.equal(shown[gray == 0], image[gray == 0][..., 0, 0])
    assert gray.mean().item() == pytest.approx(0.3, abs=0.022)  # three standard errors


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_shifts_keep_any_number_of_channels_and_shift_each_by_its_own_draw(channels: int) -> None:
    image = torch.full((2, channels, 3, 4), 0.5)
    shifted = ColorShift(0.1)(image, rng())
    assert shifted.shape == image.shape
    amounts = (shifted - image)[:, :, 0, 0]
    assert torch.allclose(shifted - image, amounts[..., None, None].expand_as(image))
    assert len(amounts.flatten().unique()) == 2 * channels


def test_gray_of_one_channel_is_itself_and_of_others_is_refused() -> None:
    image = torch.rand((2, 1, 3, 4), generator=rng())
    assert torch.equal(Grayscale()(image, rng()), image)
    with pytest.raises(BadSetting, match="only 3 channels are colours that have a grey, not 5"):
        Grayscale()(torch.rand(1, 5, 3, 4), rng())


def test_sets_of_transforms_are_found_by_name() -> None:
    ours, theirs = ["robust", "gentle", "wide", "strong"], ["lucid", "maco", "accentuate"]
    assert list(presets) == [*ours, *theirs, "none"]
    assert (presets["robust"], presets["lucid"], presets["none"]) == (ROBUST, LUCID, NONE)
    assert NONE == ()
    with pytest.raises(BadSetting, match="no set of transforms named 'lucent'; did you mean 'luc"):
        presets["lucent"]


@pytest.mark.parametrize("name", list(presets))
def test_every_set_works_on_any_aspect_and_both_precisions(name: str) -> None:
    for dtype, size in ((torch.float32, (40, 56)), (torch.float64, (60, 33))):
        image = torch.rand(2, 3, *size, dtype=dtype, generator=rng())
        for transform in presets[name]:
            image = transform(image, rng(1))
        assert image.isfinite().all()
        assert len(image) == {"maco": 64, "accentuate": 32}.get(name, 2)


BAD: list[tuple[Any, str]] = [
    (lambda: Blur(-1, 1), "low is -1; it must be at least 0, and finite"),
    (lambda: Blur(2, 1), "a blur from 2 to 1 pixels"),
    (lambda: Noise(-0.1), "sd is -0.1; it must be at least 0, and finite"),
    (lambda: Noise(math.nan), "sd is nan"),
    (lambda: ColorShift(-1), "sd is -1; it must be at least 0, and finite"),
    (lambda: ColorShift(0, math.inf), "brightness is inf"),
    (lambda: ColorShift(contrast=2), "contrast is 2; it must be at least 0 and at most 1"),
    (lambda: Grayscale(1.5), "probability is 1.5; it must be at least 0 and at most 1"),
]


@pytest.mark.parametrize(("make", "told"), BAD, ids=[told for _, told in BAD])
def test_what_makes_no_sense_is_refused(make: Any, told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        make()

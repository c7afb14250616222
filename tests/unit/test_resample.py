"""Sizes and resizing, by answers that follow from what interpolation must keep."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from entoptic.errors import BadSetting
from entoptic.images.resize import (
    center_crop,
    fit_long_side,
    fit_short_side,
    gaussian_blur,
    octave_sizes,
    resize,
)

sides = st.integers(1, 40)


@settings(deadline=None)
@given(sides, sides, sides, sides)
def test_a_constant_stays_constant_at_every_size(
    height: int, width: int, new_height: int, new_width: int
) -> None:
    resized = resize(torch.full((1, 3, height, width), 0.3), new_height, new_width)
    assert resized.shape == (1, 3, new_height, new_width)
    torch.testing.assert_close(resized, torch.full_like(resized, 0.3), atol=1e-6, rtol=0)


def test_a_ramp_keeps_its_slope_when_enlarged() -> None:
    ramp = torch.arange(20.0).expand(1, 3, 6, 20)
    resized = resize(ramp, 12, 40)
    # Pixel i of the new picture has its centre at (i + 0.5) / 2 - 0.5 of the old.
    expected = (torch.arange(40.0) + 0.5) / 2 - 0.5
    torch.testing.assert_close(resized[0, 1, 7, 5:-5], expected[5:-5], atol=1e-5, rtol=0)


def test_a_ramp_keeps_its_slope_when_shrunk() -> None:
    ramp = torch.arange(60.0)[:, None].expand(1, 3, 60, 8)
    resized = resize(ramp, 20, 4)
    torch.testing.assert_close(
        resized[0, 2, 3:-3, 1], (torch.arange(20.0) * 3 + 1)[3:-3], atol=1e-4, rtol=0
    )


def test_shrinking_averages_a_fine_pattern_instead_of_picking_from_it() -> None:
    checkers = ((torch.arange(64)[:, None] + torch.arange(96)) % 2).float().expand(1, 3, 64, 96)
    inner = resize(checkers, 16, 24)[..., 2:-2, 2:-2]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5), atol=2e-3, rtol=0)


def test_the_mean_is_kept() -> None:
    image = torch.rand(2, 3, 60, 90, generator=torch.Generator().manual_seed(3))
    small = resize(image, 20, 30)
    torch.testing.assert_close(small.mean((-2, -1)), image.mean((-2, -1)), atol=5e-3, rtol=0)


def test_mirroring_and_resizing_can_change_places() -> None:
    image = torch.rand(1, 3, 11, 17, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(resize(image, 7, 23).flip(-1, -2), resize(image.flip(-1, -2), 7, 23))


def test_the_same_size_gives_the_same_values_exactly() -> None:
    image = torch.rand(1, 3, 5, 7) * 3 - 1
    assert torch.equal(resize(image, 5, 7), image)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_memory_format_is_kept(layout: torch.memory_format) -> None:
    image = torch.rand(2, 3, 5, 7).to(memory_format=layout)
    assert resize(image, 4, 9).is_contiguous(memory_format=layout)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_type_of_the_numbers_is_kept(dtype: torch.dtype) -> None:
    resized = resize(torch.full((1, 3, 4, 6), 0.5, dtype=dtype), 3, 2)
    assert resized.dtype == dtype
    torch.testing.assert_close(resized, torch.full_like(resized, 0.5))


def test_gradients_flow_through_resizing() -> None:
    image = torch.rand(1, 3, 6, 10, requires_grad=True)
    resize(image, 3, 5).sum().backward()
    # Each new pixel is a weighted mean, so the weights of all of them sum to their number.
    assert image.grad is not None
    assert float(image.grad.sum()) == pytest.approx(3 * 3 * 5, rel=1e-5)


def test_octaves_grow_by_the_scale_up_to_the_full_size() -> None:
    assert octave_sizes(200, 100, 4, 2.0) == [(25, 13), (50, 25), (100, 50), (200, 100)]


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 12), st.floats(1.01, 4.0))
def test_octaves_keep_the_proportions_to_half_a_pixel(
    height: int, width: int, octaves: int, scale: float
) -> None:
    sizes = octave_sizes(height, width, octaves, scale)
    assert len(sizes) == octaves
    assert sizes[-1] == (height, width)
    assert sizes == sorted(sizes)
    for back, (rows, columns) in enumerate(reversed(sizes)):
        assert rows == 1 or abs(rows - height / scale**back) <= 0.5 + 1e-6
        assert columns == 1 or abs(columns - width / scale**back) <= 0.5 + 1e-6


def test_many_octaves_end_at_one_pixel() -> None:
    assert octave_sizes(300, 400, 2000, 2.0)[0] == (1, 1)


@pytest.mark.parametrize("scale", [1.0, 0.5, -2.0, math.inf, math.nan])
def test_a_scale_that_does_not_grow_is_refused(scale: float) -> None:
    with pytest.raises(BadSetting, match=r"scale is .*; it must be above 1, and finite"):
        octave_sizes(10, 10, 3, scale)


def test_no_octaves_are_refused() -> None:
    with pytest.raises(BadSetting, match="octaves is 0; it must be a whole number from 1"):
        octave_sizes(10, 10, 0, 1.4)


@pytest.mark.parametrize(("height", "width"), [(0, 5), (5, 0), (-1, 5)])
def test_an_empty_size_is_refused(height: int, width: int) -> None:
    expected = "(height|width) is (0|-1); it must be a whole number from 1"
    with pytest.raises(BadSetting, match=expected):
        resize(torch.rand(1, 3, 4, 4), height, width)
    with pytest.raises(BadSetting, match=expected):
        octave_sizes(height, width, 3, 1.4)
    with pytest.raises(BadSetting, match=expected):
        center_crop(torch.rand(1, 3, 4, 4), height, width)
    with pytest.raises(BadSetting, match=expected):
        fit_long_side(height, width, 3)


def test_sides_are_fitted_in_both_directions() -> None:
    assert fit_long_side(300, 401, 200) == (150, 200)
    assert fit_long_side(30, 10, 300) == (300, 100)
    assert fit_short_side(300, 401, 150) == (150, 201)
    assert fit_short_side(30, 10, 20) == (60, 20)


def test_a_thin_picture_keeps_at_least_one_pixel() -> None:
    assert fit_long_side(1, 1000, 10) == (1, 10)


def test_a_side_without_pixels_is_refused() -> None:
    with pytest.raises(BadSetting, match="short side is 0; it must be a whole number from 1"):
        fit_short_side(10, 20, 0)


def test_a_crop_takes_the_middle() -> None:
    image = torch.arange(7.0 * 9).reshape(1, 1, 7, 9).expand(1, 3, 7, 9)
    assert torch.equal(center_crop(image, 3, 4), image[..., 2:5, 2:6])


def test_a_crop_of_the_whole_is_the_whole() -> None:
    image = torch.rand(1, 3, 4, 7)
    assert torch.equal(center_crop(image, 4, 7), image)


def test_a_crop_larger_than_the_picture_is_refused() -> None:
    with pytest.raises(BadSetting, match=r"crop of 5 x 4 .* picture, 4 x 7; resize the picture"):
        center_crop(torch.rand(1, 3, 4, 7), 5, 4)


def test_a_blurred_point_is_the_gaussian() -> None:
    point = torch.zeros(1, 3, 25, 31, dtype=torch.float64)
    point[:, :, 12, 15] = 1
    blurred = gaussian_blur(point, 2.0)
    down, across = (
        torch.exp(-0.5 * ((torch.arange(n, dtype=torch.float64) - n // 2) / 2) ** 2)
        for n in (25, 31)
    )
    for one in (down, across):
        one[(torch.arange(len(one)) - len(one) // 2).abs() > 6] = 0  # cut off at three sigmas
    expected = down[:, None] / down.sum() * (across / across.sum())
    torch.testing.assert_close(blurred[0, 1], expected)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (5, 1), (13, 17)])
def test_a_blur_repeats_the_edges_and_has_the_gradient_of_finite_differences(
    size: tuple[int, int],
) -> None:
    image = torch.rand(2, 3, *size, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: gaussian_blur(x, 1.2), image)
    wide = torch.nn.functional.pad(image, (20, 20, 20, 20), mode="replicate")
    inner = gaussian_blur(wide, 1.2)[..., 20:-20, 20:-20]
    torch.testing.assert_close(gaussian_blur(image, 1.2), inner)


def test_a_picture_is_blurred_as_it_would_be_alone() -> None:
    images = torch.rand(3, 3, 40, 50)
    together = gaussian_blur(images, 2.5)
    assert all(torch.equal(gaussian_blur(images[i : i + 1], 2.5)[0], together[i]) for i in range(3))

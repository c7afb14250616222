"""The canvas of plain pixels."""

from __future__ import annotations

import math

import pytest
import torch

from entoptic.canvas import Pixels
from entoptic.errors import BadPicture
from entoptic.images.resize import resize


def image() -> torch.Tensor:
    return torch.rand((2, 3, 5, 7), generator=torch.Generator().manual_seed(8))


def test_pixels_show_a_copy_of_the_picture_they_begin_with() -> None:
    picture = image()
    canvas = Pixels(picture)
    assert torch.equal(canvas(), picture)
    picture.zero_()
    assert torch.equal(canvas(), image())


def test_the_picture_is_differentiable_in_the_pixels() -> None:
    canvas = Pixels(image())
    canvas().sum().backward()
    (parameter,) = canvas.parameters()
    assert torch.equal(parameter.grad, torch.ones(2, 3, 5, 7))  # type: ignore[arg-type]


def test_constraining_clips_to_black_and_white() -> None:
    canvas = Pixels(torch.full((1, 3, 2, 3), 0.5))
    with torch.no_grad():
        canvas.pixels[0, 0, 0] = torch.tensor([-1.0, 0.25, 7.0])
    canvas.constrain()
    assert canvas()[0, 0].tolist() == [[0, 0.25, 1], [0.5, 0.5, 0.5]]


def test_a_resized_canvas_is_a_new_one_with_the_picture_resized() -> None:
    canvas = Pixels(image())
    larger = canvas.resized(9, 11)
    torch.testing.assert_close(larger(), resize(image(), 9, 11).clamp(0, 1))
    assert larger.pixels.requires_grad
    assert torch.equal(canvas(), image())


def test_noise_lies_low_around_middle_gray_and_comes_from_its_seed() -> None:
    canvas = Pixels.noise(30, 40, seed=3, batch=2)
    expected = torch.rand((2, 3, 30, 40), generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(canvas(), (20 * expected + 118) / 255)
    assert torch.equal(canvas(), Pixels.noise(30, 40, seed=3, batch=2)())


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1.5, "these go from 0.5 to 1.5"),
        (-0.25, "these go from -0.25 to 0.5"),
        (math.inf, "these go from 0.5 to inf"),
        (math.nan, "these go from nan to nan"),
    ],
)
def test_a_picture_out_of_range_is_refused(value: float, told: str) -> None:
    picture = torch.full((1, 3, 4, 5), 0.5)
    picture[0, 1, 2, 3] = value
    with pytest.raises(BadPicture, match=rf"a canvas wants pixels in \[0, 1\]; {told}"):
        Pixels(picture)

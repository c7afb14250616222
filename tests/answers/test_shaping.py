"""Gradient shaping: answers known beforehand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.ascent.optimizers import headroom_left
from entoptic.ascent.shaping import Decorrelate, Laplacian, Shaping, shaping_of, shaping_text
from entoptic.errors import BadSetting
from entoptic.images.color import COVARIANCE
from entoptic.images.resize import resize
from entoptic.images.stored import Stored
from entoptic.networks import Preprocess

CPU = torch.device("cpu")


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def shaped(shaping: Shaping, gradient: Tensor) -> Tensor:
    found = Stored(gradient.clone())
    shaping.shape(found, CPU)
    return found.tensor


def plain(network: nn.Module) -> ent.Model:
    return ent.Model.wrap(
        network, preprocess=Preprocess(size=(12, 16), mean=(0, 0, 0), std=(1, 1, 1))
    )


def test_laplacian_normalization_is_that_of_the_pyramid() -> None:
    gradient = noise(1, 3, 37, 52)
    half = resize(gradient, 19, 26)
    quarter = resize(half, 10, 13)
    levels = [gradient - resize(half, 37, 52), half - resize(quarter, 19, 26), quarter]
    fine, middle, coarse = (level / level.square().mean().sqrt() for level in levels)
    expected = fine + resize(middle + resize(coarse, 19, 26), 37, 52)
    assert torch.allclose(shaped(Laplacian(3), gradient), expected, atol=1e-5)


def test_laplacian_normalization_treats_every_image_of_a_batch_alone() -> None:
    gradient = noise(2, 3, 20, 30) * torch.tensor([1.0, 1000.0]).reshape(2, 1, 1, 1)
    alone = [shaped(Laplacian(), each) for each in gradient.split(1)]
    assert torch.allclose(shaped(Laplacian(), gradient), torch.cat(alone), atol=1e-5)


def test_laplacian_normalization_of_one_level_is_division_by_the_root_mean_square() -> None:
    gradient = 7 * noise(1, 3, 8, 12)
    found = shaped(Laplacian(1), gradient)
    assert torch.allclose(found, gradient / gradient.square().mean().sqrt())


def test_laplacian_normalization_of_zeros_is_zeros() -> None:
    assert (shaped(Laplacian(), torch.zeros(1, 3, 16, 24)) == 0).all()


def test_the_root_of_the_covariance_twice_is_the_covariance() -> None:
    gradient = noise(2, 3, 5, 7)
    covariance = torch.einsum("ij,bjhw->bihw", COVARIANCE.float(), gradient)
    assert torch.allclose(shaped(Decorrelate(1.0), gradient), covariance, atol=1e-5)
    half = Decorrelate(0.5)
    assert torch.allclose(shaped(half, shaped(half, gradient)), covariance, atol=1e-5)
    assert torch.allclose(shaped(Decorrelate(0), gradient), gradient, atol=1e-5)


def test_spread_makes_weak_and_strong_parts_equally_strong() -> None:
    gradient = noise(1, 3, 200, 300)
    gradient[..., :150] *= 100
    (spread,) = shaping_of("spread(1.0, 5.0)")
    found = shaped(spread, gradient)
    assert (found.sign() == gradient.sign()).all()
    left, right = found[..., 30:120].square().mean(), found[..., 180:270].square().mean()
    # The weak half is a hundredth of the strong one, which is about the floor: a tenth of the mean.
    assert 0.9 < left < 1.1
    assert 0.01 < right < 0.05
    assert shaped(shaping_of("spread(0)")[0], gradient).allclose(gradient)


def test_spread_of_one_pixel_stays_finite_and_of_zeros_zero() -> None:
    (spread,) = shaping_of("spread(1.0, 30.0)")
    gradient = torch.zeros(1, 3, 100, 150)
    assert (shaped(spread, gradient) == 0).all()
    gradient[..., 50, 75] = 1e-12
    found = shaped(spread, gradient)
    # At most the pixel divided by the floor, a tenth of the root mean square.
    assert 0 < found.max() <= 1.001 / (0.1 * (1 / 15000) ** 0.5)


def test_luminance_keeps_all_color_differences() -> None:
    gradient = noise(1, 3, 5, 7)
    (luminance,) = shaping_of("luminance")
    found = shaped(luminance, gradient)
    assert torch.allclose(found, gradient.mean(1, keepdim=True).expand(-1, 3, -1, -1))


def test_chroma_is_weighed_and_blurred_alone() -> None:
    gray = torch.rand(1, 1, 9, 11).expand(-1, 3, -1, -1)
    colors = torch.tensor([1.0, -1.0, 0.0]).reshape(1, 3, 1, 1).expand(1, 3, 9, 11)
    (chroma,) = shaping_of("chroma(0.25, 2.0)")
    # A blur leaves what is the same everywhere, and the gray isn't blurred.
    assert torch.allclose(shaped(chroma, gray + colors), gray + 0.25 * colors, atol=1e-6)


def test_a_step_in_shaped_colors_is_that_of_lucid_on_a_filter() -> None:
    """For a linear network the gradient is known, and so is the step."""
    network = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False))
    color = torch.tensor([0.5, -0.25, 0.75])
    with torch.no_grad():
        network[0].weight.copy_(color.reshape(1, 3, 1, 1))
    canvas = ent.Pixels(torch.full((1, 3, 4, 6), 0.5))
    rule = ent.climb(0.1, "max_abs", shaping="decorrelate(1.0)")
    list(ent.ascend(plain(network), ent.total("0"), canvas, optimizer=rule, steps=1))
    wanted = COVARIANCE.float() @ color
    moved = canvas.pixels.detach()[0, :, 2, 3] - 0.5
    assert torch.allclose(moved, 0.1 * wanted / wanted.abs().max(), atol=1e-6)


def test_headroom_ends_short_of_black_and_white() -> None:
    network = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([1.0, -1.0, 1.0]).reshape(1, 3, 1, 1))
    start = torch.full((1, 3, 4, 6), 0.5)
    ends = {}
    for headroom in (0.0, 0.1):
        canvas = ent.Pixels(start)
        rule = ent.climb(0.05, "max_abs", headroom=headroom)
        list(ent.ascend(plain(network), ent.total("0"), canvas, optimizer=rule, steps=40))
        ends[headroom] = canvas.pixels.detach()[0, :, 0, 0]
    assert ends[0.0].tolist() == [1, 0, 1]
    # 8 steps to 0.9, then half of what is left of the room in each of 32 more.
    assert torch.allclose(1 - ends[0.1][0], torch.tensor(0.1 * 0.5**32), atol=1e-6)
    assert ((ends[0.1] > 0) | (headroom_left(ends[0.1], -torch.ones(3), 0.1) == 0)).all()


def test_what_is_shaped_is_written_as_it_is_read() -> None:
    for text in ("none", "laplacian(3) + decorrelate", "chroma(0.5, 2.0)", "luminance"):
        assert shaping_text(shaping_of(text)) == text
    assert shaping_of([Laplacian(3), "decorrelate"]) == shaping_of("laplacian(3) + decorrelate")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("laplace", "did you mean 'laplacian'"),
        ("laplacian(0)", "laplacian: levels is 0; it must be a whole number from 1 to 16"),
        ("decorrelate(-1)", "power is -1; it must be at least 0"),
    ],
)
def test_what_is_no_shaping_is_refused(given: Any, message: str) -> None:
    with pytest.raises(BadSetting, match=message.replace("(", r"\(")):
        shaping_of(given)


def test_a_users_shaping_is_found_by_name() -> None:
    from dataclasses import dataclass

    from entoptic.ascent.shaping import LocalShaping, shaping, shapings

    @shaping
    @dataclass(frozen=True)
    class TestedFlip(LocalShaping):
        """Turn the gradient upside down."""

        def __call__(self, gradient: Tensor) -> Tensor:
            return gradient.flip(2)

    try:
        (made,) = shaping_of("tested_flip")
        assert (shaped(made, noise(1, 3, 4, 5)) == noise(1, 3, 4, 5).flip(2)).all()
        assert shaping_text([made]) == "tested_flip"
    finally:
        del shapings._things["tested_flip"], shapings._told["tested_flip"]


def test_decorrelate_wants_three_channels() -> None:
    with pytest.raises(BadSetting, match="3 color channels, and this picture has 1"):
        shaped(Decorrelate(), noise(1, 1, 4, 5))

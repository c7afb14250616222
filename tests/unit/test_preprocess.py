"""How a network wants its pictures."""

from __future__ import annotations

import pytest
import torch

from entoptic.errors import BadSetting
from entoptic.networks import Preprocess

PIXEL = torch.tensor([0.2, 0.4, 1.0]).reshape(1, 3, 1, 1)
IMAGE = PIXEL.expand(2, 3, 4, 5)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Preprocess(mean=(0, 0, 0), std=(1, 1, 1)), (0.2, 0.4, 1.0)),
        (Preprocess(mean=(0.5, 0.5, 0.5), std=(0.5, 0.25, 0.125)), (-0.6, -0.4, 4.0)),
        (Preprocess(mean=(100, 110, 120), std=(1, 1, 10), scale=255), (-49.0, -8.0, 13.5)),
        # Mean and std are in the network's order: blue first.
        (
            Preprocess(mean=(104, 117, 123), std=(1, 1, 2), scale=255, order="BGR"),
            (151.0, -15.0, -36.0),
        ),
    ],
)
def test_pictures_are_scaled_and_normalized_in_the_networks_own_order(
    how: Preprocess, expected: tuple[float, ...]
) -> None:
    wanted = torch.tensor(expected).reshape(1, 3, 1, 1).expand(2, 3, 4, 5)
    torch.testing.assert_close(how(IMAGE), wanted, atol=1e-4, rtol=1e-5)


def test_the_precision_of_the_picture_is_kept() -> None:
    assert Preprocess()(IMAGE.double()).dtype == torch.float64


def test_the_picture_is_not_changed_and_its_gradient_is_the_factor() -> None:
    image = PIXEL.clone().requires_grad_()
    Preprocess(std=(0.5, 0.25, 0.125), order="BGR")(image).sum().backward()
    assert torch.equal(image.detach(), PIXEL)
    assert image.grad is not None
    assert image.grad.flatten().tolist() == [8, 4, 2]


def test_an_unknown_order_of_channels_is_refused() -> None:
    with pytest.raises(BadSetting, match="order is 'GBR'; it is one of RGB, BGR"):
        Preprocess(order="GBR")


@pytest.mark.parametrize("std", [(1.0, 1.0), (1.0, 0.0, 1.0)])
def test_a_std_of_another_length_or_of_zero_is_refused(std: tuple[float, ...]) -> None:
    with pytest.raises(BadSetting, match="want 3 numbers each, std none of them 0"):
        Preprocess(std=std)

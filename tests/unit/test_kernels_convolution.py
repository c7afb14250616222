"""Frozen convolutions: equal to PyTorch's own, there and back, at every geometry."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from entoptic.networks.compile.kernels.convolution import FrozenConv
from entoptic.networks.compile.kernels.rectifier import Rectifier

GEOMETRIES: list[dict[str, Any]] = [
    {"in_channels": 3, "kernel_size": 3},
    {"in_channels": 3, "kernel_size": 3, "padding": 1},
    {"in_channels": 3, "kernel_size": (3, 4), "stride": 2},
    {"in_channels": 3, "kernel_size": 7, "stride": 2, "padding": 3},
    {"in_channels": 3, "kernel_size": 11, "stride": 4, "padding": 2},
    {"in_channels": 3, "kernel_size": 4, "stride": 4},
    {"in_channels": 1, "kernel_size": 2, "stride": 3},
    {"in_channels": 3, "kernel_size": 1, "padding": 1},
    {"in_channels": 3, "kernel_size": 3, "stride": (2, 1)},
    {"in_channels": 6, "kernel_size": 1},
    {"in_channels": 6, "kernel_size": 1, "stride": 2},
    {"in_channels": 6, "kernel_size": (3, 5), "padding": (1, 2)},
    {"in_channels": 6, "kernel_size": 3, "padding": 4},
    {"in_channels": 6, "kernel_size": 3, "stride": (2, 3), "padding": 1},
    {"in_channels": 6, "kernel_size": 3, "dilation": (2, 1), "padding": 1},
    {"in_channels": 6, "kernel_size": 3, "groups": 2},
    {"in_channels": 6, "kernel_size": (5, 3), "groups": 6, "padding": (2, 1)},
    {"in_channels": 6, "kernel_size": 5, "groups": 6, "stride": 2, "padding": 2},
]
RECTIFIERS = [
    (None, nn.Identity()),
    (Rectifier(), nn.ReLU()),
    (Rectifier(0.5), nn.Hardtanh(0, 0.5)),
]
SIZES = [(17, 22), (18, 25), (20, 23)]


def there_and_back(network: nn.Module, image: Tensor) -> tuple[Tensor, Tensor]:
    image = image.clone().requires_grad_()
    result = network(image)
    weights = torch.rand(result.shape, generator=torch.Generator().manual_seed(3))
    (back,) = torch.autograd.grad((result.float() * weights).sum(), image)
    return result, back


@pytest.mark.parametrize(("rectifier", "layer"), RECTIFIERS)
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_a_frozen_convolution_gives_what_the_plain_one_does_there_and_back(
    geometry: dict[str, Any], rectifier: Rectifier | None, layer: nn.Module
) -> None:
    torch.manual_seed(1)
    conv = nn.Conv2d(out_channels=12, **geometry)
    frozen = FrozenConv(conv, torch.float32, rectifier)
    for size in SIZES:
        image = torch.randn((2, conv.in_channels, *size))
        plain = there_and_back(nn.Sequential(conv, layer), image)
        torch.testing.assert_close(there_and_back(frozen, image), plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("rectifier", "layer"), RECTIFIERS)
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_in_bfloat16_it_differs_by_its_rounding_alone(
    geometry: dict[str, Any], rectifier: Rectifier | None, layer: nn.Module
) -> None:
    torch.manual_seed(1)
    conv = nn.Conv2d(out_channels=12, **geometry)
    frozen = FrozenConv(conv, torch.bfloat16, rectifier)
    image = torch.randn((2, conv.in_channels, 17, 22))
    ours, back = there_and_back(frozen, image)
    theirs, expected = there_and_back(nn.Sequential(conv, layer), image)
    assert ours.dtype == torch.bfloat16
    assert back.dtype == torch.float32
    assert (ours - theirs).norm() < 0.01 * theirs.norm()
    # Next to a kink, what is rounded may lie on the other side of it.
    assert (back - expected).norm() < 0.1 * expected.norm()


def test_a_gradient_that_is_a_slice_of_another_is_taken_as_it_is() -> None:
    conv = nn.Conv2d(6, 4, 3, bias=False)
    frozen = FrozenConv(conv, torch.bfloat16, Rectifier())
    image = torch.randn((1, 6, 9, 13), requires_grad=True)
    both = torch.cat([frozen(image), frozen(image)], 1).float()
    (twice,) = torch.autograd.grad(both.sum(), image)
    (once,) = torch.autograd.grad(frozen(image).float().sum(), image)
    torch.testing.assert_close(twice, 2 * once, rtol=0.01, atol=0.01)


def test_it_keeps_nothing_but_what_its_rectifier_gives() -> None:
    conv = nn.Conv2d(6, 4, 3, bias=False)
    image = torch.randn((1, 6, 9, 13), requires_grad=True)
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):  # type: ignore[func-returns-value]
        FrozenConv(conv, torch.float32)(image)
        assert kept == []
        FrozenConv(conv, torch.float32, Rectifier())(image)
    assert [tuple(each.shape) for each in kept] == [(1, 4, 7, 11)]

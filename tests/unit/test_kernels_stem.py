"""Stems: in bands they give what they give at once, there and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import nn

from entoptic.networks.compile.kernels import stem as stems
from entoptic.networks.compile.kernels.convolution import FrozenConv
from entoptic.networks.compile.kernels.max_pool import LeanMaxPool
from entoptic.networks.compile.kernels.rectifier import MaskedBy, Rectifier
from entoptic.networks.compile.kernels.stem import Stem

CONVS: list[dict[str, Any]] = [
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 7, "stride": 2, "padding": 3},
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": (3, 5), "stride": (1, 2), "padding": (2, 0), "dilation": (2, 1)},
]
POOLS: list[dict[str, Any]] = [
    {"kernel_size": 3, "stride": 2, "ceil_mode": True},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 2},
    {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0), "dilation": (2, 1)},
]


def made(
    convs: nn.Conv2d | Sequence[nn.Conv2d],
    pool: nn.MaxPool2d,
    dtype: torch.dtype,
    rectifier: Rectifier,
) -> Stem:
    row = [convs] if isinstance(convs, nn.Conv2d) else convs
    frozen = [FrozenConv(conv, dtype, rectifier) for conv in row[:-1]]
    last = FrozenConv(row[-1], dtype, rectifier, MaskedBy.POOL)
    return Stem([*frozen, last], LeanMaxPool(pool, rectifier))


@pytest.mark.parametrize("pool", POOLS, ids=str)
@pytest.mark.parametrize("conv", CONVS, ids=str)
@pytest.mark.parametrize(
    ("rectifier", "plain"), [(Rectifier(), nn.ReLU()), (Rectifier(0.4), nn.Hardtanh(0, 0.4))]
)
def test_bands_change_nothing(
    conv: dict[str, Any],
    pool: dict[str, Any],
    rectifier: Rectifier,
    plain: nn.Module,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(3, 8, **conv), plain, nn.MaxPool2d(**pool))
    stem = made(network[0], network[2], torch.float32, rectifier)  # type: ignore[arg-type]
    for size, numbers in (((33, 26), 1500), ((40, 19), 1000), ((29, 30), 600)):
        monkeypatch.setattr(stems, "_AT_ONCE", numbers)
        image = torch.randn((1, 3, *size)).requires_grad_()
        assert stem.bands(image).count > 1
        expected, found = network(image), stem(image)
        torch.testing.assert_close(found, expected)
        weights = torch.rand(expected.shape)
        there, back = (
            torch.autograd.grad((each * weights).sum(), image)[0] for each in (expected, found)
        )
        torch.testing.assert_close(back, there, rtol=1e-4, atol=1e-5)


ROWS: list[list[nn.Conv2d]] = [
    [nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)],
    [nn.Conv2d(3, 6, 3, stride=2), nn.Conv2d(6, 5, 3), nn.Conv2d(5, 8, 3, padding=1)],
    [nn.Conv2d(4, 6, 5, 2, 2), nn.Conv2d(6, 4, (3, 1), (2, 1), (2, 1), (2, 1), 2)],
]


@pytest.mark.parametrize("pool", POOLS, ids=str)
@pytest.mark.parametrize("row", ROWS, ids=("VGG", "Inception", "odd"))
@pytest.mark.parametrize(
    ("rectifier", "plain"), [(Rectifier(), nn.ReLU()), (Rectifier(0.3), nn.Hardtanh(0, 0.3))]
)
def test_convolutions_in_a_row_give_what_they_give_one_after_another(
    row: list[nn.Conv2d],
    pool: dict[str, Any],
    rectifier: Rectifier,
    plain: nn.Module,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(1)
    parts = [part for conv in row for part in (conv, plain)]
    network = nn.Sequential(*parts, nn.MaxPool2d(**pool))
    stem = made(row, network[-1], torch.float32, rectifier)  # type: ignore[arg-type]
    images = torch.randn((2, row[0].in_channels, 47, 38)).requires_grad_()
    expected = network(images)
    weights = torch.rand(expected.shape)
    (there,) = torch.autograd.grad((expected * weights).sum(), images)
    for numbers, in_bands in ((1 << 30, False), (2000, True), (700, True)):
        monkeypatch.setattr(stems, "_ROW_AT_ONCE", numbers)
        assert (stem.bands(images).count > 1) == in_bands
        found = stem(images)
        torch.testing.assert_close(found, expected)
        (back,) = torch.autograd.grad((found * weights).sum(), images)
        torch.testing.assert_close(back, there, rtol=1e-4, atol=1e-5)


def test_in_bfloat16_bands_differ_from_the_whole_by_rounding_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(1)
    conv, pool = nn.Conv2d(3, 8, 3, stride=2), nn.MaxPool2d(3, 2)
    stem = made(conv, pool, torch.bfloat16, Rectifier())
    image = torch.randn((1, 3, 90, 40)).requires_grad_()
    found = []
    for numbers in (1 << 30, 500):
        monkeypatch.setattr(stems, "_AT_ONCE", numbers)
        bands = stem.bands(image)
        assert bands is not None
        assert (bands.count == 1) == (numbers > 500)
        values = stem(image)
        assert values.dtype == torch.bfloat16
        found.append((values, *torch.autograd.grad(values.float().sum(), image)))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=0, atol=0)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=0.02, atol=0.02)


def test_in_bfloat16_a_row_in_bands_differs_from_convolutions_by_rounding_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(1)
    row = [nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)]
    stem = made(row, nn.MaxPool2d(2), torch.bfloat16, Rectifier())
    image = torch.randn((1, 3, 90, 40)).requires_grad_()
    found = []
    for each in (stem, nn.Sequential(*stem.convs, stem.pool)):
        monkeypatch.setattr(stems, "_ROW_AT_ONCE", 5000)
        values = each(image)
        assert values.dtype == torch.bfloat16
        found.append((values, *torch.autograd.grad(values.float().sum(), image)))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=0, atol=0)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=0.02, atol=0.02)


def test_a_band_keeps_no_map_of_the_convolution() -> None:
    conv, pool = nn.Conv2d(3, 64, 3, stride=2), nn.MaxPool2d(3, 2, ceil_mode=True)
    stem = made(conv, pool, torch.bfloat16, Rectifier())
    image = torch.rand((1, 3, 520, 1024)).requires_grad_()
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda x: kept.append(x.nbytes) or x,  # type: ignore[func-returns-value]
        lambda x: x,
    ):
        result = stem(image)
    between = 64 * 259 * 511 * 2
    assert sum(kept) < between
    # What the pool gives, and where, in 16 bits each.
    assert sum(kept) == pytest.approx(result.numel() * (2 + 2), rel=0.2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("numbers", "bands", "together"), [(2000, 20, 4), (20_000, 1, 2)])
def test_images_of_a_batch_give_what_they_give_alone(
    numbers: int, bands: int, together: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stems, "_AT_ONCE", numbers)
    torch.manual_seed(1)
    stem = made(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2), dtype, Rectifier())
    images = torch.randn((3, 3, 40, 30)).requires_grad_()
    fallen = stem.bands(images)
    assert (fallen.count, fallen.together) == (bands, together)
    (back,) = torch.autograd.grad(stem(images).square().sum(), images)
    for number in range(3):
        alone = images[number : number + 1].detach().requires_grad_()
        torch.testing.assert_close(stem(alone), stem(images)[number : number + 1], rtol=0, atol=0)
        (own,) = torch.autograd.grad(stem(alone).square().sum(), alone)
        torch.testing.assert_close(own, back[number : number + 1], rtol=0, atol=0)


def test_maxima_are_found_before_numbers_are_rounded() -> None:
    conv = nn.Conv2d(1, 1, 1, stride=2)
    nn.init.ones_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    stem = made(conv, nn.MaxPool2d((1, 2)), torch.bfloat16, Rectifier())
    image = torch.tensor([[[[1.0, 0.0, 1.001, 0.0]]]]).requires_grad_()
    (back,) = torch.autograd.grad(stem(image).sum(), image)
    assert back.flatten().tolist() == [0, 0, 1, 0]


def test_small_pictures_are_left_whole() -> None:
    stem = made(nn.Conv2d(3, 64, 3, stride=2), nn.MaxPool2d(3, 2), torch.float32, Rectifier())
    assert stem.bands(torch.zeros((8, 3, 224, 224))).count == 1
    assert stem.bands(torch.zeros((1, 3, 512, 512))).count > 1


def test_pictures_that_are_too_small_are_refused_as_by_pytorch() -> None:
    stem = made(nn.Conv2d(3, 8, 3, stride=2), nn.MaxPool2d(3, 2), torch.float32, Rectifier())
    with pytest.raises(RuntimeError, match="Kernel size can't be greater"):
        stem(torch.zeros((1, 3, 2, 9)))
    with pytest.raises(RuntimeError, match="Output size is too small"):
        stem(torch.zeros((1, 3, 5, 9)))


def test_of_no_pictures_there_are_no_maxima() -> None:
    stem = made(nn.Conv2d(3, 8, 3, stride=2), nn.MaxPool2d(3, 2), torch.float32, Rectifier())
    assert stem(torch.zeros((0, 3, 15, 15))).shape == (0, 8, 3, 3)

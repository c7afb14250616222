"""Precision: reduced where it keeps the look, float32 where it doesn't."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.errors import BadSetting
from entoptic.networks import compiled
from entoptic.networks.compile import compile, precision
from entoptic.networks.compile.precision import energies, fast_dtype, keeps_the_look

CPU = torch.device("cpu")
FIRE5 = [ent.Layer("fire5")]
IMAGE = torch.rand((1, 3, 64, 80), generator=torch.Generator().manual_seed(7))


@pytest.fixture
def fast_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a CPU that is fast in bfloat16, wherever the test runs."""
    monkeypatch.setattr(compile, "fast_dtype", lambda device: torch.bfloat16)


class Cancelling(nn.Module):
    """Adds a number next to which bfloat16 has no room for the maps, and takes it away again."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second((self.first(x) + 1000) - 1000)


def test_what_is_computed_in_bfloat16_is_given_as_float32() -> None:
    model = ent.load()
    plain = compiled(model, FIRE5, CPU)
    reduced = compiled(model, FIRE5, CPU, precision="bf16")
    found, ours = IMAGE.clone().requires_grad_(), reduced(IMAGE)[FIRE5[0]]
    theirs = plain(IMAGE)[FIRE5[0]]
    (gradient,) = torch.autograd.grad(reduced(found)[FIRE5[0]].sum(), found)
    assert (plain.precision, reduced.precision) == ("fp32", "bf16")
    assert ours.dtype == gradient.dtype == torch.float32
    assert 0 < (ours - theirs).norm() < 0.02 * theirs.norm()


@pytest.mark.usefixtures("fast_bfloat16")
def test_auto_takes_bfloat16_where_climbs_get_as_high() -> None:
    assert compiled(ent.load(), FIRE5, CPU, precision="auto").precision == "bf16"


@pytest.mark.usefixtures("fast_bfloat16")
def test_auto_and_bf16_fall_back_where_a_network_loses_its_numbers() -> None:
    model = ent.Model.wrap(Cancelling())
    layers = [ent.Layer("output")]
    assert compiled(model, layers, CPU, precision="auto").precision == "fp32"
    asked = compiled(model, layers, CPU, precision="bf16")
    found = asked(IMAGE)[layers[0]]
    assert asked.precision == "fp32"
    torch.testing.assert_close(found, compiled(model, layers, CPU)(IMAGE)[layers[0]])


def test_auto_is_float32_on_a_device_without_reduced_precision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    fast_dtype.cache_clear()
    assert fast_dtype("cpu") is None
    # A model of its own, for which nothing has been chosen yet.
    model = replace(ent.load())
    assert compiled(model, FIRE5, CPU, precision="auto").precision == "fp32"
    fast_dtype.cache_clear()


@pytest.mark.parametrize(("speedup", "expected"), [(1.1, None), (2.0, torch.bfloat16)])
def test_a_reduced_precision_must_be_measurably_faster(
    monkeypatch: pytest.MonkeyPatch, speedup: float, expected: torch.dtype | None
) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    monkeypatch.setattr(precision, "_speedup", lambda dtype, device: speedup)
    assert fast_dtype.__wrapped__("cpu") == expected


def brightness(pictures: Tensor) -> Tensor:
    return pictures.flatten(1).mean(1) ** 8


def test_a_precision_that_climbs_the_same_way_keeps_the_look() -> None:
    assert keeps_the_look(brightness, lambda x: brightness(x) * 3, (5, 7), "cpu")


@pytest.mark.parametrize(
    "reduced",
    [
        lambda x: 1 / brightness(x),
        lambda x: x[:, 0, 0, 0],
        lambda x: brightness(x) * torch.nan,
    ],
)
def test_one_that_climbs_another_way_does_not(reduced: precision.Scores) -> None:
    assert not keeps_the_look(brightness, reduced, (5, 7), "cpu")


def test_energies_of_several_layers_are_their_geometric_mean() -> None:
    layers = [torch.full((2, 3, 4, 5), 2.0), torch.full((2, 7), 4.0)]
    torch.testing.assert_close(energies(layers), torch.full((2,), 8.0))


def test_an_unknown_precision_is_refused_before_any_work() -> None:
    told = "precision is 'fp8'; it is one of auto, fp32, bf16, fp16"
    with pytest.raises(BadSetting, match=told):
        compiled(ent.load(), FIRE5, CPU, precision="fp8")
    with pytest.raises(BadSetting, match=told):
        ent.ascend(ent.load(), ent.energy("fire5"), ent.Pixels(IMAGE), precision="fp8")


def test_a_climb_in_bfloat16_changes_a_picture_of_float32() -> None:
    canvas = ent.Pixels(IMAGE)
    steps = list(ent.ascend(ent.load(), ent.energy("fire5"), canvas, steps=5, precision="bf16"))
    assert steps[-1].image().dtype == torch.float32
    assert float(steps[-1].scores) > 2 * float(steps[0].scores)

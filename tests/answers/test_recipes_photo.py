"""Recipes about a photo: what comes of them where that is known beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.errors import BadPicture, BadSetting, ChannelOutOfRange, UnknownLayer
from entoptic.images import read_job
from entoptic.networks import Preprocess
from entoptic.runners.run import plan_redo
from planning import plan_accentuate, plan_caricature, plan_invert

QUICK: dict[str, Any] = {"size": 48, "steps": 2}
PLANS = {
    "caricature": plan_caricature,
    "invert": plan_invert,
    "accentuate": lambda *given, **how: plan_accentuate(*given, "fire3:5", **how),
}


@pytest.fixture(scope="module")
def squeezenet() -> ent.Model:
    return ent.load()


def photo(height: int = 30, width: int = 40, seed: int = 1) -> Tensor:
    small = torch.rand((1, 3, 3, 4), generator=torch.Generator().manual_seed(seed))
    return ent.resize(small, height, width).clamp(0.1, 0.9)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return ent.write(tmp_path / "photo.png", photo())


def color_model() -> ent.Model:
    """Three channels: red, green and blue themselves, as they are and again."""
    layers = [nn.Conv2d(3, 3, 1, bias=False) for _ in range(2)]
    for layer in layers:
        layer.weight.data = torch.eye(3).reshape(3, 3, 1, 1)
    plain = Preprocess((16, 16), (0, 0, 0), (1, 1, 1))
    return ent.Model.wrap(nn.Sequential(*layers), preprocess=plain)


@pytest.mark.parametrize(("transforms", "near"), [("none", 0.02), ("robust", 0.05)])
def test_a_layer_that_keeps_everything_gives_the_photo_back(transforms: str, near: float) -> None:
    how: dict[str, Any] = {"size": 40, "steps": 120, "transforms": transforms, "canvas": "pixels"}
    made = ent.invert(color_model(), photo(), layer="0", smoothness=0.0, **how)
    assert (made.image - photo())[..., 4:-4, 4:-4].abs().mean() < near


def test_what_a_layer_does_not_keep_does_not_come_back() -> None:
    red = nn.Conv2d(3, 1, 1, bias=False)
    red.weight.data = torch.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1)
    plain = Preprocess((16, 16), (0, 0, 0), (1, 1, 1))
    network = ent.Model.wrap(nn.Sequential(red), preprocess=plain)
    how: dict[str, Any] = {"size": 40, "steps": 150, "transforms": "none", "canvas": "pixels"}
    made = ent.invert(network, photo(), layer="0", smoothness=0.0, **how)
    off = (made.image - photo()).abs().mean((0, 2, 3))
    assert off[0] < 0.02
    assert off[1:].min() > 0.1


def test_smoothness_takes_the_roughness_out_of_an_inversion() -> None:
    how: dict[str, Any] = {
        "layer": "0",
        "size": 40,
        "steps": 100,
        "transforms": "none",
        "canvas": "pixels",
    }
    rough, smooth = (
        ent.invert(color_model(), photo(), smoothness=weight, **how).image for weight in (0.0, 20)
    )
    assert smooth.diff(dim=-1).abs().mean() < 0.5 * rough.diff(dim=-1).abs().mean()


def test_a_caricature_goes_past_the_photo_where_the_photo_goes() -> None:
    how: dict[str, Any] = {
        "layer": "0",
        "size": 40,
        "steps": 100,
        "transforms": "none",
        "canvas": "pixels",
    }
    red_left = torch.full((1, 3, 20, 40), 0.05)
    red_left[:, 0, :, :20] = 0.7
    red_left[:, 2, :, 20:] = 0.7
    made = ent.caricature_of(color_model(), red_left, cosine_power=8.0, **how).image[0]
    assert made[0, :, :16].mean() > 0.9 > 0.3 > made[2, :, :16].mean()
    assert made[2, :, 24:].mean() > 0.9 > 0.3 > made[0, :, 24:].mean()


def test_an_accentuation_changes_the_photo_towards_the_unit_and_a_huge_strength_forbids_it() -> (
    None
):
    how: dict[str, Any] = {"reference_layer": "0", "size": 40, "steps": 60, "transforms": "none"}
    free, held = (
        ent.accentuate(color_model(), photo(), "1:0", weight=strength, **how).image
        for strength in (0.0, 1e6)
    )
    assert free[:, 0].mean() > photo()[:, 0].mean() + 0.1
    assert (held - photo()).abs().max() < 0.01


def test_an_accentuation_begins_as_the_photo(squeezenet: ent.Model) -> None:
    made = ent.accentuate(squeezenet, photo(), "fire3:5", size=40, steps=0)
    assert torch.equal(made.image, photo())


def test_only_what_has_mattered_is_opaque() -> None:
    class Left(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[..., : x.shape[-1] // 2]

    plain = Preprocess((16, 16), (0, 0, 0), (1, 1, 1))
    network = ent.Model.wrap(nn.Sequential(Left()), preprocess=plain)
    how: dict[str, Any] = {
        "reference_layer": "0",
        "weight": 0.0,
        "size": 40,
        "steps": 3,
        "transforms": "none",
    }
    made = ent.accentuate(network, photo(), "0:0", transparency=True, **how)
    assert made.alpha is not None
    assert made.alpha.shape == (1, 1, 30, 40)
    assert made.alpha[..., :15].min() > 0.95
    assert made.alpha[..., 25:].max() == 0
    assert ent.accentuate(network, photo(), "0:0", **how).alpha is None


def test_on_a_sheet_the_photo_and_the_labels_are_opaque(squeezenet: ent.Model) -> None:
    units = ["fire3:5", "fire3:6"]
    made = ent.accentuate(squeezenet, photo(), *units, transparency=True, batch=1, **QUICK)
    assert made.alpha is not None
    assert made.alpha.shape[-2:] == made.image.shape[-2:] == (2 * 56 + 4, 2 * 48 + 4)
    assert made.alpha[..., :36, :48].min() == 1
    assert made.alpha[..., 36:56, :].min() == 1
    assert made.alpha[..., :36, 52:].min() < 1


def test_a_picture_has_the_photos_proportions(squeezenet: ent.Model) -> None:
    for plan in PLANS.values():
        assert plan(squeezenet, photo(), **QUICK).shape == (36, 48)


@pytest.mark.parametrize("name", PLANS)
def test_a_picture_keeps_the_photos_size_within_a_limit(squeezenet: ent.Model, name: str) -> None:
    small = PLANS[name](squeezenet, photo(60, 90), steps=1)
    large = PLANS[name](squeezenet, photo(60, 900), steps=1)
    assert (small.shape, large.shape) == ((60, 90), (51, 768))
    assert (small.job.settings["size"], large.job.settings["size"]) == (90, 768)


@pytest.mark.parametrize("plan", [plan_caricature, plan_invert])
def test_several_layers_are_a_sheet_from_early_to_late_after_the_photo(
    squeezenet: ent.Model, plan: Any
) -> None:
    made = plan(squeezenet, photo(36, 48), layer=["fire5", "pool1", "fire3"], **QUICK)
    assert made.layout.labels == ["photo", "pool1", "fire3", "fire5"]
    assert made.shape == (2 * 56 + 4, 2 * 48 + 4)
    assert torch.equal(made.run().image[..., :36, :48], photo(36, 48))


@pytest.mark.parametrize("name", PLANS)
def test_redo_gives_the_same_bytes(squeezenet: ent.Model, name: str, file: Path) -> None:
    first, again = file.with_name("a.png"), file.with_name("b.png")
    PLANS[name](squeezenet, file, seed=3, **QUICK).run().save(first)
    plan_redo(first).run().save(again)
    assert first.read_bytes() == again.read_bytes()
    assert read_job(first) == read_job(again)


def test_redo_changes_what_it_is_told_to(squeezenet: ent.Model, file: Path) -> None:
    path = file.with_name("a.png")
    plan_accentuate(squeezenet, file, ["fire3:5"], transparency=True, **QUICK).run().save(path)
    changed = plan_redo(path, objective="fire3:6-7", reference_layer="fire2", weight=2, steps=1).job
    assert changed.settings["units"] == ["channel('fire3', 6)", "channel('fire3', 7)"]
    assert changed.settings["weight"] == 2
    assert changed.settings["reference_layer"] == "fire2"
    assert changed.settings["transparency"] is True
    plan_caricature(squeezenet, file, layer=["fire3", "fire2"], **QUICK).run().save(path)
    assert plan_redo(path, layer="fire5").job.settings["layer"] == ["fire5"]
    other = ent.write(file.with_name("other.png"), photo(seed=2))
    assert plan_redo(path, photo=other).job.photo != plan_redo(path).job.photo
    with pytest.raises(BadSetting, match="caricature has no setting 'octaves'"):
        plan_redo(path, octaves=2)


@pytest.mark.parametrize(
    ("plan", "given", "error", "told"),
    [
        (plan_caricature, {"layer": "fire99"}, UnknownLayer, "no layer named 'fire99'"),
        (plan_caricature, {"layer": ["fire3", "fire3"]}, BadSetting, "twice; give each once"),
        (plan_caricature, {"layer": [3]}, BadSetting, "layer is 3; it must be the name of a layer"),
        (
            plan_caricature,
            {"cosine_power": -1},
            BadSetting,
            "cosine power is -1; it must be at least 0",
        ),
        (plan_caricature, {"cosine_power": float("nan")}, BadSetting, "cosine power is nan"),
        (plan_caricature, {"jitter": 3}, BadSetting, "caricature has no setting 'jitter'"),
        (plan_invert, {"smoothness": "x"}, BadSetting, "smoothness is 'x'"),
        (plan_invert, {"size": 0}, BadSetting, "size is 0"),
        (plan_accentuate, {"units": []}, BadSetting, "0 units to accentuate; name 1 to 4096"),
        (plan_accentuate, {"units": 3}, BadSetting, "a unit is 3; it must be a text"),
        (plan_accentuate, {"units": [3]}, BadSetting, "a unit is 3; it must be a text"),
        (plan_accentuate, {"units": "fire3:900"}, ChannelOutOfRange, "channel 900 of 'fire3'"),
        (plan_accentuate, {"units": "fire3:1", "reference_layer": 3}, BadSetting, "layer is 3"),
        (
            plan_accentuate,
            {"units": "fire3:1", "reference_layer": "f"},
            UnknownLayer,
            "no layer named 'f'",
        ),
        (plan_accentuate, {"units": "fire3:1", "weight": -1}, BadSetting, "weight is -1"),
        (
            plan_accentuate,
            {"units": "fire3:1", "transparency": 1},
            BadSetting,
            "it is True or False",
        ),
        (plan_accentuate, {"units": "fire3:1", "canvas": "cppn"}, BadSetting, "can't begin as a"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_wrong_is_told_before_any_work(
    squeezenet: ent.Model, plan: Any, given: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        plan(squeezenet, photo(), **given)


@pytest.mark.usefixtures("unchecked")
def test_a_photo_that_is_none_is_refused(squeezenet: ent.Model) -> None:
    with pytest.raises(BadPicture, match="photo is 3; it must be a picture: a file's name"):
        plan_invert(squeezenet, 3)

"""Looks, sweeps and prints: what they are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.errors import BadSetting
from entoptic.images.resize import octave_sizes
from entoptic.jobs.looks import looks_of
from planning import plan_dream

SMALL: dict[str, Any] = {"octaves": 1, "steps": 2}


@pytest.fixture(scope="module")
def model() -> ent.Model:
    return ent.load()


@pytest.fixture
def photo() -> Tensor:
    return torch.rand(1, 3, 64, 80, generator=torch.Generator().manual_seed(4))


def test_every_look_is_another_picture(model: ent.Model, photo: Tensor) -> None:
    names = list(looks_of(model))
    assert len(names) >= 12
    pictures = [ent.dream(model, photo, look=name, steps=2).image for name in names]
    for number, one in enumerate(pictures):
        assert all((one - other).abs().mean() > 1e-4 for other in pictures[:number])
    natural = pictures[names.index("natural")]
    assert torch.equal(natural, ent.dream(model, photo, steps=2).image)


def test_the_original_look_is_the_notebook_of_2015(model: ent.Model, photo: Tensor) -> None:
    plain: dict[str, Any] = {"octaves": 4, "steps": 10, "step_size": 1.5 / 255, "smoothing": 0}
    plain |= {"shaping": "none", "headroom": 0}
    expected = ent.dream(model, photo, **plain).image
    assert torch.equal(ent.dream(model, photo, look="original").image, expected)


def test_what_is_set_wins_over_the_look(model: ent.Model, photo: Tensor) -> None:
    made = ent.dream(model, photo, look="eyes", layer="fire2", **SMALL)
    assert made.job.objective == "energy('fire2')"
    assert "look" not in made.job.settings


def test_a_look_is_redone_and_changed(model: ent.Model, photo: Tensor, tmp_path: Path) -> None:
    sky = ent.write(tmp_path / "sky.png", photo)
    made = ent.dream(model, sky, look="soft", steps=2)
    file = made.save(tmp_path / "a.png")
    assert torch.equal(ent.redo(file).image, made.image)
    changed = ent.redo(file, look="waves", steps=2)
    assert torch.equal(changed.image, ent.dream(model, sky, look="waves", steps=2).image)


def test_a_network_of_one_channel_has_looks_without_colors() -> None:
    torch.manual_seed(0)
    gray = ent.Preprocess(mean=(0,), std=(1,), channels=1)
    network = ent.Model.wrap(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1)), preprocess=gray)
    made = ent.dream(network, torch.rand(1, 3, 24, 32), layer="0", **SMALL)
    assert made.job.settings["shaping"] == "blur + spread"
    with pytest.raises(BadSetting, match="decorrelate shapes the gradient of 3 color channels"):
        ent.dream(network, torch.rand(1, 3, 24, 32), layer="0", shaping="decorrelate", **SMALL)


def test_a_look_of_a_dream_from_noise_changes_nothing_else(
    model: ent.Model, tmp_path: Path
) -> None:
    file = ent.dream(model, noise=(50, 60), size=48, protect="saliency", **SMALL).save(
        tmp_path / "a.png"
    )
    changed = ent.redo(file, look="waves", octaves=1, steps=1)
    assert changed.image.shape == (1, 3, 40, 48)
    assert changed.job.objective == "energy('fire3')"
    assert changed.job.settings["protect"] == "saliency"


def test_a_shaping_of_colors_is_refused_before_any_work() -> None:
    gray = ent.Preprocess(mean=(0,), std=(1,), channels=1)
    network = ent.Model.wrap(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1)), preprocess=gray)
    with pytest.raises(BadSetting, match="chroma shapes the gradient of 3 color channels"):
        plan_dream(network, torch.rand(1, 3, 24, 32), layer="0", shaping="chroma(0.5)")


def test_a_network_without_such_a_look_says_which_it_has(model: ent.Model, photo: Tensor) -> None:
    with pytest.raises(BadSetting, match="no look 'eye'; did you mean 'eyes'"):
        ent.dream(model, photo, look="eye")


def test_a_sweep_makes_each_combination_as_it_is_alone(model: ent.Model, photo: Tensor) -> None:
    how: dict[str, Any] = {"size": 64, **SMALL}
    swept = ent.sweep(model, photo, look=["eyes", "fur"], strength=[0.5, 2], **how)
    assert swept.labels == (
        "--look eyes --strength 0.5",
        "--look eyes --strength 2",
        "--look fur --strength 0.5",
        "--look fur --strength 2",
    )
    alone = ent.dream(model, photo, look="fur", strength=0.5, **how)
    assert torch.equal(swept.images[2:3], alone.image)
    assert swept[2].job == alone.job
    assert len(swept.scores) == 8


def test_a_sweep_is_made_again(model: ent.Model, photo: Tensor, tmp_path: Path) -> None:
    sky = ent.write(tmp_path / "sky.png", photo)
    swept = ent.sweep(model, sky, steps=[1, 2], layer="fire2", size=64, octaves=1)
    file = swept.save(tmp_path / "sheet.png")
    assert torch.equal(ent.redo(file).image, swept.image)
    each = swept.save_each(tmp_path / "each")
    assert torch.equal(ent.redo(each[1], look_in=[tmp_path]).image, swept.images[1:2])


def test_a_sweep_of_things_of_python_is_one_of_their_texts(
    model: ent.Model, photo: Tensor, tmp_path: Path
) -> None:
    sky = ent.write(tmp_path / "sky.png", photo)
    how: dict[str, Any] = {"size": 64, **SMALL}
    objectives = [ent.energy("fire2"), ent.channel("fire2", 3)]
    things: dict[str, Any] = {
        "objective": objectives,
        "optimizer": [ent.adam(0.02)],
        "rules": ent.guided(),
    }
    swept = ent.sweep(model, sky, **things, **how)
    assert swept.labels == (
        "--objective \"energy('fire2')\"",
        "--objective \"channel('fire2', 3)\"",
    )
    assert swept.job.settings["optimizer"] == ["adam(learning_rate=0.02)"]
    alone = ent.dream(
        model, sky, objective=objectives[1], optimizer=ent.adam(0.02), rules=[ent.guided()], **how
    )
    assert torch.equal(swept.images[1:2], alone.image)
    assert torch.equal(ent.redo(swept.save(tmp_path / "a.png")).image, swept.image)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "one picture is no sweep; give several values"),
        ({"strength": 1}, "one picture is no sweep; give several values"),
        ({"strength": [1, 1.0]}, "strength is .* names one value twice"),
        ({"strength": [1, 0]}, "strength is 0"),
        ({"look": ["eyes", "nose"]}, "--look nose: .* no look 'nose'"),
    ],
)
def test_what_is_no_sweep_is_refused(
    model: ent.Model, photo: Tensor, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadSetting, match=message):
        ent.sweep(model, photo, **given)


def test_large_pictures_have_more_octaves_and_the_same_smallest_one(model: ent.Model) -> None:
    small = plan_dream(model, torch.zeros(1, 3, 8, 1024), layer="input", octaves=None)
    large = plan_dream(model, torch.zeros(1, 3, 8, 4096), layer="input", octaves=None)
    assert len(small.sizes) == 5
    assert len(large.sizes) == 9  # 1.4 ** 4 is 3.84
    assert 0.9 < large.sizes[0][1] / small.sizes[0][1] < 1.1


def test_a_print_has_the_octaves_of_its_detail_first(model: ent.Model) -> None:
    plan = plan_dream(model, torch.rand(1, 3, 300, 400), layer="fire2", detail=200)
    small = octave_sizes(150, 200, 5, 1.4)
    assert list(plan.sizes) == [*small, (212, 283), (300, 400)]
    assert list(plan.octaves.lengths) == [1, 1, 1, 1, 1, (200 / 283) ** 2, 0.25]

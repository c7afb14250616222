"""Dreams whose result is known beforehand, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.images.resize import octave_sizes
from entoptic.networks import compiled
from entoptic.runners.run import plan_redo
from planning import plan_dream

ONE_OCTAVE: dict[str, Any] = {
    "octaves": 1,
    "jitter": 0,
    "steps": 10,
    "step_size": 0.01,
    "smoothing": 0.0,
    "look": "original",
}


@pytest.fixture(scope="module")
def squeezenet() -> ent.Model:
    return ent.load()


@pytest.fixture
def photo() -> Tensor:
    return torch.rand((1, 3, 70, 101), generator=torch.Generator().manual_seed(9))


def test_one_octave_without_jitter_is_ten_steps_written_by_hand(
    squeezenet: ent.Model, photo: Tensor
) -> None:
    result = ent.dream(squeezenet, photo, layer="fire5", **ONE_OCTAVE)

    layer = ent.Layer("fire5")
    network = compiled(squeezenet, {layer}, torch.device("cpu"))
    picture = photo.clone()
    for _ in range(10):
        picture.requires_grad_()
        score = network(picture)[layer].square().mean((1, 2, 3))
        (gradient,) = torch.autograd.grad(score.sum(), picture)
        with torch.no_grad():
            size = gradient.flatten(1).abs().mean(1)
            picture = picture.add(gradient / size, alpha=0.01).clamp(0, 1)
    assert torch.equal(result.image, picture)


def test_octaves_and_jitter_without_steps_give_the_photo_back_exactly(
    squeezenet: ent.Model, photo: Tensor
) -> None:
    result = ent.dream(squeezenet, photo, octaves=3, jitter=32, steps=0)
    assert torch.equal(result.image, photo)


def test_jitter_is_undone_exactly() -> None:
    image = torch.rand((2, 3, 5, 8), generator=torch.Generator().manual_seed(1))
    image.requires_grad_()
    shown = ent.Jitter(100)(image, torch.Generator().manual_seed(6))
    weights = torch.arange(240.0).reshape(2, 3, 5, 8)
    (shown * weights).sum().backward()
    # The gradient at a pixel is the weight at the place where it was shown.
    assert image.grad is not None
    places = [(shown[0, 0] == image[0, 0, 2, 3]).nonzero()[0].tolist()]
    assert image.grad[0, 0, 2, 3] == weights[0, 0, places[0][0], places[0][1]]
    assert torch.equal(image.grad.flatten().sort().values, weights.flatten())


def test_the_detail_of_a_small_octave_is_carried_to_the_next() -> None:
    # The network sees brightness: each octave makes the whole picture brighter by the same amount.
    brightness = nn.Conv2d(3, 1, 1, bias=False)
    brightness.weight.data.fill_(1.0)
    plain = ent.Preprocess(mean=(0, 0, 0), std=(1, 1, 1))
    model = ent.Model.wrap(nn.Sequential(brightness), preprocess=plain)
    photo = torch.full((1, 3, 20, 30), 0.25)
    result = ent.dream(
        model,
        photo,
        objective="mean('0')",
        look="original",
        octaves=3,
        steps=2,
        step_size=0.0625,
        jitter=3,
    )
    torch.testing.assert_close(result.image, torch.full((1, 3, 20, 30), 0.25 + 6 * 0.0625))


def test_octaves_are_sized_from_small_to_large_and_the_last_is_the_photo(
    squeezenet: ent.Model,
) -> None:
    plan = plan_dream(squeezenet, torch.rand(1, 3, 196, 280), octaves=3, octave_scale=1.4)
    assert (
        list(plan.sizes) == octave_sizes(196, 280, 3, 1.4) == [(100, 143), (140, 200), (196, 280)]
    )


def test_octaves_too_small_for_the_layer_are_left_out_and_said(squeezenet: ent.Model) -> None:
    plan = plan_dream(
        squeezenet, torch.rand(1, 3, 40, 60), layer="fire7", octaves=4, octave_scale=2
    )
    assert list(plan.sizes) == [(20, 30), (40, 60)]
    assert plan.notes == ("2 octaves too small for the network are left out (5x8, 10x15)",)


def test_of_many_octaves_that_are_left_out_the_first_and_the_last_are_told(
    squeezenet: ent.Model,
) -> None:
    plan = plan_dream(squeezenet, torch.rand(1, 3, 40, 60), layer="fire7", octaves=50)
    sizes = octave_sizes(40, 60, 50, 1.4)
    few = len(sizes) - len(plan.sizes)
    last = "x".join(map(str, sizes[few - 1]))
    assert few > 40
    assert plan.notes == (f"{few} octaves too small for the network are left out (1x1 to {last})",)


def test_an_octave_that_only_the_unused_end_of_the_network_finds_too_small_is_kept() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.MaxPool2d(8), nn.Conv2d(2, 2, 3))
    plan = plan_dream(
        ent.Model.wrap(module), torch.rand(1, 3, 16, 24), layer="0", octaves=2, octave_scale=2
    )
    assert list(plan.sizes) == [(8, 12), (16, 24)]


def test_the_same_job_gives_the_same_bytes_and_so_does_redo(
    squeezenet: ent.Model, photo: Tensor, tmp_path: Path
) -> None:
    ent.write(tmp_path / "photo.png", photo)
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path in paths[:2]:
        ent.dream(squeezenet, tmp_path / "photo.png", octaves=2, steps=3, seed=4).save(path)
    plan_redo(paths[0]).run().save(paths[2])
    first, second, third = (path.read_bytes() for path in paths)
    assert first == second
    assert first == third


def test_another_seed_gives_another_picture(squeezenet: ent.Model, photo: Tensor) -> None:
    one, two = (ent.dream(squeezenet, photo, octaves=1, steps=2, seed=seed) for seed in (1, 2))
    assert not torch.equal(one.image, two.image)


def test_a_dream_ends_with_what_its_last_step_shows(squeezenet: ent.Model, photo: Tensor) -> None:
    plan = plan_dream(squeezenet, photo, octaves=2, steps=2)
    steps = list(plan.steps())
    assert [(step.octave, step.index) for step in steps] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert torch.equal(steps[-1].image(), plan.run().image)


def test_every_step_shows_the_picture_at_its_final_size(
    squeezenet: ent.Model, photo: Tensor
) -> None:
    plan = plan_dream(squeezenet, photo, octaves=2, steps=1)
    assert [tuple(step.image().shape) for step in plan.steps()] == [(1, 3, 70, 101)] * 2


def test_the_photo_is_not_changed(squeezenet: ent.Model, photo: Tensor) -> None:
    before = photo.clone()
    ent.dream(squeezenet, photo, octaves=1, steps=2)
    assert torch.equal(photo, before)

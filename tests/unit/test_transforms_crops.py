"""Random crops: where they lie, how they are ordered, and that the climb averages over them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.errors import BadSetting
from entoptic.transforms import RandomCrops
from planning import plan_visualize

IMAGE = torch.rand(2, 3, 12, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ramps(batch: int, height: int, width: int) -> Tensor:
    """A picture whose channels are x and y, in pixels from the left and the top edge, and image."""
    y = (torch.arange(height, dtype=torch.float64) + 0.5)[:, None].expand(height, width)
    x = (torch.arange(width, dtype=torch.float64) + 0.5).expand(height, width)
    return torch.stack([torch.stack([x, y, 0 * x + i]) for i in range(batch)])


def boxes(crops: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Heights, widths, tops and lefts of crops of `ramps`, from the slopes in their middles."""
    height, width = crops.shape[-2:]
    middle = crops[:, :, height // 2 - 1 : height // 2 + 1, width // 2 - 1 : width // 2 + 1]
    wide = (middle[:, 0, 0, 1] - middle[:, 0, 0, 0]) * width
    high = (middle[:, 1, 1, 0] - middle[:, 1, 0, 0]) * height
    center = middle.mean((2, 3))
    return high, wide, center[:, 1] - high / 2, center[:, 0] - wide / 2


def test_the_whole_picture_is_a_crop_of_side_one() -> None:
    assert torch.allclose(RandomCrops(1, side=(1, 0))(IMAGE, rng()), IMAGE, atol=1e-12)


def test_copies_of_the_batch_follow_each_other() -> None:
    crops = RandomCrops(4, size=(6, 8))(ramps(3, 40, 60), rng())
    assert crops.shape == (12, 3, 6, 8)
    assert torch.allclose(crops[:, 2].mean((1, 2)), torch.tensor([0.0, 1, 2] * 4).double())


@pytest.mark.parametrize("size", [(20, 20), (10, 24), None])
def test_crops_are_undistorted_and_inside_the_picture(size: tuple[int, int] | None) -> None:
    crops = RandomCrops(300, side=(0.3, 0.9), uniform=True, size=size)(ramps(2, 90, 120), rng())
    high, wide, top, left = boxes(crops)
    height, width = size or (90, 120)
    assert torch.allclose(high / height, wide / width)
    assert top.min() > -1e-6
    assert left.min() > -1e-6
    assert (top + high).max() < 90 + 1e-6
    assert (left + wide).max() < 120 + 1e-6
    # The places go from edge to edge.
    assert ((top / (90 - high)).min() < 0.02) & ((top / (90 - high)).max() > 0.98)


def test_sides_have_the_mean_and_the_deviation_asked_for() -> None:
    crops = RandomCrops(2000, side=(0.5, 0.1), size=(8, 8))(ramps(2, 64, 96), rng())
    high, _, _, _ = boxes(crops)
    assert (high / 64).mean().item() == pytest.approx(0.5, abs=3 * 0.1 / 4000**0.5)
    assert (high / 64).std().item() == pytest.approx(0.1, rel=0.05)


def test_uniform_sides_fill_their_range() -> None:
    crops = RandomCrops(2000, side=(0.2, 0.8), uniform=True, size=(8, 8))(ramps(1, 64, 96), rng())
    high, _, _, _ = boxes(crops)
    side = high / 64
    assert side.min().item() == pytest.approx(0.2, abs=0.002)
    assert side.max().item() == pytest.approx(0.8, abs=0.002)
    assert side.mean().item() == pytest.approx(0.5, abs=3 * 0.6 / 12**0.5 / 2000**0.5)


def test_a_crop_that_shrinks_averages_fine_grain() -> None:
    rows, columns = torch.arange(64)[:, None], torch.arange(96)
    board = ((rows + columns) % 2).double().expand(1, 3, 64, 96)
    crops = RandomCrops(20, side=(0.5, 0), size=(8, 12))(board, rng())  # 4 to 1
    assert (crops - 0.5).abs().max() < 0.05


def test_gradients_are_those_of_finite_differences() -> None:
    image = IMAGE[:, :, :5, :7].clone().requires_grad_()
    crops = RandomCrops(3, side=(0.6, 0.2), size=(2, 3))
    assert torch.autograd.gradcheck(lambda x: crops(x, rng(3)), image)


def test_the_seed_decides_and_the_global_generator_stays_as_it_is() -> None:
    before = torch.get_rng_state()
    crops = RandomCrops(5, size=(6, 6))
    assert torch.equal(crops(IMAGE, rng(1)), crops(IMAGE, rng(1)))
    assert not torch.equal(crops(IMAGE, rng(1)), crops(IMAGE, rng(2)))
    assert torch.equal(torch.get_rng_state(), before)


class Copies:
    """Three copies of the batch: one, two and six times as bright."""

    def __call__(self, image: Tensor, rng: torch.Generator) -> Tensor:
        return torch.cat([image, 2 * image, 6 * image])


def climbed(objective: ent.Objective) -> tuple[ent.Step, Tensor]:
    plain = ent.Preprocess(size=(4, 5), mean=(0, 0, 0), std=(1, 1, 1))
    network = ent.Model.wrap(nn.Sequential(nn.AvgPool2d(1)), preprocess=plain)
    start = torch.tensor([0.1, 0.2]).reshape(2, 1, 1, 1).expand(2, 3, 4, 5)
    climb = ent.climb(0.01, norm="none")
    steps = ent.ascend(
        network, objective, ent.Pixels(start), transforms=[Copies()], optimizer=climb
    )
    step = next(steps)
    return step, step.image() - start


def test_scores_and_gradients_are_means_over_copies_image_by_image() -> None:
    step, change = climbed(ent.total("0"))
    assert step.scores.tolist() == pytest.approx([0.1 * 3 * 60, 0.2 * 3 * 60], rel=1e-5)
    assert torch.allclose(change, torch.tensor(0.01 * 3), atol=1e-6)


def test_an_objective_per_image_holds_for_all_copies_of_its_image() -> None:
    step, change = climbed(ent.per_image([ent.total("0"), 2 * ent.total("0")]))
    assert step.scores.tolist() == pytest.approx([0.1 * 3 * 60, 2 * 0.2 * 3 * 60], rel=1e-5)
    assert torch.allclose(change[1], torch.tensor(0.01 * 6), atol=1e-6)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"count": 0}, "count is 0; it must be a whole number from 1"),
    ({"size": (0, 3)}, "size's first number is 0; it must be a whole number from 1"),
    ({"side": (0.0, 0.1)}, "a crop's side of mean 0.0 and deviation 0.1; the mean is above 0"),
    ({"side": (0.5, -0.1)}, "a crop's side of mean 0.5 and deviation -0.1"),
    ({"side": (0.5, 1.5), "uniform": True}, "a crop's side from 0.5 to 1.5; above 0, at most 1"),
    ({"side": (0.5, 0.2), "uniform": True}, "a crop's side from 0.5 to 0.2; above 0"),
]


@pytest.mark.parametrize(("settings", "told"), BAD)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        RandomCrops(**settings)


def test_crops_without_a_size_get_one_and_all_else_stays() -> None:
    noise = ent.Noise(0.1)
    small, sized = RandomCrops(4), RandomCrops(4, size=(8, 8))
    assert ent.with_crop_size([small, sized, noise], (32, 48)) == (
        RandomCrops(4, size=(32, 48)),
        sized,
        noise,
    )


@pytest.mark.parametrize("preset", [ent.MACO, ent.ACCENTUATE])
def test_crops_of_presets_are_as_large_as_the_picture_unless_they_get_a_size(
    preset: tuple[ent.Transform, ...],
) -> None:
    assert preset[0](IMAGE, rng()).shape[1:] == (3, 12, 16)
    assert ent.with_crop_size(preset, (6, 8))[0](IMAGE, rng()).shape[1:] == (3, 6, 8)


def test_pictures_of_other_channels_can_be_cropped() -> None:
    crops = RandomCrops(3, side=(1, 0))(torch.cat([IMAGE, IMAGE[:, :2]], 1), rng())
    assert torch.allclose(crops[2:4, 3:], IMAGE[:, :2], atol=1e-12)


def test_recipes_crop_to_the_size_of_the_network() -> None:
    plain = ent.Preprocess((20, 28), (0, 0, 0), (1, 1, 1))
    sizes = []

    class Sizes(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            sizes.append(tuple(image.shape[-2:]))
            return image.mean((2, 3), keepdim=True)

    model = ent.Model.wrap(nn.Sequential(Sizes()), preprocess=plain)
    plan = plan_visualize(model, ["0:0"], method="maco", size=40, steps=1)
    sizes.clear()
    list(plan.steps())
    assert sizes[-1] == (20, 28)

"""Seamless pictures: no position is nearer to a border than another."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.networks import Preprocess
from entoptic.recipes.visualize import Visualize
from entoptic.runners.run import plan_redo
from entoptic.transforms import Affine, Jitter, Noise, Pad, RandomCrops, Roll, seamless

SIDE = 5


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def filter_model() -> ent.Model:
    """A random filter of 5 x 5 pixels and a rectifier, with no padding: stride 1."""
    module = nn.Sequential(nn.Conv2d(3, 2, SIDE, bias=False), nn.ReLU()).double()
    weight = torch.randn((2, 3, SIDE, SIDE), dtype=torch.float64, generator=rng(5))
    module[0].weight.data = weight
    return ent.Model.wrap(module, preprocess=Preprocess((16, 16), (0, 0, 0), (1, 1, 1)))


def gradient(image: Tensor, transforms: tuple[ent.Transform, ...]) -> Tensor:
    """The gradient of the filter's mean response to a picture under transforms."""
    image = image.clone().requires_grad_()
    seen = image
    for each in transforms:
        seen = each(seen, rng(3))
    (found,) = torch.autograd.grad(filter_model().module(seen)[:, 0].mean(), image)
    return found


def test_a_rolled_picture_has_the_rolled_gradient() -> None:
    image = torch.rand(1, 3, 9, 12, dtype=torch.float64, generator=rng())
    padded = seamless([], around=SIDE // 2)[1:]
    assert padded == (Pad(SIDE // 2, "circular"),)
    for shift in ((4, 6), (1, 0), (0, 11), (8, 3)):
        rolled = gradient(image.roll(shift, (2, 3)), padded)
        torch.testing.assert_close(
            rolled, gradient(image, padded).roll(shift, (2, 3)), atol=1e-16, rtol=0
        )


def test_without_it_pixels_at_the_border_have_less_of_a_gradient() -> None:
    image = torch.ones(1, 3, 9, 12, dtype=torch.float64)
    plain, circular = gradient(image, ()), gradient(image, seamless([], around=SIDE // 2))
    assert plain[0, :, 0, 0].abs().sum() < 0.5 * plain[0, :, 4, 6].abs().sum()
    # The same everywhere: the sum of the filter's weights, over the number of positions.
    torch.testing.assert_close(circular, circular[:, :, :1, :1].expand_as(circular))


def test_of_columns_only_left_and_right_meet() -> None:
    image = torch.rand(1, 3, 9, 12, dtype=torch.float64, generator=rng())
    moves = seamless([], columns=True, around=SIDE // 2)
    assert moves == (Roll(rows=False), Pad(SIDE // 2, "circular_columns"))
    across = gradient(image.roll(5, 3), moves[1:])
    torch.testing.assert_close(across, gradient(image, moves[1:]).roll(5, 3), atol=1e-16, rtol=0)
    down = gradient(image.roll(4, 2), moves[1:])
    assert not torch.allclose(down, gradient(image, moves[1:]).roll(4, 2), atol=1e-6)


def test_what_moves_a_picture_shows_it_once_more_and_crops_lie_anywhere_in_it() -> None:
    assert seamless([Noise(0.1), Affine(angle_deg=5), Affine(shift=2)], around=8) == (
        Roll(),
        Noise(0.1),
        Affine(angle_deg=5, border="circular", around=8),
        Affine(shift=2),
    )
    assert seamless([RandomCrops(4)]) == (Roll(), RandomCrops(4))
    assert seamless([Jitter(3)], around=8) == (Roll(), Pad(8, "circular"), Jitter(3))


def seams(image: Tensor) -> tuple[float, float]:
    """How much larger steps are across the (horizontal, vertical) edges than within a picture."""
    rows, columns = image.diff(dim=2).abs().mean(), image.diff(dim=3).abs().mean()
    across = (image[:, :, 0] - image[:, :, -1]).abs().mean() / rows
    aside = (image[..., 0] - image[..., -1]).abs().mean() / columns
    return float(across), float(aside)


def drawn(how: str) -> Tensor:
    plan = Visualize(
        ent.load(), ["fire5:33"], size=64, steps=48, canvas="pixels", transforms="gentle",
        learning_rate=0.02, seamless=how,
    ).plan()  # fmt: skip
    return plan.run().image


def test_the_edges_of_a_picture_meet_where_that_is_asked_for() -> None:
    off, both, columns = map(drawn, ("off", "both", "columns"))
    assert min(seams(off)) > 1.25
    assert max(seams(both)) < 1.1
    assert seams(columns)[0] > 1.25
    assert seams(columns)[1] < 1.2


def test_redo_makes_the_same_bytes_and_takes_the_seams_back(tmp_path: Path) -> None:
    plan = Visualize(ent.load(), ["fire3:5"], size=48, steps=2, seamless="columns").plan()
    place = plan.run().save(tmp_path / "a.png")
    again = plan_redo(place)
    assert again.job.settings["seamless"] == "columns"
    assert again.run().save(tmp_path / "b.png").read_bytes() == place.read_bytes()
    assert plan_redo(place, seamless="off").job.settings["seamless"] == "off"


def test_a_canvas_whose_edges_cannot_meet_is_refused() -> None:
    for canvas in ("cppn", "laplacian", "shared"):
        how = Visualize(ent.load(), ["fire3:5"], size=48, canvas=canvas, seamless="both")
        told = rf"the canvas {canvas} has edges that can't meet; .* fourier, .*natural, pixels"
        with pytest.raises(ent.errors.BadSetting, match=told):
            how.plan()
    with pytest.raises(ent.errors.BadSetting, match=r"seamless is 'rows'; .* off, both, columns"):
        Visualize(ent.load(), ["fire3:5"], seamless="rows")

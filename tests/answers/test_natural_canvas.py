"""The canvas of natural waves: its sizes, and the bounds that its contrast and colours keep to."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import entoptic as ent
from entoptic.images import fourier

BOUNDS = [2.0, 2.0, 2.0]


def sizes(values: Tensor) -> Tensor:
    """The root mean square of each axis, (batch, 3)."""
    return values.detach().square().mean((2, 3)).sqrt()


@pytest.mark.parametrize("softness", [0.0, 0.5, 1.0])
def test_waves_lie_between_the_law_and_those_of_photographs(softness: float) -> None:
    canvas = ent.Natural(48, 64, softness=softness)
    natural, law = fourier.natural(48, 64), fourier.falloff(48, 64)
    for axis in range(3):
        ratio = canvas.scale[axis, 5, 9, 0] / canvas.scale[axis, 1, 2, 1]
        ends = float(law[5, 9] / law[1, 2]), float(natural[axis, 5, 9] / natural[axis, 1, 2])
        assert ends[1] < ends[0]
        assert ratio.item() == pytest.approx(ends[0] ** (1 - softness) * ends[1] ** softness)


def test_noise_begins_as_large_as_on_the_canvas_of_waves_by_the_law() -> None:
    ours, theirs = (kind(64, 48, batch=64).values() for kind in (ent.Natural, ent.Fourier))
    # 64 pictures, whose few slowest waves are most of it.
    torch.testing.assert_close(
        sizes(ours).square().mean(0), sizes(theirs).square().mean(0), rtol=0.15, atol=0
    )


def test_contrast_and_colors_grow_to_their_bounds_and_no_further() -> None:
    canvas = ent.Natural(13, 17, batch=2, seed=3)
    before = canvas.values().detach()
    with torch.no_grad():
        canvas.coefficients[1] *= 1e4
    after = canvas.values().detach()
    assert torch.equal(after[0], before[0])
    torch.testing.assert_close(sizes(after)[1], torch.tensor(BOUNDS))
    # The same picture, of another contrast.
    torch.testing.assert_close(
        after[1] / sizes(after)[1][:, None, None], before[1] / sizes(before)[1][:, None, None]
    )


def test_the_mean_counts_so_that_colors_cannot_drift_away() -> None:
    canvas = ent.Natural(12, 16)
    with torch.no_grad():
        canvas.coefficients.zero_()
        canvas.coefficients[:, :, 0, 0, 0] = 1e4
    torch.testing.assert_close(canvas.values()[0].mean((1, 2)), torch.tensor(BOUNDS))


def test_at_the_bound_a_step_gains_nothing_by_contrast() -> None:
    canvas = ent.Natural(12, 16, sd=10.0, seed=2)
    weight = torch.rand((1, 3, 12, 16), generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((canvas() * weight).sum(), canvas.coefficients)
    outward = (gradient * canvas.coefficients).sum((2, 3, 4))
    whole = (gradient.square().sum() * canvas.coefficients.square().sum()).sqrt()
    assert outward.abs().max() < 1e-5 * whole


def test_a_picture_of_more_contrast_than_the_bound_is_begun_with_as_it_is() -> None:
    board = (torch.arange(6)[:, None] + torch.arange(8)).remainder(2).float().expand(1, 3, -1, -1)
    canvas = ent.Natural.of(board)
    assert torch.equal((canvas() * 255).round() / 255, board)
    assert canvas.bound.flatten()[0] > 2
    assert canvas.bound.flatten()[1:].tolist() == [2, 2]
    larger = canvas.resized(12, 16)
    torch.testing.assert_close(larger.bound, canvas.bound)


def test_channels_without_colors_are_all_as_light_is() -> None:
    canvas = ent.Natural(12, 16, channels=5, decorrelated=False)
    with torch.no_grad():
        canvas.coefficients.mul_(1e5)
    torch.testing.assert_close(sizes(canvas.values()), torch.full((1, 5), 2.0))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"contrast": 0}, "contrast is 0"),
        ({"softness": 1.5}, "softness is 1.5"),
        ({"channels": 4}, "only 3 channels are colours, not 4"),
    ],
)
def test_what_cannot_be_a_bound_is_refused(settings: dict[str, float], told: str) -> None:
    with pytest.raises(ent.errors.BadSetting, match=told):
        ent.Natural(5, 5, **settings)  # type: ignore[arg-type]

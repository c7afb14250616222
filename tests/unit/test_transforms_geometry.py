"""Transforms of place: exact where an answer is exact, and statistical where it is drawn."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from entoptic.errors import BadSetting
from entoptic.transforms import (
    LUCID,
    Affine,
    Flip,
    Pad,
    Roll,
    Rotate,
    Scale,
    Shear,
    Transform,
    Translate,
    sampling,
)
from entoptic.transforms.geometry import BORDERS, LucidMoves

IMAGE = torch.rand(2, 3, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def places(batch: int = 1, height: int = 20, width: int = 30) -> Tensor:
    """A picture whose channels are (x, y, 0), in pixels from the middle."""
    y = torch.arange(height, dtype=torch.float64) - (height - 1) / 2
    x = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    picture = torch.stack(
        [x.expand(height, -1), y[:, None].expand(-1, width), 0 * x + 0 * y[:, None]]
    )
    return picture.expand(batch, -1, -1, -1)


def inner(image: Tensor, by: int) -> Tensor:
    return image[..., by:-by, by:-by]


def smooth(batch: int, height: int, width: int) -> Tensor:
    """Soft waves that fade to grey at the edges."""
    x, y, _ = places(1, height, width)[0]
    fade = (math.pi * x / width).cos() ** 2 * (math.pi * y / height).cos() ** 2
    waves = [(x / 9 + phase).sin() * (y / 11 - phase).cos() for phase in (0, 1, 2)]
    return (0.5 + 0.4 * fade * torch.stack(waves)).expand(batch, -1, -1, -1)


EVERY = [
    Pad(2),
    Flip(0.5, 0.5),
    Scale(0.8, 1.2),
    Rotate(30),
    Shear(20),
    Translate(2),
    Affine((0.8, 1.2), 20, 10, 2, margin=1),
    Affine((0.8, 1.2), 20, 10, 2, border="constant"),
    Affine((0.8, 1.2), 20, 10, 2, border="replicate", shared=True),
    Affine((0.8, 1.2), 20, 10, 2, border="circular", around=2),
    Affine((0.8, 1.2), 20, 10, 2, border="circular_columns", around=3, shared=True),
    Pad(3, "circular"),
    Roll(),
]


@pytest.mark.parametrize("transform", EVERY, ids=repr)
def test_gradients_are_those_of_finite_differences(transform: Transform) -> None:
    assert isinstance(transform, Transform)
    image = IMAGE[:, :, :4].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: transform(x, rng(3)), image)


@pytest.mark.parametrize("transform", EVERY, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_seed_decides_and_nothing_else(transform: Transform, dtype: torch.dtype) -> None:
    image = IMAGE.to(dtype)
    before = torch.get_rng_state()
    first, again = transform(image, rng(7)), transform(image, rng(7))
    torch.rand(3)
    assert torch.equal(first, again)
    assert first.dtype == dtype
    torch.set_rng_state(before)
    transform(image, rng(8))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_constant_pad_is_the_picture_in_a_frame_of_the_value() -> None:
    padded = Pad(2, "constant", 0.25)(IMAGE, rng())
    assert torch.equal(inner(padded, 2), IMAGE)
    assert (padded.sum() - IMAGE.sum()).item() == pytest.approx(0.25 * 6 * (9 * 11 - 35))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("reflect", [2, 1, 0, 1, 2, 3, 2, 1]), ("replicate", [0, 0, 0, 1, 2, 3, 3, 3])],
)
def test_a_pad_mirrors_or_repeats_the_edge(mode: Any, expected: list[int]) -> None:
    ramp = torch.arange(4.0).expand(1, 3, 3, 4)
    assert Pad(2, mode)(ramp, rng())[0, 0, 0].tolist() == expected


def test_flips_that_are_certain_mirror_every_image() -> None:
    assert torch.equal(Flip(1, 0)(IMAGE, rng()), IMAGE.flip(3))
    assert torch.equal(Flip(0, 1)(IMAGE, rng()), IMAGE.flip(2))
    assert Flip(0, 0)(IMAGE, rng()) is IMAGE


def test_images_are_flipped_as_often_as_is_asked_each_by_itself() -> None:
    image = torch.tensor([0.0, 1.0]).expand(4000, 3, 1, 2)
    share = Flip(0.3)(image, rng())[:, 0, 0, 0].mean().item()
    assert share == pytest.approx(0.3, abs=0.022)  # three standard errors


def test_scaling_a_ramp_divides_its_slope() -> None:
    scaled = Scale(1.25, 1.25)(places(), rng())
    assert torch.allclose(scaled, places() / 1.25, atol=1e-12)


def test_a_quarter_turn_of_a_square_is_rot90() -> None:
    square = IMAGE[..., :5]
    expected = torch.rot90(square, 1, (2, 3))
    for turn in (Rotate((90, 90)), Affine(angle_deg=(90, 90))):
        assert torch.allclose(turn(square, rng()), expected, atol=1e-12)
    single = Affine(angle_deg=(90, 90))(square.float(), rng())
    assert torch.allclose(single, expected.float(), atol=1e-6)


def test_a_half_turn_of_a_rectangle_flips_both_ways() -> None:
    assert torch.allclose(Rotate((180, 180))(IMAGE, rng()), IMAGE.flip(2, 3), atol=1e-12)


def test_a_rotation_turns_places_of_a_rectangle_without_distorting_them() -> None:
    x, y, _ = places()[0]
    turned = Rotate((30, 30))(places(), rng())[0]
    c, s = math.cos(math.pi / 6), math.sin(math.pi / 6)
    assert torch.allclose(inner(turned[0], 7), inner(x * c - y * s, 7), atol=1e-12)
    assert torch.allclose(inner(turned[1], 7), inner(x * s + y * c, 7), atol=1e-12)


def test_a_shear_leans_the_top_to_the_right() -> None:
    x, y, _ = places()[0]
    sheared = Shear((45, 45))(places(1), rng())[0]
    assert torch.allclose(sheared[1], y, atol=1e-12)
    assert torch.allclose(inner(sheared[0], 10), inner(x + y, 10), atol=1e-12)
    # What was in the middle of the top row stands to the right of it.
    assert sheared[0, 5, 19] == pytest.approx(4.5 - 4.5)


@pytest.mark.parametrize(
    ("border", "rows", "columns"),
    [
        ("replicate", [0, 0, 0, 1, 2], [0, 0, 0, 1, 2, 3, 4]),
        ("reflect", [1, 0, 0, 1, 2], [1, 0, 0, 1, 2, 3, 4]),  # a mirror shows the edge twice
    ],
)
def test_a_shift_by_whole_pixels_moves_the_picture_down_and_right(
    border: Any, rows: list[int], columns: list[int]
) -> None:
    expected = IMAGE[:, :, rows][..., columns]
    for shift in (Translate((2, 2), border=border), Affine(shift=(2, 2), border=border)):
        assert torch.allclose(shift(IMAGE, rng()), expected, atol=1e-12)


def test_a_shift_brings_the_value_of_a_constant_border_into_view() -> None:
    expected = Pad(2, "constant", 0.25)(IMAGE, rng())[..., :5, :7]
    shift = Translate((2, 2), border="constant", value=0.25)
    assert torch.allclose(shift(IMAGE, rng()), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("border", "rows"), [("circular", [3, 4, 0, 1, 2]), ("circular_columns", [1, 0, 0, 1, 2])]
)
def test_a_circular_border_is_the_picture_once_more(border: Any, rows: list[int]) -> None:
    expected = IMAGE.roll(2, 3)[:, :, rows]
    for shift in (Translate((2, 2), border=border), Affine(shift=(2, 2), border=border)):
        assert torch.allclose(shift(IMAGE, rng()), expected, atol=1e-12)


def test_around_a_circular_picture_it_is_seen_again_at_any_distance() -> None:
    # Columns -9 to 15 of a picture of 7, rows -9 to 13 of one of 5.
    rows, columns = torch.arange(-9, 14) % 5, torch.arange(-9, 16) % 7
    everywhere = IMAGE[:, :, rows][..., columns]
    for grown in (Pad(9, "circular"), Affine(border="circular", around=9)):
        assert torch.allclose(grown(IMAGE, rng()), everywhere, atol=1e-12)
    across = IMAGE[..., columns]
    for grown in (Pad(9, "circular_columns"), Affine(border="circular_columns", around=9)):
        assert torch.allclose(grown(IMAGE, rng()), across, atol=1e-12)


@pytest.mark.parametrize("shared", [False, True])
def test_a_turned_circular_picture_is_the_middle_of_its_turned_tiles(shared: bool) -> None:
    image = torch.rand(4, 3, 5, 7, dtype=torch.float64, generator=rng(1))
    how: dict[str, Any] = {"scale": (0.6, 0.6), "angle_deg": (25, 25), "shift": (1, 1)}
    tiles = Affine(**how)(image.repeat(1, 1, 7, 7), rng())
    middle = tiles[..., 15 - 2 : 20 + 2, 21 - 2 : 28 + 2]
    turned = Affine(**how, border="circular", around=2, shared=shared)(image, rng())
    assert torch.allclose(turned, middle, atol=1e-12)


def test_a_picture_is_rolled_to_each_position_as_often() -> None:
    image = torch.eye(1, 35, dtype=torch.float64).reshape(1, 1, 5, 7)
    draws = rng()
    found = sum(Roll()(image, draws) for _ in range(3500)).flatten()
    assert found.min() > 100 - 4 * 10  # four standard deviations
    assert found.max() < 100 + 4 * 10
    assert torch.equal(Roll(rows=False)(image, draws).sum(3), image.sum(3))
    assert torch.equal(Roll(columns=False)(image, draws).sum(2), image.sum(2))


def test_all_shifts_within_the_range_come_as_often_and_no_others() -> None:
    seen = Translate(1)(places(1800, 5, 7), rng())[:, :2, 2, 3].round().long() + 1
    counts = torch.bincount(seen[:, 0] * 3 + seen[:, 1])
    assert len(counts) == 9
    assert counts.min() > 200 - 3 * 14  # three standard deviations
    assert counts.max() < 200 + 3 * 14


def test_what_is_at_rest_gives_the_image_itself() -> None:
    assert Affine()(IMAGE, rng()) is IMAGE
    for still in (Scale(1, 1), Rotate(0), Shear(0), Translate(0)):
        assert torch.allclose(still(IMAGE, rng()), IMAGE, atol=1e-6)


def test_the_resampling_itself_changes_nothing() -> None:
    turned = Affine(angle_deg=(360, 360))(IMAGE, rng())
    assert turned is not IMAGE
    assert torch.allclose(turned, IMAGE, atol=1e-12)
    assert torch.allclose(
        Affine(angle_deg=(360, 360))(IMAGE.float(), rng()), IMAGE.float(), atol=1e-6
    )


def test_each_image_of_a_batch_has_its_own_draw_unless_it_is_shared() -> None:
    image = smooth(5, 20, 30)
    own = Affine((0.8, 1.2), 20, 10, 3)(image, rng())
    assert all((own[i] - own[j]).abs().max() > 0.01 for i in range(5) for j in range(i))
    shared = Affine((0.8, 1.2), 20, 10, 3, shared=True)(image, rng())
    assert torch.equal(shared, shared[:1].expand(5, -1, -1, -1))
    assert not torch.equal(shared, image)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize(("dtype", "near"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_a_shared_draw_gives_each_image_and_its_gradient_what_it_has_alone(
    border: Any, dtype: torch.dtype, near: float
) -> None:
    # So far out that mirrors are seen in mirrors.
    warp = Affine((0.2, 0.6), 40, 20, 9, border=border, value=0.25, shared=True)
    image = torch.rand(5, 3, 17, 23, dtype=dtype, generator=rng(1)).requires_grad_()
    weights = torch.rand(image.shape, dtype=dtype, generator=rng(2))
    for seed in range(8):
        together = warp(image, rng(seed))
        alone = torch.cat([warp(each, rng(seed)) for each in image.split(1)])
        assert together.shape == image.shape
        torch.testing.assert_close(together, alone, atol=near, rtol=0)
        (back,) = torch.autograd.grad((weights * together).sum(), image)
        (own,) = torch.autograd.grad((weights * alone).sum(), image)
        torch.testing.assert_close(back, own, atol=30 * near, rtol=0)


def test_large_pictures_share_a_draw_as_small_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    warp = Affine((0.5, 1.2), 20, 10, 5, shared=True)
    image = torch.rand(4, 3, 17, 23, dtype=torch.float64, generator=rng(1))
    small = warp(image, rng())
    monkeypatch.setattr(sampling, "_LARGEST", 17 * 23 - 1)
    torch.testing.assert_close(warp(image, rng()), small, atol=1e-12, rtol=0)


def test_gradients_of_a_shared_draw_are_those_of_finite_differences() -> None:
    image = torch.rand(4, 3, 4, 5, dtype=torch.float64, generator=rng()).requires_grad_()
    for border in BORDERS:
        warp = Affine((0.5, 1.2), 20, 10, 2, border=border, shared=True)  # type: ignore[arg-type]
        assert torch.autograd.gradcheck(lambda x, warp=warp: warp(x, rng(3)), image)


def test_draws_are_uniform_over_their_ranges() -> None:
    matrices = Affine((0.8, 1.2), 20, shift=3).matrices(4000, rng())
    scale = 1 / matrices[:, :2, :2].det().sqrt()
    angle = torch.atan2(matrices[:, 1, 0], matrices[:, 0, 0]).rad2deg()
    for drawn, low, high in ((scale, 0.8, 1.2), (angle, -20.0, 20.0)):
        spread = (high - low) / math.sqrt(12)
        error = spread / math.sqrt(4000)
        assert drawn.min() >= low - 1e-9
        assert drawn.max() <= high + 1e-9
        assert drawn.mean().item() == pytest.approx((low + high) / 2, abs=3 * error)
        assert drawn.std().item() == pytest.approx(spread, rel=0.03)


def test_the_fused_pass_is_its_parts_one_after_the_other() -> None:
    image = smooth(3, 96, 128)
    fused = Affine((0.9, 1.1), 10, 5, 6, border="constant")
    assert [type(part) for part in fused.parts] == [Scale, Shear, Rotate, Translate]
    generator, unfused = rng(2), image
    for part in fused.parts:
        unfused = part(unfused, generator)
    once = fused(image, rng(2))
    assert (once - image).abs().max() > 0.1
    # Corners that leave the picture and come back are grey where there are steps between.
    assert inner(once - unfused, 12).abs().max() < 0.005


def test_lucid_in_one_pass_is_lucid_step_by_step() -> None:
    image = smooth(3, 96, 128)
    drawn = rng(5)
    across, down = torch.randint(-4, 5, (2,), generator=drawn).tolist()
    factor = 0.9 + 0.02 * int(torch.randint(11, (), generator=drawn))
    angle = float(([*range(-10, 11), *5 * [0]])[int(torch.randint(26, (), generator=drawn))])
    again_across, again_down = torch.randint(-2, 3, (2,), generator=drawn).tolist()
    # Crops of 8 and 4 pixels of what is padded by 12; between them the size is that of the padded.
    first = Pad(12, "constant")(image, rng()).roll((down, across), (2, 3))
    unfused = Rotate((angle, angle))(Scale(factor, factor)(first, rng()), rng())
    unfused = inner(unfused.roll((again_down, again_across), (2, 3)), 6)
    unfused = functional.interpolate(unfused, (96, 128), mode="bilinear")
    (lucid,) = LUCID
    fused = lucid(image, rng(5))
    assert (fused - image).abs().max() > 0.1
    assert inner(fused - unfused, 12).abs().max() < 0.01


def test_lucid_draws_from_lucids_lists() -> None:
    (lucid,) = LUCID
    assert isinstance(lucid, LucidMoves)
    drawn = lucid.matrices(4000, rng(3))
    linear = drawn[:, :2, :2]
    factors = 1 / torch.linalg.det(linear).sqrt()
    angles = torch.atan2(linear[:, 1, 0], linear[:, 0, 0]).rad2deg()
    assert torch.allclose(factors.mul(50).round() / 50, factors)
    assert torch.allclose(angles.round(), angles, atol=1e-6)
    assert factors.aminmax() == pytest.approx((0.9, 1.1))
    assert angles.aminmax() == pytest.approx((-10, 10))
    # Three standard errors: 0 is 6 of 26 angles, and every factor one of 11.
    assert float((angles.abs() < 0.5).double().mean()) == pytest.approx(6 / 26, abs=0.02)
    assert float((factors > 1.09).double().mean()) == pytest.approx(1 / 11, abs=0.014)
    # Two crops, of 8 and 4 pixels: variances (9^2 - 1) / 12 and (5^2 - 1) / 12.
    assert drawn[:, :2, 2].var(0).tolist() == pytest.approx([26 / 3, 26 / 3], rel=0.08)


def test_a_margin_shows_the_border_and_keeps_the_size() -> None:
    seen = Affine(margin=5, border="constant", value=0.25)(torch.ones(1, 3, 20, 30), rng())
    assert seen.shape == (1, 3, 20, 30)
    # 5 of the 30 rows of the view are 3.33 of the 20 that are seen.
    assert seen[0, 0, :3].unique().tolist() == [0.25]
    torch.testing.assert_close(inner(seen, 4), torch.ones_like(inner(seen, 4)))


BAD: list[tuple[Any, str]] = [
    (lambda: Pad(-1), "pixels is -1; it must be a whole number of at least 0"),
    (lambda: Pad(1, "wrap"), "mode is 'wrap'; it is one of reflect, replicate, constant"),  # type: ignore[arg-type]
    (lambda: Pad(1, "constant", 2), "value is 2; it must be at least 0 and at most 1"),
    (lambda: Pad(5)(IMAGE, rng()), "a picture of 5x7 can't be mirrored over 5 pixels; pad by less"),
    (lambda: Flip(1.5), "horizontal is 1.5; it must be at least 0 and at most 1"),
    (lambda: Flip(0, -1), "vertical is -1; it must be at least 0 and at most 1"),
    (lambda: Scale(0, 1), "low is 0; it must be above 0, and finite"),
    (lambda: Scale(1.1, 0.9), "a scale from 1.1 to 0.9; low before high"),
    (lambda: Scale(1, math.inf), "high is inf; it must be above 0"),
    (lambda: Scale(1, math.nan), "high is nan; it must be above 0"),
    (
        lambda: Rotate(-5),
        "angle deg is -5; it must be a number, 0 or more, or a pair",
    ),
    (lambda: Rotate((5, math.inf)), r"angle deg is \(5, inf\)"),
    (lambda: Rotate(5, border="no"), "border is 'no'; it is one of reflect"),  # type: ignore[arg-type]
    (lambda: Shear(90), "angle deg is 90; .*, all below 90 in size"),
    (lambda: Translate((3, 1)), r"pixels is \(3, 1\); .* or a pair \(low, high\)"),
    (lambda: Affine(scale=(0, 1)), "scale's first number is 0; it must be above 0"),
    (lambda: Affine(angle_deg=math.nan), "angle deg is nan"),
    (lambda: Affine(shear_deg=-1), "shear deg is -1"),
    (lambda: Affine(shift=-1), "shift is -1"),
    (lambda: Affine(margin=-1), "margin is -1; it must be a whole number of at least 0"),
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("make", "told"), BAD, ids=[told for _, told in BAD])
def test_what_makes_no_sense_is_refused(make: Any, told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        make()

"""Dreams with a mask, and with transforms and an optimizer of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import entoptic as ent
from entoptic.errors import BadPicture, BadSetting

HOW: dict[str, Any] = {"layer": "fire2", "octaves": 2, "steps": 2}


@pytest.fixture(scope="module")
def model() -> ent.Model:
    return ent.load()


@pytest.fixture
def photo() -> Tensor:
    return torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(4))


def right_half(height: int, width: int) -> Tensor:
    mask = torch.zeros(1, 3, height, width)
    mask[..., width // 2 :] = 1
    return mask


def test_outside_of_a_mask_the_photo_stays_to_the_last_bit(model: ent.Model, photo: Tensor) -> None:
    made = ent.dream(model, photo, mask=right_half(48, 64), **HOW).image
    assert torch.equal(made[..., :32], photo[..., :32])
    assert (made[..., 36:] - photo[..., 36:]).abs().mean() > 0.003


def test_a_white_mask_changes_nothing_and_a_black_one_everything(
    model: ent.Model, photo: Tensor
) -> None:
    plain = ent.dream(model, photo, **HOW).image
    white = ent.dream(model, photo, mask=torch.ones(1, 3, 24, 32), **HOW).image
    assert torch.allclose(white, plain, atol=1e-5)
    with pytest.raises(BadPicture, match="black all over"):
        ent.dream(model, photo, mask=torch.zeros(1, 3, 24, 32), **HOW)


def test_gray_makes_shorter_steps(model: ent.Model, photo: Tensor) -> None:
    one = HOW | {"octaves": 1, "steps": 1, "headroom": 0.0}
    inside = photo * 0.5 + 0.25  # where no step is clipped
    whole = ent.dream(model, inside, **one).image - inside
    half = ent.dream(model, inside, mask=torch.full((1, 3, 48, 64), 0.5), **one).image - inside
    assert torch.allclose(half, whole / 2, atol=1e-6)


def test_a_mask_does_not_change_how_strong_the_dream_is_inside(
    model: ent.Model, photo: Tensor
) -> None:
    one = HOW | {"octaves": 1, "steps": 1}
    whole = ent.dream(model, photo, **one).image
    masked = ent.dream(model, photo, mask=right_half(48, 64), **one).image
    assert torch.allclose(masked[..., 32:], whole[..., 32:], atol=1e-6)


def test_regions_have_objectives_of_their_own(model: ent.Model, photo: Tensor) -> None:
    how: dict[str, Any] = {"octaves": 1, "steps": 1, "jitter": 0}
    right = right_half(48, 64)
    made = ent.dream(model, photo, layer="fire2", region=[(right, "fire2:5")], **how).image
    left = ent.dream(model, photo, layer="fire2", **how).image
    assert torch.equal(made[..., :32], left[..., :32])
    # The regions take turns: the second one's step begins where the first one's ended.
    begun = torch.cat([left[..., :32], photo[..., 32:]], 3)
    expected = ent.dream(model, begun, objective="fire2:5", **how).image
    assert torch.allclose(made[..., 32:], expected[..., 32:], atol=1e-6)


def test_regions_are_made_again(model: ent.Model, photo: Tensor, tmp_path: Path) -> None:
    sky = ent.write(tmp_path / "sky.png", photo)
    mask = ent.write(tmp_path / "right.png", right_half(48, 64))
    made = ent.dream(model, sky, region=f"{mask}=fire2:5", **HOW)
    assert made.job.settings["region"] == [[str(mask), "channel('fire2', 5)"]]
    again = ent.redo(made.save(tmp_path / "a.png"))
    assert torch.equal(again.image, made.image)
    assert again.job == made.job


@pytest.mark.parametrize(("how", "most"), [("saliency", 0.3), ("gradient", 0.7)])
def test_what_is_protected_changes_less(model: ent.Model, how: str, most: float) -> None:
    photo = torch.full((1, 3, 96, 128), 0.5)
    spot = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    photo[..., 20:40, 90:110] = spot
    plain = (ent.dream(model, photo, **HOW).image - photo).abs()
    kept = (ent.dream(model, photo, protect=how, **HOW).image - photo).abs()
    there = (slice(None), slice(None), slice(24, 36), slice(94, 106))
    assert kept[there].mean() < most * plain[there].mean()


def test_kept_colors_are_the_photos(model: ent.Model, photo: Tensor) -> None:
    made = ent.dream(model, photo, keep_colors=True, **HOW).image
    for one, other in ((0, 1), (1, 2)):
        wanted = photo[:, one] - photo[:, other]
        assert torch.allclose(made[:, one] - made[:, other], wanted, atol=1e-6)
    assert (made - photo).abs().mean() > 0.003


def test_the_photo_is_mixed_in(model: ent.Model, photo: Tensor) -> None:
    plain = ent.dream(model, photo, **HOW).image
    mixed = ent.dream(model, photo, mix=0.25, **HOW).image
    assert torch.allclose(mixed, 0.75 * plain + 0.25 * photo, atol=1e-6)
    assert torch.equal(ent.dream(model, photo, mix=1, **HOW).image, photo)


def test_a_matched_histogram_is_the_photos(model: ent.Model, photo: Tensor) -> None:
    made = ent.dream(model, photo, match_histogram=True, **HOW).image
    ours, theirs = (image.flatten(2).sort().values for image in (made, photo))
    assert (ours - theirs).abs().mean() < 0.001
    plain = ent.dream(model, photo, **HOW).image
    assert (plain.flatten(2).sort().values - theirs).abs().mean() > 0.005


def test_a_photo_that_was_made_lighter_gets_its_histogram_back() -> None:
    from entoptic.images.finish import matched
    from entoptic.images.stored import Stored

    photo = torch.rand(2, 3, 40, 50, generator=torch.Generator().manual_seed(1))
    for stored in (Stored, Stored.copy):
        found = matched(stored(photo), stored(photo.sqrt()))
        # A bin of 1/4096 of the darkest ends is a wide one of the root.
        assert (found.tensor - photo).abs().mean() < 1 / 4096
        assert (found.tensor - photo).abs().max() < 0.01


def test_gradient_rules_are_named(model: ent.Model, photo: Tensor, tmp_path: Path) -> None:
    text = ent.dream(model, photo, rules="guided", **HOW).image
    things = ent.dream(model, photo, rules=[ent.guided()], **HOW)
    assert torch.equal(things.image, text)
    assert things.job.settings["rules"] == "guided(steps=None)"
    assert not torch.equal(text, ent.dream(model, photo, **HOW).image)


def test_in_tiles_the_same_dream_is_masked_and_shaped(model: ent.Model) -> None:
    photo = torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(4))
    how = HOW | {"shaping": "laplacian + decorrelate + spread", "headroom": 0.05, "jitter": 5}
    how |= {"mask": right_half(96, 128), "keep_colors": True}
    whole = ent.dream(model, photo, tile="off", **how).image
    tiled = ent.dream(model, photo, tile=64, **how)
    assert tiled.job.settings["tile"] == 64
    assert torch.equal(tiled.image[..., :64], photo[..., :64])
    assert (tiled.image - whole).abs().max() < 2e-3


def test_a_masked_dream_is_made_again(model: ent.Model, photo: Tensor, tmp_path: Path) -> None:
    sky = ent.write(tmp_path / "sky.png", photo)
    mask = ent.write(tmp_path / "mask.png", right_half(48, 64))
    made = ent.dream(model, sky, mask=mask, **HOW)
    assert [each.name for each in made.job.guides] == [str(mask)]
    again = ent.redo(made.save(tmp_path / "a.png"))
    assert torch.equal(again.image, made.image)
    ent.write(mask, torch.ones(1, 3, 48, 64))
    with pytest.raises(ent.EntopticError, match="has changed since"):
        ent.redo(tmp_path / "a.png")


def test_a_mask_of_another_shape_is_refused(model: ent.Model, photo: Tensor) -> None:
    with pytest.raises(BadPicture, match=r"the mask is 40x40 .* the photo 48x64"):
        ent.dream(model, photo, mask=torch.ones(1, 3, 40, 40), **HOW)


def test_transforms_and_an_optimizer_are_text_or_objects(
    model: ent.Model, photo: Tensor, tmp_path: Path
) -> None:
    text = ent.dream(
        model, photo, transforms="jitter(4) + rotate(-5, 5)", optimizer="adam(0.02)", **HOW
    )
    things = ent.dream(
        model,
        photo,
        transforms=[ent.Jitter(4), ent.Rotate((-5, 5))],
        optimizer=ent.adam(0.02),
        **HOW,
    )
    assert torch.equal(text.image, things.image)
    assert not torch.equal(text.image, ent.dream(model, photo, **HOW).image)
    sky = ent.write(tmp_path / "sky.png", photo)
    made = ent.dream(model, sky, transforms="none", optimizer=ent.adam(0.02), **HOW)
    assert torch.equal(ent.redo(made.save(tmp_path / "a.png")).image, made.image)


def test_no_transforms_are_a_jitter_of_0(model: ent.Model, photo: Tensor) -> None:
    none = ent.dream(model, photo, transforms="none", **HOW).image
    assert torch.equal(none, ent.dream(model, photo, jitter=0, **HOW).image)


def test_in_tiles_they_are_refused(model: ent.Model, photo: Tensor) -> None:
    with pytest.raises(BadSetting, match="in tiles takes no transforms, optimizer"):
        ent.dream(model, photo, tile=32, transforms="none", **HOW)


def test_a_masked_dream_that_was_moved_with_its_files_can_be_made_again_and_again(
    model: ent.Model, photo: Tensor, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    sky, mask = ent.write(here / "sky.png", photo), ent.write(here / "mask.png", right_half(48, 64))
    made = ent.dream(model, sky, mask=mask, **HOW)
    first = made.save(here / "a.png")
    here.rename(there)
    again = ent.redo(there / first.name)
    assert again.job == made.job
    once_more = ent.redo(again.save(there / "b.png"), seed=1)
    assert once_more.job.settings["mask"] == once_more.job.guides[0].name
    assert torch.equal(ent.redo(once_more.save(there / "c.png")).image, once_more.image)

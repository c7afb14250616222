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
    with pytest.raises(ent.EntopticError, match="gradient is zero"):
        ent.dream(model, photo, mask=torch.zeros(1, 3, 24, 32), **HOW | {"steps": 9})


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
    with pytest.raises(BadSetting, match="a dream in tiles takes no mask, transforms or optimizer"):
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

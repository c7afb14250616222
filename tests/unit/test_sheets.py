"""Where each picture of a sheet stands, pixel by pixel."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import entoptic as ent
from entoptic.errors import BadSetting
from entoptic.images.contact_sheet import sheet, sheet_size

GRAYS = torch.tensor([0.1, 0.2, 0.3]).reshape(3, 1, 1, 1).expand(3, 3, 2, 3)


def test_pictures_stand_row_by_row_with_gaps_between_and_none_around() -> None:
    found = ent.sheet(GRAYS, 2, gap=1, background=0)
    row = [0.1, 0.1, 0.1, 0, 0.2, 0.2, 0.2]
    last = [0.3, 0.3, 0.3, 0, 0, 0, 0]
    expected = torch.tensor([row, row, [0] * 7, last, last])
    assert torch.equal(found, expected.expand(1, 3, 5, 7))


def test_one_picture_without_labels_is_itself_in_any_number_of_columns() -> None:
    picture = torch.rand((1, 3, 4, 6), generator=torch.Generator().manual_seed(1))
    assert torch.equal(ent.sheet(picture, 9), picture)


def test_a_label_stands_below_its_picture_and_leaves_it_alone() -> None:
    blank = torch.full((2, 3, 30, 60), 0.5)
    found = ent.sheet(blank, 2, gap=0, labels=["HHH", ""])
    assert torch.equal(found[..., :30, :], torch.full((1, 3, 30, 120), 0.5))
    strips = found[..., 30:, :]
    assert strips[..., 60:].min() == 1
    letters = (strips[0, 0, :, :60] < 0.5).nonzero()
    assert len(letters) > 20
    # In the middle, to the pixel on which a letter's edge falls.
    middle = (letters.amin(0) + letters.amax(0)) / 2
    torch.testing.assert_close(middle, torch.tensor([(20 - 1) / 2, (60 - 1) / 2]), atol=1.5, rtol=0)


def test_on_black_a_label_is_white() -> None:
    black = torch.zeros(1, 3, 8, 40)
    assert ent.sheet(black, 1, background=0, labels=["HHH"]).max() > 0.9


def test_a_label_too_long_is_cut_short_instead_of_running_out() -> None:
    found = ent.sheet(torch.zeros(1, 3, 8, 40), 1, labels=["W" * 400])
    assert found.shape == (1, 3, 28, 40)
    assert found[..., 8:, 0].min() > 0.9


@pytest.mark.parametrize(
    ("count", "columns", "settings", "told"),
    [
        (
            0,
            1,
            {},
            "images is a tensor of shape .0, 3, 2, 3.; .*, none of them 0",
        ),
        (2, 0, {}, "columns is 0; it must be a whole number from 1"),
        (2, 1, {"gap": -1}, "gap is -1; it must be a whole number from 0"),
        (2, 1, {"background": 1.5}, "background is 1.5; it must be at least 0 and at most 1"),
        (2, 1, {"labels": ["a"]}, "1 labels for 2 pictures; give one for each, or none"),
    ],
)
def test_what_makes_no_sheet_is_said(
    count: int, columns: int, settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(ent.EntopticError, match=told):
        ent.sheet(torch.zeros(count, 3, 2, 3), columns, **settings)


def test_titles_stand_above_their_columns_and_the_size_counts_them() -> None:
    plain = sheet(torch.zeros(4, 3, 10, 30), 2, gap=2)
    titled = sheet(torch.zeros(4, 3, 10, 30), 2, gap=2, titles=["a", ""])
    assert titled.shape[-2:] == sheet_size(4, 2, 10, 30, gap=2, titled=True) == (20 + 22, 62)
    assert torch.equal(titled[..., 20:, :], plain)
    assert titled[..., :20, :30].min() < 0.5
    assert (titled[..., :20, 30:] == 1).all()


def test_titles_for_another_number_of_columns_are_refused() -> None:
    with pytest.raises(BadSetting, match="3 titles for 2 columns; give one for each, or none"):
        sheet(torch.zeros(4, 3, 10, 30), 2, titles=["a", "b", "c"])

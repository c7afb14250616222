"""Transforms: random changes whose chance comes from a generator."""

from __future__ import annotations

import pytest
import torch

from entoptic.errors import BadSetting
from entoptic.transforms import Jitter, Transform

IMAGE = torch.arange(2 * 3 * 5 * 7.0).reshape(2, 3, 5, 7) / 210


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_jitter_is_a_transform() -> None:
    assert isinstance(Jitter(3), Transform)


def test_no_jitter_gives_the_image_itself_and_draws_nothing() -> None:
    generator = rng()
    before = generator.get_state()
    assert Jitter(0)(IMAGE, generator) is IMAGE
    assert torch.equal(generator.get_state(), before)


def test_jitter_rolls_rows_and_columns_by_what_the_generator_says() -> None:
    rows, columns = torch.randint(-4, 5, (2,), generator=rng(6)).tolist()
    assert rows != columns
    expected = torch.stack([IMAGE[:, :, (row - rows) % 5] for row in range(5)], 2)
    expected = torch.stack([expected[..., (column - columns) % 7] for column in range(7)], 3)
    assert torch.equal(Jitter(4)(IMAGE, rng(6)), expected)


def test_all_shifts_within_the_range_come_and_no_others() -> None:
    dot = torch.zeros(1, 3, 9, 9)
    dot[0, :, 4, 4] = 1
    generator = rng(1)
    places = {tuple(Jitter(1)(dot, generator)[0, 0].nonzero()[0].tolist()) for _ in range(200)}
    assert places == {(row, column) for row in (3, 4, 5) for column in (3, 4, 5)}


def test_a_negative_shift_is_refused() -> None:
    with pytest.raises(BadSetting, match=r"pixels is -1; it must be a whole number of at least 0"):
        Jitter(-1)

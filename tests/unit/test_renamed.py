"""Public names of the first releases."""

from __future__ import annotations

import pytest

import entoptic as ent


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ColourShift", "ColorShift"),
        ("Grey", "Gray"),
        ("centre_crop", "center_crop"),
        ("normalised_layers", "normalized_layers"),
    ],
)
def test_an_old_name_is_the_new_thing_and_says_so(old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"entoptic.{old} is called entoptic.{new} now"):
        assert getattr(ent, old) is getattr(ent, new)

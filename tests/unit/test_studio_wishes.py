"""What a page of the studio asks for, where something is lacking."""

from __future__ import annotations

from pathlib import Path

import pytest

from entoptic.errors import BadSetting
from entoptic.studio.limits import Limits
from entoptic.studio.networks import Networks
from entoptic.studio.shelf import Shelf
from entoptic.studio.wishes import Wishes


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ("visualize", "choose a unit first"),
        ("zoom", "choose a photo first"),
        ("film", "choose a film first"),
    ],
)
def test_what_is_lacking_is_asked_for(tmp_path: Path, recipe: str, told: str) -> None:
    wishes = Wishes(Shelf(tmp_path, 1_000_000), Networks(), Limits())
    with pytest.raises(BadSetting, match=told):
        wishes.read(recipe, {"model": "squeezenet1_1", "seed": 3})

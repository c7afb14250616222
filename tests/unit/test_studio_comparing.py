"""Pictures side by side in the studio: what is said of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from entoptic.errors import BadSetting, PictureNotFound
from entoptic.jobs.job import Job
from entoptic.studio.comparing import compared, differences
from entoptic.studio.shelf import Shelf


def job(objective: str = "channel('fire3', 1)", seed: int = 0, **settings: Any) -> Job:
    listed = f"per_image([{objective}])"
    return Job("visualize", "squeezenet1_1", listed, settings, None, seed=seed)


def test_only_the_settings_that_differ_are_said() -> None:
    one, other = job(size=64, method="natural"), job(size=64, method="cppn", seed=3)
    assert differences([one, other]) == [["method natural", "seed 0"], ["method cppn", "seed 3"]]


def test_other_units_and_settings_that_one_lacks_are_said() -> None:
    found = differences([job("channel('fire3', 2)"), job(spectrum=0.5)])
    assert found == [
        ["channel('fire3', 2)", "spectrum none"],
        ["channel('fire3', 1)", "spectrum 0.5"],
    ]


def test_what_is_the_same_is_said_to_be_its_unit() -> None:
    assert differences([job(), job()]) == [["channel('fire3', 1)"]] * 2
    assert differences([job()]) == [["channel('fire3', 1)"]]


def test_a_third_picture_that_differs_counts_for_all() -> None:
    found = differences([job(size=64), job(size=64), job(size=96)])
    assert found == [["size 64"], ["size 64"], ["size 96"]]


def test_too_many_and_unknown_pictures_are_refused(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, 1_000_000)
    with pytest.raises(BadSetting, match="at most 3 pictures are compared; put one away"):
        compared(shelf, ["a.png"] * 4)
    with pytest.raises(PictureNotFound, match=r"a\.png"):
        compared(shelf, ["a.png"])

"""`entoptic maps` and `filters`, end to end and when used wrongly."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shells.command import entoptic, picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photo."""
    picture(3).save(tmp_path / "cat.png")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["maps", "nothing.png"], "no picture 'nothing.png'"),
        (["maps", "cat.png", "-l", "fire22"], "no layer named 'fire22'"),
        (["maps", "cat.png", "--unit", "999"], "channel 999 of 'fire7' does not exist"),
        (["filters", "-l", "fire2"], "'fire2' is no convolution; the first one of .* is 'conv1'"),
    ],
)
def test_what_is_wrong_is_told_on_one_line_and_nothing_is_left(
    arguments: list[str], told: str, folder: Path
) -> None:
    done = entoptic(*arguments, folder=folder)
    assert (done.code > 0, done.out) == (True, "")
    assert re.fullmatch(r"Error: [^\n]+\n", done.err)
    assert re.search(told, done.err)
    assert [each.name for each in folder.iterdir()] == ["cat.png"]


def test_maps_and_filters_are_named_and_made_again_byte_for_byte(folder: Path) -> None:
    for arguments, name in (
        (("maps", "cat.png", "-l", "fire2", "--size", "32"), "cat-maps"),
        (("maps", "cat.png", "-l", "fire2", "--unit", "3", "-o", "one.png"), "one"),
        (("filters",), "squeezenet1_1-filters"),
    ):
        done = entoptic(*arguments, folder=folder)
        assert (done.code, done.out, done.err) == (0, f"{name}.png\n", "")
        again = entoptic("redo", f"{name}.png", "-o", "again.png", "-f", "-q", folder=folder)
        assert (again.code, again.err) == (0, "")
        assert (folder / "again.png").read_bytes() == (folder / f"{name}.png").read_bytes()


def test_a_picture_without_steps_is_told_without_them(folder: Path) -> None:
    assert entoptic("filters", folder=folder).code == 0
    done = entoptic("redo", "squeezenet1_1-filters.png", folder=folder)
    assert done.err.splitlines() == [
        "Job: filters with squeezenet1_1",
        "Reads: no file",
        "Makes: 712x532 (height x width) on cpu",
    ]

"""`entoptic exemplars`, end to end and when used wrongly."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import entoptic as ent
from shells.command import entoptic, picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three photographs, one of which is broken, and a photo beside it."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in (1, 2):
        picture(seed, 48, 60).save(photos / f"{seed}.png")
    (photos / "broken.png").write_text("no picture")
    picture(3).save(tmp_path / "cat.png")
    return tmp_path


NOTE = "Note: 1 file left out, not readable as pictures: 'photos/broken.png'\n"


def test_a_sheet_is_named_for_its_unit_and_broken_files_are_told(folder: Path) -> None:
    done = entoptic("exemplars", "fire2:3", "--photos", "photos", folder=folder)
    assert (done.code, done.out, done.err) == (0, "fire2-3-exemplars.png\n", NOTE)
    # Of two photographs: two columns of a tile, a label below and a line above.
    assert ent.read(folder / "fire2-3-exemplars.png").image.shape == (1, 3, 168, 260)
    again = entoptic("exemplars", "fire2:3", "--photos", "photos", "-q", folder=folder)
    assert (again.code, again.out, again.err) == (0, "fire2-3-exemplars-2.png\n", "")


def test_json_is_all_that_is_printed_and_no_picture_is_made(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    done = entoptic(
        "exemplars", "fire2:3-4", "class:goldfish", "--photos", "photos", "--count", "1", "--json",
        folder=folder,
    )  # fmt: skip
    told = json.loads(done.out)
    assert [each["unit"] for each in told["units"]] == ["fire2:3", "fire2:4", "class:goldfish"]
    assert {len(each["exemplars"]) for each in told["units"]} == {1}
    assert told["photos"] == 2
    assert list(told["broken"]) == ["photos/broken.png"]
    assert sorted(folder.rglob("*")) == before


def test_a_record_is_kept_and_goes_on_with_new_photographs(folder: Path) -> None:
    command = ("exemplars", "fire2:3", "--photos", "photos", "--record", "kept.npz", "--json")
    first = entoptic(*command, folder=folder)
    kept = (folder / "kept.npz").read_bytes()
    assert entoptic(*command, folder=folder) == first
    assert (folder / "kept.npz").read_bytes() == kept
    picture(4, 48, 60).save(folder / "photos" / "0.png")
    assert json.loads(entoptic(*command, folder=folder).out)["photos"] == 3
    alone = entoptic(*command[:-3], "--json", folder=folder)
    assert entoptic(*command, folder=folder).out == alone.out


def test_a_sheet_is_not_written_over_a_photograph(folder: Path) -> None:
    done = entoptic(
        "exemplars", "fire2:3", "--photos", "photos", "-o", "photos/1.png", "-f", folder=folder
    )
    assert done.code == 1
    assert re.search(r"'photos/1.png' is a file that is read; choose another name", done.err)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["exemplars"], "UNIT"),
        (["exemplars", "fire2:3"], "no photographs to look at; name files or folders: --photos"),
        (["exemplars", "fire22:3", "--photos", "photos"], "no layer named 'fire22'"),
        (["exemplars", "fire2", "--photos", "photos"], "fire2"),
        (["exemplars", "fire2:3", "--photos", "nowhere"], "no photograph and no folder 'nowhere'"),
        (["exemplars", "fire2:3", "--photos", "photos", "--count", "0"], "count is 0"),
        (["exemplars", "fire2:3", "--photos", "photos", "--least", "--spread"], "exclude each"),
        (["exemplars", "fire2:3", "--photos", "photos", "--by", "sum"], "is one of max, mean"),
        (["exemplars", "fire2:3", "--photos", "photos", "--record", "cat.png"], "end 'cat.png' in"),
        (["exemplars", "timm:resnet18", "--photos", "photos"], "is a network, not a unit"),
    ],
)
def test_what_is_wrong_is_told_on_one_line_and_nothing_is_left(
    arguments: list[str], told: str, folder: Path
) -> None:
    before = sorted(folder.rglob("*"))
    done = entoptic(*arguments, folder=folder)
    assert done.code in (1, 2)
    assert done.out == ""
    assert re.fullmatch(r"Error: [^\n]+\n", done.err)
    assert re.search(told, done.err)
    assert sorted(folder.rglob("*")) == before

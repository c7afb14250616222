"""`entoptic compare`, end to end and when used wrongly."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from shells.command import entoptic

TINY = ("--size", "48", "--steps", "1")


def test_methods_side_by_side_can_be_made_again(tmp_path: Path) -> None:
    made = entoptic(
        "compare", "fire3:3-4", "--method", "lucid, maco,pixels", *TINY, "--json", folder=tmp_path
    )
    told = json.loads(made.out)
    assert told["picture"] == "fire3-3-4-compare.png"
    assert (told["height"], told["width"]) == (20 + 2 * 68 + 4, 3 * 48 + 8)
    assert told["job"]["settings"]["method"] == ["lucid", "maco", "pixels"]
    again = entoptic("redo", told["picture"], "-o", "b.png", folder=tmp_path)
    assert again.code == 0
    first, second = (tmp_path / name for name in (told["picture"], "b.png"))
    assert first.read_bytes() == second.read_bytes()


def test_transforms_with_arguments_stand_side_by_side(tmp_path: Path) -> None:
    made = entoptic(
        "compare", "fire3:3", "--transforms", "rotate(-5, 5),none", *TINY, "--json", folder=tmp_path
    )
    assert json.loads(made.out)["job"]["settings"]["transforms"] == ["rotate(-5, 5)", "none"]


def test_networks_that_a_comparison_names_are_allowed_as_the_message_says(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(
        "import entoptic as ent\n\ndef mine():\n    return ent.load()\n"
    )
    networks = "'python:nets:mine?mean=0.5,0.5,0.5',squeezenet1_1"
    made = entoptic("compare", "fire3:3", "-m", networks, *TINY, "-o", "a.png", folder=tmp_path)
    assert made.code == 0, made.err
    told = entoptic("redo", "a.png", folder=tmp_path).err
    command = shlex.split(told.partition("type: entoptic ")[2])
    assert command == ["redo", "a.png", "--model", networks]
    assert entoptic(*command, folder=tmp_path).code == 0
    assert (tmp_path / "a-redo.png").read_bytes() == (tmp_path / "a.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "UNIT"),
        (["fire3:3"], "a comparison is of several models, methods"),
        (["fire3:3", "--method", "lucid,"], "method is ''; it must be a text"),
        (["fire3:3", "--method", "lucid,lucis"], "did you mean 'lucid'"),
        (["fire3:3", "--canvas", "oil,pixels"], "no canvas named 'oil'"),
        (["fire3:3", "--model", "squeezenet1_1,squeezenet2"], "no model named 'squeezenet2'"),
        (
            ["fire3:3", "--method", "lucid,maco", "--canvas", "maco,pixels"],
            "of one of these kinds alone",
        ),
        (["fire3:999", "--method", "lucid,maco"], "in the column 'lucid': channel 999 of 'fire3'"),
        (["", "--method", "lucid,maco"], "the objective is empty"),
        (["fire3:3", "--method", "lucid"], "given are 1 of models, 1 of methods"),
    ],
)
def test_what_is_wrong_is_told_on_one_line_and_nothing_is_left(
    arguments: list[str], told: str, tmp_path: Path
) -> None:
    result = entoptic("compare", *arguments, folder=tmp_path)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert re.search(told, result.err), result.err
    assert not list(tmp_path.iterdir())


def test_redo_of_a_comparison_refuses_a_photo(tmp_path: Path) -> None:
    entoptic(
        "compare", "fire3:3", "--method", "lucid,pixels", *TINY, "-o", "a.png", folder=tmp_path
    )
    result = entoptic("redo", "a.png", "--photo", "a.png", folder=tmp_path)
    assert result.code == 2
    assert "shows units, not a photo; leave out --photo" in result.err

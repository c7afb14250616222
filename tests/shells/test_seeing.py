"""`entoptic grid` and `entoptic groups`, end to end and when used wrongly."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import entoptic as ent
from shells.command import entoptic, picture

TINY = ("--size", "32", "--steps", "1", "--layer", "fire3")


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    picture(height=36, width=48).save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


def test_a_photo_becomes_a_grid_beside_it_that_can_be_made_again(cat: Path) -> None:
    made = entoptic("grid", "cat.png", *TINY, "--cells", "4", "--weighted", folder=cat.parent)
    assert (made.code, made.out) == (0, "cat-grid.png\n")
    assert ent.read(cat.with_name("cat-grid.png")).image.shape == (1, 3, 3 * 32, 4 * 32)
    again = entoptic("redo", "cat-grid.png", "-o", "b.png", folder=cat.parent)
    assert again.code == 0
    assert cat.with_name("cat-grid.png").read_bytes() == cat.with_name("b.png").read_bytes()


def test_a_grid_of_another_photo_is_made_in_the_same_way(cat: Path) -> None:
    entoptic("grid", "cat.png", *TINY, "--cells", "4", "-o", "a.png", folder=cat.parent)
    picture(seed=1, height=48, width=36).save(cat.with_name("dog.png"))
    done = entoptic(
        "redo", "a.png", "--photo", "dog.png", "--layer", "fire4", "--json", folder=cat.parent
    )
    told = json.loads(done.out)
    assert (told["height"], told["width"]) == (4 * 32, 3 * 32)
    assert (told["job"]["photo"]["name"], told["job"]["settings"]["layer"]) == ("dog.png", "fire4")


def test_a_photo_becomes_groups_beside_it_that_can_be_made_again(cat: Path) -> None:
    made = entoptic("groups", "cat.png", *TINY, "--groups", "2", folder=cat.parent)
    assert (made.code, made.out) == (0, "cat-groups.png\n")
    image = ent.read(cat.with_name("cat-groups.png")).image
    assert image.shape == (1, 3, 2 * (24 + 20) + 4, 3 * 32 + 8)
    again = entoptic("redo", "cat-groups.png", "-o", "b.png", folder=cat.parent)
    assert again.code == 0
    assert cat.with_name("cat-groups.png").read_bytes() == cat.with_name("b.png").read_bytes()


@pytest.mark.parametrize("command", ["grid", "groups"])
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "PHOTO"),
        ([""], "the name of the photo is empty"),
        (["dog.png"], "'dog.png'"),
        (["cat.png", "--layer", "fire33"], "no layer named 'fire33'"),
        (["cat.png", "--layer", "output"], "'output' has no positions in a photo"),
        (["cat.png", "--model", "squeezenet2"], "no model named 'squeezenet2'"),
        (["cat.png", "--canvas", "oil"], "no canvas named 'oil'"),
        (["cat.png", "--device", "abacus"], "no device is called 'abacus'"),
        (["cat.png", "-o", "cat.png", "--force"], "cat.png"),
    ],
)
def test_what_is_wrong_is_told_on_one_line_and_nothing_is_left(
    command: str, arguments: list[str], told: str, cat: Path
) -> None:
    _fails(command, arguments, told, cat)


@pytest.mark.parametrize(
    ("command", "arguments", "told"),
    [
        ("grid", ["cat.png", "--cells", "0"], "cells is 0; it must be a whole number from 1"),
        ("grid", ["cat.png", "--cells", "many"], "'many' is not a valid integer"),
        ("groups", ["cat.png", "--groups", "0"], "groups is 0; it must be a whole number"),
        ("groups", ["cat.png", "--groups", "99", "--layer", "conv1"], "ask for 64 at most"),
        ("grid", ["cat.png", "--size", "3"], "try a larger one"),
    ],
)
def test_what_is_wrong_with_one_command_is_told_too(
    command: str, arguments: list[str], told: str, cat: Path
) -> None:
    _fails(command, arguments, told, cat)


def _fails(command: str, arguments: list[str], told: str, cat: Path) -> None:
    result = entoptic(command, *arguments, folder=cat.parent)
    assert result.code in (1, 2)
    assert result.out == ""
    assert result.err.count("\n") == 1
    assert re.search(told, result.err), result.err
    assert list(cat.parent.iterdir()) == [cat]

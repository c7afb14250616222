"""`entoptic visualize`, end to end and when used wrongly."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import entoptic as ent
from shells.command import entoptic

TINY = ("--size", "48", "--steps", "2")


def test_a_unit_becomes_a_picture_named_for_it(tmp_path: Path) -> None:
    result = entoptic("visualize", "fire5:3", *TINY, folder=tmp_path)
    assert (result.code, result.out) == (0, "fire5-3-visualize.png\n")
    assert ent.read(tmp_path / "fire5-3-visualize.png").image.shape == (1, 3, 48, 48)


def test_several_units_become_a_sheet_that_can_be_made_again(tmp_path: Path) -> None:
    made = entoptic(
        "visualize", "fire5:3-4", "energy('fire3')", *TINY, "-o", "a.png",
        "--json", folder=tmp_path,
    )  # fmt: skip
    told = json.loads(made.out)
    assert (told["height"], told["width"]) == (2 * 68 + 4, 2 * 48 + 4)
    assert told["job"]["recipe"] == "visualize"
    again = entoptic("redo", "a.png", "-o", "b.png", folder=tmp_path)
    assert again.code == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_transparency_is_in_the_picture_and_in_its_frames(tmp_path: Path) -> None:
    made = entoptic(
        "visualize", "fire5:3", *TINY, "--canvas", "alpha", "--every", "1",
        "-o", "a.png", folder=tmp_path,
    )  # fmt: skip
    assert made.code == 0
    alphas = [ent.read(tmp_path / name).alpha for name in ("a-step1.png", "a.png")]
    assert all(each is not None and float(each.std()) > 0 for each in alphas)
    assert entoptic("redo", "a-step1.png", "-o", "b.png", folder=tmp_path).code == 0
    assert (tmp_path / "a-step1.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "UNIT"),
        (["squeezenet1_1", "fire5:1"], "is a network, not a unit; name it as -m squeezenet1_1"),
        (["fire5"], "isn't understood|is no number and no objective"),
        (["fire55:1"], "no layer named 'fire55'.*did you mean 'fire5'"),
        (["fire5:999"], "channel 999 of 'fire5' does not exist"),
        (["fire5:9-3"], "channels wants different channel numbers .* got '9-3'"),
        ([""], "the objective is empty"),
        (["-m", "squeezenet2", "fire5:1"], "no model named 'squeezenet2'"),
        (["fire5:1", "--canvas", "oil"], "no canvas named 'oil'"),
        (["fire5:1 - opacity()"], "take the canvas alpha"),
        (["fire5:1", "--transforms", "lucent"], "did you mean 'lucid'"),
        (["fire5:1", "--method", "lucis"], "did you mean 'lucid'"),
        (["fire5:1", "--steps", "-1"], "steps is -1"),
        (["fire5:1", "--size", "4"], "try a larger one"),
        (["fire5:1", "--learning-rate", "nan"], "learning rate is nan"),
        (["fire5:1", "--batch", "0"], "batch is 0"),
        (["fire5:1", "--seed", "-1"], "seed is -1"),
        (["fire5:1", "--device", "abacus"], "no device is called 'abacus'"),
        (["fire5:1", "--photo", "a.png"], "No such option"),
    ],
)
def test_what_is_wrong_is_told_on_one_line_and_nothing_is_left(
    arguments: list[str], told: str, tmp_path: Path
) -> None:
    result = entoptic("visualize", *arguments, folder=tmp_path)
    # A size that is too small for the network is found out, not typed wrongly.
    assert result.code == (1 if "larger" in told else 2)
    assert result.out == ""
    assert result.err.count("\n") == 1
    assert re.search(told, result.err), result.err
    assert not list(tmp_path.iterdir())


def test_redo_of_a_sheet_refuses_a_photo(tmp_path: Path) -> None:
    entoptic("visualize", "fire5:3", *TINY, "-o", "a.png", folder=tmp_path)
    result = entoptic("redo", "a.png", "--photo", "a.png", folder=tmp_path)
    assert result.code == 2
    assert "shows units, not a photo; leave out --photo" in result.err


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("-fire5:3", "fire5-3"),
        ("-2 * fire5:3 + class:goldfish", "2-fire5-3-class-goldfish"),
        ("class:tabby - class:Siamese cat", "class-tabby-class-Siamese-cat"),
        ("class:*shark*", "class-shark"),
        ("neuron('pool10', 3)", "neuron-pool10-3"),
    ],
)
def test_an_expression_may_begin_with_a_minus_and_hold_classes(
    tmp_path: Path, unit: str, name: str
) -> None:
    result = entoptic("visualize", unit, *TINY, folder=tmp_path)
    assert (result.code, result.out) == (0, f"{name}-visualize.png\n")


def test_a_minus_before_something_else_is_still_an_option(tmp_path: Path) -> None:
    result = entoptic("visualize", "fire5:3", "-x:3(", *TINY, folder=tmp_path)
    assert result.code == 2
    assert "No such option '-x'" in result.err

"""`entoptic evaluate`, end to end and when used wrongly."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import entoptic as ent
from shells.command import entoptic, picture

TINY = ("--size", "48", "--steps", "2")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in (1, 2):
        picture(seed, 48, 60).save(folder / f"{seed}.png")
    return folder


def test_a_table_tells_of_each_unit_and_of_their_mean(photos: Path, tmp_path: Path) -> None:
    result = entoptic(
        "evaluate", "energy('fire2')", "logit('goldfish')", *TINY,
        "--photos", photos, folder=tmp_path,
    )  # fmt: skip
    assert (result.code, result.err) == (0, "")
    header, energy, goldfish, mean, count, among, judged = result.out.splitlines()
    assert re.split(r"\s{2,}", header) == [
        "unit", "score", "percentile", "of best", "top-1", "probability", "diversity", "s/picture"
    ]  # fmt: skip
    # No photograph says anything of top-1, and nothing of a layer's energy; one seed, no diversity.
    numbers = r"\S+ +[0-9.]+ +[0-9.]+x"
    assert re.fullmatch(rf"energy\('fire2'\) +{numbers} +- +- +- +[0-9.]+", energy)
    assert re.fullmatch(
        rf"logit\('goldfish', 'logits'\) +{numbers} +\d+% +[0-9.]+% +- +[0-9.]+", goldfish
    )
    assert mean.split()[:2] == ["mean", "-"]
    assert re.fullmatch(r"1 picture of each unit; peak memory [0-9,]+ MiB", count)
    assert among == "percentile among 6 squares of 2 photographs"
    assert judged == "classes judged by efficientnet_lite0"


def test_json_has_null_for_what_isnt_measured_and_notes_say_so(tmp_path: Path) -> None:
    result = entoptic("evaluate", "fire2:3", *TINY, "--json", folder=tmp_path)
    told = json.loads(result.out)
    (row,) = told["rows"]
    assert row["unit"] == "fire2:3"
    assert row["score"] > 0
    assert {row[key] for key in ("percentile", "of_best", "top1", "probability", "diversity")} == {
        None
    }
    assert told["means"]["percentile"] is None
    assert (told["model"], told["seeds"], told["crops"]) == ("squeezenet1_1", 1, 0)
    assert told["settings"]["size"] == 48
    assert result.err == ("Note: no photographs to compare with; name some: --photos FOLDER\n")
    assert told["notes"] == ["no photographs to compare with; name some: --photos FOLDER"]
    assert list(tmp_path.iterdir()) == []


def test_quiet_leaves_out_the_notes(tmp_path: Path) -> None:
    result = entoptic("evaluate", "fire2:3", *TINY, "-q", folder=tmp_path)
    assert (result.code, result.err) == (0, "")


def test_the_pictures_are_kept_with_their_jobs_and_nothing_is_overwritten(tmp_path: Path) -> None:
    arguments = ("evaluate", "fire2:3-4", *TINY, "--seeds", "2", "--seed", "5")
    for _ in range(2):
        assert entoptic(*arguments, "--save", "kept", folder=tmp_path).code == 0
    kept = tmp_path / "kept"
    assert sorted(each.name for each in kept.iterdir()) == [
        "seed-5-evaluate-2.png", "seed-5-evaluate.png",
        "seed-6-evaluate-2.png", "seed-6-evaluate.png",
    ]  # fmt: skip
    sheet = kept / "seed-6-evaluate.png"
    assert ent.read(sheet).image.shape == (1, 3, 68, 100)
    assert entoptic("redo", sheet, "-o", "again.png", folder=tmp_path).code == 0
    assert (tmp_path / "again.png").read_bytes() == sheet.read_bytes()


def test_judges_are_those_that_are_named(tmp_path: Path) -> None:
    result = entoptic(
        "evaluate", "logit('goldfish')", *TINY, "--json",
        "--judges", "squeezenet1_1,efficientnet_lite0", folder=tmp_path,
    )  # fmt: skip
    told = json.loads(result.out)
    verdicts = told["rows"][0]["verdicts"]
    assert told["judges"] == [each["judge"] for each in verdicts]
    assert told["judges"] == ["squeezenet1_1", "efficientnet_lite0"]
    mean = sum(each["probability"] for each in verdicts) / 2
    assert told["rows"][0]["probability"] == pytest.approx(mean)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "UNIT"),
        (["fire55:1"], "no layer named 'fire55'.*did you mean 'fire5'"),
        (["logit('goldfisch')"], "no class named 'goldfisch'.*did you mean 'goldfish'"),
        (["fire5:1", "--seeds", "0"], "seeds is 0"),
        (["fire5:1", "--steps", "-1"], "steps is -1"),
        (["fire5:1", "--size", "4"], "try a larger one"),
        (["fire5:1", "--judges", "nobody"], "no model named 'nobody'"),
        (["fire5:1", "--photos", "nowhere"], "nowhere"),
        (["fire5:1", "--photos", "empty"], "the folder 'empty' has no pictures"),
        (["fire5:1", "--photos", "text.png"], "text.png"),
        (["fire5:1", "--photos", ""], "a photograph's name is empty"),
        (["fire5:1", "--save", ""], "--save is empty"),
        (["fire5:1", "--save", "text.png"], "is no folder"),
        (["fire5:1", "--device", "abacus"], "no device is called 'abacus'"),
    ],
)
def test_what_is_wrong_is_told_on_one_line_and_nothing_is_left(
    arguments: list[str], told: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("no picture")
    result = entoptic("evaluate", *arguments, folder=tmp_path)
    assert result.code in (1, 2)
    assert result.out == ""
    assert re.fullmatch(r"Error: [^\n]+\n", result.err)
    assert re.search(told, result.err)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["empty", "text.png"]

"""`entoptic catalog`: made, gone on with, its status, its check."""

from __future__ import annotations

import json
from pathlib import Path

from shells.command import Outcome, entoptic

HOW = (
    "--size", "32", "--steps", "1", "--batch", "2", "--units", "0-2", "--workers", "1",
    "--device", "cpu", "--quiet",
)  # fmt: skip


def catalog(folder: Path, *more: str) -> Outcome:
    """Make a catalog of three units."""
    return entoptic("catalog", "squeezenet1_1", "fire2", "-o", "mine", *HOW, *more, folder=folder)


def test_a_catalog_is_made_then_told_then_mended(folder: Path) -> None:
    made = catalog(folder)
    assert made.code == 0, made.err
    assert made.out.splitlines()[0].split() == [
        "layer",
        "units",
        "done",
        "failed",
        "s/unit",
        "left",
    ]
    assert made.out.splitlines()[1].split()[:4] == ["fire2", "3", "3", "0"]
    picture = folder / "mine" / "fire2" / "1.png"
    whole = picture.read_bytes()
    picture.write_bytes(whole[:100])
    mended = entoptic("catalog", "verify", "mine", "--workers", "1", folder=folder)
    assert mended.code == 0, mended.err
    assert mended.err == "Note: fire2/1.png isn't what was written; it is made anew\n"
    assert picture.read_bytes() == whole

    told = json.loads(entoptic("catalog", "status", "mine", "--json", folder=folder).out)
    assert told["model"] == "squeezenet1_1"
    assert told["failed"] == []
    (layer,) = told["layers"]
    assert (layer["layer"], layer["units"], layer["done"], layer["left"]) == ("fire2", 3, 3, 0)

    again = entoptic("redo", "mine/fire2/1.png", "-o", "again.png", "-q", folder=folder)
    assert again.code == 0, again.err
    assert (folder / "again.png").read_bytes() == whole

    other = catalog(folder, "--seed", "1")
    assert other.code == 2
    assert other.err == (
        "Error: the catalog 'mine' was begun with seed 0, not 1; give the same settings, or name "
        "another folder\n"
    )


def test_what_is_wrong_is_one_line_and_a_code(folder: Path) -> None:
    for arguments, code, told in (
        (("status", "nowhere"), 1, "Error: 'nowhere' is no catalog: it has no catalog.sqlite"),
        (("squeezenet1_1", "fire22", "-o", "a"), 2, "Error: no layer named 'fire22'"),
        (("squeezenet1_1", "-o", ""), 2, "Error: --output is empty; name a folder"),
        (("squeezenet1_1", "-o", "a", "--every", "0"), 2, "Error: --every is 0"),
        (("squeezenet1_1",), 2, "Error: Missing option '--output' / '-o'"),
    ):
        ended = entoptic("catalog", *arguments, folder=folder)
        assert (ended.code, ended.err[: len(told)]) == (code, told)
        assert ended.err.count("\n") == 1
    assert not (folder / "a").exists()

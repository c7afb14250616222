"""`entoptic spectrum`, end to end and when used wrongly."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import entoptic as ent
from shells.command import entoptic

VISUALIZE = ("visualize", "fire3:3")
TINY = ("--method", "maco", "--size", "48", "--steps", "1")


def test_photos_become_a_spectrum_that_pictures_keep_to(folder: Path) -> None:
    made = entoptic("spectrum", ".", "--size", "32", "-o", "own.npz", folder=folder)
    assert (made.code, made.out, made.err) == (0, "own.npz\n", "")
    assert ent.read_spectrum(folder / "own.npz").photos == 2
    arguments = (*VISUALIZE, *TINY, "--spectrum", "own.npz")
    assert entoptic(*arguments, "-o", "a.png", folder=folder).code == 0
    assert entoptic("redo", "a.png", "-o", "b.png", folder=folder).code == 0
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()
    (folder / "a.png").unlink()
    assert entoptic("spectrum", "sea.png", "-o", "own.npz", "-f", folder=folder).code == 0
    again = entoptic("redo", "b.png", folder=folder)
    assert again.code == 1
    assert "the spectrum 'own.npz' has changed since 'b.png' was made from it" in again.err


def test_what_was_made_is_told_as_json_and_small_photos_in_a_note(folder: Path) -> None:
    made = entoptic("spectrum", "sky.png", "--size", "40", "-o", "a.npz", "--json", folder=folder)
    assert json.loads(made.out) == {"output": "a.npz", "photos": 1, "shape": [3, 40, 21]}
    assert made.err.startswith("Note: 1 of 1 photographs are smaller than 40 pixels")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("spectrum",), 2, "Missing argument 'PHOTO"),
        (("spectrum", "sky.png"), 2, "Missing option '-o'"),
        (("spectrum", "no.png", "-o", "a.npz"), 1, "no picture 'no.png'"),
        (("spectrum", "", "-o", "a.npz"), 1, "a photograph's name is empty"),
        (("spectrum", "full", "-o", "a.npz"), 1, "the folder 'full' has no pictures"),
        (("spectrum", "text.npz", "-o", "a.npz"), 1, "'text.npz' looks like a text"),
        (("spectrum", "sky.png", "-o", "a.png"), 1, "a spectrum is a file of NumPy; end 'a.png'"),
        (("spectrum", "sky.png", "-o", ""), 1, "a spectrum is a file of NumPy; end"),
        (("spectrum", "sky.png", "-o", "no/a.npz"), 1, "there is no folder 'no'"),
        (("spectrum", "sky.png", "-o", "text.npz"), 1, "'text.npz' is there already"),
        (("spectrum", "sky.npz", "-f", "-o", "sky.npz"), 1, "'sky.npz' is a file that is read"),
        (("spectrum", "sky.png", "-f", "-o", "folder.npz"), 1, "folder.npz' can't be written"),
        (("spectrum", "sky.png", "-o", "a.npz", "--size", "0"), 2, "size is 0"),
        (("spectrum", "sky.png", "-o", "a.npz", "--size", "x"), 2, "is not a valid integer"),
        ((*VISUALIZE, *TINY, "--spectrum", "no.npz"), 1, "No such"),
        ((*VISUALIZE, *TINY, "--spectrum", ""), 2, "must be the name of a file"),
        ((*VISUALIZE, *TINY, "--spectrum", "text.npz"), 1, "not a zip"),
        ((*VISUALIZE, "--spectrum", "a.npz"), 2, "the canvas maco"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_on_one_line_and_nothing_is_left(
    arguments: tuple[str, ...], code: int, told: str, folder: Path
) -> None:
    (folder / "full").mkdir()
    (folder / "folder.npz").mkdir()
    (folder / "text.npz").write_text("no spectrum at all")
    (folder / "sky.npz").write_bytes((folder / "sky.png").read_bytes())
    before = {each: each.is_file() and each.read_bytes() for each in folder.iterdir()}
    result = entoptic(*arguments, folder=folder)
    assert (result.code, result.out) == (code, "")
    assert result.err.count("\n") == 1
    assert re.search(told, result.err), result.err
    assert before == {each: each.is_file() and each.read_bytes() for each in folder.iterdir()}

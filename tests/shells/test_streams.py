"""`-` for a photo is stdin, `-` for a result is stdout."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

import entoptic as ent
from entoptic.images import files, read_job
from shells.command import Outcome, entoptic, quick

CLIMB = ("--size", "32", "--steps", "1")


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """From here on stdin holds some bytes."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def sent(outcome: Outcome) -> bytes:
    """What came on stdout."""
    return outcome.out.encode("utf-8", "surrogateescape")


def test_a_dream_from_stdin_to_stdout_is_the_dream_of_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = (folder / "sky.png").read_bytes()
    entoptic("dream", "sky.png", *quick(), "-o", "a.png", folder=folder)
    piped(monkeypatch, data)
    done = entoptic("dream", "-", *quick(), "-o", "-", folder=folder)
    assert done.code == 0
    (folder / "b.png").write_bytes(sent(done))
    assert ent.read(folder / "b.png").image.equal(ent.read(folder / "a.png").image)
    photo = json.loads(read_job(folder / "b.png"))["photo"]
    assert photo == {"name": "-", "sha256": hashlib.sha256(data).hexdigest()}
    assert {each.name for each in folder.iterdir()} == {"sky.png", "sea.png", "a.png", "b.png"}


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("grid", ("--layer", "fire3", "--cells", "2", *CLIMB)),
        ("groups", ("--layer", "fire3", "--groups", "2", *CLIMB)),
        ("accentuate", ("fire3:1", *CLIMB)),
        ("caricature", ("--layer", "fire3", *CLIMB)),
        ("invert", ("--layer", "fire3", *CLIMB)),
        ("gradient", ("--of", "fire3")),
    ],
)
def test_every_command_of_a_photo_takes_stdin_and_stdout(
    command: str, options: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entoptic(command, "sky.png", *options, "-o", "a.png", folder=folder)
    piped(monkeypatch, (folder / "sky.png").read_bytes())
    done = entoptic(command, "-", *options, "-o", "-", folder=folder)
    assert done.code == 0
    with Image.open(io.BytesIO(sent(done))) as found, Image.open(folder / "a.png") as same:
        assert found.format == "PNG"
        assert found.tobytes() == same.tobytes()


def test_what_comes_on_stdin_is_identified(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    same = entoptic("identify", "sky.png", folder=folder)
    piped(monkeypatch, (folder / "sky.png").read_bytes())
    assert entoptic("identify", "-", folder=folder) == same


def test_without_an_output_it_is_a_file_named_after_stdin(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, (folder / "sky.png").read_bytes())
    assert entoptic("dream", "-", *quick(), folder=folder).out == "stdin-dream.png\n"


def test_a_guide_comes_on_stdin_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entoptic("dream", "sky.png", *quick("--guide", "sea.png"), "-o", "a.png", folder=folder)
    piped(monkeypatch, (folder / "sea.png").read_bytes())
    done = entoptic("dream", "sky.png", *quick("--guide", "-"), "-o", "b.png", folder=folder)
    assert done.code == 0
    assert ent.read(folder / "b.png").image.equal(ent.read(folder / "a.png").image)


def test_redo_takes_the_picture_from_stdin_and_asks_for_a_photo_that_came_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entoptic("dream", "--noise", "36x48", *quick(), "-o", "noise.png", folder=folder)
    piped(monkeypatch, (folder / "noise.png").read_bytes())
    again = entoptic("redo", "-", "-o", "-", folder=folder)
    assert sent(again) == (folder / "noise.png").read_bytes()
    piped(monkeypatch, (folder / "sky.png").read_bytes())
    entoptic("dream", "-", *quick(), "-o", "a.png", folder=folder)
    asked = entoptic("redo", "a.png", folder=folder)
    assert asked.code == 1
    assert "--photo FILE" in asked.err
    done = entoptic("redo", "a.png", "--photo", "sky.png", "-o", "b.png", folder=folder)
    assert done.code == 0
    assert ent.read(folder / "b.png").image.equal(ent.read(folder / "a.png").image)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["dream", "-", "-"], "stdin (-) is named 2 times, and holds one picture; name files"),
        (["dream", "-", "--guide", "-"], "stdin (-) is named 2 times"),
        (["redo", "-", "--photo", "-"], "stdin (-) is named 2 times"),
        (["dream", "sky.png", "-o", "-", "--json"], "--json and -o - both go to stdout"),
        (["gradient", "sky.png", "--of", "fire3", "-o", "-", "--json"], "both go to stdout"),
        (["dream", "sky.png", "-o", "-", "--every", "1"], "--every makes files beside the result"),
        (["dream", "sky.png", "sea.png", "-o", "-"], "2 photos can't go into one file"),
        (["dream", "-"], "what came on stdin is empty (0 bytes)"),
        (["identify", "-"], "what came on stdin is empty (0 bytes)"),
        (["redo", "-"], "what came on stdin is empty (0 bytes)"),
    ],
)
def test_what_streams_cannot_do_is_said(
    arguments: list[str], told: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, b"")
    done = entoptic(*arguments, folder=folder)
    assert done.code in (1, 2)
    assert told in done.err
    assert done.err.count("\n") == 1
    assert not done.out


def test_more_than_a_picture_may_have_is_not_read_from_stdin(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 1000)
    piped(monkeypatch, bytes(1001))
    done = entoptic("identify", "-", folder=folder)
    assert "more than 1000 bytes came on stdin" in done.err

"""Ctrl-C while dreaming: what there is is saved, and a second press ends it at once."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from entoptic.ascent.loop import Step
from entoptic.cli import signals
from entoptic.cli.progress import Bar
from entoptic.images import read_job
from shells.command import SAVED, entoptic


def press_after(
    steps: int, patch: pytest.MonkeyPatch, times: int = 1, number: int = signal.SIGINT
) -> None:
    """Press Ctrl-C so many times when so many steps have been made; or send another signal."""
    made = 0

    def advance(bar: Bar, step: Step) -> None:
        nonlocal made
        made += 1
        if made == steps:
            for _ in range(times):
                signal.raise_signal(number)

    patch.setattr(Bar, "advance", advance)


def test_what_there_is_is_saved_and_can_be_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        press_after(3, patch)
        done = entoptic("dream", "sky.png", "--octaves=2", "--steps=4", folder=folder)
    assert (done.code, done.out) == (130, "sky-dream.png\n")
    assert done.err == "Interrupted after 3 of 8 steps" + SAVED
    assert json.loads(read_job(folder / "sky-dream.png"))["stopped_after"] == 3
    assert signal.getsignal(signal.SIGINT) is before
    again = entoptic("redo", "sky-dream.png", folder=folder)
    assert again.code == 0
    assert (folder / "sky-dream-redo.png").read_bytes() == (folder / "sky-dream.png").read_bytes()


def test_an_interrupted_dream_can_be_finished(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        press_after(1, patch)
        entoptic("dream", "sky.png", "--octaves=1", "--steps=2", folder=folder)
    entoptic("dream", "sky.png", "--octaves=1", "--steps=2", "-o", "fresh.png", folder=folder)
    for number, finish in enumerate(["--finish", "--steps=2"]):
        done = entoptic("redo", "sky-dream.png", finish, "-o", f"{number}.png", folder=folder)
        assert done.code == 0
        assert (folder / f"{number}.png").read_bytes() == (folder / "fresh.png").read_bytes()


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_other_signals_save_too_however_often_they_come(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    press_after(1, monkeypatch, times=3, number=signal.Signals[name])
    options = ["--octaves=1", "--steps=2", "-o", "new/"]
    done = entoptic("dream", "sky.png", *options, folder=folder)
    assert (done.code, done.out) == (code, "new/sky-dream.png\n")
    assert done.err == "Interrupted after 1 of 2 steps" + SAVED
    assert [each.name for each in (folder / "new").iterdir()] == ["sky-dream.png"]


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_before_the_first_step_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    def plan(*given: object, **settings: object) -> None:
        assert (folder / "new").is_dir()
        try:
            signal.raise_signal(signal.Signals[name])
        finally:
            signal.raise_signal(signal.Signals[name])  # a closed terminal sends several

    monkeypatch.setattr("entoptic.jobs.dreams.plan_dream", plan)
    with signals.raised():
        done = entoptic("dream", "sky.png", "-o", "new/", folder=folder)
    assert (done.code, done.out, done.err) == (code, "", f"Ended by {name}.\n")
    assert {each.name for each in folder.iterdir()} == {"sky.png", "sea.png"}


def test_a_signal_that_is_ignored_stays_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    press_after(1, monkeypatch, number=signal.SIGHUP)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` has it
    try:
        with signals.raised():
            done = entoptic("dream", "sky.png", "--octaves=1", "--steps=2", folder=folder)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (done.code, done.err) == (0, "")


def test_ctrl_c_at_the_very_last_step_is_no_interruption(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    press_after(2, monkeypatch)
    done = entoptic("dream", "sky.png", "--octaves=1", "--steps=2", folder=folder)
    assert (done.code, done.err) == (0, "")


def test_no_further_photo_is_dreamt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    press_after(1, monkeypatch)
    options = ["--octaves=1", "--steps=2", "--batch=1"]
    done = entoptic("dream", "sky.png", "sea.png", *options, folder=folder)
    assert (done.code, done.out) == (130, "sky-dream.png\n")
    assert not (folder / "sea-dream.png").exists()


def test_of_photos_dreamt_together_all_are_saved_as_they_are_then(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        press_after(1, patch)
        options = ["--octaves=1", "--steps=2", "--batch=2"]
        photos = ["sky.png", "sea.png", "sky.png"]
        done = entoptic("dream", *photos, *options, folder=folder)
    assert (done.code, done.out) == (130, "sky-dream.png\nsea-dream.png\n")
    assert done.err == "Interrupted after 1 of 2 steps" + SAVED
    assert entoptic("redo", "sea-dream.png", folder=folder).code == 0
    assert (folder / "sea-dream-redo.png").read_bytes() == (folder / "sea-dream.png").read_bytes()


def test_a_second_press_ends_all_at_once_and_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    press_after(1, monkeypatch, times=2)
    done = entoptic("dream", "sky.png", "--octaves=1", "--steps=2", "-o", "new/", folder=folder)
    assert (done.code, done.out, done.err) == (130, "", "\nInterrupted.\n")
    assert {each.name for each in folder.iterdir()} == {"sky.png", "sea.png"}


def test_ctrl_c_before_the_dream_is_told_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(model: str) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("entoptic.networks.given.load", load)
    # A shell that starts the tests in the background has them ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        done = entoptic("dream", "sky.png", folder=folder)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (done.code, done.out, done.err) == (130, "", "\nInterrupted.\n")

"""The progress bar, as a terminal shows it."""

from __future__ import annotations

import functools
import re
import signal
from pathlib import Path

import pytest
from rich.console import Console

from entoptic.cli import progress
from shells.command import entoptic, picture


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stderr is taken for a terminal of 80 columns."""
    console = functools.partial(
        Console, force_terminal=True, width=80, color_system=None, legacy_windows=False
    )
    monkeypatch.setattr(progress, "Console", console)


def last_line(text: str) -> str:
    """What is left on the screen: every redrawing begins with a carriage return."""
    return text.replace("\x1b[2K", "").split("\r")[-1].replace("\x1b[?25h", "").strip("\n")


@pytest.mark.usefixtures("terminal")
def test_the_bar_ends_complete_with_name_octave_score_and_time(folder: Path) -> None:
    options = ["--octaves=2", "--octave-scale=1.2", "--steps=3"]
    done = entoptic("dream", "sky.png", *options, folder=folder)
    line = last_line(done.err)
    assert done.code == 0
    assert len(line) <= 80
    assert line.startswith("sky-dream.png ━━━━")
    assert "╺" not in line  # no part of the bar is left to fill
    assert "octave 2/2 score " in line
    assert re.search(r" in \d+:\d\d$", line)  # however long it took


@pytest.mark.usefixtures("terminal")
def test_the_bar_of_a_stopped_dream_ends_complete_when_it_is_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    totals: list[tuple[float, float | None]] = []
    finish = progress.ShownBar.finish

    def finishing(bar: progress.ShownBar) -> None:
        finish(bar)
        task = bar.bar.tasks[0]
        totals.append((task.completed, task.total))

    monkeypatch.setattr(progress.ShownBar, "finish", finishing)
    advance = progress.ShownBar.advance

    def press(bar: progress.ShownBar, step: object) -> None:
        advance(bar, step)  # type: ignore[arg-type]
        if not totals and bar.bar.tasks[0].completed == 36 * 48 * 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(progress.ShownBar, "advance", press)
    stopped = entoptic("dream", "sky.png", "--octaves=1", "--steps=5", folder=folder)
    assert stopped.code == 130
    assert "Stopping (Ctrl-C again: unsaved)" not in last_line(stopped.err)
    assert entoptic("redo", "sky-dream.png", folder=folder).code == 0
    assert totals == [(36 * 48 * 2, 36 * 48 * 5), (36 * 48 * 2, 36 * 48 * 2)]


@pytest.mark.usefixtures("terminal")
def test_one_bar_goes_over_all_photos(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[float, float, float | None]] = []
    finish = progress.ShownBar.finish

    def finishing(bar: progress.ShownBar) -> None:
        finish(bar)
        seen.append((bar.share.before, bar.bar.tasks[0].completed, bar.bar.tasks[0].total))

    monkeypatch.setattr(progress.ShownBar, "finish", finishing)
    picture(5, 40, 30).save(folder / "tall.png")
    photos = ["sky.png", "tall.png", "sea.png"]
    done = entoptic("dream", *photos, "--octaves=1", "--steps=3", folder=folder)
    first, second = 2 * 36 * 48 * 3, 40 * 30 * 3
    assert seen == [(0, first, first + second), (first, first + second, first + second)]
    assert "sky-dream.png and 1 more" in done.err
    assert last_line(done.err).startswith("tall-dream.png ━━━━")
    assert "╺" not in last_line(done.err)


@pytest.mark.usefixtures("terminal")
def test_notes_come_after_the_bar(folder: Path) -> None:
    options = ["--octaves=2", "--octave-scale=9", "--steps=1"]
    done = entoptic("dream", "sky.png", *options, folder=folder)
    bar, note = done.err.rstrip("\n").rsplit("\n", 1)
    assert "octave 1/1" in bar
    assert (
        note.removeprefix("\x1b[?25h")
        == "Note: 1 octave too small for the network is left out (4x5)"
    )


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("options", [["--quiet", "--steps=1"], ["--steps=0"]])
def test_no_bar_where_none_is_wanted_or_nothing_is_done(folder: Path, options: list[str]) -> None:
    done = entoptic("dream", "sky.png", "--octaves=1", *options, folder=folder)
    assert (done.code, done.err) == (0, "")


@pytest.mark.usefixtures("terminal")
def test_long_and_odd_names_do_not_break_the_bar(folder: Path) -> None:
    name = "[red]" + "x" * 60 + "\x1b.png"
    (folder / "sky.png").rename(folder / name)
    done = entoptic("dream", name, "--octaves=1", "--steps=1", folder=folder)
    line = last_line(done.err)
    assert line.startswith("[red]xxxxxxxx")
    assert len(line) <= 80

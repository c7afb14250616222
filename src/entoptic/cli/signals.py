"""Signals that end the command: Ctrl-C, and what a system or a closed terminal sends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

# By their names, since Windows has no SIGHUP.
_OTHERS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Ended(BaseException):
    """A signal other than Ctrl-C has ended the command, with nothing to save."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        return f"Ended by {signal.Signals(self.number).name}."


def exit_code(number: int) -> int:
    """The exit code after a signal, as shells have it.

    >>> exit_code(signal.SIGINT)
    130
    """
    return 128 + number


@contextmanager
def raised() -> Iterator[None]:
    """Let signals end the command as Ctrl-C does: what has been begun is tidied up.

    Those that follow the first one, as where a terminal is closed, don't disturb that.
    """
    ended = False

    def end(number: int, frame: Any) -> None:
        nonlocal ended
        _leave_terminal(number)
        if not ended:
            ended = True
            raise Ended(number)

    before = _handled(end)
    try:
        yield
    finally:
        _restore(before)


@contextmanager
def held_back(tell: Callable[[], None] = lambda: None) -> Iterator[Callable[[], int | None]]:
    """Note a signal instead of ending, so that what is being done can be finished and saved.

    Ctrl-C ends all at once where it isn't the first signal. The others don't: a closed terminal
    sends several.

    Args:
        tell: called at the first signal.

    Returns:
        Tells the number of the first signal; None before there is one.
    """
    first: int | None = None

    def note(number: int, frame: Any) -> None:
        nonlocal first
        _leave_terminal(number)
        if first is None:
            first = number
            tell()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt

    before = {signal.SIGINT: signal.signal(signal.SIGINT, note)} | _handled(note)
    try:
        yield lambda: first
    finally:
        _restore(before)


def _handled(handle: Callable[[int, Any], None]) -> dict[int, Any]:
    """Handle the signals that aren't ignored (as under `nohup`), and tell what did before."""
    heard = [each for each in _OTHERS if signal.getsignal(each) is not signal.SIG_IGN]
    return {each: signal.signal(each, handle) for each in heard}


def _restore(before: Mapping[int, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)


def _leave_terminal(number: int) -> None:
    """Write to nowhere where the terminal is gone: what can't be told mustn't keep from saving."""
    if number in (signal.SIGINT, signal.SIGTERM):
        return
    for stream in (1, 2):
        try:
            os.write(stream, b"")
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)

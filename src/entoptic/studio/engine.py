"""The engine: one worker carries out one order at a time, and tells how far it is.

All that computes runs in the worker's thread. Between two steps of an order it answers short
questions of the page; while nothing is asked for it makes pictures of units, a step at a time.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from entoptic.errors import BadSetting, EntopticError, one_line
from entoptic.networks.memory import out_of_memory

State = Literal["waiting", "working", "stopped", "done", "failed"]

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Shown:
    """What an order shows of itself after a step.

    Args:
        done: steps, or frames, made so far.
        count: of all.
        share: of the work that is done, from 0 to 1.
        stage: such as "octave 2/5".
        scores: those since the last time.
        picture: the picture as it is, encoded; None where it isn't to be shown anew.
    """

    done: int
    count: int
    share: float
    stage: str
    scores: tuple[float, ...] = ()
    picture: bytes | None = None


Report: TypeAlias = Callable[[Shown], bool]
"""Is told each step; answers True where the work is to stop after it."""


@runtime_checkable
class Work(Protocol):
    """An order that the engine carries out."""

    def carry_out(self, report: Report) -> bool:
        """Do the work, or go on with it where it was stopped.

        Args:
            report: told each step; True where the work is to stop after it.

        Returns:
            True where the work is done to its end.
        """

    def result(self) -> Made:
        """Keep what there is, and say what it is."""


@runtime_checkable
class Idle(Protocol):
    """What is made while nothing else is to be done."""

    def step(self) -> bool:
        """Do a little; False where there is nothing to do."""


@dataclass(frozen=True)
class Made:
    """What came of an order.

    Args:
        name: of its file in the history; None where nothing is kept.
        notes: what the user should know.
        again: commands that make it again, by their languages.
    """

    name: str | None
    notes: tuple[str, ...] = ()
    again: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """A run as a page sees it.

    Args:
        number: of the run.
        state: of it.
        ahead: how many are carried out before it.
        shown: the last step.
        scores: of all steps.
        left: seconds; None where that isn't known yet.
        took: seconds so far.
        version: counts the pictures that were shown.
        made: what came of it.
        error: what went wrong, in a sentence.
        goes_on: whether it can be gone on with.
    """

    number: int
    state: State
    ahead: int
    shown: Shown | None
    scores: tuple[float, ...]
    left: float | None
    took: float
    version: int
    made: Made | None
    error: str | None
    goes_on: bool

    @property
    def ended(self) -> bool:
        """True where nothing will change."""
        return self.state in ("stopped", "done", "failed")


class Run:
    """An order of a page, from its wait to its end; made by `Engine.submit`."""

    def __init__(self, number: int, owner: str, work: Work) -> None:
        self.number, self.owner, self.work = number, owner, work
        self.state: State = "waiting"
        self.stop_asked = threading.Event()
        self.shown: Shown | None = None
        self.scores: list[float] = []
        self.picture: bytes | None = None
        self.version = 0
        self.made: Made | None = None
        self.error: str | None = None
        # Seconds of work, and the share of it that was done when this stretch began.
        self.took, self.began, self.before = 0.0, 0.0, 0.0


class Engine:
    """Carries out orders one at a time.

    Args:
        most_waiting: how many may wait.
        idle: what is made while nothing else is to be done.
    """

    def __init__(self, most_waiting: int = 20, idle: Idle | None = None) -> None:
        self._most_waiting, self._idle = most_waiting, idle
        self._changed = threading.Condition()
        self._waiting: deque[Run] = deque()
        self._questions: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._working: Run | None = None
        # The one that can be gone on with: it holds its picture and the state of its optimizer.
        self._paused: Run | None = None
        self._closed = False
        self._numbers = itertools.count(1)
        self._thread = threading.Thread(target=self._loop, name="entoptic-studio", daemon=True)
        self._thread.start()

    def submit(self, owner: str, work: Work) -> Run:
        """Put an order into the queue; what its owner had there is stopped.

        Raises:
            BadSetting: too many wait.
        """
        with self._changed:
            self._check_open()
            self.stop(owner)
            if len(self._waiting) >= self._most_waiting:
                raise BadSetting(
                    f"{len(self._waiting)} others are waiting, which is the most; try again later"
                )
            run = Run(next(self._numbers), owner, work)
            self._waiting.append(run)
            self._changed.notify_all()
            return run

    def stop(self, owner: str) -> None:
        """Stop what an owner has in the queue or in work; a step that was begun still ends."""
        with self._changed:
            for run in [each for each in self._waiting if each.owner == owner]:
                self._waiting.remove(run)
                run.state = "stopped"
            if self._working is not None and self._working.owner == owner:
                self._working.stop_asked.set()
            self._changed.notify_all()

    def go_on(self, owner: str) -> Run | None:
        """Go on with what an owner stopped; None where it isn't there any more."""
        with self._changed:
            self._check_open()
            run = self._paused
            if run is None or run.owner != owner:
                return None
            self._paused = None
            run.stop_asked.clear()
            run.state, run.made = "waiting", None
            self._waiting.append(run)
            self._changed.notify_all()
            return run

    def leave(self, owner: str) -> None:
        """Stop what a page that was closed has begun, and forget it."""
        with self._changed:
            self.stop(owner)
            if self._paused is not None and self._paused.owner == owner:
                self._paused = None

    def ask(self, question: Callable[[], _Answer]) -> Future[_Answer]:
        """Have something short computed by the worker, between two steps."""
        with self._changed:
            self._check_open()
            answer: Future[_Answer] = Future()
            self._questions.append((question, answer))
            self._changed.notify_all()
            return answer

    def view(self, run: Run) -> View:
        """Return how a run is now."""
        with self._changed:
            ahead = 0
            if run in self._waiting:
                ahead = self._waiting.index(run) + (self._working is not None)
            took = run.took + (time.monotonic() - run.began if run.state == "working" else 0.0)
            return View(
                run.number,
                run.state,
                ahead,
                run.shown,
                tuple(run.scores),
                _left(run, took),
                took,
                run.version,
                run.made,
                run.error,
                self._paused is run,
            )

    def wait(self, run: Run, seconds: float | None = None) -> View:
        """Wait until a run has ended, or the time is over; for programs, since it blocks."""
        with self._changed:
            self._changed.wait_for(lambda: self.view(run).ended, seconds)
            return self.view(run)

    def close(self) -> None:
        """Stop, keep what there is, and end the worker."""
        with self._changed:
            self._closed = True
            for run in self._waiting:
                run.state = "stopped"
            self._waiting.clear()
            if self._working is not None:
                self._working.stop_asked.set()
            for _, answer in self._questions:
                answer.cancel()
            self._questions.clear()
            self._paused = None
            self._changed.notify_all()
        self._thread.join()

    def _check_open(self) -> None:
        if self._closed:
            raise BadSetting("the studio is being closed; start it again")

    def _loop(self) -> None:
        busy = False
        while (run := self._next(0.0 if busy else _LOOK_AGAIN_S)) is not _NONE_EVER:
            self._answer()
            if isinstance(run, Run):
                self._carry_out(run)
            busy = run is None and self._rest()

    def _next(self, seconds: float) -> Run | object | None:
        """Return the next order, if there is one after so many seconds; or that it is the end."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._questions or self._waiting or self._closed, seconds
            )
            if self._closed:
                return _NONE_EVER
            if not self._waiting:
                return None
            run = self._waiting.popleft()
            self._working, run.state, run.began = run, "working", time.monotonic()
            run.before = 0.0 if run.shown is None else run.shown.share
            # Memory is for the order in work.
            self._paused = None
            return run

    def _rest(self) -> bool:
        """Do a little of what is done while nothing else is to be done; False for nothing."""
        try:
            return self._idle is not None and self._idle.step()
        except Exception as raised:  # noqa: BLE001 - told, and the worker goes on without it
            print(told(raised), file=sys.stderr)
            self._idle = None
            return False

    def _carry_out(self, run: Run) -> None:
        """Carry out an order to its end, or until it is stopped."""
        error: str | None = None
        made: Made | None = None
        finished = False

        def report(shown: Shown) -> bool:
            self._show(run, shown)
            self._answer()
            return run.stop_asked.is_set()

        try:
            finished = run.work.carry_out(report)
            made = run.work.result()
        except Exception as raised:  # noqa: BLE001 - told in the page, and the worker goes on
            error = told(raised)
        with self._changed:
            run.took += time.monotonic() - run.began
            run.made, run.error = made, error
            run.state = "failed" if error is not None else "done" if finished else "stopped"
            self._working = None
            if run.state == "stopped" and not self._closed:
                self._paused = run
            else:
                run.work = _NOTHING  # which holds no picture
            self._changed.notify_all()

    def _show(self, run: Run, shown: Shown) -> None:
        with self._changed:
            run.shown = shown
            run.scores += shown.scores
            if shown.picture is not None:
                run.picture = shown.picture
                run.version += 1
            self._changed.notify_all()

    def _answer(self) -> None:
        """Answer what was asked."""
        while True:
            with self._changed:
                if not self._questions:
                    return
                question, answer = self._questions.popleft()
            if not answer.set_running_or_notify_cancel():
                continue
            try:
                found = question()
            except Exception as raised:  # noqa: BLE001 - raised again by who asked
                answer.set_exception(raised)
            else:
                answer.set_result(found)


class _Nothing:
    """Work that is over."""

    def carry_out(self, report: Report) -> bool:
        return True

    def result(self) -> Made:
        return Made(None)


_NOTHING = _Nothing()

# Said instead of an order where the engine is closed.
_NONE_EVER = object()

# The worker looks so often whether pictures of units have come to be wanted.
_LOOK_AGAIN_S = 0.2


def _left(run: Run, took: float) -> float | None:
    """Return the seconds that are left, by the share of the work that was done since it began."""
    if run.state != "working" or run.shown is None:
        return None
    share, now = run.shown.share - run.before, time.monotonic() - run.began
    return None if share <= 0 else now * (1 - run.shown.share) / share


def told(error: Exception) -> str:
    """Return what went wrong, in a sentence for the page; a fault of ours is printed as well.

    >>> told(BadSetting("steps is 0; it must be at least 1"))
    'steps is 0; it must be at least 1'
    """
    if isinstance(error, EntopticError):
        return one_line(str(error), 600)
    if isinstance(error, MemoryError | RuntimeError) and out_of_memory(error):
        return "there isn't enough memory for a picture of this size; choose a smaller size"
    traceback.print_exception(error, file=sys.stderr)
    return one_line(
        f"something went wrong that shouldn't have ({type(error).__name__}: {error}); the window "
        "of the command says more",
        600,
    )

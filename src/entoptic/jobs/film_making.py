"""The making of a film: part by part, gone on with after an interruption, then written."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

from entoptic.errors import AlreadyThere, BadSetting, CannotWrite
from entoptic.jobs.film_parts import Parts, State
from entoptic.jobs.job import Job
from entoptic.jobs.progress import duration
from entoptic.paths import is_same
from entoptic.video.pixels import Pixels
from entoptic.video.reading import Facts, Frame
from entoptic.video.writing import Form, Sound, write_film

# A part of the film is written after so many frames or seconds, so no more is lost.
_PART_FRAMES, _PART_SECONDS = 48, 60.0
# Or so many bytes of them, which a part holds in memory: 21 frames of 1080 lines and 16 bits.
_PART_BYTES = 1 << 28

# Seconds between the frames that are shown meanwhile.
_SHOWN_SECONDS = 2

Tell = Callable[[str], None]
Steps: TypeAlias = Generator[tuple[list[Frame], Mapping[int, State]]]
"""Frames as they are finished, with the states of all runs after them."""


class Stopped(Exception):
    """The making was told to stop between two frames."""


@dataclass(frozen=True, eq=False)
class FilmMade:
    """A finished film.

    Args:
        path: its file, or the folder of its pictures.
        frames: how many it has; 0 where it was interrupted before the first, and there is no file.
        job: what made it.
        notes: what the user should know.
        finished: False where it was interrupted; the same order goes on.
    """

    path: Path
    frames: int
    job: Job
    notes: tuple[str, ...] = ()
    finished: bool = True

    def _repr_html_(self) -> str:
        """The film, for Jupyter."""
        import base64

        kinds = {".mp4": "video/mp4", ".webm": "video/webm"}
        kind = kinds.get(self.path.suffix.lower())
        if kind is None or not self.path.is_file():
            return f"<code>{self.path}</code>"
        data = base64.b64encode(self.path.read_bytes()).decode("ascii")
        return f'<video controls loop src="data:{kind};base64,{data}"></video>'


@dataclass(frozen=True, eq=False)
class Making(ABC):
    """A film that has been checked and can begin.

    Args:
        facts: of the film that is made.
        form: its format.
        job: what makes it.
        notes: what the user should know.
    """

    facts: Facts
    form: Form
    job: Job
    notes: tuple[str, ...]

    @property
    @abstractmethod
    def count(self) -> int | None:
        """Number of frames, where it is known."""

    @abstractmethod
    def frames(self, state: State | None = None) -> Iterator[tuple[Frame, State]]:
        """Make the film's frames in order, each with what the next one needs of it.

        Args:
            state: after the last finished frame, to go on from; None for the film's begin.

        Raises:
            Stopped: what was to be done before the next frame was told to stop.
        """

    def steps(self, parts: Parts, tell: Tell = lambda _: None) -> Steps:
        """Go on with the film.

        Args:
            parts: what is finished.
            tell: told how far it is, before the first frame.
        """
        del tell
        for frame, state in self.frames(parts.kept().states.get(0)):
            yield [frame], {0: state}

    def sound(self, made: Fraction | None) -> Sound | None:
        """Return the sound of the film; None for none.

        Args:
            made: seconds that there are of an interrupted film; None for all of it.
        """
        return None

    def arranged(self, frames: Callable[[], Iterator[Frame]]) -> Iterator[Frame]:
        """Return the frames as they are written, of those that are finished.

        Args:
            frames: goes through them from the first, each time that it is called.
        """
        return frames()

    @property
    def parts(self) -> Parts:
        """Return where finished parts are."""
        order = replace(self.job, made_with={}).to_json()
        return Parts.of(self.form.path, self.facts, order)

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files that are read, and so mustn't be written."""
        read = [self.job.photo, *self.job.guides]
        return tuple(Path(each.name) for each in read if each is not None and each.name is not None)

    def check_free(self, force: bool) -> None:
        """Refuse to replace a film, but for one that is gone on with.

        Raises:
            AlreadyThere: there is one.
            CannotWrite: its folder can't be written to, or it is a file that is read.
        """
        if any(is_same(self.form.path, each) for each in self.inputs):
            raise CannotWrite(
                f"{str(self.form.path)!r} is a file that is read; name another output"
            )
        if not self.parts.begun():
            _check_free(self.form.path, force)

    def run(
        self,
        tell: Tell = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
        watch: Callable[[Pixels], None] | None = None,
    ) -> FilmMade:
        """Make the film, or go on with it.

        Args:
            tell: told how far it is.
            stopped: asked after each frame whether to end, with the film as it is then.
            watch: given a frame every few seconds.

        Raises:
            CannotWrite: with what to do; finished parts stay.
        """
        parts = self.parts
        if not parts.begun():
            parts.begin()
        ended = self._go_on(parts, tell, stopped, watch)
        made = parts.kept().frames
        if not made:
            parts.remove()
            if ended:
                return FilmMade(self.form.path, 0, self.job, self.notes, finished=False)
            raise BadSetting("start is after the film's last frame; take an earlier one")
        tell("writing the film")
        sound = self.sound(parts.seconds() if ended else None)
        frames = self.arranged(parts.frames)
        # Among the parts, so that nothing is left of it when it is killed.
        draft = parts.folder / f"film{self.form.path.suffix}"
        job = self.job.to_json()
        write_film(self.form, self.facts, frames, job=job, sound=sound, draft=draft)
        if not ended:
            parts.remove()
        count = min(made, self.count or made)
        return FilmMade(self.form.path, count, self.job, self.notes, not ended)

    def _go_on(
        self,
        parts: Parts,
        tell: Tell,
        stopped: Callable[[], bool],
        watch: Callable[[Pixels], None] | None,
    ) -> bool:
        """Make frames, and keep them in parts; tell whether it was stopped."""
        before = done = parts.kept().frames
        began = written = time.monotonic()
        shown = 0.0
        waiting: list[Frame] = []
        states: Mapping[int, State] = {}
        try:
            with closing(self.steps(parts, tell)) as steps:
                for made, after in steps:
                    waiting += made
                    now = time.monotonic()
                    if made:
                        states, done = after, done + len(made)
                        tell(self._progress(done, (now - began) / (done - before)))
                    if made and watch is not None and now - shown > _SHOWN_SECONDS:
                        watch(made[-1].pixels)
                        shown = now
                    if _is_full(waiting) or now - written > _PART_SECONDS:
                        if waiting:
                            parts.add(waiting, states)
                        waiting, written = [], now
                    if stopped():
                        return True
        except Stopped:
            return True
        finally:
            if waiting:
                parts.add(waiting, states)
        return False

    def _progress(self, done: int, seconds: float) -> str:
        if self.count is None:
            return f"frame {done}, {seconds:.2f} s each"
        left = duration(max(0, self.count - done) * seconds)
        return f"frame {done} of {self.count}, {seconds:.2f} s each, {left} left"


def check_destination(output: Path, force: bool) -> None:
    """Refuse before any work to replace a film; what looks begun is looked at by `check_free`.

    Args:
        output: the film that is made.
        force: whether it may be replaced.

    Raises:
        AlreadyThere: there is one.
        CannotWrite: there is no folder for it, or no file can have that name.
        BadSetting: it is stdout.
    """
    if str(output) == "-":
        raise BadSetting("a film can't go to stdout (-); name a file")
    try:
        begun = Parts.of_film(output).is_dir()
    except (OSError, ValueError) as error:  # before Python 3.13
        reason = error.strerror if isinstance(error, OSError) else error
        raise CannotWrite(f"can't write {str(output)!r} ({reason}); name another output") from None
    if not begun:
        _check_free(output, force)


def _check_free(output: Path, force: bool) -> None:
    empty = output.is_dir() and not any(output.iterdir())
    if os.path.lexists(output) and not empty and not force:
        raise AlreadyThere(
            f"{str(output)!r} is there already; name another output, or replace it (--force)"
        )
    if not output.parent.is_dir():
        raise CannotWrite(f"there is no folder {str(output.parent)!r}; make it, or name another")


def _is_full(part: Sequence[Frame]) -> bool:
    """Tell whether frames are enough for a part."""
    return len(part) >= _PART_FRAMES or sum(each.pixels.nbytes for each in part) >= _PART_BYTES

"""Finished parts of a film, on disk beside it, so that an interruption loses little."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from entoptic.errors import AlreadyThere, CannotWrite
from entoptic.images.writing import write_file
from entoptic.video.reading import Facts, Frame, facts_of, frames_of
from entoptic.video.writing import lossless, write_film

_ORDER, _STATE = "order.sha256", "state.npz"


@dataclass(frozen=True, eq=False)
class State:
    """What the next frame needs of those before it.

    Args:
        frames: that are finished.
        detail: that was added to the last, or the last itself, (height, width, 3); None before the
            first.
        held: numbers that later frames are held to.
    """

    frames: int = 0
    detail: NDArray[np.float32] | None = None
    held: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class Parts:
    """The folder of a film's finished parts: frames without loss, and the state after the last.

    Args:
        folder: beside the film.
        facts: of the film that is made.
        order: text that says what is made; another film's parts are refused.
    """

    folder: Path
    facts: Facts
    order: str

    @classmethod
    def of(cls, output: Path, facts: Facts, order: str) -> Parts:
        """Return the parts of a film by its file."""
        return cls(output.with_name(f"{output.name}.parts"), facts, order)

    def begun(self) -> bool:
        """Tell whether there are parts of this film.

        Raises:
            AlreadyThere: there are parts of another one.
        """
        # Killed between making the folder and saying what it is for.
        if all(each.name.startswith(".entoptic-") for each in self.folder.glob("*")):
            return False
        try:
            order = (self.folder / _ORDER).read_text("ascii")
        except (OSError, ValueError):
            order = ""
        if order != self._hash:
            raise AlreadyThere(
                f"the folder {str(self.folder)!r} holds parts of a film with other settings; "
                "delete it, or name another output"
            )
        return True

    @property
    def _hash(self) -> str:
        return hashlib.sha256(self.order.encode("utf-8")).hexdigest()

    def begin(self) -> None:
        """Make the folder.

        Raises:
            CannotWrite: with what to do.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_file(self.folder / _ORDER, self._hash.encode("ascii"))
        except OSError as error:
            raise _refused(self.folder, error) from None

    def state(self) -> tuple[int, State]:
        """Return the number of finished parts, and the state after the last."""
        try:
            with np.load(self.folder / _STATE, allow_pickle=False) as found:
                detail = found["detail"] if found["frames"] else None
                return int(found["parts"]), State(int(found["frames"]), detail, found["held"])
        except FileNotFoundError:
            return 0, State()

    def add(self, frames: Sequence[Frame], state: State) -> None:
        """Write a part, and then the state after it, which makes it count."""
        number, _ = self.state()
        try:
            write_film(lossless(self._file(number)), self.facts, frames, job="")
            times = [
                [str(each.time), None if each.duration is None else str(each.duration)]
                for each in frames
            ]
            times_file = self._file(number).with_suffix(".json")
            write_file(times_file, json.dumps(times).encode("ascii"))
            detail = np.zeros(0, np.float32) if state.detail is None else state.detail
            save = functools.partial(
                np.savez, parts=number + 1, frames=state.frames, detail=detail, held=state.held
            )
            write_file(self.folder / _STATE, save)
        except OSError as error:
            raise _refused(self.folder, error) from None

    def seconds(self) -> Fraction:
        """Return how long the finished frames are shown."""
        finished, _ = self.state()
        time, duration = self._times(finished - 1)[-1]
        return Fraction(time) + (Fraction(duration) if duration else 1 / self.facts.rate)

    def _times(self, part: int) -> list[list[str]]:
        times: list[list[str]] = json.loads(
            self._file(part).with_suffix(".json").read_text("ascii")
        )
        return times

    def frames(self) -> Iterator[Frame]:
        """Yield all finished frames in order."""
        finished, _ = self.state()
        number = 0
        for part in range(finished):
            times = self._times(part)
            decoded = frames_of(facts_of(self._file(part)))
            for (time, duration), frame in zip(times, decoded, strict=True):
                length = None if duration is None else Fraction(duration)
                yield Frame(number, Fraction(time), length, frame.pixels)
                number += 1

    def remove(self) -> None:
        """Delete the folder, once the film is there.

        First the state, so that no part counts whose file is gone, and last what it is for.
        """
        (self.folder / _STATE).unlink(missing_ok=True)
        order = self.folder / _ORDER
        for each in self.folder.iterdir():
            if each != order:
                each.unlink()
        order.unlink()
        self.folder.rmdir()

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06}.mkv"


def _refused(folder: Path, error: OSError) -> CannotWrite:
    if isinstance(error, CannotWrite):
        return error
    return CannotWrite(
        f"can't write the film's parts in {str(folder)!r} ({error.strerror}); make room, or name "
        "another place; the same command goes on"
    )

"""Finished parts of a film, on disk beside it, so that an interruption loses little."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entoptic.errors import AlreadyThere, CannotWrite
from entoptic.images.writing import write_file
from entoptic.video.reading import Facts, Frame, Mark, facts_of, frames_of
from entoptic.video.writing import lossless, write_film

_ORDER, _STATE, _SCENES = "order.sha256", "state.npz", "scenes.json"
_NONE = np.zeros(0)


@dataclass(frozen=True, eq=False)
class State:
    """What the next frame needs of those before it, in a run: a scene, or the whole film.

    Args:
        frames: of the run that are finished.
        detail: that was added to the last, or the last itself, (height, width, 3); None where the
            next one needs none.
        held: numbers that later frames are held to.
    """

    frames: int = 0
    detail: NDArray[np.float32] | None = None
    held: NDArray[np.float64] = field(default_factory=lambda: _NONE)


@dataclass(frozen=True)
class Scene:
    """Frames between two cuts.

    Args:
        first: number of its first frame, among those that are dreamt.
        frames: how many it has.
        mark: where that is in the source.
    """

    first: int
    frames: int
    mark: Mark


@dataclass(frozen=True, eq=False)
class Kept:
    """What is finished of a film.

    Args:
        parts: (number of the first frame, number of frames) of each, in order.
        states: of each run that is begun, by the number of its first frame.
    """

    parts: Sequence[tuple[int, int]] = ()
    states: Mapping[int, State] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """Number of finished frames."""
        return sum(count for _, count in self.parts)


@dataclass(frozen=True)
class Parts:
    """The folder of a film's finished parts: frames without loss, and the states after them.

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
        return cls(cls.of_film(output), facts, order)

    @staticmethod
    def of_film(output: Path) -> Path:
        """Return the folder of a film's parts by its file."""
        return output.with_name(f"{output.name}.parts")

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

    def kept(self) -> Kept:
        """Return what is finished."""
        try:
            with np.load(self.folder / _STATE, allow_pickle=False) as found:
                parts = tuple((int(first), int(count)) for first, count in found["parts"])
                states = {
                    int(first): State(
                        int(frames), found.get(f"detail{first}"), found.get(f"held{first}", _NONE)
                    )
                    for first, frames in found["runs"]
                }
                return Kept(parts, states)
        except FileNotFoundError:
            return Kept()

    def add(self, frames: Sequence[Frame], states: Mapping[int, State]) -> None:
        """Write parts, and then the states after them, which makes them count.

        Args:
            frames: that are finished, in any order.
            states: of all runs that are begun, by the number of their first frame.
        """
        stretches = [*_stretches(frames)]
        parts = {(each[0].number, len(each)) for each in stretches}
        held: dict[str, Any] = {
            f"{name}{first}": array
            for first, each in states.items()
            if each.detail is not None
            for name, array in (("detail", each.detail), ("held", each.held))
        }
        try:
            for each in stretches:
                self._write(each)
            save = functools.partial(
                np.savez,
                parts=np.array(sorted({*self.kept().parts, *parts})),
                runs=np.array([(first, each.frames) for first, each in states.items()]),
                **held,
            )
            write_file(self.folder / _STATE, save)
        except OSError as error:
            raise _refused(self.folder, error) from None

    def _write(self, frames: Sequence[Frame]) -> None:
        """Write a part."""
        file = self._file(frames[0].number)
        write_film(lossless(file, self.facts.bits), self.facts, frames, job="")
        times = [
            [str(each.time), None if each.duration is None else str(each.duration)]
            for each in frames
        ]
        write_file(file.with_suffix(".json"), json.dumps(times).encode("ascii"))

    def seconds(self) -> Fraction:
        """Return the time at which the last of the finished frames ends."""
        first, _ = self.kept().parts[-1]
        time, duration = self._times(first)[-1]
        return Fraction(time) + (Fraction(duration) if duration else 1 / self.facts.rate)

    def _times(self, first: int) -> list[list[str]]:
        times: list[list[str]] = json.loads(
            self._file(first).with_suffix(".json").read_text("ascii")
        )
        return times

    def frames(self) -> Iterator[Frame]:
        """Yield all finished frames in order."""
        for first, _ in self.kept().parts:
            decoded = frames_of(replace(facts_of(self._file(first)), bits=self.facts.bits))
            found = zip(self._times(first), decoded, strict=True)
            for number, ((time, duration), frame) in enumerate(found, first):
                length = None if duration is None else Fraction(duration)
                yield Frame(number, Fraction(time), length, frame.pixels)

    def scenes(self) -> list[Scene] | None:
        """Return the scenes of the film; None where they haven't been looked for."""
        try:
            found = json.loads((self.folder / _SCENES).read_text("ascii"))
        except FileNotFoundError:
            return None
        return [
            Scene(first, frames, Mark(number, Fraction(time), digest))
            for first, frames, number, time, digest in found
        ]

    def keep_scenes(self, scenes: Sequence[Scene]) -> None:
        """Write the scenes of the film, so that they needn't be looked for again.

        Raises:
            CannotWrite: with what to do.
        """
        found = [
            [each.first, each.frames, each.mark.number, str(each.mark.time), each.mark.digest]
            for each in scenes
        ]
        try:
            write_file(self.folder / _SCENES, json.dumps(found).encode("ascii"))
        except OSError as error:
            raise _refused(self.folder, error) from None

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

    def _file(self, first: int) -> Path:
        return self.folder / f"{first:08}.mkv"


def _stretches(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Yield frames that follow each other, as lists."""
    ordered = sorted(frames, key=lambda each: each.number)
    numbered = itertools.groupby(enumerate(ordered), lambda pair: pair[1].number - pair[0])
    return ([each for _, each in pairs] for _, pairs in numbered)


def _refused(folder: Path, error: OSError) -> CannotWrite:
    if isinstance(error, CannotWrite):
        return error
    return CannotWrite(
        f"can't write the film's parts in {str(folder)!r} ({error.strerror}); make room, or name "
        "another place; the same command then continues"
    )

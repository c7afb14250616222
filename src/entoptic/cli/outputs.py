"""Destinations of results: free names, and never the pictures that are read."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from entoptic.cli import signals, streams
from entoptic.cli.arguments import quoted
from entoptic.cli.printing import echo
from entoptic.errors import AlreadyThere, BadSetting, CannotWrite
from entoptic.paths import is_same

STDOUT = Path(streams.DASH)
"""The destination that is no file: the PNG goes to stdout."""


@dataclass(frozen=True)
class Delivery:
    """The user's choices for the result.

    Args:
        output: file or folder, as it was typed; `-` is stdout.
        every: steps between pictures of the dream as it grows.
        bits: of a PNG's channels; None for 8, or those of the picture that is made again.
        force: whether files that are there may be replaced.
        as_json: whether what was made is printed as JSON.
        quiet: whether progress and notes are left out.

    Raises:
        BadSetting: an output without a name, or less than one step; stdout together with other
            things that are printed or saved beside it.
    """

    output: str | None
    every: int | None
    bits: Literal[8, 16] | None
    force: bool
    as_json: bool
    quiet: bool

    def __post_init__(self) -> None:
        if self.output == "":
            raise BadSetting("--output is empty; name a file or a folder")
        if self.every is not None and self.every < 1:
            raise BadSetting(f"--every is {self.every}; it must be at least 1")
        if not self.streamed:
            return
        if self.as_json:
            raise BadSetting("--json and -o - both go to stdout; leave one of them out")
        if self.every is not None:
            raise BadSetting("--every makes files beside the result, and -o - none; name a file")
        check_stdout()

    @classmethod
    def split(cls, options: dict[str, Any]) -> tuple[Delivery, dict[str, Any]]:
        """Take the shell's own options out of all of a command; the rest is the recipe's."""
        rest = {key: value for key, value in options.items() if key not in cls.__annotations__}
        own = {key: value for key, value in options.items() if key in cls.__annotations__}
        if own["bits"] is not None:
            own["bits"] = int(own["bits"])
        return cls(**own), rest

    @property
    def streamed(self) -> bool:
        """Tell whether the picture goes to stdout."""
        return self.output == streams.DASH

    @property
    def folder(self) -> Path | None:
        """The folder that the output names; it may not be there yet."""
        if self.output is None or not (self.output.endswith("/") or _is_dir(self.output)):
            return None
        return Path(self.output)


def destinations(
    starts: Sequence[str | None], delivery: Delivery, suffix: str, inputs: Collection[Path]
) -> list[Path]:
    """Return the destination of each result, before any work; nothing is created.

    Args:
        starts: the pictures to begin with; None is noise.
        delivery: what the user wants.
        suffix: added to the name of the picture, where the user names no file.
        inputs: pictures that must survive.

    Raises:
        BadSetting: several pictures for one file.
        CannotWrite: see `check_writable`; or the file is there already.
    """
    folder = delivery.folder
    if folder is not None:
        _check_folder(folder)
    elif delivery.output is not None:
        if len(starts) > 1:
            raise BadSetting(
                f"{len(starts)} photos can't go into one file; "
                f"name a folder: -o {quoted(_a_folder(delivery))}"
            )
        if delivery.streamed:
            return [STDOUT]
        output = Path(delivery.output)
        check_output(output, delivery, inputs)
        check_free(output, delivery.force, inputs)
        return [output]
    taken: list[Path] = []
    for start in starts:
        name = f"{_stem(start)}-{suffix}.png"
        beside = Path(name if start in (None, streams.DASH) else str(start)).parent
        path = free((folder or beside) / name, inputs, taken, delivery.force)
        if folder is None or os.path.lexists(folder):
            check_output(path, delivery, inputs)
        taken.append(path)
    return taken


def _a_folder(delivery: Delivery) -> str:
    return "dreams/" if delivery.streamed else f"{delivery.output}/"


def _stem(start: str | None) -> str:
    if start is None:
        return "noise"
    return "stdin" if start == streams.DASH else Path(start).stem


def check_stdout() -> None:
    """Find out before any work that a picture can go to stdout.

    Raises:
        BadSetting: it is a terminal.
    """
    if sys.stdout is not None and sys.stdout.isatty():
        raise BadSetting("-o - is stdout, which is a terminal; pipe it on, or name a file")


def check_inputs(inputs: Collection[Path]) -> None:
    """See `check_readable`; stdin is looked at when it is read."""
    from entoptic.images import check_readable

    for each in inputs:
        if str(each) != streams.DASH:
            check_readable(each)


def check_output(
    path: Path,
    delivery: Delivery,
    inputs: Collection[Path],
    size: tuple[int, int] | None = None,
) -> None:
    """See `check_writable`."""
    from entoptic.images import check_writable

    if path == STDOUT:
        return
    check_writable(path, bits=delivery.bits or 8, size=size, not_over=inputs)


class Save(Protocol):
    """Writes a result as a file; `AlreadyThere` where it is there and isn't to be replaced."""

    def __call__(self, path: Path, *, replace: bool) -> object: ...


def saved(save: Save, path: Path, force: bool, quiet: bool = False) -> Path:
    """Write a result under a name, or under the next one where it was taken meanwhile.

    Args:
        save: writes it.
        path: the name, which was free when the work began; or stdout.
        force: whether a file that is there may be replaced.
        quiet: whether nothing is said of another name.

    Returns:
        The name that it has.
    """
    if path == STDOUT:
        with signals.held_back():
            streams.send(functools.partial(save, replace=True))
        return path
    found = path
    while True:
        try:
            with signals.held_back():
                save(found, replace=force)
        except AlreadyThere:
            found = free(found, (), (), force=False)
        else:
            break
    if found != path and not quiet:
        told = f"{quoted(path)} has come to be meanwhile and is kept; this is {quoted(found)}"
        echo(f"Note: {told}", err=True)
    return found


def check_free(path: Path, force: bool, inputs: Collection[Path]) -> None:
    """Find out before any work that nothing is overwritten which isn't meant to be.

    Raises:
        CannotWrite: the file is there and isn't to be replaced, or is one of the inputs.
    """
    if not os.path.lexists(path):
        return
    if not force:
        raise CannotWrite(
            f"{quoted(path)} is there already; name another file, or replace it with --force"
        )
    if not _spares(path, inputs):
        raise CannotWrite(f"{quoted(path)} is a file that is read; choose another name to write to")


def free(path: Path, inputs: Collection[Path], taken: Collection[Path], force: bool) -> Path:
    """Return the path, or the first of PATH-2, PATH-3, ... that isn't there or may be replaced.

    What is such a name already is followed by the next of them.
    """
    number, found = 1, path
    numbered = re.fullmatch(r"(.+)-(\d{1,9})", path.stem)
    if numbered and os.path.lexists(path.with_stem(numbered[1])):
        path, number = path.with_stem(numbered[1]), int(numbered[2])
    while found in taken or (os.path.lexists(found) and not (force and _spares(found, inputs))):
        number += 1
        found = path.with_stem(f"{path.stem}-{number}")
    return found


def _spares(path: Path, inputs: Collection[Path]) -> bool:
    """Tell whether writing there leaves the pictures that are read as they are."""
    return not any(is_same(path, each) for each in inputs)


def _check_folder(folder: Path) -> None:
    there = next((each for each in (folder, *folder.parents) if os.path.lexists(each)), Path())
    if not _is_dir(there):
        raise CannotWrite(
            f"can't make the folder {quoted(folder)}: {quoted(there)} is no folder; name another"
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise CannotWrite(
            f"the folder {quoted(there)} may not be written to;"
            " choose another, or change its permissions"
        )


@contextmanager
def made(folder: Path | None) -> Iterator[None]:
    """See to it that a folder is there; one that was made and stayed empty goes again.

    Raises:
        CannotWrite: it can't be made.
    """
    new = (
        [each for each in (folder, *folder.parents) if not os.path.lexists(each)] if folder else []
    )
    try:
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                raise CannotWrite(
                    f"can't make the folder {quoted(folder)} ({reason}); name another"
                ) from None
        yield
    finally:
        with signals.held_back():
            for each in new:
                if _is_dir(each) and not any(each.iterdir()):
                    each.rmdir()


def _is_dir(path: str | Path) -> bool:
    # Path.is_dir() raises for names that are too long, before Python 3.13.
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False

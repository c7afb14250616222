"""`-` for a photo is stdin, and `-` for a result is stdout."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from entoptic.errors import BadPicture, BadSetting, EntopticError

if TYPE_CHECKING:
    from entoptic.images import Picture

DASH = "-"
"""The name of stdin and of stdout, as typed."""

_AT_ONCE = 1 << 20


def check_once(typed: Sequence[str | None]) -> None:
    """Find out before anything is read that stdin is asked for once at most, and holds something.

    Raises:
        BadSetting: it is asked for twice, or is a terminal.
    """
    asked = sum(each == DASH for each in typed)
    if asked > 1:
        raise BadSetting(f"stdin (-) is named {asked} times, and holds one picture; name files")
    if asked and sys.stdin is not None and sys.stdin.isatty():
        raise BadSetting("- is stdin, and nothing is piped into it; name a file, or pipe a picture")


def photo_of(typed: str) -> str | Picture:
    """Return a photo's name as typed; for `-` the picture from stdin.

    Raises:
        BadPicture: it is empty, too large, or no picture.
    """
    if typed != DASH:
        return typed
    from entoptic.images import read

    with received(typed) as path:
        return replace(read(path), path=Path(DASH))


@contextmanager
def received(typed: str) -> Iterator[str | Path]:
    """During a `with`, a file of what comes on stdin where `-` was typed; else the name as it is.

    Raises:
        BadPicture: more than a picture may have, or as what is inside says of the file.
    """
    if typed != DASH:
        yield typed
        return
    with tempfile.TemporaryDirectory(prefix="entoptic-") as folder:
        path = Path(folder) / "stdin"
        try:
            _spool(path)
            yield path
        except EntopticError as error:
            raise type(error)(str(error).replace(repr(str(path)), "what came on stdin")) from error


def _spool(path: Path) -> None:
    from entoptic.images.files import MAX_BYTES

    size = 0
    with path.open("wb") as file:
        while part := sys.stdin.buffer.read(_AT_ONCE):
            size += len(part)
            if size > MAX_BYTES:
                raise BadPicture(
                    f"more than {MAX_BYTES} bytes came on stdin, the limit of a picture; "
                    "shrink it first"
                )
            file.write(part)


def send(save: Callable[[Path], object]) -> None:
    """Write to stdout what is saved as a PNG file.

    Args:
        save: saves it under a name.
    """
    with tempfile.TemporaryDirectory(prefix="entoptic-") as folder:
        path = Path(folder) / "stdout.png"
        save(path)
        sys.stdout.buffer.write(path.read_bytes())
        sys.stdout.buffer.flush()

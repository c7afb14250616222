"""Whole files, read once they are known to be files and not too large; their names in errors."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from entoptic.errors import BadModelFile
from entoptic.paths import why_missing

ZIP_DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    OSError,
    EOFError,
    ArithmeticError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
"""The errors that reading damaged archives has been seen to raise."""


def contents(path: Path, most_bytes: int) -> bytes:
    """Return the bytes of a file.

    Raises:
        BadModelFile: there is no such file, it is a folder, a device or a pipe, it can't be read,
            or it is too large.
    """
    size = size_of(path)
    if size > most_bytes:
        raise BadModelFile(f"{path} is larger than {most_bytes} bytes, the most that is read of it")
    try:
        with path.open("rb") as stream:
            # Room is made for as much as is asked for: not for all that would be allowed.
            data = stream.read(size + 1)
    except OSError as error:
        raise BadModelFile(f"can't read {path}: {error.strerror or error}") from None
    if len(data) > size:
        raise BadModelFile(f"can't read {path}: it has more bytes than it says, or grows")
    return data


def size_of(path: Path) -> int:
    """Return a file's size in bytes, unopened: opening a pipe would wait for its other end.

    Raises:
        BadModelFile: there is no such file, or it is a folder, a device or a pipe.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadModelFile(f"can't read {path}: {reason or error}{why_missing(path)}") from None
    if not stat.S_ISREG(found.st_mode):
        raise BadModelFile(f"can't read {path}: it is a folder, a device or a pipe, not a file")
    return found.st_size


@contextmanager
def about(what: str) -> Iterator[None]:
    """Put in front of an error's text what the error is about: the file, then the node."""
    try:
        yield
    except BadModelFile as error:
        raise BadModelFile(f"{what}: {error}") from None


def reason(error: BaseException) -> str:
    """Return the text of a library's error as a part of one sentence."""
    return " ".join(str(error).split())[:300] or type(error).__name__

"""Reads a whole file, once it is known to be one and not too large."""

from __future__ import annotations

import stat
from pathlib import Path

from entoptic.errors import BadModelFile


def contents(path: Path, most_bytes: int) -> bytes:
    """The bytes of a file.

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
    """How many bytes a file has; it isn't opened, since opening a pipe waits for its other end.

    Raises:
        BadModelFile: there is no such file, or it is a folder, a device or a pipe.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadModelFile(f"can't read {path}: {reason or error}") from None
    if not stat.S_ISREG(found.st_mode):
        raise BadModelFile(f"can't read {path}: it is a folder, a device or a pipe, not a file")
    return found.st_size

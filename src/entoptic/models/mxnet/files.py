"""Reads a whole file, once it is known to be one and not too large."""

from __future__ import annotations

from pathlib import Path

from entoptic.errors import BadModelFile


def contents(path: Path, most_bytes: int) -> bytes:
    """The bytes of a file.

    Raises:
        BadModelFile: there is no such file, it can't be read, or it is too large.
    """
    try:
        if not path.is_file():
            raise BadModelFile(f"can't read {path}: there is no such file")
        if path.stat().st_size > most_bytes:
            raise BadModelFile(
                f"{path}: larger than {most_bytes // 2**20} MiB, the most that is read"
            )
        return path.read_bytes()
    except OSError as error:
        raise BadModelFile(f"can't read {path}: {error.strerror}") from None

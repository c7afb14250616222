"""Names of files, compared by what they name."""

from __future__ import annotations

from pathlib import Path


def is_same(one: Path, other: Path) -> bool:
    """Whether two paths are of the same file, as far as there is one."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # names may be too long, or have a zero in them
        return False

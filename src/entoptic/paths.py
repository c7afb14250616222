"""Names of files: compared by what they name, and made of what is in them."""

from __future__ import annotations

import re
from pathlib import Path

from entoptic.errors import CannotWrite


def is_same(one: Path, other: Path) -> bool:
    """Tell whether two paths are of the same file, as far as there is one."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # names may be too long, or have a zero in them
        return False


def is_file(name: str | Path) -> bool:
    """Tell whether there is such a file; names may be too long, or have a zero in them."""
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def name_for(label: str) -> str:
    """Return a name for the file of what bears a label.

    >>> name_for("logit('goldfish')")
    'logit-goldfish'
    """
    return re.sub(r"\W+", "-", label).strip("-")[:60] or "unit"


def make_folder(folder: Path, advice: str = "name another") -> None:
    """Make a folder, and those above it, where it isn't there.

    Args:
        folder: its path.
        advice: what the user can do where it can't be made.

    Raises:
        CannotWrite: with the advice.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"can't make the folder {str(folder)!r} ({error.strerror}); {advice}"
        ) from None

"""Names of files: compared by what they name, and made of what is in them."""

from __future__ import annotations

import difflib
import itertools
import os.path
import re
from collections.abc import Collection
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


PICTURES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif", ".bmp"}
    | {".avif", ".heic", ".heif", ".jxl"}
)
"""Endings of the pictures that are read."""

FILMS = (".mp4", ".mov", ".webm", ".mkv", ".m4v")
"""Endings of the films that can carry a job."""

# Names are alike whose letters are so, of 0 to 1: one letter more of four, or less.
_ALIKE = 0.8
# As many files of a folder are compared.
_MOST_COMPARED = 1000


def why_missing(path: str | Path, endings: Collection[str] | None = None) -> str:
    """Return the tail of a message on a file that isn't there; empty where nothing is known.

    Args:
        path: the file.
        endings: of the files that may be meant, such as `.png`; None for those of the same ending.
    """
    path = Path(path)
    try:
        if path.is_symlink():
            return f"; it is a link to {str(path.readlink())!r}, where nothing is; mend the link"
        if not path.parent.exists():
            return f"; there is no folder {str(path.parent)!r}; check the name and the folder"
        there = itertools.islice(path.parent.iterdir(), _MOST_COMPARED)
        found = [each for each in there if _is_of(each, endings or (path.suffix.lower(),))]
    except (OSError, ValueError):
        return ""
    near = max(found, key=lambda each: _likeness(path, each), default=None)
    if near is None or _likeness(path, near)[0] < _ALIKE:
        return ""
    return f"; did you mean {near.name!r}?"


def _is_of(path: Path, endings: Collection[str]) -> bool:
    return path.suffix.lower() in endings and path.is_file()


def _likeness(wanted: Path, there: Path) -> tuple[float, bool]:
    """Return how alike two names are, from 0 to 1, and whether they end alike."""
    one, two = wanted.stem.lower(), there.stem.lower()
    share = difflib.SequenceMatcher(None, one, two).ratio()
    if sorted(one) == sorted(two):
        share = max(share, _ALIKE)  # two letters in the wrong order
    if one != two and re.sub(r"\d", "", one) == re.sub(r"\d", "", two):
        share = 0.0  # numbers are there to tell files apart
    return share, wanted.suffix.lower() == there.suffix.lower()


def names_picture(text: str) -> bool:
    """Tell whether a text names a picture, also one that isn't there.

    >>> names_picture("no/sky.jpg"), names_picture("fire7:3")
    (True, False)
    """
    return os.path.lexists(text) or Path(text).suffix.lower() in PICTURES


def is_film(name: str | Path) -> bool:
    """Tell by its name whether a file is a film; a GIF may be a photo, too.

    >>> is_film("sky.MP4"), is_film("sky.gif")
    (True, False)
    """
    return Path(name).suffix.lower() in FILMS


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

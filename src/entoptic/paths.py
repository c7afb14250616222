"""Names of files: compared by what they name, and made of what is in them."""

from __future__ import annotations

import re
from pathlib import Path


def is_same(one: Path, other: Path) -> bool:
    """Tell whether two paths are of the same file, as far as there is one."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # names may be too long, or have a zero in them
        return False


def name_for(label: str) -> str:
    """Return a name for the file of what bears a label.

    >>> name_for("logit('goldfish')")
    'logit-goldfish'
    """
    return re.sub(r"\W+", "-", label).strip("-")[:60] or "unit"

"""What a picture's job may name by itself: nothing for which a package's code would be imported."""

from __future__ import annotations

import re

from entoptic.objectives import vocabulary


def check_stored(objective: str) -> None:
    """Refuse a stored job that names what an installed package would have to be imported for.

    Args:
        objective: the job's expression, where the user doesn't replace it.

    Raises:
        NotAllowed: with what to do.
    """
    vocabulary.check_stored(re.findall(r"(\w+)\s*\(", objective))

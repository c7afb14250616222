"""Limits of a studio: small for a hosted demo, wide on one's own machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from entoptic.checks import of_text, whole
from entoptic.errors import BadSetting

PREFIX = "ENTOPTIC_STUDIO_"
"""Environment variables that set limits begin so: ENTOPTIC_STUDIO_SIZE, ..."""


@dataclass(frozen=True)
class Limits:
    """What a page may ask for.

    Args:
        size: long side of a result, in pixels.
        steps: of an optimisation, over all octaves.
        seconds: length of a film.
        queue: how many may wait.
        upload: megabytes of an uploaded file.
        folder: megabytes that uploaded photos may take in all.
        private: 1 where each visitor has a history of its own, which ends with the visit.
    """

    size: int = 4096
    steps: int = 20_000
    seconds: int = 600
    queue: int = 20
    upload: int = 64
    folder: int = 4096
    private: int = 0

    @classmethod
    def of(cls, environment: Mapping[str, str], **usual: int) -> Limits:
        """Return the limits that environment variables set; the others are the usual ones.

        Raises:
            BadSetting: one is no whole number in its range.

        >>> Limits.of({"ENTOPTIC_STUDIO_SIZE": "512"}, queue=5).size
        512
        """
        found: dict[str, Any] = dict(usual)
        for each in fields(cls):
            name = f"{PREFIX}{each.name.upper()}"
            if name in environment:
                least, most = (0, 1) if each.name == "private" else (1, 1_000_000)
                found[each.name] = of_text(whole(least, most))(name, environment[name])
        return replace(cls(), **found)

    def check(self, size: int, steps: int) -> None:
        """Refuse what is too large.

        Raises:
            BadSetting: with what is possible.
        """
        if size > self.size:
            raise BadSetting(
                f"the picture would be {size} pixels long, and this studio makes at most "
                f"{self.size}; choose a smaller size"
            )
        if steps > self.steps:
            raise BadSetting(
                f"that is {steps} steps in all, and this studio makes at most {self.steps}; "
                "choose fewer steps, or fewer octaves"
            )

    def check_film(self, seconds: float) -> None:
        """Refuse a film that is too long; raises as `check` does."""
        if seconds > self.seconds:
            raise BadSetting(
                f"the film would be {seconds:g} s long, and this studio makes at most "
                f"{self.seconds}; choose a shorter one, or an earlier end"
            )

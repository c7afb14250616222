"""What sets pictures apart that lie side by side: the settings in which their jobs differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entoptic.errors import BadSetting
from entoptic.jobs.job import Job
from entoptic.studio.shelf import Shelf

MOST = 3
"""Pictures that lie side by side; more are too small to be compared."""


def compared(shelf: Shelf, names: Sequence[str]) -> list[list[str]]:
    """Return for each of several pictures of the history the settings that the others haven't.

    Raises:
        BadSetting: they are too many.
        NoJob: one carries none.
        PictureNotFound: there is no such picture.
    """
    if len(names) > MOST:
        raise BadSetting(f"at most {MOST} pictures are compared; put one away")
    return differences([shelf.job(name) for name in names])


def differences(jobs: Sequence[Job]) -> list[list[str]]:
    """Return for each job the settings, in words, in which it differs from another.

    Of a job that stands alone, and where there is no difference, what was maximised.
    """
    told = [_told(job) for job in jobs]
    names = dict.fromkeys(name for each in told for name in each)
    differing = [
        name for name in names if any(each.get(name) != told[0].get(name) for each in told)
    ]
    return [[_words(name, each.get(name)) for name in differing or ["objective"]] for each in told]


def _told(job: Job) -> dict[str, Any]:
    """Return the settings of a job, what is seen most first."""
    first = {"objective": _unit(job.objective), "model": job.model}
    return first | dict(job.settings) | {"seed": job.seed, "stopped_after": job.stopped_after}


def _unit(objective: str) -> str:
    """Return the one objective of a batch of one.

    >>> _unit("per_image([channel('fire3', 1)])")
    "channel('fire3', 1)"
    """
    head, tail = "per_image([", "])"
    inner = objective.removeprefix(head).removesuffix(tail)
    return inner if objective == head + inner + tail else objective


def _words(name: str, value: Any) -> str:
    """Return a setting in words.

    >>> _words("learning_rate", 0.1), _words("stopped_after", None), _words("objective", "logit(1)")
    ('learning rate 0.1', 'stopped after none', 'logit(1)')
    """
    shown = "none" if value is None else str(value)
    return shown if name in ("objective", "model") else f"{name.replace('_', ' ')} {shown}"

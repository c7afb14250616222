"""Progress of a recipe that runs in Python: a bar in a notebook, a function of the user's."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from entoptic.errors import BadSetting

if TYPE_CHECKING:
    from entoptic.ascent.loop import Step
    from entoptic.jobs.plan import Plan

# Reading a score waits for the device; an eye follows no more.
_INTERVAL_S = 0.2

Shot = TypeVar("Shot")


def is_interactive() -> bool:
    """Tell whether a person sits at a notebook or at a prompt of Python."""
    shell = sys.modules.get("IPython")
    return hasattr(sys, "ps1") or (shell is not None and shell.get_ipython() is not None)


def notebook() -> Any:
    """Return the shell of the notebook that this runs in.

    Raises:
        BadSetting: it runs in none.
    """
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if getattr(shell, "kernel", None) is None:  # of IPython in a terminal
        raise BadSetting(
            "show draws in a notebook, and this is none; leave it out, or give a callback that "
            "does something with each step"
        )
    return shell


def duration(seconds: float) -> str:
    """Return a time in words, roughly.

    >>> duration(42), duration(600), duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def short_number(value: float) -> str:
    """Return a score with four digits at least, and without an exponent where possible.

    >>> short_number(13834.2), short_number(0.012346)
    ('13,834', '0.01235')
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"


class Camera:
    """Decides when a picture is shown, so that the work hardly gets slower by it.

    Args:
        interval: seconds between two at least.
        share: of the time that may go into showing them.
    """

    def __init__(self, interval: float, share: float) -> None:
        self._interval, self._share = interval, share
        self._next = 0.0

    def shot(self, show: Callable[[], Shot]) -> Shot | None:
        """Show a picture, if it is time for one; return what `show` does, else None."""
        began = time.monotonic()
        if began < self._next:
            return None
        shown = show()
        ended = time.monotonic()
        self._next = ended + max(self._interval, (ended - began) / self._share)
        return shown


def work(plan: Plan) -> int:
    """Return the number of pixels that a plan works through in all its steps."""
    stages = zip(plan.stages, plan.step_counts, strict=True)
    each = itertools.chain.from_iterable(itertools.repeat(*stage) for stage in stages)
    return sum(itertools.islice(each, plan.count))


@contextmanager
def progress_bar(plan: Plan, shown: bool | None) -> Iterator[Callable[[Step], None]]:
    """Show how a plan proceeds during a `with`; what it gives is told each step.

    Args:
        plan: what is done.
        shown: None shows a bar in a notebook and at a prompt.
    """
    if not (is_interactive() if shown is None else shown):
        yield lambda _: None
        return
    from tqdm.std import tqdm

    bar: Any = tqdm(
        total=plan.count, desc=plan.job.recipe, unit="step", mininterval=_INTERVAL_S, leave=False
    )

    def advance(step: Step) -> None:
        if bar.update():  # whenever it has drawn itself anew
            stage = f"{plan.stage_name} {step.octave + 1}/{len(plan.stages)}"
            score = short_number(float(step.scores.mean()))
            bar.set_postfix_str(f"{stage}, score {score}", refresh=False)

    with bar:
        yield advance

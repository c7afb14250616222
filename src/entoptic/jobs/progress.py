"""Progress of a recipe that runs in Python: a bar in a notebook, a function of the user's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from entoptic.ascent.loop import Step
    from entoptic.jobs.plan import Plan

# Reading a score waits for the device; an eye follows no more.
_INTERVAL_S = 0.2


def is_interactive() -> bool:
    """Tell whether a person sits at a notebook or at a prompt of Python."""
    shell = sys.modules.get("IPython")
    return hasattr(sys, "ps1") or (shell is not None and shell.get_ipython() is not None)


def duration(seconds: float) -> str:
    """Return a time in words, roughly.

    >>> duration(42), duration(600), duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


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
            bar.set_postfix_str(f"{stage}, score {float(step.scores.mean()):.4g}", refresh=False)

    with bar:
        yield advance

"""A picture drawn in a notebook as it grows, with the score and the time left."""

from __future__ import annotations

import base64
import io
import time
from typing import TYPE_CHECKING, Any

from entoptic.images.preview import preview
from entoptic.jobs.progress import Camera, duration, notebook, short_number, work

if TYPE_CHECKING:
    from entoptic.ascent.loop import Step
    from entoptic.jobs.job import Result
    from entoptic.jobs.plan import Plan

# An eye follows no more; and drawing takes a tenth of the time at most, however long it takes.
_INTERVAL_S, _SHARE = 0.2, 0.1

# The share of the work after which the time left is known: the first step also compiles.
_KNOWN = 0.02

_NOTHING = {"text/html": "", "text/plain": ""}


class Drawing:
    """The output of a notebook's cell that shows a picture as it grows.

    Steps are read, which waits for the device, only where they are drawn.

    Args:
        plan: what is done.
        bar: whether a bar stands below the picture.

    Raises:
        BadSetting: there is no notebook.
    """

    def __init__(self, plan: Plan, bar: bool) -> None:
        from IPython.display import display

        self._shell = notebook()
        self._plan, self._bar = plan, bar
        self._total, self._done = work(plan), 0
        self._began = time.monotonic()
        self._camera = Camera(_INTERVAL_S, _SHARE)
        self._handle: Any = display(self._html("", "beginning"), raw=True, display_id=True)

    def advance(self, step: Step) -> None:
        """Draw the picture after a step, where it is time to."""
        self._done += self._plan.stages[step.octave]
        self._camera.shot(
            lambda: self._handle.update(self._html(_tag(step), self._told(step)), raw=True)
        )

    def end(self, result: Result) -> None:
        """Show the picture; where the cell shows it itself, since it is its value, only once."""
        self._handle.update(result)

        def told(cell: Any) -> None:
            self._shell.events.unregister("post_run_cell", told)
            if cell.result is result:
                self.clear()

        self._shell.events.register("post_run_cell", told)

    def clear(self) -> None:
        """Take away what was drawn."""
        self._handle.update(_NOTHING, raw=True)

    def _told(self, step: Step) -> str:
        stages = len(self._plan.stages)
        stage = f"{self._plan.stage_name} {step.octave + 1}/{stages}, " if stages > 1 else ""
        told = f"{stage}score {short_number(float(step.scores.mean()))}"
        if self._done < _KNOWN * self._total:
            return told
        taken = time.monotonic() - self._began
        return f"{told}, {duration(taken * (self._total - self._done) / self._done)} left"

    def _html(self, picture: str, told: str) -> dict[str, str]:
        told = f"{self._plan.job.recipe}: {told}"
        bar = (
            f'<progress max="{self._total}" value="{self._done}" '
            'style="width:16em;vertical-align:middle"></progress> '
            f"{told} <small>(■ ends it here)</small>"
            if self._bar
            else ""
        )
        return {"text/html": f"{picture}<div>{bar}</div>", "text/plain": told}


def _tag(step: Step) -> str:
    """Return a step's picture as HTML."""
    image = step.image()
    alpha = None if step.alpha is None else step.alpha()
    shown = preview(image, alpha)
    kind = "JPEG" if alpha is None else "PNG"
    stream = io.BytesIO()
    shown.save(stream, kind, quality=85)
    data = base64.b64encode(stream.getvalue()).decode()
    height, width = image.shape[-2:]
    return (
        f'<img src="data:image/{kind.lower()};base64,{data}" width="{width}" height="{height}" '
        'style="max-width:100%;height:auto" alt="the picture as it is now">'
    )

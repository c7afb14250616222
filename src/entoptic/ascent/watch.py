"""Checks of an optimisation while it runs: finite gradients, and that something moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from entoptic.ascent.guides import joined
from entoptic.canvas import Canvas
from entoptic.errors import DeadGradient, NonFiniteGradient, NoPath, one_line
from entoptic.layers import CANVAS, INPUT, Layer
from entoptic.objectives import Activations, Objective, PerImage
from entoptic.types import Planes, Scores

# An optimisation whose gradient is zero for so many steps from its start won't move.
PATIENCE = 8


class Watch:
    """Sees to it that gradients are finite and that something moves.

    Looking waits for the device, so it looks in the steps 1, 2, 4, 8, ... and in the last, before
    the canvas is moved.
    Nothing is missed between: a gradient that isn't finite spoils the picture, and with it every
    gradient from then on; and of scores the device remembers whether one wasn't finite.
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        objective: Objective,
        diagnosis: Callable[[], str],
    ) -> None:
        self.parameters = parameters
        self.objective = objective
        self.diagnosis = diagnosis
        self.moved: Tensor | None = None
        self.spoilt: Tensor | None = None

    def check(self, scores: Scores) -> None:
        """Raise where scores can't have a gradient, and remember those that aren't finite."""
        if not scores.requires_grad:
            raise no_path(self.objective)
        spoilt = ~scores.detach().isfinite()
        self.spoilt = spoilt if self.spoilt is None else self.spoilt | spoilt

    def look(self, index: int, *, last: bool) -> None:
        """Raise what has gone wrong, in the steps in which it looks."""
        done = index + 1
        if done & index and not last:
            return
        assert self.spoilt is not None
        if self.spoilt.any():
            raise NonFiniteGradient(
                f"the score{_of_image(self.spoilt)} isn't finite {_by(done)}; {self.diagnosis()}; "
                "try another layer, a smaller step, or another picture"
            )
        gradients = [each.grad.flatten(1) for each in self.parameters if each.grad is not None]
        # The parameters, too: a rectifier may take for 0 what isn't a number.
        if not all(bool(each.isfinite().all()) for each in (*gradients, *self.parameters)):
            raise NonFiniteGradient(
                f"the gradient isn't finite in step {done}; {self.diagnosis()}; "
                "try a smaller step, or another picture"
            )
        moves = torch.stack([each.any(1) for each in gradients]).any(0)
        self.moved = moves if self.moved is None else self.moved | moves
        if (done >= PATIENCE or last) and not self.moved.all():
            raise DeadGradient(
                f"the gradient{_of_image(~self.moved)} is zero everywhere, so the picture can't "
                f"change; {self.diagnosis()}; try another start (--seed), a layer before a ReLU, "
                "energy of the layer instead of one unit, or in Python rules=[redirected_relu()]"
            )


def _of_image(concerned: Tensor) -> str:
    """Return the first image of a batch that is concerned."""
    if len(concerned) == 1:
        return ""
    return f" of image {int(concerned.nonzero()[0])} of the batch"


def _by(done: int) -> str:
    """Return when something happened: since the step of the check before."""
    before = 1 << (done - 1).bit_length() - 1 if done > 1 else 0
    return (
        f"in step {done}" if done == before + 1 else f"in one of the steps {before + 1} to {done}"
    )


def no_path(of: Objective | Layer, wrt: Layer | str = INPUT) -> NoPath:
    """The error where no gradient leads from one thing back to another."""
    if isinstance(of, PerImage) and len(of.objectives) == 1:
        (of,) = of.objectives
    what = one_line(repr(of)) if isinstance(of, Objective) else repr(str(of))
    return NoPath(
        f"no gradient leads from {what} back to {str(wrt)!r}: the one doesn't depend on the other, "
        "or only by way of torch.no_grad, detach or rounding; take something between or before"
    )


@torch.no_grad()
def diagnosis(
    objective: Objective,
    activations: Callable[[Planes], Mapping[Layer, Tensor]],
    guides: Activations,
    canvas: Canvas,
) -> str:
    """Return the layer of an objective that isn't finite for the picture as it is now."""
    acts = dict(activations(canvas()))
    if CANVAS in acts:
        acts[CANVAS] = canvas.planes()
    for layer, value in sorted(acts.items()):
        if not value.isfinite().all():
            return f"{str(layer)!r} has values that aren't finite"
    for layer, value in sorted(acts.items()):
        if not value.any():
            return f"{str(layer)!r} is zero everywhere"
    return f"{objective!r} is {objective(joined(acts, guides)).tolist()} there"

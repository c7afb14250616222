"""Gradient ascent: change a canvas, step by step, to maximise an objective."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from entoptic.ascent.binding import bind
from entoptic.ascent.guides import copies_of, guide_activations, joined, moving_guides
from entoptic.ascent.optimizers import Optimizer, Rule, adam, optimizer_of
from entoptic.ascent.watch import Watch, diagnosis
from entoptic.canvas import Canvas
from entoptic.canvas.base import a_canvas
from entoptic.checks import (
    generator,
    instance,
    refused,
    several,
    shown,
    taking,
    whole,
)
from entoptic.errors import BadSetting
from entoptic.layers import Layer
from entoptic.networks import GradientRule, Model, ModelLike, compiled, model_of
from entoptic.networks.modes import in_usual_modes
from entoptic.objectives import Objective, objective_of
from entoptic.transforms import Transform, transforms_of
from entoptic.types import Alpha, Planes, Scores

RULES = several(instance(GradientRule, "a rule, such as guided()"), "rules, such as guided()")
"""Gradient rules, as users give them."""


@dataclass(frozen=True, eq=False)
class Step:
    """One step of an optimisation.

    Args:
        index: counted from 0.
        scores: one per image, of the picture before the step and as the transforms showed it; on
            the device of the canvas, so that reading them waits for the device.
        image: renders the picture after the step; to be called before the next step is asked for.
        octave: counted from 0; always 0 where there are no octaves.
        alpha: renders its transparency in the same way, where it has one.
        images: renders the single pictures of a contact sheet in the same way.
    """

    index: int
    scores: Scores
    image: Callable[[], Planes]
    octave: int = 0
    alpha: Callable[[], Alpha] | None = None
    images: Callable[[], Planes] | None = None


@in_usual_modes
@taking(
    canvas=a_canvas,
    rules=RULES,
    steps=whole(0),
    seed=generator,
)
def ascend(
    model: ModelLike,
    objective: Objective | str,
    canvas: Canvas,
    *,
    transforms: str | Transform | Sequence[Transform] = (),
    optimizer: Rule | str | None = None,
    rules: Sequence[GradientRule] = (),
    steps: int = 512,
    seed: int | torch.Generator = 0,
    precision: str = "fp32",
) -> Iterator[Step]:
    """Maximise an objective by changing a canvas.

    Everything is checked when the function is called, before the first step is asked for. It
    runs on the canvas's device.

    Args:
        model: the network, or what `model_of` takes for one; it isn't changed.
        objective: what is maximised, or its expression.
        canvas: what is changed, in place.
        transforms: or their names, see `transforms_of`; applied in order to the picture before the
            network runs, anew in each step; where they make several copies of a batch, the
            scores are the means over its copies. A guide whose positions are the picture's goes
            through the same changes.
        optimizer: a step rule, `climb(...)`, `adam(...)`, the name of one, or any class of
            torch.optim with its settings bound; `adam(0.05)` by default.
        rules: how gradients flow back through the network, `redirected_relu()` and others; each for
            as many steps as it says.
        steps: how many.
        seed: a random seed; or a CPU generator to go on with.
        precision: what the network computes in: `fp32`, `bf16`, `fp16`, or `auto` for the fastest
            that gets as high; the picture, its gradient and the score are of float32 in any case.

    Returns:
        An iterator of steps; stop asking for more at any time.

    Raises:
        UnknownLayer, ChannelOutOfRange, UnknownLabel: the network lacks what the objective, or a
            rule, names.
        PictureTooSmall: the network can't work on a picture of the canvas's size.
        NonFiniteGradient, DeadGradient: during the steps; with the layer and what to try.
        NoPath: the score doesn't depend on the picture, which only the first step can tell.
        BadSetting: a negative number of steps, no such precision, a canvas without parameters, or
            an optimizer that makes something without `step`.
    """
    model, objective, changes = model_of(model), objective_of(objective), transforms_of(transforms)
    _leave_inference(canvas)
    with torch.no_grad():
        image = canvas()
    parameters = [each for each in canvas.parameters() if each.requires_grad]
    if not parameters:
        raise BadSetting(f"the canvas {type(canvas).__name__} has no parameters to change")
    bound = bind(objective, model, (image.shape[-2], image.shape[-1]))
    rules = [each.bound(model.resolve) for each in rules]
    run = compiled(model, bound.layers(), image.device, precision=precision)
    guides = guide_activations(bound, model, image)
    moving = moving_guides(bound, model, image) if changes else []
    rng = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    rule = _made(adam() if optimizer is None else optimizer_of(optimizer), parameters)

    def activations(picture: Planes, step: int = 0) -> dict[Layer, Tensor]:
        acts = run(picture, [each for each in rules if each.holds(step)])
        return model.arranged(acts, (picture.shape[-2], picture.shape[-1]))

    def score(step: int) -> Scores:
        planes = picture = canvas.planes()
        chance = rng.get_state() if moving else None
        for transform in changes:
            picture = transform(picture, rng)
        check_channels(picture, model)
        copies = copies_of(activations(picture, step), planes)
        del picture  # of which the way back needs nothing
        seen = [joined(acts, guides) for acts in copies]
        for guide in moving:
            theirs = guide.moved(changes, chance, planes)
            seen = [{**ours, **moved} for ours, moved in zip(seen, theirs, strict=True)]
        scores = [bound(each) for each in seen]
        return scores[0] if len(scores) == 1 else torch.stack(scores).mean(0)

    watch = Watch(parameters, objective, lambda: diagnosis(bound, activations, guides, canvas))
    return _steps(canvas, parameters, score, rule, watch, steps)


def _made(optimizer: Rule, parameters: list[nn.Parameter]) -> Optimizer:
    """Return the optimizer of a rule, or of a class that makes it from parameters."""
    try:
        rule = optimizer(parameters)
    except (TypeError, ValueError) as error:
        raise refused(
            "optimizer", optimizer, f"must make steps from the canvas's parameters ({error})"
        ) from error
    if not callable(getattr(rule, "step", None)):
        raise refused(
            "optimizer",
            optimizer,
            f"must make what has a step(closure), such as adam(0.05), but makes {shown(rule)}",
        )
    return rule


def _leave_inference(canvas: Canvas) -> None:
    """Replace tensors of inference mode in a canvas by those that can have a gradient."""
    for each in (*canvas.parameters(), *canvas.buffers()):
        if each.is_inference():
            made = each.detach().clone()
            kept = (
                nn.Parameter(made, each.requires_grad) if isinstance(each, nn.Parameter) else made
            )
            torch.utils.swap_tensors(each, kept)  # type: ignore[no-untyped-call]


def check_channels(picture: Tensor, model: Model) -> None:
    """Refuse what the network can't be fed, and say what is missing."""
    given, wanted = picture.shape[1], model.preprocess.shown
    if given == wanted or given == model.preprocess.channels:
        return
    advice = (
        "let the transforms begin with OverBackground()"
        if (given, wanted) == (4, 3)
        else f"take a canvas of so many, such as Pixels, or Fourier with channels={wanted}; or say "
        "what channels that a photo lacks hold, from 0 to 1 (?fill=1, or fill=1 of the Preprocess)"
        if given == 3
        else f"take a canvas of so many, such as Pixels, or Fourier with channels={wanted}"
    )
    raise BadSetting(
        f"the picture has {given} channels, but {model.source} wants {wanted}; {advice}"
    )


@in_usual_modes
def _steps(
    canvas: Canvas,
    parameters: Sequence[nn.Parameter],
    score: Callable[[int], Scores],
    rule: Optimizer,
    watch: Watch,
    steps: int,
) -> Iterator[Step]:
    scores: Scores | None = None
    # Of the gradients, filled anew in each step: their sign changes on the way, in the same pass.
    rooms = [torch.empty_like(each) for each in parameters]

    def closure() -> Any:
        nonlocal scores
        with torch.enable_grad():
            scores = score(index)
            total = scores.sum()
            watch.check(scores)
            # Gradient rules want the score's own gradient; optimizers go down.
            found = torch.autograd.grad(total, parameters, allow_unused=True)
        for each, room, gradient in zip(parameters, rooms, found, strict=True):
            each.grad = None if gradient is None else torch.neg(gradient, out=room)
        watch.look(index, last=index == steps - 1)
        scores = scores.detach()
        # Left on the device: most rules don't look at it, and need not wait.
        return -total.detach()

    @in_usual_modes
    def image() -> Planes:
        with torch.no_grad():
            picture: Planes = canvas()
            return picture.clone()

    for index in range(steps):
        rule.step(closure)
        canvas.constrain()
        assert scores is not None
        yield Step(index, scores, image)

"""Gradient ascent: change a canvas, step by step, to maximise an objective."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from entoptic.ascent.optimizers import Optimizer, Rule, adam, optimizer_of
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
from entoptic.errors import BadSetting, DeadGradient, NonFiniteGradient, NoPath, one_line
from entoptic.formats.arrays import Arrays
from entoptic.formats.sparse_encoder import SparseEncoder
from entoptic.images import Picture
from entoptic.images.resize import fit_long_side, resize
from entoptic.layers import CANVAS, INPUT, Layer, LayerInfo
from entoptic.networks import GradientRule, Model, ModelLike, compiled, model_of
from entoptic.networks.modes import in_usual_modes
from entoptic.objectives import Activations, Objective, PerImage, Reference, objective_of
from entoptic.objectives.files import ON_DISK, Files
from entoptic.transforms import Transform, transforms_of
from entoptic.types import Alpha, Planes, Scores

# An optimisation whose gradient is zero for so many steps from its start won't move.
PATIENCE = 8


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
    moving = _moving_guides(bound, model, image) if changes else []
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
        copies = _copies(activations(picture, step), planes)
        del picture  # of which the way back needs nothing
        seen = [joined(acts, guides) for acts in copies]
        for guide in moving:
            theirs = guide.moved(changes, chance, planes)
            seen = [{**ours, **moved} for ours, moved in zip(seen, theirs, strict=True)]
        scores = [bound(each) for each in seen]
        return scores[0] if len(scores) == 1 else torch.stack(scores).mean(0)

    watch = _Watch(parameters, objective, lambda: _diagnosis(bound, activations, guides, canvas))
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


def joined(acts: Mapping[Layer, Tensor], guides: Activations) -> Activations:
    """Activations of the picture and of the guides, as an objective wants them."""
    joined: dict[Layer | Reference, Tensor] = dict(guides)
    for layer, value in acts.items():
        joined[layer] = value
    return joined


def _copies(acts: Mapping[Layer, Tensor], planes: Tensor) -> list[dict[Layer, Tensor]]:
    """Activations of each copy of the batch that the transforms have made.

    Args:
        planes: the canvas itself, of which there are no copies.
    """
    seen = {layer: value for layer, value in acts.items() if layer != CANVAS}
    itself = {CANVAS: planes} if CANVAS in acts else {}
    if not seen:
        return [itself]
    parts = zip(*(torch.split(value, len(planes)) for value in seen.values()), strict=True)
    return [dict(zip(seen, part, strict=True)) | itself for part in parts]


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


@dataclass(frozen=True)
class _MovingGuide:
    """A guide whose positions correspond to the picture's, and that moves with it.

    Args:
        guide: which.
        image: the guide at the size of the picture.
        activations: what layers make of a picture.
    """

    guide: Picture
    image: Planes
    activations: Callable[[Planes], Mapping[Layer, Tensor]]

    @torch.no_grad()
    def moved(
        self, transforms: Sequence[Transform], chance: Tensor | None, planes: Planes
    ) -> list[dict[Layer | Reference, Tensor]]:
        """Return its activations after the same random changes as the canvas's, copy by copy."""
        assert chance is not None
        rng = torch.Generator()
        rng.set_state(chance)
        image: Planes = self.image.expand(len(planes), -1, -1, -1)
        if planes.shape[1] == 4:
            # Opaque: what lays the picture on a background must do as much with the guide.
            image = torch.cat([image, torch.ones_like(image[:, :1])], 1)
        for transform in transforms:
            image = transform(image, rng)
        return [
            {Reference(self.guide, layer, True): value for layer, value in acts.items()}
            for acts in _copies(self.activations(image), planes)
        ]


def _moving_guides(bound: Objective, model: Model, like: Planes) -> list[_MovingGuide]:
    by_guide: dict[Picture, set[Layer]] = {}
    for reference in bound.references():
        # What isn't moved compares with the guide as it is.
        if reference.fitted and reference.layer != CANVAS:
            assert isinstance(reference.guide, Picture)  # names have been read by binding
            by_guide.setdefault(reference.guide, set()).add(reference.layer)
    return [_moving_guide(guide, frozenset(by_guide[guide]), model, like) for guide in by_guide]


def _moving_guide(
    guide: Picture, layers: frozenset[Layer], model: Model, like: Planes
) -> _MovingGuide:
    run = compiled(model, layers, like.device)
    image = resize(guide.image.to(like), like.shape[-2], like.shape[-1]).clamp(0, 1)

    def activations(picture: Planes) -> Mapping[Layer, Tensor]:
        return model.arranged(run(picture), (picture.shape[-2], picture.shape[-1]))

    return _MovingGuide(guide, image, activations)


def bind(
    objective: Objective,
    model: Model,
    size: tuple[int, int],
    files: Files = ON_DISK,
) -> Objective:
    """An objective with its names resolved and checked for a picture of (height, width).

    Binding what is bound already changes nothing. The files that it names are read by `files`.

    Raises:
        UnknownLayer, ChannelOutOfRange, UnknownLabel, PictureTooSmall: with what to do.
    """
    named = {model.resolve(layer) for layer in objective.layers()}
    size = model.shown(named, size)
    bound = objective.bound(_Sized(model, size, files))
    layers = bound.layers()
    if not layers:
        raise BadSetting(f"{objective!r} asks for no layer, so that it can't be optimised")
    for layer in layers:
        model.info(layer, size)
    return bound


@in_usual_modes
def _steps(
    canvas: Canvas,
    parameters: Sequence[nn.Parameter],
    score: Callable[[int], Scores],
    rule: Optimizer,
    watch: _Watch,
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


@dataclass(frozen=True)
class _Sized:
    """A model's facts for an objective, about pictures of one size."""

    model: Model
    size: tuple[int, int]
    files: Files

    def resolve(self, layer: Layer) -> Layer:
        return self.model.resolve(layer)

    def info(self, layer: Layer) -> LayerInfo:
        return self.model.info(layer, self.size)

    def label(self, name: int | str, layer: Layer | None = None) -> int:
        return self.model.label(name, layer)

    def matching(self, pattern: str, layer: Layer | None = None) -> tuple[int, ...]:
        return self.model.matching(pattern, layer)

    def guide(self, name: str) -> Picture:
        return self.files.guide(name)

    def arrays(self, name: str) -> Arrays:
        return self.files.arrays(name)

    def autoencoder(self, name: str) -> SparseEncoder:
        return self.files.autoencoder(name)


class _Watch:
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
def _diagnosis(
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


@torch.no_grad()
def guide_activations(
    objective: Objective, model: Model, like: Planes
) -> Mapping[Layer | Reference, Tensor]:
    """The activations of the guides, each run once, where and how precisely the picture is."""
    return reference_activations(objective.references(), model, like)


@torch.no_grad()
def reference_activations(
    references: Iterable[Reference], model: Model, like: Planes
) -> Mapping[Layer | Reference, Tensor]:
    """The same, of some references; `like` has the size that fitted ones get."""
    found: dict[Layer | Reference, Tensor] = {}
    alike: dict[Reference, set[Layer]] = {}
    for reference in references:
        alike.setdefault(replace(reference, layer=INPUT), set()).add(reference.layer)
    for reference, layers in alike.items():
        guide, fitted, longest = reference.guide, reference.fitted, reference.longest
        assert isinstance(guide, Picture)  # names have been read by binding
        image = guide.image.to(like)
        size = image.shape[-2], image.shape[-1]
        if fitted:
            size = like.shape[-2], like.shape[-1]
        elif longest is not None and max(size) > longest:
            size = fit_long_side(*size, longest)
        image = resize(image, *size).clamp(0, 1)
        for layer in layers:
            model.info(layer, size)
        acts = model.arranged(compiled(model, layers, like.device)(image), size)
        found |= {replace(reference, layer=layer): value for layer, value in acts.items()}
    return found

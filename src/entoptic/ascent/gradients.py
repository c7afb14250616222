"""The gradient of anything in a network with respect to anything before it, exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from entoptic.ascent.binding import bind
from entoptic.ascent.guides import guide_activations, joined
from entoptic.ascent.loop import RULES, check_channels
from entoptic.ascent.watch import no_path
from entoptic.checks import instance, refused, taking
from entoptic.errors import BadSetting
from entoptic.images import PictureLike, image_of
from entoptic.layers import Layer
from entoptic.networks import GradientRule, Model, ModelLike, compiled, model_of
from entoptic.networks.backward import gradient_of
from entoptic.networks.memory import check_memory, step_bytes
from entoptic.networks.modes import in_usual_modes
from entoptic.objectives import Objective, objective_like, parse
from entoptic.types import Planes

# A Jacobian has a row of the size of `wrt` for each number of `of`; this is half a gigabyte.
_LARGEST_JACOBIAN = 1 << 27


@in_usual_modes
@taking(cotangent=instance(Tensor, "a tensor that fits what it weighs"), rules=RULES)
def gradient(
    model: ModelLike,
    *,
    of: Objective | Layer | str,
    wrt: Layer | str = "input",
    at: PictureLike,
    cotangent: Tensor | None = None,
    rules: Sequence[GradientRule] = (),
) -> Tensor:
    """The gradient of an objective or a layer with respect to the picture or a layer before it.

    Args:
        model: the network, or what `model_of` takes for one.
        of: an objective or its expression, whose score of each image is differentiated; or a layer
            or its address, whose sum over all its outputs is, weighted by the cotangent.
        wrt: `input`, the picture in sRGB; `output<in>`, what the network itself is fed; or any
            layer, or input of a layer.
        at: the pictures, (batch, 3, height, width), sRGB in [0, 1]; or one in any other form, see
            `picture_of`.
        cotangent: weights of `of`, shaped like its value (or fit to broadcast to it); ones by
            default.
        rules: how gradients flow back, `guided()` and others, as in `ascend`'s first step; with
            none the gradient is the exact one.

    Returns:
        Shaped like `wrt`'s value. Images of a batch don't mix, whatever the network does.

    Raises:
        UnknownLayer, BadExpression, PictureTooSmall: before any work.
        BadSetting: the cotangent doesn't fit.
        NoPath: `of` doesn't depend on `wrt`, or torch can't differentiate what the network does.

    Source: Simonyan et al., "Deep Inside Convolutional Networks", 2013.

    >>> import entoptic as ent
    >>> photo = torch.full((1, 3, 40, 60), 0.5)
    >>> ent.gradient(ent.load(), of="pool1", at=photo).shape
    torch.Size([1, 3, 40, 60])
    """
    model = model_of(model)
    value, start = _values(model, of, wrt, image_of(at, "at"), rules)
    weights = _fitting(cotangent, value)
    found = gradient_of([value], start, [weights], called=repr(str(of)))
    if found is None:
        raise no_path(_target(model, of), wrt)
    return found.detach()


@in_usual_modes
def jacobian(
    model: ModelLike, *, of: Objective | Layer | str, wrt: Layer | str = "input", at: PictureLike
) -> Tensor:
    """All derivatives of a small layer, or an objective, with respect to a small layer.

    Args:
        model: as for `gradient`.
        of: as for `gradient`.
        wrt: as for `gradient`.
        at: as for `gradient`.

    Returns:
        Shaped like `of`'s value followed by `wrt`'s value, without its batch: entry
        [image, ..., :] is the derivative of one number of that image by `wrt` of that image. How
        images act on each other's scores, as under `diversity`, isn't in it.

    Raises:
        BadSetting: it would have more than 134 million entries; or the batch isn't the first axis
            of both.
        NoPath and others: as `gradient`.
    """
    model, at = model_of(model), image_of(at, "at")
    value, start = _values(model, of, wrt, at)
    if not len(value) == len(start) == len(at):
        raise BadSetting(
            f"{str(of)!r} is {tuple(value.shape)} and {str(wrt)!r} {tuple(start.shape)} for "
            f"{len(at)} images; a Jacobian wants the images along the first axis: "
            "take one image at a time, or other layers"
        )
    batch, rows, columns = value.shape[0], value[0].numel(), start[0].numel()
    if batch * rows * columns > _LARGEST_JACOBIAN:
        raise BadSetting(
            f"a Jacobian of {rows} x {columns} for each of {batch} images is too large; "
            "take a smaller layer, or gradient with a cotangent"
        )
    result = start.new_empty((batch, rows, columns))
    with torch.enable_grad():
        flat = value.reshape(batch, rows)
    # A network's images don't mix, and go all at once. An objective may compare them.
    mixed = isinstance(_target(model, of), Objective)
    apart = [slice(i, i + 1) for i in range(batch)] if mixed else [slice(batch)]
    for row in range(rows):
        for images in apart:
            with torch.enable_grad():
                entry = flat[images, row].sum()
            (found,) = torch.autograd.grad(entry, start, allow_unused=True, retain_graph=True)
            if found is None:
                raise no_path(_target(model, of), wrt)
            result[images, row] = found[images].reshape(-1, columns)
    return result.reshape(*value.shape, *start.shape[1:]).detach()


def _values(
    model: Model,
    of: Objective | Layer | str,
    wrt: Layer | str,
    at: Planes,
    rules: Sequence[GradientRule] = (),
) -> tuple[Tensor, Tensor]:
    """The tensor that is differentiated, and the one with respect to which, in one graph."""
    check_channels(at, model)
    size = (at.shape[-2], at.shape[-1])
    source = model.resolve(wrt)
    target = _target(model, of)
    evaluate: Callable[..., Tensor]
    if isinstance(target, Objective):
        bound = bind(target, model, size)
        layers, guides = bound.layers(), guide_activations(bound, model, at)
        evaluate = lambda acts: bound(joined(model.arranged(acts, size), guides))  # noqa: E731
    else:
        layers = frozenset({target})
        evaluate = lambda acts: acts[target]  # noqa: E731
    for layer in {source, *layers}:
        model.info(layer, size)
    check_memory(len(at) * step_bytes(model, layers | {source}, size), size, at.device)
    rules = [each.bound(model.resolve) for each in rules if each.holds(0)]
    image = at.detach().clone().requires_grad_()
    with torch.enable_grad():
        acts = compiled(model, layers | {source}, at.device, exact=True)(image, rules)
        value = evaluate(acts)
    start = acts[source]
    if not (start.requires_grad and value.requires_grad):
        raise no_path(target, wrt)
    return value, start


def _target(model: Model, of: Objective | Layer | str) -> Objective | Layer:
    """A text is a layer's address where there is one, an expression otherwise."""
    if isinstance(of, Objective):
        return objective_like("of", of)
    if not isinstance(of, Layer | str):
        raise refused("of", of, "must be an objective, an expression, or a layer")
    text = str(of)
    if isinstance(of, Layer) or not ("(" in text or ":" in text) or text in model.names:
        return model.resolve(of)
    return parse(text)


def _fitting(cotangent: Tensor | None, value: Tensor) -> Tensor:
    if cotangent is None:
        return torch.ones_like(value)
    try:
        return cotangent.to(value).expand_as(value)
    except RuntimeError:
        raise BadSetting(
            f"the cotangent is {tuple(cotangent.shape)}; it must fit the value of "
            f"{tuple(value.shape)} that it weighs"
        ) from None

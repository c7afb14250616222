"""A user's objective, tried once before any work: does it index what is there, as it declares?"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from entoptic.checks import shown
from entoptic.errors import BadExpression, ChannelOutOfRange, EntopticError, one_line
from entoptic.layers import CANVAS, Layer, LayerInfo
from entoptic.objectives.algebra import Activations, NetworkFacts, Reference

if TYPE_CHECKING:
    from entoptic.objectives.terms import Leaf

# Activations of more numbers would take longer to draw than a step takes.
_MOST_NUMBERS = 1 << 22


def check_by_trial(leaf: Leaf, network: NetworkFacts) -> None:
    """Call a term on random activations of its layers' shapes, and look at what it answers.

    Entoptic's own terms say all that matters by the kinds of their arguments, and aren't tried.
    What goes wrong in another way than is looked for here shows in the first step, where device and
    precision are those of the work.

    Raises:
        ChannelOutOfRange: it indexes a channel or a position that a layer doesn't have.
        BadExpression: it doesn't answer with a score for each image, or it depends on the other
            images of a batch although it is declared not to.
    """
    if str(leaf.term.function.__module__).partition(".")[0] == "entoptic":
        return
    shapes = {layer: _shape(network.info(layer)) for layer in leaf.layers() if layer != CANVAS}
    if len(shapes) != len(leaf.layers()) or not shapes:
        return  # whether there is an alpha channel is the canvas's affair
    known = {layer: shape for layer, shape in shapes.items() if shape is not None}
    if len(known) != len(shapes) or sum(map(math.prod, known.values())) > _MOST_NUMBERS:
        return
    together = _acts(known, leaf.references(), 2)
    scores = _scores(leaf, together)
    if scores is None:
        return
    if not isinstance(scores, Tensor) or scores.shape != (2,):
        given = shown(scores)
        raise BadExpression(
            f"{one_line(repr(leaf))} gives {given} for 2 images; an objective gives one score for "
            "each image, a tensor of shape (batch,)"
        )
    if leaf.term.compares_images is False:
        alone = _scores(leaf, {key: value[:1] for key, value in together.items()})
        if alone is None or not torch.allclose(alone, scores[:1], rtol=1e-3, atol=1e-5):
            raise BadExpression(
                f"{one_line(repr(leaf))} scores an image differently alone and beside another one; "
                "declare it by @objective(compares_images=True), without over_positions"
            )


@torch.no_grad()
def _scores(leaf: Leaf, acts: Activations) -> Tensor | None:
    """Return the scores; None where the trial can't tell."""
    try:
        return leaf.term.function(acts, *leaf.arguments)
    except IndexError as error:
        raise ChannelOutOfRange(
            f"{one_line(repr(leaf))} indexes what its layer doesn't have: {one_line(str(error))}"
        ) from error
    except (EntopticError, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
        return None


def _acts(
    shapes: dict[Layer, tuple[int, ...]], references: Iterable[Reference], count: int
) -> Activations:
    rng = torch.Generator().manual_seed(0)
    acts: dict[Layer | Reference, Tensor] = {
        layer: torch.randn((count, *shape), generator=rng) for layer, shape in shapes.items()
    }
    # A guide of its own size stands here in the picture's: both are maps of the same channels.
    return acts | {
        each: torch.randn((1, *shapes[each.layer]), generator=rng) for each in references
    }


def _shape(info: LayerInfo) -> tuple[int, ...] | None:
    """Shape of a layer's activations for one image as objectives get them, where it is known."""
    if info.layout is None or info.channels is None or info.shape[info.layout.index("N")] != 1:
        return None
    if info.spatial_size is not None:
        return (info.channels, *info.spatial_size)
    rest = [side for axis, side in zip(info.layout, info.shape, strict=True) if axis not in "NC"]
    return (info.channels, *rest)

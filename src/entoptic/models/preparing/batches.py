"""Networks made for one picture: whether images of a batch stay apart, and what else is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from entoptic.layers import Layer
from entoptic.models.memory import out_of_memory
from entoptic.models.preparing.verifying import values_alike
from entoptic.models.probe import FAILURES

Run: TypeAlias = Callable[[Tensor], dict[Layer, Tensor]]


@torch.no_grad()
def keeps_images_apart(run: Run, image: Tensor) -> bool:
    """Whether a network gives for an image in a batch what it gives for that image alone.

    One that was exported for a batch of one may fail for two, or mix them.

    Args:
        run: from a batch to activations.
        image: one image.
    """
    other = 1 - image
    try:
        both = run(torch.cat([image, other]))
    except FAILURES as error:
        if out_of_memory(error):
            raise
        return False
    apart = together([run(image), run(other)])
    return all(values_alike(both[layer], apart[layer]) for layer in apart)


def together(results: Sequence[dict[Layer, Tensor]]) -> dict[Layer, Tensor]:
    """Activations of single images as those of a batch."""
    return {layer: _joined([each[layer] for each in results]) for layer in results[0]}


def _joined(values: list[Tensor]) -> Tensor:
    axis = _of_images(values[0])
    return torch.stack(values) if axis is None else torch.cat(values, axis)


def _of_images(one: Tensor) -> int | None:
    """The axis of the batch in what a layer gives for one image; None where it has none."""
    if one.ndim < 2:
        return None
    # Tokens may come before images, see `layout_of`.
    return 1 if one.ndim == 3 and one.shape[0] != 1 == one.shape[1] else 0

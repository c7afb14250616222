"""Classification of a photo."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from entoptic.checks import count, taking
from entoptic.errors import BadSetting
from entoptic.images import PictureLike, image_of
from entoptic.images.resize import center_crop, resize
from entoptic.layers import LOGITS
from entoptic.networks import ModelLike, model_of


@dataclass(frozen=True)
class Guess:
    """A class with its probability."""

    number: int
    label: str
    probability: float


# Of the picture's short side, the share that networks were shown when their accuracy was measured.
_SHOWN = 0.875


@torch.no_grad()
@taking(top=count)
def identify(model: ModelLike, photo: PictureLike, *, top: int = 5) -> tuple[Guess, ...]:
    """Return the most probable classes of a photo's center crop.

    Args:
        model: a classifier.
        photo: a picture in any form, see `picture_of`.
        top: how many classes.

    Raises:
        BadSetting: the network has no classes, or `top` isn't above 0.
    """
    model, image = model_of(model), image_of(photo, "photo")
    layer = model.resolve(LOGITS)
    logits = model.activations(_middle(image, *model.preprocess.size), [layer])[layer]
    if logits.ndim < 2 or (logits.ndim > 2 and logits[0, 0].numel() != 1):
        raise BadSetting(f"{model.source} has no classes; its output is {tuple(logits.shape)}")
    found = logits.flatten(1).softmax(1)[0].topk(min(top, logits.shape[1]))
    labels = model.labels
    return tuple(
        Guess(number, labels[number] if labels else str(number), probability)
        for number, probability in zip(found.indices.tolist(), found.values.tolist(), strict=True)
    )


def _middle(image: Tensor, height: int, width: int) -> Tensor:
    """Return the middle of a picture at a network's size; cropped first, so none grows huge."""
    rows, columns = image.shape[-2:]
    side = min(rows / height, columns / width) * _SHOWN
    crop = max(1, round(height * side)), max(1, round(width * side))
    return resize(center_crop(image, *crop), height, width).clamp(0, 1)

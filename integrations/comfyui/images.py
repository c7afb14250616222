"""ComfyUI's IMAGE and MASK, and entoptic's images."""

from __future__ import annotations

import torch
from torch import Tensor

from entoptic.checks import shown
from entoptic.errors import BadPicture


def images_of(given: Tensor) -> list[Tensor]:
    """Return the images of an IMAGE, (batch, height, width, 3), each (1, 3, height, width).

    Those of upscalers lie a little outside of [0, 1], and are clipped.

    Raises:
        BadPicture: another shape, or NaN.
    """
    if given.ndim != 4 or given.shape[-1] != 3:
        raise BadPicture(
            f"the IMAGE is {shown(given)}; it must be of (batch, height, width, 3); of one with "
            "transparency take the colors first"
        )
    images = given.detach().to("cpu", torch.float32).clone().movedim(-1, 1).contiguous()
    if not images.isfinite().all():
        raise BadPicture("the IMAGE has NaN or infinity; look at the node that it comes from")
    return [each[None] for each in images.clamp(0, 1)]


def image_of(images: Tensor) -> Tensor:
    """Return images, (batch, 3, height, width), as an IMAGE, (batch, height, width, 3)."""
    return images.detach().to("cpu", torch.float32).movedim(1, -1).contiguous()


def masks_of(given: Tensor | None, count: int) -> list[Tensor | None]:
    """Return the mask of each of some images, (1, 3, height, width), of a MASK, (batch, h, w).

    Raises:
        BadPicture: another shape, or neither one mask nor one for each image.
    """
    if given is None:
        return [None] * count
    masks = given[None] if given.ndim == 2 else given
    if masks.ndim != 3 or len(masks) not in (1, count):
        raise BadPicture(
            f"the MASK is {shown(given)}; it must be of (batch, height, width), one for all "
            f"{count} images or one for each"
        )
    masks = masks.detach().to("cpu", torch.float32).clone().clamp(0, 1)
    return [each.expand(1, 3, -1, -1) for each in masks.expand(count, -1, -1)]


def mask_of(alpha: Tensor | None, images: Tensor) -> Tensor:
    """Return the MASK of pictures, as ComfyUI has it: 1 where they are transparent."""
    if alpha is None:
        return torch.zeros(len(images), *images.shape[-2:])
    return 1 - alpha.detach().to("cpu", torch.float32)[:, 0]

"""Parts of a photo: masks, regions with objectives of their own, and protection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from entoptic.ascent.binding import bind
from entoptic.errors import BadPicture
from entoptic.images import Picture, PictureLike, picture_of
from entoptic.images.color import luma
from entoptic.jobs.inputs import resized
from entoptic.jobs.octaves import Region
from entoptic.networks import Model
from entoptic.objectives import Objective, objective_of
from entoptic.objectives.files import Files

RegionLike: TypeAlias = "tuple[PictureLike, Objective | str]"
"""A mask, and the objective that is maximised where it is white."""

# The share by which a mask's sides may be others than the photo's: whole pixels round.
_OTHER_SHAPE = 0.02

IN_MEMORY = "(not in a file)"
"""The name of a mask that was given as numbers, in a job."""


@dataclass(frozen=True)
class Masks:
    """The masks of a dream.

    Args:
        mask: where the photo is dreamt; None for everywhere.
        regions: masks with objectives of their own; the dream's own holds elsewhere.
    """

    mask: Picture | None = None
    regions: tuple[tuple[Picture, Objective], ...] = ()

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All masks."""
        own = () if self.mask is None else (self.mask,)
        return (*own, *(mask for mask, _ in self.regions))

    def kept(self) -> dict[str, Any]:
        """Return the settings that a job keeps of them."""
        found: dict[str, Any] = {}
        if self.mask is not None:
            found["mask"] = _name(self.mask)
        if self.regions:
            found["region"] = [[_name(mask), repr(wanted)] for mask, wanted in self.regions]
        return found

    def bound(
        self,
        objective: Objective,
        model: Model,
        size: tuple[int, int],
        files: Files,
    ) -> tuple[Region, ...]:
        """Return the regions with objectives that are bound to the network.

        Args:
            objective: the dream's own, bound.
            size: (height, width) of the photo.
        """
        allowed = None if self.mask is None else self.mask.image[:, :1]
        if not self.regions:
            return (Region(objective, allowed),)
        weights = [mask.image[:, :1] for mask, _ in self.regions]
        rest = 1 - torch.cat(weights, 1).sum(1, keepdim=True).clamp(max=1)
        wanted = [bind(each, model, size, files) for _, each in self.regions]
        parts = zip([objective, *wanted], [rest, *weights], strict=True)
        return tuple(
            Region(of, weight if allowed is None else weight * allowed)
            for of, weight in parts
            if weight.any()
        )


def masks_of(
    mask: PictureLike | None,
    regions: Any,
    height: int,
    width: int,
) -> Masks:
    """Return masks at the photo's size.

    Args:
        mask: where the photo is dreamt.
        regions: masks with objectives of their own, as `RegionLike`.
        height: of the photo.
        width: of the photo.

    Raises:
        BadPicture: a mask is of another shape, or black.
        BadExpression: an objective can't be read.
    """
    return Masks(
        None if mask is None else _mask(mask, height, width),
        tuple((_mask(each, height, width), objective_of(of)) for each, of in regions),
    )


def _name(mask: Picture) -> str:
    return IN_MEMORY if mask.path is None else str(mask.path)


def _mask(given: PictureLike, height: int, width: int) -> Picture:
    """Return a mask in gray at the photo's size."""
    mask = picture_of(given, "mask")
    if abs(mask.height * width - mask.width * height) > _OTHER_SHAPE * mask.width * height:
        raise BadPicture(
            f"the mask is {mask.height}x{mask.width} (height x width) and the photo "
            f"{height}x{width}; give a mask of the photo's shape"
        )
    if not mask.image.any():
        raise BadPicture("the mask is black all over, so that nothing would be dreamt")
    gray = luma(mask.image).expand(-1, 3, -1, -1)
    return replace(mask, image=resized(gray, height, width))


def protected(region: Region, protection: Tensor) -> Region:
    """Return a region without the share of each position that is protected."""
    free = 1 - protection
    return replace(region, weight=free if region.weight is None else region.weight * free)

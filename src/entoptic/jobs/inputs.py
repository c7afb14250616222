"""Photos that recipes are given: their size, and how a job remembers them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

import torch
from torch import Tensor

from entoptic import images
from entoptic.analysis.spectrum import Spectrum
from entoptic.errors import BadSetting
from entoptic.formats.arrays import Arrays
from entoptic.formats.sparse_encoder import SparseEncoder
from entoptic.images import Picture, PictureLike, picture_of
from entoptic.images.resize import center_crop, fit_long_side, resize
from entoptic.jobs.job import Source
from entoptic.jobs.visualization import LONGEST
from entoptic.networks.memory import check_memory
from entoptic.objectives import Objective

Size: TypeAlias = int | tuple[int, int]
"""A long side in pixels, or (height, width)."""

# Of a picture that is resized, or that is laid out of several.
_COPIES = 4


def photo_of(given: PictureLike, size: Size | None) -> Picture:
    """Return a photo in whatever form it was given, at a size; see `scaled`.

    Raises:
        BadPicture: it is nothing of these.
    """
    return scaled(picture_of(given), size)


def photo_as_it_is(given: PictureLike, size: Size | None) -> tuple[Picture, Size]:
    """Return a photo at a size, and the size; at its own where none is given, within a limit.

    Raises:
        BadPicture: it is nothing that a photo may be.
    """
    photo = picture_of(given)
    if size is None:
        size = min(max(photo.image.shape[-2:]), LONGEST)
    return scaled(photo, size), size


def size_for(photo: Picture, size: Size) -> tuple[int, int]:
    """Return (height, width) of a photo at a long side, or the size itself."""
    if not isinstance(size, int):
        return size
    height, width = photo.image.shape[-2:]
    return fit_long_side(height, width, size)


def scaled(photo: Picture, size: Size | None) -> Picture:
    """Return a photo at another size.

    Args:
        photo: any picture.
        size: the long side; or (height, width), for which the photo's middle is cut out; None
            leaves it as it is.
    """
    height, width = photo.image.shape[-2:]
    if size is None or size in (max(height, width), (height, width)):
        return photo
    if not isinstance(size, int):
        photo = _cropped(photo, size)
    size = size_for(photo, size)
    check_pixels(*size)
    alpha = None if photo.alpha is None else resized(photo.alpha, *size)
    return replace(photo, image=resized(photo.image, *size), alpha=alpha)


def _cropped(photo: Picture, size: tuple[int, int]) -> Picture:
    """Return the middle of a photo that has the shape of a size."""
    height, width = photo.image.shape[-2:]
    share = min(height / size[0], width / size[1])
    crop = max(1, round(size[0] * share)), max(1, round(size[1] * share))
    alpha = None if photo.alpha is None else center_crop(photo.alpha, *crop)
    return replace(photo, image=center_crop(photo.image, *crop), alpha=alpha)


def resized(image: Tensor, height: int, width: int) -> Tensor:
    """A picture at another size, in range."""
    return resize(image, height, width).clamp(0, 1)


def check_pixels(height: int, width: int) -> None:
    """Refuse a picture that couldn't be read again, or that memory has no room for.

    Raises:
        BadSetting, NotEnoughMemory: with what is possible.
    """
    if height * width > images.MAX_PIXELS:
        raise BadSetting(
            f"{height}x{width} (height x width) is {height * width / 1e6:.0f} megapixels, more "
            f"than the limit of {images.MAX_PIXELS / 1e6:.0f}; choose a smaller size"
        )
    check_memory(12.0 * _COPIES * height * width, (height, width), torch.device("cpu"), "")


FileRead: TypeAlias = Picture | Spectrum | Arrays | SparseEncoder
"""A file that was read for a job."""


def source_of(file: FileRead) -> Source:
    """Return the name and the hash of a picture, or of another file, for a job."""
    return Source(str(file.path) if file.path is not None else None, file.sha256)


def sources_of(files: Iterable[FileRead]) -> tuple[Source, ...]:
    """Return names and hashes of files, with those that were read beside them."""
    found: list[Source] = []
    for each in files:
        found.append(source_of(each))
        if isinstance(each, SparseEncoder) and each.config is not None:
            path, digest = each.config
            found.append(Source(str(path), digest))
    return tuple(found)


def notes_on_guides(bound: Objective) -> tuple[str, ...]:
    """Return notes on guides that are shrunk before the network runs on them."""
    shrunk = {
        f"the guide {str(guide.path) if guide.path else 'that was given'!r} is matched at "
        f"{reference.longest} pixels of its {max(guide.height, guide.width)}"
        for reference in bound.references()
        if isinstance(guide := reference.guide, Picture) and reference.longest is not None
        if max(guide.height, guide.width) > reference.longest
    }
    return tuple(sorted(shrunk))

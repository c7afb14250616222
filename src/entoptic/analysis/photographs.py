"""Photographs as a yardstick: squares cut out of them, of the size of the pictures we make."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from entoptic.errors import PictureNotFound
from entoptic.images import check_readable
from entoptic.images.resize import resize
from entoptic.types import Image, PathLike

_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif", ".bmp")


def photo_files(places: Iterable[PathLike]) -> tuple[Path, ...]:
    """Return the picture files of files and folders, each once, checked to begin like one.

    Of a folder it is those with a picture's ending, by name, without those of folders inside it.

    Raises:
        PictureNotFound: nothing is there, or the folder has no pictures.
        BadPicture: a file isn't one.
    """
    found: dict[Path, None] = {}
    for given in places:
        if not str(given):
            raise PictureNotFound("a photograph's name is empty; name a file or a folder")
        place = Path(given)
        inside = [place] if not place.is_dir() else sorted(place.iterdir())
        files = [each for each in inside if each == place or each.suffix.lower() in _ENDINGS]
        if not files:
            raise PictureNotFound(
                f"the folder {str(place)!r} has no pictures ({' '.join(_ENDINGS)}); name another"
            )
        found |= dict.fromkeys(files)
    for file in found:
        check_readable(file)
    return tuple(found)


def crops(photo: Image, size: int) -> Tensor:
    """Squares of a photograph, (count, 3, size, size), which show it whole and in detail.

    The middle square and those at both ends of the longer side, at the height of the shorter side;
    and where that is at least twice the size, the four corners at half of it.

    >>> crops(torch.zeros(1, 3, 30, 50), 20).shape, crops(torch.zeros(1, 3, 40, 40), 20).shape
    (torch.Size([3, 3, 20, 20]), torch.Size([5, 3, 20, 20]))
    """
    height, width = photo.shape[-2:]
    # Cut before they are resized, so that no odd shape explodes.
    cut = [
        resize(photo[..., top : top + side, left : left + side], size, size).clamp(0, 1)
        for top, left, side in _squares(height, width, size)
    ]
    return torch.cat(cut)


def _squares(height: int, width: int, size: int) -> list[tuple[int, int, int]]:
    """(top, left, side) of each square, the middle one first."""
    side = min(height, width)
    down, across = height - side, width - side
    squares = [(down // 2, across // 2, side), (0, 0, side), (down, across, side)]
    if side >= 2 * size:
        half = side // 2
        squares += [(top, left, half) for top in (0, height - half) for left in (0, width - half)]
    return list(dict.fromkeys(squares))
